//! Plans, policies of an installation's own, and what becomes of a measurement that nobody can be named for.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use alerts::Overrides;
use alerts::replay::Replay;
use care::access::{Role, Subject, SubjectKind};
use care::actor::Actor;
use care::conversations;
use care::export::What;
use care::language::Language;
use care::plans::{Measured, PlanChange, PlanError, Said, Schedule};
use care::policies::Scope;
use care::policies::shelf;
use care::policies::switching::{Switch, switch_on};
use care::quarantine::{SettleError, Settled, Settling, Verdict};
use serde_json::{Value, json};

use super::house::{Home, NOW, envelope, run, time};

fn staff(id: &str, unit: &str, role: Role) -> Subject {
    Subject {
        id: id.to_owned(),
        name: format!("{id} Test"),
        login: id.to_owned(),
        language: Language::Sv,
        kind: SubjectKind::Staff {
            role,
            unit: unit.to_owned(),
            unit_name: unit.to_owned(),
            organisation: "region".to_owned(),
        },
        must_change: false,
    }
}

fn anna() -> Subject {
    staff("Anna", "hf", Role::HeartFailureNurse)
}

/// A weighing of `kg` at `at` with `device`, which told no user.
fn weighing(seq: u64, device: &str, at: &str, kg: f64) -> Value {
    let mut weighing = envelope("ob", seq, kg);
    weighing["device"]["id"] = json!(device);
    weighing["measurement"]["measured_at"] = json!(at);
    weighing
}

/// A blood pressure of `systolic` at `at`, by the patient p1.
fn pressure(seq: u64, at: &str, systolic: f64) -> Value {
    let mut pressure = weighing(seq, "546c0e000001", at, 80.0);
    pressure["measurement"]["kind"] = json!("blood_pressure");
    pressure["measurement"]["values"] =
        json!({ "systolic_mmhg": systolic, "diastolic_mmhg": 80.0, "pulse_per_min": 70.0 });
    pressure["raw"]["characteristic"] = json!("2a35");
    pressure
}

fn settling(item: i64, verdict: Verdict, author: Subject) -> Settling {
    Settling { item, verdict, author, reason: "asked by phone".to_owned() }
}

/// p1 alone has this device, as its user 1.
const OWN_SLOT: &str =
    r#"worn_by = [{ device = "546c0e000004", patient = "p1", from = "2025-01-01T00:00:00Z", slot = 1 }]"#;

impl Home {
    /// p1 weighed 80 kg on the two mornings before.
    async fn known_weight(&self) {
        self.apply(OWN_SLOT, NOW).await;
        self.up(&weighing(1, "546c0e000001", "2025-12-30T07:04:00.000Z", 80.0));
        self.up(&weighing(2, "546c0e000001", "2025-12-31T07:04:00.000Z", 80.2));
        self.receipted("ob", 2).await;
    }

    fn pass_hours(&self, hours: i64) {
        self.now.fetch_add(hours * 3_600_000, Ordering::SeqCst);
    }

    async fn states(&self) -> Vec<Value> {
        self.export(What::Quarantine).await.iter().map(|row| row["state"].clone()).collect()
    }
}

/// More than 4 kg from the median of seven days is not this person's by itself; the day's question goes to them, staff get a
/// task, and neither names what may be somebody else's weight. A second within ten minutes that agrees admits both.
#[test]
fn an_unattributed_weighing_is_asked_about_and_a_second_that_agrees_admits_both() {
    run(async {
        let home = Home::open().await;
        home.known_weight().await;
        home.up(&weighing(3, "546c0e000004", "2026-01-01T07:00:00.000Z", 92.0));
        home.receipted("ob", 3).await;
        assert_eq!(home.status().await["readings"], 2, "it is no sign of anybody");
        let tasks = home.export(What::Tasks).await;
        let [task] = &tasks[..] else { panic!("{tasks:?}") };
        assert_eq!(task["problem"], "data_quality");
        assert_eq!(task["patient"], "p1");
        assert_eq!(task["opened_at"], NOW, "the same day");
        assert_eq!(task["conversation"][0]["author"], "system");
        // Its id is drawn by chance, and may hold any digits.
        let mut said = task.clone();
        said["id"] = Value::Null;
        assert!(!said.to_string().contains("92"), "{task}");
        home.up(&weighing(4, "546c0e000004", "2026-01-01T07:05:00.000Z", 92.4));
        home.receipted("ob", 4).await;
        assert_eq!(home.status().await["readings"], 4);
        assert_eq!(home.states().await, [json!("confirmed")]);
        let readings = home.export(What::Readings).await;
        let weights: Vec<_> = readings.iter().map(|one| one["values"]["weight_kg"].clone()).collect();
        assert_eq!(weights, [json!(80.0), json!(80.2), json!(92.0), json!(92.4)]);
    });
}

