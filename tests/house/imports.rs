//! Who may import whom: the table of the house, as `ARCHITECTURE.md` tells it, held against each room's `Cargo.toml`.

use toml::{Table, Value};

/// One room.
pub(crate) struct Room {
    name: &'static str,
    /// The rooms it may import.
    rooms: &'static [&'static str],
    /// What else it may list. `None`: anything but `never`.
    only: Option<&'static [&'static str]>,
    /// What it must never list.
    never: &'static [&'static str],
}

/// What a pure room may list. No crate here waits, listens, reads a clock or a disk.
const PURE: &[&str] = &["jiff", "schemars", "serde", "serde_json", "statrs", "thiserror", "toml"];
/// What a pure room's tests may list beside.
const PURE_IN_TESTS: &[&str] = &["boon", "insta", "proptest", "serde_json", "toml", "yaml-rust2"];
const RADIO: &[&str] = &["bluer", "btleplug", "dbus", "dbus-crossroads", "zbus"];
const WEB: &[&str] = &["askama", "askama_web", "axum", "axum-extra", "axum-server", "fluent", "tower-http"];
const MQTT: &[&str] = &["rumqttc", "rumqttd", "paho-mqtt"];

/// The table.
pub(crate) const ROOMS: &[Room] = &[
    Room { name: "vitals", rooms: &[], only: Some(PURE), never: &[] },
    Room { name: "devices", rooms: &["vitals"], only: Some(PURE), never: &[] },
    Room { name: "alerts", rooms: &["vitals"], only: Some(PURE), never: &[] },
    Room { name: "gateway", rooms: &["devices", "vitals"], only: None, never: &["sqlx", "axum", "rumqttd"] },
    Room { name: "care", rooms: &["alerts", "vitals"], only: None, never: RADIO },
    Room { name: "ingest", rooms: &["alerts", "care", "vitals"], only: None, never: RADIO },
];

impl Room {
    /// Where its manifest is.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.name)
    }

    fn never(&self) -> Vec<&'static str> {
        let more = match self.name {
            "care" => MQTT,
            "ingest" => WEB,
            _ => &[],
        };
        self.never.iter().chain(more).copied().collect()
    }
}

/// A dependency as a manifest lists it.
struct Listed {
    name: String,
    for_tests: bool,
    features: Vec<String>,
}

/// What is wrong with the manifest of `room`.
pub(crate) fn complaints(room: &Room, manifest: &str) -> Vec<String> {
    let manifest: Table = manifest.parse().expect("a manifest in TOML");
    let mut complaints: Vec<String> =
        listed(&manifest).iter().filter_map(|one| complaint(room, one)).collect();
    if manifest.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
        complaints.push(format!("{}: does not take the workspace's lints", room.name));
    }
    complaints
        .extend(held_by_default(&manifest).map(|feature| format!("{}: {feature} by default", room.name)));
    complaints
}

fn complaint(room: &Room, listed: &Listed) -> Option<String> {
    let Listed { name, for_tests, features } = listed;
    let (name, room_name) = (name.as_str(), room.name);
    let ours = ROOMS.iter().any(|other| other.name == name);
    let itself_in_tests = *for_tests && name == room_name;
    if ours && !room.rooms.contains(&name) && !itself_in_tests {
        return Some(format!("{room_name} must not import {name}"));
    }
    let allowed = room
        .only
        .is_none_or(|only| ours || only.contains(&name) || (*for_tests && PURE_IN_TESTS.contains(&name)));
    if !allowed || room.never().contains(&name) {
        return Some(format!("{room_name} must never see {name}"));
    }
    // Without `std`, jiff has no clock to read.
    if room.only.is_some() && name == "jiff" && !for_tests && !features.is_empty() {
        return Some(format!("{room_name} must take jiff as it is: its other features read the clock"));
    }
    if room_name == "ingest" && name == "care" && features.iter().any(|feature| feature == "web") {
        return Some("ingest must take care without its web".to_owned());
    }
    None
}

