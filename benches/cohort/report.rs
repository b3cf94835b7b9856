//! The report: one page of Markdown with two pictures, from figures to what they mean.
//!
//! **Invariant:** every figure of a policy stands beside the chance line and the number of false tasks it cost.

use std::fmt::Write as _;

use crate::WEIGHT_ALONE;
use crate::assumptions::Variant;
use crate::chart::{Line, Words, curves, ranges};
use crate::judge::{Tally, chance, interval};
use crate::runs::Run;
use crate::textbook::TEXTBOOKS;

/// One variant's outcome.
pub(crate) struct Outcome {
    pub(crate) variant: Variant,
    pub(crate) run: Run,
}

/// A row that compares.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) at_its_threshold: Tally,
    /// The same with the threshold moved until it costs as much as the policy.
    pub(crate) at_equal_cost: Option<Tally>,
}

/// Everything that was found.
pub(crate) struct Findings {
    pub(crate) policy: String,
    pub(crate) command: String,
    pub(crate) seeds: String,
    /// Seeds that were looked at before, and what the variants gave there.
    pub(crate) seen_seeds: String,
    pub(crate) seen: Vec<Tally>,
    pub(crate) years: f64,
    pub(crate) outcomes: Vec<Outcome>,
    /// The policy and weight alone over thresholds, loose to strict.
    pub(crate) policy_curve: Vec<Tally>,
    pub(crate) weight_curve: Vec<Tally>,
    pub(crate) textbook: Vec<(Tally, Vec<Tally>)>,
    pub(crate) left_out: Vec<Row>,
    pub(crate) alone: Vec<Row>,
}

/// Sensitivity and false tasks a year that the first three variants are held to: the base case, noisier and drifting weights,
/// and symptoms and pulse that also change benignly.
const AIMS: [(f64, f64); 3] = [(0.60, 2.0), (0.50, 2.6), (0.50, 2.6)];
/// The most false tasks a year that the curves show.
const CURVES_TO: f64 = 10.0;

impl Findings {
    fn base(&self) -> &Run {
        &self.outcomes[0].run
    }

    /// The page.
    pub(crate) fn page(&self) -> String {
        let mut page = self.head();
        self.textbooks(&mut page);
        self.channels(&mut page);
        self.variants(&mut page);
        self.load(&mut page);
        self.assumptions(&mut page);
        page
    }

    fn head(&self) -> String {
        let mut page = String::from("# What the policy achieves over a made cohort\n\n");
        let base = self.base();
        let sum = base.sum();
        let (low, high) = interval(&base.people, Tally::sensitivity);
        let (false_low, false_high) = interval(&base.people, Tally::false_per_year);
        let _ = write!(
            page,
            "Policy `{}`, {:.0} patient-years, {:.0} events, seeds {} (never used in tuning).\n\
             Made by `{}`.\n\n\
             **This cohort is an assumption.** Its figures compare policies; they promise nothing about people. How they move when \
             the assumptions do is the longest table below.\n\n\
             - Sensitivity **{:.2}** (95 % {low:.2}-{high:.2}): the share of events with a clinical task in the 14 days before.\n\
             - False clinical tasks **{:.2}** a patient-year ({false_low:.2}-{false_high:.2}). As many without any reason would find {:.2}.\n\
             - Found 3 days before or more **{:.2}**, 5 days or more **{:.2}**; mean lead of what was found {:.1} days.\n\n",
            self.policy,
            self.years,
            sum.events,
            self.seeds,
            self.command,
            sum.sensitivity(),
            sum.false_per_year(),
            sum.chance(),
            sum.early_3(),
            sum.early_5(),
            sum.lead(),
        );
        self.aims(&mut page);
        page.push_str(
            "A task is *false* with no event in the 14 days after it nor the 12 before; those of one patient within 72 hours count \
             once. *Lead* is the first task's within the 14 days. Intervals: patients drawn again, 400 times.\n\n\
             ![Sensitivity over false tasks a year](roc.svg)\n\n",
        );
        page
    }

    /// What was promised, beside what was found.
    fn aims(&self, page: &mut String) {
        page.push_str("| people | aim | found | held |\n|---|---|---|---|\n");
        for (place, (sensitivity, cost)) in AIMS.into_iter().enumerate() {
            let Some(Outcome { variant, run }) = self.outcomes.get(place) else { continue };
            let sum = run.sum();
            let held = sum.sensitivity() >= sensitivity && sum.false_per_year() <= cost;
            let _ = writeln!(
                page,
                "| {} | at least {sensitivity:.2} at no more than {cost:.1} false | {:.2} at {:.2} | {} |",
                variant.name,
                sum.sensitivity(),
                sum.false_per_year(),
                if held { "yes" } else { "**no**" }
            );
        }
        page.push('\n');
    }

