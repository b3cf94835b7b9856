//! A dialogue that ended, as far as its end is a finding.
//!
//! Where it ended is not read but found again by its tree, so that a replay and the live pipeline cannot differ in it. Only
//! where this program has that version of the tree no more, the end of the same name in another version stands in.
//!
//! **Invariant:** every answer that is used is one that the tree offers.

use serde::Deserialize;
use vitals::{ReadingId, Timestamp};

use crate::dialogue::{self, Answers, Outcome, Questionnaire};
use crate::finding::Finding;

/// The question tree that was answered, the code of each answer, and the end's name, as an export writes them.
#[derive(Deserialize)]
struct Keys {
    questionnaire: String,
    version: String,
    answers: Answers,
    #[serde(default)]
    outcome: Option<String>,
}

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answered {
    tree: &'static Questionnaire,
    answers: Answers,
    outcome: &'static Outcome,
    reading: Option<ReadingId>,
}

impl Answered {
    /// What the JSON object `text` tells, whose answers are `reading`; `None` for a tree that is gone in all versions, or
    /// has no end of that name any more.
    pub(super) fn parse(text: &str, reading: Option<ReadingId>) -> Result<Option<Self>, serde_json::Error> {
        let keys: Keys = serde_json::from_str(text)?;
        let Some(tree) = dialogue::tree(&keys.questionnaire, &keys.version) else {
            return Ok(Self::of_another_version(&keys, reading));
        };
        let mut answers = Answers::new();
        for (question, codes) in &keys.answers {
            tree.answer(&mut answers, question, codes)
                .map_err(<serde_json::Error as serde::de::Error>::custom)?;
        }
        let (answers, outcome) = tree.left_at(&answers);
        Ok(Some(Self { tree, answers, outcome, reading }))
    }

    fn of_another_version(keys: &Keys, reading: Option<ReadingId>) -> Option<Self> {
        let tree = dialogue::trees().iter().find(|tree| tree.url() == keys.questionnaire)?;
        let outcome = tree.outcomes().find(|outcome| Some(&outcome.id) == keys.outcome.as_ref())?;
        Some(Self { tree, answers: Answers::new(), outcome, reading })
    }

    /// What staff read of it; `None` where it asks nothing of them.
    pub(super) fn finding(&self, policy_version: &str, now: Timestamp) -> Option<Finding> {
        let rest = (self.reading.as_ref(), policy_version, now);
        dialogue::finding(self.tree, &self.answers, self.outcome, rest)
    }
}
