//! What each arrow of the house costs: a frame decoded, a reading judged, an envelope admitted and committed.
//!
//! `cargo bench --bench house`. The admission writes through a real store with `synchronous=FULL`; beside it stands the
//! physical limit of the same disk: one commit of one row.

use std::hint::black_box;

use alerts::replay::Replay;
use alerts::{Input, LocalDays, Overrides, Policy, Recent, Sample, State, Trigger, Tuning, assess};
use care::clock::{Clock, zone};
use care::health::Health;
use care::live::Feed;
use care::register::{self, Register};
use care::store::{Store, numbers};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use devices::{Format, decode_named};
use ingest::{Ingest, Options, Policies};
use serde_json::json;
use vitals::{ClockClass, Content, Kind, Outcome, Quantity, Reading, Severity, Symptom, Timestamp};

const START_MS: i64 = 1_767_225_600_000;

fn at(index: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + index * Timestamp::DAY_MS).expect("in range")
}

/// What a person sends on a day: a weighing, a cuff, and every second day a form.
fn a_day(index: i64) -> Vec<Reading> {
    let vitals = |kind, minute: i64, values: &[(Quantity, f64)]| Reading {
        id: format!("r{index}-{minute}").parse().expect("an id"),
        patient: "p1".parse().expect("an id"),
        at: at(index).plus_millis(minute * Timestamp::MINUTE_MS),
        received_at: at(index).plus_millis(minute * Timestamp::MINUTE_MS),
        content: Content::Vitals {
            kind,
            outcome: Outcome::Measured,
            values: values.iter().copied().collect(),
            absent: std::collections::BTreeMap::new(),
            flags: std::collections::BTreeSet::new(),
            clock: ClockClass::Synced,
        },
    };
    let wave = (index % 5) as f64;
    let cuff = [
        (Quantity::SystolicMmhg, 122.0 + 3.0 * wave),
        (Quantity::DiastolicMmhg, 76.0 + wave),
        (Quantity::PulsePerMin, 68.0 + wave),
    ];
    let mut day = vec![
        vitals(Kind::Weight, 0, &[(Quantity::WeightKg, 78.2 + 0.1 * wave)]),
        vitals(Kind::BloodPressure, 3, &cuff),
    ];
    if index % 2 == 0 {
        let answers = [Symptom::Breathlessness, Symptom::Orthopnoea, Symptom::Swelling, Symptom::Fatigue]
            .into_iter()
            .zip([index % 4 / 2, 0, 0, 1])
            .filter_map(|(symptom, grade)| Some((symptom, Severity::new(u8::try_from(grade).ok()?)?)));
        let content = Content::Symptoms(answers.collect());
        day.push(Reading { content, ..vitals(Kind::Weight, 6, &[]) });
    }
    day
}

fn decoding(criterion: &mut Criterion) {
    let frame = [0x16, 0x7d, 0, 0x50, 0, 0x66, 0, 0xe1, 7, 1, 0x10, 0x0c, 0x27, 0x36, 0x40, 0, 0, 0];
    criterion.bench_function("decode a blood pressure frame", |bencher| {
        bencher.iter(|| decode_named(Format::BloodPressure, black_box(&frame), Some("A&D UA-651BLE")));
    });
}

fn judging(criterion: &mut Criterion) {
    let (policy, zone) = (Policy::recommended(), zone());
    let (tuning, days) = (Tuning::of(policy, &Overrides::default()), LocalDays::new(zone.clone()));
    let year: Vec<Reading> = (0..365).flat_map(a_day).collect();
    let recent = Recent::default();
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(year.len() as u64));
    group.bench_function("a year of readings, one by one through assess", |bencher| {
        bencher.iter(|| {
            let mut state = State::new();
            let mut findings = 0;
            for reading in &year {
                let glance = state.take(&Sample::of(reading), &tuning, &days);
                let (trigger, now) = (Trigger::Reading(reading), reading.received_at);
                let (state, tuning, recent, days) = (&state, &tuning, &recent, &days);
                findings +=
                    assess(&Input { policy, tuning, state, recent, glance, trigger, now, days }).len();
            }
            (state, findings)
        });
    });
    group.finish();
    let lines: Vec<String> = (0..365)
        .map(|index| {
            json!({ "patient": "p1", "at": at(index), "kind": "weight", "values": { "weight_kg": 78.2 } })
                .to_string()
        })
        .collect();
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("a year of weighings", |bencher| {
        bencher.iter(|| {
            let mut replay = Replay::new(policy.clone(), zone.clone());
            for line in &lines {
                replay.feed(line).expect("a good line");
            }
            replay.finish()
        });
    });
    group.finish();
}

const REGISTER: &str = r#"
organisation = [{ id = "r", name = "R", kind = "region" }]
unit = [{ id = "hf", organisation = "r", name = "HF" }]
patient = [{ id = "p1", name = "P Test", units = ["hf"] }]
gateway = [{ id = "gw" }]
device = [{ id = "020000000001", model = "A&D UC-352BLE" }]
worn_by = [{ device = "020000000001", patient = "p1", from = "2020-01-01T00:00:00Z" }]
"#;

/// A hundred envelopes of one gateway, numbered from `first`, each weighing a minute after the one before it.
fn hundred(first: u64) -> (Vec<u8>, Timestamp) {
    let mut last = at(0);
    let envelopes: Vec<_> = (first..first + 100)
        .map(|seq| {
            let measured = at(0).plus_millis(i64::try_from(seq).expect("small") * Timestamp::MINUTE_MS);
            last = measured;
            let shown = vitals::DeviceTime::in_utc(measured);
            json!({
                "v": 1, "gateway": "gw", "outbox": "box", "seq": seq, "sealed_at": measured,
                "device": { "id": "020000000001", "model": "A&D UC-352BLE" },
                "measurement": { "kind": "weight", "outcome": "measured", "values": { "weight_kg": 78.2 }, "absent": {},
                    "device_time": shown, "user_slot": null, "flags": [], "measured_at": measured, "clock": "synced",
                    "clock_offset_s": 0 },
                "raw": { "characteristic": "2a9d", "hex": "02183d00" }
            })
        })
        .collect();
    (serde_json::to_vec(&envelopes).expect("JSON"), last)
}

fn admitting(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (store, ingest) = runtime.block_on(async {
        let store = Store::open(directory.path()).await.expect("the store opens");
        let register = Register::parse(REGISTER).expect("a register");
        register::apply(&store, &register, directory.path(), &["recommended"], "bench", at(0))
            .await
            .expect("applies");
        let house = ingest::service::House {
            store: store.clone(),
            policies: Policies::default(),
            clock: Clock::system(),
            feed: Feed::default(),
            health: Health::of([]),
        };
        // Nothing listens there: admission is measured without a broker.
        let ingest = Ingest::start(house, &Options::embedded(([127, 0, 0, 1], 1).into())).expect("it starts");
        (store, ingest)
    });
    let gateway = "gw".parse().expect("an id");
    let mut next = 1;
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20);
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 envelopes judged, admitted and committed", |bencher| {
        bencher.iter_batched(
            || {
                let batch = hundred(next);
                next += 100;
                batch
            },
            |(payload, now)| runtime.block_on(ingest.take(&gateway, &payload, now)).expect("it is admitted"),
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("the limit: one row committed", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let mut tx = store.write().await.expect("a transaction");
                numbers::count(&mut tx, "bench", 1).await.expect("a row");
                tx.commit().await.expect("commits");
            });
        });
    });
    group.finish();
    runtime.block_on(ingest.shutdown());
}

criterion_group!(house, decoding, judging, admitting);
criterion_main!(house);
