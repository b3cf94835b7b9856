//! What answers lead to: they stand in the conversation in words, and then what is said at the end.

use alerts::dialogue::{self, Answers, Outcome, Questionnaire};
use vitals::{ReadingId, Timestamp};

use super::{Author, NewMessage, insert};
use crate::dialogues::{self, Asking, End, EndedHow};
use crate::live::Change;
use crate::people::PatientFacts;
use crate::store::{StoreError, Tx};
use crate::{answers, clock};

/// A dialogue that came to its end, with who answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The tree.
    pub tree: &'static Questionnaire,
    /// What was answered; on a way that ends.
    pub answers: &'a Answers,
    /// Where it ended.
    pub outcome: &'a Outcome,
    /// How.
    pub how: EndedHow,
    /// The dialogue, where it was answered question by question.
    pub dialogue: Option<&'a str>,
    /// The reading that the answers became; `None` where the questions were not about symptoms.
    pub reading: Option<&'a ReadingId>,
    /// Who answered.
    pub author: &'a Author,
    /// The task whose conversation they belong to.
    pub task: Option<&'a str>,
}

/// Puts answers into the conversation, in words, and what is said at the end; and ends the dialogue. One that had ended
/// before is left as it is.
///
/// # Errors
/// [`StoreError`]; the caller's transaction must then be dropped.
pub async fn answered(
    tx: &mut Tx,
    facts: &PatientFacts,
    answered: Answered<'_>,
    now: Timestamp,
) -> Result<Vec<Change>, StoreError> {
    let Answered { tree, answers, outcome, how, dialogue, reading, author, task } = answered;
    let id = match dialogue {
        Some(id) => id.to_owned(),
        None => whole(tx, facts, &answered, now).await?,
    };
    let said = dialogue::closing(outcome, now, &clock::zone());
    let said = facts.language.pick(&said.sv, &said.en);
    if !dialogues::end(tx, End { dialogue: &id, how, outcome, said, reading, task }, now).await? {
        return Ok(Vec::new());
    }
    let body = answers::in_words(tree, answers, facts.language);
    let by_them = NewMessage {
        patient: &facts.id,
        task,
        at: now,
        kind: author.kind,
        author: &author.id,
        author_name: &author.name,
        body: &body,
        reading,
    };
    insert(tx, &by_them).await?;
    insert(tx, &NewMessage::by_the_system(facts, task, now, said)).await?;
    Ok(vec![Change::Message { task: task.map(str::to_owned), patient: facts.id.to_string() }])
}

/// A dialogue that came whole: every answer at once.
async fn whole(
    tx: &mut Tx,
    facts: &PatientFacts,
    answered: &Answered<'_>,
    now: Timestamp,
) -> Result<String, StoreError> {
    let Answered { tree, answers, author, task, .. } = *answered;
    let id = dialogues::ask(tx, &facts.id, tree, Asking { task, message: None }, now).await?;
    for (asks, _) in tree.way(answers) {
        let one = (tree, answers, asks.id.as_str());
        dialogues::write_answer(tx, &id, one, (author, facts.language, now)).await?;
    }
    Ok(id)
}
