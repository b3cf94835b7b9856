//! A gateway's numbers: said by its heartbeat, decided, and stored as readings.
//!
//! **Invariant:** each number up to the largest that is known of an outbox is looked at once.

use care::store::sql::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use care::admission::streams::Verdict;
use care::reconcile::{self, Outbox, Placed, PutAside, brought, decided, put_aside};
use care::store::StoreError;

use super::{Difference, Place, Reconciled, Wrong};

const AT_ONCE: i64 = 5_000;
/// The most numbers of one outbox that are named singly; behind them, how many more there are.
const NAMED_MAX: u64 = 100;

/// Compares the outboxes in `known` with what is decided and stored of them.
pub(super) async fn compare(
    snapshot: &mut Connection,
    known: &[Outbox],
    found: &mut Reconciled,
) -> Result<(), StoreError> {
    let mut gateways: BTreeSet<String> = known.iter().map(|one| one.gateway.clone()).collect();
    gateways.extend(reconcile::gateways(snapshot).await?);
    for gateway in gateways {
        let mut home = Home::of(snapshot, &gateway).await?;
        for outbox in known.iter().filter(|one| one.gateway == gateway) {
            found.looked.outboxes += 1;
            home.outbox(snapshot, outbox, found).await?;
        }
        home.left_over(found);
    }
    Ok(())
}

/// What the store has of one gateway.
struct Home {
    gateway: String,
    readings: BTreeMap<(String, u64), Placed>,
    put_aside: Vec<PutAside>,
}

impl Home {
    async fn of(snapshot: &mut Connection, gateway: &str) -> Result<Self, StoreError> {
        let placed = brought(snapshot, gateway).await?;
        let readings = placed.into_iter().map(|one| ((one.outbox.clone(), one.seq), one)).collect();
        Ok(Self { gateway: gateway.to_owned(), readings, put_aside: put_aside(snapshot, gateway).await? })
    }

    fn named(&self, outbox: &Outbox, seq: u64, place: Place, wrong: Wrong, why: &str) -> Difference {
        Difference::new(place, wrong, why).at(&self.gateway, &outbox.outbox, seq)
    }

    async fn outbox(
        &mut self,
        snapshot: &mut Connection,
        outbox: &Outbox,
        found: &mut Reconciled,
    ) -> Result<(), StoreError> {
        let mut expected = 1;
        if let Some(stream) = outbox.stream {
            let mut after = 0;
            loop {
                let run = decided(snapshot, stream, after, AT_ONCE).await?;
                let Some((last, _)) = run.last() else { break };
                after = *last;
                for (seq, verdict) in &run {
                    self.undecided(outbox, expected..*seq, found);
                    expected = seq + 1;
                    self.decided(outbox, *seq, verdict, found);
                }
            }
        }
        let said_last = outbox.said.map_or(0, |said| said.last_seq);
        let last = outbox.highest.max(said_last).max(outbox.through);
        self.undecided(outbox, expected..last + 1, found);
        self.conflicts(outbox, found);
        if let Some(said) = outbox.said
            && outbox.heard_at < said.received_at
            && outbox.highest > said.last_seq
        {
            let why = "decided, and the gateway's later heartbeat knows no such number";
            let beyond = said.last_seq + 1..outbox.highest + 1;
            self.name_all(outbox, beyond, (Place::Outbox, Wrong::Missing, why), found);
        }
        Ok(())
    }

    /// The numbers in `range` that nothing was decided about. It may be as long as a gateway says.
    fn undecided(&mut self, outbox: &Outbox, range: Range<u64>, found: &mut Reconciled) {
        let mut seqs: Vec<u64> = self
            .readings
            .range((outbox.outbox.clone(), range.start)..(outbox.outbox.clone(), range.end.max(range.start)))
            .map(|((_, seq), _)| *seq)
            .collect();
        for seq in &seqs {
            let Some(placed) = self.readings.remove(&(outbox.outbox.clone(), *seq)) else { continue };
            let why = "there is a reading under this number, and nothing was decided about it";
            let missing = self.named(outbox, *seq, Place::Decided, Wrong::Missing, why);
            found.differences.push(missing.of(placed.arrival, Some(&placed.reading)));
        }
        let mut start = range.start;
        seqs.push(range.end);
        for seq in seqs {
            self.nowhere(outbox, start..seq, found);
            start = seq + 1;
        }
    }

    /// The numbers in `range`, of which the server has nothing.
    fn nowhere(&self, outbox: &Outbox, range: Range<u64>, found: &mut Reconciled) {
        let receipted = outbox.said.map_or(0, |said| said.last_seq - said.unreceipted.min(said.last_seq));
        let (passed, rest) = split(range, outbox.through);
        let (known_there, rest) = split(rest, receipted);
        let why = "the receipt passed this number, and nothing was decided about it";
        self.name_all(outbox, passed, (Place::Decided, Wrong::Missing, why), found);
        let why = "the gateway has its receipt, and the server knows nothing of it";
        self.name_all(outbox, known_there, (Place::Outbox, Wrong::Extra, why), found);
        let count = rest.end.saturating_sub(rest.start);
        match (outbox.said, outbox.closed_at) {
            // Numbers beyond the heartbeat were given after it.
            (Some(_), _) => found.explained.waiting_in_outboxes += count,
            (None, Some(_)) => found.explained.of_replaced_boxes += count,
            (None, None) => {
                let why = "a gap, and the gateway's heartbeat is of another outbox";
                self.name_all(outbox, rest, (Place::Outbox, Wrong::Missing, why), found);
            }
        }
    }

