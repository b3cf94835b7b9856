//! The demo while somebody watches: Aino's pressure falls first, then one home after the other measures, at a pace one
//! can follow.
//!
//! **Invariant:** it can go on for days: a home measures a few times at once and then about once an hour, with values as
//! plausible as the history's.

use std::collections::BTreeMap;
use std::time::Duration;

use care::intake::SymptomIntake;
use care::store::Store;
use vitals::{Severity, Symptom, Timestamp};

use crate::demo::acts;
use crate::demo::frames::Pressure;
use crate::demo::noise::Noise;
use crate::demo::people::Who;
use crate::demo::peripheral::Use;
use crate::demo::plan::{self, Calendar};
use crate::demo::street::Street;

/// How fast the live part goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two events of the first minutes.
    pub(crate) between: Duration,
}

impl Pace {
    /// For somebody who watches.
    pub(crate) const WATCHED: Self = Self { between: Duration::from_secs(6) };
    /// For a program that waits for the task.
    pub(crate) const AWAITED: Self = Self { between: Duration::from_millis(1_200) };
}

/// When no home has anything to do.
const IDLE: Duration = Duration::from_secs(45);
/// How often a home uses the same device at most: so many times at once, and once more each hour.
const AT_ONCE: i64 = 2;

/// What somebody can do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    Weighs,
    Presses,
    Says,
}

/// Aino's story, an event each: she stands up dizzy, measures, is asked to measure again, measures.
enum AinosStep {
    Uses(Use),
    IsDizzy,
}

const AINOS_STORY: [AinosStep; 4] = [
    AinosStep::Uses(Use::Weigh(65.2)),
    AinosStep::Uses(Use::Press(Pressure { systolic_mmhg: 86, diastolic_mmhg: 51, pulse_per_min: 92 })),
    AinosStep::IsDizzy,
    AinosStep::Uses(Use::Press(Pressure { systolic_mmhg: 83, diastolic_mmhg: 49, pulse_per_min: 95 })),
];

/// Goes on for as long as it is polled.
pub(crate) struct Live<'a> {
    pub(crate) store: &'a Store,
    pub(crate) intake: &'a dyn SymptomIntake,
    pub(crate) street: &'a mut Street,
    pub(crate) clock: care::clock::Clock,
    pub(crate) pace: Pace,
}

impl Live<'_> {
    /// Goes on for ever. What goes wrong is said and the next thing tried: the homes do not stop because one does.
    pub(crate) async fn goes_on(mut self) {
        for step in AINOS_STORY {
            tokio::time::sleep(self.pace.between).await;
            match step {
                AinosStep::Uses(what) => self.street.uses(Who::Aino, what, self.clock.now()),
                AinosStep::IsDizzy => self.aino_is_dizzy().await,
            }
        }
        let mut rota = Rota::new(self.clock.now());
        for turn in 0_i64.. {
            let mut noise = Noise::of(usize::MAX, turn);
            let calendar = Calendar::new(self.clock.now(), care::clock::zone());
            let next = rota.next(&calendar, self.clock.now(), &mut noise);
            let pause =
                if next.is_some() { self.pace.between.mul_f64(0.7 + 0.6 * noise.fraction()) } else { IDLE };
            tokio::time::sleep(pause).await;
            if let Some((who, doing)) = next {
                self.does(who, doing, &mut noise).await;
            }
            if turn == 6 {
                self.answers(Who::Aino).await;
            }
        }
    }

    async fn aino_is_dizzy(&self) {
        let mut answers = plan::form(Who::Aino, TODAY);
        answers.set(Symptom::Dizziness, Severity::MODERATE);
        answers.set(Symptom::Fatigue, Severity::MILD);
        complain(acts::says(self.intake, Who::Aino, &answers, None).await);
    }

    async fn does(&mut self, who: Who, doing: Doing, noise: &mut Noise) {
        let now = self.clock.now();
        match doing {
            Doing::Weighs => self.street.uses(who, plan::weighing(who, TODAY, noise), now),
            Doing::Presses => self.street.uses(who, plan::pressing(who, TODAY, noise), now),
            Doing::Says => complain(acts::says(self.intake, who, &plan::form(who, TODAY), None).await),
        }
    }

    async fn answers(&self, who: Who) {
        complain(acts::answers_what_waits(self.store, self.intake, who, TODAY).await);
    }
}

