//! What each arrow of the house costs: a frame decoded, a reading judged, an envelope admitted and committed.
//!
//! `cargo bench --bench house`. The admission writes through a real store with `synchronous=FULL`; beside it stands the
//! physical limit of the same disk: one commit of one row.

use std::hint::black_box;

use alerts::replay::Replay;
use alerts::{Chart, ChartEvent, Input, Policy, Trigger, assess};
use care::clock::{Clock, zone};
use care::health::Health;
use care::live::Feed;
use care::register::{self, Register};
use care::store::{Store, numbers};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use devices::{Format, decode_named};
use ingest::{Ingest, Options, Policies};
use serde_json::json;
use vitals::{ClockClass, Content, Kind, Outcome, Quantity, Reading, Timestamp, Values};

const START_MS: i64 = 1_767_225_600_000;

fn at(index: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + index * Timestamp::DAY_MS).expect("in range")
}

fn weighing(index: i64) -> Reading {
    let kilograms = 78.2 + 0.1 * (index % 5) as f64;
    Reading {
        id: format!("r{index}").parse().expect("an id"),
        patient: "p1".parse().expect("an id"),
        at: at(index),
        received_at: at(index),
        content: Content::Vitals {
            kind: Kind::Weight,
            outcome: Outcome::Measured,
            values: Values::from_iter([(Quantity::WeightKg, kilograms)]),
            absent: std::collections::BTreeMap::new(),
            flags: std::collections::BTreeSet::new(),
            clock: ClockClass::Synced,
        },
    }
}

fn decoding(criterion: &mut Criterion) {
    let frame = [0x16, 0x7d, 0, 0x50, 0, 0x66, 0, 0xe1, 7, 1, 0x10, 0x0c, 0x27, 0x36, 0x40, 0, 0, 0];
    criterion.bench_function("decode a blood pressure frame", |bencher| {
        bencher.iter(|| decode_named(Format::BloodPressure, black_box(&frame), Some("A&D UA-651BLE")));
    });
}

fn judging(criterion: &mut Criterion) {
    let (policy, zone) = (Policy::recommended(), zone());
    let mut chart = Chart::new("p1".parse().expect("an id"));
    for index in 0..120 {
        chart.fold(&ChartEvent::Reading(weighing(index)));
    }
    let next = weighing(120);
    criterion.bench_function("fold and judge a weighing on a chart of 120 days", |bencher| {
        bencher.iter_batched(
            || chart.clone(),
            |mut chart| {
                chart.fold(&ChartEvent::Reading(next.clone()));
                let trigger = Trigger::Reading(&next);
                let found =
                    assess(&Input { policy, chart: &chart, trigger, now: next.received_at, zone: &zone });
                (chart, found)
            },
            BatchSize::SmallInput,
        );
    });
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
