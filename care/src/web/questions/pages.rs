//! The screens of the questions: one that asks and one that ends, each in the frame of whoever reads it.

use std::borrow::Cow;

use askama::Template;

use crate::web::frame::Frame;

pub(super) struct ChoiceRow {
    pub(super) code: String,
    pub(super) word: String,
    pub(super) chosen: bool,
    pub(super) exclusive: bool,
}

/// One question.
pub(super) struct AskPage {
    pub(super) whose: Option<String>,
    pub(super) wrong: Option<String>,
    pub(super) intro: Vec<String>,
    pub(super) post: String,
    pub(super) dialogue: String,
    pub(super) tree: String,
    pub(super) question: String,
    pub(super) step: String,
    pub(super) done: usize,
    pub(super) all: usize,
    pub(super) text: String,
    pub(super) several: bool,
    pub(super) choices: Vec<ChoiceRow>,
    pub(super) back: Option<String>,
    pub(super) write: Option<&'static str>,
    pub(super) home: Cow<'static, str>,
}

/// An end.
pub(super) struct EndPage {
    pub(super) whose: Option<String>,
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) said: Vec<String>,
    pub(super) call: bool,
    pub(super) helps: Option<String>,
    pub(super) plan: Vec<String>,
    pub(super) more: bool,
    pub(super) form: String,
    pub(super) write: Option<&'static str>,
    pub(super) home: Cow<'static, str>,
}

#[derive(Template)]
#[template(path = "questions/ask_patient.html")]
pub(super) struct AskPatient {
    pub(super) frame: Frame,
    pub(super) page: AskPage,
}

#[derive(Template)]
#[template(path = "questions/ask_staff.html")]
pub(super) struct AskStaff {
    pub(super) frame: Frame,
    pub(super) page: AskPage,
}

#[derive(Template)]
#[template(path = "questions/end_patient.html")]
pub(super) struct EndPatient {
    pub(super) frame: Frame,
    pub(super) page: EndPage,
}

#[derive(Template)]
#[template(path = "questions/end_staff.html")]
pub(super) struct EndStaff {
    pub(super) frame: Frame,
    pub(super) page: EndPage,
}
