//! A backup, put back: what was receipted since is asked for again, so that receipts are true afterwards as before.

use std::path::Path;

use serde_json::json;

use support::mqtt::{Gateway, weighing};
use support::{REGISTER, Serving, apply, export, house, lines, place, run, status, stderr, vagen, wait_for};

mod support;

const SCALE: &str = "546c0e000001";

fn envelope(seq: u64) -> serde_json::Value {
    weighing("gw-0001", "box-a", seq, SCALE, 80.0 + seq as f64 / 10.0, 100 - seq as i64)
}

fn back_up(data: &Path, to: &Path) -> std::process::Output {
    run(vagen().arg("backup").arg(to).args(place(data)))
}

fn restore(from: &Path, data: &Path) -> std::process::Output {
    run(vagen().arg("restore").arg(from).args(place(data)))
}

#[test]
fn after_a_restore_the_receipts_are_true_again() {
    let (kept, data) = house();
    apply(&data, REGISTER);
    let serving = Serving::start(&data);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    (1..=5).for_each(|seq| gateway.up(envelope(seq).to_string()));
    gateway.receipt("box-a", 5);

    // While the house runs.
    let backup = kept.path().join("backup");
    let output = back_up(&data, &backup);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(lines(&output)[0]["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000));

    // Five more, receipted: the gateway may forget them, and keeps them as history for just this.
    (6..=10).for_each(|seq| gateway.up(envelope(seq).to_string()));
    gateway.receipt("box-a", 10);
    serving.kill();

    // The disk is lost; the backup is put back elsewhere.
    let restored = kept.path().join("restored");
    let output = restore(&backup, &restored);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(export(&restored, "readings").len(), 5);
    let serving = Serving::start(&restored);
    let gateway = Gateway::connect(serving.mqtt_port(), "gw-0001");
    let beat = json!({ "v": 1, "gateway": "gw-0001", "at": jiff::Timestamp::now().to_string(), "outbox": "box-a", "last_seq": 10,
                       "unreceipted": 0, "version": "test", "clock_synced": true, "devices": [] });
    gateway.publish("vagen/v1/gw-0001/heartbeat", beat.to_string());
    let asked = wait_for("the server to ask again", || {
        let message = gateway.next();
        message.get("resend").cloned()
    });
    assert_eq!(asked, json!({ "outbox": "box-a", "from": 6, "to": 10 }));
    gateway.up(json!((6..=10).map(envelope).collect::<Vec<_>>()).to_string());
    gateway.receipt("box-a", 10);
    // And those that it sends although they are there count once.
    gateway.up(json!((1..=5).map(envelope).collect::<Vec<_>>()).to_string());
    assert_eq!(gateway.any_receipt("box-a"), 10);
    let sequence: Vec<u64> = export(&restored, "readings")
        .iter()
        .map(|reading| reading["seq"].as_u64().expect("a number"))
        .collect();
    assert_eq!(sequence, Vec::from_iter(1..=10));
    assert_eq!(
        status(&restored)["outboxes"],
        json!([{ "gateway": "gw-0001", "outbox": "box-a", "through": 10 }])
    );
}

/// To add a case, add a row: what is done to a backup, and what is said of it.
#[test]
fn a_backup_that_is_not_whole_is_refused_and_no_store_is_touched() {
    type Spoil = fn(&Path);
    let rows: [(&str, Spoil, &str); 5] = [
        ("one bit of the store", |backup| flip(&backup.join("vagen.db"), 5000), "is not as it was written"),
        (
            "a file beside it is gone",
            |backup| std::fs::remove_file(backup.join("beside/key")).expect("removed"),
            "No such file",
        ),
        (
            "it was not finished",
            |backup| std::fs::remove_file(backup.join("manifest.json")).expect("removed"),
            "manifest.json",
        ),
        ("of a later form", |backup| edit(backup, "\"format\": 1", "\"format\": 2"), "its form is 2"),
        ("a path that leads out", |backup| edit(backup, "beside/key", "../outside"), "leads out of it"),
    ];
    let (kept, data) = house();
    apply(&data, REGISTER);
    std::fs::create_dir_all(data.join("beside")).expect("a folder");
    std::fs::write(data.join("beside/key"), "a key").expect("a key");
    for (nth, (name, spoil, said)) in rows.into_iter().enumerate() {
        let backup = kept.path().join(format!("backup-{nth}"));
        assert!(back_up(&data, &backup).status.success(), "{name}");
        spoil(&backup);
        let target = kept.path().join(format!("target-{nth}"));
        let output = restore(&backup, &target);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let line = stderr(&output);
        assert!(line.contains(said) && line.lines().count() == 1, "{name}: {line}");
        assert!(!target.join("vagen.db").exists(), "{name}");
    }
    let backup = kept.path().join("whole");
    assert!(back_up(&data, &backup).status.success());
    assert_eq!(back_up(&data, &backup).status.code(), Some(2), "a backup is not written over another");
    assert_eq!(restore(&backup, &data).status.code(), Some(2), "nor a store over a store");
    let target = kept.path().join("target");
    assert!(restore(&backup, &target).status.success());
    assert_eq!(std::fs::read_to_string(target.join("beside/key")).expect("it came along"), "a key");
}

fn flip(file: &Path, at: usize) {
    let mut bytes = std::fs::read(file).expect("the file");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("written");
}

fn edit(backup: &Path, from: &str, to: &str) {
    let manifest = backup.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    assert!(text.contains(from), "{text}");
    std::fs::write(&manifest, text.replace(from, to)).expect("written");
}
