//! The published MQTT interface against the types that speak it: the schema files in `docs/mqtt` are the generated ones,
//! the AsyncAPI document refers to nothing that is not there, its examples are valid, and schema and reader agree on
//! what is not.
//!
//! After a change to the types: `VAGEN_WRITE_SCHEMAS=1 cargo test -p vitals --test published_schema`, and read the
//! difference as another maker would. The interface changes only by adding.

use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use vitals::envelope::{FRAME_BYTES_MAX, Version1};
use vitals::{
    AbsentReason, ClockClass, DeviceIdentity, DeviceTime, Downstream, Envelope, Flag, Heartbeat, Kind,
    Outcome, Quantity, RawFrame, Seq, TimedMeasurement, Timestamp, Void,
};
use yaml_rust2::{Yaml, YamlLoader};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mqtt")
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, schema) in vitals::schema::documents() {
        let path = docs().join(format!("{name}.schema.json"));
        let generated = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
        if std::env::var_os("VAGEN_WRITE_SCHEMAS").is_some() {
            std::fs::write(&path, &generated).expect("the checkout can be written");
        }
        let published = std::fs::read_to_string(&path).expect("a published schema");
        assert!(published == generated, "{} differs from the types; see this file's head", path.display());
    }
}

/// The schemas, ready to judge.
struct Judge {
    schemas: Schemas,
    up: SchemaIndex,
    down: SchemaIndex,
    heartbeat: SchemaIndex,
}

impl Judge {
    fn new() -> Self {
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        let [up, down, heartbeat] = vitals::schema::documents().map(|(name, schema)| {
            let address = format!("https://example.test/{name}.json");
            compiler.add_resource(&address, schema).expect("a resource");
            compiler.compile(&address, &mut schemas).expect("a schema")
        });
        Self { schemas, up, down, heartbeat }
    }

    /// What is wrong with `message` as the last level of its topic, if anything.
    fn fault(&self, topic: &str, message: &Value) -> Option<String> {
        let index = match topic {
            "up" => self.up,
            "down" => self.down,
            "heartbeat" => self.heartbeat,
            other => return Some(format!("no topic {other}")),
        };
        self.schemas.validate(message, index).err().map(|error| format!("{error:#}"))
    }
}

/// Whether the types read `message`; an `up` message element by element, void where it says so.
fn is_read(topic: &str, message: &Value) -> bool {
    let item = |one: &Value| match one.get("void") {
        Some(_) => serde_json::from_value::<Void>(one.clone()).is_ok(),
        None => serde_json::from_value::<Envelope>(one.clone()).is_ok(),
    };
    match (topic, message) {
        ("up", Value::Array(items)) => items.iter().all(item),
        ("up", one) => item(one),
        ("down", message) => serde_json::from_value::<Downstream>(message.clone()).is_ok(),
        (_, message) => serde_json::from_value::<Heartbeat>(message.clone()).is_ok(),
    }
}

fn asyncapi() -> Yaml {
    let text = std::fs::read_to_string(docs().join("asyncapi.yaml")).expect("the AsyncAPI document");
    YamlLoader::load_from_str(&text).expect("YAML").remove(0)
}

fn as_json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Real(number) => json!(number.parse::<f64>().expect("a number")),
        Yaml::Integer(number) => json!(number),
        Yaml::String(text) => json!(text),
        Yaml::Boolean(truth) => json!(truth),
        Yaml::Array(items) => items.iter().map(as_json).collect(),
        Yaml::Hash(pairs) => Value::Object(
            pairs
                .iter()
                .map(|(key, value)| (key.as_str().expect("a key").to_owned(), as_json(value)))
                .collect(),
        ),
        Yaml::Null => Value::Null,
        Yaml::Alias(_) | Yaml::BadValue => panic!("plain YAML only"),
    }
}

