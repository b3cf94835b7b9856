//! The house, wired: store, broker, ingest and web started together, in order, and stopped together.
//!
//! Both `serve` and `demo` run a [`Running`]; they differ in what they feed it and in whose clock it goes by.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alerts::Policy;
use care::clock::Clock;
use care::enrolment::{Authority, Enrolment};
use care::health::{Health, Part};
use care::live::Feed;
use care::store::{Address, Store};
use care::web::{self, AppState};
use ingest::canary::Walk;
use ingest::projection::Feeding;
use ingest::questdb::Server;
use ingest::{EmbeddedBroker, Ingest, Policies};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::ServeArguments;
use crate::failure::{Failure, OrFail};
use crate::ready;
use crate::serve::broker_tls::Trust;
use crate::serve::config::{Broker, Config, LogFormat};
use crate::serve::projection::Projecting;
use crate::serve::revoking::Revoking;

mod alarm;
pub(crate) mod broker_files;
mod broker_tls;
mod canary;
pub(crate) mod config;
pub(crate) mod enrolment;
mod https;
mod neighbours;
mod projection;
mod reconciling;
mod revoking;

/// How long the web may take to finish what it is answering; open event streams never end by themselves.
const GOODBYE: Duration = Duration::from_millis(300);
/// How long the store may take to close. It waits for every connection, also one that another process holds up for seconds;
/// what was committed is on disk before that, and closing only tidies up.
const CLOSE_WITHIN: Duration = Duration::from_millis(250);
/// A restart of QuestDB is no news.
const PROJECTION_BROKEN_AFTER: Duration = Duration::from_secs(60);
/// The most that stopping may take in all.
const STOP_WITHIN: Duration = Duration::from_millis(1800);

/// The policies of this installation: those that come with the product.
pub(crate) fn policies() -> Policies {
    Policies::new(Policy::shipped().iter().cloned())
}

/// The house, running.
pub(crate) struct Running {
    pub(crate) store: Store,
    pub(crate) feed: Feed,
    pub(crate) health: Health,
    pub(crate) clock: Clock,
    pub(crate) ingest: Ingest,
    /// Where the dashboard answers, as a URL.
    pub(crate) http: String,
    /// The broker, as a URL.
    pub(crate) mqtt: String,
    stop: watch::Sender<bool>,
    web: JoinHandle<std::io::Result<()>>,
    apart: Apart,
}

/// What runs beside the way from a home to a page.
struct Apart {
    projection: Option<Projecting>,
    revoking: Option<JoinHandle<()>>,
    neighbours: Vec<JoinHandle<()>>,
    watching: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts everything on the current runtime. It goes by `clock`.
    pub(crate) async fn start(config: &Config, clock: Clock) -> Result<Self, Failure> {
        let listener = TcpListener::bind(config.http).await.map_err(|error| {
            Failure::work(anyhow::anyhow!("cannot listen for http on {}: {error}", config.http))
        })?;
        let store = Store::at(&config.store).await.or_fail()?;
        let (mut options, mqtt) = broker(&config.broker).await?;
        // On one server and one broker there may be several of us.
        let shared = matches!((&config.store, &config.broker), (Address::Server(_), Broker::External(_)));
        options = if shared { options.as_one_of_several() } else { options };
        options.pace = config.pace;
        let (enrolment, trust) = trusted(config, &mut options, &mqtt, &clock)?;
        let certificate = match &config.tls {
            Some(pair) => Some((pair.clone(), https::certificate(pair).await?)),
            None => None,
        };
        let (feed, health) = (Feed::default(), Health::of(parts(config)));
        let house = ingest::service::House {
            store: store.clone(),
            policies: policies(),
            clock: clock.clone(),
            feed: feed.clone(),
            health: health.clone(),
        };
        let metrics = PrometheusBuilder::new().install_recorder().or_fail()?;
        let ingest = Ingest::start(house, &options).or_wrong_input("broker")?;
        let revoking = revoking(config, &options, (&store, &enrolment, &clock), trust)?;
        let told = (feed.clone(), health.clone(), clock.clone());
        let watching =
            watching(config, (&mqtt, Arc::clone(&enrolment.authority)), store.clone(), ingest.walk(), told)
                .await;
        let state = AppState {
            enrolment,
            store: store.clone(),
            feed: feed.clone(),
            health: health.clone(),
            clock: clock.clone(),
            intake: ingest.intake(),
            desk: ingest.desk(),
            what_ifs: care::policies::what_if::Jobs::default(),
            series: projection::series(config.questdb.as_ref(), &health),
            metrics: Some(metrics),
            policies: policies().names().map(str::to_owned).collect(),
            https: config.https,
        };
        let neighbours = neighbours::start(&store, &feed, options.client_id.clone());
        let feeding = |walk| Feeding {
            store: store.clone(),
            feed: feed.clone(),
            health: health.clone(),
            clock: clock.clone(),
            walk,
            broken_after: PROJECTION_BROKEN_AFTER,
        };
        let questdb = config.questdb.as_ref();
        let projection =
            questdb.map(|address| Projecting::start(address, feeding(ingest.walk()))).transpose()?;
        let (stop, mut stopping) = watch::channel(false);
        if let Some(settings) = &config.alarm {
            drop(alarm::start(settings, health.clone(), feed.clone(), clock.clone(), stopping.clone())?);
        }
        let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
        let (http, web) = answering(listener, certificate, state, stopped).await?;
        let apart = Apart { projection, revoking, neighbours, watching };
        Ok(Self { store, feed, health, clock, ingest, http, mqtt, stop, web, apart })
    }

