//! What time does after a finding: tasks that nobody takes go up the ladder, questions left in the middle are judged, and
//! who has sent nothing is reminded, each at a time of their own.
//!
//! **Invariant:** looking twice at the same moment does nothing twice.

use alerts::dialogue::{FORM_NOTICE, NOTICE};
use alerts::follow_through::{remind_at, steps};
use alerts::{FollowThrough, Problem};
use care::conversations;
use care::people::PatientFacts;
use care::plans::{self, Plan};
use care::readings;
use care::tasks::ladder;
use jiff::ToSpan;
use jiff::civil::Date;
use std::sync::Arc;
use vitals::{PatientId, Timestamp};

use crate::intake::Intake;
use crate::sitting::{Desk, Sitting, SittingError};

/// Does what the time up to `now` asks for beside the rules.
///
/// # Errors
/// [`SittingError`] when the store or a rule failed; what was done before that stays done.
pub(crate) async fn follow_through(desk: &Arc<Desk>, now: Timestamp) -> Result<(), SittingError> {
    climb(desk, now).await?;
    Intake(Arc::clone(desk)).judge_left(now).await
}

/// Takes the steps of the ladder that have come.
async fn climb(desk: &Desk, now: Timestamp) -> Result<(), SittingError> {
    let waiting = ladder::unacknowledged(&mut *desk.store.read().await?, now).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let mut sitting = desk.sit_as_member().await?;
    let mut climbed = false;
    for task in waiting {
        let policy = sitting.policy_of(&task);
        let come = steps(&policy, task.due_at, task.escalated, now, &desk.zone);
        if come.is_empty() {
            continue;
        }
        climbed = true;
        let facts = match &task.patient {
            Some(patient) => sitting.facts(patient, now).await?,
            None => None,
        };
        for (step, (to, at)) in (task.escalated + 1..).zip(come) {
            let change =
                ladder::escalate(sitting.store().await?, &task, facts.as_deref(), &policy, (step, to, at))
                    .await?;
            sitting.announce(change);
        }
    }
    if climbed { Ok(sitting.commit().await?) } else { Ok(()) }
}

impl Sitting<'_> {
    /// Reminds the patient in `facts`, whose chart is open, if it is time to: a notice on the first day on which nothing
    /// came, a message when the policy's days are over and staff have no task of it yet, and to somebody who measures a notice
    /// on the first day on which the short form is due. Days on which the patient's own schedule asks for no measuring are not
    /// counted, as in the ladder of silence. Says when to look again.
    ///
    /// # Errors
    /// [`SittingError`]; the sitting must then be dropped.
    pub(crate) async fn remind(
        &mut self,
        facts: &PatientFacts,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, SittingError> {
        let policy = self.standing(facts, now).policy;
        let Some(follow) = policy.follow_through().cloned() else { return Ok(None) };
        let Some(missed) = self.missed(facts, now) else { return Ok(None) };
        let today = self.day_of(now);
        let at = remind_at(&follow, &facts.id, today, self.zone());
        if now < at {
            return Ok(Some(at));
        }
        // Who usually measures every third day has missed nothing on the second.
        if missed.days == 1 && missed.is_asked_today {
            let notice = conversations::notice(self.store().await?, facts, NOTICE, today, now).await?;
            self.announce(notice);
        } else if missed.is_message_due && !self.has_task(&facts.id, Problem::Silence) {
            let reminder = conversations::remind(self.store().await?, facts, missed.since, now).await?;
            self.announce(reminder);
        } else if missed.days < 1 {
            let schedule = Plan::of(&plans::history(self.store().await?, &facts.id).await?, now).schedule;
            let answered_at = readings::last_form_at(self.store().await?, &facts.id).await?;
            let last = self.day_of(answered_at.unwrap_or(facts.enrolled_at));
            if schedule.form_is_first_due(last, policy.symptom_form_days(), today) {
                let notice =
                    conversations::notice(self.store().await?, facts, FORM_NOTICE, today, now).await?;
                self.announce(notice);
            }
        }
        Ok(Some(self.tomorrow(&follow, &facts.id, today)))
    }

    fn tomorrow(&self, follow: &FollowThrough, patient: &PatientId, today: Date) -> Timestamp {
        remind_at(follow, patient, today.saturating_add(1.day()), self.zone())
    }

    fn day_of(&self, time: Timestamp) -> Date {
        self.zone().to_datetime(time.to_jiff()).date()
    }

    /// Asks each of `people`, who had the device when it measured, whether it was they: nobody can say whose the reading is,
    /// and the nearest person is not asked for.
    ///
    /// # Errors
    /// [`SittingError`]; the sitting must then be dropped.
    pub(crate) async fn ask_whose(
        &mut self,
        people: &[PatientId],
        measured_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        for patient in people {
            if let Some(facts) = self.facts(patient, now).await? {
                let asked = conversations::ask_whose(self.store().await?, &facts, measured_at, now).await?;
                self.announce(asked);
            }
        }
        Ok(())
    }

    fn has_task(&self, patient: &PatientId, problem: Problem) -> bool {
        self.case_of(patient, problem).is_some()
    }
}