/// To add a case, add a row: when and how much the second weighing was, and what the first's state is then. Ten minutes and 1.5 kg
/// are the limits.
#[test]
fn only_a_second_weighing_near_in_time_and_weight_speaks_for_the_first() {
    run(async {
        let rows = [
            ("2026-01-01T06:54:00.000Z", 90.6, "confirmed"),
            ("2026-01-01T06:54:01.000Z", 91.0, "waiting"),
            ("2026-01-01T06:50:00.000Z", 90.4, "waiting"),
        ];
        for (at, kg, state) in rows {
            let home = Home::open().await;
            home.known_weight().await;
            home.up(&weighing(3, "546c0e000004", "2026-01-01T06:44:00.000Z", 92.0));
            home.up(&weighing(4, "546c0e000004", at, kg));
            home.receipted("ob", 4).await;
            assert_eq!(home.states().await[0], state, "{at} {kg}");
        }
    });
}

/// After seven days without a weighing, distance alone says nothing: the one person who has the device is believed.
#[test]
fn a_weighing_after_a_gap_is_not_rejected_by_distance() {
    run(async {
        let home = Home::open().await;
        home.apply(OWN_SLOT, NOW).await;
        home.up(&weighing(1, "546c0e000001", "2025-12-25T07:00:00.000Z", 80.0));
        home.up(&weighing(2, "546c0e000004", "2026-01-01T07:00:00.000Z", 92.0));
        home.receipted("ob", 2).await;
        assert_eq!(home.status().await["readings"], 2);
        assert!(home.states().await.is_empty());
    });
}

/// Two people have the scale: both are asked, a person says whose it is, once, and it takes the usual way as a late reading.
#[test]
fn staff_say_whose_it_is_once_and_the_receipts_stay() {
    run(async {
        let home = Home::open().await;
        home.up(&weighing(1, "546c0e000003", "2026-01-01T07:04:00.000Z", 80.0));
        home.receipted("ob", 1).await;
        let asked: Vec<_> =
            home.export(What::Tasks).await.iter().map(|task| task["patient"].clone()).collect();
        assert_eq!(asked.len(), 2);
        assert!(asked.contains(&json!("p1")) && asked.contains(&json!("p2")), "{asked:?}");
        let receipts = home.wire.lock().expect("the wire").down.len();
        home.pass_hours(5);
        let desk = home.ingest.desk();
        let assign = Verdict::Assign("p2".parse().expect("an id"));
        let (one, other) = tokio::join!(
            desk.settle(settling(1, assign, anna())),
            desk.settle(settling(1, Verdict::Discard, anna()))
        );
        let Ok(Settled::Admitted { patient, reading }) = one else { panic!("{one:?}") };
        assert_eq!(patient.as_str(), "p2");
        assert!(matches!(other, Err(SettleError::Already { .. })), "{other:?}");
        let readings = home.export(What::Readings).await;
        let [row] = &readings[..] else { panic!("{readings:?}") };
        assert_eq!((&row["id"], &row["patient"]), (&json!(reading.as_str()), &json!("p2")));
        assert_eq!(row["at"], "2026-01-01T07:04:00.000Z");
        assert_eq!(row["received_at"], "2026-01-01T12:05:00.000Z", "judged as it arrives in the record");
        assert!(row["raw"].to_string().contains("02943eea070101080400"), "the bytes as they came: {row}");
        assert_eq!(home.wire.lock().expect("the wire").down.len(), receipts);
        let quarantine = home.export(What::Quarantine).await;
        assert_eq!(quarantine[0]["state"], "assigned");
        assert_eq!(quarantine[0]["settled_why"], "asked by phone");
        assert_eq!(home.status().await["quarantine_waiting"], 0);
        let log = home.export(What::Audit).await;
        let acts: Vec<_> = log.iter().filter(|row| row["action"] == "quarantine assign").collect();
        assert_eq!(acts.len(), 1);
        assert_eq!((&acts[0]["patient"], &acts[0]["actor"]), (&json!("p2"), &json!("Anna")));
    });
}

