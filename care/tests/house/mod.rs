//! A small house for the tests of the web: a region and a municipality, staff, patients, weeks of readings and open tasks,
//! all at one fixed morning, Wednesday 22 April 2026, 10:18 in Stockholm.

use care::store::sql;
use std::sync::Arc;

use alerts::{Competence, Finding, Policy, Priority, Problem, Reason, TaskChange};
use care::clock::Clock;
use care::conversations::{self, Answered};
use care::enrolment::{Authority, Enrolment};
use care::health::{Health, Part};
use care::intake::{Changed, IntakeError, RecordDesk, Settlement, Submission, Submitted, SymptomIntake};
use care::language::Words;
use care::live::{Change, Feed};
use care::people;
use care::plans::{self, PlanChange, PlanError};
use care::policies::what_if::Jobs;
use care::quarantine::{SettleError, Settling};
use care::register::{Register, apply};
use care::store::{Store, StoreError, Tx, numbers};
use care::tasks;
use care::web::AppState;
use vitals::{PatientId, ReadingId, Timestamp};

/// The morning at which everything here happens.
pub(crate) const NOW: &str = "2026-04-22T08:18:00Z";
/// Everybody's password.
pub(crate) const PASSWORD: &str = "en lång mening";

const REGISTER: &str = r#"
organisation = [
  { id = "region", name = "Region Exempel", kind = "region" },
  { id = "kommun", name = "Exempel kommun", kind = "municipality" },
]
unit = [
  { id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" },
  { id = "vc", organisation = "region", name = "Vårdcentralen" },
  { id = "centrum", organisation = "kommun", name = "Hemtjänst Centrum" },
  { id = "norr", organisation = "kommun", name = "Hemtjänst Norr" },
]
staff = [
  { id = "anna", unit = "hf", role = "heart_failure_nurse", name = "Anna Test", login = "anna", password = "en lång mening" },
  { id = "maria", unit = "hf", role = "heart_failure_nurse", name = "Maria Test", login = "maria", password = "en lång mening" },
  { id = "kim", unit = "centrum", role = "municipal_nurse", name = "Kim Test", login = "kim", password = "en lång mening" },
  { id = "viggo", unit = "vc", role = "physician", name = "Viggo Test", login = "viggo", password = "en lång mening" },
  { id = "tove", unit = "hf", role = "technician", name = "Tove Test", login = "tove", password = "en lång mening" },
  { id = "adam", unit = "hf", role = "administrator", name = "Adam Test", login = "adam", password = "en lång mening" },
  { id = "ny", unit = "hf", role = "heart_failure_nurse", name = "Ny Test", login = "ny", password = "en lång mening", must_change = true },
]
gateway = [{ id = "gw-0001" }, { id = "gw-0002" }]
device = [{ id = "546c0e000001", model = "A&D UC-352BLE" }]

[[patient]]
id = "svea"
name = "Svea Test"
units = ["hf", "centrum"]
born = "1937-01-31"
login = "svea"
password = "en lång mening"
consent = { from = "2026-03-03T08:00:00Z" }
proxy = [{ id = "bo", name = "Bo Test", login = "bo", password = "en lång mening" }]
[patient.plan]
text = "Väg dig varje morgon. Målvikt 78,0 kg.\nVid +2 kg: ring eller skriv."
by = "Hjärtsviktsmottagningen"
changed = "2026-03-03T08:00:00Z"
medication = [
  { name = "Furosemid", dose = "20 mg, 1 gång/dag", from = "2026-04-12T08:00:00Z", by = "Dr Test" },
  { name = "Bisoprolol", dose = "5 mg", from = "2025-11-02T08:00:00Z", by = "Dr Test" },
]

[[patient]]
id = "nils"
name = "Nils Test"
units = ["hf"]
born = "1949-06-01"

[[patient]]
id = "aino"
name = "Aino Test"
units = ["hf", "norr"]
born = "1945-02-03"
consent = { from = "2026-03-03T08:00:00Z" }

[[patient]]
id = "karl"
name = "Karl-Erik Test"
units = ["hf"]
born = "1941-09-09"

[[patient]]
id = "ingrid"
name = "Ingrid Test"
units = ["hf", "centrum"]
born = "1946-10-10"

[[patient]]
id = "elsa"
name = "Elsa <b>Test</b>"
units = ["hf"]
born = "1950-01-01"
"#;

/// The house, with what it is served from.
pub(crate) struct House {
    /// What the router takes.
    pub(crate) state: AppState,
    /// Where its files are, for as long as it stands.
    _folder: tempfile::TempDir,
}

/// A time written out.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A patient's id.
pub(crate) fn patient(id: &str) -> PatientId {
    id.parse().expect("a patient id")
}

/// Takes answers the way admission does, without rules behind it.
struct Desk(Store);

impl SymptomIntake for Desk {
    fn submit(&self, submission: Submission) -> Submitted<'_> {
        Box::pin(async move {
            let mut tx = self.0.write().await?;
            let (answers, outcome) = submission.tree.left_at(&submission.answers);
            let vals = serde_json::to_string(&submission.tree.symptoms(&answers)).expect("JSON");
            let reading = record(&mut tx, submission.patient.as_str(), at(NOW), "symptoms", &vals).await;
            let facts = people::facts(&mut tx, &submission.patient).await?.ok_or(IntakeError::Stopped)?;
            let answered = Answered {
                tree: submission.tree,
                answers: &answers,
                outcome,
                how: submission.how,
                dialogue: submission.dialogue.as_deref(),
                reading: Some(&reading),
                author: &submission.author,
                task: submission.task.as_deref(),
            };
            conversations::answered(&mut tx, &facts, answered, at(NOW)).await?;
            tx.commit().await?;
            Ok(Some(reading))
        })
    }
}

