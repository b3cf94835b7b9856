//! A full disk: nothing is acknowledged that is not on it, somebody sees it, and it recovers by itself when there is room.
//!
//! The store lies on a small tmpfs in a mount namespace of the serving process alone (`unshare`, util-linux), reached from
//! here by `/proc/PID/root`.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use support::mqtt::{Gateway, weighing};
use support::web::Visitor;
use support::{REGISTER, apply, house, stderr, vagen, wait_for};

mod support;

const SCALE: &str = "546c0e000001";

/// A `vagen serve` on a disk of its own.
struct Small {
    child: Child,
    disk: PathBuf,
    http: String,
    mqtt_port: u16,
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `script` with `$1` the program, in a mount namespace where `disk` is a tmpfs of `size`.
fn on_a_small_disk(disk: &Path, size: &str, script: &str) -> std::process::Command {
    let mut command = std::process::Command::new("unshare");
    let whole = format!("set -e; mount -t tmpfs -o size={size} tmpfs {}; {script}", disk.display());
    command.args(["-rm", "sh", "-c", &whole, "sh", env!("CARGO_BIN_EXE_vagen")]).stdin(Stdio::null());
    command
}

/// Serves from a copy of `data` on a disk of 6 MB.
fn serve(kept: &Path, data: &Path) -> Small {
    let (mount, ready) = (kept.join("mount"), kept.join("ready.json"));
    std::fs::create_dir(&mount).expect("a directory");
    let disk = mount.display();
    let script = format!(
        "cp {}/* {disk}; exec \"$1\" serve --data {disk} --http 0 --mqtt 0 --ready-file {}",
        data.display(),
        ready.display()
    );
    let child = on_a_small_disk(&mount, "6m", &script).spawn().expect("unshare runs");
    let text = wait_for("the ready file", || {
        serde_json::from_str::<Value>(&std::fs::read_to_string(&ready).ok()?).ok()
    });
    let http = text["http"].as_str().expect("http").to_owned();
    let mqtt_port = support::port_of(text["mqtt"].as_str().expect("mqtt"));
    let disk = PathBuf::from(format!("/proc/{}/root{}", text["pid"], mount.display()));
    Small { child, disk, http, mqtt_port }
}

/// Takes all the room there is, and gives the file that holds it.
fn fill(disk: &Path) -> PathBuf {
    let filler = disk.join("filler");
    let mut file = std::fs::File::create(&filler).expect("the filler is made");
    let block = vec![0_u8; 4096];
    while std::io::Write::write_all(&mut file, &block).is_ok() {}
    filler
}

#[test]
fn a_full_disk_is_one_clear_line_at_the_start() {
    let (kept, _) = house();
    let mount = kept.path().join("mount");
    std::fs::create_dir(&mount).expect("a directory");
    let script = format!("exec \"$1\" serve --data {} --http 0 --mqtt 0", mount.display());
    let output = on_a_small_disk(&mount, "16k", &script).output().expect("unshare runs");
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.lines().count() == 1 && text.contains("disk"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_acknowledgements_and_recovers_unattended() {
    let (kept, data) = house();
    apply(&data, REGISTER);
    let small = serve(kept.path(), &data);
    let gateway = Gateway::connect(small.mqtt_port, "gw-0001");
    let send =
        |seq: u64| gateway.up(weighing("gw-0001", "box-a", seq, SCALE, 80.0, 400 - seq as i64).to_string());
    send(1);
    gateway.receipt("box-a", 1);

    let filler = fill(&small.disk);
    // The pages that the store has already may take a few more readings; then there is room for none.
    let mut last = 1;
    let visitor = Visitor::new(&small.http);
    for seq in 2..=200 {
        send(seq);
        last = seq;
        tokio::time::sleep(Duration::from_millis(30)).await;
        if visitor.get("/readyz").await.0 == 503 {
            break;
        }
    }
    let (ready, body) = visitor.get("/readyz").await;
    assert_eq!(ready, 503, "after {last} readings on a full disk: {body}");
    assert_eq!(visitor.get("/livez").await.0, 200, "it lives on");

    std::fs::remove_file(filler).expect("room again");
    gateway.receipt("box-a", last);
    let deadline = std::time::Instant::now() + support::PATIENCE;
    while visitor.get("/readyz").await.0 != 200 {
        assert!(std::time::Instant::now() < deadline, "the chain is not whole again");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let copy = kept.path().join("after");
    std::fs::create_dir(&copy).expect("a directory");
    for file in ["vagen.db", "vagen.db-wal"] {
        std::fs::copy(small.disk.join(file), copy.join(file)).expect("the store is copied");
    }
    drop(small);
    let output = vagen().args(["status", "--json", "--data"]).arg(&copy).output().expect("status runs");
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(status["readings"], last, "each once: {status}");
    assert_eq!(status["quarantined"], serde_json::json!({}));
}
