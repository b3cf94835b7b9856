use vitals::{Reading, Values};

use super::*;
use crate::finding::{Competence, Reason};

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn finding(problem: Problem, priority: Priority, rule: &str, observed: f64) -> Finding {
    Finding {
        problem,
        priority,
        at: at("2026-11-24T09:00:00Z"),
        late: false,
        reason: Reason {
            rule: rule.into(),
            policy_version: "1".into(),
            observed: Some(observed),
            limit: None,
            unit: String::new(),
            text_sv: rule.into(),
            text_en: rule.into(),
        },
        readings: Vec::new(),
    }
}

fn open(problem: Problem, priority: Priority, rule: &str) -> OpenCase {
    OpenCase {
        id: "c1".into(),
        problem,
        priority,
        opened_at: at("2026-11-23T09:00:00Z"),
        last_finding_at: at("2026-11-23T09:00:00Z"),
        rules: vec![rule.into()],
    }
}

/// Tuesday 24 November 2026, 10:00 in Stockholm.
fn decide(
    open: &[OpenCase],
    closed: &[ClosedCase],
    trigger: Trigger<'_>,
    live: bool,
    findings: Vec<Finding>,
) -> Vec<String> {
    let zone = TimeZone::get("Europe/Stockholm").expect("bundled");
    let situation = Situation {
        policy: Policy::recommended(),
        open,
        closed,
        trigger,
        now: at("2026-11-24T09:00:00Z"),
        zone: &zone,
        quiet_closes: !live,
    };
    triage(&situation, findings).iter().map(told).collect()
}

fn told(change: &TaskChange) -> String {
    match change {
        TaskChange::Open { problem, priority, due_at, competence, findings, .. } => {
            assert!(matches!(
                competence,
                Competence::HeartFailureNurse | Competence::HomeCare | Competence::MeasuringSupport
            ));
            format!("open {} {} due {due_at} with {}", problem.key(), priority.key(), findings.len())
        }
        TaskChange::Join { case, priority, due_at, findings } => {
            let due = due_at.map_or_else(|| "unmoved".to_owned(), |due| due.to_string());
            format!("join {case} {} due {due} with {}", priority.key(), findings.len())
        }
        TaskChange::Close { case, why, at } => format!("close {case} {} at {at}", why.key()),
    }
}

/// Name, open cases, findings, changes.
type Row = (&'static str, Vec<OpenCase>, Vec<Finding>, Vec<&'static str>);

/// To add a case, add a row: open case, findings, the changes. Due times by hand: urgent after two office hours, soon at
/// closing time of the next office day.
#[test]
fn findings_open_and_join_one_case_a_problem() {
    use Priority::{Soon, Urgent};
    use Problem::{BloodPressure, Decompensation, Silence, Symptoms};
    let weight = || finding(Decompensation, Soon, "weight_trend", 1.0);
    let flag = || finding(Symptoms, Urgent, "symptom_chest_pain", 1.0);
    let rows: Vec<Row> = vec![
        ("nothing found", vec![], vec![], vec![]),
        (
            "two signs, one case",
            vec![],
            vec![weight(), finding(Decompensation, Soon, "pulse_trend", 5.0)],
            vec!["open decompensation soon due 2026-11-25T15:30:00.000Z with 2"],
        ),
        (
            "a repeat joins",
            vec![open(Decompensation, Soon, "weight_trend")],
            vec![weight()],
            vec!["join c1 soon due unmoved with 1"],
        ),
        (
            "symptoms join decompensation, and make it urgent and earlier",
            vec![open(Decompensation, Soon, "weight_trend")],
            vec![flag()],
            vec!["join c1 urgent due 2026-11-24T11:00:00.000Z with 1"],
        ),
        (
            "found together, they are one case",
            vec![],
            vec![weight(), flag()],
            vec!["open decompensation urgent due 2026-11-24T11:00:00.000Z with 2"],
        ),
        (
            "priority never falls",
            vec![open(Decompensation, Urgent, "weight_trend")],
            vec![weight()],
            vec!["join c1 urgent due unmoved with 1"],
        ),
        (
            "another problem is another case",
            vec![open(Decompensation, Urgent, "weight_trend")],
            vec![finding(BloodPressure, Soon, "systolic_high", 175.0)],
            vec!["open blood_pressure soon due 2026-11-25T15:30:00.000Z with 1"],
        ),
        (
            "a reminder is no task",
            vec![],
            vec![finding(Silence, Priority::Routine, "silence_message", 2.0)],
            vec![],
        ),
        (
            "the same silence is no news",
            vec![open(Silence, Soon, "silence_call_patient")],
            vec![finding(Silence, Soon, "silence_call_patient", 3.0)],
            vec![],
        ),
        (
            "the next step is",
            vec![open(Silence, Soon, "silence_call_patient")],
            vec![finding(Silence, Soon, "silence_call_next_of_kin", 4.0)],
            vec!["join c1 soon due unmoved with 1"],
        ),
    ];
    for (name, open, findings, expected) in rows {
        assert_eq!(decide(&open, &[], Trigger::Clock, true, findings), expected, "{name}");
    }
}

