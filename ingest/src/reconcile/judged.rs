//! The journal: a reading at every place, and each as the rules were given it.
//!
//! **Invariant:** every place in the journal up to the last that was given out is looked at once.

use care::store::sql::Connection;
use std::collections::VecDeque;

use care::admission::assessed::{self, Marked};
use care::admission::readings::ARRIVALS;
use care::readings::{Recorded, journal};
use care::reconcile::{counter, next_arrival};
use care::store::StoreError;

use super::{Difference, Place, Reconciled, Wrong};

const READINGS_AT_ONCE: i64 = 1_000;
const ROWS_AT_ONCE: i64 = 1_000;
/// Holes that are named singly; behind them, where they end.
const HOLES_MAX: i64 = 1_000;

/// Compares the journal with the marks.
pub(super) async fn compare(snapshot: &mut Connection, found: &mut Reconciled) -> Result<(), StoreError> {
    let given_out = counter(snapshot, ARRIVALS).await?;
    let marks_after = counter(snapshot, assessed::AFTER).await?;
    let mut marks = Marks::default();
    let mut expected = 1;
    loop {
        let run = match read(snapshot, expected - 1).await? {
            Run::Readings(run) if run.is_empty() => break,
            Run::Readings(run) => run,
            Run::Unreadable(arrival, why) => {
                holes(expected..arrival, found);
                found
                    .differences
                    .push(Difference::new(Place::Readings, Wrong::Altered, why).of(arrival, None));
                found.named.insert(arrival);
                let _ = marks.up_to(snapshot, arrival, found).await?;
                expected = arrival + 1;
                continue;
            }
        };
        for recorded in run {
            let arrival = recorded.arrival;
            holes(expected..arrival, found);
            expected = arrival + 1;
            let mark = marks.up_to(snapshot, arrival, found).await?;
            judged(&recorded, mark, marks_after, given_out, found);
        }
    }
    holes(expected..given_out + 1, found);
    while let Some(marked) = marks.next(snapshot).await? {
        found.looked.assessed += 1;
        marks_without_reading(marked, given_out, found);
    }
    Ok(())
}

fn judged(
    recorded: &Recorded,
    marked: Option<Marked>,
    marks_after: i64,
    given_out: i64,
    found: &mut Reconciled,
) {
    found.looked.readings += 1;
    if recorded.origin.is_none() {
        found.explained.answers += 1;
    }
    let (arrival, id) = (recorded.arrival, recorded.reading.id.as_str());
    if found.named.contains(&arrival) {
        return;
    }
    if arrival > given_out {
        let why = "a reading at a place in the journal that was never given out";
        found.differences.push(Difference::new(Place::Readings, Wrong::Extra, why).of(arrival, Some(id)));
        found.named.insert(arrival);
        return;
    }
    let wrong = match marked {
        None if arrival <= marks_after => {
            found.explained.before_marks += 1;
            return;
        }
        None => (Place::Assessed, Wrong::Missing, "a reading that the rules were never given"),
        Some(Marked { mark: Some(mark), .. }) if mark == assessed::mark(&recorded.reading) => return,
        Some(Marked { row_is_whole: false, .. } | Marked { mark: None, .. }) => {
            (Place::Assessed, Wrong::Altered, "the mark of what the rules were given was changed")
        }
        Some(Marked { .. }) => {
            found.named.insert(arrival);
            (Place::Readings, Wrong::Altered, "the reading is not the one that the rules were given")
        }
    };
    let (place, wrong, why) = wrong;
    found.differences.push(Difference::new(place, wrong, why).of(arrival, Some(id)));
}

fn holes(range: std::ops::Range<i64>, found: &mut Reconciled) {
    let (named, end) = ((range.end - range.start).min(HOLES_MAX), range.end);
    for arrival in range.start..range.start + named.max(0) {
        let more = end - 1 - arrival;
        let why = match more {
            more if more > 0 && arrival + 1 == range.start + HOLES_MAX => {
                format!("a place in the journal without its reading, and {more} more behind it")
            }
            _ => "a place in the journal without its reading".to_owned(),
        };
        found.differences.push(Difference::new(Place::Readings, Wrong::Missing, why).of(arrival, None));
    }
    found.named.extend(range);
}

fn marks_without_reading(marked: Marked, given_out: i64, found: &mut Reconciled) {
    // A place in the journal that has lost its reading is named as that.
    if marked.arrival <= given_out || found.named.contains(&marked.arrival) {
        return;
    }
    let why = "a mark of a reading that never was";
    found.differences.push(Difference::new(Place::Assessed, Wrong::Extra, why).of(marked.arrival, None));
}

enum Run {
    Readings(Vec<Recorded>),
    Unreadable(i64, String),
}

/// The next readings after `after`; where one of them cannot be read, those before it, and then that one by itself.
async fn read(snapshot: &mut Connection, after: i64) -> Result<Run, StoreError> {
    match journal(snapshot, after, READINGS_AT_ONCE, None, None).await {
        Ok(run) => return Ok(Run::Readings(run)),
        Err(StoreError::Unreadable { .. }) => {}
        Err(error) => return Err(error),
    }
    match journal(snapshot, after, 1, None, None).await {
        Ok(run) => Ok(Run::Readings(run)),
        Err(StoreError::Unreadable { what, .. }) => {
            let arrival = next_arrival(snapshot, after).await?.unwrap_or(after + 1);
            Ok(Run::Unreadable(arrival, format!("{what} of the reading cannot be read")))
        }
        Err(error) => Err(error),
    }
}

/// The marks, in order, a page at a time.
#[derive(Default)]
struct Marks {
    at_hand: VecDeque<Marked>,
    after: i64,
    is_over: bool,
}

impl Marks {
    async fn peek(&mut self, snapshot: &mut Connection) -> Result<Option<Marked>, StoreError> {
        while self.at_hand.is_empty() && !self.is_over {
            let (marks, last) = assessed::marks(snapshot, self.after, ROWS_AT_ONCE).await?;
            match last {
                Some(last) => self.after = last,
                None => self.is_over = true,
            }
            self.at_hand.extend(marks);
        }
        Ok(self.at_hand.front().copied())
    }

    async fn next(&mut self, snapshot: &mut Connection) -> Result<Option<Marked>, StoreError> {
        let marked = self.peek(snapshot).await?;
        self.at_hand.pop_front();
        Ok(marked)
    }

    /// The mark of `arrival`; those before it have no reading.
    async fn up_to(
        &mut self,
        snapshot: &mut Connection,
        arrival: i64,
        found: &mut Reconciled,
    ) -> Result<Option<Marked>, StoreError> {
        let mut of_it = None;
        while let Some(marked) = self.peek(snapshot).await? {
            if marked.arrival > arrival {
                break;
            }
            self.at_hand.pop_front();
            found.looked.assessed += 1;
            // A place without a reading is a hole in the journal, and named as one.
            if marked.arrival == arrival {
                of_it = Some(marked);
            }
        }
        Ok(of_it)
    }
}