    fn textbooks(&self, page: &mut String) {
        page.push_str(
            "## Textbook detectors\n\nOn the same people, each in a few lines of its own: an alarm is a weighing at which its figure lies above \
             its limit, and alarms of one person within 72 hours count once. *Elsewhere* is what the same detectors did on another made \
             cohort, so that this one can be checked. *Weight alone* is the policy with every other channel off, asked at the detector's own \
             cost: the difference of its averages, of 3 and 25 days here, at which a case opens is moved until it costs as many false tasks, \
             the same for everybody, and a case closes after three days, since what comes within 72 hours counts once. Between two levels \
             that were run it is read off a straight line.\n\n\
             | detector | elsewhere | sensitivity | false a year | chance | 3 days | 5 days | lead, days | weight alone, at that cost | ahead by |\n\
             |---|---|---|---|---|---|---|---|---|---|\n",
        );
        for (textbook, (tally, _)) in TEXTBOOKS.iter().zip(&self.textbook) {
            let alone = at_cost(&self.weight_curve, tally.false_per_year());
            let (alone, ahead) = alone.map_or_else(
                || ("-".to_owned(), "-".to_owned()),
                |alone| (format!("{alone:.3}"), format!("{:+.3}", alone - tally.sensitivity())),
            );
            let _ = writeln!(
                page,
                "| {} | {} | {} | {alone} | {ahead} |",
                textbook.name,
                textbook.elsewhere,
                cells(tally),
            );
        }
        page.push_str(
            "\nWeight alone, level by level (in the person's noise; sensitivity at false tasks a year): ",
        );
        let levels = WEIGHT_ALONE.iter().zip(&self.weight_curve).map(|(noises, tally)| {
            format!("{noises}: {:.3} at {:.2}", tally.sensitivity(), tally.false_per_year())
        });
        page.push_str(&levels.collect::<Vec<_>>().join(", "));
        page.push_str(".\n\n");
    }

    fn channels(&self, page: &mut String) {
        page.push_str(
            "## What each channel brings\n\nA channel is left out by its points and limits in the policy, not by code. *At equal cost*: the \
             threshold moved until the false tasks are as many as the whole policy's.\n\n\
             | channels | sensitivity | false a year | chance | 3 days | 5 days | lead, days | sensitivity at equal cost |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        let _ = writeln!(
            page,
            "| all | {} | {:.2} |",
            cells(&self.base().sum()),
            self.base().sum().sensitivity()
        );
        for row in self.left_out.iter().chain(&self.alone) {
            let equal = row
                .at_equal_cost
                .map_or_else(|| "-".to_owned(), |tally| format!("{:.2}", tally.sensitivity()));
            let _ = writeln!(page, "| {} | {} | {equal} |", row.name, cells(&row.at_its_threshold));
        }
        page.push('\n');
    }

    fn variants(&self, page: &mut String) {
        let _ = write!(
            page,
            "## When the assumptions move\n\nThe same frozen policy over people who differ from the base case in one way each. *Seen \
             before*: the same on seeds {}, on which earlier versions and drafts were judged.\n\n\
             ![Sensitivity by variant](variants.svg)\n\n\
             | people | sensitivity (95 %) | false a year (95 %) | chance | 3 days | 5 days | lead, days | seen before |\n\
             |---|---|---|---|---|---|---|---|\n",
            self.seen_seeds
        );
        for (Outcome { variant, run }, seen) in self.outcomes.iter().zip(&self.seen) {
            let sum = run.sum();
            let (low, high) = interval(&run.people, Tally::sensitivity);
            let (false_low, false_high) = interval(&run.people, Tally::false_per_year);
            let _ = writeln!(
                page,
                "| {} | {:.2} ({low:.2}-{high:.2}) | {:.2} ({false_low:.2}-{false_high:.2}) | {:.2} | {:.2} | {:.2} | {:.1} | {:.2} at {:.2} |",
                variant.name,
                sum.sensitivity(),
                sum.false_per_year(),
                sum.chance(),
                sum.early_3(),
                sum.early_5(),
                sum.lead(),
                seen.sensitivity(),
                seen.false_per_year()
            );
        }
        page.push('\n');
    }

