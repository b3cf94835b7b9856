//! Envelope -> Reading, or a refusal that a person sees. Runs inside one transaction.
//!
//! Each item is decided once, under its number in its gateway's sequence: stored, recognised as a duplicate, quarantined with a
//! reason, or void. What comes again under a decided number changes nothing but a count.
//!
//! **Invariant:** a number is decided in the same transaction as what it carried.

use alerts::{Finding, Priority, Problem, Reason as Why};
use care::admission::readings::{DEDUP_DIGITS, Mark};
use care::admission::streams::{self, Stream, Verdict};
use care::admission::{quarantine, readings, wearers};
use care::store::StoreError;
use tracing::Instrument;
use vitals::{
    Content as ReadingContent, DeviceId, Envelope, GatewayId, PatientId, Quantity, Reading, Timestamp, Void,
};

use crate::canary;
use crate::fault::{self, Flaw};
use crate::fingerprint::Hash;
use crate::gateways;
use crate::judge::{Content, Item, Reason, Refusal};
use crate::sequences::{self, Met};
use crate::sitting::{Sitting, SittingError};
use crate::trace;
use crate::unattributed;
use crate::wearer::{self, Doubt, Fit};

/// The rule in the reason of a task about a number that will never carry an envelope.
pub(crate) const VOID_RULE: &str = "gateway_void";

/// Where an item came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The topic's gateway; `None` where the topic names none that can exist.
    pub(crate) gateway: Option<&'a GatewayId>,
    /// When it arrived.
    pub(crate) received_at: Timestamp,
}

/// Decides `item`.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn admit(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
) -> Result<(), SittingError> {
    let span = trace::span(source, item);
    async {
        tracing::debug!("arrived");
        if canary::admit(sitting, source, item).await? { Ok(()) } else { decide(sitting, source, item).await }
    }
    .instrument(span)
    .await
}

/// Decides `item`, whoever sent it.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn decide(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
) -> Result<(), SittingError> {
    let (Some(gateway), Some(place)) = (source.gateway, &item.place) else {
        if let Content::Refused(refusal) = &item.content {
            put_aside(sitting, source, item, refusal).await?;
        }
        return Ok(());
    };
    let met = sequences::meet(sitting, gateway, &place.outbox, source.received_at).await?;
    if !sitting.sequences.is_beyond(met, place.seq)
        && let Some(decided) = streams::decided(sitting.store().await?, met.stream, place.seq).await?
    {
        return again(sitting, source, item, &decided).await;
    }
    let verdict = match refusal_of(item, met.gateway_known) {
        Some(refusal) => {
            put_aside(sitting, source, item, &refusal).await?;
            Verdict::Quarantined
        }
        None => match &item.content {
            Content::Candidate(envelope) => admit_envelope(sitting, source, item, envelope, met).await?,
            Content::Void(void) => admit_void(sitting, source, void).await?,
            Content::Refused(_) => Verdict::Quarantined,
        },
    };
    if verdict != Verdict::Stored {
        streams::decide(sitting.store().await?, met.stream, place.seq, item.hash.as_str(), verdict).await?;
    }
    tracing::debug!(verdict = verdict.key(), "decided");
    sitting.sequences.decide(met, place.seq);
    Ok(())
}

/// The refusal of `item` as it was judged, or because nobody knows its gateway.
fn refusal_of(item: &Item<'_>, gateway_known: bool) -> Option<Refusal> {
    match &item.content {
        // The gateway is doubted before what it sends, except where that says itself that it is another's or no envelope.
        Content::Refused(refusal) if gateway_known || refusal.reason != Reason::FutureDated => {
            Some(refusal.clone())
        }
        Content::Refused(_) | Content::Candidate(_) | Content::Void(_) => (!gateway_known).then(|| Refusal {
            reason: Reason::UnknownGateway,
            detail: "the gateway is not in the register".to_owned(),
        }),
    }
}

/// An item under a number that was decided as `decided`: the same again, or a conflict.
async fn again(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
    decided: &str,
) -> Result<(), SittingError> {
    match &item.content {
        Content::Void(_) => Ok(()),
        // Of what a reading decided, the first digits are kept.
        Content::Candidate(_) | Content::Refused(_) if item.hash.as_str().starts_with(decided) => {
            sitting.tally.duplicates += 1;
            Ok(())
        }
        Content::Candidate(_) | Content::Refused(_) => {
            let refusal = Refusal {
                reason: Reason::Conflict,
                detail: "another envelope was decided under this outbox and seq".to_owned(),
            };
            put_aside(sitting, source, item, &refusal).await
        }
    }
}

