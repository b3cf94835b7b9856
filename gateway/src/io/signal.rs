//! The signal's edge: a line of a GPIO chip for the lamp, one for the buzzer, and a program that plays a sound.
//!
//! **Invariant:** an output that fails is said once and never holds up a reading; when this ends, lamp and buzzer are off.

use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use gpiocdev::Request;
use gpiocdev::line::Value;
use tokio::sync::watch;

use super::clock::{Clock, local_offset_s};
use crate::outbox::Depth;
use crate::signal::{Levels, QuietHours, Seen, Sign, Signal};
use crate::vigil::Vigil;

/// How often the quiet hours are looked up when nothing else happens.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A player that takes longer is stopped.
const SOUND_MAX: Duration = Duration::from_secs(10);

/// A line of a GPIO chip: `/dev/gpiochip0:17`, with `!` in front where the lamp is lit by a low level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The chip.
    pub chip: PathBuf,
    /// The line's number on it.
    pub offset: u32,
    /// Whether a low level is on.
    pub active_low: bool,
}

/// Why a text is no line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not /dev/gpiochipN:LINE")]
pub struct LineError(String);

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let wrong = || LineError(text.chars().take(80).collect());
        let rest = text.strip_prefix('!').unwrap_or(text);
        let (chip, offset) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let offset = offset.parse().map_err(|_| wrong())?;
        if !chip.starts_with('/') {
            return Err(wrong());
        }
        Ok(Self { chip: chip.into(), offset, active_low: text.starts_with('!') })
    }
}

/// A program that plays a sound: its words, and the folder with the three files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// The program and its arguments; the file comes last.
    pub command: Vec<String>,
    /// Where `received.wav`, `delivered.wav` and `wrong.wav` are.
    pub sounds: PathBuf,
}

/// What of all this a home has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The lamp.
    pub lamp: Option<Line>,
    /// The buzzer.
    pub buzzer: Option<Line>,
    /// The player.
    pub player: Option<Player>,
    /// When nothing begins by itself; `None` for never.
    pub quiet: Option<QuietHours>,
    /// After how long without a receipt something is wrong.
    pub undelivered_after: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            lamp: None,
            buzzer: None,
            player: None,
            quiet: Some(QuietHours::default()),
            undelivered_after: Duration::from_secs(12 * 3_600),
        }
    }
}

/// What can be lit and sounded. The seam between the machine and the box.
pub trait Outputs: Send {
    /// Sets lamp and buzzer.
    ///
    /// # Errors
    /// What the system says; the rest was set.
    fn set(&mut self, levels: Levels) -> io::Result<()>;

    /// Begins to play a sound; one that still plays goes on, and this one is not played.
    ///
    /// # Errors
    /// What the system says.
    fn play(&mut self, sign: Sign) -> io::Result<()>;
}

/// The box's own outputs.
#[derive(Debug)]
pub struct Board {
    lamp: Option<Request>,
    buzzer: Option<Request>,
    player: Option<Player>,
    playing: Option<(Child, Instant)>,
}

impl Board {
    /// Takes hold of the lines in `setup`, all off, and says which cannot be had: a home without its lamp still has its
    /// scale.
    #[must_use]
    pub fn open(setup: &Setup) -> (Self, Vec<io::Error>) {
        let mut missing = Vec::new();
        let mut line = |line: &Option<Line>| match line.as_ref().map(hold).transpose() {
            Ok(line) => line,
            Err(error) => {
                missing.push(error);
                None
            }
        };
        let (lamp, buzzer) = (line(&setup.lamp), line(&setup.buzzer));
        (Self { lamp, buzzer, player: setup.player.clone(), playing: None }, missing)
    }
}

impl Board {
    /// Lets go of a player that has ended, or that has taken too long.
    fn reap(&mut self) -> io::Result<()> {
        let Some((child, since)) = &mut self.playing else { return Ok(()) };
        if child.try_wait()?.is_none() {
            if since.elapsed() < SOUND_MAX {
                return Ok(());
            }
            child.kill()?;
            child.wait()?;
        }
        self.playing = None;
        Ok(())
    }
}

fn hold(line: &Line) -> io::Result<Request> {
    let mut builder = Request::builder();
    builder.on_chip(&line.chip).with_consumer("vagen-gateway").with_line(line.offset);
    if line.active_low {
        builder.as_active_low();
    }
    builder
        .as_output(Value::Inactive)
        .request()
        .map_err(|error| io::Error::other(format!("{} line {}: {error}", line.chip.display(), line.offset)))
}

fn set(line: Option<&Request>, is_on: bool) -> io::Result<()> {
    let level = if is_on { Value::Active } else { Value::Inactive };
    line.map_or(Ok(()), |line| line.set_lone_value(level).map_err(io::Error::other))
}

impl Outputs for Board {
    fn set(&mut self, levels: Levels) -> io::Result<()> {
        self.reap()?;
        let lamp = set(self.lamp.as_ref(), levels.lamp);
        set(self.buzzer.as_ref(), levels.buzzer).and(lamp)
    }

    fn play(&mut self, sign: Sign) -> io::Result<()> {
        self.reap()?;
        let Some(player) = self.player.as_ref().filter(|_| self.playing.is_none()) else { return Ok(()) };
        let Some((program, arguments)) = player.command.split_first() else { return Ok(()) };
        let child = Command::new(program)
            .args(arguments)
            .arg(player.sounds.join(sign.key()).with_extension("wav"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("{program}: {error}")))?;
        self.playing = Some((child, Instant::now()));
        Ok(())
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.set(Levels::default());
        if let Some((child, _)) = &mut self.playing {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Shows what `vigil` and `depth` say on `outputs`, for ever.
pub async fn show(
    setup: Setup,
    mut outputs: impl Outputs,
    vigil: Vigil,
    mut depth: watch::Receiver<Depth>,
    clock: Clock,
) {
    let mut signal = Signal::new(setup.undelivered_after);
    let mut standing = vigil.watch();
    let (mut levels, mut failed) = (Levels::default(), false);
    loop {
        let now = Instant::now();
        let is_quiet = setup.quiet.is_some_and(|hours| is_quiet(hours, &clock));
        let seen = Seen {
            standing: standing.borrow_and_update().clone(),
            depth: *depth.borrow_and_update(),
            is_quiet,
        };
        signal.look(now, seen);
        let next = signal.levels(now);
        let mut done = if next == levels { Ok(()) } else { outputs.set(next) };
        levels = next;
        while let Some(sign) = signal.next_sound() {
            done = done.and(outputs.play(sign));
        }
        match done {
            Err(error) if !failed => {
                tracing::error!(%error, "the signal fails; further failures are not logged");
                failed = true;
            }
            Err(_) | Ok(()) => {}
        }
        let until = signal.next_deadline(now).unwrap_or(now + LOOK_EVERY).min(now + LOOK_EVERY);
        tokio::select! {
            // Both senders are held by the gateway that runs this.
            _ = standing.changed() => {}
            _ = depth.changed() => {}
            () = tokio::time::sleep_until(until.into()) => {}
        }
    }
}

/// A clock that nobody has set since the box started may say any hour: then no hour is quiet, for a box that never
/// reaches the network must not stay dark.
fn is_quiet(hours: QuietHours, clock: &Clock) -> bool {
    if !clock.synced() {
        return false;
    }
    let now = clock.now();
    let local_s = now.as_millis().div_euclid(1_000) + local_offset_s(now);
    u16::try_from(local_s.rem_euclid(86_400) / 60).is_ok_and(|minute| hours.contains(minute))
}

#[cfg(test)]
mod tests;
