//! Question trees as files: FHIR R4 Questionnaires, as much of them as a tree needs, with extensions of ours for what an
//! answer means and where a tree ends.
//!
//! Swedish is the language of the resource; English stands beside it in the standard's translation extension. The
//! extensions are described in `alerts/questionnaires/README.md`.
//!
//! **Invariant:** what is not understood is refused, because a condition that was misspelt would be one that never holds.

use serde::Deserialize;
use vitals::{Severity, Symptom};

use super::questionnaire::{
    Asks, Choice, Condition, Content, Item, Operator, Outcome, OutcomeKind, Questionnaire, UNKNOWN,
};
use crate::finding::{Competence, Priority, Problem};
use crate::words::Bilingual;

const TRANSLATION: &str = "http://hl7.org/fhir/StructureDefinition/translation";
const ORDINAL: &str = "http://hl7.org/fhir/StructureDefinition/ordinalValue";
const EXCLUSIVE: &str = "http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive";
const PROBLEM: &str = "urn:vagen:fhir:problem";
const OUTCOME: &str = "urn:vagen:fhir:outcome";
const SYMPTOM: &str = "urn:vagen:fhir:symptom";
const SIGN: &str = "urn:vagen:fhir:sign";
const UNTICKED: &str = "urn:vagen:fhir:unticked";

