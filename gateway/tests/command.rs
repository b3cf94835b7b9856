//! The command as its users meet it: exit statuses, and the one line that says what is wrong.

mod support;

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Rules, Server, wait_for};

/// Three weighings of a scale with its clock an hour ahead of UTC, worked by hand: weights 16020, 16030 and 16040
/// times 0.005 kg, at 08:04, 08:05 and 08:06 by the device.
const CAPTURE: &str = r#"{"at":"2026-01-01T07:04:00.000Z","address":"54:6C:0E:00:00:01","name":"A&D_UC-352BLE_000001","event":"advertise","service_uuids":["181d"],"service_data":{}}
{"at":"2026-01-01T07:04:01.000Z","address":"54:6C:0E:00:00:01","event":"connect"}
{"at":"2026-01-01T07:04:01.300Z","address":"54:6C:0E:00:00:01","event":"read","characteristic":"2a08","hex":"ea070101080401"}
{"at":"2026-01-01T07:04:01.900Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"02943eea070101080400"}
{"at":"2026-01-01T07:04:02.000Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"029e3eea070101080300"}
{"at":"2026-01-01T07:04:02.100Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"02a83eea070101080200"}
{"at":"2026-01-01T07:04:03.000Z","address":"54:6C:0E:00:00:01","event":"disconnect"}
"#;

fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vagen-gateway"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    gateway(arguments).output().expect("starts")
}

fn play(folder: &Path, server: &Server, more: &[&str]) -> Output {
    let (capture, outbox) = (folder.join("c.jsonl"), folder.join("o.db"));
    std::fs::write(&capture, CAPTURE).expect("writes");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (capture, outbox) = (text(&capture), text(&outbox));
    let mut arguments = vec![
        "run",
        "--capture",
        &capture,
        "--broker",
        &server.url,
        "--gateway",
        "gw-0001",
        "--outbox",
        &outbox,
    ];
    arguments.extend(more);
    run(&arguments)
}

#[test]
fn a_capture_is_played_and_ends_with_every_receipt() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Rules::default());
    let played = play(folder.path(), &server, &[]);
    assert_eq!(played.status.code(), Some(0), "{played:?}");
    let stored = server.stored();
    let envelopes: Vec<_> = stored.values().next().expect("one outbox").values().collect();
    let of =
        |key: &str| envelopes.iter().map(|it| it.pointer(key).cloned().expect("there")).collect::<Vec<_>>();
    assert_eq!(of("/measurement/values/weight_kg"), [80.1, 80.15, 80.2]);
    // 07:04:01.300 by the gateway where the device showed 08:04:01: an offset of -3600 s to the second.
    assert_eq!(of("/measurement/clock_offset_s"), [-3600, -3600, -3600]);
    assert_eq!(
        of("/measurement/measured_at"),
        ["2026-01-01T07:04:00.000Z", "2026-01-01T07:03:00.000Z", "2026-01-01T07:02:00.000Z"]
    );
    assert_eq!(of("/device/id"), ["546c0e000001"; 3]);
    assert_eq!(of("/raw/hex")[0], "02943eea070101080400");
    for sealed_at in of("/sealed_at") {
        let sealed_at = sealed_at.as_str().expect("text").to_owned();
        assert!(
            sealed_at.starts_with("2026-01-01T07:04:0"),
            "the capture's clock is the gateway's: {sealed_at}"
        );
    }

    // Played again, nothing is new; status says so to whoever asks.
    let again = play(folder.path(), &server, &[]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert_eq!(server.stored().values().map(|it| it.len()).sum::<usize>(), 3);
    let outbox = folder.path().join("o.db");
    let said = run(&["status", "--json", "--outbox", outbox.to_str().expect("UTF-8")]);
    let status: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!((&status["last_seq"], &status["unreceipted"]), (&3.into(), &0.into()));
    assert_eq!(status["devices"][0]["id"], "546c0e000001");
}

/// What a person reads: first with everything delivered, then with a server that is silent and a frame cut after its second byte.
#[test]
fn status_is_told_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Rules::default());
    assert_eq!(play(folder.path(), &server, &[]).status.code(), Some(0));
    let outbox = folder.path().join("o.db").to_str().expect("UTF-8").to_owned();
    let told = || {
        let said = run(&["status", "--outbox", &outbox]);
        assert_eq!((said.status.code(), said.stderr.as_slice()), (Some(0), &b""[..]));
        let text = String::from_utf8(said.stdout).expect("UTF-8");
        // The database's name is random, and when a receipt came depends on how fast the capture was played.
        let masked = |line: &str| match line.split_once("receipt ") {
            Some((before, at)) if at.starts_with("2026-01-01T07:04:0") => format!("{before}receipt AT"),
            _ if line.starts_with("outbox ") => "outbox           ID".to_owned(),
            _ if line.starts_with("last receipt     2026-01-01T07:04:0") => "last receipt     AT".to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(masked).collect::<Vec<_>>().join("\n")
    };
    let delivered = r#"gateway          gw-0001
daemon           does not run
outbox           ID
last number      3
without receipt  0
  oldest sealed  -
last receipt     AT
set aside        0
undecodable      0
device 546c0e000001 A&D UC-352BLE, last heard 2026-01-01T07:04:03.000Z
reading 3 546c0e000001 2026-01-01T07:02:00.000Z weight {"weight_kg":80.2}, receipt AT
reading 2 546c0e000001 2026-01-01T07:03:00.000Z weight {"weight_kg":80.15}, receipt AT
reading 1 546c0e000001 2026-01-01T07:04:00.000Z weight {"weight_kg":80.1}, receipt AT"#;
    assert_eq!(told(), delivered);

    let silent = Server::start(Rules { receipt: false, ..Rules::default() });
    let more = r#"{"at":"2026-01-01T07:05:00.000Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"02b2"}
{"at":"2026-01-01T07:05:01.000Z","address":"54:6C:0E:00:00:01","event":"read","characteristic":"2a19","hex":"42"}
{"at":"2026-01-01T07:05:02.000Z","address":"54:6C:0E:00:00:01","event":"notify","characteristic":"2a9d","hex":"02b23eea070101080500"}
"#;
    let capture = folder.path().join("more.jsonl");
    std::fs::write(&capture, more).expect("writes");
    let played = run(&[
        "run",
        "--capture",
        capture.to_str().expect("UTF-8"),
        "--broker",
        &silent.url,
        "--gateway",
        "gw-0001",
        "--outbox",
        &outbox,
        "--timeout-s",
        "1",
    ]);
    assert_eq!(played.status.code(), Some(1), "{played:?}");
    let told = told();
    for line in [
        "last number      4",
        "without receipt  1",
        "  oldest sealed  2026-01-01T07:05:02.000Z",
        "undecodable      1",
        "  last at 2026-01-01T07:05:00.000Z from 546c0e000001 on 2a9d: 2a9d frame ends in field 'weight' at byte 1: has 2 bytes, needs 3 (02b2)",
        "device 546c0e000001 A&D UC-352BLE, last heard 2026-01-01T07:05:02.000Z, battery 66 %",
        r#"reading 4 546c0e000001 2026-01-01T07:05:02.000Z weight {"weight_kg":80.25}, no receipt yet"#,
    ] {
        assert!(told.lines().any(|got| got == line), "{line}\nin\n{told}");
    }
}