/// What is wrong with the root manifest.
pub(crate) fn complaints_on_root(manifest: &str) -> Vec<String> {
    let manifest: Table = manifest.parse().expect("a manifest in TOML");
    let shared = |name: &str| manifest["workspace"]["dependencies"].get(name).cloned();
    let mut complaints = Vec::new();
    if shared("care").and_then(|care| care.get("default-features").cloned()) != Some(Value::Boolean(false)) {
        complaints.push("the workspace must offer care without its web".to_owned());
    }
    let jiff = shared("jiff").and_then(|jiff| jiff.get("features").cloned());
    let jiff: Vec<&str> = jiff.as_ref().map(|features| words(features).collect()).unwrap_or_default();
    if jiff != ["alloc", "serde"] {
        complaints.push(format!("the workspace must offer jiff without a clock, not with {jiff:?}"));
    }
    complaints.extend(held_by_default(&manifest).map(|feature| format!("vagen: {feature} by default")));
    complaints
}

/// Features for crash tests that are on without being asked for.
fn held_by_default(manifest: &Table) -> impl Iterator<Item = &str> {
    let default = manifest.get("features").and_then(|features| features.get("default"));
    let is_held = |feature: &&str| feature.contains("fault-points") || feature.ends_with("flaws");
    default.into_iter().flat_map(words).filter(is_held)
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn listed(manifest: &Table) -> Vec<Listed> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let sections = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let mut all = Vec::new();
    for section in sections {
        for (kind, for_tests) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let found = section.get(kind).and_then(Value::as_table).into_iter().flatten();
            all.extend(found.map(|(name, value)| {
                Listed {
                    // A renamed crate is still that crate.
                    name: value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned(),
                    for_tests,
                    features: value
                        .get("features")
                        .map(|list| words(list).map(str::to_owned).collect())
                        .unwrap_or_default(),
                }
            }));
        }
    }
    all
}

/// To add a case, add a row: the room, what its manifest says beside its lints, and how many complaints that earns.
#[test]
fn a_manifest_that_breaks_the_table_is_noticed() {
    let rows = [
        ("vitals", "[dependencies]\nserde.workspace = true", 0),
        ("vitals", "[dependencies]\ndevices.workspace = true", 1),
        ("vitals", "[dependencies]\ntokio.workspace = true", 1),
        ("vitals", "[dev-dependencies]\nproptest.workspace = true\nvitals = { path = \".\" }", 0),
        ("devices", "[dependencies]\nvitals.workspace = true", 0),
        ("devices", "[dependencies]\nalerts.workspace = true", 1),
        ("devices", "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"", 1),
        ("alerts", "[dependencies]\njiff = { workspace = true, features = [\"std\"] }", 1),
        ("alerts", "[dev-dependencies]\njiff = { workspace = true, features = [\"std\"] }", 0),
        ("alerts", "[dependencies]\nwords = { package = \"sqlx\", version = \"0.9\" }", 1),
        (
            "gateway",
            "[dependencies]\ncare.workspace = true\nalerts.workspace = true\nbtleplug.workspace = true",
            2,
        ),
        (
            "care",
            "[dependencies]\nrumqttc.workspace = true\nbtleplug.workspace = true\naxum.workspace = true",
            2,
        ),
        ("care", "[dependencies]\ningest.workspace = true", 1),
        ("ingest", "[dependencies]\ncare = { workspace = true, features = [\"web\"] }", 1),
        ("ingest", "[build-dependencies]\naxum.workspace = true\ngateway.workspace = true", 2),
        ("ingest", "[features]\ndefault = [\"fault-points\"]", 1),
        ("gateway", "[features]\ndefault = [\"flaws\"]", 1),
    ];
    for (name, says, expected) in rows {
        let room = ROOMS.iter().find(|room| room.name == name).expect("a room");
        let complaints = complaints(room, &format!("{says}\n[lints]\nworkspace = true\n"));
        assert_eq!(complaints.len(), expected, "{name}: {says}: {complaints:?}");
    }
    assert_eq!(complaints(&ROOMS[0], "").len(), 1, "without the workspace's lints");
}

#[test]
fn a_root_that_offers_too_much_is_noticed() {
    let rows = [
        (
            "care = { path = \"care\", default-features = false }\njiff = { features = [\"alloc\", \"serde\"] }",
            0,
        ),
        ("care = { path = \"care\" }\njiff = { features = [\"std\"] }", 2),
    ];
    for (says, expected) in rows {
        assert_eq!(
            complaints_on_root(&format!("[workspace.dependencies]\n{says}")).len(),
            expected,
            "{says}"
        );
    }
}
