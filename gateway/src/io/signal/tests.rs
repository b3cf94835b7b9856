//! The edge against a recorder, a player that writes down what it was asked, and the kernel's own simulated lines.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::outbox::Depth;
use crate::vigil::Trouble;

/// Rows by the form the configuration documents.
#[test]
fn a_line_is_a_chip_and_a_number() {
    let rows = [
        ("/dev/gpiochip0:17", Some(("/dev/gpiochip0", 17, false))),
        ("!/dev/gpiochip4:3", Some(("/dev/gpiochip4", 3, true))),
        ("/dev/gpiochip0", None),
        ("gpiochip0:17", None),
        ("/dev/gpiochip0:GPIO17", None),
        ("/dev/gpiochip0:-1", None),
        ("", None),
    ];
    for (text, expected) in rows {
        let expected =
            expected.map(|(chip, offset, active_low)| Line { chip: chip.into(), offset, active_low });
        assert_eq!(text.parse::<Line>().ok(), expected, "{text}");
    }
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<(Vec<Levels>, Vec<Sign>)>>);

impl Outputs for Recorder {
    fn set(&mut self, levels: Levels) -> io::Result<()> {
        self.0.lock().expect("sound").0.push(levels);
        Err(io::Error::other("a lamp that fails must hold up nothing"))
    }

    fn play(&mut self, sign: Sign) -> io::Result<()> {
        self.0.lock().expect("sound").1.push(sign);
        Ok(())
    }
}

fn clock() -> Clock {
    let noon = vitals::Timestamp::from_millis(1_767_268_800_000).expect("2026-01-01T12:00:00Z");
    Clock::of(move || noon)
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}");
}

/// From a sealed reading to the lamp, through everything but the line itself.
#[tokio::test]
async fn a_sealed_reading_lights_the_lamp() {
    let (vigil, recorder) = (Vigil::default(), Recorder::default());
    let (sender, depth) = watch::channel(Depth::default());
    let setup = Setup { quiet: None, ..Setup::default() };
    let shown = tokio::spawn(show(setup, recorder.clone(), vigil.clone(), depth, clock()));
    let sounds = || recorder.0.lock().expect("sound").1.clone();
    let head = Some(vitals::Seq::FIRST);
    sender.send_replace(Depth { last_seq: 1, unreceipted: 1, head });
    vigil.sealed();
    until("received", || sounds() == [Sign::Received]).await;
    let lit = recorder.0.lock().expect("sound").0.first().copied();
    assert_eq!(lit, Some(Levels { lamp: true, buzzer: true }));
    sender.send_replace(Depth { last_seq: 1, unreceipted: 0, head: None });
    until("delivered", || sounds() == [Sign::Received, Sign::Delivered]).await;
    vigil.trouble(Trouble::NoRoom, true);
    until("wrong", || sounds().last() == Some(&Sign::Wrong)).await;
    shown.abort();
}

#[test]
fn a_player_is_given_the_file_of_the_sign() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = folder.path().join("played");
    let script = format!("echo \"$0\" >> {}", written.display());
    let player = Player {
        command: vec!["sh".into(), "-c".into(), script],
        sounds: "/usr/share/vagen-gateway/sounds".into(),
    };
    let setup = Setup { player: Some(player), ..Setup::default() };
    let (mut board, _) = Board::open(&setup);
    for sign in [Sign::Received, Sign::Delivered, Sign::Wrong] {
        board.play(sign).expect("sh is there");
        let (child, _) = board.playing.as_mut().expect("it plays");
        assert!(child.wait().expect("ends").success());
    }
    let expected = ["received", "delivered", "wrong"]
        .map(|name| format!("/usr/share/vagen-gateway/sounds/{name}.wav\n"))
        .concat();
    assert_eq!(std::fs::read_to_string(written).expect("it was asked"), expected);
}

#[test]
fn a_player_that_is_not_there_is_an_error_with_its_name() {
    let player = Player { command: vec!["/nowhere/player".into()], sounds: "/".into() };
    let (mut board, _) = Board::open(&Setup { player: Some(player), ..Setup::default() });
    let error = board.play(Sign::Received).expect_err("no such program").to_string();
    assert!(error.starts_with("/nowhere/player: "), "{error}");
}

/// Said, and no reason not to listen: the rest works without it.
#[test]
fn a_line_that_cannot_be_had_is_named_and_done_without() {
    let line: Line = "/dev/null:3".parse().expect("a line");
    let (mut board, missing) = Board::open(&Setup { lamp: Some(line), ..Setup::default() });
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert!(missing.len() == 1 && missing[0].starts_with("/dev/null line 3: "), "{missing:?}");
    board.set(Levels { lamp: true, buzzer: true }).expect("nothing to set");
}

/// Eight lines of the kernel's gpio-sim (`modprobe gpio-sim`, configfs, root). Without it, this says so and tests nothing:
/// what remains then is the seam above.
#[test]
fn simulated_lines_follow_the_levels() {
    let Some(chip) = Simulated::new() else {
        eprintln!("the kernel has no gpio-sim here: no line was switched");
        return;
    };
    let line = |text: String| Some(text.parse::<Line>().expect("a line"));
    let setup = Setup {
        lamp: line(format!("{}:2", chip.device)),
        buzzer: line(format!("!{}:5", chip.device)),
        ..Setup::default()
    };
    let (mut board, missing) = Board::open(&setup);
    assert_eq!(missing.len(), 0, "it holds its lines");
    assert_eq!((chip.level(2), chip.level(5)), (0, 1), "both off, one of them turned round");
    board.set(Levels { lamp: true, buzzer: false }).expect("sets");
    assert_eq!((chip.level(2), chip.level(5)), (1, 1));
    board.set(Levels { lamp: false, buzzer: true }).expect("sets");
    assert_eq!((chip.level(2), chip.level(5)), (0, 0));
    assert_eq!(Board::open(&setup).1.len(), 2, "a line has one holder");
    eprintln!("gpio-sim: lines of {} followed", chip.device);
}

/// A chip made through configfs, gone when dropped.
struct Simulated {
    config: std::path::PathBuf,
    device: String,
    lines: String,
}

impl Simulated {
    fn new() -> Option<Self> {
        let config = Path::new("/sys/kernel/config/gpio-sim").join(format!("vagen-{}", std::process::id()));
        std::fs::create_dir_all(config.join("bank0")).ok()?;
        let write = |name: &str, text: &str| std::fs::write(config.join(name), text).ok();
        write("bank0/num_lines", "8")?;
        write("live", "1")?;
        let read = |name: &str| Some(std::fs::read_to_string(config.join(name)).ok()?.trim().to_owned());
        let (chip, device) = (read("bank0/chip_name")?, read("dev_name")?);
        let lines = format!("/sys/devices/platform/{device}/{chip}");
        Some(Self { config, device: format!("/dev/{chip}"), lines })
    }

    fn level(&self, line: u32) -> u8 {
        let text = std::fs::read_to_string(format!("{}/sim_gpio{line}/value", self.lines)).expect("a level");
        text.trim().parse().expect("0 or 1")
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = std::fs::write(self.config.join("live"), "0");
        let _ = std::fs::remove_dir(self.config.join("bank0"));
        let _ = std::fs::remove_dir(&self.config);
    }
}
