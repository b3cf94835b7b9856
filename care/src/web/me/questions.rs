//! The questions: those that wait, or the whole form any time, and taking the answers.
//!
//! All are in one form, so that it works without scripts; a small script shows them one at a time. A question left open is
//! sent as not answered, never as "no".

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use vitals::{Symptom, SymptomAnswers};

use super::{open, open_case, whose};
use crate::access::Action;
use crate::conversations::{self, Asked, Pending};
use crate::intake::{IntakeError, Submission};
use crate::live::Change;
use crate::people::PatientFacts;
use crate::web::AppState;
use crate::web::failure::Failure;
use crate::web::frame::Frame;
use crate::web::page::draw_as;
use crate::web::visit::OwnVisit;

struct Choice {
    grade: u8,
    word: String,
    chosen: bool,
}

struct QuestionRow {
    key: &'static str,
    text: String,
    step: String,
    choices: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "me/questions.html")]
struct Page {
    frame: Frame,
    whose: Option<String>,
    intro: Vec<String>,
    waits: bool,
    wrong: Option<String>,
    questions: Vec<QuestionRow>,
}

/// `GET /me/questions`: what waits, or the whole form when nothing does.
pub(crate) async fn waiting(State(state): State<AppState>, own: OwnVisit) -> Result<Response, Failure> {
    let facts = open(&state, &own, Action::Read).await?;
    let pending = pending(&state, &own).await?;
    page(&state, &own, &facts, pending.as_ref(), &BTreeMap::new(), None, StatusCode::OK)
}

/// `GET /me/form`: the whole form, any time.
pub(crate) async fn form(State(state): State<AppState>, own: OwnVisit) -> Result<Response, Failure> {
    let facts = open(&state, &own, Action::Read).await?;
    page(&state, &own, &facts, None, &BTreeMap::new(), None, StatusCode::OK)
}

async fn pending(state: &AppState, own: &OwnVisit) -> Result<Option<Pending>, Failure> {
    Ok(conversations::pending(&mut *state.store.read().await?, &own.patient).await?)
}

/// `POST /me/answers`.
pub(crate) async fn answer(
    State(state): State<AppState>,
    own: OwnVisit,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Result<Response, Failure> {
    let facts = open(&state, &own, Action::Write).await?;
    let answers = answers_of(&fields)?;
    let waits = if fields.contains_key("waits") { pending(&state, &own).await? } else { None };
    let text = own.visit.text;
    if answers.is_empty() {
        let wrong = Some(text.t("questions-none"));
        return page(&state, &own, &facts, waits.as_ref(), &fields, wrong, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let task = match &waits {
        Some(pending) => pending.task.clone(),
        None => open_case(&mut *state.store.read().await?, &own.patient).await?,
    };
    let submission = Submission {
        patient: own.patient.clone(),
        answers,
        author: own.visit.subject.clone(),
        task: task.clone(),
    };
    match state.intake.submit(submission).await {
        Ok(_reading) => {
            let patient = own.patient.to_string();
            state.feed.announce(Change::Message { task, patient });
            let more = pending(&state, &own).await?.is_some();
            let next = if more { "/me/questions" } else { "/me/conversation?sent=answers" };
            Ok(Redirect::to(next).into_response())
        }
        Err(error) => {
            if !matches!(error, IntakeError::Empty) {
                tracing::error!(%error, "answers could not be taken");
            }
            let wrong = Some(text.t("questions-not-taken"));
            let status = StatusCode::SERVICE_UNAVAILABLE;
            page(&state, &own, &facts, waits.as_ref(), &fields, wrong, status)
        }
    }
}

/// The answers among the fields of a form. A field that names a symptom must hold a grade.
fn answers_of(fields: &BTreeMap<String, String>) -> Result<SymptomAnswers, Failure> {
    fields
        .iter()
        .filter_map(|(key, value)| Some((Symptom::from_key(key)?, value)))
        .map(|(symptom, value)| Ok((symptom, conversations::grade(value).ok_or(Failure::Bad)?)))
        .collect()
}

fn page(
    state: &AppState,
    own: &OwnVisit,
    facts: &PatientFacts,
    pending: Option<&Pending>,
    given: &BTreeMap<String, String>,
    wrong: Option<String>,
    status: StatusCode,
) -> Result<Response, Failure> {
    let visit = &own.visit;
    let text = visit.text;
    // Questions that wait are in the language they were put in; the form is in the reader's.
    let asked: Vec<Asked> = match pending {
        Some(pending) => pending.questions.clone(),
        None => alerts::dialogue::form().iter().map(|question| Asked::of(question, text.0)).collect(),
    };
    let count = asked.len();
    let questions = asked
        .into_iter()
        .enumerate()
        .map(|(index, asked)| {
            let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX).into();
            let step = [("step", number(index + 1)), ("count", number(count))];
            question_row(asked, text.with("questions-step", &step), given)
        })
        .collect();
    let intro = match pending {
        Some(pending) => pending.body.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        None => vec![text.t("questions-intro")],
    };
    draw_as(
        status,
        &Page {
            frame: Frame::of(state, visit, "today", text.t("questions-title")),
            whose: whose(visit, facts),
            intro,
            waits: pending.is_some(),
            wrong,
            questions,
        },
    )
}

fn question_row(asked: Asked, step: String, given: &BTreeMap<String, String>) -> QuestionRow {
    let key = asked.symptom.key();
    let chosen = given.get(key).and_then(|value| value.parse::<u8>().ok());
    let choices = asked
        .options
        .into_iter()
        .map(|(grade, word)| Choice { grade, word, chosen: chosen == Some(grade) })
        .collect();
    QuestionRow { key, text: asked.text, step, choices }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vitals::Severity;

    fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_answer_is_a_grade_and_silence_is_no_answer() {
        let answers = answers_of(&fields(&[("swelling", "2"), ("waits", "1"), ("unknown", "9")]));
        let answers = answers.expect("answers");
        assert_eq!(answers.get(Symptom::Swelling), Some(Severity::MODERATE));
        assert_eq!(answers.get(Symptom::Breathlessness), None, "not answered is not none");
        for bad in ["4", "-1", "1.5", "", "två"] {
            assert!(answers_of(&fields(&[("cough", bad)])).is_err(), "{bad}");
        }
    }
}
