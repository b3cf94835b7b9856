//! An alarm reaches somebody: when a part of the chain stands still, a webhook and a mail say so outside these pages.
//!
//! Notices carry the part, the time and what is not known because of it, never a word about a person. They are sent until they
//! get through; while they do not, that is itself a broken part that pages show. For the case that this process is
//! gone altogether, somebody outside must look: `GET /watchdog` is for that, and a check-in may be sent out each minute.
//!
//! **Invariant:** a notice is given up only when its channel has a hundred newer ones waiting.

mod bell;
mod channel;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use vitals::Timestamp;

pub use bell::{Bell, Notice, Outgoing, Patience, Said};
pub use channel::{ChannelError, SendError};

use crate::clock::Clock;
use crate::health::{Chain, Health, Part};
use crate::language::Words;
use crate::live::{Change, Feed};
use channel::Channel;

const CHECK_IN_TIMEOUT: Duration = Duration::from_secs(20);

/// Where alarms go, and how soon.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What this installation is called in a notice.
    pub installation: String,
    /// A URL that takes a POST of JSON, and a bearer token for it.
    pub webhook: Option<(String, Option<String>)>,
    /// Mail.
    pub mail: Option<MailSettings>,
    /// A URL that is asked for each minute while everything works; whoever answers there alarms when nobody asks.
    pub check_in: Option<String>,
    /// How soon and how often.
    pub patience: Patience,
    /// How often the chain is looked at.
    pub look_every: Duration,
}

/// Mail: by which server, from whom, to whom.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Such as `smtp://mail.example:587?tls=required` or `smtps://mail.example`.
    pub server: String,
    /// Name and password, where the server wants them.
    pub login: Option<(String, String)>,
    /// The sender's address.
    pub from: String,
    /// The receivers' addresses.
    pub to: Vec<String>,
}

impl Settings {
    /// Whether anything is to be sent at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.webhook.is_none() && self.mail.is_none() && self.check_in.is_none()
    }
}

struct Way {
    channel: Arc<Channel>,
    outgoing: Outgoing,
}

/// Watches the chain and tells.
pub struct Alarm {
    settings: Settings,
    ways: Vec<Way>,
    bell: Bell,
    health: Health,
    feed: Feed,
    clock: Clock,
    checked_in: Option<Timestamp>,
}

impl Alarm {
    /// Ready to run.
    ///
    /// # Errors
    /// [`ChannelError`] for an address that is none.
    pub fn new(settings: Settings, health: Health, feed: Feed, clock: Clock) -> Result<Self, ChannelError> {
        let mut ways = Vec::new();
        if let Some((url, token)) = &settings.webhook {
            ways.push(Channel::webhook(url, token.clone())?);
        }
        if let Some(mail) = &settings.mail {
            ways.push(Channel::mail(&mail.server, mail.login.clone(), &mail.from, &mail.to)?);
        }
        if let Some(url) = &settings.check_in {
            // Only its form is checked here.
            Channel::webhook(url, None)?;
        }
        let ways = ways
            .into_iter()
            .map(|channel| Way { channel: Arc::new(channel), outgoing: Outgoing::default() })
            .collect();
        let bell = Bell::new(settings.patience);
        Ok(Self { settings, ways, bell, health, feed, clock, checked_in: None })
    }

    /// Runs until `stop` says true or is gone.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = interval(self.settings.look_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                () = self.look() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn look(&mut self) {
        let now = self.clock.now();
        for notice in self.bell.look(&self.health.parts(), now) {
            tracing::warn!(part = notice.part.key(), said = notice.said.key(), "an operating alarm");
            self.ways.iter_mut().for_each(|way| way.outgoing.push(notice.clone()));
        }
        for way in &mut self.ways {
            way.send_due(&self.settings.installation, &self.clock).await;
        }
        self.report();
        self.check_in(now).await;
    }

    /// Says on the pages whether alarms get through.
    fn report(&self) {
        let now = self.clock.now();
        let is_news = if self.ways.iter().any(|way| way.outgoing.is_failing()) {
            self.health.broken(Part::Alarm, now, nobody_is_told())
        } else {
            self.health.whole(Part::Alarm, now)
        };
        if is_news {
            self.feed.announce(Change::Health);
        }
    }

    async fn check_in(&mut self, now: Timestamp) {
        let Some(url) = self.settings.check_in.clone() else { return };
        let is_due = self.checked_in.is_none_or(|last| now.millis_since(last) >= Timestamp::MINUTE_MS);
        if !is_due || matches!(self.health.chain(now), Chain::Broken { .. }) {
            return;
        }
        self.checked_in = Some(now);
        let asked = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().timeout_global(Some(CHECK_IN_TIMEOUT)).build().into();
            agent.get(&url).call().map(drop)
        });
        if let Ok(Err(error)) = asked.await {
            // Whoever waits for the check-in alarms by itself.
            tracing::warn!(%error, "the check-in was not taken");
        }
    }
}

impl Way {
    async fn send_due(&mut self, installation: &str, clock: &Clock) {
        while let Some(notice) = self.outgoing.due(clock.now()) {
            let (channel, installation, notice) =
                (Arc::clone(&self.channel), installation.to_owned(), notice.clone());
            let sent = tokio::task::spawn_blocking(move || channel.send(&installation, &notice)).await;
            match sent {
                Ok(Ok(())) => self.outgoing.sent(),
                Ok(Err(error)) => {
                    metrics::counter!("vagen_alarm_failures_total", "channel" => self.channel.key())
                        .increment(1);
                    tracing::warn!(channel = self.channel.key(), %error, "an operating alarm did not get through");
                    self.outgoing.failed(clock.now());
                }
                Err(_) => return,
            }
        }
    }
}

fn nobody_is_told() -> Words {
    Words::new(
        "Driftlarm når inte fram utanför den här sidan. Säg till den som sköter driften.",
        "Operating alarms do not get through outside this page. Tell whoever runs the system.",
    )
}