/// The story's day: whenever the demo runs, its last.
const TODAY: i64 = 0;

fn complain(done: anyhow::Result<()>) {
    if let Err(error) = done {
        tracing::warn!("a simulated person could not go on: {error:#}");
    }
}

/// Whose turn it is.
#[derive(Debug)]
struct Rota {
    began: Timestamp,
    done: BTreeMap<(Who, Doing), i64>,
}

impl Rota {
    const fn new(began: Timestamp) -> Self {
        Self { began, done: BTreeMap::new() }
    }

    /// Somebody who still may, and what; `None` when everybody has done enough for now or it is night.
    fn next(&mut self, calendar: &Calendar, now: Timestamp, noise: &mut Noise) -> Option<(Who, Doing)> {
        let hours = now.millis_since(self.began) / Timestamp::HOUR_MS;
        // The first hour is somebody trying the demo, whenever that is.
        let asleep = now < calendar.moment(0, 6, 30) || now > calendar.moment(0, 22, 0);
        if hours > 0 && asleep {
            return None;
        }
        let may: Vec<(Who, Doing)> = Who::ALL
            .into_iter()
            // Ingrid is not heard of; Aino has had enough to do.
            .filter(|who| !matches!(who, Who::Ingrid | Who::Aino))
            .flat_map(|who| [Doing::Weighs, Doing::Presses, Doing::Says].map(|doing| (who, doing)))
            // Whoever signs in as Svea answers for her.
            .filter(|turn| *turn != (Who::Svea, Doing::Says))
            .filter(|turn| self.done.get(turn).copied().unwrap_or(0) < allowed(*turn, hours))
            .collect();
        let turn = *may.get(noise.below(may.len().max(1)))?;
        *self.done.entry(turn).or_default() += 1;
        Some(turn)
    }
}

/// How often in `hours` somebody may do something.
const fn allowed((who, doing): (Who, Doing), hours: i64) -> i64 {
    match doing {
        Doing::Weighs => AT_ONCE + hours / 6,
        // A cuff that fails is soon put away.
        Doing::Presses if matches!(who, Who::Nils) => 1 + hours / 12,
        Doing::Presses => AT_ONCE + hours,
        Doing::Says => 1 + hours / 24,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_measure_a_few_times_and_then_rarely() {
        let began: Timestamp = "2026-03-30T08:00:00Z".parse().expect("a time");
        let calendar = Calendar::new(began, jiff::tz::TimeZone::get("Europe/Stockholm").expect("a zone"));
        let mut rota = Rota::new(began);
        let mut noise = Noise::of(0, 0);
        let mut drawn =
            |now: Timestamp| std::iter::from_fn(|| rota.next(&calendar, now, &mut noise)).collect::<Vec<_>>();
        let first = drawn(began);
        // Four people: 2 weighings, 2 pressures (Nils 1) and a form (Svea none) each: 4 * 5 - 2.
        assert_eq!(first.len(), 18);
        assert!(first.iter().all(|(who, _)| !matches!(who, Who::Ingrid | Who::Aino)));
        assert_eq!(drawn(began.plus_millis(Timestamp::MINUTE_MS)), []);
        // An hour later one pressure more for the three whose cuff works.
        assert_eq!(drawn(began.plus_millis(Timestamp::HOUR_MS)).len(), 3);
        let midnight: Timestamp = "2026-03-30T21:30:00Z".parse().expect("a time");
        assert_eq!(drawn(midnight), [], "at night people sleep");
    }
}