#[test]
fn who_has_no_part_in_their_care_settles_nothing() {
    run(async {
        let home = Home::open().await;
        home.up(&weighing(1, "546c0e000003", "2026-01-01T07:04:00.000Z", 80.0));
        home.receipted("ob", 1).await;
        let desk = home.ingest.desk();
        let other_unit = staff("Kim", "centrum", Role::MunicipalNurse);
        let technician = staff("Tove", "hf", Role::Technician);
        for author in [other_unit, technician] {
            let assign = Verdict::Assign("p1".parse().expect("an id"));
            let refused = desk.settle(settling(1, assign, author)).await;
            assert!(matches!(refused, Err(SettleError::Denied { .. })), "{refused:?}");
        }
        let without_reason = Settling { reason: " ".to_owned(), ..settling(1, Verdict::Discard, anna()) };
        assert!(matches!(desk.settle(without_reason).await, Err(SettleError::Reason)));
        assert_eq!(home.states().await, [json!("waiting")]);
        let log = home.export(What::Audit).await;
        let denied = log.iter().filter(|row| row["decision"] == "denied").count();
        assert_eq!(denied, 2, "refusals are logged");
    });
}

/// The register lacked the device; once it is there, asking again admits the reading, and asking twice changes nothing.
#[test]
fn a_corrected_register_readmits() {
    run(async {
        let home = Home::open().await;
        home.up(&weighing(1, "aaaaaaaaaaaa", "2026-01-01T07:04:00.000Z", 80.0));
        home.receipted("ob", 1).await;
        let desk = home.ingest.desk();
        let adam = || staff("Adam", "hf", Role::Administrator);
        let early = desk.settle(settling(1, Verdict::Readmit, adam())).await;
        assert!(matches!(early, Err(SettleError::StillNobody { .. })), "{early:?}");
        let register = r#"
            device = [{ id = "aaaaaaaaaaaa", model = "A&D UC-352BLE" }]
            worn_by = [{ device = "aaaaaaaaaaaa", patient = "p1", from = "2025-12-01T00:00:00Z" }]"#;
        home.apply(register, NOW).await;
        let admitted = desk.settle(settling(1, Verdict::Readmit, adam())).await;
        assert!(matches!(admitted, Ok(Settled::Admitted { .. })), "{admitted:?}");
        let again = desk.settle(settling(1, Verdict::Readmit, adam())).await;
        assert!(matches!(again, Err(SettleError::Already { .. })), "{again:?}");
        let status = home.status().await;
        assert_eq!((&status["readings"], &status["quarantined"]), (&json!(1), &json!({})));
    });
}

pub(super) async fn say(home: &Home, said: Said) -> Result<(), PlanError> {
    let change = PlanChange {
        patient: "p1".parse().expect("an id"),
        said,
        author: anna(),
        reason: "runs high by habit".to_owned(),
    };
    home.ingest.desk().change_plan(change).await
}

fn limits(key: &str, value: f64) -> Said {
    let mut limits = Overrides::new();
    limits.set(key, value);
    Said::Limits(limits)
}

/// What opened live, opens in a replay of the export: problem, urgency, moment, and the rules that spoke. A history of people
/// knows nothing of gateways.
pub(super) async fn replayed_as_live(home: &Home) {
    let rules = |task: &Value| -> BTreeSet<String> {
        let reasons = task["reasons"].as_array().expect("reasons");
        reasons.iter().map(|reason| reason["rule"].to_string()).collect()
    };
    let of = |task: &Value| {
        (task["problem"].clone(), task["priority"].clone(), task["opened_at"].clone(), rules(task))
    };
    let tasks = home.export(What::Tasks).await;
    let live: Vec<_> = tasks.iter().filter(|task| task["problem"] != "gateway").map(of).collect();
    let mut replay = Replay::new(alerts::Policy::recommended().clone(), care::clock::zone());
    for line in home.export(What::Readings).await {
        replay.feed(&line.to_string()).expect("an export is a history");
    }
    let tasks = replay.finish().tasks;
    let replayed: Vec<_> = tasks.iter().map(|task| of(&serde_json::to_value(task).expect("JSON"))).collect();
    assert_eq!(replayed, live);
    assert!(!live.is_empty());
}

