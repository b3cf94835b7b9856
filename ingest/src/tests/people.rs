//! Answers that people gave.

use care::access::{Subject, SubjectKind};
use care::export::What;
use care::intake::{IntakeError, Submission};
use care::language::Language;
use serde_json::json;
use vitals::{Severity, Symptom, SymptomAnswers};

use super::house::{Home, envelope, run};

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

fn submission(answers: SymptomAnswers, task: Option<&str>) -> Submission {
    let patient = "p1".parse().expect("a patient id");
    Submission { patient, answers, author: svea(), task: task.map(str::to_owned) }
}

/// A red flag is a task at once: chest pain is urgent in every policy.
#[test]
fn answers_become_a_reading_and_a_red_flag_a_task() {
    run(async {
        let home = Home::open().await;
        let answers: SymptomAnswers = [(Symptom::ChestPain, Severity::MODERATE)].into_iter().collect();
        let id = home.ingest.intake().submit(submission(answers, None)).await.expect("admitted");
        let readings = home.export(What::Readings).await;
        assert_eq!(readings[0]["id"], json!(id.as_str()));
        assert_eq!(
            (&readings[0]["kind"], &readings[0]["values"]),
            (&json!("symptoms"), &json!({"chest_pain": 2}))
        );
        let tasks = home.export(What::Tasks).await;
        let [task] = &tasks[..] else { panic!("{tasks:?}") };
        assert_eq!((&task["problem"], &task["priority"]), (&json!("symptoms"), &json!("urgent")));
        home.up(&envelope("ob", 1, 80.0));
        home.receipted("ob", 1).await;
    });
}

#[test]
fn no_answers_and_another_patients_task_are_refused() {
    run(async {
        let home = Home::open().await;
        let intake = home.ingest.intake();
        let refused = intake.submit(submission(SymptomAnswers::new(), None)).await;
        assert!(matches!(refused, Err(IntakeError::Empty)));
        let answers: SymptomAnswers = [(Symptom::Cough, Severity::MILD)].into_iter().collect();
        assert!(intake.submit(submission(answers, Some("no such task"))).await.is_err());
        assert_eq!(home.status().await["readings"], 0, "nothing was written");
    });
}
