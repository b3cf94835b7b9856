//! One message as a gateway sent it -> its items, each judged by itself. Pure: bytes, the topic's gateway and the time of
//! arrival go in; what can be said without a database comes out.
//!
//! Knows no patient, no store and no broker. Whether anybody wore the device, and whether the gateway is known, is
//! decided further in.
//!
//! **Invariant:** [`judge`] answers for every input, and every byte of the payload is part of at least one item: nothing is
//! dropped without an item that says so.

use std::borrow::Cow;
use std::fmt;
use std::panic::catch_unwind;

use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use vitals::envelope::{ENVELOPE_BYTES_MAX, ENVELOPES_PER_MESSAGE_MAX};
use vitals::{ClockClass, Envelope, GatewayId, OutboxId, Seq, Timestamp, Void};

use crate::fingerprint::Hash;

/// How far into the future a measurement may be dated.
pub const FUTURE_MS_MAX: i64 = 10 * Timestamp::MINUTE_MS;
/// How far back an unsynchronised gateway's time is believed.
const UNSYNCED_DAYS_MAX: i64 = 90;
/// Surplus elements that are told apart; what follows them is one item.
const SURPLUS_MAX: usize = 1_000;
/// The most bytes of a payload that are kept with a refusal.
const RAW_BYTES_MAX: usize = ENVELOPE_BYTES_MAX;

/// Why an item is in quarantine. The key is promised to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No envelope: not JSON, a field is missing or wrong, or more elements than a message may hold.
    Malformed,
    /// Over [`ENVELOPE_BYTES_MAX`].
    TooLarge,
    /// The envelope names another gateway than its topic.
    WrongGateway,
    /// The topic's gateway is not in the register.
    UnknownGateway,
    /// Dated more than ten minutes into the future.
    FutureDated,
    /// Nobody wore the device then.
    NotWorn,
    /// More than one person may have worn it, and the value does not tell which.
    AmbiguousWearer,
    /// Another envelope was decided under this number.
    Conflict,
    /// It was in order, but judging it failed each time: a fault of ours.
    Unprocessable,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::TooLarge,
        Self::WrongGateway,
        Self::UnknownGateway,
        Self::FutureDated,
        Self::NotWorn,
        Self::AmbiguousWearer,
        Self::Conflict,
        Self::Unprocessable,
    ];

    /// The key in `export quarantine` and `status`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::WrongGateway => "wrong_gateway",
            Self::UnknownGateway => "unknown_gateway",
            Self::FutureDated => "future_dated",
            Self::NotWorn => "not_worn",
            Self::AmbiguousWearer => "ambiguous_wearer",
            Self::Conflict => "conflict",
            Self::Unprocessable => "unprocessable",
        }
    }
}

/// A refusal, and in words what was wrong where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Which field, and what about it. May quote what was sent, so it is kept with the bytes and never logged.
    pub detail: String,
}

/// The place an item takes in its gateway's sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The outbox.
    pub outbox: OutboxId,
    /// The number.
    pub seq: Seq,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An envelope in order, as far as can be said without the register. Its time is in [`Item::at`].
    Candidate(Box<Envelope>),
    /// A number that will never carry an envelope.
    Void(Void),
    /// Refused.
    Refused(Refusal),
}

/// One element of a message, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    /// Its place in the sequence, where that can be read.
    pub place: Option<Place>,
    /// What it is.
    pub content: Content,
    /// The bytes, as text; hex where they are no text. Cut at 256 KiB.
    pub raw: Cow<'a, str>,
    /// Tells its content from any other's.
    pub hash: Hash,
}

impl Item<'_> {
    /// The same, which needs the payload no longer.
    #[must_use]
    pub fn kept(self) -> Item<'static> {
        let Self { place, content, raw, hash } = self;
        Item { place, content, raw: Cow::Owned(raw.into_owned()), hash }
    }

    /// When the candidate `envelope` counts as measured: `measured_at`, unless the gateway's clock was not synchronised
    /// and tells a time that cannot be; then the time of arrival stands.
    #[must_use]
    pub fn at(envelope: &Envelope, received_at: Timestamp) -> Timestamp {
        let measured_at = envelope.measurement.measured_at;
        match envelope.measurement.clock {
            ClockClass::GatewayUnsynced => {
                let earliest = received_at.plus_days(-UNSYNCED_DAYS_MAX);
                let latest = received_at.plus_millis(FUTURE_MS_MAX);
                if (earliest..=latest).contains(&measured_at) { measured_at } else { received_at }
            }
            ClockClass::Synced
            | ClockClass::OffsetCorrected
            | ClockClass::ClockUnset
            | ClockClass::Discontinuity
            | ClockClass::None => measured_at,
        }
    }
}