    /// Waits until messages are heard and every part that is needed was seen to work.
    pub(crate) async fn answers(&self) {
        while !self.ingest.is_listening() || !self.health.is_ready(self.clock.now()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops everything within two seconds. What was not committed was not acknowledged either.
    pub(crate) async fn stop(self) {
        let Self { store, ingest, stop, web, apart, .. } = self;
        let Apart { projection, revoking, neighbours, watching } = apart;
        let _ = stop.send(true);
        // A revocation that was not carried out is open in the store, and is taken up at the next start.
        revoking.inspect(JoinHandle::abort);
        // A canary without its receipt goes again at the next start; a reconciliation only reads.
        neighbours.iter().chain(&watching).for_each(JoinHandle::abort);
        let goodbye = async {
            let aborted = web.abort_handle();
            if tokio::time::timeout(GOODBYE, web).await.is_err() {
                aborted.abort();
            }
        };
        let everything = async {
            let projected = async {
                if let Some(projection) = projection {
                    projection.stop().await;
                }
            };
            tokio::join!(goodbye, ingest.shutdown(), projected);
            if tokio::time::timeout(CLOSE_WITHIN, store.close()).await.is_err() {
                tracing::warn!("the store is busy; what was committed is in its file nevertheless");
            }
        };
        if tokio::time::timeout(STOP_WITHIN, everything).await.is_err() {
            tracing::warn!("stopped without waiting for everything to finish");
        }
    }
}

/// The parts of the chain that there are.
fn parts(config: &Config) -> Vec<Part> {
    let always = [Part::Broker, Part::Store, Part::Watch].into_iter();
    let projected = config.questdb.as_ref().map(|_| Part::Projection);
    let told = config.alarm.as_ref().map(|_| Part::Alarm);
    let walked = config.canary.as_ref().map(|_| Part::Canary);
    let reconciled = config.reconciles.then_some(Part::Reconciliation);
    always.chain(projected).chain(told).chain(walked).chain(reconciled).collect()
}

/// Begins to watch over the chain as a whole, where that is asked for: the canary, and the reconciliation each night.
async fn watching(
    config: &Config,
    (broker, authority): (&str, Arc<Authority>),
    store: Store,
    walk: Walk,
    (feed, health, clock): (Feed, Health, Clock),
) -> Vec<JoinHandle<()>> {
    let mut watching = Vec::new();
    let reconciling = reconciling::Reconciling {
        store: store.clone(),
        questdb: config.questdb.clone().map(Server::new),
        health: health.clone(),
        feed: feed.clone(),
        clock: clock.clone(),
    };
    if config.reconciles {
        watching.push(reconciling.start());
    }
    let Some(canary) = config.canary.clone() else { return watching };
    let house = canary::House {
        config: canary,
        data: &config.data,
        broker,
        broker_tls: &config.broker_tls,
        authority,
        store,
        feed,
        health,
        clock,
        walk,
        projected: config.questdb.is_some(),
    };
    match canary::start(house).await {
        Ok(task) => watching.push(task),
        // Readings come first: the part is broken for as long as none has walked, and everybody is told.
        Err(error) => tracing::error!(?error, "the canary does not fly"),
    }
    watching
}

/// Begins to answer on `listener`, over TLS where there is a certificate; under which URL.
async fn answering(
    listener: TcpListener,
    certificate: Option<https::Certified>,
    state: AppState,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<(String, JoinHandle<std::io::Result<()>>), Failure> {
    let (http, router) = (listener.local_addr().or_fail()?, web::router(state));
    Ok(match certificate {
        None => (format!("http://{http}"), tokio::spawn(web::serve(listener, router, stopped))),
        Some(certificate) => {
            (format!("https://{http}"), tokio::spawn(https::serve(listener, router, certificate, stopped)))
        }
    })
}

/// Starts or names the broker.
async fn broker(broker: &Broker) -> Result<(ingest::Options, String), Failure> {
    match broker {
        Broker::Embedded(address) => {
            let address = *address;
            let started =
                tokio::task::spawn_blocking(move || EmbeddedBroker::start(address)).await.or_fail()?;
            let address = started.or_fail()?.address();
            Ok((ingest::Options::embedded(address), format!("mqtt://{address}")))
        }
        Broker::External(url) => {
            let address = url.parse().or_wrong_input("broker")?;
            Ok((ingest::Options::external(address, "vagen-ingest"), url.clone()))
        }
    }
}

/// Who signs for boxes, and whom this server believes at the broker; `options` gets the TLS that goes with it.
fn trusted(
    config: &Config,
    options: &mut ingest::Options,
    mqtt: &str,
    clock: &Clock,
) -> Result<(Enrolment, Trust), Failure> {
    let enrolment = enrolment::enrolment(config, mqtt, clock.now())?;
    let trust = Trust::of(&config.broker_tls, &enrolment.authority)?;
    if options.broker.tls {
        let authority = Arc::clone(&enrolment.authority);
        options.tls = Some(trust.as_server(&config.broker_tls, authority, clock.clone())?);
    }
    Ok((enrolment, trust))
}

/// Begins to carry out revocations, where the broker asks for certificates.
fn revoking(
    config: &Config,
    options: &ingest::Options,
    (store, enrolment, clock): (&Store, &Enrolment, &Clock),
    trust: Trust,
) -> Result<Option<JoinHandle<()>>, Failure> {
    if !options.broker.tls {
        return Ok(None);
    }
    let revoking = Revoking {
        store: store.clone(),
        enrolment: enrolment.clone(),
        clock: clock.clone(),
        broker: options.broker.clone(),
        trust,
        folder: config.gateways.files(&config.data),
        names: broker_files::broker_names(config)?,
        reload: config.gateways.reload.clone(),
    };
    Ok(Some(tokio::spawn(revoking.run())))
}

/// `vagen serve`.
pub(crate) fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    if arguments.print_config {
        use std::io::Write as _;
        return std::io::stdout().write_all(config::printed().as_bytes()).or_fail();
    }
    let config = Config::of(arguments)?;
    log_to_stderr(&config.log, config.log_format)?;
    on_all_cores(async {
        let mut told = Told::listen()?;
        let running = Running::start(&config, Clock::system()).await?;
        tracing::info!(http = %running.http, mqtt = running.mqtt, data = %config.data.display(), "vagen serves");
        tokio::select! {
            () = running.answers() => {}
            () = told.stop_requested() => {
                running.stop().await;
                return Ok(());
            }
        }
        write_ready(arguments.listen.ready_file.as_ref(), &running, &[])?;
        told.stop_requested().await;
        running.stop().await;
        Ok(())
    })
}

/// Writes the ready file, if one was asked for.
pub(crate) fn write_ready(
    file: Option<&PathBuf>,
    running: &Running,
    logins: &[ready::Login],
) -> Result<(), Failure> {
    let Some(file) = file else { return Ok(()) };
    ready::write(file, &running.http, &running.mqtt, logins)
        .map_err(|error| Failure::work(anyhow::anyhow!("cannot write {}: {error}", file.display())))
}

/// Hears that the process is to stop.
pub(crate) struct Told {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Told {
    /// Listens from now on; a signal that comes before it is asked for is not lost.
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate()).or_fail()?,
            interrupt: signal(SignalKind::interrupt()).or_fail()?,
        })
    }

    /// Waits for SIGTERM or Ctrl-C.
    pub(crate) async fn stop_requested(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs `work` to its end on a runtime with a thread a core; what it leaves behind is given half a second.
pub(crate) fn on_all_cores<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().or_fail()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_millis(100));
    done
}

/// Logs to stderr, by `filter`. The embedded broker's own words are left out unless the filter names it: it calls every
/// connection that ends an error, and what matters of it is said by the link to it.
pub(crate) fn log_to_stderr(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let quieted =
        if filter.contains("rumqttd") { filter.to_owned() } else { format!("{filter},rumqttd=off") };
    let filter = tracing_subscriber::EnvFilter::try_new(quieted).or_wrong_input("log")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().with_span_list(false).try_init(),
    };
    begun.map_err(|error| Failure::work(anyhow::anyhow!("cannot log: {error}")))
}
