//! The configuration of the canary, the test reading that walks the whole chain.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::tls::{Pair, pair};
use crate::failure::Failure;

const EVERY_S: u32 = 60;
const ABSENT_AFTER_S: u32 = 120;
const ABSENT_AFTER_S_MAX: u32 = 3600;

/// Every key with its default and a line on what it does.
pub(crate) const PRINTED: &str = r#"
# The canary: a test reading of nobody's that walks the whole chain every so many seconds, 0 for none; and after how many seconds
# without one that came the whole way everybody is told, at most 3600.
# At a broker with TLS it is the gateway vagen-canary, by a certificate of our own authority; or by these files, read at each
# connection, where another signs.
[canary]
every_s = 60
absent_after_s = 120
certificate = ""
key = ""
"#;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    every_s: Option<u32>,
    absent_after_s: Option<u32>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// How the canary walks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canary {
    /// How often one is sealed.
    pub(crate) every: Duration,
    /// How long after the last that came the whole way was sealed its absence is said.
    pub(crate) absent_after: Duration,
    /// Who it is at the broker; `None`: whom our own authority says.
    pub(crate) identity: Option<Pair>,
}

impl Default for Canary {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(EVERY_S.into()),
            absent_after: Duration::from_secs(ABSENT_AFTER_S.into()),
            identity: None,
        }
    }
}

impl Table {
    /// What it asks for; `None` where there is to be no canary.
    pub(super) fn read(self) -> Result<Option<Canary>, Failure> {
        let (every_s, absent_after_s) =
            (self.every_s.unwrap_or(EVERY_S), self.absent_after_s.unwrap_or(ABSENT_AFTER_S));
        let identity = pair("canary", self.certificate, self.key)?;
        if every_s == 0 {
            return Ok(None);
        }
        if !(every_s..=ABSENT_AFTER_S_MAX).contains(&absent_after_s) {
            return Err(Failure::input(format_args!(
                "canary.absent_after_s {absent_after_s} is not within canary.every_s {every_s} to {ABSENT_AFTER_S_MAX}"
            )));
        }
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Ok(Some(Canary { every: seconds(every_s), absent_after: seconds(absent_after_s), identity }))
    }
}
