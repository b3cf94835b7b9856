//! What one message is judged to be. Expected values: the published MQTT interface, version 1.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The published interface's own example.
const EXAMPLE: &str = r#"{"v":1,"gateway":"gw-0001","outbox":"5f0c...","seq":1234,"sealed_at":"2026-01-01T07:04:05.000Z",
 "device":{"id":"546c0e000001","model":"A&D UA-651BLE","serial":"5170300042"},
 "measurement":{"kind":"weight","outcome":"measured","values":{"weight_kg":80.1},"absent":{},"device_time":"2026-01-01T08:04:00","user_slot":null,"flags":[],
                "measured_at":"2026-01-01T07:04:00.000Z","clock":"offset_corrected","clock_offset_s":-3600},
 "raw":{"characteristic":"2a9d","hex":"02943eea070101080400"}}"#;
const VOID: &str = r#"{"v":1,"gateway":"gw-0001","outbox":"5f0c","seq":5,"void":"reason"}"#;

fn gateway() -> GatewayId {
    "gw-0001".parse().expect("a gateway id")
}

fn now() -> Timestamp {
    "2026-01-01T07:05:00Z".parse().expect("a time")
}

fn judged(payload: &str) -> Vec<Item<'_>> {
    judge(payload.as_bytes(), Some(&gateway()), now())
}

fn reason(item: &Item<'_>) -> Option<Reason> {
    match &item.content {
        Content::Refused(refusal) => Some(refusal.reason),
        Content::Candidate(_) | Content::Void(_) => None,
    }
}

fn seq(item: &Item<'_>) -> Option<u64> {
    item.place.as_ref().map(|place| place.seq.get())
}

#[test]
fn the_example_is_a_candidate_and_the_void_a_void() {
    let items = judged(EXAMPLE);
    assert!(matches!(&items[..], [Item { content: Content::Candidate(_), .. }]), "{items:?}");
    assert_eq!(seq(&items[0]), Some(1234));
    let items = judged(VOID);
    assert!(matches!(&items[0].content, Content::Void(void) if void.void == "reason"));
    assert_eq!(seq(&items[0]), Some(5));
}