/// The policy waits for a second 150 (BEAT-HF: 160 with symptoms, 170 without; 180 needs no second); this person's own limit is
/// 140 at once.
#[test]
fn a_persons_own_limit_holds_from_the_next_reading_and_a_replay_agrees() {
    run(async {
        let home = Home::open().await;
        home.up(&pressure(1, "2026-01-01T06:00:00.000Z", 150.0));
        home.receipted("ob", 1).await;
        assert!(home.export(What::Tasks).await.is_empty());
        let refused = say(&home, limits("blood_pressure.systolic_high_extreme_mmhg", 1400.0)).await;
        assert!(matches!(refused, Err(PlanError::Limits { .. })), "{refused:?}");
        say(&home, limits("blood_pressure.systolic_high_extreme_mmhg", 140.0)).await.expect("says");
        let same = say(&home, limits("blood_pressure.systolic_high_extreme_mmhg", 140.0)).await;
        assert!(matches!(same, Err(PlanError::Same)), "{same:?}");
        home.pass_hours(1);
        home.up(&pressure(2, "2026-01-01T08:00:00.000Z", 150.0));
        home.receipted("ob", 2).await;
        let tasks = home.export(What::Tasks).await;
        assert_eq!(
            (&tasks[0]["problem"], &tasks[0]["priority"]),
            (&json!("blood_pressure"), &json!("urgent"))
        );
        let history = home.export(What::Readings).await;
        let kinds: Vec<_> = history.iter().map(|line| line["kind"].clone()).collect();
        assert_eq!(kinds, [json!("blood_pressure"), json!("override"), json!("blood_pressure")]);
        assert_eq!(
            (&history[1]["by"], &history[1]["reason"]),
            (&json!("Anna Test"), &json!("runs high by habit"))
        );
        replayed_as_live(&home).await;
    });
}

/// EMPOWER's ladder tells staff on day 3 of silence; a pause excuses it until it ends, also when it is ended before its time.
#[test]
fn a_pause_excuses_silence_until_its_true_end_and_a_replay_agrees() {
    run(async {
        let home = Home::open().await;
        home.up(&weighing(1, "546c0e000001", "2026-01-01T06:00:00.000Z", 80.0));
        home.receipted("ob", 1).await;
        let from = time("2026-01-02T08:00:00.000Z");
        say(&home, Said::Pause { from, until: from.plus_days(30) }).await.expect("says");
        home.pass_hours(24 * 9);
        let now = time(NOW).plus_days(9);
        home.ingest.look(now).await.expect("looks");
        // Its gateway has been silent too, which no pause excuses.
        let silent = |task: &Value| task["problem"] == "silence" && task["patient"] == "p1";
        let tasks = home.export(What::Tasks).await;
        assert!(!tasks.iter().any(silent), "{tasks:?}");
        say(&home, Said::PauseEnd { pause: 1 }).await.expect("says");
        let again = say(&home, Said::PauseEnd { pause: 1 }).await;
        assert!(matches!(again, Err(PlanError::NoSuchPause)), "{again:?}");
        home.ingest.look(now.plus_days(4)).await.expect("looks");
        let tasks = home.export(What::Tasks).await;
        let opened: Vec<_> =
            tasks.iter().filter(|task| silent(task)).map(|task| &task["opened_at"]).collect();
        // Ended on 10 January; the third silent day is the 13th, at 14:00 in Stockholm.
        assert_eq!(opened, [&json!("2026-01-13T13:00:00.000Z")]);
        let mut replay = Replay::new(alerts::Policy::recommended().clone(), care::clock::zone());
        for line in home.export(What::Readings).await {
            replay.feed(&line.to_string()).expect("an export is a history");
        }
        let end = json!({ "patient": "p1", "at": now.plus_days(4), "kind": "end" });
        replay.feed(&end.to_string()).expect("an end");
        let tasks = replay.finish().tasks;
        let replayed: Vec<String> = tasks.iter().map(|task| task.opened_at.to_string()).collect();
        assert_eq!(replayed, ["2026-01-13T13:00:00.000Z"]);
    });
}

