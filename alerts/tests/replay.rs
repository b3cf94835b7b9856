//! Histories and the tasks they open, by the recommended policy. To add a case, add a row.

#![allow(missing_docs)]

use alerts::replay::{Replay, ReplayTask};
use alerts::{Policy, Priority, Problem};
use jiff::tz::TimeZone;
use vitals::Timestamp;

fn replay(lines: &[String]) -> Vec<ReplayTask> {
    replay_by(Policy::recommended(), lines)
}

fn replay_by(policy: &Policy, lines: &[String]) -> Vec<ReplayTask> {
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    let mut replay = Replay::new(policy.clone(), zone);
    for line in lines {
        replay.feed(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    replay.finish().tasks
}

/// Day `day` of 2026 at 07:00 in Stockholm's winter, and `minutes` later.
fn at(day: i64, minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T06:00:00Z".parse().expect("a time");
    start.plus_days(day).plus_millis(minutes * Timestamp::MINUTE_MS)
}

fn line(day: i64, minutes: i64, rest: &str) -> String {
    format!(r#"{{"patient":"p","at":"{}",{rest}}}"#, at(day, minutes))
}

fn weight(day: i64, kg: f64) -> String {
    line(day, 0, &format!(r#""kind":"weight","values":{{"weight_kg":{kg:.1}}}"#))
}

fn pressure(day: i64, systolic: u32, diastolic: u32, pulse: u32) -> String {
    line(
        day,
        3,
        &format!(
            r#""kind":"blood_pressure","values":{{"systolic_mmhg":{systolic},"diastolic_mmhg":{diastolic},"pulse_per_min":{pulse}}}"#
        ),
    )
}

fn symptoms(day: i64, values: &str) -> String {
    line(day, 6, &format!(r#""kind":"symptoms","values":{{{values}}}"#))
}

fn oxygen(day: i64, percent: u32, flags: &str) -> String {
    line(
        day,
        9,
        &format!(r#""kind":"pulse_oximetry","flags":[{flags}],"values":{{"spo2_percent":{percent}}}"#),
    )
}

fn failed(day: i64, minutes: i64) -> String {
    line(day, minutes, r#""kind":"blood_pressure","outcome":"failed","values":{}"#)
}

fn end(day: i64) -> String {
    line(day, 0, r#""kind":"end""#)
}

/// Three quiet weeks, 78.0 to 78.4 kg.
fn quiet() -> Vec<String> {
    (0..21).map(|day| weight(day, 78.2 + [0.0, 0.2, -0.2, 0.1, -0.1][(day % 5) as usize])).collect()
}

fn told(tasks: &[ReplayTask]) -> Vec<(Problem, Priority)> {
    tasks.iter().map(|task| (task.problem, task.priority)).collect()
}

fn after_quiet(more: &[String]) -> Vec<String> {
    [quiet(), more.to_vec()].concat()
}

/// What happens, its lines, the tasks it opens.
type Row = (&'static str, Vec<String>, Vec<(Problem, Priority)>);

#[test]
fn histories_open_the_tasks_that_a_clinician_expects() {
    use Priority::{Routine, Soon, Urgent};
    use Problem::{BloodPressure, DataQuality, Decompensation, Device, Oxygen, Pulse, Silence, Symptoms};
    let climb = |days: i64| (1..=days).map(|day| weight(20 + day, 78.2 + 0.4 * day as f64));
    let rows: Vec<Row> = vec![
        ("three quiet weeks", quiet(), vec![]),
        ("no reading at all but the end", vec![end(10)], vec![]),
        (
            "+0.4 kg a day for six days: a clear gain over a quiet baseline",
            after_quiet(&climb(6).collect::<Vec<_>>()),
            vec![(Decompensation, Soon)],
        ),
        (
            "the same with moderate breathlessness",
            after_quiet(
                &climb(6).chain([symptoms(26, r#""breathlessness":2,"orthopnoea":0"#)]).collect::<Vec<_>>(),
            ),
            vec![(Decompensation, Urgent)],
        ),
        (
            "one weighing 2.5 kg up and back again",
            after_quiet(&[weight(21, 80.7), weight(22, 78.3), weight(23, 78.1)]),
            vec![],
        ),
        (
            "a first week that climbs has no baseline yet",
            (0..6).map(|day| weight(day, 78.0 + 0.6 * day as f64)).collect(),
            vec![],
        ),
        // BEAT-HF, table 1: without symptoms above 170; with symptoms above 160.
        ("one high pressure", after_quiet(&[pressure(21, 175, 90, 70)]), vec![]),
        (
            "two high pressures in a row",
            after_quiet(&[pressure(21, 175, 90, 70), pressure(22, 172, 88, 70)]),
            vec![(BloodPressure, Soon)],
        ),
        (
            "high, normal, high",
            after_quiet(&[
                pressure(21, 175, 90, 70),
                pressure(21 + 1, 140, 80, 70),
                weight(23, 78.2),
                pressure(23, 175, 88, 70),
            ]),
            vec![],
        ),
        (
            "at the limit is not above it",
            after_quiet(&[pressure(21, 170, 90, 110), pressure(22, 170, 88, 110)]),
            vec![],
        ),
        ("165 twice, well", after_quiet(&[pressure(21, 165, 90, 70), pressure(22, 165, 88, 70)]), vec![]),
        (
            "165 twice, newly dizzy",
            after_quiet(&[
                pressure(21, 165, 90, 70),
                symptoms(21, r#""dizziness":1"#),
                pressure(22, 165, 88, 70),
            ]),
            vec![(BloodPressure, Soon)],
        ),
        // ESC hypertension guideline: 180/110 is severe; NEWS2: pulse 131 or more scores highest.
        ("one extreme pressure", after_quiet(&[pressure(21, 190, 100, 70)]), vec![(BloodPressure, Urgent)]),
        ("one extreme pulse", after_quiet(&[pressure(21, 130, 80, 140)]), vec![(Pulse, Urgent)]),
        (
            // BEAT-HF, table 1: below 40.
            "two slow pulses",
            after_quiet(&[pressure(21, 130, 80, 39), pressure(22, 130, 80, 38)]),
            vec![(Pulse, Soon)],
        ),
        (
            "one slow pulse asks for a second",
            after_quiet(&[pressure(21, 130, 80, 38), pressure(22, 130, 80, 62)]),
            vec![],
        ),
        ("one extremely slow pulse", after_quiet(&[pressure(21, 130, 80, 34)]), vec![(Pulse, Urgent)]),
        // NEWS2: saturation 91 or less scores highest.
        ("saturation 91 twice", after_quiet(&[oxygen(21, 91, ""), oxygen(22, 91, "")]), vec![(Oxygen, Soon)]),
        ("saturation 92 is no alarm", after_quiet(&[oxygen(21, 92, ""), oxygen(22, 92, "")]), vec![]),
        ("saturation 88", after_quiet(&[oxygen(21, 88, "")]), vec![(Oxygen, Urgent)]),
        ("saturation 88 on a cold finger", after_quiet(&[oxygen(21, 88, r#""low_perfusion""#)]), vec![]),
        // The triage's first two steps: red flags, and waking breathless.
        ("mild chest pain", after_quiet(&[symptoms(21, r#""chest_pain":1"#)]), vec![(Symptoms, Urgent)]),
        ("more pillows", after_quiet(&[symptoms(21, r#""orthopnoea":2"#)]), vec![(Symptoms, Urgent)]),
        (
            "more pillows, as every other day for two months",
            (0..30)
                .map(|n| symptoms(2 * n, r#""orthopnoea":1"#))
                .chain([symptoms(60, r#""orthopnoea":2"#)])
                .collect(),
            vec![],
        ),
        (
            "nothing worse than mild tiredness",
            after_quiet(&[symptoms(21, r#""fatigue":1,"breathlessness":0"#)]),
            vec![],
        ),
        // Max(4 kg, 5 %) from the seven-day median of 78.2: beyond 82.2.
        (
            "somebody else on the scale",
            after_quiet(&[weight(21, 95.0), weight(22, 78.2)]),
            vec![(DataQuality, Routine)],
        ),
        ("pounds", after_quiet(&[weight(21, 172.4)]), vec![(DataQuality, Routine)]),
        ("an impossible weight", after_quiet(&[weight(21, 3.0)]), vec![(DataQuality, Routine)]),
        (
            "two failures within a day",
            after_quiet(&[failed(20, 10), failed(20, 15)]),
            vec![(Device, Routine)],
        ),
        (
            "one failure, then a value",
            after_quiet(&[failed(20, 10), pressure(21, 120, 70, 60), failed(21, 20)]),
            vec![],
        ),
        (
            "a failure three days running",
            after_quiet(&[failed(20, 10), failed(22, 10), failed(24, 10)]),
            vec![(Device, Routine)],
        ),
        // EMPOWER's ladder: day 2 a message (no task), day 3, 4 calls, day 5 the clinician.
        ("two silent days", after_quiet(&[end(23)]), vec![]),
        ("three silent days", after_quiet(&[end(24)]), vec![(Silence, Soon)]),
        ("six silent days", after_quiet(&[end(26)]), vec![(Silence, Urgent)]),
    ];
    for (name, lines, expected) in rows {
        assert_eq!(told(&replay(&lines)), expected, "{name}");
    }
}

#[test]
fn the_clear_gain_is_seen_on_its_fifth_or_sixth_day_at_the_latest() {
    let climb: Vec<String> = (1..=6).map(|day| weight(20 + day, 78.2 + 0.4 * day as f64)).collect();
    let tasks = replay(&after_quiet(&climb));
    let task = tasks.first().expect("a task");
    assert!(task.opened_at <= at(26, 0), "{}", task.opened_at);
    let reason = task.reasons.first().expect("a reason");
    assert_eq!((reason.rule.as_str(), reason.unit.as_str()), ("weight_trend", "kg"));
    assert!(reason.text_sv.contains("(78,2)"), "{}", reason.text_sv);
    assert!(reason.observed > reason.limit, "{reason:?}");
    assert!(task.reading_ids.contains(&"line:21".parse().expect("an id")), "the readings are named");
}

#[test]
fn silence_is_excused_resolved_and_counted_anew() {
    let rows: Vec<(&str, Vec<String>, usize)> = vec![
        (
            "a journey",
            after_quiet(&[line(20, 30, &format!(r#""kind":"pause","until":"{}""#, at(30, 0))), end(32)]),
            0,
        ),
        (
            "a journey that went on",
            after_quiet(&[line(20, 30, &format!(r#""kind":"pause","until":"{}""#, at(30, 0))), end(34)]),
            1,
        ),
        ("in hospital", after_quiet(&[line(20, 30, r#""kind":"admission""#), end(40)]), 0),
        (
            "in hospital and home since",
            after_quiet(&[
                line(20, 30, r#""kind":"admission""#),
                line(25, 0, r#""kind":"discharge""#),
                end(29),
            ]),
            1,
        ),
        (
            "a stay whose end nobody entered",
            after_quiet(&[line(20, 30, r#""kind":"admission""#), end(60)]),
            1,
        ),
        ("silent twice", after_quiet(&[weight(25, 78.2), end(29)]), 2),
    ];
    for (name, lines, expected) in rows {
        let silence = replay(&lines).into_iter().filter(|task| task.problem == Problem::Silence).count();
        assert_eq!(silence, expected, "{name}");
    }
    let tasks = replay(&after_quiet(&[weight(25, 78.2), end(26)]));
    assert_eq!(tasks[0].closed_at, Some(at(25, 0)), "the reading closed it");
}

#[test]
fn a_reading_that_arrives_late_is_judged_then() {
    let late = format!(
        r#"{{"patient":"p","at":"{}","received_at":"{}","kind":"blood_pressure","values":{{"systolic_mmhg":195}}}}"#,
        at(10, 0),
        at(20, 60)
    );
    let tasks = replay(&after_quiet(&[late]));
    assert_eq!(told(&tasks), [(Problem::BloodPressure, Priority::Urgent)]);
    assert_eq!(tasks[0].opened_at, at(20, 60));
    assert!(tasks[0].reasons[0].text_sv.contains("mätt 11 januari, kom sent"), "{:?}", tasks[0].reasons);
}

/// A row: what was measured, in order of time; its first line arrives last, on that day. What opens then is what opens without the delay: by the
/// policy's limits, each with its source there (80 mmHg, 170 mmHg, 110/min, 92 % twice in a row; more than 2 kg in 3 days).
/// To add a case, add a row.
#[test]
fn what_a_late_reading_lets_a_later_one_mean_is_told() {
    let weighings = |kilograms: &[f64]| {
        let days = 21..;
        days.zip(kilograms).map(|(day, kg)| weight(day, *kg)).collect::<Vec<_>>()
    };
    let guideline = Policy::shipped().iter().find(|policy| policy.name() == "esc-2kg-3d").expect("shipped");
    let recommended = Policy::recommended();
    let rows = [
        (
            recommended,
            22,
            vec![pressure(21, 78, 50, 70), pressure(22, 77, 50, 70)],
            Some(Problem::BloodPressure),
        ),
        (
            recommended,
            22,
            vec![pressure(21, 176, 90, 70), pressure(22, 177, 90, 70)],
            Some(Problem::BloodPressure),
        ),
        (recommended, 22, vec![pressure(21, 120, 76, 115), pressure(22, 121, 76, 116)], Some(Problem::Pulse)),
        (recommended, 22, vec![oxygen(21, 91, ""), oxygen(22, 91, "")], Some(Problem::Oxygen)),
        // Something harmless was measured after.
        (
            recommended,
            22,
            vec![pressure(21, 78, 50, 70), pressure(22, 77, 50, 70), oxygen(22, 97, "")],
            Some(Problem::BloodPressure),
        ),
        (guideline, 24, weighings(&[80.0, 80.6, 81.3, 82.1]), Some(Problem::Decompensation)),
        (guideline, 24, weighings(&[80.0, 80.6, 81.3, 82.0]), None),
        (recommended, 22, vec![pressure(21, 78, 50, 70), pressure(22, 121, 76, 70)], None),
        // Further apart than the three days within which two are in a row.
        (
            recommended,
            25,
            vec![pressure(21, 78, 50, 70), weight(23, 78.2), weight(24, 78.3), pressure(25, 77, 50, 70)],
            None,
        ),
    ];
    for (policy, day, lines, expected) in rows {
        let mut late = lines.clone();
        let last_at = at(day, 60);
        let arrives = format!(r#""received_at":"{last_at}","kind""#);
        let first = late.remove(0).replacen(r#""kind""#, &arrives, 1);
        late.push(first);
        let quiet = if policy.name() == "recommended" { quiet() } else { Vec::new() };
        for (lines, opened_at) in [(lines, None), (late, Some(last_at))] {
            let tasks = replay_by(policy, &[quiet.clone(), lines].concat());
            assert_eq!(
                tasks.iter().map(|task| task.problem).collect::<Vec<_>>(),
                Vec::from_iter(expected),
                "{tasks:?}"
            );
            for task in tasks.iter().filter(|_| opened_at.is_some()) {
                assert_eq!(Some(task.opened_at), opened_at, "{tasks:?}");
            }
        }
    }
}

#[test]
fn a_second_agreeing_weighing_admits_the_first() {
    let again = line(21, 10, r#""kind":"weight","values":{"weight_kg":83.5}"#);
    let tasks = replay(&after_quiet(&[weight(21, 83.9), again, weight(22, 83.8), weight(23, 84.0)]));
    let problems: Vec<Problem> = tasks.iter().map(|task| task.problem).collect();
    assert!(problems.contains(&Problem::Decompensation), "a gain that is real is told: {problems:?}");
}

#[test]
fn a_case_closes_when_quiet_and_the_next_finding_opens_another() {
    let lines = [
        quiet(),
        vec![
            symptoms(21, r#""chest_pain":1"#),
            symptoms(26, r#""chest_pain":1"#),
            symptoms(60, r#""chest_pain":1"#),
        ],
    ]
    .concat();
    let tasks: Vec<_> = replay(&lines).into_iter().filter(|task| task.problem == Problem::Symptoms).collect();
    let times: Vec<_> = tasks.iter().map(|task| (task.opened_at, task.closed_at)).collect();
    // Eight quiet days after the finding of day 26.
    assert_eq!(times, [(at(21, 6), Some(at(34, 6))), (at(60, 6), None)]);
}

#[test]
fn readings_sent_twice_count_once() {
    let twice: Vec<String> = after_quiet(&[pressure(21, 175, 90, 70)])
        .iter()
        .enumerate()
        .flat_map(|(n, line)| {
            let named = line.replacen('{', &format!(r#"{{"id":"r{n}","#), 1);
            [named.clone(), named]
        })
        .collect();
    assert_eq!(told(&replay(&twice)), [], "the second copy is no second reading in a row");
}
