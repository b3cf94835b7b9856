//! The questions, one a screen, and where they end: for the person at home, for next of kin, and for staff beside them.
//!
//! Each answer is one POST and durable before the next question is shown, so that it works without scripts and nothing is
//! lost on the way. What waits is gone on with; otherwise the short form begins, any time. Which question comes next is the
//! tree's to say.
//!
//! **Invariants:** a question that nobody answered is never sent as "no"; the end is shown as soon as it is reached.

mod pages;

use std::borrow::Cow;

use alerts::Policy;
use alerts::dialogue::{self, Asks, OutcomeKind, Questionnaire, Step};
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use vitals::PatientId;

use pages::{AskPage, AskPatient, AskStaff, ChoiceRow, EndPage, EndPatient, EndStaff};

use super::AppState;
use super::failure::Failure;
use super::frame::Frame;
use super::page::draw_as;
use super::patient::page::in_path;
use super::task::card::competence;
use super::visit::{OwnVisit, StaffVisit, Visit};
use crate::access::{self, Action, SubjectKind};
use crate::conversations::Author;
use crate::dialogues::{self, Dialogue, EndedHow, Given, GivenError, Taken};
use crate::intake::{IntakeError, Submission};
use crate::live::Change;
use crate::people::PatientFacts;
use crate::policies::Book;

/// What the address asks for.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    dialogue: Option<String>,
    question: Option<String>,
}

/// Somebody at the questions about one patient.
struct At<'a> {
    state: &'a AppState,
    visit: &'a Visit,
    facts: PatientFacts,
    /// The address of the questions: `/me/questions` or `/patients/{id}/questions`.
    base: String,
}

/// `GET /me/questions` and `GET /me/form`: what waits or what is named, or the short form from its beginning.
pub(crate) async fn own(
    State(state): State<AppState>,
    own: OwnVisit,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    At::own(&state, &own).await?.show(&asked).await
}

/// `POST /me/answers`.
pub(crate) async fn own_answer(
    State(state): State<AppState>,
    own: OwnVisit,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    At::own(&state, &own).await?.take(Fields::of(fields)).await
}

/// `GET /patients/{id}/questions`.
pub(crate) async fn beside(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    At::beside(&state, &visit, &id).await?.show(&asked).await
}

/// `POST /patients/{id}/questions`.
pub(crate) async fn beside_answer(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path(id): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    At::beside(&state, &visit, &id).await?.take(Fields::of(fields)).await
}

/// The fields of the form, each as it was sent.
#[derive(Debug, Default)]
struct Fields {
    dialogue: Option<String>,
    tree: String,
    question: String,
    codes: Vec<String>,
}

impl Fields {
    fn of(sent: Vec<(String, String)>) -> Self {
        let mut fields = Self::default();
        for (name, value) in sent {
            match name.as_str() {
                "dialogue" => fields.dialogue = Some(value).filter(|id| !id.is_empty()),
                "tree" => fields.tree = value,
                "question" => fields.question = value,
                "answer" => fields.codes.push(value),
                _ => {}
            }
        }
        fields
    }
}

impl<'a> At<'a> {
    async fn own(state: &'a AppState, own: &'a OwnVisit) -> Result<Self, Failure> {
        let facts =
            access::look_again(&state.store, &own.visit.subject, &own.patient, Action::Write, own.visit.now);
        Ok(Self { state, visit: &own.visit, facts: facts.await?.facts, base: "/me/questions".to_owned() })
    }

    async fn beside(state: &'a AppState, visit: &'a Visit, id: &str) -> Result<Self, Failure> {
        let patient: PatientId = id.parse().map_err(|_| Failure::Missing)?;
        let opened =
            access::look_again(&state.store, &visit.subject, &patient, Action::Write, visit.now).await?;
        let base = format!("/patients/{}/questions", in_path(patient.as_str()));
        Ok(Self { state, visit, facts: opened.facts, base })
    }

    fn is_staff(&self) -> bool {
        self.visit.subject.unit().is_some()
    }

