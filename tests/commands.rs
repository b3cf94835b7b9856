//! The commands from outside: what they print, and how they say that something is wrong.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use support::{REGISTER, Serving, apply, export, house, lines, run, spawn, stderr, stdout, vagen};

mod support;

fn decode(arguments: &[&str]) -> Value {
    let output = run(vagen().arg("decode").args(arguments));
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The published example, from a capture of an A&D UA-651BLE (HEADS-project, ThingML-BLE).
#[test]
fn decode_prints_the_published_object() {
    let published = json!({
        "kind": "blood_pressure", "outcome": "measured",
        "values": { "systolic_mmhg": 125.0, "diastolic_mmhg": 80.0, "mean_arterial_mmhg": 102.0, "pulse_per_min": 64.0 },
        "absent": {}, "device_time": "2017-01-16T12:39:54", "user_slot": null, "flags": [], "quirks": []
    });
    let frame = "167d0050006600e10701100c273640000000";
    assert_eq!(decode(&["2a35", frame]), published);
    assert_eq!(decode(&["2A35", "16 7D-00 50 00 66 00 E1 07 01 10 0C 27 36 40 00 00 00"]), published);
    assert_eq!(decode(&["0x2a35", &format!("0x{frame}")]), published);
    assert_eq!(decode(&["2a35", frame, "--model", "a&d ua-651ble"]), published);
    assert_eq!(decode(&["2a35", frame, "--model", "Nobody 1"])["quirks"], json!(["unknown_model"]));
}

/// To add a case, add a row: the arguments, and what the one line must name.
#[test]
fn bytes_that_cannot_be_a_frame_name_field_and_offset() {
    let rows: [(&[&str], &[&str]); 6] = [
        (&["2a9d", "0294"], &["weight", "byte 1"]),
        (&["2a9d", ""], &["flags", "byte 0"]),
        (&["2a35", "167d00"], &["byte"]),
        (&["2a9d", "0294zz"], &["hex"]),
        (&["2a9d", "029"], &["digits"]),
        (&["ffff", "00"], &["ffff"]),
    ];
    for (arguments, names) in rows {
        let output = run(vagen().arg("decode").args(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = stderr(&output);
        assert_eq!(text.lines().count(), 1, "{text}");
        for name in names {
            assert!(text.contains(name), "{arguments:?}: {text}");
        }
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn models_lists_what_decode_knows() {
    let output = run(vagen().args(["models", "--json"]));
    let models = lines(&output);
    assert!(models.iter().any(|model| model["name"] == "Beurer BM85"), "{models:?}");
    // How each comes to a gateway, by the makers' manuals; the records of one Omron family lie in its memory, and the other
    // deletes what it has sent.
    let listed = stdout(&run(vagen().arg("models")));
    for (model, read_by) in [
        ("Beurer BM85", " connection "),
        ("A&D UC-352BLE", " pairing "),
        ("Beurer BF720", " pairing and code "),
        ("Xiaomi Mi Scale 2", " advertisements "),
        ("Omron HEM-7xxx", " decode only "),
        ("Omron HEM-9xxx", " pairing, once "),
    ] {
        assert!(listed.lines().any(|line| line.starts_with(model) && line.contains(read_by)), "{listed}");
    }
}

fn replay(arguments: &[&str], text: &str) -> std::process::Output {
    let mut child = vagen()
        .arg("replay")
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vagen replay starts");
    // A replay that refuses a line stops reading: a broken pipe here is its right.
    let _ = child.stdin.take().expect("a pipe").write_all(text.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// Three quiet weeks at 78.2 kg and then six days of +0.4 kg: the guideline's two kilograms are passed.
fn gaining() -> String {
    let day = |day: i64| jiff::civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(day));
    let mut text = String::new();
    for index in 0..27_i64 {
        let quiet = 78.2 + [0.1, -0.1, 0.0, 0.2, -0.2][(index % 5) as usize];
        let weight = quiet + 0.4 * (index - 20).max(0) as f64;
        let line = json!({ "patient": "p1", "at": format!("{}T06:30:00.000Z", day(index)), "kind": "weight",
            "values": { "weight_kg": weight } });
        text += &format!("{line}\n");
    }
    text
}

#[test]
fn replay_prints_the_tasks_that_would_have_opened() {
    let output = replay(&[], &gaining());
    assert!(output.status.success(), "{}", stderr(&output));
    let tasks = lines(&output);
    let task = tasks.iter().find(|task| task["problem"] == "decompensation").expect("a task for the gain");
    let opened = task["opened_at"].as_str().expect("a time");
    assert!(("2026-01-22".."2026-01-28").contains(&opened), "{opened}");
    assert!(!task["reading_ids"].as_array().expect("a list").is_empty());
    let reason = &task["reasons"][0];
    assert!(
        reason["observed"].is_number() && reason["limit"].is_number() && reason["unit"] == "kg",
        "{reason}"
    );
    assert!(reason["text_sv"].as_str().is_some_and(|text| text.contains(',')), "a decimal comma: {reason}");
    let summary: Value =
        serde_json::from_slice(&replay(&["--summary"], &gaining()).stdout).expect("one object");
    assert_eq!((&summary["readings"], &summary["patients"]), (&json!(27), &json!(1)));
    assert_eq!(summary["tasks_by_problem"]["decompensation"], 1, "{summary}");
}

#[test]
fn a_malformed_line_stops_a_replay_with_its_number() {
    let good =
        r#"{"patient":"p1","at":"2026-01-01T07:04:00.000Z","kind":"weight","values":{"weight_kg":80.1}}"#;
    for bad in
        ["{", r#"{"patient":"p1"}"#, &good.replace("80.1", "\"80\""), &good.replace("weight\"", "mood\"")]
    {
        let output = replay(&[], &format!("{good}\n{bad}\n"));
        assert_eq!(output.status.code(), Some(2), "{bad}");
        assert!(stderr(&output).contains('2'), "{}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn what_cannot_work_says_so_in_one_line() {
    let (kept, data) = house();
    let file = |name: &str, text: &str| {
        let path = kept.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let wrong_key = file("wrong.toml", "data = \"d\"\ncolour = 1\n");
    let wrong_register =
        file("register.toml", "unit = [{ id = \"u\", organisation = \"gone\", name = \"U\" }]");
    let nowhere = kept.path().join("nowhere").display().to_string();
    let data = data.display().to_string();
    let rows: [(&[&str], i32, &str); 9] = [
        (&["serve", "--config", &wrong_key], 2, "colour"),
        (&["serve", "--config", &nowhere], 2, "nowhere"),
        (&["serve", "--data", &data, "--http", "all"], 2, "all"),
        (&["serve", "--data", &data, "--mqtt", "0.0.0.0:1883"], 2, "loopback"),
        (&["admin", "apply", &wrong_register, "--data", &data], 2, "gone"),
        (&["export", "readings", "--data", &nowhere], 1, "nowhere"),
        (&["export", "readings", "--data", &data, "--patient", "nobody"], 2, "nobody"),
        (&["status", "--data", &nowhere], 1, "nowhere"),
        (&["replay", &nowhere], 2, "nowhere"),
    ];
    for (arguments, code, names) in rows {
        let output = run(vagen().args(arguments));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        let text = stderr(&output);
        assert!(text.lines().count() == 1 && text.contains(names), "{arguments:?}: {text}");
    }
    for arguments in [&["fly"][..], &["export", "everything"], &["decode"]] {
        assert_eq!(run(vagen().args(arguments)).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_printed_configuration_serves() {
    let (kept, data) = house();
    let printed = stdout(&run(vagen().args(["serve", "--print-config"])));
    let config = kept.path().join("vagen.toml");
    std::fs::write(&config, &printed).expect("written");
    let serving =
        Serving::start_with(&data, &["--config", &config.display().to_string(), "--mqtt", "0"], &[]);
    assert!(serving.http.starts_with("http://127.0.0.1:"));
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    for (http, mqtt, names) in [(address.as_str(), "0", "http"), ("0", address.as_str(), "mqtt")] {
        let (_kept, data) = house();
        let output = run(vagen().args(["serve", "--http", http, "--mqtt", mqtt, "--data"]).arg(&data));
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        let line = text.lines().last().expect("a line");
        assert!(
            line.to_lowercase().contains(names) && line.contains(&address) && line.contains("in use"),
            "{text}"
        );
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    rusqlite::Connection::open(data.join("vagen.db"))
        .expect("the store opens")
        .execute_batch(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'later', 1, x'00', 0)",
        )
        .expect("a later version has been here");
    let output = run(vagen().args(["serve", "--http", "0", "--mqtt", "0", "--data"]).arg(&data));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("newer version"), "{}", stderr(&output));
}

#[test]
fn a_broker_that_is_away_is_waited_for() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let ready = data.with_extension("ready");
    let mut child = spawn(&data, &ready, &["--broker", "mqtt://127.0.0.1:1"], &[]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(child.try_wait().expect("can be asked"), None, "it waits for the broker, it does not give up");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
}

#[test]
fn exports_of_an_empty_store_are_empty_and_leave_their_trace() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    for what in ["readings", "tasks", "quarantine"] {
        assert_eq!(export(&data, what), Vec::<Value>::new(), "{what}");
    }
    let audit = export(&data, "audit");
    let actions: Vec<&str> = audit.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(
        actions,
        ["admin apply", "export readings", "export tasks", "export quarantine", "export audit"]
    );
}