    fn load(&self, page: &mut String) {
        page.push_str(
            "## What it costs in tasks\n\nTasks of every kind a patient-year, right or wrong.\n\n| people |",
        );
        let mut problems: Vec<_> =
            self.outcomes.iter().flat_map(|one| one.run.tasks_per_year.keys().copied()).collect();
        problems.sort();
        problems.dedup();
        for problem in &problems {
            let _ = write!(page, " {} |", problem.key());
        }
        let _ = writeln!(page, " all |\n|---|{}", "---|".repeat(problems.len() + 1));
        for Outcome { variant, run } in &self.outcomes {
            let _ = write!(page, "| {} |", variant.name);
            for problem in &problems {
                let _ = write!(page, " {:.2} |", run.tasks_per_year.get(problem).copied().unwrap_or(0.0));
            }
            let _ = writeln!(page, " {:.2} |", run.tasks_per_year.values().sum::<f64>());
        }
        page.push('\n');
    }

    fn assumptions(&self, page: &mut String) {
        page.push_str("## Every assumption of the base case\n\n| assumption | value | unit | what it rests on |\n|---|---|---|---|\n");
        let base = self.outcomes[0].variant.assumptions;
        for (name, value, unit, why) in base.rows() {
            let _ = writeln!(page, "| {name} | {value} | {unit} | {why} |");
        }
        page.push_str("\n## What the variants change\n\n| people | assumptions |\n|---|---|\n");
        for Outcome { variant, .. } in self.outcomes.iter().skip(1) {
            let rows = variant.assumptions.rows();
            let changed = rows.iter().zip(base.rows()).filter(|(one, base)| one.1.total_cmp(&base.1).is_ne());
            let changed: Vec<String> =
                changed.map(|(one, base)| format!("{} {} (was {})", one.0, one.1, base.1)).collect();
            let _ = writeln!(page, "| {} | {} |", variant.name, changed.join(", "));
        }
    }

    /// Sensitivity over false tasks, as a picture.
    pub(crate) fn curves(&self) -> String {
        let points = |curve: &[Tally]| {
            curve.iter().map(|tally| (tally.false_per_year(), tally.sensitivity())).collect()
        };
        let marked = |tally: &Tally| Some((tally.false_per_year(), tally.sensitivity()));
        let mut lines = vec![
            Line {
                name: "recommended policy".to_owned(),
                points: points(&self.policy_curve),
                marked: marked(&self.base().sum()),
            },
            Line { name: "its weight alone".to_owned(), points: points(&self.weight_curve), marked: None },
        ];
        for (textbook, (tally, curve)) in TEXTBOOKS.iter().zip(&self.textbook) {
            lines.push(Line { name: textbook.name.to_owned(), points: points(curve), marked: marked(tally) });
        }
        let by_chance = (0..=50)
            .map(|step| f64::from(step) * CURVES_TO / 50.0)
            .map(|cost| (cost, chance(cost)))
            .collect();
        lines.push(Line { name: "chance".to_owned(), points: by_chance, marked: None });
        let words = Words {
            title: "Events found, and what that costs",
            description: "Sensitivity over false tasks a patient-year, for thresholds from strict to loose; the marked points are \
                          the thresholds in use.",
            across: "false tasks a patient-year",
            up: "sensitivity",
        };
        curves(&words, CURVES_TO, &lines)
    }

    /// Sensitivity of each variant, as a picture.
    pub(crate) fn ranges(&self) -> String {
        let rows: Vec<_> = self
            .outcomes
            .iter()
            .map(|one| {
                let sum = one.run.sum();
                let name = format!("{} ({:.1} false)", one.variant.name, sum.false_per_year());
                (name, sum.sensitivity(), interval(&one.run.people, Tally::sensitivity))
            })
            .collect();
        let words = Words {
            title: "The same policy over other people",
            description: "Sensitivity with its 95 % interval for each variant of the assumptions.",
            across: "sensitivity",
            up: "",
        };
        ranges(&words, 1.0, 0.6, &rows)
    }
}

fn cells(tally: &Tally) -> String {
    format!(
        "{:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1}",
        tally.sensitivity(),
        tally.false_per_year(),
        tally.chance(),
        tally.early_3(),
        tally.early_5(),
        tally.lead()
    )
}

/// The sensitivity of a curve at a number of false tasks, between its two nearest points; `None` beyond its ends.
pub(crate) fn at_cost(curve: &[Tally], false_per_year: f64) -> Option<f64> {
    let mut points: Vec<(f64, f64)> =
        curve.iter().map(|tally| (tally.false_per_year(), tally.sensitivity())).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    points.windows(2).find(|pair| (pair[0].0..=pair[1].0).contains(&false_per_year)).map(|pair| {
        let share = (false_per_year - pair[0].0) / (pair[1].0 - pair[0].0).max(1e-9);
        pair[0].1 + share * (pair[1].1 - pair[0].1)
    })
}
