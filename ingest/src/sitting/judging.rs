//! What the rules say within a sitting, and carrying it out: the policy that stands, the cases at hand, the tasks that follow.
//!
//! **Invariant:** what is written says which policy made it, and what had switched that on.

use alerts::{
    Competence, Finding, Glance, Input, Policy, Priority, Problem, Reason, Recent, Situation, TaskChange,
    Trigger, assess, triage,
};
use care::live::Change;
use care::people::PatientFacts;
use care::policies::Standing;
use care::tasks::{self, Cases};
use jiff::tz::TimeZone;
use vitals::Timestamp;

use crate::intake::helped_by;

use super::{Present, RECENT_DAYS, Sitting, SittingError, guarded, not_open};

impl Sitting<'_> {
    /// Asks the rules about the patient in `facts`, whose chart is open, and carries out what follows.
    pub(crate) async fn judge(
        &mut self,
        facts: &PatientFacts,
        trigger: Trigger<'_>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        self.judge_what(|_| true, facts, (trigger, Glance::QUIET), None, now).await
    }

    /// Asks the rules whether the limits of the patient in `facts`, just changed, can be used. Silence is not asked about:
    /// it has its own moments, and what a home has kept may still be on its way.
    pub(super) async fn judge_limits(
        &mut self,
        facts: &PatientFacts,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let clock = (Trigger::Clock, Glance::QUIET);
        self.judge_what(|finding| finding.problem == Problem::Technical, facts, clock, None, now).await
    }

    pub(super) async fn judge_what(
        &mut self,
        counts: fn(&Finding) -> bool,
        facts: &PatientFacts,
        (trigger, glance): (Trigger<'_>, Glance),
        answered: Option<(Finding, Competence)>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let standing = self.standing(facts, now);
        let (desk, policy) = (self.desk, &*standing.policy);
        let recent = match glance.is_quiet() {
            true => Recent::default(),
            false => self.history(facts, Some(now.plus_days(-RECENT_DAYS))).await?,
        };
        let (Some(known), Some(present)) = (self.taken.get(&facts.id), self.present.get(&facts.id)) else {
            return Err(not_open());
        };
        let changes = guarded(|| {
            let (tuning, state, recent, days) = (&*known.tuning, &known.state, &recent, &desk.days);
            let input = Input { policy, tuning, state, recent, glance, trigger, now, days };
            let mut findings = assess(&input);
            if let (Trigger::Clock, Some(named)) = (trigger, &standing.unreadable) {
                findings.push(unreadable_policy(policy, named, now));
            }
            findings.retain(counts);
            findings.extend(answered.iter().map(|(finding, _)| finding.clone()));
            let changes = triage(&present.situation(policy, trigger, now, &desk.zone), findings);
            helped_by(changes, answered.as_ref().map(|one| one.1))
        })?;
        self.carry_out(facts, &standing, changes, now).await
    }

    /// Carries out what follows from `findings` that no rule of a policy made, about the patient in `facts`.
    pub(crate) async fn found(
        &mut self,
        facts: &PatientFacts,
        findings: Vec<Finding>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        let standing = self.standing(facts, now);
        let Some(present) = self.present.get(&facts.id) else { return Err(not_open()) };
        let situation = present.situation(&standing.policy, Trigger::Clock, now, &self.desk.zone);
        let changes = guarded(|| triage(&situation, findings))?;
        self.carry_out(facts, &standing, changes, now).await
    }

    async fn carry_out(
        &mut self,
        facts: &PatientFacts,
        standing: &Standing,
        changes: Vec<TaskChange>,
        now: Timestamp,
    ) -> Result<(), SittingError> {
        if changes.is_empty() {
            return Ok(());
        }
        let announced = tasks::apply(self.store().await?, facts, standing, changes).await?;
        for change in &announced {
            if let Change::Task { task, .. } = change {
                tracing::debug!(task, "a task follows");
            }
        }
        self.changes.extend(announced);
        let mut cases = tasks::cases_of(self.store().await?, &[&facts.id], now).await?;
        if let Some(present) = self.present.get_mut(&facts.id) {
            present.cases = cases.remove(&facts.id).unwrap_or_default();
        }
        Ok(())
    }
}

impl Present {
    fn situation<'a>(
        &'a self,
        policy: &'a Policy,
        trigger: Trigger<'a>,
        now: Timestamp,
        zone: &'a TimeZone,
    ) -> Situation<'a> {
        let Cases { open, closed } = &self.cases;
        Situation { policy, open, closed, trigger, now, zone, quiet_closes: false }
    }
}

/// The policy that should stand cannot be read by this version of the product. Closes: by staff, who switch another on.
fn unreadable_policy(policy: &Policy, named: &str, now: Timestamp) -> Finding {
    Finding {
        problem: Problem::Technical,
        priority: Priority::Soon,
        at: now,
        late: false,
        reason: Reason {
            rule: "unusable_policy".to_owned(),
            policy_version: policy.version().to_owned(),
            observed: None,
            limit: None,
            unit: String::new(),
            text_sv: format!("Reglerna {named} kan inte användas; de rekommenderade bedömer i stället"),
            text_en: format!("Policy {named} cannot be used; the recommended one judges in its place"),
        },
        readings: Vec::new(),
    }
}