/// Writes what staff decide the way admission does, without rules behind it.
struct Decisions(Store);

impl RecordDesk for Decisions {
    fn change_plan(&self, change: PlanChange) -> Changed<'_> {
        Box::pin(async move {
            let mut tx = self.0.write().await?;
            let facts = people::facts(&mut tx, &change.patient).await?.ok_or(PlanError::NotFound)?;
            let recorded = plans::record(&mut tx, &facts, Policy::recommended(), &change, at(NOW)).await;
            if matches!(recorded, Ok(_) | Err(PlanError::Denied { .. })) {
                tx.commit().await?;
            }
            recorded.map(|_| ())
        })
    }

    fn settle(&self, _settling: Settling) -> Settlement<'_> {
        // What becomes of an item is tested where readings are admitted.
        Box::pin(async { Err(SettleError::NotFound) })
    }
}

/// Begins `outbox` as number `id`, once.
pub(crate) async fn stream(tx: &mut Tx, id: i64, outbox: &str) {
    sql::query(
        "INSERT INTO stream (id, gateway, outbox, through, highest, heard_at) VALUES ($1, 'gw-0001', $2, 0, 0, 0)
         ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(outbox)
    .execute(tx)
    .await
    .expect("an outbox");
}

/// Puts a reading into the record.
pub(crate) async fn record(tx: &mut Tx, patient: &str, at: Timestamp, kind: &str, vals: &str) -> ReadingId {
    let arrival = numbers::next(tx, "reading").await.expect("a number");
    let id = format!("r{arrival}");
    stream(tx, 1001, "o1").await;
    sql::query(
        "INSERT INTO reading (arrival, id, patient, at, received_at, kind, outcome, vals, clock, device, stream, seq, sealed_at,
           raw_format, raw_hex)
         VALUES ($1, $2, $3, $4, $4, $5, 'measured', $6, 'synced', '546c0e000001', 1001, $1, $4, '2a9d', '00')",
    )
    .bind(arrival)
    .bind(&id)
    .bind(patient)
    .bind(at.as_millis())
    .bind(kind)
    .bind(vals)
    .execute(tx)
    .await
    .expect("a reading");
    id.parse().expect("a reading id")
}