/// As [`judge`], where a fault of ours in it may not end whoever asks: what it fails on is one item, refused as
/// [`Reason::Unprocessable`].
#[must_use]
pub fn judge_safely<'a>(
    payload: &'a [u8],
    gateway: Option<&GatewayId>,
    received_at: Timestamp,
) -> Vec<Item<'a>> {
    catch_unwind(|| judge(payload, gateway, received_at)).unwrap_or_else(|_| {
        let refusal = Refusal {
            reason: Reason::Unprocessable,
            detail: "judging it failed; the log says how".to_owned(),
        };
        let hash = Hash::of_bytes(payload);
        vec![Item { place: None, content: Content::Refused(refusal), raw: kept_bytes(payload), hash }]
    })
}

/// Judges one payload that came on the `up` topic of `gateway` at `received_at`. `gateway` is `None` where the topic
/// names none that can exist.
#[must_use]
pub fn judge<'a>(payload: &'a [u8], gateway: Option<&GatewayId>, received_at: Timestamp) -> Vec<Item<'a>> {
    let Ok(text) = std::str::from_utf8(payload) else {
        return vec![unreadable(kept_bytes(payload), payload, "the payload is not UTF-8")];
    };
    let Some(gateway) = gateway else {
        return vec![unreadable(kept(text), payload, "the topic names no gateway id")];
    };
    let blank = [' ', '\t', '\r', '\n'];
    // Nearly every message is one envelope with which nothing is wrong, and need be read once only.
    if let Some(item) = judge_in_order(text.trim_matches(blank), gateway, received_at) {
        return vec![item];
    }
    match text.trim_start_matches(blank).as_bytes().first() {
        Some(b'[') => judge_array(text, gateway, received_at),
        Some(b'{') => match serde_json::from_str::<&RawValue>(text) {
            Ok(element) => vec![judge_element(element.get(), gateway, received_at)],
            Err(error) => vec![unreadable(kept(text), payload, &format!("not JSON: {error}"))],
        },
        Some(_) | None => vec![unreadable(kept(text), payload, "neither an object nor an array")],
    }
}

fn judge_array<'a>(text: &'a str, gateway: &GatewayId, received_at: Timestamp) -> Vec<Item<'a>> {
    let Elements { elements, surplus, broken } = Elements::of(text);
    let mut items: Vec<Item<'a>> =
        elements.into_iter().map(|element| judge_element(element, gateway, received_at)).collect();
    items.extend(surplus.into_iter().map(|element| {
        let detail =
            format!("a message may hold {ENVELOPES_PER_MESSAGE_MAX} envelopes; this one came after them");
        refused(element, Reason::Malformed, detail)
    }));
    if let Some(detail) = broken {
        items.push(unreadable(kept(text), text.as_bytes(), &detail));
    }
    if items.is_empty() {
        items.push(unreadable(kept(text), text.as_bytes(), "an array without envelopes"));
    }
    items
}

/// The elements of an array, as far as it is JSON.
#[derive(Default)]
struct Elements<'a> {
    elements: Vec<&'a str>,
    surplus: Vec<&'a str>,
    broken: Option<String>,
}

impl<'a> Elements<'a> {
    fn of(text: &'a str) -> Self {
        let mut taken = Self::default();
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize_seq(ElementsVisitor(&mut taken)).and_then(|()| reader.end());
        if let Err(error) = read {
            taken.broken = Some(format!("not JSON: {error}"));
        } else if taken.surplus.len() > SURPLUS_MAX {
            taken.surplus.truncate(SURPLUS_MAX);
            taken.broken = Some(format!(
                "more than {} elements; those after them are only in here",
                ENVELOPES_PER_MESSAGE_MAX + SURPLUS_MAX
            ));
        }
        taken
    }
}

struct ElementsVisitor<'t, 'a>(&'t mut Elements<'a>);

impl<'de> Visitor<'de> for ElementsVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of envelopes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            if self.0.elements.len() < ENVELOPES_PER_MESSAGE_MAX {
                self.0.elements.push(element.get());
            } else if self.0.surplus.len() <= SURPLUS_MAX {
                self.0.surplus.push(element.get());
            }
        }
        Ok(())
    }
}

/// An envelope with which nothing is wrong, as far as can be said here.
fn judge_in_order<'a>(element: &'a str, gateway: &GatewayId, received_at: Timestamp) -> Option<Item<'a>> {
    if element.len() > ENVELOPE_BYTES_MAX || !element.starts_with('{') {
        return None;
    }
    let envelope = serde_json::from_str::<Envelope>(element).ok()?;
    let in_order = envelope.gateway == *gateway
        && Item::at(&envelope, received_at).millis_since(received_at) <= FUTURE_MS_MAX;
    in_order.then(|| candidate(element, envelope))
}

