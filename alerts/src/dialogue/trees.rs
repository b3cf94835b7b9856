//! The question trees that come with the product, each by its canonical address.
//!
//! **Invariant:** every file of `alerts/questionnaires/` is here, and a test reads and walks each to all of its ends.

use std::sync::LazyLock;

use super::questionnaire::Questionnaire;

/// The short symptom form: by the plan's schedule, and whenever the person wants.
#[must_use]
pub fn symptom_form() -> &'static Questionnaire {
    &TREES[0]
}

/// What is asked when a clinical task has opened.
#[must_use]
pub fn follow_up() -> &'static Questionnaire {
    &TREES[1]
}

/// What is asked about a reading that may not be the person's.
#[must_use]
pub fn whose_reading() -> &'static Questionnaire {
    &TREES[2]
}

/// Every tree.
#[must_use]
pub fn trees() -> &'static [Questionnaire] {
    &*TREES
}

/// The tree at `url` in `version`; `None` when this program has it no more.
#[must_use]
pub fn tree(url: &str, version: &str) -> Option<&'static Questionnaire> {
    TREES.iter().find(|tree| tree.url() == url && tree.version() == version)
}

static TREES: LazyLock<[Questionnaire; 3]> = LazyLock::new(|| {
    [
        include_str!("../../questionnaires/symptom-form.json"),
        include_str!("../../questionnaires/follow-up.json"),
        include_str!("../../questionnaires/whose-reading.json"),
    ]
    .map(|text| Questionnaire::parse(text).expect("the trees are part of the program, and a test reads them"))
});
