//! `vagen-gateway pair`: guides a person through pairing a device, in a terminal or from a script.
//!
//! Hears and speaks like the daemon, but connects to the one chosen device and asks it for a bond whatever its model. What it
//! measures meanwhile goes into the outbox, so that nothing which the device deletes is lost. The guide's words go to standard
//! error; what came of it goes to standard output.
//!
//! **Invariant:** success is a bond, or a device that needs none; nothing else ends with status 0.

mod keeper;
mod words;

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use devices::session::{Action, Event};
use devices::{Settings, models};
use gateway::config::{self, LogLevel, Overrides};
use gateway::home::{Duty, Home, Rules};
use gateway::io::clock::{self, Clock};
use gateway::io::radio::{PASSKEY_MAX, PasskeyAsked, Radio};
use gateway::io::service;
use gateway::links::{DeviceLink, DeviceState};
use gateway::source::{BleSource, RadioEvent};
use tokio::sync::mpsc;
use tokio::time::Instant;
use vitals::{DeviceId, DeviceIdentity};

use crate::cli::air::{Heard, Support};
use crate::cli::{Failure, failed, say, told_to_stop, wrong};
use keeper::Keeper;
use words::{Language, Words, filled};

/// How long a script listens before it takes the only device heard.
const CHOOSE_AFTER: Duration = Duration::from_secs(8);
/// How long a measurement is waited for once the device is paired.
const MEASURE_WITHIN: Duration = Duration::from_secs(30);

/// How long a person may take to type what the device shows.
const PASSKEY_WITHIN: Duration = Duration::from_secs(30);

/// What a person or a script says to the guide.
#[derive(Debug, Args)]
pub(crate) struct Pair {
    /// The gateway's configuration: a reading that comes meanwhile is kept in its outbox.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The device's address, such as 54:6C:0E:00:00:01. Left out, the guide lists what it hears.
    #[arg(long)]
    address: Option<String>,
    /// Ask nothing: the device is in pairing mode, and shows no code.
    #[arg(long)]
    yes: bool,
    /// How long to try, s.
    #[arg(long, default_value_t = 120)]
    timeout_s: u64,
    /// The guide's language; left out, the terminal's.
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

/// Pairs.
pub(crate) async fn guide(pair: Pair) -> Result<(), Failure> {
    let language = pair.lang.unwrap_or_else(|| Language::of_environment(|name| std::env::var(name).ok()));
    let words = language.words();
    let address = pair.address.as_deref().map(DeviceId::from_address).transpose();
    let address = address.map_err(|error| Failure::Wrong(format!("--address: {error}")))?;
    let config = pair.config.as_deref().map(|file| config::read(Some(file), Overrides::default()));
    let config = config.transpose().map_err(wrong)?;
    let keeper = Keeper::open(config.as_ref())?;
    service::log(LogLevel::Error);
    let clock = Clock::system(config.is_some_and(|config| config.assume_clock_synced));
    let (keys, passkeys) = mpsc::unbounded_channel();
    let mut guide = Guide {
        radio: Radio::start_pairing(clock.clone(), (!pair.yes).then_some(keys)),
        passkeys,
        clock,
        words,
        keeper,
        answers: answers(),
        asks: !pair.yes,
        deadline: Instant::now() + Duration::from_secs(pair.timeout_s),
        timeout_s: pair.timeout_s,
        heard: BTreeMap::new(),
    };
    let stop = told_to_stop()?;
    tokio::select! {
        done = guide.pair(address) => done,
        () = stop => Err(Failure::Failed("stopped".to_owned())),
    }
}

/// The lines that a person types. A thread, because reading a terminal waits.
fn answers() -> mpsc::UnboundedReceiver<String> {
    let (typed, answers) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if typed.send(line).is_err() {
                return;
            }
        }
    });
    answers
}

fn tell(text: &str) {
    // Nobody is left to guide when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn ask(text: &str) {
    let mut terminal = std::io::stderr();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}

struct Guide {
    radio: Radio,
    /// Devices that show six digits.
    passkeys: mpsc::UnboundedReceiver<PasskeyAsked>,
    clock: Clock,
    words: &'static Words,
    keeper: Keeper,
    answers: mpsc::UnboundedReceiver<String>,
    asks: bool,
    deadline: Instant,
    timeout_s: u64,
    heard: BTreeMap<DeviceId, Heard>,
}

/// What pairing came to so far.
#[derive(Default)]
struct Progress {
    shown: Option<(DeviceState, Option<String>)>,
    paired_at: Option<Instant>,
    identity: Option<DeviceIdentity>,
    readings: Vec<serde_json::Value>,
    /// Whether the device is written down.
    is_remembered: bool,
    hung_up: bool,
}