async fn admit_envelope(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
    envelope: &Envelope,
    met: Met,
) -> Result<Verdict, SittingError> {
    let mark = mark_of(envelope).filter(|_| !fault::flawed(Flaw::NoDeduplication));
    if let Some(mark) = &mark
        && sitting.was_measured(&envelope.device.id, mark).await?
    {
        sitting.tally.duplicates += 1;
        return Ok(Verdict::Duplicate);
    }
    let at = Item::at(envelope, source.received_at);
    let patient = match whose(sitting, envelope, at).await? {
        Ok(patient) => patient,
        Err(refused) => {
            match unattributed::confirmed(sitting, envelope, &refused.people, at, source.received_at).await? {
                Some(patient) => patient,
                None => {
                    put_aside(sitting, source, item, &refused.refusal).await?;
                    unattributed::ask(sitting, envelope, &refused.people, source.received_at).await?;
                    sitting.ask_whose(&refused.people, at, source.received_at).await?;
                    return Ok(Verdict::Quarantined);
                }
            }
        }
    };
    let Some(facts) = sitting.facts(&patient, source.received_at).await? else {
        return Err(
            StoreError::Unreadable { what: "a loan", detail: "its patient is missing".to_owned() }.into()
        );
    };
    if fault::flawed(Flaw::CursorOnMeasuringTime) {
        let newest =
            wearers::weights(sitting.store().await?, &patient, Timestamp::from_jiff(jiff::Timestamp::MAX), 1)
                .await?;
        if newest.first().is_some_and(|newest| newest.0 > at) {
            return Ok(Verdict::Duplicate);
        }
    }
    let stream = sitting.sequences.stream(met).ok_or_else(|| misplaced("a number outside its sequence"))?;
    let reading = reading_of(envelope, stream, &patient, at, source.received_at)?;
    sitting.open_chart(&facts, source.received_at).await?;
    let arrival = sitting.write(&reading, envelope, met.stream, Some(item.hash.as_str()), mark.as_ref())?;
    sitting.follow(&facts, (arrival, reading)).await?;
    Ok(Verdict::Stored)
}

fn misplaced(what: &str) -> SittingError {
    SittingError::Fault { what: what.to_owned() }
}

/// What `envelope` is recognised by when it comes again under another number; `None` without a device time.
pub(crate) fn mark_of(envelope: &Envelope) -> Option<Mark> {
    let device_time = envelope.measurement.device_time?;
    let hash = Hash::of_measurement(envelope)?;
    let dedup = hash.as_str().get(..DEDUP_DIGITS)?.into();
    Some(Mark { device_time, dedup })
}

/// The reading that `envelope` of `stream` is, taken at `at` and received at `received_at`.
///
/// # Errors
/// [`StoreError`] when it cannot be named.
pub(crate) fn reading_of(
    envelope: &Envelope,
    stream: &Stream,
    patient: &PatientId,
    at: Timestamp,
    received_at: Timestamp,
) -> Result<Reading, StoreError> {
    let measurement = &envelope.measurement;
    Ok(Reading {
        id: readings::id_of(stream, envelope.seq)?,
        patient: patient.clone(),
        at,
        received_at,
        content: ReadingContent::Vitals {
            kind: measurement.kind,
            outcome: measurement.outcome,
            values: measurement.values.clone(),
            absent: measurement.absent.clone(),
            flags: measurement.flags.clone(),
            clock: measurement.clock,
        },
    })
}

/// Why nobody can say whose a measurement is, and who may be asked.
pub(crate) struct Unattributed {
    /// The refusal.
    pub(crate) refusal: Refusal,
    /// Those who may have measured.
    pub(crate) people: Vec<PatientId>,
}

