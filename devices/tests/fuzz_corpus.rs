//! The corpus of the fuzz targets, played without a fuzzer: what once broke stays whole, and the stories stay true.
//!
//! `fuzz/corpus/*.txt` holds one input a line, in hex. The frames of `frames.json` are played as well, and added to it by
//! `VAGEN_WRITE_CORPUS=session cargo test -p devices --test fuzz_corpus` for the fuzzer to start from, as `fuzz/run` does.

use std::collections::BTreeSet;
use std::path::PathBuf;

use devices::{Format, models};
use proptest::prelude::*;
use serde_json::Value;
use vitals::hex;

#[expect(unreachable_pub, reason = "public where it is a crate of its own")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

type Play = fn(&[u8]);

/// Each target by the name of its corpus.
const TARGETS: [(&str, Play); 4] = [
    ("decode", targets::decode),
    ("about", targets::about),
    ("broadcast", targets::broadcast),
    ("session", targets::session),
];

fn file(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/corpus/{target}.txt"))
}

fn inputs(target: &str) -> BTreeSet<Vec<u8>> {
    let text = std::fs::read_to_string(file(target)).unwrap_or_default();
    text.lines().map(|line| hex::decode(line).unwrap_or_else(|| panic!("{target}: {line}"))).collect()
}

#[test]
fn the_corpus_is_played_without_a_fault() {
    for (target, play) in TARGETS {
        let kept = inputs(target);
        assert!(kept.len() >= 20, "{target} has {} inputs", kept.len());
        for input in kept.union(&seeds(target)) {
            let played = std::panic::catch_unwind(|| play(input));
            assert!(played.is_ok(), "{target} {}", hex::encode(input));
        }
    }
}

/// Inputs made of the frames whose meaning is known: as every model decodes them, and sent in a conversation.
fn seeds(target: &str) -> BTreeSet<Vec<u8>> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("frames.json")).expect("rows as JSON");
    let mut seeds = BTreeSet::new();
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let format: Format = text("format").parse().expect("a known format");
        let frame = hex::decode(text("hex")).expect("hex");
        let nth = Format::ALL.iter().position(|other| *other == format).expect("one of all");
        let model = models::find(text("model"));
        let model = models::all().iter().position(|other| Some(other) == model).map_or(0, |nth| nth + 1);
        let [nth, model, length] = [nth, model, frame.len()].map(|number| u8::try_from(number).expect("few"));
        match target {
            "decode" => seeds.insert([&[nth, model][..], &frame].concat()),
            // Connected, its clock read, the frame notified.
            "session" if format.uuid().is_some() => {
                let mut story =
                    vec![1, model, 1, 0, 7, 0, 6, 9, 8, 7, 0xEA, 0x07, 1, 1, 8, 4, 0, 7, 10, nth, length];
                story.extend(frame);
                seeds.insert(story)
            }
            _ => false,
        };
    }
    match target {
        "about" => seeds.extend((0..8).flat_map(|choice| {
            let values = [&b"A&D Medical"[..], &[1, 2, 3, 4, 5, 6, 7, 8], &[0x42], &[]];
            values.map(|value| [&[choice][..], value].concat())
        })),
        "broadcast" => seeds.extend((0..3).flat_map(|scale| {
            (0x20..=0xF0).step_by(0x10).map(move |kind: u8| vec![scale, 0x20, 0x51, kind | 1, 0x00, kind | 6])
        })),
        _ => {}
    }
    seeds
}

proptest! {
    /// Any bytes at all, without a fuzzer: a thousandth of its patience, on every machine.
    #[test]
    fn any_story_holds(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, play) in TARGETS {
            play(&bytes);
        }
    }
}

/// Not a test but a tool: gives the fuzzer the frames to start from.
#[test]
fn the_corpus_is_written_where_it_is_asked_for() {
    let asked = std::env::var("VAGEN_WRITE_CORPUS").unwrap_or_default();
    for (target, _) in TARGETS.into_iter().filter(|(target, _)| *target == asked) {
        let inputs: BTreeSet<_> =
            inputs(target).union(&seeds(target)).map(|input| hex::encode(input)).collect();
        let lines: Vec<_> = inputs.into_iter().map(|line| line + "\n").collect();
        std::fs::write(file(target), lines.concat()).expect("writes");
    }
}
