//! The plain reader against the full one: it may give nothing, and never anything else.

use proptest::prelude::*;

use super::super::line;
use super::*;

/// Lines as people write them, and lines that only look so. To add a case, add a row: the line, and whether it is plain.
#[test]
fn what_is_plain_reads_as_the_full_reader_would() {
    let rows = [
        (
            r#"{"patient":"p1","at":"2026-01-01T07:04:00.000Z","kind":"weight","values":{"weight_kg":80.1}}"#,
            true,
        ),
        (
            r#"{"at":"2026-01-01T07:04:00Z","kind":"weight","values":{"weight_kg":80},"patient":"p1","id":"a"}"#,
            true,
        ),
        (
            r#"{"patient":"p1","at":"2026-01-01T07:06:00.000Z","kind":"blood_pressure","values":{"systolic_mmhg":128,"diastolic_mmhg":76,"pulse_per_min":71}}"#,
            true,
        ),
        (
            r#"{ "patient" : "p1", "at": "2026-01-02T08:00:00.000Z", "kind":"symptoms", "values":{ "breathlessness": 1, "worse_than_yesterday":0 } } "#,
            true,
        ),
        (
            r#"{"patient":"p","at":"2024-02-29T23:59:59.999Z","kind":"pulse_oximetry","values":{"spo2_percent":91.25}}"#,
            true,
        ),
        (
            r#"{"patient":"p","at":"2026-02-29T00:00:00.000Z","kind":"weight","values":{"weight_kg":1}}"#,
            false,
        ),
        (
            r#"{"patient":"p","at":"2026-01-01T08:04:00+01:00","kind":"weight","values":{"weight_kg":1}}"#,
            false,
        ),
        (r#"{"patient":"p","at":"2026-01-01T24:00:00Z","kind":"weight","values":{"weight_kg":1}}"#, false),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":08}}"#, false),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":8e1}}"#, false),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":1.}}"#, false),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","values":{}}"#, false),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"symptoms","values":{"cough":4}}"#, false),
        (
            r#"{"patient":"p\u0031","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":1}}"#,
            false,
        ),
        (
            r#"{"patient":"p","patient":"q","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":1}}"#,
            false,
        ),
        (
            r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","flags":[],"values":{"weight_kg":1}}"#,
            false,
        ),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"end"}"#, false),
        (r#"{"patient":"p","at":"2026-01-01T07:00:00Z","kind":"weight","values":{"weight_kg":1}}}"#, false),
    ];
    for (text, is_plain) in rows {
        let read = parse(text, 7);
        assert_eq!(read.is_some(), is_plain, "{text}");
        if let Some(read) = read {
            assert_eq!(Ok(read), line::parse(text, 7), "{text}");
        }
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("weight_kg".to_owned()),
        Just("systolic_mmhg".to_owned()),
        Just("bmi_kg_per_m2".to_owned()),
        Just("cough".to_owned()),
        Just("fatigue".to_owned()),
        Just("rr_interval_s".to_owned()),
        "[a-z_]{1,6}",
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof!["-?[0-9]{1,17}", "-?[0-9]{1,4}\\.[0-9]{1,14}", "[0-3]", "[0-9]{1,3}e[0-9]"]
}

proptest! {
    /// Lines near the plain shape: whatever the plain reader takes, the full reader takes the same.
    #[test]
    fn what_the_plain_reader_takes_is_what_the_full_one_takes(
        values in prop::collection::vec((key(), number()), 0..4),
        kind in prop_oneof![Just("weight"), Just("symptoms"), Just("blood_pressure"), Just("clock"), Just("mood")],
        (year, month, day, hour) in (0u32..10_000, 0u32..14, 0u32..33, 0u32..26),
        patient in "[a-zåäö\\\\\"]{0,3}",
        cut in 0usize..400,
        edit in any::<u8>(),
    ) {
        let values: Vec<String> = values.iter().map(|(key, number)| format!("\"{key}\":{number}")).collect();
        let text = format!(
            r#"{{"patient":"{patient}","at":"{year:04}-{month:02}-{day:02}T{hour:02}:00:00.000Z","kind":"{kind}","values":{{{}}}}}"#,
            values.join(",")
        );
        let mut bytes = text.clone().into_bytes();
        if cut < bytes.len() {
            bytes[cut] = edit;
        }
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            if let Some(read) = parse(&text, 3) {
                prop_assert_eq!(Ok(read), line::parse(&text, 3), "{}", text);
            }
        }
    }
}