/// To add a case, add a row: what to change in the example, the reason, and whether it still takes its number.
#[test]
fn what_is_wrong_is_refused_for_its_reason_and_keeps_its_number() {
    use Reason::{FutureDated, Malformed, WrongGateway};
    let rows = [
        (r#""v":1,"#, r#""v":2,"#, Malformed, true),
        (r#""kind":"weight""#, r#""kind":"mood""#, Malformed, true),
        (r#""weight_kg":80.1"#, r#""weight_kg":"80.1""#, Malformed, true),
        (r#""hex":"02943eea070101080400""#, r#""hex":"zz""#, Malformed, true),
        (r#""seq":1234"#, r#""seq":0"#, Malformed, false),
        (r#""seq":1234"#, r#""seq":1.5"#, Malformed, false),
        (r#""seq":1234"#, r#""seq":"1234""#, Malformed, false),
        (r#""seq":1234,"#, "", Malformed, false),
        (r#""outbox":"5f0c...""#, r#""outbox":"""#, Malformed, false),
        (r#""outbox":"5f0c...""#, r#""outbox":7"#, Malformed, false),
        (r#""gateway":"gw-0001""#, r#""gateway":"gw-0002""#, WrongGateway, true),
        (r#""gateway":"gw-0001""#, r#""gateway":"gw/+""#, Malformed, true),
        ("07:04:00.000Z\",\"clock", "07:15:00.001Z\",\"clock", FutureDated, true),
        ("2026-01-01T07:04:00.000Z\",\"clock", "9999-12-01T00:00:00.000Z\",\"clock", FutureDated, true),
    ];
    for (was, becomes, expected, numbered) in rows {
        assert!(EXAMPLE.contains(was), "the row must change something: {was}");
        let text = EXAMPLE.replacen(was, becomes, 1);
        let items = judged(&text);
        assert_eq!((items.len(), reason(&items[0])), (1, Some(expected)), "{becomes}: {items:?}");
        assert_eq!(items[0].place.is_some(), numbered, "{becomes}");
    }
}

/// Ten minutes ahead is the limit; an unsynchronised gateway is believed from 90 days back to ten minutes ahead.
#[test]
fn time_is_believed_within_limits() {
    let edge = EXAMPLE.replacen("07:04:00.000Z\",\"clock", "07:15:00.000Z\",\"clock", 1);
    assert_eq!(reason(&judged(&edge)[0]), None, "exactly ten minutes ahead");
    let rows = [
        ("2026-01-01T07:15:00.000Z", "2026-01-01T07:15:00.000Z"),
        ("2026-01-01T07:15:00.001Z", "2026-01-01T07:05:00.000Z"),
        ("2025-10-03T07:05:00.000Z", "2025-10-03T07:05:00.000Z"),
        ("2025-10-03T07:04:59.999Z", "2026-01-01T07:05:00.000Z"),
        ("1970-01-01T00:00:00.000Z", "2026-01-01T07:05:00.000Z"),
    ];
    for (measured_at, expected) in rows {
        let text = EXAMPLE.replacen(
            "2026-01-01T07:04:00.000Z\",\"clock\":\"offset_corrected",
            &format!("{measured_at}\",\"clock\":\"gateway_unsynced"),
            1,
        );
        let items = judged(&text);
        let Content::Candidate(envelope) = &items[0].content else { panic!("{measured_at}: {items:?}") };
        assert_eq!(Item::at(envelope, now()).to_string(), expected, "{measured_at}");
    }
}

#[test]
fn a_message_that_is_no_envelope_is_one_refusal_without_a_number() {
    let deep = "[".repeat(200_000);
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let rows =
        ["", " ", "null", "7", "\"text\"", "{", "{}}", "nonsense", r#"{"v":1"#, "[]", " [ ]\n", "[", &deep];
    for text in rows {
        let items = judged(text);
        assert_eq!(items.len(), 1, "{}", &text[..text.len().min(20)]);
        assert_eq!((reason(&items[0]), &items[0].place), (Some(Reason::Malformed), &None));
    }
    assert_eq!(reason(&judged(&deep_object)[0]), Some(Reason::TooLarge), "900 kB of nesting");
    let items = judge(&[0x7B, 0xFF, 0x00], Some(&gateway()), now());
    assert_eq!(
        (reason(&items[0]), items[0].raw.as_ref()),
        (Some(Reason::Malformed), "7bff00"),
        "no text: kept as hex"
    );
    let items = judge(EXAMPLE.as_bytes(), None, now());
    assert_eq!(
        (reason(&items[0]), &items[0].place),
        (Some(Reason::Malformed), &None),
        "a topic without a gateway"
    );
}

#[test]
fn each_element_of_an_array_is_judged_by_itself() {
    let other = EXAMPLE.replacen(r#""seq":1234"#, r#""seq":1235"#, 1);
    let bad = EXAMPLE.replacen(r#""seq":1234"#, r#""seq":1236,"kind":1,"raw":null"#, 1);
    let text = format!("[ {EXAMPLE} , {bad}, 7, [\"5f0c\", 9], null, {VOID}, {other} ]");
    let items = judged(&text);
    let got: Vec<_> = items.iter().map(|item| (reason(item), seq(item))).collect();
    let malformed = Some(Reason::Malformed);
    let expected = [
        (None, Some(1234)),
        (malformed, Some(1236)),
        (malformed, None),
        (malformed, None),
        (malformed, None),
        (None, Some(5)),
        (None, Some(1235)),
    ];
    assert_eq!(got, expected);
}

#[test]
fn an_array_that_breaks_off_keeps_what_came_whole() {
    let text = format!("[{EXAMPLE},{{\"v\":1,");
    let got: Vec<_> = judged(&text).iter().map(|item| (reason(item), seq(item))).collect();
    assert_eq!(got, [(None, Some(1234)), (Some(Reason::Malformed), None)]);
}

/// At most 200 envelopes a message; what comes after them is malformed, and takes its number.
#[test]
fn surplus_elements_are_malformed() {
    let numbered = |n: usize| EXAMPLE.replacen(r#""seq":1234"#, &format!(r#""seq":{n}"#), 1);
    let all: Vec<String> = (1..=202).map(numbered).collect();
    let text = format!("[{}]", all.join(","));
    let items = judged(&text);
    assert_eq!(items.len(), 202);
    assert!(items[..200].iter().all(|item| reason(item).is_none()));
    assert_eq!(items[200..].iter().map(seq).collect::<Vec<_>>(), [Some(201), Some(202)]);
    assert!(items[200..].iter().all(|item| reason(item) == Some(Reason::Malformed)));
    let text = format!("[{}7]", "7,".repeat(50_000));
    assert_eq!(judged(&text).len(), 200 + SURPLUS_MAX + 1, "a flood is not a flood of items");
}

/// 256 KiB are 262,144 bytes, measured on the envelope's own bytes.
#[test]
fn an_envelope_is_measured_by_its_own_bytes() {
    let padded = |bytes: usize| {
        let pad = bytes - EXAMPLE.len() - r#","pad":"""#.len();
        format!(r#"{},"pad":"{}"}}"#, &EXAMPLE[..EXAMPLE.len() - 1], "x".repeat(pad))
    };
    let (fits, over) = (padded(262_144), padded(262_145));
    assert_eq!((fits.len(), over.len()), (262_144, 262_145));
    assert_eq!(reason(&judged(&fits)[0]), None);
    let text = format!("[{over},{VOID}]");
    let items = judged(&text);
    assert_eq!((reason(&items[0]), seq(&items[0])), (Some(Reason::TooLarge), Some(1234)));
    assert_eq!(reason(&items[1]), None, "a neighbour is not blocked");
    assert!(items[0].raw.len() <= RAW_BYTES_MAX);
}

#[test]
fn the_same_envelope_spelled_otherwise_is_the_same() {
    let value: Value = serde_json::from_str(EXAMPLE).expect("the example");
    let mut unknown = value.clone();
    unknown["later_key"] = json!({"x": 1});
    let (spelled, unknown) = (value.to_string(), unknown.to_string());
    let number = EXAMPLE.replacen("80.1", "80.10", 1);
    let other = EXAMPLE.replacen("80.1", "80.2", 1);
    let hash = |text: &str| judged(text)[0].hash.clone();
    assert_eq!(hash(EXAMPLE), hash(&spelled));
    assert_eq!(hash(EXAMPLE), hash(&unknown));
    assert_eq!(hash(EXAMPLE), hash(&number));
    assert_ne!(hash(EXAMPLE), hash(&other));
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for item in judge(&bytes, Some(&gateway()), now()) {
            prop_assert!(item.raw.len() <= RAW_BYTES_MAX);
            prop_assert!(!item.raw.contains('\0'));
        }
    }

    #[test]
    fn any_text_is_answered(text in "[\\[\\]{}\",:0-9a-z \\\\]{0,400}") {
        prop_assert!(!judged(&text).is_empty());
    }

    /// The example with a few bytes changed, taken out or doubled: an answer each time, and a candidate only if it is one.
    #[test]
    fn a_mutated_envelope_is_answered(edits in prop::collection::vec((0usize..EXAMPLE.len(), any::<u8>(), 0u8..3), 1..6)) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.min(bytes.len() - 1);
            match how {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte),
            }
        }
        let items = judge(&bytes, Some(&gateway()), now());
        prop_assert_eq!(items.len(), 1);
        if let Content::Candidate(envelope) = &items[0].content {
            let read: Envelope = serde_json::from_slice(&bytes).expect("what is admitted can be read");
            prop_assert_eq!(&**envelope, &read);
            prop_assert_eq!(&envelope.gateway, &gateway());
        }
    }
}
