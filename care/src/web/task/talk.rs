//! A conversation as a card: who said what and when, the questions that wait, and a place to write.

use sqlx::SqliteConnection;
use vitals::PatientId;

use super::Kept;
use crate::conversations::{self, AuthorKind, MESSAGE_CHARS_MAX, Message};
use crate::people::PatientFacts;
use crate::store::StoreError;
use crate::tasks::Task;
use crate::web::format;
use crate::web::text::Text;
use crate::web::visit::Visit;

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct MessageRow {
    /// Counts up.
    pub(crate) id: i64,
    /// `system`, `patient`, `proxy` or `staff`.
    pub(crate) kind: &'static str,
    /// Who wrote it.
    pub(crate) author: String,
    /// When, in words.
    pub(crate) when: String,
    /// The paragraphs.
    pub(crate) lines: Vec<String>,
    /// The questions it puts.
    pub(crate) questions: Vec<String>,
    /// Whether they wait for an answer.
    pub(crate) waits: bool,
}

/// What the card shows.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    /// Told apart from other conversations of the page.
    pub(crate) id: String,
    /// The messages, oldest first.
    pub(crate) messages: Vec<MessageRow>,
    /// Whose conversation.
    pub(crate) patient: PatientId,
    /// The task, where it belongs to one.
    pub(crate) task: Option<String>,
    /// Where the messages come from again.
    pub(crate) source: String,
    /// Where a new message goes.
    pub(crate) post: String,
    /// The page to come back to.
    pub(crate) home: String,
    /// What was written and not taken.
    pub(crate) kept: String,
    /// The most characters of a message.
    pub(crate) chars_max: usize,
}

/// The conversation of `task`.
pub(crate) async fn of_task(
    connection: &mut SqliteConnection,
    task: &Task,
    facts: &PatientFacts,
    visit: &Visit,
    home: &str,
    kept: &Kept,
) -> Result<Talk, StoreError> {
    let messages = conversations::of_task(connection, &task.id).await?;
    Ok(Talk {
        id: format!("talk-{}", task.id),
        messages: messages.iter().map(|message| message_row(message, visit)).collect(),
        patient: facts.id.clone(),
        task: Some(task.id.clone()),
        source: format!("/tasks/{}?fragment=talk", task.id),
        post: format!("/tasks/{}/message", task.id),
        home: home.to_owned(),
        kept: kept.message.clone(),
        chars_max: MESSAGE_CHARS_MAX,
    })
}

/// A message as `visit` reads it.
pub(crate) fn message_row(message: &Message, visit: &Visit) -> MessageRow {
    MessageRow {
        id: message.id,
        kind: message.author_kind.key(),
        author: author(message, visit.text),
        when: format::moment(message.at, visit.now, visit.text),
        lines: message.body.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        questions: message.questions.iter().map(|asked| asked.text.clone()).collect(),
        waits: !message.questions.is_empty() && message.answered_at.is_none(),
    }
}

fn author(message: &Message, text: Text) -> String {
    match message.author_kind {
        AuthorKind::System => text.t("author-system"),
        AuthorKind::Proxy => text.with("author-proxy", &[("name", message.author_name.clone().into())]),
        AuthorKind::Patient | AuthorKind::Staff => message.author_name.clone(),
    }
}