/// The person whose measurement this is, or why nobody can say.
///
/// # Errors
/// [`StoreError`]; the sitting must then be dropped.
pub(crate) async fn whose(
    sitting: &mut Sitting<'_>,
    envelope: &Envelope,
    at: Timestamp,
) -> Result<Result<PatientId, Unattributed>, StoreError> {
    let device = &envelope.device.id;
    let had_it = wearers::at(&sitting.loans(device).await?, at);
    let weight = envelope.measurement.values.get(Quantity::WeightKg);
    let choice = wearer::choose(&had_it, envelope.measurement.user_slot);
    let mut fits = Vec::new();
    for patient in choice.people() {
        fits.push(fit(sitting, patient, weight, at).await?);
    }
    Ok(match wearer::settle(choice, &fits) {
        Ok(patient) => Ok(patient),
        Err(Doubt::Nobody) => Err(Unattributed {
            refusal: not_worn(device, envelope.measurement.user_slot),
            people: Vec::new(),
        }),
        Err(Doubt::Several { why, people }) => Err(Unattributed { refusal: doubtful(why), people }),
    })
}

async fn fit(
    sitting: &mut Sitting<'_>,
    patient: &PatientId,
    weight_kg: Option<f64>,
    at: Timestamp,
) -> Result<Fit, StoreError> {
    let Some(weight_kg) = weight_kg else { return Ok(Fit::Unknown) };
    let recent = wearers::weights(sitting.store().await?, patient, at, wearer::RECENT_WEIGHTS).await?;
    Ok(wearer::fit(weight_kg, at, &recent))
}

fn not_worn(device: &DeviceId, slot: Option<u8>) -> Refusal {
    let as_whom = slot.map_or_else(String::new, |slot| format!(" as user {slot}"));
    Refusal {
        reason: Reason::NotWorn,
        detail: format!("nobody had device {device}{as_whom} when it measured"),
    }
}

fn doubtful(detail: &str) -> Refusal {
    Refusal { reason: Reason::AmbiguousWearer, detail: detail.to_owned() }
}

/// A void: the number is decided, and somebody is told that an envelope is lost.
async fn admit_void(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    void: &Void,
) -> Result<Verdict, SittingError> {
    sitting.tally.voids += 1;
    if fault::flawed(Flaw::SilentVoid) {
        return Ok(Verdict::Void);
    }
    let now = source.received_at;
    let seq = void.seq;
    let finding = Finding {
        problem: Problem::Gateway,
        priority: Priority::Soon,
        at: now,
        late: false,
        reason: Why {
            rule: VOID_RULE.to_owned(),
            policy_version: String::new(),
            observed: None,
            limit: None,
            unit: String::new(),
            text_sv: format!(
                "Hemmets mottagare {} kunde inte lämna värde nummer {seq}: {}",
                void.gateway, void.void
            ),
            text_en: format!("Gateway {} could not deliver envelope {seq}: {}", void.gateway, void.void),
        },
        readings: Vec::new(),
    };
    gateways::open_task(sitting, &void.gateway, finding, now).await?;
    Ok(Verdict::Void)
}

async fn put_aside(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
    refusal: &Refusal,
) -> Result<(), SittingError> {
    let gateway = source.gateway.map_or("?", GatewayId::as_str);
    let fingerprint = Hash::of_refusal(gateway, refusal.reason.key(), &item.hash);
    let row = quarantine::Row {
        gateway: source.gateway,
        place: item.place.as_ref().map(|place| (place.outbox.as_str(), place.seq.get())),
        reason: refusal.reason.key(),
        detail: &refusal.detail,
        received_at: source.received_at,
        raw: &item.raw,
        fingerprint: fingerprint.as_str(),
        measured: match &item.content {
            Content::Candidate(envelope) => {
                Some((envelope.device.id.as_str(), Item::at(envelope, source.received_at)))
            }
            Content::Void(_) | Content::Refused(_) => None,
        },
    };
    if quarantine::put(sitting.store().await?, &row).await? {
        sitting.tally.quarantine(refusal.reason);
        // The detail may quote what was sent; it is for whoever may read the quarantine.
        tracing::warn!(gateway, reason = refusal.reason.key(), "quarantined");
    }
    Ok(())
}

/// Quarantines `item` because judging it failed each time, and decides its number. The fault is ours: the log has it.
///
/// # Errors
/// [`SittingError`]; the sitting must then be dropped.
pub(crate) async fn give_up(
    sitting: &mut Sitting<'_>,
    source: Source<'_>,
    item: &Item<'_>,
) -> Result<(), SittingError> {
    let refusal =
        Refusal { reason: Reason::Unprocessable, detail: "judging it failed; the log says how".to_owned() };
    let refused = Item {
        place: item.place.clone(),
        content: Content::Refused(refusal),
        raw: item.raw.clone(),
        hash: item.hash.clone(),
    };
    admit(sitting, source, &refused).await
}