impl Guide {
    async fn pair(&mut self, address: Option<DeviceId>) -> Result<(), Failure> {
        if let Some(note) = self.keeper.words(self.words) {
            tell(note);
        }
        tell(self.words.listening);
        let device = match address {
            Some(address) => self.wait_for(address).await?,
            None => self.choose().await?,
        };
        let heard = self.heard.get(&device).cloned().unwrap_or_default();
        let name = heard.name.clone().unwrap_or_else(|| device.to_string());
        match heard.support() {
            Support::No | Support::Unfetched(_) => {
                return Err(Failure::Failed(filled(self.words.not_supported, &[&name])));
            }
            Support::Model(model) if model.behaviour.advertisement_only => {
                tell(&filled(self.words.needs_none, &[&name]));
                let identity =
                    DeviceIdentity { id: device, model: Some(model.name.to_owned()), serial: None };
                return self.conclude(&identity, false, &[]);
            }
            Support::Model(_) | Support::Standard => {}
        }
        if self.asks {
            ask(&filled(self.words.pairing_mode, &[&name]));
            // The end of the input is an answer too: whoever asked for no questions would have said --yes.
            self.answers
                .recv()
                .await
                .ok_or_else(|| Failure::Wrong("--yes is needed without a terminal".into()))?;
        }
        self.bond(device, &name).await
    }

    async fn next(&mut self) -> Option<RadioEvent> {
        let heard = tokio::time::timeout_at(self.deadline, self.radio.next()).await.ok()??;
        self.heard.entry(heard.device.clone()).or_default().learn(&heard);
        Some(heard)
    }

    async fn wait_for(&mut self, address: DeviceId) -> Result<DeviceId, Failure> {
        while let Some(heard) = self.next().await {
            // Its name may follow; by then it is known what it is.
            if heard.device == address && self.heard[&address].support().is_there() {
                return Ok(address);
            }
        }
        if self.heard.contains_key(&address) {
            return Ok(address);
        }
        Err(self.none_heard())
    }

    fn none_heard(&self) -> Failure {
        let trouble = self.radio.links().borrow().trouble.clone();
        let timeout = self.timeout_s.to_string();
        Failure::Failed(trouble.unwrap_or_else(|| filled(self.words.none_heard, &[&timeout])))
    }

    /// Lists supported devices as they are heard, until one is chosen.
    async fn choose(&mut self) -> Result<DeviceId, Failure> {
        let mut listed: Vec<DeviceId> = Vec::new();
        let choose_at = Instant::now() + CHOOSE_AFTER;
        loop {
            let typed = tokio::select! {
                line = self.answers.recv(), if self.asks => {
                    Some(line.ok_or_else(|| Failure::Wrong(self.words.several.to_owned()))?)
                }
                heard = self.radio.next() => {
                    let Some(heard) = heard else { return Err(self.none_heard()) };
                    let known = self.heard.entry(heard.device.clone()).or_default();
                    known.learn(&heard);
                    if known.support().is_there() && !listed.contains(&heard.device) {
                        listed.push(heard.device.clone());
                        let name = known.name.as_deref().unwrap_or("-");
                        tell(&format!("{:>3}  {}  {}  {name}", listed.len(), heard.device, known.support().text()));
                        if self.asks {
                            ask(self.words.which);
                        }
                    }
                    None
                }
                () = tokio::time::sleep_until(choose_at), if !self.asks && !listed.is_empty() => {
                    return match listed.as_slice() {
                        [only] => Ok(only.clone()),
                        _ => Err(Failure::Wrong(self.words.several.to_owned())),
                    };
                }
                () = tokio::time::sleep_until(self.deadline) => return Err(self.none_heard()),
            };
            let number = typed.and_then(|line| line.trim().parse::<usize>().ok());
            if let Some(chosen) = number.and_then(|number| listed.get(number.checked_sub(1)?)) {
                return Ok(chosen.clone());
            }
        }
    }

    async fn bond(&mut self, mut device: DeviceId, name: &str) -> Result<(), Failure> {
        let settings = Settings {
            gateway_synced: self.clock.synced(),
            local_offset_s: clock::local_offset_s(self.clock.now()),
        };
        let mut home = Home::new(Rules::default(), settings, Vec::new());
        let (mut links, mut progress) = (self.radio.links(), Progress::default());
        loop {
            let until = progress.paired_at.map_or(self.deadline, |at| self.deadline.max(at + MEASURE_WITHIN));
            let until = progress.paired_at.map_or(until, |at| until.min(at + MEASURE_WITHIN));
            let duties = tokio::select! {
                heard = self.radio.next() => match heard {
                    Some(heard) => self.happened(heard, &mut device, &mut home, &mut progress),
                    None => break,
                },
                Ok(()) = links.changed() => {
                    let link = links.borrow_and_update().devices.get(&device).cloned();
                    if let Some(link) = link {
                        self.show(&link, name, &mut progress);
                    }
                    Vec::new()
                }
                Some(asked) = self.passkeys.recv() => {
                    self.type_passkey(asked, name).await;
                    Vec::new()
                }
                () = tokio::time::sleep(Duration::from_secs(1)) => home.handle_timeout(self.clock.now()),
                () = tokio::time::sleep_until(until) => break,
            };
            self.carry_out(duties, &mut progress).await?;
            if progress.paired_at.is_some() && progress.hung_up {
                break;
            }
        }
        let rest = home.finish(self.clock.now());
        self.carry_out(rest, &mut progress).await?;
        if progress.paired_at.is_none() {
            let why = links.borrow().devices.get(&device).and_then(|link| link.trouble.clone());
            let timeout = self.timeout_s.to_string();
            return Err(Failure::Failed(filled(
                self.words.not_paired,
                &[&timeout, &why.unwrap_or_default()],
            )));
        }
        let model = models::find(name).map(|model| model.name.to_owned());
        let unread = DeviceIdentity { id: device, model, serial: None };
        let identity = progress.identity.take().unwrap_or(unread);
        self.conclude(&identity, true, &progress.readings)
    }