/// To add a case, add a row: when staff closed a soon case, the new priority, live or replay, whether a case opens. By the
/// policy's cooldown of three days.
#[test]
fn what_staff_closed_stays_closed_for_the_cooldown() {
    let rows = [
        ("2026-11-23T09:00:00Z", Priority::Soon, true, false, "yesterday"),
        ("2026-11-21T08:59:00Z", Priority::Soon, true, true, "over three days ago"),
        ("2026-11-23T09:00:00Z", Priority::Urgent, true, true, "urgent is always news"),
        ("2026-11-23T09:00:00Z", Priority::Soon, false, true, "in a replay nobody closed anything"),
    ];
    for (closed_at, priority, live, opens, why) in rows {
        let closed =
            [ClosedCase { problem: Problem::Pulse, priority: Priority::Soon, closed_at: at(closed_at) }];
        let findings = vec![finding(Problem::Pulse, priority, "pulse_high", 120.0)];
        assert_eq!(!decide(&[], &closed, Trigger::Clock, live, findings).is_empty(), opens, "{why}");
    }
}

fn reading(measured_at: &str, kind: Kind, outcome: Outcome) -> Reading {
    let values: Values = [(vitals::Quantity::WeightKg, 80.0)].into_iter().collect();
    Reading {
        id: "r".parse().expect("a label"),
        patient: "p".parse().expect("a label"),
        at: at(measured_at),
        received_at: at("2026-11-24T09:00:00Z"),
        content: Content::Vitals {
            kind,
            outcome,
            values,
            absent: std::collections::BTreeMap::new(),
            flags: std::collections::BTreeSet::new(),
            clock: vitals::ClockClass::Synced,
        },
    }
}

/// To add a case, add a row: the open case, the reading, whether the case closes by itself.
#[test]
fn what_was_missing_closes_its_case() {
    use Outcome::{Failed, Measured, Stub};
    let today = "2026-11-24T08:59:00Z";
    let rows = [
        (Problem::Silence, "silence_call_patient", today, Kind::Weight, Measured, true),
        (Problem::Silence, "silence_call_patient", today, Kind::Weight, Failed, true),
        (Problem::Silence, "silence_call_patient", today, Kind::Weight, Stub, false),
        (Problem::Silence, "silence_call_patient", "2026-11-20T08:00:00Z", Kind::Weight, Measured, false),
        (Problem::MissingMeasurement, "missing_weight", today, Kind::Weight, Measured, true),
        (Problem::MissingMeasurement, "missing_weight", today, Kind::BloodPressure, Measured, false),
        (Problem::Device, "failed_weight", today, Kind::Weight, Measured, true),
        (Problem::Device, "failed_weight", today, Kind::BloodPressure, Measured, false),
        (Problem::Decompensation, "weight_trend", today, Kind::Weight, Measured, false),
    ];
    for (problem, rule, measured_at, kind, outcome, closes) in rows {
        let reading = reading(measured_at, kind, outcome);
        let changes =
            decide(&[open(problem, Priority::Soon, rule)], &[], Trigger::Reading(&reading), true, vec![]);
        assert_eq!(!changes.is_empty(), closes, "{problem:?} {kind:?} {outcome:?} {measured_at}");
    }
}
