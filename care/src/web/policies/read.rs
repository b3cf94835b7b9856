//! `/policies/{name}/{version}`: one policy in words: each number with what it rests on, beside what stands now.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use vitals::PatientId;

use super::super::AppState;
use super::super::failure::Failure;
use super::super::frame::Frame;
use super::super::page::draw;
use super::super::plan::limits::{section_word, with_unit, word};
use super::super::visit::{StaffVisit, Visit};
use super::super::words;
use crate::access::{self, Action, PolicyWish, SubjectKind};
use crate::policies::{Book, Scope, shelf};

struct NumberRow {
    word: String,
    value: String,
    stands: Option<String>,
    remark: String,
}

struct RuleCard {
    word: String,
    numbers: Vec<NumberRow>,
    differs: usize,
}

struct SourceRow {
    key: String,
    text: String,
}

struct ExampleRow {
    name: String,
    source: String,
    tasks: Vec<String>,
}

/// A scope one can try the policy for.
struct Choice {
    value: String,
    word: String,
}

#[derive(Template)]
#[template(path = "policies/read.html")]
struct Page {
    frame: Frame,
    name: String,
    version: String,
    about: String,
    hash: String,
    compared_with: Option<String>,
    differs: usize,
    rules: Vec<RuleCard>,
    gone: Vec<String>,
    sources: Vec<SourceRow>,
    examples: Vec<ExampleRow>,
    scopes: Vec<Choice>,
    wrong: Option<String>,
}

/// What the address asks for.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    /// The patient it might be switched on for.
    patient: Option<String>,
    /// Why it was not tried.
    busy: Option<String>,
}

/// `GET /policies/{name}/{version}`.
pub(crate) async fn show(
    State(state): State<AppState>,
    StaffVisit(visit): StaffVisit,
    Path((name, version)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    access::open_policies(&state.store, &visit.subject, &PolicyWish::Read, visit.now).await?;
    let patient = asked.patient.as_deref().and_then(|id| id.parse::<PatientId>().ok());
    let facts = match &patient {
        Some(id) => {
            let opened =
                access::open_patient(&state.store, &visit.subject, id, Action::Read, visit.now).await?;
            Some(opened.facts)
        }
        None => None,
    };
    let mut reader = state.store.read().await?;
    let book = Book::load(&mut reader).await?;
    let policy = book.get(&name, &version).ok_or(Failure::Missing)?;
    let kept = shelf::kept(&mut reader, &name, &version).await?.ok_or(Failure::Missing)?;
    let stands = match &facts {
        Some(facts) => Some(book.standing(facts, visit.now).policy),
        None => stands_for_unit(&book, &visit),
    };
    let stands = stands.filter(|one| one.name() != name || one.version() != version);
    let remarks = shelf::remarks(&kept.text);
    let rules = rules(policy, stands.as_deref(), &remarks, &visit);
    draw(&Page {
        frame: Frame::of(&state, &visit, "policies", format!("{name} {version}")),
        about: format!("{}, {}", policy.author(), super::validity(policy, &visit)),
        hash: kept.hash,
        compared_with: stands.as_ref().map(|one| format!("{} {}", one.name(), one.version())),
        differs: rules.iter().map(|rule| rule.differs).sum(),
        gone: stands.as_deref().map(|stands| gone(policy, stands, &visit)).unwrap_or_default(),
        rules,
        sources: policy
            .sources()
            .iter()
            .map(|one| SourceRow { key: one.key.clone(), text: one.text.clone() })
            .collect(),
        examples: policy.examples().iter().map(|example| example_row(example, &visit)).collect(),
        scopes: scopes(&visit, facts.as_ref().map(|facts| (&facts.id, facts.name.as_str()))),
        wrong: asked.busy.map(|_| visit.text.t("policies-busy")),
        name,
        version,
    })
}

/// The policy that stands for the unit's patients, where they have none of their own.
fn stands_for_unit(book: &Book, visit: &Visit) -> Option<std::sync::Arc<alerts::Policy>> {
    let scopes = super::own_scopes(visit);
    let one = scopes.iter().find_map(|scope| book.switched_on(scope, visit.now));
    let recommended = alerts::Policy::recommended();
    match one.and_then(|one| one.policy.as_ref()) {
        Some((name, version)) => book.get(name, version).cloned(),
        None => book.get(recommended.name(), recommended.version()).cloned(),
    }
}

fn rules(
    policy: &alerts::Policy,
    stands: Option<&alerts::Policy>,
    remarks: &BTreeMap<String, String>,
    visit: &Visit,
) -> Vec<RuleCard> {
    let text = visit.text;
    let standing: BTreeMap<String, f64> =
        stands.iter().flat_map(|one| one.parameters()).map(|one| (one.name(), one.value)).collect();
    let mut cards: Vec<(&str, RuleCard)> = Vec::new();
    for one in policy.parameters() {
        let before = standing.get(&one.name()).copied();
        let differs = stands.is_some() && before.is_none_or(|before| (before - one.value).abs() > 1e-9);
        let row = NumberRow {
            word: word(one.key, text),
            value: with_unit(one.value, one.key, text),
            stands: differs.then(|| {
                before.map_or_else(|| text.t("policies-none"), |value| with_unit(value, one.key, text))
            }),
            remark: remarks.get(&one.name()).cloned().unwrap_or_default(),
        };
        if cards.last().is_none_or(|(section, _)| *section != one.section) {
            let card = RuleCard { word: section_word(one.section, text), numbers: Vec::new(), differs: 0 };
            cards.push((one.section, card));
        }
        if let Some((_, card)) = cards.last_mut() {
            card.differs += usize::from(differs);
            card.numbers.push(row);
        }
    }
    cards.into_iter().map(|(_, card)| card).collect()
}

/// The rules that stand now and that this policy does not have.
fn gone(policy: &alerts::Policy, stands: &alerts::Policy, visit: &Visit) -> Vec<String> {
    let sections = |policy: &alerts::Policy| -> Vec<&'static str> {
        let mut all: Vec<&'static str> = policy.parameters().iter().map(|one| one.section).collect();
        all.dedup();
        all
    };
    let has = sections(policy);
    let missing = sections(stands).into_iter().filter(|section| !has.contains(section));
    missing.map(|section| section_word(section, visit.text)).collect()
}

fn example_row(example: &alerts::policy::Example, visit: &Visit) -> ExampleRow {
    let task = |expected: &alerts::policy::Expected| {
        let urgency = words::Urgency::of(expected.priority, visit.text);
        format!("{}, {}", words::problem(expected.problem, visit.text), urgency.word().to_lowercase())
    };
    ExampleRow {
        name: example.name.clone(),
        source: example.source.clone(),
        tasks: example.tasks.iter().map(task).collect(),
    }
}

fn scopes(visit: &Visit, patient: Option<(&PatientId, &str)>) -> Vec<Choice> {
    let text = visit.text;
    let mut choices = Vec::new();
    if let Some((id, name)) = patient {
        choices.push((Scope::Patient(id.clone()), name.to_owned()));
    }
    if let SubjectKind::Staff { unit, unit_name, organisation, .. } = &visit.subject.kind {
        choices.push((
            Scope::Unit(unit.clone()),
            text.with("policies-unit", &[("unit", unit_name.clone().into())]),
        ));
        choices.push((Scope::Programme(organisation.clone()), text.t("policies-programme")));
    }
    choices
        .into_iter()
        .filter(|(scope, _)| access::decide_policies(&visit.subject, &PolicyWish::SwitchOn(scope)).allowed)
        .map(|(scope, word)| Choice { value: format!("{}:{}", scope.key(), scope.target()), word })
        .collect()
}