    /// Has the person type what the device shows. bluetoothd gives up after half a minute by itself, so that this does as well.
    async fn type_passkey(&mut self, asked: PasskeyAsked, name: &str) {
        let until = self.deadline.min(Instant::now() + PASSKEY_WITHIN);
        loop {
            ask(&filled(self.words.passkey, &[name]));
            let Ok(Some(line)) = tokio::time::timeout_at(until, self.answers.recv()).await else { return };
            // Some devices show them in two groups of three.
            let digits: String = line.chars().filter(|it| !it.is_whitespace()).collect();
            match digits.parse() {
                Ok(passkey @ 0..=PASSKEY_MAX) if digits.len() == 6 => return asked.typed(passkey),
                Ok(_) | Err(_) => tell(self.words.not_six_digits),
            }
        }
    }

    /// Whatever is not an advertisement comes from the one device we connect to, under its own address once it has shown it.
    fn happened(
        &mut self,
        heard: RadioEvent,
        device: &mut DeviceId,
        home: &mut Home,
        progress: &mut Progress,
    ) -> Vec<Duty> {
        match &heard.event {
            Event::Advertised { .. } if heard.device != *device || progress.hung_up => return Vec::new(),
            Event::Connected { .. } => device.clone_from(&heard.device),
            Event::Disconnected if heard.device == *device => progress.hung_up = progress.paired_at.is_some(),
            Event::Advertised { .. }
            | Event::Disconnected
            | Event::Read { .. }
            | Event::Written { .. }
            | Event::Subscribed { .. }
            | Event::Notified { .. }
            | Event::Record { .. }
            | Event::Failed { .. } => {}
        }
        home.handle(heard)
    }

    fn show(&self, link: &DeviceLink, name: &str, progress: &mut Progress) {
        if link.bonded == Some(true) && progress.paired_at.is_none() {
            progress.paired_at = Some(Instant::now());
            tell(&filled(self.words.bonded, &[name]));
            tell(&filled(self.words.measure, &[&MEASURE_WITHIN.as_secs().to_string()]));
        }
        let now = (link.state, link.trouble.clone());
        if progress.shown.as_ref() == Some(&now) {
            return;
        }
        match (link.state, &link.trouble) {
            (DeviceState::Connecting, _) => tell(&filled(self.words.connecting, &[name])),
            (DeviceState::Pairing, None) => tell(&filled(self.words.pairing, &[name])),
            (DeviceState::Connected, None) => tell(&filled(self.words.connected, &[name])),
            (_, Some(trouble)) => tell(&filled(self.words.trouble, &[trouble])),
            (DeviceState::Away, None) => {}
        }
        progress.shown = Some(now);
    }

    async fn carry_out(&mut self, duties: Vec<Duty>, progress: &mut Progress) -> Result<(), Failure> {
        for duty in duties {
            match duty {
                Duty::Act(device, Action::Connect) if progress.hung_up => {
                    tracing::debug!(%device, "no second connection");
                }
                Duty::Act(device, action) => self.radio.act(&device, action).await,
                Duty::Seal(sealing) => {
                    let measurement = serde_json::to_value(&sealing.measurement).map_err(failed)?;
                    tell(&filled(self.words.measured, &[&measurement["values"].to_string()]));
                    if self.keeper.keep(&sealing)? {
                        tell(self.words.kept);
                    }
                    if !std::mem::replace(&mut progress.is_remembered, true) {
                        self.keeper.remember_heard(&sealing)?;
                    }
                    progress.identity = Some(sealing.device);
                    progress.readings.push(measurement);
                }
                Duty::Remember(known) => {
                    self.keeper.remember(&known)?;
                    progress.is_remembered = true;
                    progress.identity = Some(known.identity);
                }
                Duty::Keep(frame) => {
                    self.keeper.keep_undecoded(&frame)?;
                    tell(&format!("{}: {} ({})", frame.characteristic, frame.reason, frame.hex))
                }
                // The daemon's memory of the device is the daemon's.
                Duty::Memorise(..) => {}
            }
        }
        Ok(())
    }

    fn conclude(
        &self,
        identity: &DeviceIdentity,
        bonded: bool,
        readings: &[serde_json::Value],
    ) -> Result<(), Failure> {
        tell(&filled(self.words.register, &[identity.id.as_str()]));
        let result = serde_json::json!({
            "id": identity.id, "model": identity.model, "serial": identity.serial, "bonded": bonded, "readings": readings,
        });
        say(&format!("{result}\n"))
    }
}