/// Every `$ref` in `value`.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(pairs) => pairs
            .iter()
            .flat_map(|(key, inner)| match inner {
                Value::String(target) if key == "$ref" => vec![target.clone()],
                inner => references(inner),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn the_asyncapi_document_refers_to_what_is_there() {
    let document = as_json(&asyncapi());
    assert_eq!(document["asyncapi"], "3.0.0");
    let references = references(&document);
    assert!(references.len() > 6, "channels, operations and messages refer to each other");
    for reference in references {
        match reference.split_once('#') {
            Some(("", pointer)) => assert!(document.pointer(pointer).is_some(), "{reference}"),
            _ => assert!(docs().join(&reference).is_file(), "{reference}"),
        }
    }
}

#[test]
fn every_example_of_the_asyncapi_document_is_valid_and_read() {
    let (document, judge) = (as_json(&asyncapi()), Judge::new());
    let channels = document["channels"].as_object().expect("channels");
    let messages = document["components"]["messages"].as_object().expect("messages");
    let mut examples = 0;
    for channel in channels.values() {
        let topic =
            channel["address"].as_str().and_then(|address| address.rsplit('/').next()).expect("a topic");
        for reference in references(&channel["messages"]) {
            let message = &messages[reference.rsplit('/').next().expect("a name")];
            for example in message["examples"].as_array().expect("each message has examples") {
                assert_eq!(judge.fault(topic, &example["payload"]), None, "{}", example["name"]);
                assert!(is_read(topic, &example["payload"]), "{}", example["name"]);
                examples += 1;
            }
        }
    }
    assert!(examples >= 6, "{examples} examples");
}

#[test]
fn every_example_of_the_walk_through_is_valid_and_read() {
    let judge = Judge::new();
    let text = std::fs::read_to_string(docs().join("README.md")).expect("the walk through");
    let blocks: Vec<&str> =
        text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 5, "envelope, receipt, resend, void, heartbeat");
    for block in blocks {
        let message: Value = serde_json::from_str(block).expect(block);
        let topic = match &message {
            message if message.get("receipt").or(message.get("resend")).is_some() => "down",
            message if message.get("last_seq").is_some() => "heartbeat",
            _ => "up",
        };
        assert_eq!(judge.fault(topic, &message), None, "{block}");
        assert!(is_read(topic, &message), "{block}");
    }
}

/// The interface's examples as it was published, letter by letter.
const ENVELOPE: &str = r#"{"v":1,"gateway":"gw-0001","outbox":"5f0c...","seq":1234,"sealed_at":"2026-01-01T07:04:05.000Z",
 "device":{"id":"546c0e000001","model":"A&D UA-651BLE","serial":"5170300042"},
 "measurement":{"kind":"weight","outcome":"measured","values":{"weight_kg":80.1},"absent":{},"device_time":"2026-01-01T08:04:00","user_slot":null,"flags":[],
                "measured_at":"2026-01-01T07:04:00.000Z","clock":"offset_corrected","clock_offset_s":-3600},
 "raw":{"characteristic":"2a9d","hex":"02943eea070101080400"}}"#;
const VOID: &str = r#"{"v":1,"gateway":"gw-0001","outbox":"5f0c...","seq":5,"void":"reason"}"#;
const RECEIPT: &str = r#"{"v":1,"receipt":{"outbox":"5f0c...","through":1234}}"#;
const RESEND: &str = r#"{"v":1,"resend":{"outbox":"5f0c...","from":1200,"to":1234}}"#;
const HEARTBEAT: &str = r#"{"v":1,"gateway":"gw-0001","at":"2026-01-01T07:10:00.000Z","outbox":"5f0c...","last_seq":1234,"unreceipted":0,
 "version":"0.1.0","clock_synced":true,"devices":[{"id":"546c0e000001","last_seen":"2026-01-01T07:04:03.000Z","battery_percent":66}]}"#;

