//! What a policy would have done, as tables and small pictures.

use vitals::Timestamp;

use crate::chart::{Svg, Tick, timeline};
use crate::policies::what_if::{Compared, Outcome, Tried, count_by};
use crate::web::format::{day_of, day_word, decimal, moment};
use crate::web::text::Text;
use crate::web::visit::Visit;
use crate::web::words::{self, Urgency};

/// Fewer years say nothing about a rate.
const YEARS_MIN: f64 = 0.1;
/// Rows of patients on one page.
const ROWS_MAX: usize = 200;

/// Tasks of one kind, under what stands and as it would be.
pub(super) struct CountRow {
    pub(super) word: String,
    pub(super) stands: String,
    pub(super) tried: String,
    pub(super) difference: String,
}

/// One patient.
pub(super) struct PatientRow {
    pub(super) patient: String,
    pub(super) name: String,
    pub(super) stands: String,
    pub(super) real: usize,
    pub(super) standing: usize,
    pub(super) would_be: usize,
    pub(super) added: usize,
    pub(super) vanished: usize,
    pub(super) picture: Svg,
    pub(super) changes: Vec<String>,
    pub(super) unusable: Option<String>,
}

/// The whole result.
pub(super) struct Result {
    pub(super) period: String,
    pub(super) patients: usize,
    pub(super) same: usize,
    pub(super) others: Option<String>,
    pub(super) counts: Vec<CountRow>,
    pub(super) rows: Vec<PatientRow>,
    pub(super) more: Option<String>,
}

/// `outcome` for `visit`.
pub(super) fn result(outcome: &Outcome, visit: &Visit) -> Result {
    let text = visit.text;
    let today = day_of(visit.now);
    let period = text.with(
        "tried-period",
        &[
            ("from", day_word(day_of(outcome.from), today, text).into()),
            ("until", moment(outcome.until, visit.now, text).into()),
            ("years", decimal(outcome.patient_years(), 1, text.0).into()),
        ],
    );
    let differing: Vec<&Compared> =
        outcome.patients.iter().filter(|one| one.differs() || !one.unusable.is_empty()).collect();
    let more = differing.len().saturating_sub(ROWS_MAX);
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Result {
        period,
        patients: outcome.patients.len(),
        same: outcome.patients.len() - differing.len(),
        others: (outcome.others > 0).then(|| text.count("tried-others", count(outcome.others))),
        counts: counts(outcome, text),
        rows: differing.iter().take(ROWS_MAX).map(|one| patient_row(one, outcome, visit)).collect(),
        more: (more > 0).then(|| text.count("tried-more", count(more))),
    }
}

fn counts(outcome: &Outcome, text: Text) -> Vec<CountRow> {
    let whole = |count: usize| count.to_string();
    let signed = |number: f64, decimals: usize| {
        let words = decimal(number, decimals, text.0);
        if number > 0.0 { format!("+{words}") } else { words }
    };
    let row = |word: String, (stands, tried): (usize, usize)| CountRow {
        word,
        stands: whole(stands),
        tried: whole(tried),
        difference: signed(as_number(tried) - as_number(stands), 0),
    };
    let mut rows: Vec<CountRow> = count_by(outcome, |one| one.problem)
        .into_iter()
        .map(|(problem, counts)| row(words::problem(problem, text), counts))
        .collect();
    rows.extend(
        count_by(outcome, |one| one.priority)
            .into_iter()
            .rev()
            .map(|(priority, counts)| row(Urgency::of(priority, text).word(), counts)),
    );
    let (stands, tried) = count_by(outcome, |_| ()).remove(&()).unwrap_or_default();
    rows.push(row(text.t("tried-all"), (stands, tried)));
    let years = outcome.patient_years();
    if years >= YEARS_MIN {
        let (stands, tried) = (as_number(stands) / years, as_number(tried) / years);
        rows.push(CountRow {
            word: text.t("tried-per-year"),
            stands: decimal(stands, 1, text.0),
            tried: decimal(tried, 1, text.0),
            difference: signed(tried - stands, 1),
        });
    }
    rows
}

#[allow(clippy::cast_precision_loss)]
fn as_number(count: usize) -> f64 {
    count as f64
}

fn patient_row(one: &Compared, outcome: &Outcome, visit: &Visit) -> PatientRow {
    let text = visit.text;
    let span = outcome.until.days_since(outcome.from).max(1.0);
    let tick = |task: &Tried, both: bool| Tick {
        at: task.opened_at.days_since(outcome.from) / span,
        priority: task.priority.key(),
        both,
    };
    let upper: Vec<Tick> =
        one.pairs.iter().filter_map(|pair| Some(tick(pair.stands.as_ref()?, pair.tried.is_some()))).collect();
    let lower: Vec<Tick> =
        one.pairs.iter().filter_map(|pair| Some(tick(pair.tried.as_ref()?, pair.stands.is_some()))).collect();
    PatientRow {
        patient: one.patient.to_string(),
        name: one.name.clone(),
        stands: format!("{} {}", one.stands.0, one.stands.1),
        real: one.real,
        standing: one.standing(),
        would_be: one.would_be(),
        added: one.added(),
        vanished: one.vanished(),
        picture: timeline(&upper, &lower),
        changes: changes(one, visit.now, text),
        unusable: (!one.unusable.is_empty())
            .then(|| text.with("tried-unusable", &[("limits", one.unusable.join(", ").into())])),
    }
}

/// What differs, a line each: `Nytt 12 april: Blodtryck, snart`.
fn changes(one: &Compared, now: Timestamp, text: Text) -> Vec<String> {
    let said = |key: &str, task: &Tried| {
        let day = day_word(day_of(task.opened_at), day_of(now), text);
        let urgency = Urgency::of(task.priority, text).word().to_lowercase();
        let values = [
            ("day", day.into()),
            ("problem", words::problem(task.problem, text).into()),
            ("urgency", urgency.into()),
        ];
        text.with(key, &values)
    };
    one.pairs
        .iter()
        .filter_map(|pair| match (&pair.stands, &pair.tried) {
            (None, Some(tried)) => Some(said("tried-new", tried)),
            (Some(stands), None) => Some(said("tried-gone", stands)),
            (Some(stands), Some(tried)) if stands.priority != tried.priority => {
                Some(said("tried-urgency", tried))
            }
            (Some(_), Some(_)) | (None, None) => None,
        })
        .collect()
}