    fn name_all(
        &self,
        outbox: &Outbox,
        range: Range<u64>,
        (place, wrong, why): (Place, Wrong, &str),
        found: &mut Reconciled,
    ) {
        let end = range.end.min(range.start.saturating_add(NAMED_MAX));
        for seq in range.start..end {
            found.differences.push(self.named(outbox, seq, place, wrong, why));
        }
        if let (Some(last), more @ 1..) = (found.differences.last_mut(), range.end.saturating_sub(end)) {
            last.why = format!("{why}; and {more} more behind it");
        }
    }

    fn decided(&mut self, outbox: &Outbox, seq: u64, verdict: &str, found: &mut Reconciled) {
        found.looked.decided += 1;
        let reading = self.readings.remove(&(outbox.outbox.clone(), seq));
        if seq > outbox.highest {
            let why = "decided, and beyond every number that came";
            let extra = self.named(outbox, seq, Place::Decided, Wrong::Extra, why);
            found.differences.push(extra);
            return;
        }
        let altered = |why: &str| Some((Place::Decided, Wrong::Altered, why.to_owned()));
        let wrong = match (verdict, &reading) {
            (stored, None) if stored == Verdict::Stored.key() => Some((
                Place::Readings,
                Wrong::Missing,
                "decided as stored, and there is no reading".to_owned(),
            )),
            (stored, Some(_)) if stored == Verdict::Stored.key() => None,
            (quarantined, _) if quarantined == Verdict::Quarantined.key() => {
                self.quarantined(outbox, seq, reading.as_ref(), found)
            }
            (_, Some(_)) => altered("there is a reading, and it was decided that there is none"),
            (duplicate, None) if duplicate == Verdict::Duplicate.key() => {
                found.explained.duplicates += 1;
                None
            }
            (void, None) if void == Verdict::Void.key() => {
                found.explained.void += 1;
                None
            }
            (_, None) => altered("decided as nothing that there is"),
        };
        let Some((place, wrong, why)) = wrong else { return };
        let mut difference = self.named(outbox, seq, place, wrong, &why);
        if let Some(placed) = &reading {
            difference = difference.of(placed.arrival, Some(&placed.reading));
            if place == Place::Readings {
                found.named.insert(placed.arrival);
            }
        }
        found.differences.push(difference);
    }

    fn quarantined(
        &self,
        outbox: &Outbox,
        seq: u64,
        reading: Option<&Placed>,
        found: &mut Reconciled,
    ) -> Option<(Place, Wrong, String)> {
        let mut items = self.put_aside.iter().filter(|item| item.outbox == outbox.outbox && item.seq == seq);
        let became = items.clone().find_map(|item| item.reading.as_deref());
        match (reading, became) {
            (Some(placed), Some(became)) if placed.reading == became => {
                found.explained.readmitted += 1;
                None
            }
            (Some(_), _) => Some((
                Place::Decided,
                Wrong::Altered,
                "decided as quarantined, and there is a reading that nobody put there".to_owned(),
            )),
            (None, Some(became)) => {
                Some((Place::Readings, Wrong::Missing, format!("readmitted as {became}, and there is none")))
            }
            (None, None) if items.next().is_some() => {
                found.explained.quarantined += 1;
                None
            }
            (None, None) => Some((
                Place::Decided,
                Wrong::Altered,
                "decided as quarantined, and nothing of it is in quarantine".to_owned(),
            )),
        }
    }

    /// Numbers under which another envelope came than the one that was decided, as long as nobody settled it.
    fn conflicts(&self, outbox: &Outbox, found: &mut Reconciled) {
        let conflicts = self.put_aside.iter().filter(|item| {
            item.is_conflict
                && item.act.is_none()
                && item.outbox == outbox.outbox
                && item.seq <= outbox.highest
        });
        for item in conflicts {
            let why = "the gateway sent another envelope under a number that was decided";
            found.differences.push(self.named(outbox, item.seq, Place::Outbox, Wrong::Altered, why));
        }
    }

    /// Readings under numbers of which nothing is known.
    fn left_over(&mut self, found: &mut Reconciled) {
        for ((outbox, seq), placed) in std::mem::take(&mut self.readings) {
            let why = "a reading under a number that never came";
            let extra = Difference::new(Place::Readings, Wrong::Extra, why)
                .at(&self.gateway, &outbox, seq)
                .of(placed.arrival, Some(&placed.reading));
            found.named.insert(placed.arrival);
            found.differences.push(extra);
        }
    }
}

/// The numbers of `range` up to `through`, and those beyond it.
fn split(range: Range<u64>, through: u64) -> (Range<u64>, Range<u64>) {
    let at = through.saturating_add(1).clamp(range.start, range.end.max(range.start));
    (range.start..at, at..range.end)
}
