//! A quarantined item becomes a reading after all, or is set aside for good: by a person who says why, by a register that was
//! corrected, or by a second weighing.
//!
//! It takes the usual way from there on: written with its envelope as it came, folded, judged at its arrival in the record, and
//! so marked late. The number it took in its gateway's sequence stays decided, and receipts stay as they were.
//!
//! **Invariant:** an item is settled once, in the transaction that holds what came of it.

use care::access::{Decision, Subject};
use care::actor::Actor;
use care::admission::settled::{self, Act, Item};
use care::audit;
use care::intake::{RecordDesk, Settlement};
use care::people::PatientFacts;
use care::plans::{self, PlanChange, PlanError};
use care::quarantine::{self, REASON_CHARS_MAX, SettleError, Settled, Settling, Verdict};
use care::store::StoreError;
use vitals::{Envelope, PatientId, ReadingId, Timestamp};

use std::sync::Arc;

use alerts::Trigger;

use crate::admit;
use crate::sequences;
use crate::sitting::{Desk, Sitting, SittingError};

/// Takes what staff decide.
#[derive(Clone, Debug)]
pub(crate) struct Decisions(pub(crate) Arc<Desk>);

impl RecordDesk for Decisions {
    fn change_plan(&self, change: PlanChange) -> care::intake::Changed<'_> {
        Box::pin(self.plan(change))
    }

    fn settle(&self, settling: Settling) -> Settlement<'_> {
        Box::pin(self.quarantined(settling))
    }
}

fn store_error(error: SittingError) -> StoreError {
    match error {
        SittingError::Store(error) => error,
        SittingError::Removed => StoreError::Unreadable { what: "the record", detail: error.to_string() },
        SittingError::Fault { what } => {
            tracing::error!(what, "what was decided could not be judged");
            StoreError::Unreadable { what: "the record", detail: what }
        }
    }
}

