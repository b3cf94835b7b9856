//! Answers that people gave, and what time does to tasks and to people who wait.

use alerts::dialogue::{self, Answers, Questionnaire};
use care::access::{Subject, SubjectKind};
use care::conversations::{self, Author, AuthorKind};
use care::dialogues::{self, EndedHow, Given};
use care::export::What;
use care::intake::{IntakeError, Submission};
use care::language::Language;
use care::plans::{Measured, Said, Schedule};
use care::tasks;
use serde_json::{Value, json};
use vitals::PatientId;

use super::house::{Home, envelope, run, time};
use super::plans::{replayed_as_live, say};

fn svea() -> Subject {
    Subject {
        id: "p1".to_owned(),
        name: "Svea Test".to_owned(),
        login: "svea".to_owned(),
        language: Language::Sv,
        kind: SubjectKind::Patient,
        must_change: false,
    }
}

fn p1() -> PatientId {
    "p1".parse().expect("a patient id")
}

/// `"red-flags=none change=worse more=dizzy,cough"`, handed in whole.
fn submission(tree: &'static Questionnaire, text: &str, task: Option<&str>) -> Submission {
    let mut answers = Answers::new();
    for (question, codes) in text.split_whitespace().filter_map(|pair| pair.split_once('=')) {
        let codes: Vec<String> = codes.split(',').map(str::to_owned).collect();
        tree.answer(&mut answers, question, &codes).expect(text);
    }
    Submission {
        patient: p1(),
        tree,
        answers,
        author: Author::from(&svea()),
        task: task.map(str::to_owned),
        dialogue: None,
        how: EndedHow::Answered,
    }
}

/// To add a case, add a row: answers to the form, and the task that follows, by the triage list: nothing, a nurse, today, 112;
/// with the values that the reading holds. What the end says is the last of the task's conversation.
#[test]
fn each_end_of_the_form_is_the_task_that_it_promises() {
    let rows = [
        ("red-flags=none change=same more=none", None, "chest_pain", Some(0)),
        (
            "red-flags=none change=same more=cough",
            Some(("soon", "dialogue_message", "nästa vardag")),
            "cough",
            Some(1),
        ),
        (
            "red-flags=none change=much-worse more=none",
            Some(("urgent", "dialogue_urgent", "så snart mottagningen är öppen")),
            "worse_than_yesterday",
            Some(1),
        ),
        (
            "red-flags=chest-stays",
            Some(("urgent", "dialogue_emergency", "Ring 112 nu")),
            "chest_pain",
            Some(3),
        ),
        ("red-flags=froth", Some(("urgent", "dialogue_emergency", "Ring 112 nu")), "pink_froth", None),
    ];
    for (text, task, symptom, grade) in rows {
        run(async {
            let home = Home::open().await;
            let form = dialogue::symptom_form();
            let given = submission(form, text, None);
            let id = home.ingest.intake().submit(given).await.expect("admitted");
            let readings = home.export(What::Readings).await;
            assert_eq!(readings[0]["id"], json!(id.expect("a reading").as_str()));
            assert_eq!(readings[0]["dialogue"]["questionnaire"], form.url(), "{text}");
            assert_eq!(readings[0]["dialogue"]["version"], "1");
            assert_eq!(
                readings[0]["values"].get(symptom),
                grade.map(|grade| json!(grade)).as_ref(),
                "{text}"
            );
            let tasks = home.export(What::Tasks).await;
            assert_eq!(tasks.len(), usize::from(task.is_some()), "{text}: {tasks:?}");
            if let (Some((priority, rule, says)), [one]) = (task, &tasks[..]) {
                assert_eq!(
                    (&one["priority"], &one["problem"]),
                    (&json!(priority), &json!("symptoms")),
                    "{text}"
                );
                let rules: Vec<&Value> =
                    one["reasons"].as_array().expect("reasons").iter().map(|why| &why["rule"]).collect();
                assert!(rules.contains(&&json!(rule)), "{text}: {rules:?}");
                let talk = one["conversation"].as_array().expect("messages");
                assert_eq!(talk.len(), 2, "the answers and the end, and nothing asked again: {talk:?}");
                assert_eq!(talk[0]["author"], "Svea Test");
                assert!(talk[1]["text"].as_str().expect("text").contains(says), "{text}: {talk:?}");
            }
        });
    }
}