#[test]
fn a_server_without_receipts_is_status_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Rules { receipt: false, ..Rules::default() });
    let played = play(folder.path(), &server, &["--timeout-s", "1"]);
    assert_eq!(played.status.code(), Some(1), "{played:?}");
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    assert!(said.contains("3 of 3 envelopes have no receipt after 1 s"), "{said}");

    // The same outbox against a server that works: nothing was lost by giving up.
    let server = Server::start(Rules::default());
    assert_eq!(play(folder.path(), &server, &[]).status.code(), Some(0));
    assert_eq!(server.stored().values().map(|it| it.len()).sum::<usize>(), 3);
}

/// What is asked, and how the one line on stderr begins.
#[test]
fn what_is_wrong_is_status_2_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writes");
        path.to_str().expect("UTF-8").to_owned()
    };
    let bad_line = file("bad.jsonl", "\n{\"at\":\"yesterday\"}\n");
    let good = file("good.jsonl", CAPTURE);
    let misspelt = file("misspelt.toml", "gateway = \"gw\"\nbroker = \"mqtt://127.0.0.1\"\nbrokr = 1\n");
    let not_ours = file("not-ours.db", "");
    let foreign = folder.path().join("not-ours.db");
    rusqlite::Connection::open(&foreign)
        .and_then(|db| db.execute_batch("CREATE TABLE t (x)"))
        .expect("a database");
    let technician = ["--broker", "mqtt://127.0.0.1:1", "--gateway", "gw-0001"];
    let rows: [(Vec<&str>, String); 7] = [
        ([&["run", "--capture", &bad_line][..], &technician].concat(), format!("{bad_line}: line 2: ")),
        (vec!["run", "--config", &misspelt], format!("{misspelt}: line 3: unknown field `brokr`")),
        (vec!["run", "--config", "/nowhere.toml"], "/nowhere.toml: ".into()),
        (vec!["run", "--capture", &good], "arguments: gateway: must be given".into()),
        ([&["run", "--capture", "/nowhere.jsonl"][..], &technician].concat(), "/nowhere.jsonl: ".into()),
        (
            [&["run", "--capture", &good, "--outbox", &not_ours][..], &technician].concat(),
            format!("{not_ours} is another program's database"),
        ),
        (vec!["status", "--outbox", "/nowhere.db"], "there is no outbox at /nowhere.db".into()),
    ];
    for (arguments, expected) in rows {
        let done = run(&arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with(&format!("vagen-gateway: {expected}")), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(done.stdout.is_empty());
    }
}

