//! What happens in the homes, day by day: the five weeks before the demo opens, and what a live moment looks like.
//!
//! Days are counted from the day on which the demo first started: that is 0, the day before it -1. Knows no store, no device and no
//! clock.
//!
//! **Invariant:** the same days give the same plan. Values stay plausible: what is odd is odd because the story says so.

use alerts::dialogue;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vitals::{Severity, Symptom, SymptomAnswers, Timestamp};

use crate::demo::frames::Pressure;
use crate::demo::noise::Noise;
use crate::demo::people::Who;
use crate::demo::peripheral::Use;

/// How many days of history there are before today.
pub(crate) const HISTORY_DAYS: i64 = 35;

/// Within-person spread of home pressure and pulse. Lower than the 8.6 / 5.8 mmHg of a whole cohort (Ohasama), as these
/// people measure at the same hour after resting.
const SYSTOLIC_SPREAD_MMHG: f64 = 5.0;
const DIASTOLIC_SPREAD_MMHG: f64 = 3.5;
const PULSE_SPREAD_PER_MIN: f64 = 3.0;
/// How many mornings are forgotten.
const FORGOTTEN_SHARE: f64 = 0.2;

/// The furthest a calendar reaches either way.
const DAYS_MAX: i64 = 100_000;

/// Something that somebody does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// Uses a device.
    Uses(Use),
    /// Answers the symptom form.
    Says(SymptomAnswers),
}

/// Something that somebody does at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) at: Timestamp,
    pub(crate) who: Who,
    pub(crate) what: What,
}

/// The calendar of the story.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    day_0: Date,
    zone: TimeZone,
}

impl Calendar {
    /// A calendar in which `now` lies on day 0.
    pub(crate) fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { day_0: now.to_jiff().to_zoned(zone.clone()).date(), zone }
    }

    /// A calendar whose day 0 is `day_0`.
    pub(crate) const fn with_day_0(day_0: Date, zone: TimeZone) -> Self {
        Self { day_0, zone }
    }

    /// The date of `day`.
    pub(crate) fn date(&self, day: i64) -> Date {
        self.day_0.saturating_add(jiff::Span::new().days(day.clamp(-DAYS_MAX, DAYS_MAX)))
    }

    /// The day whose date is `date`.
    pub(crate) fn day_at(&self, date: Date) -> i64 {
        i64::from(date.since(self.day_0).map_or(0, |span| span.get_days())).clamp(-DAYS_MAX, DAYS_MAX)
    }

    /// The day on which `now` lies.
    pub(crate) fn day_of(&self, now: Timestamp) -> i64 {
        self.day_at(now.to_jiff().to_zoned(self.zone.clone()).date())
    }

    /// A time of day on `day`.
    pub(crate) fn moment(&self, day: i64, hour: i8, minute: i8) -> Timestamp {
        let zoned =
            self.date(day).at(hour.clamp(0, 23), minute.clamp(0, 59), 0, 0).to_zoned(self.zone.clone());
        zoned.map_or_else(
            |_| Timestamp::from_jiff(jiff::Timestamp::UNIX_EPOCH),
            |zoned| Timestamp::from_jiff(zoned.timestamp()),
        )
    }

    /// Whether an office is open on `day`, public holidays aside.
    pub(crate) fn is_weekday(&self, day: i64) -> bool {
        let moment = self.moment(day, 12, 0).to_jiff().to_zoned(self.zone.clone());
        moment.weekday().to_monday_one_offset() <= 5
    }
}

/// Everything that happens in the homes on `day`, in order of time.
pub(crate) fn day(calendar: &Calendar, day: i64) -> Vec<Planned> {
    let mut planned: Vec<Planned> =
        Who::ALL.into_iter().flat_map(|who| morning(calendar, who, day)).collect();
    planned.sort_by_key(|one| one.at);
    planned
}

fn morning(calendar: &Calendar, who: Who, day: i64) -> Vec<Planned> {
    if is_away(who, day) {
        return Vec::new();
    }
    let mut noise = Noise::of(who.index(), day);
    let minute = i8::try_from(3 * who.index() + noise.below(3)).unwrap_or(0);
    let up = calendar.moment(day, 7, minute);
    let later = |minutes: i64| up.plus_millis(minutes * Timestamp::MINUTE_MS);
    let mut uses = Vec::new();
    if let Some(kg) = visitor(who, day) {
        uses.push((up, Use::Weigh(kg)));
    }
    uses.push((later(2), weighing(who, day, &mut noise)));
    if matches!(who, Who::Nils | Who::Aino) || (day + HISTORY_DAYS) % 2 == 0 {
        uses.push((later(4), pressing(who, day, &mut noise)));
        if cuff_fails(who, day) {
            uses.push((later(6), Use::PressInVain));
        }
    }
    let mut planned: Vec<Planned> =
        uses.into_iter().map(|(at, what)| Planned { at, who, what: What::Uses(what) }).collect();
    if answers_on(who, day) {
        planned.push(Planned { at: later(35), who, what: What::Says(form(who, day)) });
    }
    planned
}

