//! A capture file in place of the radio.
//!
//! Checked from end to end before the first event is played, so that a bad line costs nothing but the attempt.
//!
//! **Invariant:** no line longer than [`LINE_BYTES_MAX`] is ever held.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use devices::session::Action;
use vitals::{DeviceId, Timestamp};

use super::clock::{Clock, PlayedClock};
use crate::capture::{LINE_BYTES_MAX, LineError, event_of};
use crate::source::{BleSource, RadioEvent};

/// How fast a capture is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the events can be taken.
    #[default]
    Fast,
    /// With the pauses it was recorded with.
    Real,
}

/// Why a capture cannot be played. One line that names the file and the line.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no event.
    #[error("{file}: line {line}: {source}")]
    Line {
        /// The file.
        file: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// Why.
        source: LineError,
    },
    /// A line is too long to be an event.
    #[error("{file}: line {line}: longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// The file.
        file: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
    /// A line is no text.
    #[error("{file}: line {line}: not UTF-8")]
    NotText {
        /// The file.
        file: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
}

/// Plays a capture.
#[derive(Debug)]
pub struct CapturePlayer {
    lines: Lines,
    pace: Pace,
    clock: PlayedClock,
    lasts: Duration,
    /// The event that waits for its time.
    waiting: Option<(RadioEvent, tokio::time::Instant)>,
    last_at: Option<Timestamp>,
}

impl CapturePlayer {
    /// Opens and checks the capture in `file`.
    ///
    /// # Errors
    /// [`CaptureError`] for the first line that is no event.
    pub fn open(file: &Path, pace: Pace) -> Result<Self, CaptureError> {
        let (mut first, mut lasts_ms) = (None, 0);
        let mut lines = Lines::open(file)?;
        let mut last = None;
        while let Some(event) = lines.next()? {
            first.get_or_insert(event.at);
            lasts_ms += last.map_or(0, |last| u64::try_from(event.at.millis_since(last)).unwrap_or(0));
            last = Some(event.at);
        }
        let lasts = match pace {
            Pace::Fast => Duration::ZERO,
            Pace::Real => Duration::from_millis(lasts_ms),
        };
        let clock = PlayedClock::new(first.unwrap_or_else(super::clock::system_now));
        Ok(Self { lines: Lines::open(file)?, pace, clock, lasts, waiting: None, last_at: None })
    }

    /// The gateway's clock as the capture tells it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        let clock = self.clock.clone();
        Clock::played(move || clock.now())
    }

    /// How long it takes to play at its pace.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    fn fetch(&mut self) -> Option<(RadioEvent, tokio::time::Instant)> {
        let event = match self.lines.next() {
            Ok(event) => event?,
            Err(error) => {
                // It was sound when it was opened.
                tracing::error!(%error, "the capture changed while it was played");
                return None;
            }
        };
        let pause_ms = match (self.pace, self.last_at) {
            (Pace::Real, Some(last)) => u64::try_from(event.at.millis_since(last)).unwrap_or(0),
            (Pace::Real, None) | (Pace::Fast, _) => 0,
        };
        self.last_at = Some(event.at);
        Some((event, tokio::time::Instant::now() + Duration::from_millis(pause_ms)))
    }
}

impl BleSource for CapturePlayer {
    async fn next(&mut self) -> Option<RadioEvent> {
        if self.waiting.is_none() {
            self.waiting = Some(self.fetch()?);
        }
        if let (Pace::Real, Some((_, due))) = (self.pace, &self.waiting) {
            tokio::time::sleep_until(*due).await;
        }
        let (event, _) = self.waiting.take()?;
        self.clock.set(event.at);
        Some(event)
    }

    async fn act(&mut self, _device: &DeviceId, _action: Action) {}
}

#[derive(Debug)]
struct Lines {
    file: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl Lines {
    fn open(file: &Path) -> Result<Self, CaptureError> {
        let unreadable = |source| CaptureError::Unreadable { file: file.to_owned(), source };
        let opened = File::open(file).map_err(unreadable)?;
        if !opened.metadata().map_err(unreadable)?.is_file() {
            return Err(unreadable(std::io::Error::other("not a regular file")));
        }
        Ok(Self { file: file.to_owned(), reader: BufReader::new(opened), line: 0 })
    }

    fn next(&mut self) -> Result<Option<RadioEvent>, CaptureError> {
        loop {
            let mut bytes = Vec::new();
            self.line += 1;
            let (file, line) = (self.file.clone(), self.line);
            let read = (&mut self.reader).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut bytes);
            match read {
                Ok(0) => return Ok(None),
                Ok(_) if bytes.len() > LINE_BYTES_MAX => return Err(CaptureError::TooLong { file, line }),
                Ok(_) => {}
                Err(source) => return Err(CaptureError::Unreadable { file, source }),
            }
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| CaptureError::NotText { file: file.clone(), line })?
                .trim();
            if !text.is_empty() {
                return event_of(text).map(Some).map_err(|source| CaptureError::Line { file, line, source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"at":"2026-01-01T07:04:01.000Z","address":"54:6C:0E:00:00:01","event":"connect"}"#;

    /// A file's text and what is said of it; the rest of the line is checked beside the format.
    #[test]
    fn a_bad_line_is_named_before_anything_is_played() {
        let long = format!("{LINE}\n\n{}", " ".repeat(LINE_BYTES_MAX + 1));
        let rows: [(&[u8], Option<&str>); 5] = [
            (LINE.as_bytes(), None),
            (b"\n\n", None),
            (b"\nnonsense\n", Some("line 2: expected")),
            (long.as_bytes(), Some("line 3: longer than 16384 bytes")),
            (&[b'{', 0xff, b'}'], Some("line 1: not UTF-8")),
        ];
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.jsonl");
        for (text, expected) in rows {
            std::fs::write(&path, text).expect("writes");
            let got = CapturePlayer::open(&path, Pace::Fast).err().map(|error| error.to_string());
            match (got, expected) {
                (Some(got), Some(expected)) => {
                    assert!(got.starts_with(&format!("{}: {expected}", path.display())), "{got}");
                }
                (got, expected) => assert_eq!(got.as_deref(), expected),
            }
        }
        assert!(CapturePlayer::open(folder.path(), Pace::Fast).is_err(), "a folder is no capture");
    }

    #[tokio::test]
    async fn a_capture_plays_at_its_own_pace_and_tells_the_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("c.jsonl");
        let later = LINE.replace("01.000Z", "01.200Z");
        std::fs::write(&path, format!("{LINE}\n{later}\n")).expect("writes");
        for (pace, least) in [(Pace::Fast, 0), (Pace::Real, 200)] {
            let mut player = CapturePlayer::open(&path, pace).expect("sound");
            let (clock, started) = (player.clock(), std::time::Instant::now());
            assert_eq!(clock.now().to_string(), "2026-01-01T07:04:01.000Z");
            while player.next().await.is_some() {}
            assert_eq!(clock.now().to_string(), "2026-01-01T07:04:01.200Z");
            assert!(started.elapsed() >= Duration::from_millis(least), "{pace:?}");
        }
    }
}
