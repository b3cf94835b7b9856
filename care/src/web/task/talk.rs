//! A conversation as a card: who said what and when, the questions that wait, and a place to write.

use crate::store::sql::Connection;
use vitals::{PatientId, Timestamp};

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
    /// The newest messages, or all of them, oldest first.
    pub(crate) messages: Vec<MessageRow>,
    /// How many older ones are left out.
    pub(crate) older: usize,
    /// Where those are too.
    pub(crate) whole: String,
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

/// How far back the newest part of a conversation goes, days.
const NEWEST_DAYS: i64 = 14;
/// The fewest messages of that part, however old.
const NEWEST_MIN: usize = 6;
/// The most messages of that part, however new.
const NEWEST_MAX: usize = 20;

/// The newest part of a conversation, and how many older messages there are. All of it when `all` is asked for.
pub(crate) fn newest(messages: &[Message], all: bool, now: Timestamp) -> (&[Message], usize) {
    let since = now.plus_days(-NEWEST_DAYS);
    let recent = messages.iter().rev().take_while(|message| message.at >= since).count();
    let shown = if all { messages.len() } else { recent.clamp(NEWEST_MIN, NEWEST_MAX) };
    let older = messages.len().saturating_sub(shown);
    (messages.get(older..).unwrap_or_default(), older)
}

/// The conversation of `task`; all of it when `all` is asked for.
pub(crate) async fn of_task(
    connection: &mut Connection,
    task: &Task,
    facts: &PatientFacts,
    visit: &Visit,
    home: &str,
    kept: &Kept,
    all: bool,
) -> Result<Talk, StoreError> {
    let messages = conversations::of_task(connection, &task.id).await?;
    let (messages, older) = newest(&messages, all, visit.now);
    let id = format!("talk-{}", task.id);
    Ok(Talk {
        whole: format!("{home}?talk=all#{id}"),
        older,
        id,
        messages: messages.iter().map(|message| message_row(message, visit)).collect(),
        patient: facts.id.clone(),
        task: Some(task.id.clone()),
        source: format!("/tasks/{}?fragment=talk{}", task.id, if all { "&talk=all" } else { "" }),
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
        questions: message.questions.clone(),
        waits: message.waits,
    }
}

fn author(message: &Message, text: Text) -> String {
    match message.author_kind {
        AuthorKind::System => text.t("author-system"),
        AuthorKind::Proxy => text.with("author-proxy", &[("name", message.author_name.clone().into())]),
        AuthorKind::Patient | AuthorKind::Staff => message.author_name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row: how many days old each message is, and how many are left out.
    #[test]
    fn the_newest_part_is_a_fortnight_of_at_least_six_and_at_most_twenty() {
        let now: Timestamp = "2026-04-22T08:18:00Z".parse().expect("a time");
        let rows: [(Vec<i64>, usize); 5] = [
            (vec![], 0),
            (vec![30, 29, 28], 0),
            ((0..40).rev().map(|day| day * 7).collect(), 34),
            ((0..30).rev().collect(), 15),
            (vec![1; 50], 30),
        ];
        for (days, older) in rows {
            let message = |days: &i64| Message {
                id: -days,
                task: None,
                at: now.plus_days(-days),
                author_kind: AuthorKind::Patient,
                author_name: String::new(),
                body: String::new(),
                questions: Vec::new(),
                waits: false,
                reading: None,
            };
            let messages: Vec<Message> = days.iter().map(message).collect();
            let (shown, left) = newest(&messages, false, now);
            assert_eq!((shown.len(), left), (days.len() - older, older), "{days:?}");
            assert_eq!(shown.last(), messages.last(), "the newest is always there");
            assert_eq!(newest(&messages, true, now), (&messages[..], 0));
        }
    }
}