/// One weighing each morning up to `days_ago` days before now, the last of `weights_kg` then.
async fn weighings(tx: &mut Tx, patient: &str, weights_kg: &[f64], days_ago: i64) -> Vec<ReadingId> {
    let last = at("2026-04-22T05:04:00Z").plus_days(-days_ago);
    let count = i64::try_from(weights_kg.len()).expect("a count");
    let mut ids = Vec::new();
    for (day, kg) in (0..).zip(weights_kg) {
        let vals = format!(r#"{{"weight_kg":{kg:.1}}}"#);
        ids.push(record(tx, patient, last.plus_days(day + 1 - count), "weight", &vals).await);
    }
    ids
}

/// A steady weight with a person's own small noise, then a change a day for `rising` days.
fn course(usual: f64, days: usize, rising: usize, by_day: f64) -> Vec<f64> {
    let noise = [0.0, 0.2, -0.1, 0.3, -0.2, 0.1, -0.3, 0.2, 0.0, -0.1, 0.1];
    (0..days)
        .map(|day| {
            let risen = (day + rising + 1).saturating_sub(days);
            #[allow(clippy::cast_precision_loss)]
            let drift = risen as f64 * by_day;
            usual + noise[day % noise.len()] + drift
        })
        .collect()
}

/// A finding that rests on `readings`.
pub(crate) fn finding(
    problem: Problem,
    priority: Priority,
    rule: &str,
    sv: &str,
    readings: &[ReadingId],
) -> Finding {
    Finding {
        problem,
        priority,
        at: at("2026-04-22T05:04:00Z"),
        late: false,
        reason: Reason {
            rule: rule.to_owned(),
            policy_version: "1".to_owned(),
            observed: Some(2.4),
            limit: (rule == "weight_trend").then_some(2.0),
            unit: "kg".to_owned(),
            text_sv: sv.to_owned(),
            text_en: format!("{sv} (en)"),
        },
        readings: readings.to_vec(),
    }
}

/// Opens a task for `patient` that is due at `due_at`.
pub(crate) async fn open_task(
    tx: &mut Tx,
    patient: &PatientId,
    due_at: &str,
    findings: Vec<Finding>,
) -> String {
    let facts = people::facts(tx, patient).await.expect("reads").expect("a patient");
    let priority = findings.iter().map(|one| one.priority).max().expect("a finding");
    let problem = findings[0].problem;
    let competence = match problem {
        Problem::Silence => Competence::MeasuringSupport,
        _ => Competence::HeartFailureNurse,
    };
    let open = TaskChange::Open {
        problem,
        priority,
        at: at("2026-04-22T05:04:00Z"),
        due_at: at(due_at),
        competence,
        findings,
    };
    let changes = tasks::apply(tx, &facts, Policy::recommended(), vec![open]).await.expect("applies");
    let task = changes.into_iter().find_map(|change| match change {
        Change::Task { task, .. } => Some(task),
        Change::Message { .. } | Change::Reading { .. } | Change::Health | Change::Much => None,
    });
    task.expect("a task")
}

async fn fill(store: &Store) -> Result<(), StoreError> {
    use Priority::{Routine, Soon, Urgent};
    let mut tx = store.write().await?;
    let svea = weighings(&mut tx, "svea", &course(78.2, 40, 6, 0.4), 0).await;
    let pressures = [(128, 76), (131, 78), (126, 74), (133, 80), (121, 70), (124, 71)];
    for (day, (systolic, diastolic)) in (0..).zip(pressures) {
        let when = at("2026-04-21T05:06:00Z").plus_days(-day);
        let vals =
            format!(r#"{{"systolic_mmhg":{systolic},"diastolic_mmhg":{diastolic},"pulse_per_min":71}}"#);
        record(&mut tx, "svea", when, "blood_pressure", &vals).await;
    }
    weighings(&mut tx, "nils", &course(84.0, 40, 0, 0.0), 0).await;
    weighings(&mut tx, "aino", &course(61.0, 40, 0, 0.0), 0).await;
    weighings(&mut tx, "karl", &course(92.0, 40, 9, 0.18), 0).await;
    weighings(&mut tx, "ingrid", &course(70.0, 30, 0, 0.0), 3).await;
    weighings(&mut tx, "elsa", &course(66.0, 20, 0, 0.0), 0).await;
    let worse = Problem::Decompensation;
    let last = &svea[svea.len() - 6..];
    let findings = vec![
        finding(worse, Urgent, "weight_trend", "+2,4 kg över det vanliga (78,2) på 6 dagar", last),
        finding(worse, Urgent, "symptoms", "mer andfådd sedan tisdag", &last[5..]),
        finding(worse, Soon, "pulse_trend", "puls upp 9 mot det vanliga (70)", &last[4..]),
    ];
    open_task(&mut tx, &patient("svea"), "2026-04-22T08:30:00Z", findings).await;
    let rows = [
        (
            "nils",
            Problem::Symptoms,
            Urgent,
            "Vaknade andfådd, sover i fåtölj. Vikt oförändrad",
            "2026-04-22T08:45:00Z",
        ),
        (
            "aino",
            Problem::BloodPressure,
            Soon,
            "Blodtryck 88/54 tre mätningar i rad, yr",
            "2026-04-22T14:00:00Z",
        ),
        ("karl", worse, Soon, "+1,6 kg på 9 dagar, långsam trend", "2026-04-22T14:00:00Z"),
        ("ingrid", Problem::Silence, Routine, "Ingen mätning på 3 dagar", "2026-04-23T14:00:00Z"),
    ];
    for (id, problem, priority, why, due) in rows {
        open_task(&mut tx, &patient(id), due, vec![finding(problem, priority, "rule", why, &[])]).await;
    }
    tx.commit().await
}

impl House {
    /// Builds the house.
    pub(crate) async fn build() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = care::store::trial::open(folder.path()).await.expect("opens");
        let register = Register::parse(REGISTER).expect("a register");
        apply(&store, &register, folder.path(), &["recommended"], "test", at("2026-03-01T08:00:00Z"))
            .await
            .expect("applies");
        fill(&store).await.expect("fills");
        let health = Health::of([Part::Broker, Part::Store]);
        health.whole(Part::Broker, at("2026-04-22T08:17:26Z"));
        health.whole(Part::Store, at("2026-04-22T08:17:50Z"));
        let authority = Authority::open(folder.path(), at(NOW)).expect("an authority");
        let state = AppState {
            enrolment: Enrolment::new(authority, "mqtts://broker.example:8883"),
            intake: Arc::new(Desk(store.clone())),
            desk: Arc::new(Decisions(store.clone())),
            what_ifs: Jobs::default(),
            series: care::series::Series::default(),
            store,
            feed: Feed::default(),
            health,
            clock: Clock::told_by(|| at(NOW)),
            metrics: None,
            policies: vec!["recommended".to_owned()],
            https: false,
        };
        Self { state, _folder: folder }
    }

    /// The open task of `id`.
    pub(crate) async fn task_of(&self, id: &str) -> String {
        let mut reader = self.state.store.read().await.expect("a reader");
        let all = tasks::list(&mut reader, Some(&patient(id)), None).await.expect("reads");
        all.into_iter().find(|task| task.status == tasks::Status::Open).expect("an open task").id
    }

    /// Breaks the chain.
    pub(crate) fn break_chain(&self) {
        let what = Words::new("Ingen kontakt med meddelandetjänsten.", "No contact with the message broker.");
        self.state.health.broken(Part::Broker, at(NOW), what);
    }
}
