//! Frames of devices against what their source says they mean.
//!
//! To add a device, add a row to `frames.json`: format, model, bytes, answer, and who vouches for it. Keys left out of a
//! row are not checked. No row may be copied from our own output.

use std::collections::BTreeMap;

use devices::models::Epoch;
use devices::{DecodeError, Decoded, Format, Quirk, decode, decode_named, models};
use serde_json::Value;

struct Row {
    name: String,
    format: Format,
    model: Option<String>,
    bytes: Vec<u8>,
    answer: BTreeMap<String, Value>,
}

impl Row {
    fn decode(&self) -> Result<Decoded, DecodeError> {
        decode_named(self.format, &self.bytes, self.model.as_deref())
    }
}

fn rows() -> Vec<Row> {
    let rows: Vec<BTreeMap<String, Value>> =
        serde_json::from_str(include_str!("frames.json")).expect("rows as JSON");
    rows.into_iter().enumerate().map(|(index, row)| read(index, row)).collect()
}

fn read(index: usize, mut row: BTreeMap<String, Value>) -> Row {
    let mut text = |key: &str| row.remove(key).and_then(|value| value.as_str().map(str::to_owned));
    let format = text("format").expect("every row names its format");
    let hex = text("hex").expect("every row has bytes");
    let source = text("source").filter(|source| !source.is_empty()).expect("every row names its source");
    let model = text("model");
    text("note");
    Row {
        name: format!("row {index}: {format} {hex} ({source})"),
        format: format.parse().expect("a known format"),
        model,
        bytes: (0..hex.len()).step_by(2).map(|at| byte(&hex[at..at + 2])).collect(),
        answer: row,
    }
}

fn byte(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).expect("hex")
}

/// Equal, numbers by value: 6879 is 6879.0.
fn same(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Number(got), Value::Number(expected)) => got.as_f64() == expected.as_f64(),
        (Value::Object(got), Value::Object(expected)) => {
            got.len() == expected.len() && includes(got, expected)
        }
        (Value::Array(got), Value::Array(expected)) => {
            got.len() == expected.len() && got.iter().zip(expected).all(|(got, expected)| same(got, expected))
        }
        (got, expected) => got == expected,
    }
}

fn includes(got: &serde_json::Map<String, Value>, expected: &serde_json::Map<String, Value>) -> bool {
    expected.iter().all(|(key, value)| got.get(key).is_some_and(|got| same(got, value)))
}

/// Sets have no order.
fn sorted(value: &Value) -> Value {
    let mut texts: Vec<_> =
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    texts.sort();
    Value::from(texts)
}

#[test]
fn frames_decode_as_their_source_says() {
    for row in rows() {
        if let Some(error) = row.answer.get("error").and_then(Value::as_str) {
            let got = row.decode().map_err(|error| error.to_string());
            assert!(got.as_ref().is_err_and(|got| got.starts_with(error)), "{}: {got:?}", row.name);
            continue;
        }
        let got = serde_json::to_value(row.decode().expect(&row.name)).expect("serialises");
        for (key, expected) in &row.answer {
            let agrees = match key.as_str() {
                "flags" | "quirks" => sorted(&got[key]) == sorted(expected),
                "values_include" => {
                    let values = got["values"].as_object().expect("an object");
                    includes(values, expected.as_object().expect("an object"))
                }
                key => same(&got[key], expected),
            };
            assert!(agrees, "{}\n{key}: {expected}\ngot: {got}", row.name);
        }
    }
}

/// A frame cut anywhere before its last field ends is refused by field and offset, and never read as something else. Formats
/// that are padded, or end in a list, may be cut in the padding or between two elements.
#[test]
fn a_frame_cut_short_is_refused() {
    for row in rows() {
        let Ok(whole) = row.decode() else { continue };
        for length in 0..row.bytes.len() {
            match decode_named(row.format, &row.bytes[..length], row.model.as_deref()) {
                Err(error) => {
                    let text = error.to_string();
                    assert!(
                        text.contains("ends in field '") && text.contains("at byte "),
                        "{}: {text}",
                        row.name
                    );
                }
                Ok(cut) => assert!(may_be_cut(&row, &whole, &cut, length), "{} cut to {length}", row.name),
            }
        }
    }
}