/// Whether nobody measures: forgotten, or as the story says.
pub(crate) fn is_away(who: Who, day: i64) -> bool {
    let story = match who {
        Who::Ingrid => day >= -3,
        Who::KarlErik => (-23..=-21).contains(&day),
        Who::Svea | Who::Olle | Who::Nils | Who::Aino => false,
    };
    // Never two mornings running, never at the end, where the story must be seen.
    let may_forget = day < -8 && day.rem_euclid(3) == 0;
    story || (may_forget && Noise::of(who.index() + 100, day).happens(FORGOTTEN_SHARE))
}

/// The symptom form comes every second day, to half of the people on either.
fn answers_on(who: Who, day: i64) -> bool {
    let odd = match who {
        Who::Svea | Who::Aino | Who::Nils => 1,
        Who::Olle | Who::KarlErik | Who::Ingrid => 0,
    };
    day.rem_euclid(2) == odd
}

/// What somebody else weighs who tries the scale first.
fn visitor(who: Who, day: i64) -> Option<f64> {
    match (who, day) {
        (Who::Olle, -12) => Some(101.3),
        (Who::Olle, -1) => Some(57.4),
        (Who::Svea | Who::Olle | Who::KarlErik | Who::Nils | Who::Ingrid | Who::Aino, _) => None,
    }
}

fn cuff_fails(who: Who, day: i64) -> bool {
    who == Who::Nils && day >= -2
}

/// How far beyond what is usual for them the story has brought somebody.
struct Drift {
    weight_kg: f64,
    systolic_mmhg: f64,
    diastolic_mmhg: f64,
    pulse_per_min: f64,
}

#[allow(clippy::cast_precision_loss)]
fn drift(who: Who, day: i64) -> Drift {
    let still = Drift { weight_kg: 0.0, systolic_mmhg: 0.0, diastolic_mmhg: 0.0, pulse_per_min: 0.0 };
    // How many days a change that began on `first` has lasted, at most `most`.
    let lasted = |first: i64, most: i64| (day - first + 1).clamp(0, most) as f64;
    match who {
        Who::Svea => {
            let days = lasted(-6, 7);
            Drift { weight_kg: 0.4 * days, pulse_per_min: 1.4 * days, ..still }
        }
        Who::Aino => {
            let days = lasted(-4, 4);
            Drift {
                weight_kg: -0.15 * days,
                systolic_mmhg: -4.5 * days,
                diastolic_mmhg: -2.5 * days,
                pulse_per_min: 2.5 * days,
            }
        }
        // He forgot his tablets on a journey.
        Who::KarlErik if day >= -4 => Drift { systolic_mmhg: 52.0, diastolic_mmhg: 24.0, ..still },
        Who::KarlErik | Who::Olle | Who::Nils | Who::Ingrid => still,
    }
}

/// A weighing of `who` on `day`.
pub(crate) fn weighing(who: Who, day: i64, noise: &mut Noise) -> Use {
    let usual = who.usual();
    Use::Weigh(usual.weight_kg + drift(who, day).weight_kg + noise.around(usual.weight_spread_kg))
}

/// A pressure of `who` on `day`, or the attempt at one.
pub(crate) fn pressing(who: Who, day: i64, noise: &mut Noise) -> Use {
    if cuff_fails(who, day) {
        return Use::PressInVain;
    }
    let (usual, drift) = (who.usual(), drift(who, day));
    // The story's own steps must be seen through the noise.
    let calm = if drift.systolic_mmhg == 0.0 { 1.0 } else { 0.3 };
    Use::Press(Pressure {
        systolic_mmhg: shown(
            usual.systolic_mmhg + drift.systolic_mmhg + noise.around(SYSTOLIC_SPREAD_MMHG * calm),
        ),
        diastolic_mmhg: shown(
            usual.diastolic_mmhg + drift.diastolic_mmhg + noise.around(DIASTOLIC_SPREAD_MMHG * calm),
        ),
        pulse_per_min: shown(
            usual.pulse_per_min + drift.pulse_per_min + noise.around(PULSE_SPREAD_PER_MIN * calm),
        ),
    })
}

