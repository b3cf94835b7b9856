//! The five weeks before the demo opens, told in seconds: every reading goes through gateway, broker and ingest at the
//! moment it was made, by a clock that jumps from moment to moment.
//!
//! **Invariant:** the story's clock never goes back, and no moment is told before everything earlier has its receipt.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use care::admission::gateways;
use care::intake::SymptomIntake;
use vitals::Timestamp;

use crate::demo::acts;
use crate::demo::clock::StoryClock;
use crate::demo::people::Who;
use crate::demo::plan::{self, Calendar, Planned, What};
use crate::demo::street::Street;
use crate::serve::Running;

/// How long after the last device of a morning was used the readings are in.
const UPLOADED_MS: i64 = 2 * Timestamp::MINUTE_MS;
/// Tasks of the last days are left for whoever tries the demo.
const LEFT_OPEN_DAYS: i64 = -7;

/// Tells a history.
pub(crate) struct History<'a> {
    pub(crate) running: &'a Running,
    pub(crate) clock: &'a StoryClock,
    pub(crate) calendar: &'a Calendar,
    pub(crate) street: Street,
    /// When the history ends: the moment the demo was started.
    pub(crate) until: Timestamp,
    /// Whether to say on stderr how far it has come, also where nobody watches.
    pub(crate) aloud: bool,
}

impl History<'_> {
    /// Tells the days from `first` to `last`, and closes the homes it was told in.
    ///
    /// # Errors
    /// When something on the way fails: then there is nothing to show.
    pub(crate) async fn tell(mut self, first: i64, last: i64) -> anyhow::Result<()> {
        let (began, intake) = (Instant::now(), self.running.ingest.intake());
        let days = last - first + 1;
        for day in first..=last {
            progress(day - first, days, began, self.aloud);
            self.morning(&*intake, day).await?;
            self.at_the_desk(day).await?;
            self.at_noon(&*intake, day).await?;
            self.afternoon(day).await?;
        }
        self.look(self.until).await?;
        let aloud = self.aloud;
        self.street.close().await;
        finished(days, began, aloud);
        Ok(())
    }

    /// Moves the clock on to `moment`; `false` when the history ends before it.
    fn reaches(&self, moment: Timestamp) -> bool {
        let reached = moment <= self.until;
        if reached && moment > self.clock.now() {
            self.clock.set(moment);
        }
        reached
    }

    async fn morning(&mut self, intake: &dyn SymptomIntake, day: i64) -> anyhow::Result<()> {
        let last = self.until.plus_millis(-UPLOADED_MS);
        let planned = plan::day(self.calendar, day).into_iter().filter(|one| one.at <= last);
        let (uses, says): (Vec<Planned>, Vec<Planned>) =
            planned.partition(|one| matches!(one.what, What::Uses(_)));
        if let (Some(first), Some(last)) = (uses.first(), uses.last()) {
            self.street.morning(first.at);
            self.reaches(last.at.plus_millis(UPLOADED_MS));
        }
        for one in uses {
            if let What::Uses(what) = one.what {
                self.street.uses(one.who, what, one.at);
            }
        }
        self.street.settled().await?;
        for one in says {
            if let What::Says(answers) = one.what
                && self.reaches(one.at)
            {
                acts::says(intake, one.who, &answers, None).await?;
            }
        }
        Ok(())
    }

    async fn at_the_desk(&self, day: i64) -> anyhow::Result<()> {
        let moment = self.calendar.moment(day, 10, 30);
        if self.calendar.is_weekday(day) && self.reaches(moment) {
            let before = self.calendar.moment(LEFT_OPEN_DAYS, 0, 0);
            acts::anna_works(&self.running.store, &self.running.feed, before, moment).await?;
        }
        Ok(())
    }

    async fn at_noon(&self, intake: &dyn SymptomIntake, day: i64) -> anyhow::Result<()> {
        let moment = self.calendar.moment(day, 12, 10);
        if !self.reaches(moment) {
            return Ok(());
        }
        // In the last days what waits is left open, for whoever signs in as the patient.
        let answering = Who::ALL.into_iter().filter(|who| day < LEFT_OPEN_DAYS && !plan::is_away(*who, day));
        for who in answering {
            acts::answers_what_waits(&self.running.store, intake, who, day).await?;
        }
        Ok(())
    }

    async fn afternoon(&self, day: i64) -> anyhow::Result<()> {
        let moment = self.calendar.moment(day, 14, 5);
        if self.reaches(moment) {
            self.look(moment).await?;
        }
        let moment = self.calendar.moment(day, 15, 20);
        if day == -1 && self.reaches(moment) {
            acts::the_last_days(&self.running.store, &self.running.feed, moment).await?;
        }
        Ok(())
    }

    /// Judges the passing of time. The gateways were alive meanwhile, and say so.
    async fn look(&self, moment: Timestamp) -> anyhow::Result<()> {
        self.reaches(moment);
        let mut tx = self.running.store.write().await?;
        for heartbeat in self.street.heartbeats(moment)? {
            gateways::beat(&mut tx, &heartbeat, moment).await?;
        }
        tx.commit().await?;
        Ok(self.running.ingest.look(moment).await?)
    }
}