/// What the end of a dialogue opens or joins live, it opens or joins in a replay of the export. To add a case, add a row: what is
/// answered, an hour apart, and how many tasks that makes by the triage list.
#[test]
fn what_dialogues_open_a_replay_of_the_export_opens() {
    let (form, follow_up, whose) =
        (dialogue::symptom_form(), dialogue::follow_up(), dialogue::whose_reading());
    let rows: [(&[(&'static Questionnaire, &str)], usize); 6] = [
        (&[(form, "red-flags=none change=same more=cough")], 1),
        (&[(form, "red-flags=none change=same more=cough"), (form, "red-flags=froth")], 1),
        (&[(form, "red-flags=none change=much-worse more=none")], 1),
        (&[(follow_up, "red-flags=none change=same more=none medicines=missed")], 1),
        (&[(whose, "whose=other")], 1),
        (&[(whose, "whose=me how=moved"), (form, "red-flags=none change=worse more=dizzy")], 2),
    ];
    for (given, tasks) in rows {
        run(async {
            let home = Home::open().await;
            for (hour, (tree, text)) in (8..).zip(given) {
                home.set_now(&format!("2026-01-05T{hour:02}:00:00Z"));
                home.ingest.intake().submit(submission(tree, text, None)).await.expect("admitted");
            }
            assert_eq!(home.export(What::Tasks).await.len(), tasks, "{given:?}");
            replayed_as_live(&home).await;
        });
    }
}

/// The same where the answers join a case of other signs, and where they are judged as they were left.
#[test]
fn answers_join_in_a_replay_what_they_joined_live() {
    run(async {
        let home = Home::open().await;
        for day in 1..=24_u32 {
            let kg = 78.0 + 0.2 * f64::from(day % 3) + 0.6 * f64::from(day.saturating_sub(19));
            let mut weighing = envelope("ob", u64::from(day), kg);
            weighing["measurement"]["measured_at"] = json!(format!("2026-01-{day:02}T06:00:00.000Z"));
            home.set_now(&format!("2026-01-{day:02}T06:00:10Z"));
            home.up(&weighing);
            home.receipted("ob", u64::from(day)).await;
        }
        let opened = home.export(What::Tasks).await;
        assert_eq!(opened.len(), 1, "a gain over a quiet baseline: {opened:?}");
        let task = opened[0]["id"].as_str().expect("an id").to_owned();
        home.set_now("2026-01-24T08:00:00Z");
        let text = "red-flags=none change=worse more=breathless breathless-how=quite medicines=yes";
        let given = submission(dialogue::follow_up(), text, Some(&task));
        home.ingest.intake().submit(given).await.expect("admitted");
        home.set_now("2026-01-24T09:00:00Z");
        begin(&home, "unknown").await;
        home.ingest.look(time("2026-01-24T10:30:00Z")).await.expect("looks");
        let joined = home.export(What::Tasks).await;
        let of_people: Vec<_> = joined.iter().filter(|task| task["problem"] != "gateway").collect();
        assert_eq!((of_people.len(), &of_people[0]["priority"]), (1, &json!("urgent")), "{joined:?}");
        replayed_as_live(&home).await;
    });
}

#[test]
fn another_patients_task_and_a_dialogue_that_ended_are_refused() {
    run(async {
        let home = Home::open().await;
        let intake = home.ingest.intake();
        let form = dialogue::symptom_form();
        assert!(intake.submit(submission(form, "red-flags=froth", Some("no such task"))).await.is_err());
        assert_eq!(home.status().await["readings"], 0, "nothing was written");
        let begun = begin(&home, "none").await;
        let mut whole = submission(form, "red-flags=none change=same more=none", None);
        whole.dialogue = Some(begun);
        intake.submit(whole.clone()).await.expect("admitted");
        assert!(matches!(intake.submit(whole).await, Err(IntakeError::Ended)), "sent twice is once");
        assert_eq!(home.status().await["readings"], 1);
    });
}

/// Answers the first question of the form and goes no further.
async fn begin(home: &Home, red_flags: &str) -> String {
    let (patient, codes) = (p1(), [red_flags.to_owned()]);
    let given = Given {
        patient: &patient,
        dialogue: None,
        tree: dialogue::symptom_form(),
        question: "red-flags",
        codes: &codes,
        language: Language::Sv,
    };
    let now = home.clock_now();
    dialogues::answer(&home.store, &svea(), given, now).await.expect("taken").dialogue
}

/// An hour after the last answer, by the recommended policy: what was reported is judged with the rest unknown; somebody
/// who reported nothing is not alarmed about.
#[test]
fn questions_left_in_the_middle_are_judged_as_they_stand() {
    for (red_flags, how, priority) in [("unknown", "left", Some("urgent")), ("none", "replaced", None)] {
        run(async {
            let home = Home::open().await;
            home.set_now("2026-01-01T08:00:00Z");
            begin(&home, red_flags).await;
            home.ingest.look(time("2026-01-01T08:59:00Z")).await.expect("looks");
            assert!(home.export(What::Tasks).await.is_empty(), "not yet an hour");
            home.ingest.look(time("2026-01-01T09:00:00Z")).await.expect("looks");
            home.ingest.look(time("2026-01-01T09:01:00Z")).await.expect("looks");
            let tasks = home.export(What::Tasks).await;
            let priorities: Vec<&Value> = tasks.iter().map(|task| &task["priority"]).collect();
            let expected = priority.map(|priority| json!(priority));
            assert_eq!(priorities, expected.iter().collect::<Vec<_>>(), "{red_flags}");
            assert_eq!(home.text("SELECT ended_how FROM dialogue").await, how);
        });
    }
}

/// By the recommended policy: shown to the whole unit at the due time, to the answering unit after 4 office hours, to a
/// physician after 8. 5 January 2026 is a Monday, the 6th is Epiphany; an urgent task of Monday 15:00 is due on Wednesday
/// 08:30 (Stockholm, an hour before UTC). The steps come at 08:30, 12:30 and 16:30 that day.
#[test]
fn a_task_that_nobody_takes_goes_up_the_ladder_in_office_hours() {
    run(async {
        let home = Home::open().await;
        home.set_now("2026-01-05T14:00:00Z");
        let given = submission(dialogue::symptom_form(), "red-flags=fainted", None);
        home.ingest.intake().submit(given).await.expect("admitted");
        let rows = [
            ("2026-01-07T07:29:00Z", 0),
            ("2026-01-07T07:30:00Z", 1),
            ("2026-01-07T11:29:00Z", 1),
            ("2026-01-07T11:30:00Z", 2),
            ("2026-01-07T15:30:00Z", 3),
            ("2026-01-09T15:30:00Z", 3),
        ];
        for (now, steps) in rows {
            home.ingest.look(time(now)).await.expect("looks");
            let tasks = home.export(What::Tasks).await;
            let task = tasks.iter().find(|task| task["problem"] == "symptoms").expect("a task");
            assert_eq!(task["escalated"], json!(steps), "{now}");
            let mut reader = home.store.read().await.expect("reads");
            let id = task["id"].as_str().expect("an id");
            let history = tasks::history(&mut reader, id).await.expect("history");
            let told = history.iter().filter(|event| event.action == "escalated").count();
            assert_eq!(told, steps, "each step leaves one event");
        }
    });
}

/// The first day on which nothing came has a word on the page, between 14 and 15 local time; it says nothing of health, and
/// is no work for staff.
#[test]
fn the_first_day_without_a_measurement_has_one_notice() {
    run(async {
        let home = Home::open().await;
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
        let notices = async || {
            let mut reader = home.store.read().await.expect("reads");
            conversations::notices(&mut reader, &p1(), time("2026-01-01T00:00:00Z")).await.expect("notices")
        };
        home.ingest.look(time("2026-01-01T13:59:00Z")).await.expect("looks");
        home.ingest.look(time("2026-01-02T12:59:00Z")).await.expect("looks");
        assert!(notices().await.is_empty(), "she measured on the first, and it is not 14 yet on the second");
        for minute in ["14:00", "14:30", "20:00"] {
            home.ingest.look(time(&format!("2026-01-02T{minute}:00Z"))).await.expect("looks");
        }
        let said = notices().await;
        let [one] = &said[..] else { panic!("{said:?}") };
        assert_eq!(one.body, dialogue::NOTICE.sv);
        assert!(home.export(What::Tasks).await.iter().all(|task| task["problem"] != "silence"));
    });
}

/// Somebody who weighs herself every day and answers no form: by the recommended policy it is due every second day, from enrolment
/// on 1 January; a schedule of her own moves it, here to Sunday, 4 January 2026 (calendar). It is reminded of once.
#[test]
fn the_form_has_its_notice_on_the_day_that_it_is_due() {
    for (days, noticed) in [(&[][..], "2026-01-03"), (&[7], "2026-01-04")] {
        run(async {
            let home = Home::open().await;
            let mut schedule = Schedule::default();
            schedule.set(Measured::Symptoms, days.iter().copied());
            if !schedule.is_empty() {
                say(&home, Said::Schedule(schedule)).await.expect("says");
            }
            for day in 1..=7_u32 {
                let mut weighing = envelope("ob", u64::from(day), 80.0);
                weighing["measurement"]["measured_at"] = json!(format!("2026-01-{day:02}T07:06:00.000Z"));
                home.set_now(&format!("2026-01-{day:02}T07:06:10Z"));
                home.up(&weighing);
                home.receipted("ob", u64::from(day)).await;
                for hour in [12, 14, 18] {
                    home.ingest.look(time(&format!("2026-01-{day:02}T{hour}:30:00Z"))).await.expect("looks");
                }
            }
            let mut reader = home.store.read().await.expect("reads");
            let since = time("2026-01-01T00:00:00Z");
            let said = conversations::notices(&mut reader, &p1(), since).await.expect("notices");
            let [one] = &said[..] else { panic!("{said:?}") };
            assert_eq!(one.body, dialogue::FORM_NOTICE.sv);
            assert!(one.at.to_string().starts_with(noticed), "{one:?}");
        });
    }
}

/// Two people on one scale that does not tell them apart: both are asked the same day whether it was they, without a value,
/// and once while an answer waits. What one of them answers is a task for staff, and moves no reading.
#[test]
fn a_reading_that_is_nobodys_is_asked_about() {
    run(async {
        let home = Home::open().await;
        home.sql("INSERT INTO worn_by (device, patient, slot, from_at) SELECT device, 'p2', -1, from_at FROM worn_by WHERE patient = 'p1' LIMIT 1").await;
        for seq in 1..=2 {
            home.up(&envelope("ob", seq, 80.0 + f64::from(u32::try_from(seq).expect("small"))));
        }
        home.receipted("ob", 2).await;
        assert_eq!(home.status().await["quarantined"]["ambiguous_wearer"], 2);
        for patient in ["p1", "p2"] {
            let patient: PatientId = patient.parse().expect("an id");
            let mut reader = home.store.read().await.expect("reads");
            let asked = dialogues::pending(&mut reader, &patient).await.expect("reads").expect("a question");
            assert_eq!(asked.tree.expect("a tree").url(), dialogue::whose_reading().url());
            let talk = conversations::of_patient(&mut reader, &patient).await.expect("messages");
            let by_the_system = talk.iter().filter(|message| message.author_kind == AuthorKind::System);
            assert_eq!(by_the_system.count(), 1, "once while an answer waits");
            assert!(!talk[0].body.contains("81"), "no value is shown: {}", talk[0].body);
        }
        let given = submission(dialogue::whose_reading(), "whose=me how=clothes", None);
        home.ingest.intake().submit(given).await.expect("admitted");
        assert_eq!(home.status().await["readings"], 0, "nothing is moved");
        let tasks = home.export(What::Tasks).await;
        let task = tasks.iter().find(|task| task["patient"] == "p1").expect("a task");
        assert_eq!((&task["problem"], &task["priority"]), (&json!("data_quality"), &json!("routine")));
        let why: Vec<&str> = task["reasons"]
            .as_array()
            .expect("reasons")
            .iter()
            .map(|reason| reason["text_sv"].as_str().expect("text"))
            .collect();
        let answered = "ja, det var jag; jag hade kläder eller skor på mig";
        assert!(why.iter().any(|text| text.contains(answered)), "{why:?}");
    });
}
