//! Where operating alarms go: the `[alarm]` table of the configuration, and the task that tells.

use std::path::PathBuf;
use std::time::Duration;

use care::alarm::{Alarm, MailSettings, Patience, Settings};
use care::clock::Clock;
use care::health::Health;
use care::live::Feed;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vitals::Timestamp;

use crate::failure::{Failure, OrFail};
use crate::serve::config::secret;

const AFTER_S: u32 = 60;
const REPEAT_HOURS: u32 = 4;
const AFTER_S_MAX: u32 = 3600;
const REPEAT_HOURS_MAX: u32 = 7 * 24;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The table's keys with their defaults and a line on what each does.
pub(crate) const PRINTED: &str = r#"
# Operating alarms: who is told outside these pages when a part of the chain stands still. Without health content.
[alarm]
# What this installation is called in an alarm.
installation = "Vågen"

# How many seconds a part may stand still before anybody is told, at most 3600; and how often it is told again, hours.
after_s = 60
repeat_hours = 4

# A URL that takes a POST of JSON, and a file whose first line is a bearer token for it. Empty: none.
webhook = ""
webhook_token_file = ""

# A mail server, such as "smtp://mail.example:587?tls=required" or "smtps://mail.example"; who asks it, and a file whose first
# line is the password; the sender, and the receivers. Empty: no mail.
mail_server = ""
mail_user = ""
mail_password_file = ""
mail_from = ""
mail_to = []

# A URL that is asked for once a minute while everything works, so that somebody outside alarms when nobody asks. Empty: none.
check_in = ""
"#;

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    installation: Option<String>,
    after_s: Option<u32>,
    repeat_hours: Option<u32>,
    webhook: Option<String>,
    webhook_token_file: Option<PathBuf>,
    mail_server: Option<String>,
    mail_user: Option<String>,
    mail_password_file: Option<PathBuf>,
    mail_from: Option<String>,
    mail_to: Option<Vec<String>>,
    check_in: Option<String>,
}

impl Table {
    /// What it asks for; `None` when nobody is to be told.
    pub(crate) fn settings(&self) -> Result<Option<Settings>, Failure> {
        let webhook = match given(self.webhook.as_deref()) {
            Some(url) => Some((url, secret("alarm.webhook_token_file", self.webhook_token_file.as_deref())?)),
            None => None,
        };
        let after_s = within("alarm.after_s", self.after_s.unwrap_or(AFTER_S), AFTER_S_MAX)?;
        let repeat =
            within("alarm.repeat_hours", self.repeat_hours.unwrap_or(REPEAT_HOURS), REPEAT_HOURS_MAX)?;
        let settings = Settings {
            installation: given(self.installation.as_deref()).unwrap_or_else(|| "Vågen".to_owned()),
            webhook,
            mail: self.mail()?,
            check_in: given(self.check_in.as_deref()),
            patience: Patience {
                raise_after_ms: i64::from(after_s) * Timestamp::SECOND_MS,
                repeat_after_ms: i64::from(repeat) * Timestamp::HOUR_MS,
            },
            look_every: LOOK_EVERY,
        };
        Ok((!settings.is_empty()).then_some(settings))
    }

    fn mail(&self) -> Result<Option<MailSettings>, Failure> {
        let Some(server) = given(self.mail_server.as_deref()) else { return Ok(None) };
        let login = match given(self.mail_user.as_deref()) {
            Some(user) => {
                let password = secret("alarm.mail_password_file", self.mail_password_file.as_deref())?;
                let missing = || Failure::input("alarm.mail_password_file is missing beside alarm.mail_user");
                Some((user, password.ok_or_else(missing)?))
            }
            None => None,
        };
        let from = given(self.mail_from.as_deref())
            .ok_or_else(|| Failure::input("alarm.mail_from is missing beside alarm.mail_server"))?;
        let to = self.mail_to.clone().unwrap_or_default();
        if to.is_empty() {
            return Err(Failure::input("alarm.mail_to is empty beside alarm.mail_server"));
        }
        Ok(Some(MailSettings { server, login, from, to }))
    }
}

/// A text that is not empty.
fn given(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn within(key: &str, number: u32, max: u32) -> Result<u32, Failure> {
    if (1..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Failure::input(format_args!("{key} {number} is not within 1 to {max}")))
    }
}

/// The task that tells, running until `stop` says so.
pub(crate) fn start(
    settings: &Settings,
    health: Health,
    feed: Feed,
    clock: Clock,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, Failure> {
    let alarm = Alarm::new(settings.clone(), health, feed, clock).or_wrong_input("[alarm]")?;
    Ok(tokio::spawn(alarm.run(stop)))
}