/// Says how far the history has come: one line that changes on a terminal, a line a week elsewhere.
fn progress(day: i64, days: i64, began: Instant, aloud: bool) {
    let mut to = std::io::stderr();
    let (day, seconds) = (day + 1, began.elapsed().as_secs_f32());
    // Nobody to tell is no reason to stop.
    let _ = if to.is_terminal() {
        write!(to, "\rSix homes, day {day} of {days}, through the whole chain: {seconds:.0} s ")
            .and_then(|()| to.flush())
    } else if aloud && day % 7 == 0 {
        writeln!(to, "history: day {day} of {days}, {seconds:.1} s")
    } else {
        Ok(())
    };
}

fn finished(days: i64, began: Instant, aloud: bool) {
    let mut to = std::io::stderr();
    let lead = match (to.is_terminal(), aloud) {
        (true, _) => "\r\x1b[K",
        (false, true) => "",
        (false, false) => return,
    };
    let _ = writeln!(to, "{lead}history: {days} days told in {:.1} s", began.elapsed().as_secs_f32());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use care::clock::Clock;
    use care::tasks;
    use vitals::Quantity;

    use super::*;
    use crate::demo::plan::HISTORY_DAYS;
    use crate::demo::register;
    use crate::serve::config::Config;

    /// The story as the people of this demo are described: whose task about what, and whether it is still open.
    const TASKS: [(&str, &str, &str); 7] = [
        ("ingrid", "silence", "open"),
        ("karl-erik", "blood_pressure", "open"),
        ("karl-erik", "decompensation", "closed"),
        ("karl-erik", "silence", "closed"),
        ("nils", "device", "open"),
        ("olle", "data_quality", "closed"),
        ("svea", "decompensation", "open"),
    ];

    /// Five weeks that hold the night in which summer time begins, told through gateways, broker and ingest.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_history_leaves_the_tasks_that_the_story_says() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let config =
            Config::of_demo(Some("0"), Some("0"), folder.path().to_owned()).expect("a configuration");
        let until: Timestamp = "2026-04-10T08:00:00Z".parse().expect("a time");
        let clock = StoryClock::new(Clock::told_by(move || until));
        let calendar = Calendar::new(until, care::clock::zone());
        let start = calendar.moment(-HISTORY_DAYS, 0, 0);
        clock.set(start);
        let telling = clock.clone();
        let running =
            Running::start(&config, Clock::told_by(move || telling.now())).await.expect("it starts");
        running.answers().await;
        register::apply(&running.store, start, until).await.expect("a register");
        let homes = folder.path().join("homes");
        let street = Street::open(&homes, &running.mqtt, Some(start)).expect("homes");
        let history =
            History { running: &running, clock: &clock, calendar: &calendar, street, until, aloud: true };
        history.tell(-HISTORY_DAYS, 0).await.expect("it is told to the end");

        let mut reader = running.store.read().await.expect("reads");
        let listed = tasks::list(&mut reader, None, None).await.expect("reads");
        let found: BTreeSet<(String, &str, &str)> = listed
            .iter()
            .filter_map(|task| {
                Some((task.patient.as_ref()?.to_string(), task.problem.key(), task.status.key()))
            })
            .collect();
        for (who, problem, status) in TASKS {
            assert!(
                found.contains(&(who.to_owned(), problem, status)),
                "{who} {problem} {status}: {found:?}"
            );
        }
        assert!(found.iter().all(|(who, _, _)| who != "aino"), "hers is to come: {found:?}");
        assert!(listed.iter().all(|task| task.opened_at <= until), "nothing happens after the story");

        let status = care::export::status(&mut reader).await.expect("reads");
        assert_eq!(status["quarantined"], serde_json::json!({}), "every frame was admitted");
        let svea = "svea".parse().expect("an id");
        let rows = care::readings::journal(&mut reader, 0, 10_000, Some(&svea), None).await.expect("reads");
        let weights = rows.iter().filter(|row| match &row.reading.content {
            vitals::Content::Vitals { values, .. } => values.get(Quantity::WeightKg).is_some(),
            vitals::Content::Symptoms(_) => false,
        });
        let planned = (-HISTORY_DAYS..=0).flat_map(|day| plan::day(&calendar, day)).filter(|one| {
            one.who == Who::Svea && matches!(one.what, What::Uses(crate::demo::peripheral::Use::Weigh(_)))
        });
        assert_eq!(weights.count(), planned.count(), "each weighing once");
        drop(reader);

        // Three days later it goes on: people measured meanwhile, and nobody but Ingrid is missed.
        let later = until.plus_days(3);
        let street = Street::open(&homes, &running.mqtt, Some(calendar.moment(1, 0, 0))).expect("homes");
        let history = History {
            running: &running,
            clock: &clock,
            calendar: &calendar,
            street,
            until: later,
            aloud: true,
        };
        history.tell(1, 3).await.expect("it is told to the end");
        let open = tasks::open(&mut running.store.read().await.expect("reads")).await.expect("reads");
        let missed: Vec<&str> = open
            .iter()
            .filter(|task| matches!(task.problem, alerts::Problem::Silence | alerts::Problem::Gateway))
            .filter_map(|task| task.patient.as_ref().map(vitals::PatientId::as_str))
            .collect();
        assert_eq!(missed, ["ingrid"]);
        running.stop().await;
    }
}
