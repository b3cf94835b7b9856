//! Revocation, carried out: the list is written, the broker is made to read it, and it is *seen* that what was revoked is over.
//!
//! mosquitto reads its revocation list when it is told to, and goes on with the sessions it has. So, for each change: the list is
//! written and the broker reloaded; a certificate that is on this list alone must be refused; then the server takes the seat of each
//! gateway that was revoked, which ends the old session, and the old certificate cannot take it back. Only then is it noted as in
//! force. What cannot be seen to is tried again, loudly, and stands on the gateway's page.
//!
//! **Invariant:** no revocation is noted as in force before the broker has refused a certificate of the same list.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use care::clock::Clock;
use care::enrolment::authority::{Purpose, TELLTALE_NAME};
use care::enrolment::revocation::{self, Unenforced};
use care::enrolment::{Authority, Enrolment};
use care::store::Store;
use ingest::link::Address;
use ingest::seat::{Answer, knock};
use tokio::time::{Instant, sleep};
use vitals::{GatewayId, Timestamp};

use crate::serve::broker_files::{self, LIST};
use crate::serve::broker_tls::Trust;

/// How often the store is asked for what is to be revoked.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a broker may take to read a list.
const READ_WITHIN: Duration = Duration::from_secs(10);
const KNOCK_WITHIN: Duration = Duration::from_secs(5);
const RELOAD_WITHIN: Duration = Duration::from_secs(20);
/// How often the broker's certificate is looked at.
const CERTIFY_EVERY_MS: i64 = 24 * Timestamp::HOUR_MS;

/// What it takes to revoke.
pub(crate) struct Revoking {
    pub(crate) store: Store,
    pub(crate) enrolment: Enrolment,
    pub(crate) clock: Clock,
    pub(crate) broker: Address,
    pub(crate) trust: Trust,
    /// The broker's files.
    pub(crate) folder: PathBuf,
    /// The broker's names, for its certificate.
    pub(crate) names: BTreeSet<String>,
    /// What makes the broker read its files.
    pub(crate) reload: Vec<String>,
}

impl Revoking {
    /// Revokes what is to be revoked, until it is dropped.
    pub(crate) async fn run(self) {
        let (mut first, mut certified_at) = (true, None);
        loop {
            let now = self.clock.now();
            if certified_at.is_none_or(|at| now.millis_since(at) >= CERTIFY_EVERY_MS) {
                self.certify(now).await;
                certified_at = Some(now);
            }
            match self.look(first).await {
                Ok(looked) => first &= !looked,
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "a revocation is not in force yet; it is tried again"
                ),
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Makes the broker's certificate anew in time, where this server keeps it.
    async fn certify(&self, now: Timestamp) {
        if !self.folder.join("mosquitto.conf").exists() {
            return;
        }
        match broker_files::certify_again(&self.folder, &self.enrolment.authority, &self.names, now) {
            Ok(false) => {}
            Ok(true) => match self.reload().await {
                Ok(()) => tracing::info!("the broker has a new certificate"),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "the broker was not told of its new certificate"
                ),
            },
            Err(failure) => tracing::error!(?failure, "the broker's certificate cannot be made anew"),
        }
    }

    /// Carries out what is open; at the start, with nothing open, sees whether the broker goes by the list at all.
    async fn look(&self, first: bool) -> anyhow::Result<bool> {
        let open = revocation::unenforced(&mut self.store.read().await?, self.clock.now()).await?;
        if open.is_empty() && !(first && self.folder.is_dir()) {
            return Ok(true);
        }
        self.obeyed().await?;
        for gateway in sessions_to_end(&open) {
            self.take_seat(gateway).await?;
        }
        let now = self.clock.now();
        revocation::enforced(&self.store, &open, now).await?;
        for one in &open {
            tracing::info!(gateway = %one.gateway, serial = one.serial, "a certificate is refused by the broker from now on");
        }
        Ok(true)
    }

    /// Writes a list, and waits until the broker is seen to go by it.
    async fn obeyed(&self) -> anyhow::Result<()> {
        let list = revocation::list(&self.store, &self.enrolment.authority, self.clock.now()).await?;
        std::fs::create_dir_all(&self.folder)?;
        broker_files::put(&self.folder.join(LIST), &list.pem).map_err(anyhow::Error::from)?;
        self.reload().await?;
        let tls = self.trust.as_identity(&list.telltale).map_err(anyhow::Error::from)?;
        let until = Instant::now() + READ_WITHIN;
        loop {
            let answer = knock(&self.broker, TELLTALE_NAME, Arc::clone(&tls), KNOCK_WITHIN).await;
            let why = match answer {
                Answer::Refused(_) => return Ok(()),
                Answer::Admitted => {
                    "it lets in what is on the list: it must be made to read it (gateways.reload)".to_owned()
                }
                Answer::Unknown(why) => why,
            };
            anyhow::ensure!(
                Instant::now() < until,
                "the broker was not seen to go by the revocation list: {why}"
            );
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Takes the seat of `gateway`, which ends the session that holds it.
    async fn take_seat(&self, gateway: &GatewayId) -> anyhow::Result<()> {
        let authority: &Authority = &self.enrolment.authority;
        let seat = authority.make(&Purpose::Seat(gateway.clone()), self.clock.now())?;
        let tls = self.trust.as_identity(&seat).map_err(anyhow::Error::from)?;
        match knock(&self.broker, gateway.as_str(), tls, KNOCK_WITHIN).await {
            Answer::Admitted => Ok(()),
            Answer::Refused(why) | Answer::Unknown(why) => {
                anyhow::bail!("the session of {gateway} could not be ended: {why}")
            }
        }
    }

    async fn reload(&self) -> anyhow::Result<()> {
        let Some((program, arguments)) = self.reload.split_first() else { return Ok(()) };
        let mut command = std::process::Command::new(program);
        command.args(arguments).stdin(std::process::Stdio::null());
        let running = tokio::task::spawn_blocking(move || command.output());
        let done = tokio::time::timeout(RELOAD_WITHIN, running).await???;
        let said = String::from_utf8_lossy(&done.stderr);
        anyhow::ensure!(
            done.status.success(),
            "gateways.reload: {program} ended with {}: {}",
            done.status,
            said.trim()
        );
        Ok(())
    }
}

fn sessions_to_end(open: &[Unenforced]) -> BTreeSet<&GatewayId> {
    open.iter().filter(|one| one.ends_session).map(|one| &one.gateway).collect()
}
