//! A box that was replaced: what it still held is said once, as a task, instead of being asked for in vain for ever.
//!
//! **Invariant:** an outbox that was closed with nothing missing opens no task; one that lacks something opens exactly one.

use alerts::{Finding, Priority, Problem, Reason};
use care::admission::replaced::{self, Closed};
use vitals::Timestamp;

use crate::gateways;
use crate::sitting::{Desk, SittingError};

/// The rule in the reason of such a task.
const RULE: &str = "gateway_replaced";

/// Tells of every outbox that was closed since the last look.
///
/// # Errors
/// [`SittingError`]; what was told before it stays told.
pub(crate) async fn tell(desk: &Desk, now: Timestamp) -> Result<(), SittingError> {
    let untold = replaced::untold(&mut *desk.store.read().await?).await?;
    for closed in untold {
        let mut sitting = desk.sit().await?;
        if closed.missing > 0 {
            gateways::open_task(&mut sitting, &closed.gateway, finding(&closed, now), now).await?;
        }
        replaced::told(sitting.store().await?, closed.stream, now).await?;
        sitting.commit().await?;
    }
    Ok(())
}

fn finding(closed: &Closed, now: Timestamp) -> Finding {
    let Closed { gateway, missing, through, last, .. } = closed;
    let from = through + 1;
    Finding {
        problem: Problem::Gateway,
        priority: Priority::Soon,
        at: now,
        late: false,
        reason: Reason {
            rule: RULE.to_owned(),
            policy_version: String::new(),
            observed: u32::try_from(*missing).ok().map(f64::from),
            limit: Some(0.0),
            unit: String::new(),
            text_sv: format!(
                "Hemmets mottagare {gateway} byttes. {missing} av mätningarna {from}–{last} i den gamla kom aldrig fram"
            ),
            text_en: format!(
                "Gateway {gateway} was replaced. {missing} of the measurements {from} to {last} in the old one never arrived"
            ),
        },
        readings: Vec::new(),
    }
}