/// To add a case, add a row: the topic, a published example, a JSON pointer and what stands there instead (nothing:
/// the key is left out), and whether that may be sent. Worked by hand from the published interface.
#[test]
fn schema_and_reader_agree() {
    let rows: &[(&str, &str, &str, Option<Value>, bool)] = &[
        ("up", ENVELOPE, "", None, true),
        ("up", VOID, "", None, true),
        ("down", RECEIPT, "", None, true),
        ("down", RESEND, "", None, true),
        ("heartbeat", HEARTBEAT, "", None, true),
        ("up", ENVELOPE, "/later_key", Some(json!({"any": "thing"})), true),
        ("up", ENVELOPE, "/measurement/values/later_quantity", Some(json!(1)), true),
        ("up", ENVELOPE, "/v", Some(json!(2)), false),
        ("up", ENVELOPE, "/v", None, false),
        ("up", ENVELOPE, "/gateway", Some(json!("gw/+")), false),
        ("up", ENVELOPE, "/gateway", None, false),
        ("up", ENVELOPE, "/outbox", Some(json!("")), false),
        ("up", ENVELOPE, "/outbox", Some(json!("tab\there")), false),
        ("up", ENVELOPE, "/outbox", None, false),
        ("up", ENVELOPE, "/seq", Some(json!(0)), false),
        ("up", ENVELOPE, "/seq", Some(json!("1234")), false),
        ("up", ENVELOPE, "/seq", Some(json!(9_007_199_254_740_992_u64)), false),
        ("up", ENVELOPE, "/seq", None, false),
        ("up", ENVELOPE, "/sealed_at", Some(json!("2026-01-01")), false),
        ("up", ENVELOPE, "/sealed_at", None, false),
        ("up", ENVELOPE, "/device", None, false),
        ("up", ENVELOPE, "/device/id", Some(json!("54:6C:0E:00:00:01")), false),
        ("up", ENVELOPE, "/device/id", Some(json!("0001020304050607")), true),
        ("up", ENVELOPE, "/device/model", None, true),
        ("up", ENVELOPE, "/device/model", Some(json!("x".repeat(65))), false),
        ("up", ENVELOPE, "/device/serial", Some(json!("a\u{0}b")), false),
        ("up", ENVELOPE, "/measurement/kind", Some(json!("mood")), false),
        ("up", ENVELOPE, "/measurement/kind", None, false),
        ("up", ENVELOPE, "/measurement/outcome", Some(json!("failed")), true),
        ("up", ENVELOPE, "/measurement/outcome", None, false),
        ("up", ENVELOPE, "/measurement/values", None, false),
        ("up", ENVELOPE, "/measurement/values/weight_kg", Some(json!("80.1")), false),
        ("up", ENVELOPE, "/measurement/values/weight_kg", Some(json!(null)), false),
        ("up", ENVELOPE, "/measurement/values/weight_kg", Some(json!(1e10)), false),
        ("up", ENVELOPE, "/measurement/values/rr_interval_s", Some(json!([0.8, 0.79])), true),
        ("up", ENVELOPE, "/measurement/values/rr_interval_s", Some(json!(0.8)), false),
        ("up", ENVELOPE, "/measurement/absent", None, true),
        ("up", ENVELOPE, "/measurement/absent/bmi_kg_per_m2", Some(json!("nan")), true),
        ("up", ENVELOPE, "/measurement/absent/bmi_kg_per_m2", Some(json!("because")), false),
        ("up", ENVELOPE, "/measurement/absent/later_quantity", Some(json!("nan")), true),
        ("up", ENVELOPE, "/measurement/device_time", Some(json!(null)), true),
        ("up", ENVELOPE, "/measurement/device_time", Some(json!("2026-01-01T08:04:00Z")), false),
        ("up", ENVELOPE, "/measurement/user_slot", Some(json!(255)), true),
        ("up", ENVELOPE, "/measurement/user_slot", Some(json!(256)), false),
        ("up", ENVELOPE, "/measurement/flags", Some(json!(["from_storage"])), true),
        ("up", ENVELOPE, "/measurement/flags", Some(json!(["shiny"])), false),
        ("up", ENVELOPE, "/measurement/measured_at", None, false),
        ("up", ENVELOPE, "/measurement/clock", Some(json!("sundial")), false),
        ("up", ENVELOPE, "/measurement/clock", None, false),
        ("up", ENVELOPE, "/measurement/clock_offset_s", Some(json!(null)), true),
        ("up", ENVELOPE, "/measurement/clock_offset_s", Some(json!(0.5)), false),
        ("up", ENVELOPE, "/raw", None, false),
        ("up", ENVELOPE, "/raw/characteristic", Some(json!("xiaomi-181d")), true),
        ("up", ENVELOPE, "/raw/characteristic", Some(json!("2a9d\n")), false),
        ("up", ENVELOPE, "/raw/hex", Some(json!("")), false),
        ("up", ENVELOPE, "/raw/hex", Some(json!("0294zz")), false),
        ("up", ENVELOPE, "/raw/hex", Some(json!("029")), false),
        ("up", ENVELOPE, "/raw/hex", Some(json!("00".repeat(512))), true),
        ("up", ENVELOPE, "/raw/hex", Some(json!("00".repeat(513))), false),
        ("up", VOID, "/void", Some(json!(7)), false),
        ("up", VOID, "/seq", Some(json!(0)), false),
        ("down", RECEIPT, "/receipt/through", Some(json!(0)), true),
        ("down", RECEIPT, "/receipt/through", Some(json!(-1)), false),
        ("down", RECEIPT, "/receipt", None, true),
        ("down", RECEIPT, "/later_command", Some(json!({})), true),
        ("down", RESEND, "/resend/from", Some(json!(0)), false),
        ("heartbeat", HEARTBEAT, "/unreceipted", None, false),
        ("heartbeat", HEARTBEAT, "/last_seq", Some(json!(0)), true),
        ("heartbeat", HEARTBEAT, "/devices", None, true),
        ("heartbeat", HEARTBEAT, "/devices/0/battery_percent", Some(json!(null)), true),
        ("heartbeat", HEARTBEAT, "/version", Some(json!("x".repeat(65))), false),
    ];
    let judge = Judge::new();
    for (topic, example, pointer, becomes, may_be_sent) in rows {
        let mut message: Value = serde_json::from_str(example).expect("an example");
        change(&mut message, pointer, becomes.clone());
        let told = (judge.fault(topic, &message).is_none(), is_read(topic, &message));
        assert_eq!(told, (*may_be_sent, *may_be_sent), "{topic} {pointer} {becomes:?}");
    }
}

