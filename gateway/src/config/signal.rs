//! The keys of the signal at home, from text to [`Setup`].
//!
//! **Invariant:** a player without words is refused, not taken for none.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::io::signal::{Line, Player, Setup};
use crate::signal::QuietHours;

/// Where the sounds are when a file does not say.
pub(super) const SOUNDS_DEFAULT: &str = "/usr/share/vagen-gateway/sounds";

/// The keys as they are in the file.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) lamp: Option<String>,
    pub(super) buzzer: Option<String>,
    pub(super) player: Option<Vec<String>>,
    pub(super) sounds: Option<PathBuf>,
    pub(super) quiet: Option<String>,
    pub(super) wrong_after_h: Option<u32>,
}

/// Reads the keys; the error names the key.
pub(super) fn setup(keys: Keys) -> Result<Setup, (&'static str, String)> {
    let defaults = Setup::default();
    let player = match keys.player {
        None => None,
        Some(command) if command.is_empty() => {
            return Err(("signal_player", "must name a program".to_owned()));
        }
        Some(command) => {
            let sounds = keys.sounds.unwrap_or_else(|| SOUNDS_DEFAULT.into());
            Some(Player { command, sounds })
        }
    };
    let undelivered_after = match keys.wrong_after_h {
        None => defaults.undelivered_after,
        Some(0) => return Err(("signal_wrong_after_h", "must be at least 1".to_owned())),
        Some(hours) => Duration::from_secs(u64::from(hours) * 3_600),
    };
    Ok(Setup {
        lamp: read::<Line>("signal_lamp", keys.lamp)?,
        buzzer: read::<Line>("signal_buzzer", keys.buzzer)?,
        player,
        quiet: read::<QuietHours>("signal_quiet", keys.quiet)?.or(defaults.quiet),
        undelivered_after,
    })
}

fn read<T>(key: &'static str, text: Option<String>) -> Result<Option<T>, (&'static str, String)>
where
    T: FromStr,
    T::Err: ToString,
{
    text.map(|text| text.parse().map_err(|error: T::Err| (key, error.to_string()))).transpose()
}
