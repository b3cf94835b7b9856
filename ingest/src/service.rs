//! The running service: the tasks of this room, started together and stopped in order.
//!
//! **Invariant:** when [`Ingest::shutdown`] returns, nothing of this room runs any more, and no batch is half-done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use care::clock::Clock;
use care::health::Health;
use care::intake::{RecordDesk, SymptomIntake};
use care::live::Feed;
use care::store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vitals::{GatewayId, Receipt, Timestamp};

use crate::admit::{self, Source};
use crate::canary::Walk;
use crate::commit::{Batching, Committer};
use crate::intake::Intake;
use crate::judge::judge;
use crate::link::{Address, Gate, Link, Mqtt, Outlet, Pump, Session};
use crate::membership::Membership;
use crate::pace::{Pace, Paced};
use crate::policies::Policies;
use crate::queue::queue;
use crate::readmit::Decisions;
use crate::resend::Asked;
use crate::sequences;
use crate::share::Share;
use crate::sitting::{Desk, SittingError};
use crate::stop::{Switch, switch};
use crate::subscriptions::Subscriptions;
use crate::tally::Tally;
use crate::watch::{Ticker, Watch};

/// How long a batch may take to finish when the service stops; then it is abandoned, uncommitted.
const STOP_WITHIN: Duration = Duration::from_millis(600);
const GOODBYE_WITHIN: Duration = Duration::from_millis(300);
/// How often time is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Which broker, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the broker is.
    pub broker: Address,
    /// This end's name there. A broker keeps the session under it.
    pub client_id: String,
    /// What the broker keeps while this end is away.
    pub session: Session,
    /// User name and password, where the broker wants them.
    pub login: Option<(String, String)>,
    /// How to speak TLS, where the address says so.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// How often the passing of time is judged.
    pub look_every: Duration,
    /// Whether other processes may work on the same store, each hearing its share of the gateways.
    pub shared: bool,
    /// How much is taken into one transaction.
    pub batching: Batching,
    /// How much a gateway may send before its receipts are delayed; `None`: as much as it will.
    pub pace: Option<Pace>,
}

/// How the service works, whatever its link.
#[derive(Clone, Copy, Debug)]
struct Working {
    look_every: Duration,
    batching: Batching,
    pace: Option<Pace>,
}

impl Options {
    /// For the embedded broker at `address`.
    #[must_use]
    pub fn embedded(address: std::net::SocketAddr) -> Self {
        Self {
            broker: Address { host: address.ip().to_string(), port: address.port(), tls: false },
            client_id: "vagen-ingest".to_owned(),
            session: Session::Clean,
            login: None,
            tls: None,
            look_every: LOOK_EVERY,
            shared: false,
            batching: Batching::EMBEDDED,
            pace: Some(Pace::default()),
        }
    }

    /// For a broker of its own at `address`, under the name `client_id`.
    #[must_use]
    pub fn external(address: Address, client_id: &str) -> Self {
        let client_id = client_id.to_owned();
        Self {
            broker: address,
            client_id,
            session: Session::Kept,
            login: None,
            tls: None,
            look_every: LOOK_EVERY,
            shared: false,
            batching: Batching::EXTERNAL,
            pace: Some(Pace::default()),
        }
    }

    /// The same for one of several processes: under a name of its own, and without a session that would go on collecting when it is
    /// gone. What is missed meanwhile, gateways send again.
    #[must_use]
    pub fn as_one_of_several(mut self) -> Self {
        self.client_id = format!("{}-{}", self.client_id, uuid::Uuid::new_v4().simple());
        (self.session, self.shared) = (Session::Clean, true);
        self
    }
}

/// What the room needs of the rest of the house.
#[derive(Clone, Debug)]
pub struct House {
    /// The store.
    pub store: Store,
    /// The policies.
    pub policies: Policies,
    /// What time it is.
    pub clock: Clock,
    /// Where changes are announced.
    pub feed: Feed,
    /// Where the state of the chain is reported.
    pub health: Health,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The broker's address asks for TLS and nothing says which certificates to trust.
    #[error("the broker's address begins with mqtts://, and no TLS is configured")]
    NoTls,
    /// A broker keeps no session without a name.
    #[error("the client id for the broker must be 1 to 64 letters, digits, '.', '_' or '-'")]
    ClientId,
}