/// Why a text is no question tree.
#[derive(Debug, thiserror::Error)]
pub enum QuestionnaireError {
    /// No JSON, or an element that is not understood or missing; the message names it and the line.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
    /// An item that cannot be meant as it stands.
    #[error("{item}: {what}")]
    Item {
        /// Its link id, or `Questionnaire`.
        item: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resource {
    resource_type: String,
    language: String,
    #[serde(default)]
    extension: Vec<Extension>,
    url: String,
    version: String,
    #[serde(rename = "name")]
    _name: String,
    title: String,
    #[serde(rename = "_title")]
    title_translated: Translated,
    status: String,
    #[serde(rename = "subjectType")]
    _subject_type: Vec<String>,
    #[serde(rename = "date")]
    _date: String,
    #[serde(rename = "publisher")]
    _publisher: String,
    #[serde(rename = "purpose")]
    _purpose: String,
    item: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    extension: Vec<Extension>,
    link_id: String,
    text: String,
    #[serde(rename = "_text")]
    text_translated: Translated,
    r#type: String,
    #[serde(default)]
    enable_when: Vec<When>,
    enable_behavior: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    repeats: bool,
    #[serde(default)]
    answer_option: Vec<AnswerOption>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct When {
    question: String,
    operator: String,
    answer_boolean: Option<bool>,
    answer_coding: Option<Code>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    #[serde(rename = "system")]
    _system: String,
    code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnswerOption {
    #[serde(default)]
    extension: Vec<Extension>,
    value_coding: Coding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coding {
    #[serde(default)]
    extension: Vec<Extension>,
    #[serde(rename = "system")]
    _system: String,
    code: String,
    display: String,
    #[serde(rename = "_display")]
    display_translated: Translated,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Translated {
    extension: Vec<Extension>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Extension {
    url: String,
    #[serde(default)]
    extension: Vec<Extension>,
    value_code: Option<String>,
    value_string: Option<String>,
    value_integer: Option<u8>,
    value_decimal: Option<f64>,
    value_boolean: Option<bool>,
}

fn refused<T>(item: &str, what: &'static str) -> Result<T, QuestionnaireError> {
    Err(QuestionnaireError::Item { item: item.to_owned(), what })
}

fn one<'a>(extensions: &'a [Extension], url: &str) -> Option<&'a Extension> {
    extensions.iter().find(|extension| extension.url == url)
}

fn code_in<'a>(extensions: &'a [Extension], url: &str) -> Option<&'a str> {
    one(extensions, url)?.value_code.as_deref()
}

/// Refuses extensions other than `known`.
fn only(item: &str, extensions: &[Extension], known: &[&str]) -> Result<(), QuestionnaireError> {
    if extensions.iter().all(|extension| known.contains(&extension.url.as_str())) {
        Ok(())
    } else {
        refused(item, "an extension that is not known here")
    }
}

fn both(item: &str, sv: &str, translated: &Translated) -> Result<Bilingual, QuestionnaireError> {
    let english =
        translated.extension.iter().filter(|extension| extension.url == TRANSLATION).find_map(|extension| {
            let language = code_in(&extension.extension, "lang")?;
            (language == "en")
                .then(|| one(&extension.extension, "content")?.value_string.as_deref())
                .flatten()
        });
    match english {
        Some(en) if !sv.trim().is_empty() && !en.trim().is_empty() => Ok(Bilingual::of(sv, en)),
        Some(_) | None => refused(item, "a text without Swedish or without English"),
    }
}

impl Questionnaire {
    /// Reads a tree.
    ///
    /// # Errors
    /// [`QuestionnaireError`] that names the item and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, QuestionnaireError> {
        const ITSELF: &str = "Questionnaire";
        let resource: Resource = serde_json::from_str(text)?;
        if resource.resource_type != ITSELF || resource.status != "active" || resource.language != "sv" {
            return refused(ITSELF, "not an active Questionnaire in Swedish");
        }
        if resource.url.is_empty() || resource.version.is_empty() {
            return refused(ITSELF, "without url or version");
        }
        only(ITSELF, &resource.extension, &[PROBLEM])?;
        let Some(problem) = code_in(&resource.extension, PROBLEM).and_then(Problem::from_key) else {
            return refused(ITSELF, "does not say which problem it is about");
        };
        let mut items: Vec<Item> = Vec::new();
        for entry in resource.item {
            let read = item(entry, &items)?;
            if items.iter().any(|item| item.id() == read.id()) {
                return refused(read.id(), "two items with one link id");
            }
            items.push(read);
        }
        let title = both(ITSELF, &resource.title, &resource.title_translated)?;
        match items.last() {
            Some(Item { conditions, content: Content::Ends(_), .. }) if conditions.is_empty() => {
                Ok(Self { url: resource.url, version: resource.version, title, problem, items })
            }
            Some(_) | None => refused(ITSELF, "must end in an outcome that nothing disables"),
        }
    }
}

fn item(entry: Entry, before: &[Item]) -> Result<Item, QuestionnaireError> {
    let id = entry.link_id.clone();
    let conditions =
        entry.enable_when.iter().map(|when| condition(&id, when, before)).collect::<Result<Vec<_>, _>>()?;
    let all = match (entry.enable_behavior.as_deref(), conditions.len()) {
        (Some("all"), _) => true,
        (Some("any"), _) | (None, 0 | 1) => false,
        (Some(_), _) | (None, _) => return refused(&id, "enableBehavior must be any or all"),
    };
    let text = both(&id, &entry.text, &entry.text_translated)?;
    let content = match entry.r#type.as_str() {
        "display" if entry.answer_option.is_empty() => {
            only(&id, &entry.extension, &[OUTCOME])?;
            Content::Ends(outcome(id, text, &entry.extension)?)
        }
        "choice" if entry.required => {
            only(&id, &entry.extension, &[])?;
            Content::Asks(asks(id, text, entry.repeats, entry.answer_option)?)
        }
        _ => return refused(&id, "neither a required choice nor an outcome"),
    };
    Ok(Item { conditions, all, content })
}

fn condition(item: &str, when: &When, before: &[Item]) -> Result<Condition, QuestionnaireError> {
    let asked = before.iter().find_map(|item| match &item.content {
        Content::Asks(asks) if asks.id == when.question => Some(asks),
        Content::Asks(_) | Content::Ends(_) => None,
    });
    let Some(asked) = asked else {
        return refused(item, "a condition on a question that does not come before");
    };
    let choice = match &when.answer_coding {
        Some(coding) => match asked.choice(&coding.code) {
            Some(choice) => Some(choice),
            None => return refused(item, "a condition on an answer that cannot be given"),
        },
        None => None,
    };
    let operator = match (when.operator.as_str(), choice, when.answer_boolean) {
        ("exists", None, Some(wanted)) => Operator::Exists(wanted),
        ("=", Some(choice), None) => Operator::Equals(choice.code.clone()),
        ("!=", Some(choice), None) => Operator::NotEquals(choice.code.clone()),
        (">", Some(choice), None) => match choice.ordinal {
            Some(ordinal) => Operator::Above(ordinal),
            None => return refused(item, "compares with an answer that has no place in the order"),
        },
        _ => return refused(item, "a condition that is not understood"),
    };
    Ok(Condition { question: when.question.clone(), operator })
}

fn outcome(id: String, text: Bilingual, extensions: &[Extension]) -> Result<Outcome, QuestionnaireError> {
    let parts = one(extensions, OUTCOME).map_or(&[][..], |extension| &extension.extension);
    only(&id, parts, &["kind", "priority", "competence"])?;
    let kind = code_in(parts, "kind").and_then(OutcomeKind::from_key);
    let priority = code_in(parts, "priority").and_then(Priority::from_key);
    let competence = code_in(parts, "competence").and_then(Competence::from_key);
    match (kind, priority, competence) {
        (Some(kind), Some(priority), Some(competence)) => {
            Ok(Outcome { id, kind, priority, competence, text })
        }
        _ => refused(&id, "an outcome without kind, priority or competence"),
    }
}

fn asks(
    id: String,
    text: Bilingual,
    several: bool,
    options: Vec<AnswerOption>,
) -> Result<Asks, QuestionnaireError> {
    let mut choices: Vec<Choice> = Vec::new();
    for option in options {
        let read = choice(&id, option)?;
        if choices.iter().any(|choice| choice.code == read.code) {
            return refused(&id, "two answers with one code");
        }
        choices.push(read);
    }
    if !choices.iter().any(|choice| choice.code == UNKNOWN) {
        return refused(&id, "cannot be answered with \"unknown\"");
    }
    Ok(Asks { id, text, several, choices })
}

fn choice(item: &str, option: AnswerOption) -> Result<Choice, QuestionnaireError> {
    only(item, &option.extension, &[EXCLUSIVE, SYMPTOM, SIGN, UNTICKED])?;
    only(item, &option.value_coding.extension, &[ORDINAL])?;
    let named = |extension: &Extension| {
        let symptom = code_in(&extension.extension, "name").and_then(Symptom::from_key)?;
        let grade = one(&extension.extension, "grade")?.value_integer.and_then(Severity::new)?;
        Some((symptom, grade))
    };
    let symptoms: Option<Vec<_>> =
        option.extension.iter().filter(|extension| extension.url == SYMPTOM).map(named).collect();
    let Some(symptoms) = symptoms else { return refused(item, "a symptom or a grade that is not known") };
    let unticked = match code_in(&option.extension, UNTICKED) {
        Some(key) => match Symptom::from_key(key) {
            Some(symptom) => Some(symptom),
            None => return refused(item, "a symptom that is not known"),
        },
        None => None,
    };
    let signs = option.extension.iter().filter(|extension| extension.url == SIGN);
    let coding = option.value_coding;
    Ok(Choice {
        text: both(item, &coding.display, &coding.display_translated)?,
        exclusive: one(&option.extension, EXCLUSIVE).and_then(|flag| flag.value_boolean).unwrap_or(false),
        ordinal: one(&coding.extension, ORDINAL).and_then(|value| value.value_decimal),
        symptoms,
        unticked,
        signs: signs.filter_map(|extension| extension.value_code.clone()).collect(),
        code: coding.code,
    })
}