#[test]
fn the_printed_configuration_is_one() {
    let printed = run(&["run", "--print-config"]);
    assert_eq!(printed.status.code(), Some(0));
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(text.contains("history_days = 90"), "{text}");
}

fn stop(child: &mut Child, signal: &str) -> (Option<i32>, Duration) {
    let asked = Instant::now();
    let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    let status = child.wait().expect("ends");
    (status.code(), asked.elapsed())
}

/// The daemon on a box that may have no Bluetooth and no network: it stays up, and stops at once when told to.
#[test]
fn the_daemon_stays_up_without_anything_and_stops_when_told() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().expect("a folder");
        let outbox = folder.path().join("o.db");
        let outbox = outbox.to_str().expect("UTF-8");
        let arguments = ["run", "--broker", "mqtt://127.0.0.1:1", "--gateway", "gw-0001", "--outbox", outbox];
        let mut child = gateway(&arguments).stderr(Stdio::piped()).spawn().expect("starts");
        std::thread::sleep(Duration::from_millis(1_500));
        assert_eq!(child.try_wait().expect("asks"), None, "it stays up");
        let (code, took) = stop(&mut child, signal);
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(2), "{took:?}");
        let mut said = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!(said.matches("trying again every 10 s").count(), 1, "{said}");
    }
}

/// Killed in the middle of a capture and played again, ten times: every weighing once, none twice.
#[test]
fn kill_9_in_the_middle_of_a_capture_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(Rules::default());
    let (capture, outbox) = (folder.path().join("c.jsonl"), folder.path().join("o.db"));
    let mut text = String::new();
    for nth in 0..200 {
        let (hour, minute) = (7 + nth / 60, nth % 60);
        let hex = format!("02943eea070101{hour:02x}{minute:02x}00");
        text += &format!(
            "{{\"at\":\"2026-01-01T12:00:{:02}.{:03}Z\",\"address\":\"54:6C:0E:00:00:01\",\"name\":\"A&D_UC-352BLE_000001\",\"event\":\"notify\",\"characteristic\":\"2a9d\",\"hex\":\"{hex}\"}}\n",
            nth / 10,
            nth % 10 * 100
        );
    }
    std::fs::write(&capture, text).expect("writes");
    let arguments = [
        "run",
        "--gateway",
        "gw-0001",
        "--broker",
        &server.url,
        "--capture",
        capture.to_str().expect("UTF-8"),
        "--outbox",
        outbox.to_str().expect("UTF-8"),
    ];
    for round in 0..10 {
        let mut child =
            gateway(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(Duration::from_millis(10 + 25 * round));
        // It may have finished by itself.
        let _ = child.kill();
        child.wait().expect("ends");
    }
    let last = run(&arguments);
    assert_eq!(last.status.code(), Some(0), "{last:?}");
    wait_for("every weighing", || server.stored().values().map(|it| it.len()).sum::<usize>() == 200);
    let stored = server.stored();
    let frames: std::collections::BTreeSet<_> = stored
        .values()
        .flat_map(|outbox| outbox.values().map(|it| it["raw"]["hex"].as_str().expect("text").to_owned()))
        .collect();
    assert_eq!((stored.len(), frames.len()), (1, 200));
}