/// Why something was not done on request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The store failed. Nothing of it was done.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule failed on this input. Nothing of it was done.
    #[error("judging failed: {what}")]
    Judging {
        /// What it said.
        what: String,
    },
}

impl From<SittingError> for RequestError {
    fn from(error: SittingError) -> Self {
        match error {
            SittingError::Store(error) => Self::Store(error),
            SittingError::Removed => Self::Judging { what: SittingError::Removed.to_string() },
            SittingError::Fault { what } => Self::Judging { what },
        }
    }
}

/// Waits for `task`, and ends it if it takes longer than `within`.
async fn end(mut task: JoinHandle<()>, within: Duration) {
    if timeout(within, &mut task).await.is_err() {
        task.abort();
    }
}

/// The service, running.
#[derive(Debug)]
pub struct Ingest {
    desk: Arc<Desk>,
    watch: Arc<Watch>,
    listening: Arc<AtomicBool>,
    stop_commits: Switch,
    stop_link: Switch,
    committer: JoinHandle<()>,
    ticker: JoinHandle<()>,
    pump: JoinHandle<()>,
    subscriber: JoinHandle<()>,
    membership: Option<JoinHandle<()>>,
}

impl Ingest {
    /// Starts the service on the current tokio runtime. It connects, and connects again, by itself.
    ///
    /// # Errors
    /// [`StartError`] for options that cannot work.
    pub fn start(house: House, options: &Options) -> Result<Self, StartError> {
        if options.broker.tls && options.tls.is_none() {
            return Err(StartError::NoTls);
        }
        // The rules of a gateway's id are those of a name in MQTT.
        if options.client_id.parse::<GatewayId>().is_err() {
            return Err(StartError::ClientId);
        }
        let login = options.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        let (link, outlet) =
            Mqtt::new(&options.broker, &options.client_id, options.session, login, options.tls.clone());
        let shared = options.shared.then(|| house.store.clone());
        let Options { look_every, batching, pace, .. } = *options;
        Ok(Self::working(house, link, outlet, Working { look_every, batching, pace }, shared))
    }

    /// Starts the service over any link, with the embedded broker's batches.
    #[cfg(test)]
    pub(crate) fn over<L, O>(
        house: House,
        link: L,
        outlet: O,
        (look_every, pace): (Duration, Option<Pace>),
    ) -> Self
    where
        L: Link + 'static,
        O: Outlet,
    {
        let working = Working { look_every, batching: Batching::EMBEDDED, pace };
        Self::working(house, link, outlet, working, None)
    }

    /// Starts the service over any link, as one of several where the store is `shared`.
    fn working<L, O>(house: House, link: L, outlet: O, working: Working, shared: Option<Store>) -> Self
    where
        L: Link + 'static,
        O: Outlet,
    {
        let Working { look_every, batching, pace } = working;
        Tally::begin();
        let (clock, feed, health) = (house.clock.clone(), house.feed.clone(), house.health.clone());
        let (given, share) = watch::channel(if shared.is_some() { Share::nothing() } else { Share::whole() });
        let desk = Arc::new(Desk::new(house, share.clone()));
        let watch = Arc::new(Watch::new(Arc::clone(&desk)));
        let listening = Arc::new(AtomicBool::new(false));
        let (stop_commits, commits_stop) = switch();
        let (stop_link, link_stop) = switch();
        let (filler, queue) = queue(batching.waiting_max);
        let gate = Arc::new(Gate::new(outlet));
        let asked = Arc::new(Asked::default());
        let subscriptions = Arc::new(Subscriptions::new(Arc::clone(&gate), share));
        let membership =
            shared.map(|store| tokio::spawn(Membership::new(store, given).run(commits_stop.clone())));
        let subscriber = tokio::spawn(Arc::clone(&subscriptions).follow(commits_stop.clone()));
        let committer = Committer {
            desk: Arc::clone(&desk),
            queue,
            gate: Arc::clone(&gate),
            asked: Arc::clone(&asked),
            batching,
            paced: Paced::by(pace),
            taken_before: 0,
            stop: commits_stop.clone(),
        };
        let ticker = Ticker {
            watch: Arc::clone(&watch),
            gate: Arc::clone(&gate),
            asked,
            listening: Arc::clone(&listening),
            every: look_every,
            stop: commits_stop,
        };
        let pump = Pump {
            link,
            gate,
            subscriptions,
            queue: filler,
            clock,
            health,
            feed,
            walk: desk.walk.clone(),
            listening: Arc::clone(&listening),
            stop: link_stop,
        };
        Self {
            desk,
            watch,
            listening,
            stop_commits,
            stop_link,
            committer: tokio::spawn(committer.run()),
            ticker: tokio::spawn(ticker.run()),
            pump: tokio::spawn(pump.run()),
            subscriber,
            membership,
        }
    }