/// A number as a cuff shows it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn shown(number: f64) -> u16 {
    number.round().clamp(0.0, 299.0) as u16
}

/// The symptom form as `who` answers it on `day`.
pub(crate) fn form(who: Who, day: i64) -> SymptomAnswers {
    let mut answers: SymptomAnswers =
        dialogue::FORM.iter().map(|symptom| (*symptom, Severity::NONE)).collect();
    let felt: &[(Symptom, Severity)] = match (who, day) {
        (Who::Svea, -4..=-3) => &[
            (Symptom::Breathlessness, Severity::MILD),
            (Symptom::Swelling, Severity::MILD),
            (Symptom::Fatigue, Severity::MILD),
        ],
        (Who::Svea, -2..) => &[
            (Symptom::Breathlessness, Severity::MODERATE),
            (Symptom::Orthopnoea, Severity::MODERATE),
            (Symptom::Swelling, Severity::MILD),
            (Symptom::Fatigue, Severity::MODERATE),
            (Symptom::WorseThanYesterday, Severity::MILD),
        ],
        (Who::KarlErik, -17..=-16) => {
            &[(Symptom::Swelling, Severity::MODERATE), (Symptom::Breathlessness, Severity::MODERATE)]
        }
        (Who::KarlErik | Who::Ingrid, _) => &[(Symptom::Fatigue, Severity::MILD)],
        (Who::Svea | Who::Olle | Who::Nils | Who::Aino, _) => &[],
    };
    for (symptom, severity) in felt {
        answers.set(*symptom, *severity);
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        let now = "2026-03-30T09:00:00Z".parse().expect("a time");
        Calendar::new(now, TimeZone::get("Europe/Stockholm").expect("a zone"))
    }

    fn weights(who: Who, days: std::ops::RangeInclusive<i64>) -> Vec<f64> {
        let calendar = calendar();
        days.flat_map(|day| self::day(&calendar, day))
            .filter(|one| one.who == who)
            .filter_map(|one| match one.what {
                What::Uses(Use::Weigh(kg)) => Some(kg),
                What::Uses(Use::Press(_) | Use::PressInVain) | What::Says(_) => None,
            })
            .collect()
    }

    /// Summer time began in Sweden on 29 March 2026 at 01:00 UTC.
    #[test]
    fn a_moment_follows_the_clock_on_the_wall() {
        let calendar = calendar();
        assert_eq!(calendar.moment(0, 7, 5).to_string(), "2026-03-30T05:05:00.000Z");
        assert_eq!(calendar.moment(-2, 7, 5).to_string(), "2026-03-28T06:05:00.000Z");
        // 30 March 2026 is a Monday.
        assert!(calendar.is_weekday(0) && !calendar.is_weekday(-1) && calendar.is_weekday(-3));
    }

    /// The story as it was asked for: 78.2 ± 0.3 kg for weeks, then 0.4 kg a day for six days.
    #[test]
    fn svea_is_steady_and_then_gains() {
        for kg in weights(Who::Svea, -HISTORY_DAYS..=-7) {
            assert!((77.9..=78.5).contains(&kg), "{kg}");
        }
        for kg in weights(Who::Svea, -1..=-1) {
            assert!((80.3..=80.9).contains(&kg), "{kg}");
        }
    }

    #[test]
    fn visitors_stand_on_olles_scale_twice() {
        let weights = weights(Who::Olle, -HISTORY_DAYS..=0);
        let own = weights.iter().filter(|kg| (84.6 - **kg).abs() <= 0.6).count();
        assert_eq!(weights.len() - own, 2);
    }

    #[test]
    fn ingrid_is_silent_for_three_days_and_today() {
        assert!(weights(Who::Ingrid, -3..=0).is_empty());
        assert_eq!(weights(Who::Ingrid, -8..=-4).len(), 5);
    }

    #[test]
    fn days_are_plausible_and_come_out_the_same() {
        let calendar = calendar();
        for day in -HISTORY_DAYS..=0 {
            let planned = self::day(&calendar, day);
            assert_eq!(planned, self::day(&calendar, day));
            assert!(planned.windows(2).all(|pair| pair[0].at <= pair[1].at));
            for one in planned {
                if let What::Uses(Use::Press(pressure)) = one.what {
                    assert!((90..=180).contains(&pressure.systolic_mmhg), "{pressure:?}");
                    assert!((50..=105).contains(&pressure.diastolic_mmhg), "{pressure:?}");
                    assert!((50..=95).contains(&pressure.pulse_per_min), "{pressure:?}");
                }
            }
        }
    }
}