fn candidate(element: &str, envelope: Envelope) -> Item<'_> {
    Item {
        place: Some(Place { outbox: envelope.outbox.clone(), seq: envelope.seq }),
        hash: Hash::of_envelope(&envelope),
        content: Content::Candidate(Box::new(envelope)),
        raw: kept(element),
    }
}

fn judge_element<'a>(element: &'a str, gateway: &GatewayId, received_at: Timestamp) -> Item<'a> {
    if let Some(item) = judge_in_order(element, gateway, received_at) {
        return item;
    }
    if element.len() > ENVELOPE_BYTES_MAX {
        let detail = format!("{} bytes, at most {ENVELOPE_BYTES_MAX}", element.len());
        return refused(element, Reason::TooLarge, detail);
    }
    if !element.starts_with('{') {
        return refused(element, Reason::Malformed, "an element is no object".to_owned());
    }
    let keys = Keys::of(element);
    if keys.void.is_some() && keys.measurement.is_none() {
        return match serde_json::from_str::<Void>(element) {
            Err(error) => refused(element, Reason::Malformed, in_one_line(&error)),
            Ok(void) if void.gateway != *gateway => wrong_gateway(element, &void.gateway, gateway),
            Ok(void) => Item {
                place: Some(Place { outbox: void.outbox.clone(), seq: void.seq }),
                hash: Hash::of_void(&void),
                content: Content::Void(void),
                raw: kept(element),
            },
        };
    }
    match serde_json::from_str::<Envelope>(element) {
        Err(error) => refused(element, Reason::Malformed, in_one_line(&error)),
        Ok(envelope) if envelope.gateway != *gateway => wrong_gateway(element, &envelope.gateway, gateway),
        Ok(envelope) => {
            let ahead_ms = Item::at(&envelope, received_at).millis_since(received_at);
            if ahead_ms > FUTURE_MS_MAX {
                let detail = format!(
                    "measurement.measured_at lies {} min ahead of its arrival",
                    ahead_ms / Timestamp::MINUTE_MS
                );
                return refused(element, Reason::FutureDated, detail);
            }
            candidate(element, envelope)
        }
    }
}

fn wrong_gateway<'a>(element: &'a str, named: &GatewayId, topic: &GatewayId) -> Item<'a> {
    refused(element, Reason::WrongGateway, format!("gateway is {named}, the topic is that of {topic}"))
}

/// An element that is JSON but not admitted; it takes its number if that can be read.
fn refused(element: &str, reason: Reason, detail: String) -> Item<'_> {
    Item {
        place: Keys::of(element).place(),
        content: Content::Refused(Refusal { reason, detail }),
        raw: kept(element),
        hash: Hash::of_json(element),
    }
}

/// A payload of which nothing can be read.
fn unreadable<'a>(raw: Cow<'a, str>, payload: &[u8], detail: &str) -> Item<'a> {
    Item {
        place: None,
        content: Content::Refused(Refusal { reason: Reason::Malformed, detail: detail.to_owned() }),
        raw,
        hash: Hash::of_bytes(payload),
    }
}

/// The keys that say what an element is and which number it takes, whatever else is wrong with it.
#[derive(Default, Deserialize)]
struct Keys<'a> {
    #[serde(borrow, default)]
    outbox: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    void: Option<&'a RawValue>,
    #[serde(borrow, default)]
    measurement: Option<&'a RawValue>,
}

impl<'a> Keys<'a> {
    fn of(element: &'a str) -> Self {
        // An array would be read as keys by position.
        if element.starts_with('{') {
            serde_json::from_str(element).unwrap_or_default()
        } else {
            Self::default()
        }
    }

    fn place(&self) -> Option<Place> {
        Some(Place {
            outbox: serde_json::from_str(self.outbox?.get()).ok()?,
            seq: serde_json::from_str(self.seq?.get()).ok()?,
        })
    }
}

fn in_one_line(error: &serde_json::Error) -> String {
    error.to_string().replace(['\n', '\r'], " ")
}

/// Text as it is kept: as it came, or as hex where it holds a NUL that not every database can; cut at the limit.
fn kept(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        return kept_bytes(text.as_bytes());
    }
    let mut end = text.len().min(RAW_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Borrowed(&text[..end])
}

fn kept_bytes(bytes: &[u8]) -> Cow<'static, str> {
    Cow::Owned(vitals::hex::encode(&bytes[..bytes.len().min(RAW_BYTES_MAX / 2)]))
}

#[cfg(test)]
mod tests;