    /// What this process hears, and whether it does what one must do for all.
    #[must_use]
    pub fn share(&self) -> watch::Receiver<Share> {
        self.desk.share.clone()
    }

    /// Where answers to the symptom form are handed in.
    #[must_use]
    pub fn intake(&self) -> Arc<dyn SymptomIntake> {
        Arc::new(Intake(Arc::clone(&self.desk)))
    }

    /// Where what staff decide about a record is handed in.
    #[must_use]
    pub fn desk(&self) -> Arc<dyn RecordDesk> {
        Arc::new(Decisions(Arc::clone(&self.desk)))
    }

    /// How far the canary has come.
    #[must_use]
    pub fn walk(&self) -> Walk {
        self.desk.walk.clone()
    }

    /// Whether messages are being heard, those of its share where several processes hear them.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed) && self.desk.share.borrow().has_joined()
    }

    /// Judges the passing of time up to `now`, whatever the clock says: for a clock that jumps.
    ///
    /// # Errors
    /// [`RequestError`]; what was judged before it stays judged.
    pub async fn look(&self, now: Timestamp) -> Result<(), RequestError> {
        Ok(self.watch.everything(now).await?)
    }

    /// Admits `payload` as if it had come on the `up` topic of `gateway` at `received_at`, and gives the receipts: for
    /// history that a store begins with.
    ///
    /// # Errors
    /// [`RequestError`]; nothing of the payload was admitted.
    pub async fn take(
        &self,
        gateway: &GatewayId,
        payload: &[u8],
        received_at: Timestamp,
    ) -> Result<Vec<Receipt>, RequestError> {
        self.take_all(&[(gateway.clone(), payload.to_vec(), received_at)]).await
    }

    /// As [`Ingest::take`], many in one transaction, in this order.
    ///
    /// # Errors
    /// [`RequestError`]; nothing of them was admitted.
    pub async fn take_all(
        &self,
        messages: &[(GatewayId, Vec<u8>, Timestamp)],
    ) -> Result<Vec<Receipt>, RequestError> {
        let judged: Vec<_> = messages
            .iter()
            .map(|(gateway, payload, received_at)| {
                let source = Source { gateway: Some(gateway), received_at: *received_at };
                (source, judge(payload, source.gateway, *received_at))
            })
            .collect();
        let judged: Vec<_> = judged.iter().map(|(source, items)| (*source, items.as_slice())).collect();
        let mut sitting = self.desk.sit().await?;
        sitting.foresee(&judged).await?;
        for (source, items) in &judged {
            for item in *items {
                admit::admit(&mut sitting, *source, item).await?;
            }
        }
        let receipts = sequences::settle(&mut sitting).await?;
        sitting.commit().await?;
        Ok(receipts.into_iter().map(|receipted| receipted.receipt).collect())
    }

    /// Stops within a second: the batch at hand is finished or abandoned uncommitted, then the broker is left.
    pub async fn shutdown(self) {
        self.stop_commits.turn();
        tokio::join!(
            end(self.committer, STOP_WITHIN),
            end(self.ticker, STOP_WITHIN),
            end(self.subscriber, STOP_WITHIN)
        );
        // Last of those that write: until it has left, nobody else hears what this process still had at hand.
        if let Some(membership) = self.membership {
            end(membership, STOP_WITHIN).await;
        }
        self.stop_link.turn();
        end(self.pump, GOODBYE_WITHIN).await;
    }
}
