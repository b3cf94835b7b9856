//! A patient's chart within a sitting: their state taken from what is kept at hand, or built of everything the store knows of them.
//!
//! **Invariant:** a chart is opened before anything about its patient is written in the sitting, or it holds what was.

use std::sync::Arc;

use alerts::{ChartEvent, Recent, State};
use care::people::PatientFacts;
use care::policies::Standing;
use care::{plans, readings};
use vitals::{PatientId, Timestamp};

use super::{Known, Sitting, SittingError, guarded, not_open, tuning};

impl Sitting<'_> {
    /// Takes the state of the patient in `facts` at hand, as the store has it before anything this call is followed by.
    pub(crate) async fn open_chart(
        &mut self,
        facts: &PatientFacts,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let patient = &facts.id;
        if self.taken.contains_key(patient) {
            return Ok(());
        }
        let plan = self.present.get(patient).ok_or_else(not_open)?.plan;
        let standing = self.standing(facts, now);
        let policy = (standing.policy.name(), standing.policy.version());
        let kept = self.kept.states.remove(patient).filter(|known| known.enrolled_at == facts.enrolled_at);
        let is_by = |known: &Known| (known.policy.0.as_str(), known.policy.1.as_str()) == policy;
        let stands = kept.as_ref().is_some_and(|known| known.plan == plan && is_by(known));
        let limits_changed =
            !stands && (kept.is_some() || facts.overrides.is_some() || standing.unreadable.is_some());
        let known = match kept.filter(|_| stands) {
            Some(known) => known,
            None => self.build(facts, &standing, plan).await?,
        };
        self.taken.insert(patient.clone(), known);
        if limits_changed { self.judge_limits(facts, now).await } else { Ok(()) }
    }

    async fn build(
        &mut self,
        facts: &PatientFacts,
        standing: &Standing,
        plan: i64,
    ) -> Result<Box<Known>, SittingError> {
        let policy = (standing.policy.name().to_owned(), standing.policy.version().to_owned());
        let desk = self.desk;
        let said = plans::chart_events(self.store_about(&facts.id).await?, &facts.id).await?;
        let readings = readings::chart_events(self.store_about(&facts.id).await?, &facts.id, ever()).await?;
        let history = recent_of(facts, &said, &readings);
        let tuning = Arc::new(tuning::tuning(standing, facts, &said));
        let state = guarded(|| State::rebuild(&history, &tuning, &desk.days))?;
        Ok(Box::new(Known { state, tuning, policy, plan, enrolled_at: facts.enrolled_at }))
    }

    /// Takes the state of the patient in `facts` at hand anew, with everything that was said about their monitoring.
    pub(crate) async fn reopen_chart(
        &mut self,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Arc<PatientFacts>, SittingError> {
        self.taken.remove(patient);
        self.forget_cases(patient);
        let facts = self.facts(patient, now).await?.ok_or_else(not_open)?;
        self.open_chart(&facts, now).await?;
        Ok(facts)
    }

    /// The readings of the patient in `facts` that arrived since `since`, or all.
    pub(super) async fn history(
        &mut self,
        facts: &PatientFacts,
        since: Option<Timestamp>,
    ) -> Result<Recent, SittingError> {
        let plan = plans::chart_events(self.store().await?, &facts.id).await?;
        let since = since.unwrap_or_else(ever);
        let readings = readings::chart_events(self.store().await?, &facts.id, since).await?;
        Ok(recent_of(facts, &plan, &readings))
    }
}

fn ever() -> Timestamp {
    Timestamp::from_jiff(jiff::Timestamp::MIN)
}

/// The history of the patient in `facts`. Silence counts from enrolment, as from the end of a pause, for somebody who never sends anything.
fn recent_of(facts: &PatientFacts, plan: &[ChartEvent], readings: &[ChartEvent]) -> Recent {
    let enrolment = ChartEvent::Pause { at: facts.enrolled_at, until: facts.enrolled_at };
    Recent::of(std::iter::once(&enrolment).chain(plan).chain(readings))
}
