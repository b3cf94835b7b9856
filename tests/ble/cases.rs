//! What devices do in people's homes, read by the daemon. To add a case, add a row and its function.

use std::time::Duration;

use serde_json::{Value, json};

use crate::LONE_DELIVERY;
use crate::lab::Report;
use crate::support::wait_for;
use crate::{Counts, World, pressures, time, weights};

/// A case: its name in the table, and what it does.
pub(crate) type Case = (&'static str, fn(&mut World) -> Counts);

/// In the order in which they run; each leaves the laboratory as it was.
pub(crate) const ALL: &[Case] = &[
    ("a scale", scale),
    ("a scale with a wrong clock", wrong_clock),
    ("a cuff that must bond", bonding_cuff),
    ("a cuff that hangs up while sending", cut_off),
    ("stored readings sent twice more", replayed),
    ("two devices at once", two_at_once),
    ("bluetoothd restarted during a transfer", restarted),
    ("a device that forgot its bond", forgotten_bond),
    ("adapters unplugged and plugged in again", unplugged),
    ("a cuff that hides its address", private_address),
    ("a scale that only advertises", first_scale),
    ("one that measures impedance as well", second_scale),
    ("one that is heard only once", heard_once),
];

/// A scale that keeps to the specification and that nobody listed.
fn scale(world: &mut World) -> Counts {
    let (given, stored) = weights(80.1, 3, 0);
    world.add("plain-scale", json!({ "kind": "scale", "name": "Scale 1", "records": given }));
    let counts = world.assert_delivered("plain-scale", &stored);
    assert_eq!(world.lab.report("plain-scale").pairings, 0, "asked for no bond");
    world.lab.remove("plain-scale");
    counts
}

/// The clock is an hour slow; it is read before it is set, and every time is corrected by what it was.
fn wrong_clock(world: &mut World) -> Counts {
    let (given, stored) = weights(70.2, 2, 10);
    let name = "A&D_UC-352BLE_00000A";
    world.add(
        "wrong-clock",
        json!({ "kind": "scale", "name": name, "clock_s": -3600, "serial": "5170300042", "battery": 66, "records": given }),
    );
    let counts = world.assert_delivered("wrong-clock", &stored);
    for reading in world.house.stored("wrong-clock") {
        assert_eq!(reading["clock"], "offset_corrected", "{reading}");
        let frame = reading["raw"]["hex"].as_str().expect("hex").to_owned();
        // Offset 6 to 7 of the frame: the device's hour (7) and minute. An hour later, give or take the second in which it
        // was read.
        let minute = u8::from_str_radix(&frame[16..18], 16).expect("hex");
        let at: jiff::Timestamp = reading["at"].as_str().expect("a time").parse().expect("a time");
        let at = at.in_tz("UTC").expect("UTC").datetime();
        let off =
            at.since(at.date().at(8, minute.try_into().expect("a minute"), 0, 0)).expect("a difference");
        let off_s = off.total(jiff::Unit::Second).expect("seconds");
        assert!(off_s.abs() <= 2.0, "{reading}: {off_s} s off");
    }
    let report = world.lab.report("wrong-clock");
    assert!(report.clock_writes.len() <= 1, "set once: {:?}", report.clock_writes);
    assert_set_in_time(world, "wrong-clock", &report, 1);
    world.lab.remove("wrong-clock");
    counts
}

/// A&D's devices want the time within five seconds of the link coming up (A&D Bluetooth Low Energy communication specification), as
/// the device counts them. A gateway that an emulated machine held up longer leaves the clock, and says so.
fn assert_set_in_time(world: &World, device: &str, report: &Report, sessions: usize) {
    let took_s = &report.clock_write_after_s;
    assert!(
        took_s.iter().all(|s| *s <= 5.0),
        "{device}: its clock was set {took_s:?} s after its link came up"
    );
    let id = format!("device={}", crate::identity(device));
    let late = world.gateway().said(&["takes the time only just after connecting", &id]);
    assert!(took_s.len() + late >= sessions, "{device}: set {} times, left {late} times", took_s.len());
}

/// Pairs once; a later session uses the bond, and its readings, sent the moment the link stands, have a known clock as well.
fn bonding_cuff(world: &mut World) -> Counts {
    let (given, mut stored) = pressures(120, 2, 20);
    let name = "A&D_UA-651BLE_00000B";
    world.add(
        "bonding-cuff",
        // It lingers, so that its clock is reached also where it sends before it is asked for anything.
        json!({ "kind": "cuff", "name": name, "clock_s": 0, "bond": true, "lingers_s": 4.0, "records": given }),
    );
    world.assert_delivered("bonding-cuff", &stored);
    let (given, more) = pressures(130, 2, 30);
    world.lab.measured("bonding-cuff", given);
    stored.extend(more);
    let counts = world.assert_delivered("bonding-cuff", &stored);
    let report = wait_for("it to hang up", || {
        let report = world.lab.report("bonding-cuff");
        report.links.last().is_some_and(|link| link.1.is_some()).then_some(report)
    });
    assert_eq!(report.pairings, 1, "paired once in {} sessions", report.sessions);
    assert!(report.sessions >= 2);
    // With a new bond, and with a known one.
    assert_set_in_time(world, "bonding-cuff", &report, 2);
    assert!(!report.clock_write_after_s.is_empty(), "in time at least once: {report:?}");
    for reading in world.house.stored("bonding-cuff") {
        assert!(
            ["synced", "offset_corrected"].contains(&reading["clock"].as_str().expect("text")),
            "{reading}"
        );
    }
    world.lab.remove("bonding-cuff");
    counts
}

fn cut_off(world: &mut World) -> Counts {
    let (given, stored) = pressures(140, 5, 40);
    let name = "A&D_UA-651BLE_00000C";
    world.add(
        "cut-off-cuff",
        json!({ "kind": "cuff", "name": name, "bond": true, "clock_s": 0, "hangs_up_after": 2, "records": given }),
    );
    let counts = world.assert_delivered("cut-off-cuff", &stored);
    let report = world.lab.report("cut-off-cuff");
    assert!(report.sessions >= 2, "it hung up in the middle");
    assert_set_in_time(world, "cut-off-cuff", &report, 1);
    world.lab.remove("cut-off-cuff");
    counts
}

/// A scale that sends its whole memory in each of three sessions: stored once.
fn replayed(world: &mut World) -> Counts {
    let (given, stored) = weights(90.5, 3, 50);
    world.add(
        "replaying-scale",
        json!({ "kind": "scale", "name": "Scale 2", "replays": 3, "records": given }),
    );
    let report = world.until_confirmed("replaying-scale", 9);
    assert_eq!(report.confirmed.len(), 9, "three times three");
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let address = crate::identity("replaying-scale");
    while world.gateway().received(address) < 9 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    let counts = world.assert_delivered("replaying-scale", &stored);
    assert_eq!((counts.received, counts.stored), (9, 3), "all of them came, and were recognised");
    world.lab.remove("replaying-scale");
    counts
}

/// A scale and a cuff speak at the same time: their links overlap, and while both stand both send.
fn two_at_once(world: &mut World) -> Counts {
    let ((scale, kilograms), (cuff, millimetres)) = (weights(60.0, 4, 0), pressures(150, 4, 0));
    world.add("pair-scale", json!({ "kind": "scale", "name": "Scale 3", "gap_s": 5.0, "records": scale }));
    let name = "A&D_UA-651BLE_00000D";
    world.add(
        "pair-cuff",
        json!({ "kind": "cuff", "name": name, "bond": true, "clock_s": 0, "gap_s": 5.0, "records": cuff }),
    );
    let counts =
        world.assert_delivered("pair-scale", &kilograms) + world.assert_delivered("pair-cuff", &millimetres);
    let (scale, cuff) = (world.lab.report("pair-scale"), world.lab.report("pair-cuff"));
    assert!(both_sent_at_once(&scale, &cuff), "never both at once: {scale:?} {cuff:?}");
    assert_set_in_time(world, "pair-cuff", &cuff, 1);
    world.lab.remove("pair-scale");
    world.lab.remove("pair-cuff");
    counts
}

/// Whether a link of the one and a link of the other stood at the same time, and each delivered a reading in that time.
fn both_sent_at_once(one: &Report, other: &Report) -> bool {
    let end = |link: &(f64, Option<f64>)| link.1.unwrap_or(f64::INFINITY);
    let pairs = one.links.iter().flat_map(|link| other.links.iter().map(move |with| (link, with)));
    pairs.into_iter().any(|(link, with)| {
        let both = link.0.max(with.0)..end(link).min(end(with));
        [one, other].iter().all(|report| report.confirmed_at.iter().any(|at| both.contains(at)))
    })
}

fn restarted(world: &mut World) -> Counts {
    let (given, stored) = weights(75.0, 6, 10);
    world.add("restarted", json!({ "kind": "scale", "name": "Scale 4", "gap_s": 0.7, "records": given }));
    world.until_confirmed("restarted", 2);
    let before = world.gateway().said(&["bluetoothd stopped"]);
    world.lab.order("restart");
    let counts = world.assert_delivered("restarted", &stored);
    assert_eq!(world.gateway().said(&["bluetoothd stopped"]), before + 1, "it says what it saw");
    assert!(world.lab.report("restarted").sessions >= 2, "the transfer was interrupted");
    world.lab.remove("restarted");
    counts
}

/// A new battery: the cuff knows its bond no more, and the gateway notices, removes its own and pairs again.
fn forgotten_bond(world: &mut World) -> Counts {
    let (given, mut stored) = pressures(160, 1, 20);
    let name = "A&D_UA-651BLE_00000E";
    world.add(
        "forgetful-cuff",
        json!({ "kind": "cuff", "name": name, "bond": true, "clock_s": 0, "records": given }),
    );
    world.assert_delivered("forgetful-cuff", &stored);
    world.lab.forget("forgetful-cuff");
    let (given, more) = pressures(170, 2, 30);
    world.lab.measured("forgetful-cuff", given);
    stored.extend(more);
    let counts = world.assert_delivered("forgetful-cuff", &stored);
    assert_eq!(world.lab.report("forgetful-cuff").pairings, 2, "once at first, once after it forgot");
    assert_eq!(world.gateway().said(&["has lost its bond", crate::identity("forgetful-cuff")]), 1);
    world.lab.remove("forgetful-cuff");
    counts
}

/// Two adapters: one goes and the other takes over; both go, and one comes back.
fn unplugged(world: &mut World) -> Counts {
    let (given, mut stored) = weights(85.0, 1, 40);
    world.add("unplugged", json!({ "kind": "scale", "name": "Scale 5", "records": given }));
    world.assert_delivered("unplugged", &stored);
    for (nth, order) in [(1, "detach 0"), (2, "detach 1")] {
        world.lab.order(order);
        until(world, "the adapter is gone", nth);
        if nth == 2 {
            world.lab.order("attach 1");
        }
        let (given, more) = weights(85.0 + f64::from(nth), 1, 40 + nth);
        world.lab.measured("unplugged", given);
        stored.extend(more);
        world.assert_delivered("unplugged", &stored);
    }
    world.lab.order("attach 0");
    let counts = world.assert_delivered("unplugged", &stored);
    world.lab.remove("unplugged");
    counts
}

fn until(world: &World, said: &str, times: u32) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while world.gateway().said(&[said]) < times as usize {
        assert!(std::time::Instant::now() < deadline, "the gateway does not say {said:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Its address on the air changes; the reading bears its identity, which it shows with the bond.
fn private_address(world: &mut World) -> Counts {
    let (given, stored) = pressures(125, 2, 50);
    let name = "A&D_UA-651BLE_00000F";
    world.add(
        "private-cuff",
        json!({ "kind": "cuff", "name": name, "address_type": "private", "bond": true, "clock_s": 0, "records": given }),
    );
    let counts = world.assert_delivered("private-cuff", &stored);
    world.lab.remove("private-cuff");
    counts
}

/// Xiaomi's first scale: weight still moving, settled, stepped off, each shown many times and all of it one reading. The next person
/// weighs the same, a minute later by the scale's clock: a second one.
fn first_scale(world: &mut World) -> Counts {
    broadcast(
        world,
        "broadcast-first",
        "first_scale",
        "MI_SCALE",
        json!([
            { "kg": 71.5, "time": time(0) }, { "kg": 71.5, "time": time(1) }, { "kg": 88.2, "time": time(2) },
        ]),
        &[("settled", 71.5), ("settled", 71.5), ("settled", 88.2)],
    )
}

/// Its second one measures the impedance some seconds after the weight: told with it, once. Who wears socks has none.
fn second_scale(world: &mut World) -> Counts {
    broadcast(
        world,
        "broadcast-second",
        "second_scale",
        "MIBCS",
        json!([
            { "kg": 64.3, "ohm": 512, "time": time(0) }, { "kg": 64.3, "ohm": 512, "time": time(1) }, { "kg": 90.15, "time": time(2), "phases": ["moving", "settled", "removed"] },
        ]),
        &[("impedance", 64.3), ("impedance", 64.3), ("settled", 90.15)],
    )
}

/// At the edge of what the box can hear: a single advertisement of a device that bluetoothd has never met. It is told of by the
/// device's being discovered, and in no other way. One may go out while the adapter pauses between two scans; of three scales
/// that nobody has met, one is heard.
fn heard_once(world: &mut World) -> Counts {
    let said = json!([{ "kg": 77.7, "time": time(0), "phases": ["settled"], "airs": 1 }]);
    let scales = ["broadcast-once", "broadcast-once-more", "broadcast-once-last"];
    for device in scales {
        world.add(device, json!({ "kind": "first_scale", "name": "MI_SCALE", "records": said }));
        if world.is_stored_within(device, 1, LONE_DELIVERY) {
            return delivered(world, device, &[("settled", 77.7)]);
        }
        world.lab.remove(device);
    }
    panic!("none of {scales:?}, each of which advertised once, was heard");
}

/// Puts a scale that only advertises into the room, and waits until it sleeps and its readings are stored: one for each of its
/// weighings, told by the frame of that phase, and none of the other frames.
fn broadcast(
    world: &mut World,
    device: &str,
    kind: &str,
    name: &str,
    records: Value,
    expected: &[(&str, f64)],
) -> Counts {
    world.add(device, json!({ "kind": kind, "name": name, "records": records }));
    delivered(world, device, expected)
}

fn delivered(world: &mut World, device: &str, expected: &[(&str, f64)]) -> Counts {
    let aired = wait_for("the scale to sleep", || world.lab.aired(device));
    let stored = world.until_stored(device, expected.len());
    // What is told twice would be told by now: the scale has long said everything.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.house.stored(device).len(), expected.len(), "{aired:?}");
    for (reading, (phase, kg)) in stored.iter().zip(expected) {
        assert_eq!(reading["values"]["weight_kg"], json!(kg), "{reading}");
        assert_eq!(reading["values"].get("impedance_ohm").is_some(), *phase == "impedance", "{reading}");
        let frame = reading["raw"]["hex"].as_str().expect("hex");
        assert!(aired.contains_key(frame), "{frame} was never shown: {aired:?}");
    }
    let received = world.gateway().received(crate::identity(device));
    assert_eq!(received, expected.len(), "told once for each weighing: {aired:?}");
    world.lab.remove(device);
    Counts { sent: expected.len(), received, stored: stored.len() }
}
