//! Local days, cheaply: which calendar day a moment falls on where the patient lives.
//!
//! A zone changes its offset twice a year; between the changes a day is an addition and a division. The changes of a
//! century are looked up once, when a [`LocalDays`] is made; moments outside it ask the zone itself.
//!
//! **Invariant:** [`LocalDays::day`] agrees with the zone's own calendar for every moment.

use jiff::tz::TimeZone;
use vitals::Timestamp;

/// The offsets of a zone, ready to be used.
#[derive(Clone, Debug)]
pub struct LocalDays {
    zone: TimeZone,
    /// From when each offset holds, ms since 1970, and the offset, ms. Sorted.
    spans: Vec<(i64, i64)>,
    /// The span in force at the start of each [`BUCKET_BITS`] wide stretch of time.
    buckets: Vec<u16>,
}

/// 2^33 ms are 99 days: no zone changes twice within it without a span of its own being walked over.
const BUCKET_BITS: u32 = 33;
/// 1970-01-01 and 2100-01-01.
const FROM_MS: i64 = 0;
const UNTIL_MS: i64 = 4_102_444_800_000;

impl LocalDays {
    /// The days of `zone`.
    #[must_use]
    pub fn new(zone: TimeZone) -> Self {
        let from = jiff::Timestamp::from_millisecond(FROM_MS).unwrap_or_default();
        let mut spans = vec![(FROM_MS, offset_ms(&zone, from))];
        for change in zone.following(from) {
            let at_ms = change.timestamp().as_millisecond();
            if at_ms >= UNTIL_MS || spans.len() >= usize::from(u16::MAX) {
                break;
            }
            spans.push((at_ms, i64::from(change.offset().seconds()) * Timestamp::SECOND_MS));
        }
        let buckets = (0..=(UNTIL_MS - FROM_MS) >> BUCKET_BITS)
            .map(|bucket| {
                let start = FROM_MS + (bucket << BUCKET_BITS);
                let place = spans.partition_point(|(from, _)| *from <= start);
                u16::try_from(place.saturating_sub(1)).unwrap_or(u16::MAX)
            })
            .collect();
        Self { zone, spans, buckets }
    }

    /// The zone they are days of.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The local day of `at`, counted from 1970-01-01.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> i32 {
        let local_ms = at.as_millis() + self.offset_ms(at);
        i32::try_from(local_ms.div_euclid(Timestamp::DAY_MS)).unwrap_or(i32::MAX)
    }

    fn offset_ms(&self, at: Timestamp) -> i64 {
        let ms = at.as_millis();
        let known = usize::try_from((ms - FROM_MS) >> BUCKET_BITS).ok().filter(|_| ms < UNTIL_MS);
        let Some(place) = known.and_then(|bucket| self.buckets.get(bucket)) else {
            return offset_ms(&self.zone, at.to_jiff());
        };
        let mut place = usize::from(*place);
        while let Some((from, _)) = self.spans.get(place + 1)
            && *from <= ms
        {
            place += 1;
        }
        self.spans.get(place).map_or(0, |(_, offset)| *offset)
    }
}

fn offset_ms(zone: &TimeZone, at: jiff::Timestamp) -> i64 {
    i64::from(zone.to_offset(at).seconds()) * Timestamp::SECOND_MS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::local_date;

    proptest! {
        /// The expected day is the zone's own calendar's (jiff).
        #[test]
        fn a_day_is_the_zones_own(ms in -62_135_596_800_000i64..253_402_207_200_000, near in 0i64..4_102_444_800_000) {
            for name in ["Europe/Stockholm", "Asia/Kathmandu", "America/New_York", "UTC"] {
                let days = LocalDays::new(TimeZone::get(name).expect("bundled"));
                for ms in [ms, near] {
                    let at = Timestamp::from_millis(ms).expect("in range");
                    let epoch = jiff::civil::date(1970, 1, 1);
                    let expected = (local_date(at, days.zone()) - epoch).get_days();
                    prop_assert_eq!(days.day(at), expected, "{} {}", name, at);
                }
            }
        }
    }
}
