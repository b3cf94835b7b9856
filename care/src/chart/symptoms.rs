//! Symptoms: a strip of squares for each, 0 to 3 with the figure in it. A day without an answer is an empty outline, never
//! a nought.
//!
//! Where days share a square it shows the worst of them.

use std::collections::BTreeMap;

use alerts::dialogue;
use vitals::{Symptom, SymptomAnswers, Timestamp};

use super::columns::{Columns, Days};
use super::svg::{Anchor, Drawing, Svg};
use super::{Paper, summary};
use crate::answers;
use crate::web::format::{day_month, day_of};
use crate::web::text::Text;

/// One answered form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When.
    pub(crate) at: Timestamp,
    /// The answers.
    pub(crate) answers: SymptomAnswers,
}

/// What a chart of symptoms shows.
#[derive(Clone, Debug)]
pub(crate) struct SymptomChart<'a> {
    /// The days.
    pub(crate) days: Days,
    /// The forms.
    pub(crate) answers: &'a [Answer],
    /// Its title.
    pub(crate) title: String,
    /// Whether the days stand beneath it.
    pub(crate) with_days: bool,
}

/// Shown whenever there is any answer; the others when somebody had them.
const ALWAYS: [Symptom; 3] = [Symptom::Breathlessness, Symptom::Swelling, Symptom::Fatigue];
/// A square narrower than this cannot hold its figure, px.
const SQUARE_MIN: f64 = 14.0;
const SQUARE_MAX: f64 = 18.0;

impl SymptomChart<'_> {
    /// The symptoms that have a row.
    fn rows(&self) -> Vec<Symptom> {
        let had = |symptom: Symptom| {
            self.shown().any(|one| one.answers.get(symptom).is_some_and(|severity| severity.grade() > 0))
        };
        Symptom::ALL.iter().copied().filter(|symptom| ALWAYS.contains(symptom) || had(*symptom)).collect()
    }

    fn shown(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|one| self.days.index(one.at).is_some())
    }

    /// The worst grade of each square of `symptom`'s row, counted back from the last day; squares without an answer are
    /// not there.
    fn worst(&self, symptom: Symptom, sharing: u16) -> BTreeMap<u16, u8> {
        let mut worst = BTreeMap::new();
        for one in self.shown() {
            if let (Some(day), Some(severity)) = (self.days.index(one.at), one.answers.get(symptom)) {
                let grade = worst.entry((self.days.count() - 1 - day) / sharing.max(1)).or_insert(0);
                *grade = severity.grade().max(*grade);
            }
        }
        worst
    }

    /// Draws it on `paper`, in the words of `text`.
    pub(crate) fn draw(&self, paper: Paper, text: Text) -> Svg {
        let mut drawing = Drawing::default();
        let columns = Columns::on(paper, self.days);
        let title_baseline = paper.title_baseline();
        drawing.text("chart-title", (columns.left, title_baseline), Anchor::Start, &self.title);
        let row_height = paper.text * 1.5;
        let mut top = title_baseline + paper.text * 0.6;
        if self.shown().next().is_none() {
            let at = ((columns.left + columns.right) / 2.0, top + paper.text);
            drawing.text("chart-label", at, Anchor::Middle, &text.t("chart-empty-symptoms"));
            top += row_height;
        } else {
            let sharing = columns.sharing(SQUARE_MIN + 1.0);
            for symptom in self.rows() {
                let label = text.t(&format!("chart-symptom-{}", symptom.key().replace('_', "-")));
                let at = (columns.left - 6.0, top + row_height * 0.7);
                drawing.text("chart-label", at, Anchor::End, &label);
                draw_row(&mut drawing, columns, (top, row_height), sharing, &self.worst(symptom, sharing));
                top += row_height;
            }
        }
        let bottom = top + 4.0;
        let height = if self.with_days { columns.draw(&mut drawing, paper, bottom, text) } else { bottom };
        drawing.finish(
            paper,
            "symptoms",
            height,
            &self.title,
            &summary::symptoms(self.days, self.answers, text),
        )
    }
}

fn draw_row(
    drawing: &mut Drawing,
    columns: Columns,
    (top, row_height): (f64, f64),
    sharing: u16,
    worst: &BTreeMap<u16, u8>,
) {
    let squares = columns.days.count().div_ceil(sharing.max(1));
    for square in 0..squares {
        // Counted back from the last day, whose square is then never a part of one.
        let to = columns.days.count() - 1 - square * sharing;
        let from = (to + 1).saturating_sub(sharing);
        let middle = (columns.middle(from) + columns.middle(to)) / 2.0;
        let room = columns.width() * f64::from(to - from + 1);
        let (wide, high) = ((room - 2.5).clamp(2.0, SQUARE_MAX), row_height - 3.0);
        let corner = (middle - wide / 2.0, top + 1.5);
        let Some(grade) = worst.get(&square) else {
            drawing.rect("chart-square chart-unanswered", corner, (wide, high), 2.0);
            continue;
        };
        drawing.rect(&format!("chart-square chart-grade-{grade}"), corner, (wide, high), 2.0);
        if wide >= 9.0 {
            let at = (middle, top + row_height * 0.7);
            drawing.text(&format!("chart-figure chart-on-{grade}"), at, Anchor::Middle, &grade.to_string());
        }
    }
}

/// One form in words for a table: what was felt, or that nothing was; a few questions that were answered with "no" are
/// named, for they are not the whole form.
pub(crate) fn in_words(answers: &SymptomAnswers, text: Text) -> String {
    let felt: Vec<String> = answers
        .iter()
        .filter(|(_, severity)| severity.grade() > 0)
        .map(|(symptom, severity)| {
            let name = text.t(&format!("chart-symptom-{}", symptom.key().replace('_', "-")));
            format!("{} {}", name.to_lowercase(), severity.grade())
        })
        .collect();
    if answers.is_empty() {
        text.t("chart-answered-unknown")
    } else if !felt.is_empty() {
        felt.join(", ")
    } else if is_whole_form(answers) {
        text.t("chart-no-symptoms")
    } else {
        text.with("chart-answered-no", &[("what", answers::noes(answers, text.0).into())])
    }
}

/// Whether every question of the standard form was answered.
fn is_whole_form(answers: &SymptomAnswers) -> bool {
    dialogue::FORM.iter().all(|symptom| answers.get(*symptom).is_some())
}

/// The day of a form, in words.
pub(super) fn day_words(answer: &Answer, text: Text) -> String {
    day_month(day_of(answer.at), text.0)
}

#[cfg(test)]
mod tests {
    use vitals::Severity;

    use super::*;
    use crate::language::Language;

    /// What a nurse may conclude from each: a whole form of "no" is no symptoms, three questions are three questions.
    #[test]
    fn a_part_of_the_form_is_not_said_to_be_no_symptoms() {
        use Symptom::{BreathlessAtRest, Breathlessness, ChestPain, Fainting, Swelling};
        let all = |symptoms: &[Symptom]| -> SymptomAnswers {
            symptoms.iter().map(|symptom| (*symptom, Severity::NONE)).collect()
        };
        let form = dialogue::FORM;
        let mut felt = all(&[Swelling]);
        felt.set(Breathlessness, Severity::MODERATE);
        let rows = [
            (all(&form), "inga symtom"),
            (
                all(&[BreathlessAtRest, ChestPain, Fainting]),
                "nej: ont i bröstet, svimmat, svårt att andas i vila",
            ),
            (felt, "andfåddhet 2"),
        ];
        for (answers, expected) in rows {
            assert_eq!(in_words(&answers, Text(Language::Sv)), expected);
        }
    }
}