impl Decisions {
    async fn plan(&self, change: PlanChange) -> Result<(), PlanError> {
        let now = self.0.clock.now();
        let mut sitting = self.0.sit().await?;
        let facts = sitting.facts(&change.patient, now).await?.ok_or(PlanError::NotFound)?;
        sitting.open_chart(&facts, now).await.map_err(store_error)?;
        let standing = sitting.standing(&facts, now);
        match plans::record(sitting.store().await?, &facts, &standing.policy, &change, now).await {
            Ok(_) => {}
            Err(error @ PlanError::Denied { .. }) => {
                sitting.commit().await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        let facts = sitting.reopen_chart(&change.patient, now).await.map_err(store_error)?;
        // New limits and days are judged as a replay judges them: at once, by what the passing of time says.
        if matches!(change.said, plans::Said::Limits(_) | plans::Said::Schedule(_)) {
            sitting.judge(&facts, Trigger::Clock, now).await.map_err(store_error)?;
        }
        sitting.commit().await?;
        self.0.plan_changed(change.patient);
        Ok(())
    }

    async fn quarantined(&self, settling: Settling) -> Result<Settled, SettleError> {
        let reason = settling.reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX {
            return Err(SettleError::Reason);
        }
        let now = self.0.clock.now();
        let mut sitting = self.0.sit().await?;
        let settled = match settle(&mut sitting, &settling, reason, now).await {
            Ok(settled) => settled,
            Err(error @ SettleError::Denied { .. }) => {
                sitting.commit().await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        sitting.commit().await?;
        Ok(settled)
    }
}

async fn settle(
    sitting: &mut Sitting<'_>,
    settling: &Settling,
    reason: &str,
    now: Timestamp,
) -> Result<Settled, SettleError> {
    let item = settled::one(sitting.store().await?, settling.item).await?.ok_or(SettleError::NotFound)?;
    let envelope = item.envelope().filter(|_| item.can_be_admitted());
    let to = target(sitting, settling, &item, envelope.as_ref(), now).await;
    let target = to.as_ref().ok().and_then(Option::as_ref);
    log(sitting, settling, &item, target, now).await?;
    if let Some(how) = item.how {
        return Err(SettleError::Already { by: how.by });
    }
    let actor = Actor::Person(&settling.author);
    match (to?, envelope) {
        (Some(facts), Some(envelope)) => {
            let act = if settling.verdict == Verdict::Readmit { Act::Readmitted } else { Act::Assigned };
            let by = By { act, actor, reason };
            admit(sitting, &item, &envelope, &facts, by, now).await.map_err(|error| store_error(error).into())
        }
        (Some(_), None) => Err(SettleError::NoReading),
        (None, _) => {
            settled::settle(sitting.store().await?, item.id, Act::Discarded, None, actor, reason, now)
                .await?;
            Ok(Settled::Discarded)
        }
    }
}

/// Whose it is to be; `None` for what is discarded.
async fn target(
    sitting: &mut Sitting<'_>,
    settling: &Settling,
    item: &Item,
    envelope: Option<&Envelope>,
    now: Timestamp,
) -> Result<Option<PatientFacts>, SettleError> {
    let patient = match &settling.verdict {
        Verdict::Discard => return Ok(None),
        Verdict::Assign(patient) => patient.clone(),
        Verdict::Readmit => wearer(sitting, item, envelope.ok_or(SettleError::NoReading)?).await?,
    };
    let facts = sitting.facts(&patient, now).await?.ok_or(SettleError::NotFound)?;
    Ok(Some(PatientFacts::clone(&facts)))
}

async fn wearer(
    sitting: &mut Sitting<'_>,
    item: &Item,
    envelope: &Envelope,
) -> Result<PatientId, SettleError> {
    if !sitting.knows_gateway(&envelope.gateway).await? {
        return Err(SettleError::StillNobody { why: "the gateway is not in the register".to_owned() });
    }
    let at = crate::judge::Item::at(envelope, item.received_at);
    match admit::whose(sitting, envelope, at).await? {
        Ok(patient) => Ok(patient),
        Err(refused) => Err(SettleError::StillNobody { why: refused.refusal.detail }),
    }
}

/// Decides and logs.
async fn log(
    sitting: &mut Sitting<'_>,
    settling: &Settling,
    item: &Item,
    target: Option<&PatientFacts>,
    now: Timestamp,
) -> Result<(), SettleError> {
    let concerned = quarantine::concerned(sitting.store().await?, item, item.envelope().as_ref()).await?;
    // Asking the register again is nobody's word about whose it is; saying whose it is takes a care relation with them.
    let asked = target.filter(|_| settling.verdict != Verdict::Readmit);
    let decision = quarantine::decide_settling(&settling.author, &concerned, asked, now);
    append(sitting, &settling.author, settling.verdict.key(), target, &decision, now).await?;
    if decision.allowed { Ok(()) } else { Err(SettleError::Denied { why: decision.why }) }
}

async fn append(
    sitting: &mut Sitting<'_>,
    author: &Subject,
    action: &str,
    target: Option<&PatientFacts>,
    decision: &Decision,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = Actor::Person(author).entry(action, target.map(|facts| &facts.id), decision);
    audit::append(sitting.store().await?, &entry, now).await
}

/// Who settles an item, how and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    pub(crate) act: Act,
    pub(crate) actor: Actor<'a>,
    pub(crate) reason: &'a str,
}

/// Makes `item` a reading of the patient in `facts`, as of `now`, and carries out what follows.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn admit(
    sitting: &mut Sitting<'_>,
    item: &Item,
    envelope: &Envelope,
    facts: &PatientFacts,
    by: By<'_>,
    now: Timestamp,
) -> Result<Settled, SittingError> {
    let mark = admit::mark_of(envelope);
    if let Some(mark) = &mark
        && sitting.was_measured(&envelope.device.id, mark).await?
    {
        settled::settle(sitting.store().await?, item.id, Act::Duplicate, None, by.actor, by.reason, now)
            .await?;
        return Ok(Settled::Duplicate);
    }
    let at = crate::judge::Item::at(envelope, item.received_at);
    let stream = sequences::stream_of(sitting, &envelope.gateway, &envelope.outbox).await?;
    let reading = admit::reading_of(envelope, &stream, &facts.id, at, now)?;
    let id: ReadingId = reading.id.clone();
    sitting.open_chart(facts, now).await?;
    let arrival = sitting.write(&reading, envelope, stream.id, None, mark.as_ref())?;
    let became = Some((&facts.id, &id));
    settled::settle(sitting.store().await?, item.id, by.act, became, by.actor, by.reason, now).await?;
    sitting.follow(facts, (arrival, reading)).await?;
    Ok(Settled::Admitted { patient: facts.id.clone(), reading: id })
}
