//! What is usual for a person: silence against their own gaps, limits against their own values. Each feature is a number of
//! the policy and off where it is absent; here the recommended policy is given what a row needs.

#![allow(missing_docs)]

use alerts::replay::{Replay, ReplayTask};
use alerts::{Policy, Priority, Problem};
use jiff::tz::TimeZone;
use vitals::Timestamp;

/// The recommended policy with `lines` in the section `[rules.NAME]`, in place of those that set the same.
fn policy(name: &str, lines: &[&str]) -> Policy {
    let head = format!("[rules.{name}]");
    let mut text = String::new();
    let mut inside = false;
    for line in include_str!("../policies/recommended.toml").lines() {
        inside = if line.starts_with('[') { line.starts_with(&head) } else { inside };
        let key = line.split_whitespace().next().unwrap_or_default();
        let is_replaced = inside
            && ["habit_days_max", "every_days", "hysteresis_mmhg", "usual_margin_mmhg", "hold_days_max"]
                .contains(&key);
        if !is_replaced {
            text.push_str(line);
            text.push('\n');
        }
        if line.starts_with(&head) {
            text.push_str(&lines.join("\n"));
            text.push('\n');
        }
    }
    Policy::parse(&text).expect("a policy")
}

fn replay(policy: Policy, lines: &[String]) -> Vec<ReplayTask> {
    let mut replay = Replay::new(policy, TimeZone::get("Europe/Stockholm").expect("bundled"));
    for line in lines {
        replay.feed(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    replay.finish().tasks
}

/// Day `day` from 1 January 2026 at `hour` UTC.
fn at(day: i64, hour: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    start.plus_days(day).plus_millis(hour * Timestamp::HOUR_MS)
}

fn weight(day: i64) -> String {
    format!(r#"{{"patient":"p","at":"{}","kind":"weight","values":{{"weight_kg":80.0}}}}"#, at(day, 6))
}

fn pressure(day: i64, systolic: u32) -> String {
    let at = at(day, 7);
    format!(
        r#"{{"patient":"p","at":"{at}","kind":"blood_pressure","values":{{"systolic_mmhg":{systolic},"diastolic_mmhg":60}}}}"#
    )
}

/// To add a case, add a row: days with a weighing, what the policy says, and the day on which staff get a task. By the ladder:
/// three days after the last one (EMPOWER's call), later by the person's second longest gap, at most as the policy says,
/// and by the plan's. Checked at 14:00 in Stockholm, 13:00 UTC in winter.
#[test]
fn silence_is_measured_against_the_persons_own_gaps() {
    let every = |days: i64| (0..60).step_by(usize::try_from(days).expect("positive")).collect::<Vec<i64>>();
    let gap_once: Vec<i64> = (0..30).chain(37..60).collect();
    let gap_twice: Vec<i64> = (0..20).chain(24..40).chain(44..60).collect();
    let habit: &[&str] = &["habit_days_max = 5"];
    let rows: [(&str, Vec<i64>, &[&str], i64); 8] = [
        ("daily", every(1), habit, 62),
        ("daily, no habit asked for", every(1), &[], 62),
        ("every other day, last on day 58", every(2), habit, 62),
        ("every other day, no habit asked for", every(2), &[], 61),
        ("weekly, last on day 56: six days by habit, five at most", every(7), habit, 64),
        ("one long gap is no habit", gap_once, habit, 62),
        ("two gaps of four days are", gap_twice, habit, 66),
        ("by plan every third day", every(1), &["every_days = 3"], 64),
    ];
    for (name, days, lines, expected) in rows {
        let mut history: Vec<String> = days.iter().map(|day| weight(*day)).collect();
        history.push(format!(r#"{{"patient":"p","at":"{}","kind":"end"}}"#, at(90, 0)));
        let silence: Vec<Timestamp> = replay(policy("silence", lines), &history)
            .iter()
            .filter(|task| task.problem == Problem::Silence && task.opened_at > at(59, 23))
            .map(|task| task.opened_at)
            .collect();
        assert_eq!(silence, [at(expected, 13)], "{name}");
    }
}

/// What it shows, the days asked for, those with a weighing, those with a pressure, and the first task with its day.
type Asked<'a> = (&'a str, &'a str, Vec<i64>, &'a [i64], Option<(Problem, i64)>);

/// To add a case, add a row: the days asked for, the days with a weighing, the days with a pressure, and the task that follows with
/// its day. By the calendar day 0, 1 January 2026, is a Thursday and day 57 a Friday; by EMPOWER's ladder the call is the
/// third day, and no weight beside other values is a task on the fifth (the recommended policy, which waits at most four days
/// longer for whom it asks seldom).
#[test]
fn days_that_were_not_asked_for_are_not_missed() {
    let on = |weekdays: &[i64]| -> Vec<i64> {
        (0..=57).filter(|day| weekdays.contains(&((day + 3) % 7 + 1))).collect()
    };
    let (weight_days, call) = (r#"{"weight":[1,3,5]}"#, Problem::Silence);
    let all: Vec<i64> = (0..89).collect();
    let rows: [Asked<'_>; 6] = [
        ("heard once: Friday, Monday, Wednesday missed", weight_days, vec![0], &[], Some((call, 6))),
        (
            "weeks of Mondays, Wednesdays, Fridays, then Monday, Wednesday, Friday missed",
            weight_days,
            on(&[1, 3, 5]),
            &[],
            Some((call, 64)),
        ),
        (
            "the same without a schedule: two days by habit and three",
            "{}",
            on(&[1, 3, 5]),
            &[],
            Some((call, 62)),
        ),
        (
            "weekly on Fridays: seven days after the first that was missed",
            r#"{"weight":[5]}"#,
            on(&[5]),
            &[],
            Some((call, 57 + 13)),
        ),
        (
            "pressure daily, weight missed: Monday + 8 days",
            r#"{"weight":[1,3,5],"blood_pressure":[1,2,3,4,5,6,7]}"#,
            on(&[1, 3, 5]),
            &all,
            Some((Problem::MissingMeasurement, 57 + 11)),
        ),
        ("as asked for to the end", r#"{"weight":[4]}"#, (0..89).step_by(7).collect(), &[], None),
    ];
    for (name, asked, weighed, measured, expected) in rows {
        let mut history =
            vec![format!(r#"{{"patient":"p","at":"{}","kind":"schedule","values":{asked}}}"#, at(0, 0))];
        for day in 0..89 {
            history.extend(weighed.contains(&day).then(|| weight(day)));
            history.extend(measured.contains(&day).then(|| pressure(day, 120)));
        }
        history.push(format!(r#"{{"patient":"p","at":"{}","kind":"end"}}"#, at(89, 8)));
        let policy = Policy::recommended().clone();
        let first = replay(policy, &history).first().map(|task| (task.problem, task.opened_at));
        assert_eq!(first, expected.map(|(problem, day)| (problem, at(day, 13))), "{name}");
    }
}

/// To add a case, add a row: systolic pressures day by day, what the policy says beside BEAT-HF's limit of 170 (two in a row
/// above), and how many cases open; a case is over after fourteen quiet days.
#[test]
fn a_limit_counts_once_for_whoever_lives_at_it() {
    let at_the_limit = [vec![160; 12], vec![175; 2], vec![168; 30], vec![175; 2]].concat();
    let well_inside = [vec![140; 12], vec![175; 2], vec![140; 30], vec![175; 2]].concat();
    let low = [vec![100; 20], vec![79; 2]].concat();
    let rows: [(&str, &[u32], &[&str], usize); 6] = [
        ("no hysteresis", &at_the_limit, &[], 2),
        (
            "held until the usual is below 165, or 155 with symptoms",
            &at_the_limit,
            &["hysteresis_mmhg = 5"],
            1,
        ),
        ("left in between", &well_inside, &["hysteresis_mmhg = 5"], 2),
        ("held for thirty days at most", &at_the_limit, &["hysteresis_mmhg = 5", "hold_days_max = 30"], 2),
        ("a usual of 100, twice 79: below 80", &low, &[], 1),
        ("the limit lies 22 below the usual of 98 or so, at 76", &low, &["usual_margin_mmhg = 22"], 0),
    ];
    for (name, pressures, lines, expected) in rows {
        let history: Vec<String> =
            (0..).zip(pressures).map(|(day, systolic)| pressure(day, *systolic)).collect();
        let opened = replay(policy("blood_pressure", lines), &history)
            .iter()
            .filter(|task| task.problem == Problem::BloodPressure)
            .count();
        assert_eq!(opened, expected, "{name}");
    }
}

/// To add a case, add a row: whose answers, those of each form, and the last form's. Every second day, 0 to 40 forms; by the triage's second
/// step, waking breathless and "much worse" are an urgent task today. Other answers swing between none and severe, so that
/// they say little of themselves; of a symptom that was never there they say nothing.
#[test]
fn whoever_never_had_a_symptom_is_heard_at_once() {
    let swings = ["\"swelling\":3,\"fatigue\":3", "\"swelling\":0,\"fatigue\":0"];
    let calm = ["\"swelling\":0,\"fatigue\":0"; 2];
    let rows = [
        ("woke breathless, answers calm", calm, "\"orthopnoea\":2"),
        ("woke breathless, others swing", swings, "\"orthopnoea\":2"),
        ("much more breathless, others swing", swings, "\"breathlessness\":3"),
        ("mild chest pain, others swing", swings, "\"chest_pain\":1"),
        ("fainted, others swing", swings, "\"fainting\":1"),
    ];
    let form = |day: i64, values: &str| {
        format!(r#"{{"patient":"p","at":"{}","kind":"symptoms","values":{{{values}}}}}"#, at(day, 8))
    };
    for (who, others, last) in rows {
        for forms in 0..=40 {
            let never = "\"breathlessness\":0,\"orthopnoea\":0";
            let mut history: Vec<String> = (0..forms)
                .zip(others.iter().cycle())
                .map(|(number, other)| form(2 * number, &format!("{never},{other}")))
                .collect();
            history.push(form(2 * forms, last));
            let tasks = replay(Policy::recommended().clone(), &history);
            // Where the other answers opened a case of worsening days before, it joins that.
            let last_id = format!("line:{}", history.len());
            let is_heard = tasks.iter().any(|task| {
                task.priority == Priority::Urgent && task.reading_ids.iter().any(|id| id.as_str() == last_id)
            });
            assert!(is_heard, "{who}, after {forms} forms: {tasks:?}");
        }
    }
}