    fn home(&self) -> Cow<'static, str> {
        if self.is_staff() {
            format!("/patients/{}", in_path(self.facts.id.as_str())).into()
        } else {
            "/me".into()
        }
    }

    fn write(&self) -> Option<&'static str> {
        (!self.is_staff()).then_some("/me/conversation")
    }

    fn whose(&self) -> Option<String> {
        let key = match self.visit.subject.kind {
            SubjectKind::Patient => return None,
            SubjectKind::Proxy { .. } => "questions-for-kin",
            SubjectKind::Staff { .. } => "questions-beside",
        };
        Some(self.visit.text.with(key, &[("name", self.facts.name.clone().into())]))
    }

    async fn show(&self, asked: &Asked) -> Result<Response, Failure> {
        let mut reader = self.state.store.read().await?;
        let found = match &asked.dialogue {
            Some(id) => {
                let named = dialogues::get(&mut reader, id).await?.filter(|one| one.patient == self.facts.id);
                Some(named.ok_or(Failure::Missing)?)
            }
            None => dialogues::pending(&mut reader, &self.facts.id).await?,
        };
        drop(reader);
        match found {
            Some(dialogue) if dialogue.ended.is_some() => self.end(&dialogue).await,
            found => self.ask(found.as_ref(), asked.question.as_deref(), None, StatusCode::OK).await,
        }
    }

    /// Shows the next question of `dialogue`, or its question `at`; the first of the short form when there is none.
    async fn ask(
        &self,
        dialogue: Option<&Dialogue>,
        at: Option<&str>,
        wrong: Option<String>,
        status: StatusCode,
    ) -> Result<Response, Failure> {
        let tree = dialogue.and_then(|one| one.tree).unwrap_or_else(dialogue::symptom_form);
        let none = dialogue::Answers::new();
        let answers = dialogue.map_or(&none, |one| &one.answers);
        let way = tree.way(answers);
        let again = at.and_then(|id| way.iter().position(|(asks, _)| asks.id == id));
        let (place, asks) = match (again, tree.step(answers)) {
            (Some(place), _) => (place, way[place].0),
            (None, Step::Ask(asks)) => (way.len(), asks),
            // Everything is answered and the end was not taken: the service was down, or the page closed just then.
            (None, Step::End(_)) => {
                let Some(last) = way.last() else { return Err(Failure::Missing) };
                (way.len() - 1, last.0)
            }
        };
        let before =
            place.checked_sub(1).and_then(|before| way.get(before)).map(|(asks, _)| asks.id.as_str());
        let all = (way.len() + tree.rest(answers)).max(place + 1);
        let page = self.ask_page((dialogue, tree, asks), (place, all, before), wrong);
        let title = self.visit.text.0.pick(&tree.title().sv, &tree.title().en).to_owned();
        if self.is_staff() {
            draw_as(status, &AskStaff { frame: Frame::of(self.state, self.visit, "patients", title), page })
        } else {
            draw_as(status, &AskPatient { frame: Frame::of(self.state, self.visit, "today", title), page })
        }
    }

    fn ask_page(
        &self,
        (dialogue, tree, asks): (Option<&Dialogue>, &Questionnaire, &Asks),
        (place, all, before): (usize, usize, Option<&str>),
        wrong: Option<String>,
    ) -> AskPage {
        let text = self.visit.text;
        let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX).into();
        let id = dialogue.map(|one| one.id.clone()).unwrap_or_default();
        let given = dialogue.and_then(|one| one.answers.get(&asks.id));
        let choices = asks.choices.iter().map(|choice| ChoiceRow {
            code: choice.code.clone(),
            word: text.0.pick(&choice.text.sv, &choice.text.en).to_owned(),
            chosen: given.is_some_and(|codes| codes.contains(&choice.code)),
            exclusive: choice.exclusive,
        });
        let asking = dialogue.and_then(|one| one.asking.as_deref()).filter(|_| place == 0);
        AskPage {
            whose: self.whose(),
            wrong,
            intro: asking.into_iter().flat_map(str::lines).map(str::to_owned).collect(),
            post: if self.is_staff() { self.base.clone() } else { "/me/answers".to_owned() },
            tree: tree.url().to_owned(),
            question: asks.id.clone(),
            step: text.with("questions-step", &[("step", number(place + 1)), ("count", number(all))]),
            done: place,
            all,
            text: text.0.pick(&asks.text.sv, &asks.text.en).to_owned(),
            several: asks.several,
            choices: choices.collect(),
            back: before.map(|before| format!("{}?dialogue={id}&question={before}", self.base)),
            write: self.write(),
            home: self.home(),
            dialogue: id,
        }
    }

    /// Takes an answer and leads to the next question, or hands the whole in and leads to the end.
    async fn take(&self, fields: Fields) -> Result<Response, Failure> {
        let text = self.visit.text;
        let tree = dialogue::trees().iter().find(|tree| tree.url() == fields.tree).ok_or(Failure::Bad)?;
        if fields.codes.is_empty() {
            return self.again(&fields, text.t("questions-none"), StatusCode::UNPROCESSABLE_ENTITY).await;
        }
        let given = Given {
            patient: &self.facts.id,
            dialogue: fields.dialogue.as_deref(),
            tree,
            question: &fields.question,
            codes: &fields.codes,
            language: text.0,
        };
        let taken =
            match dialogues::answer(&self.state.store, &self.visit.subject, given, self.visit.now).await {
                Ok(taken) => taken,
                Err(GivenError::NotFound) => return Err(Failure::Missing),
                Err(GivenError::Denied { why }) => return Err(Failure::Denied(why)),
                // Sent twice, or answered meanwhile by somebody else: the end is what there is to see.
                Err(GivenError::Ended) => {
                    return Ok(self.onward(fields.dialogue.as_deref().unwrap_or_default()));
                }
                Err(GivenError::Answer(_)) => return Err(Failure::Bad),
                Err(GivenError::Store(error)) => return Err(error.into()),
            };
        let id = taken.dialogue.clone();
        if taken.complete && !self.hand_in(taken).await? {
            let fields = Fields { dialogue: Some(id), ..fields };
            return self.again(&fields, text.t("questions-not-taken"), StatusCode::SERVICE_UNAVAILABLE).await;
        }
        let patient = self.facts.id.to_string();
        self.state.feed.announce(Change::Message { task: None, patient });
        Ok(self.onward(&id))
    }

    fn onward(&self, dialogue: &str) -> Response {
        Redirect::to(&format!("{}?dialogue={dialogue}", self.base)).into_response()
    }

    /// Hands a complete dialogue in. Says whether it was taken.
    async fn hand_in(&self, taken: Taken) -> Result<bool, Failure> {
        let submission = Submission {
            patient: self.facts.id.clone(),
            tree: taken.tree,
            answers: taken.answers,
            author: Author::from(&self.visit.subject),
            task: taken.task,
            dialogue: Some(taken.dialogue),
            how: EndedHow::Answered,
        };
        match self.state.intake.submit(submission).await {
            Ok(_) | Err(IntakeError::Ended) => Ok(true),
            Err(error @ (IntakeError::Store(_) | IntakeError::Stopped)) => {
                tracing::error!(%error, "answers could not be taken");
                Ok(false)
            }
        }
    }

    /// The same question again, with what is wrong.
    async fn again(&self, fields: &Fields, wrong: String, status: StatusCode) -> Result<Response, Failure> {
        let mut reader = self.state.store.read().await?;
        let dialogue = match &fields.dialogue {
            Some(id) => dialogues::get(&mut reader, id).await?.filter(|one| one.patient == self.facts.id),
            None => None,
        };
        drop(reader);
        if dialogue.as_ref().is_some_and(|one| one.ended.is_some()) {
            return Ok(self.onward(fields.dialogue.as_deref().unwrap_or_default()));
        }
        self.ask(dialogue.as_ref(), Some(&fields.question), Some(wrong), status).await
    }

    /// Shows where `dialogue` ended, and notes that it was shown.
    async fn end(&self, dialogue: &Dialogue) -> Result<Response, Failure> {
        let shown = dialogues::shown(&self.state.store, &dialogue.id, self.visit.now).await?;
        if let Some(change) = shown {
            self.state.feed.announce(change);
        }
        let mut reader = self.state.store.read().await?;
        let pending = dialogues::pending(&mut reader, &self.facts.id).await?;
        let policy = Book::load(&mut reader).await?.standing(&self.facts, self.visit.now).policy;
        drop(reader);
        let page = self.end_page(dialogue, &policy, pending.is_some());
        let title = page.title.clone();
        if self.is_staff() {
            draw_as(
                StatusCode::OK,
                &EndStaff { frame: Frame::of(self.state, self.visit, "patients", title), page },
            )
        } else {
            draw_as(
                StatusCode::OK,
                &EndPatient { frame: Frame::of(self.state, self.visit, "today", title), page },
            )
        }
    }

    fn end_page(&self, dialogue: &Dialogue, policy: &Policy, more: bool) -> EndPage {
        let text = self.visit.text;
        let ended = dialogue.ended.as_ref();
        let kind = ended.and_then(|ended| ended.kind);
        let title = match kind {
            Some(OutcomeKind::Emergency) => "end-emergency",
            Some(OutcomeKind::Urgent) => "end-urgent",
            Some(OutcomeKind::Message) => "end-message",
            Some(OutcomeKind::SelfCare) => "end-self-care",
            None => "end-replaced",
        };
        let call = kind == Some(OutcomeKind::Emergency);
        let helps =
            ended.and_then(|ended| ended.competence).filter(|_| !call && kind != Some(OutcomeKind::SelfCare));
        let helps = helps.map(|who| {
            let unit = dialogues::helping_unit(&self.facts, policy, who).unwrap_or_default();
            let values = [("who", competence(who, text).into()), ("unit", unit.to_owned().into())];
            text.with("end-helps", &values)
        });
        let plan = if call { None } else { self.facts.plan_text.as_deref() };
        EndPage {
            whose: self.whose(),
            kind: kind.map_or("replaced", OutcomeKind::key),
            title: text.t(title),
            said: ended.into_iter().flat_map(|ended| ended.said.lines()).map(str::to_owned).collect(),
            call,
            helps,
            plan: plan.unwrap_or_default().lines().map(str::to_owned).collect(),
            more: more && !call,
            form: self.base.clone(),
            write: self.write().filter(|_| !call),
            home: self.home(),
        }
    }
}