fn change(message: &mut Value, pointer: &str, becomes: Option<Value>) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    let parent = message.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object there");
    match becomes {
        Some(value) => parent.insert(key.to_owned(), value),
        None => Some(parent.remove(key).expect("the row must change something")),
    };
}

/// The published limit is 200 envelopes a message, and a message says something.
#[test]
fn a_message_holds_1_to_200() {
    let (judge, one) = (Judge::new(), serde_json::from_str::<Value>(VOID).expect("an example"));
    for (count, valid) in [(0, false), (1, true), (200, true), (201, false)] {
        let message = Value::Array(vec![one.clone(); count]);
        assert_eq!(judge.fault("up", &message).is_none(), valid, "{count}");
    }
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    // The years 1900 to 2200.
    (-2_208_988_800_000_i64..7_258_118_400_000).prop_map(|ms| Timestamp::from_millis(ms).expect("in range"))
}

fn device_times() -> impl Strategy<Value = DeviceTime> {
    (1_u16..=9999, 1_u8..=12, 1_u8..=28, 0_u8..24, 0_u8..60, 0_u8..60)
        .prop_filter_map("a real moment", |(year, month, day, hour, minute, second)| {
            DeviceTime::new(year, month, day, hour, minute, second)
        })
}

fn measurements() -> impl Strategy<Value = TimedMeasurement> {
    let numbers: Vec<Quantity> =
        Quantity::ALL.iter().copied().filter(|quantity| *quantity != Quantity::RrIntervalS).collect();
    let what = (select(Kind::ALL), select(Outcome::ALL), btree_map(select(numbers), -1e9..1e9_f64, 0..6));
    let beside = (
        btree_map(select(Quantity::ALL), select(AbsentReason::ALL), 0..4),
        option::of(device_times()),
        option::of(any::<u8>()),
        btree_set(select(Flag::ALL), 0..5),
        vec(0.0..3.0_f64, 0..9),
    );
    let when = (timestamps(), select(ClockClass::ALL), option::of(any::<i32>()));
    (what, beside, when).prop_map(
        |((kind, outcome, numbers), (absent, device_time, user_slot, flags, beats), when)| {
            let mut values: vitals::Values = numbers.into_iter().collect();
            for seconds in beats {
                values.push_rr_interval_s(seconds).expect("a plausible interval");
            }
            let (measured_at, clock, offset) = when;
            let clock_offset_s = offset.map(i64::from);
            TimedMeasurement {
                kind,
                outcome,
                values,
                absent,
                device_time,
                user_slot,
                flags,
                measured_at,
                clock,
                clock_offset_s,
            }
        },
    )
}

fn envelopes() -> impl Strategy<Value = Envelope> {
    let place = ("[A-Za-z0-9._-]{1,64}", "[^\\p{Cc}]{1,128}", 1..=Seq::MAX, timestamps());
    let device =
        ("[0-9a-f]{12}|[0-9a-f]{16}", option::of("[^\\p{Cc}]{0,64}"), option::of("[^\\p{Cc}]{0,64}"));
    let raw = ("[a-z0-9-]{1,32}", vec(any::<u8>(), 1..=FRAME_BYTES_MAX));
    (place, device, measurements(), raw).prop_map(
        |(place, (id, model, serial), measurement, (characteristic, bytes))| {
            let (gateway, outbox, seq, sealed_at) = place;
            Envelope {
                v: Version1,
                gateway: gateway.parse().expect("a gateway id"),
                outbox: outbox.parse().expect("an outbox"),
                seq: Seq::new(seq).expect("a place"),
                sealed_at,
                device: DeviceIdentity { id: id.parse().expect("a device id"), model, serial },
                measurement,
                raw: RawFrame { characteristic, bytes },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_the_types_write_is_valid_and_reads_back(envelope in envelopes()) {
        thread_local!(static JUDGE: Judge = Judge::new());
        let written = serde_json::to_value(&envelope).expect("JSON");
        prop_assert_eq!(JUDGE.with(|judge| judge.fault("up", &written)), None);
        prop_assert_eq!(serde_json::from_value::<Envelope>(written).expect("reads"), envelope);
    }
}