fn may_be_cut(row: &Row, whole: &Decoded, cut: &Decoded, length: usize) -> bool {
    let same = cut.measurement == whole.measurement;
    let is_padded = matches!(row.format, Format::Transtek8a21 | Format::Transtek8a22);
    let ends_in_list = row.format == Format::HeartRate && length >= 2;
    let has_surplus = whole.quirks.contains(&Quirk::SurplusBytes);
    (same && (is_padded || has_surplus)) || (ends_in_list && cut.measurement.values.rr_interval_s().len() < 2)
}

#[test]
fn every_model_has_a_frame() {
    let rows = rows();
    for model in models::all() {
        let is_proven = rows.iter().any(|row| {
            row.model.as_deref().and_then(models::find) == Some(model) && model.formats.contains(&row.format)
        });
        assert!(is_proven, "{} has no row in frames.json", model.name);
    }
}

/// A quirk in the table that no frame shows would be hearsay.
#[test]
fn every_quirk_has_a_frame() {
    let rows = rows();
    for model in models::all() {
        let frames = model.frames;
        let is_transtek = model.formats.contains(&Format::Transtek8a21);
        let claims = [
            (frames.big_endian_pulse_and_status, Quirk::BigEndianPulseAndStatus),
            (frames.user_byte_without_flag, Quirk::UserByteWithoutFlag),
            (frames.zero_mean_arterial_absent, Quirk::ZeroMeanArterialAbsent),
            (frames.weight_steps_per_kg != 200, Quirk::WeightFactor005),
            (frames.big_endian_record, Quirk::BigEndianRecord),
            (is_transtek && frames.epoch == Epoch::Year2010, Quirk::Epoch2010),
            (is_transtek && frames.epoch == Epoch::Year1970, Quirk::Epoch1970),
        ];
        for (_, quirk) in claims.into_iter().filter(|(is_claimed, _)| *is_claimed) {
            let is_shown = rows.iter().any(|row| {
                row.model.as_deref().and_then(models::find) == Some(model)
                    && row.decode().is_ok_and(|decoded| decoded.quirks.contains(&quirk))
            });
            assert!(is_shown, "{}: no row of frames.json shows {quirk}", model.name);
        }
    }
}

#[test]
fn every_format_has_a_frame() {
    let rows = rows();
    for format in Format::ALL {
        assert!(rows.iter().any(|row| row.format == *format), "{format} has no row in frames.json");
    }
}

/// The same bytes as several models: a quirk never leaks to a neighbour.
#[test]
fn a_quirk_belongs_to_its_model() {
    let bytes = [0x00, 0x6C, 0x07];
    let kg = |name: &str| {
        let decoded = decode(Format::Weight, &bytes, models::find(name)).expect("a weight");
        decoded.measurement.values.get(vitals::Quantity::WeightKg)
    };
    assert_eq!(kg("Renpho ES-WBE28"), Some(95.0));
    assert_eq!(kg("A&D UC-352BLE"), Some(9.5));
}

/// The published interface's own example, key by key and in its order.
#[test]
fn a_frame_prints_as_published() {
    let bytes = [
        0x16, 0x7D, 0x00, 0x50, 0x00, 0x66, 0x00, 0xE1, 0x07, 0x01, 0x10, 0x0C, 0x27, 0x36, 0x40, 0x00, 0x00,
        0x00,
    ];
    let decoded = decode_named(Format::BloodPressure, &bytes, Some("A&D UA-651BLE")).expect("a frame");
    assert_eq!(
        serde_json::to_string(&decoded).expect("serialises"),
        concat!(
            r#"{"kind":"blood_pressure","outcome":"measured","#,
            r#""values":{"systolic_mmhg":125.0,"diastolic_mmhg":80.0,"mean_arterial_mmhg":102.0,"pulse_per_min":64.0},"#,
            r#""absent":{},"device_time":"2017-01-16T12:39:54","user_slot":null,"flags":[],"quirks":[]}"#
        )
    );
}
