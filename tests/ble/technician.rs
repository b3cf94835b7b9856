//! What a technician does with the gateway's commands: looking around, recording a visit and playing it, pairing, asking how
//! things are.

use std::io::Write as _;
use std::process::{ChildStdin, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cases::Case;
use crate::house::Daemon;
use crate::support::{stderr, stdout, wait_for};
use crate::{Counts, World, identity, pressures, weights};

/// In the order in which they run.
pub(crate) const ALL: &[Case] = &[
    ("recorded, and the recording played", recorded),
    ("paired by the guide", guided),
    ("paired by a person", chosen),
    ("paired by a code that the cuff shows", typed),
];

fn output(command: &mut Command) -> Output {
    command.output().expect("vagen-gateway starts")
}

/// What makes two envelopes the same: all but who sealed them, when, under which number.
fn content(envelope: &Value) -> Value {
    json!({
        "raw": envelope["raw"], "kind": envelope["kind"], "values": envelope["values"], "at": envelope["at"],
        "clock": envelope["clock"], "outcome": envelope["outcome"], "patient": envelope["patient"],
    })
}

/// A scale is recorded; the recording is played by one gateway and then by another, and gives the same envelopes. A visit like it
/// that a third gateway reads live gives them too, but for the second in which the clock was read.
fn recorded(world: &mut World) -> Counts {
    let device = "recorded-scale";
    let (given, stored) = weights(65.0, 3, 0);
    // It thinks before it sends, so that it has always said its serial number by then.
    let scale = json!({ "kind": "scale", "name": "A&D_UC-352BLE_000010", "clock_s": -600, "serial": "77", "battery": 50, "thinks_s": 2.0 });
    let with = |records: Value| {
        let mut scale = scale.clone();
        scale["records"] = records;
        scale
    };
    world.stop_gateway();
    let capture = world.house.file("visit.jsonl");
    let recording = {
        let log = world.house.file("record.log");
        let path = capture.to_str().expect("UTF-8");
        Daemon::start(&mut world.house.command(&["record", path]), &log)
    };
    world.add(device, with(given.clone()));
    let report = world.until_confirmed(device, 3);
    assert_eq!(report.clock_writes, Vec::<String>::new(), "a recording sets no clock");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(recording.stop(), Some(0));
    world.lab.remove(device);
    let text = std::fs::read_to_string(&capture).expect("a capture");
    let notified =
        text.lines().filter(|line| line.contains(r#""event":"notify""#) && line.contains("2a9d")).count();
    assert_eq!(notified, 3, "{text}");

    let mut played = Vec::new();
    for gateway in ["gw-0001", "gw-0002"] {
        let configuration = world.house.configuration(gateway);
        let path = capture.to_str().expect("UTF-8");
        let done = output(&mut world.house.command(&["run", "--config", &configuration, "--capture", path]));
        assert!(done.status.success(), "{}", stderr(&done));
        let said: Value = serde_json::from_str(&stdout(&done)).expect("JSON");
        assert_eq!((&said["sealed"], &said["unreceipted"]), (&json!(3), &json!(0)), "{said}");
        let outbox = world.house.file(&format!("{gateway}.db"));
        let said = output(&mut world.house.command(&[
            "status",
            "--json",
            "--outbox",
            outbox.to_str().expect("UTF-8"),
        ]));
        let status: Value = serde_json::from_str(&stdout(&said)).expect("JSON");
        assert_eq!(status["running"], false);
        let last = status["last_readings"].as_array().expect("readings").iter().take(3);
        played.push(last.map(|reading| reading["measurement"].clone()).collect::<Vec<_>>());
    }
    assert_eq!(played[0], played[1], "the same capture, the same envelopes");

    let once = world.until_stored(device, 3);
    assert_eq!(once.len(), 3, "the second gateway's are the same weighings");
    for (reading, expected) in once.iter().zip(&stored) {
        assert_eq!(reading["values"]["weight_kg"], expected["weight_kg"]);
        assert_eq!(reading["clock"], "offset_corrected", "{reading}");
    }
    // The same weighings live, into an outbox of its own.
    let daemon = world.house.gateway("gw-0003");
    world.add(device, with(given));
    world.until_confirmed(device, 3);
    wait_for("the live gateway to seal them", || (daemon.received(identity(device)) == 3).then_some(()));
    world.lab.remove(device);
    assert_eq!(daemon.stop(), Some(0));
    assert_same_visit(&world.house.envelopes("gw-0003"), &world.house.envelopes("gw-0002"));
    world.gateway = Some(world.house.gateway("gw-0001"));
    let after = world.house.stored(device);
    assert_eq!(after.iter().map(content).collect::<Vec<_>>(), once.iter().map(content).collect::<Vec<_>>());
    Counts { sent: 6, received: notified + 3, stored: after.len() }
}

/// Two gateways' envelopes of visits to one device that measured nothing in between: alike in every key, but for who sealed them and
/// when, and the one second by which the device's clock may have been read differently.
fn assert_same_visit(live: &[Value], played: &[Value]) {
    assert_eq!((live.len(), played.len()), (3, 3));
    for (live, played) in live.iter().zip(played) {
        let (mut live, mut played) = (live.clone(), played.clone());
        let placed = |envelope: &mut Value| {
            for key in ["gateway", "outbox", "sealed_at"] {
                assert!(envelope[key].take().is_string(), "{key}: {envelope}");
            }
            let at: jiff::Timestamp = envelope["measurement"]["measured_at"]
                .take()
                .as_str()
                .expect("a time")
                .parse()
                .expect("a time");
            (at.as_second(), envelope["measurement"]["clock_offset_s"].take().as_i64().expect("an offset"))
        };
        let (one, other) = (placed(&mut live), placed(&mut played));
        assert_eq!(live, played);
        assert_eq!(one.0 - other.0, one.1 - other.1, "placed by its offset");
        assert!((one.1 - other.1).abs() <= 1, "{one:?} {other:?}");
    }
}

/// The guide lists the cuff among what is in the air, pairs with it, keeps what it measures, and says its id; `scan` and
/// `status` say the same.
fn guided(world: &mut World) -> Counts {
    let device = "guided-cuff";
    world.stop_gateway();
    let configuration = world.house.configuration("gw-0001");

    let none = [
        "pair",
        "--config",
        &configuration,
        "--yes",
        "--timeout-s",
        "4",
        "--address",
        "54:60:6E:00:00:0D",
        "--lang",
        "en",
    ];
    let done = output(&mut world.house.command(&none));
    assert_eq!(done.status.code(), Some(1), "{}", stderr(&done));
    assert!(stderr(&done).contains("no device was heard in 4 s"), "{}", stderr(&done));
    let done = output(&mut world.house.command(&["pair", "--address", "54:60"]));
    assert_eq!(done.status.code(), Some(2), "{}", stderr(&done));

    let (given, stored) = pressures(110, 2, 0);
    let name = "A&D_UA-651BLE_000011";
    world.add(device, json!({ "kind": "cuff", "name": name, "bond": true, "clock_s": 0, "serial": "5170", "records": given }));
    let line = wait_for("the scan to list it", || {
        let listed = stdout(&output(&mut world.house.command(&["scan", "--for-s", "4"])));
        listed.lines().find(|line| line.starts_with(identity(device))).map(str::to_owned)
    });
    assert!(line.contains("A&D UA-651BLE") && line.contains("dBm") && line.contains(name), "{line}");

    let done =
        output(&mut world.house.command(&["pair", "--config", &configuration, "--yes", "--timeout-s", "60"]));
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(
        stderr(&done).contains("är parkopplad"),
        "Swedish where nothing says otherwise: {}",
        stderr(&done)
    );
    let said: Value = serde_json::from_str(&stdout(&done)).expect("JSON");
    assert_eq!((&said["id"], &said["bonded"]), (&json!(identity(device)), &json!(true)), "{said}");
    assert_eq!(said["model"], "A&D UA-651BLE", "{said}");
    assert_eq!(said["readings"].as_array().map(Vec::len), Some(2), "{said}");
    assert_eq!(world.lab.report(device).pairings, 1);

    // What the guide kept is delivered by the daemon.
    world.gateway = Some(world.house.gateway("gw-0001"));
    let counts = world.assert_delivered(device, &stored);
    let status = wait_for("status to tell of both links", || {
        let done = output(&mut world.house.command(&["status", "--json", "--config", &configuration]));
        let status: Value = serde_json::from_str(&stdout(&done)).expect("JSON");
        let listens = status["links"]["adapters"].as_array().is_some_and(|all| !all.is_empty());
        (listens && status["links"]["broker"]["connected"] == true).then_some(status)
    });
    let words = stdout(&output(&mut world.house.command(&["status", "--config", &configuration])));
    for line in [
        "daemon           runs",
        "without receipt  0",
        "broker           connected since ",
        "Bluetooth        listening with hci",
        &format!("device {} A&D UA-651BLE, last heard ", identity(device)),
    ] {
        assert!(words.lines().any(|told| told.starts_with(line)), "{line}\nin\n{words}");
    }
    assert_eq!(status["running"], true, "{status}");
    assert_eq!(status["unreceipted"], 0, "{status}");
    world.lab.remove(device);
    Counts { received: said["readings"].as_array().map_or(0, Vec::len), ..counts }
}

/// A cuff without a display, chosen from the list and put into pairing mode by a person at the keys.
fn chosen(world: &mut World) -> Counts {
    let cuff = json!({ "kind": "cuff", "name": "A&D_UA-651BLE_000012", "bond": true, "clock_s": 0 });
    let (counts, said) = by_hand(world, "chosen-cuff", cuff, 140, |_, _| {});
    assert!(said.contains("54606e00000f  A&D UA-651BLE") && said.contains("in pairing mode"), "{said}");
    assert!(!said.contains("shows a code"), "{said}");
    counts
}

/// A cuff with a display shows six digits; the person types them, first not all of them.
fn typed(world: &mut World) -> Counts {
    let device = "showing-cuff";
    let cuff = json!({ "kind": "cuff", "name": "Cuff with a display", "bond": true, "shows_passkey": true, "clock_s": 0 });
    let (counts, said) = by_hand(world, device, cuff, 120, |world, keys| {
        let shown = wait_for("the cuff to show a code", || world.lab.report(device).shown);
        let (first, last) = shown.split_at(3);
        writeln!(keys, "{first}").expect("half of it");
        writeln!(keys, "{first} {last}").expect("all of it");
    });
    assert!(said.contains("shows a code") && said.contains("The code has six digits."), "{said}");
    counts
}

/// Pairs a cuff by the guide, with a person at its keys, and has the daemon read it by that bond: what came of it, and what the
/// guide said.
fn by_hand(
    world: &mut World,
    device: &'static str,
    mut cuff: Value,
    systolic: u32,
    person: impl FnOnce(&mut World, &mut ChildStdin),
) -> (Counts, String) {
    world.stop_gateway();
    let configuration = world.house.configuration("gw-0001");
    let (given, stored) = pressures(systolic, 2, 0);
    cuff["records"] = given;
    world.add(device, cuff);
    let mut command =
        world.house.command(&["pair", "--config", &configuration, "--timeout-s", "90", "--lang", "en"]);
    let log = world.house.file(&format!("{device}.log"));
    let errors = std::fs::File::create(&log).expect("a log");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
    let mut guide = command.spawn().expect("vagen-gateway starts");
    let mut keys = guide.stdin.take().expect("a pipe");
    let words = || std::fs::read_to_string(&log).expect("a log");
    let hears = |word: &str| {
        wait_for(word, || words().contains(word).then_some(()));
    };
    hears(identity(device));
    writeln!(keys, "1").expect("it is the only one of the list");
    hears("in pairing mode");
    writeln!(keys).expect("it is");
    person(world, &mut keys);
    let done = guide.wait_with_output().expect("it ends");
    let said = words();
    assert!(done.status.success(), "{said}");
    let told: Value = serde_json::from_str(&stdout(&done)).expect("JSON");
    assert_eq!((&told["id"], &told["bonded"]), (&json!(identity(device)), &json!(true)), "{told}");
    assert_eq!(told["readings"].as_array().map(Vec::len), Some(2), "{told}");

    world.gateway = Some(world.house.gateway("gw-0001"));
    let (more, later) = pressures(systolic + 10, 1, 10);
    world.lab.measured(device, more);
    let counts = world.assert_delivered(device, &[stored, later].concat());
    assert_eq!(world.lab.report(device).pairings, 1, "the daemon uses the bond");
    let link = wait_for("status to tell of the link", || {
        let words = stdout(&output(&mut world.house.command(&["status", "--config", &configuration])));
        let its_own = format!("device {} ", identity(device));
        let line = words.lines().find(|line| line.starts_with(&its_own)).map(str::to_owned);
        line.filter(|line| line.contains(", not connected since "))
    });
    assert!(link.contains(" (hci") && link.ends_with(", bonded)"), "{link}");
    world.lab.remove(device);
    let received = counts.received + told["readings"].as_array().map_or(0, Vec::len);
    (Counts { received, ..counts }, said)
}