/// Asked to weigh on Mondays, Wednesdays and Fridays. By the calendar 1 January 2026 is a Thursday, so Friday, Monday and
/// Wednesday the 7th are missed: a word on the first, a message on the second, and EMPOWER's call on the third, where somebody who
/// is asked daily would be called about on Sunday the 4th. What is exported opens the same in a replay.
#[test]
fn silence_is_counted_in_days_that_were_asked_for_and_a_replay_agrees() {
    run(async {
        let home = Home::open().await;
        let mut schedule = Schedule::default();
        schedule.set(Measured::Weight, [1, 3, 5]);
        say(&home, Said::Schedule(schedule)).await.expect("says");
        home.up(&weighing(1, "546c0e000001", "2026-01-01T06:00:00.000Z", 80.0));
        home.receipted("ob", 1).await;
        let mut told = Vec::new();
        for day in 1..=8_u32 {
            for hour in [12, 13, 14] {
                home.ingest.look(time(&format!("2026-01-{day:02}T{hour}:00:00Z"))).await.expect("looks");
            }
            let mut reader = home.store.read().await.expect("reads");
            let patient = "p1".parse().expect("an id");
            let notices =
                conversations::notices(&mut reader, &patient, time(NOW)).await.expect("notices").len();
            let talk = conversations::of_patient(&mut reader, &patient).await.expect("messages");
            let reminders = talk.iter().filter(|message| message.task.is_none()).count();
            drop(reader);
            let tasks = home.export(What::Tasks).await;
            let silent = tasks.iter().filter(|task| task["problem"] == "silence" && task["patient"] == "p1");
            let rules: Vec<String> = silent.map(|task| task["reasons"][0]["rule"].to_string()).collect();
            told.push((notices, reminders, rules.join(" ")));
        }
        let row = |notices, reminders, rule: &str| (notices, reminders, rule.to_owned());
        let call = "\"silence_call_patient\"";
        let (word, message) = (row(1, 0, ""), row(1, 1, ""));
        let expected = [
            row(0, 0, ""),
            word.clone(),
            word.clone(),
            word,
            message.clone(),
            message,
            row(1, 1, call),
            row(1, 1, call),
        ];
        assert_eq!(told, expected);
        let mut replay = Replay::new(alerts::Policy::recommended().clone(), care::clock::zone());
        for line in home.export(What::Readings).await {
            replay.feed(&line.to_string()).expect("an export is a history");
        }
        let end = json!({ "patient": "p1", "at": "2026-01-08T14:00:00.000Z", "kind": "end" });
        replay.feed(&end.to_string()).expect("an end");
        let tasks = replay.finish().tasks;
        let replayed: Vec<String> = tasks.iter().map(|task| task.opened_at.to_string()).collect();
        assert_eq!(replayed, ["2026-01-07T13:00:00.000Z"]);
    });
}

/// A policy of the installation's own, switched on for the unit, judges its patients, and its name, version and who switched it on
/// stand behind the task.
#[test]
fn a_policy_switched_on_judges_and_signs() {
    run(async {
        let home = Home::open().await;
        let text = include_str!("../../../alerts/policies/recommended.toml")
            .replacen("\"recommended\"", "\"ours\"", 1)
            .replacen(
                &format!("\nversion = \"{}\"", alerts::Policy::recommended().version()),
                "\nversion = \"1\"",
                1,
            )
            .replacen("systolic_high_extreme_mmhg = 180 ", "systolic_high_extreme_mmhg = 145 ", 1);
        shelf::add(&home.store, &text, Actor::CommandLine("test"), time(NOW)).await.expect("adds");
        home.up(&pressure(1, "2026-01-01T06:00:00.000Z", 150.0));
        home.receipted("ob", 1).await;
        assert!(home.export(What::Tasks).await.is_empty(), "a policy that is only kept judges nobody");
        let switch = Switch {
            scope: Scope::Unit("hf".to_owned()),
            policy: Some(("ours".to_owned(), "1".to_owned())),
            from: None,
            reason: "tried on our patients".to_owned(),
        };
        switch_on(&home.store, &anna(), &switch, time(NOW)).await.expect("switches on");
        home.up(&pressure(2, "2026-01-01T06:30:00.000Z", 150.0));
        home.receipted("ob", 2).await;
        let tasks = home.export(What::Tasks).await;
        let [task] = &tasks[..] else { panic!("{tasks:?}") };
        let said = [&task["policy"], &task["policy_version"], &task["policy_switched_on_by"]];
        assert_eq!(said, [&json!("ours"), &json!("1"), &json!("Anna Test")]);
        assert_eq!(task["policy_switched_on_at"], NOW);
    });
}
