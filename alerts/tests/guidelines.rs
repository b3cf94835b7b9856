//! What guidelines, trials and scores say, on either side of each of their limits. To add a case, add a row.
//!
//! A limit is right when the value beside it is quiet and the value past it is told. Each row names whose limit it is.

#![allow(missing_docs)]

use alerts::replay::Replay;
use alerts::{Policy, Priority, Problem};
use jiff::tz::TimeZone;
use vitals::Timestamp;

fn policy(name: &str) -> &'static Policy {
    Policy::shipped().iter().find(|policy| policy.name() == name).expect("a shipped policy")
}

/// Hour `hours` of a patient's 2026, which begins at seven on a winter's morning in Stockholm.
fn line(hours: i64, kind: &str, values: &str) -> String {
    let start: Timestamp = "2026-01-01T06:00:00Z".parse().expect("a time");
    let at = start.plus_millis(hours * Timestamp::HOUR_MS);
    format!(r#"{{"patient":"p","at":"{at}","kind":"{kind}","values":{{{values}}}}}"#)
}

fn tasks(policy: &Policy, lines: &[String]) -> Vec<(Problem, Priority)> {
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    let mut replay = Replay::new(policy.clone(), zone);
    for line in lines {
        replay.feed(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    replay.finish().tasks.iter().map(|task| (task.problem, task.priority)).collect()
}

/// Two weeks of 122/72 and 68 without symptoms, so that there is a usual to compare with.
fn quiet() -> Vec<String> {
    (0..14)
        .flat_map(|day| {
            let pressure = r#""systolic_mmhg":122,"diastolic_mmhg":72,"pulse_per_min":68"#;
            let none = r#""breathlessness":0,"orthopnoea":0,"swelling":0,"dizziness":0,"fatigue":0"#;
            [line(24 * day, "blood_pressure", pressure), line(24 * day, "symptoms", none)]
        })
        .collect()
}

/// Whose limit, with a new symptom or not, systolic, diastolic and pulse on two days in a row, and what it opens.
type Cuff = (&'static str, bool, [u32; 3], Option<(Problem, Priority)>);

#[test]
fn cuffs_are_judged_at_the_published_limits() {
    use Priority::{Soon, Urgent};
    use Problem::{BloodPressure, Pulse};
    let rows: [Cuff; 23] = [
        ("BEAT-HF without symptoms, SBP < 80", false, [80, 50, 68], None),
        ("BEAT-HF without symptoms, SBP < 80", false, [79, 50, 68], Some((BloodPressure, Soon))),
        ("BEAT-HF without symptoms, SBP > 170", false, [170, 90, 68], None),
        ("BEAT-HF without symptoms, SBP > 170", false, [171, 90, 68], Some((BloodPressure, Soon))),
        ("BEAT-HF without symptoms, HR < 40", false, [122, 72, 40], None),
        ("BEAT-HF without symptoms, HR < 40", false, [122, 72, 39], Some((Pulse, Soon))),
        ("below what missed beats explain", false, [122, 72, 34], Some((Pulse, Urgent))),
        ("BEAT-HF without symptoms, HR > 110", false, [122, 72, 110], None),
        ("BEAT-HF without symptoms, HR > 110", false, [122, 72, 111], Some((Pulse, Soon))),
        ("NEWS2, 131 or more scores 3", false, [122, 72, 130], Some((Pulse, Soon))),
        ("NEWS2, 131 or more scores 3", false, [122, 72, 131], Some((Pulse, Urgent))),
        ("ESC hypertension, grade 3 from 180", false, [179, 90, 68], Some((BloodPressure, Soon))),
        ("ESC hypertension, grade 3 from 180", false, [180, 90, 68], Some((BloodPressure, Urgent))),
        ("ESC hypertension, grade 3 from 110", false, [160, 110, 68], None),
        ("ESC hypertension, grade 3 from 110", false, [160, 111, 68], Some((BloodPressure, Soon))),
        ("BEAT-HF with symptoms, SBP < 90", true, [90, 55, 68], None),
        ("BEAT-HF with symptoms, SBP > 160", true, [160, 90, 68], None),
        ("BEAT-HF with symptoms, HR < 50", true, [122, 72, 50], None),
        ("BEAT-HF with symptoms, HR > 100", true, [122, 72, 100], None),
        ("BEAT-HF with symptoms, SBP < 90", true, [89, 55, 68], Some((BloodPressure, Soon))),
        ("BEAT-HF with symptoms, SBP > 160", true, [161, 90, 68], Some((BloodPressure, Soon))),
        ("BEAT-HF with symptoms, HR < 50", true, [122, 72, 49], Some((Pulse, Soon))),
        ("BEAT-HF with symptoms, HR > 100", true, [122, 72, 101], Some((Pulse, Soon))),
    ];
    for (source, felt, [systolic, diastolic, pulse], expected) in rows {
        let values =
            format!(r#""systolic_mmhg":{systolic},"diastolic_mmhg":{diastolic},"pulse_per_min":{pulse}"#);
        let mut lines = quiet();
        if felt {
            lines.push(line(24 * 14 - 1, "symptoms", r#""dizziness":1"#));
        }
        lines.extend([24 * 14, 24 * 15].map(|hours| line(hours, "blood_pressure", &values)));
        let told = tasks(Policy::recommended(), &lines);
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{source}: {values}");
    }
}

/// Whose limit, a form's answers after two quiet weeks, and what they open.
type Form = (&'static str, &'static str, Option<(Problem, Priority)>);

#[test]
fn symptoms_are_judged_as_the_triage_says() {
    use Priority::Urgent;
    use Problem::Symptoms;
    let red = Some((Symptoms, Urgent));
    let rows: [Form; 10] = [
        ("triage 1: chest pain", r#""chest_pain":0"#, None),
        ("triage 1: chest pain; unknown leads upward", r#""chest_pain":1"#, red),
        ("triage 1: fainting", r#""fainting":1"#, red),
        ("triage 1: breathless at rest", r#""breathless_at_rest":1"#, red),
        ("triage 2: woke breathless, more pillows", r#""orthopnoea":2"#, red),
        ("triage 2: much worse", r#""breathlessness":3"#, red),
        ("triage 3: more swelling asks, and is no task alone", r#""swelling":1"#, None),
        ("triage 3: dizzy", r#""dizziness":1"#, None),
        ("triage 3: a new cough", r#""cough":1"#, None),
        ("triage 4: none", r#""breathlessness":0,"orthopnoea":0,"swelling":0"#, None),
    ];
    for (source, answers, expected) in rows {
        let lines = [quiet(), vec![line(24 * 14, "symptoms", answers)]].concat();
        let told: Vec<_> = tasks(Policy::recommended(), &lines)
            .into_iter()
            .filter(|(problem, _)| *problem == Symptoms)
            .collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>(), "{source}: {answers}");
    }
}

/// Weighings: whose limit, the policy that has it, hour and kilograms of each, and whether a case opens.
type Scale = (&'static str, &'static str, &'static [(i64, f64)], bool);

#[test]
fn jumps_of_weight_are_judged_at_the_published_limits() {
    let rows: [Scale; 5] = [
        ("ESC 2021: more than 2 kg in 3 days", "esc-2kg-3d", &[(0, 80.0), (72, 82.0)], false),
        ("ESC 2021: more than 2 kg in 3 days", "esc-2kg-3d", &[(0, 80.0), (72, 82.1)], true),
        ("ESC 2021: within 3 days, not 4", "esc-2kg-3d", &[(0, 80.0), (96, 82.1)], false),
        ("ESC 2021: within a day as well", "esc-2kg-3d", &[(0, 80.0), (24, 82.1)], true),
        ("ESC 2021: a loss is no gain", "esc-2kg-3d", &[(0, 82.1), (72, 80.0)], false),
    ];
    for (source, name, weighings, expected) in rows {
        let lines: Vec<String> = weighings
            .iter()
            .map(|(hours, kg)| line(*hours, "weight", &format!(r#""weight_kg":{kg}"#)))
            .collect();
        let opened = tasks(policy(name), &lines).iter().any(|task| task.0 == Problem::Decompensation);
        assert_eq!(opened, expected, "{source}: {weighings:?}");
    }
}

/// EMPOWER's ladder for who measures daily: day 2 a message to the patient and nothing for staff, day 3 a call to the
/// patient, day 4 to the next of kin, day 5 the clinician is told. A day counts as silent from 14:00 in Stockholm.
#[test]
fn silence_climbs_the_published_ladder() {
    let rows = [
        (1, None),
        (2, None),
        (3, Some(Priority::Soon)),
        (4, Some(Priority::Soon)),
        (5, Some(Priority::Urgent)),
    ];
    for (days, expected) in rows {
        let weighings = (0..14).map(|day| line(24 * day, "weight", r#""weight_kg":80.0"#));
        // Seven in the morning is before 14:00, so the day of the end is not yet silent.
        let end = line(24 * (14 + days), "end", "");
        let told = tasks(Policy::recommended(), &weighings.chain([end]).collect::<Vec<_>>());
        let priority = told.iter().find(|task| task.0 == Problem::Silence).map(|task| task.1);
        assert_eq!(priority, expected, "{days} silent days");
    }
}
