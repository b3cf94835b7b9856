//! What surrounds every page: its title, who is signed in, where they are, and how the chain is.

use vitals::Timestamp;

use super::AppState;
use super::asset;
use super::text::Text;
use super::visit::Visit;
use crate::access::{self, PolicyWish, Role, SubjectKind};
use crate::health::Chain;
use crate::language::Language;

/// The chain's health, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ChainLine {
    /// Whole, with its age.
    Whole(String),
    /// Broken: what is not known.
    Broken(Vec<String>),
}

/// The surroundings of one page. Templates reach the words through it.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The page's title.
    pub(crate) title: String,
    /// The name of whoever is signed in; empty when nobody is.
    pub(crate) who: String,
    /// Their unit, for staff.
    pub(crate) unit: Option<String>,
    /// The page's own address.
    pub(crate) path: String,
    /// Whether they run the system.
    pub(crate) administrator: bool,
    /// Whether they may read policies.
    pub(crate) policies: bool,
    /// Whether they may read the overview of their unit.
    pub(crate) population: bool,
    /// Whether they look after home boxes.
    pub(crate) keeps_gateways: bool,
    chain: ChainLine,
    place: &'static str,
    text: Text,
}

impl Frame {
    /// The frame of a page that `visit` sees. `place` is the current entry of the menu.
    pub(crate) fn of(state: &AppState, visit: &Visit, place: &'static str, title: String) -> Self {
        let unit = match &visit.subject.kind {
            SubjectKind::Staff { unit_name, .. } => Some(unit_name.clone()),
            SubjectKind::Patient | SubjectKind::Proxy { .. } => None,
        };
        Self {
            title,
            who: visit.subject.name.clone(),
            unit,
            path: visit.path.clone(),
            administrator: visit.subject.role() == Some(Role::Administrator),
            policies: access::decide_policies(&visit.subject, &PolicyWish::Read).allowed,
            population: access::decide_population(&visit.subject).allowed,
            keeps_gateways: visit.subject.role().is_some_and(Role::keeps_gateways),
            chain: chain_line(&state.health.chain(visit.now), visit.text, visit.now),
            place,
            text: visit.text,
        }
    }

    /// The frame of a page for somebody not signed in.
    pub(crate) fn alone(state: &AppState, text: Text, title: String) -> Self {
        let now = state.clock.now();
        Self {
            title,
            who: String::new(),
            unit: None,
            path: "/".to_owned(),
            administrator: false,
            policies: false,
            population: false,
            keeps_gateways: false,
            chain: chain_line(&state.health.chain(now), text, now),
            place: "",
            text,
        }
    }

    /// The text behind `key`.
    pub(crate) fn t(&self, key: &str) -> String {
        self.text.t(key)
    }

    /// The page's language.
    pub(crate) fn language(&self) -> &'static str {
        self.text.0.key()
    }

    /// The chain's health and its age, while it is whole.
    pub(crate) fn chain_whole(&self) -> Option<&str> {
        match &self.chain {
            ChainLine::Whole(words) => Some(words),
            ChainLine::Broken(_) => None,
        }
    }

    /// What is not known while the chain is broken.
    pub(crate) fn chain_broken(&self) -> &[String] {
        match &self.chain {
            ChainLine::Whole(_) => &[],
            ChainLine::Broken(what) => what,
        }
    }

    /// The language the page is not in.
    pub(crate) fn other_language(&self) -> &'static str {
        match self.text.0 {
            Language::Sv => Language::En.key(),
            Language::En => Language::Sv.key(),
        }
    }

    /// Whether the page is at `place` of the menu.
    pub(crate) fn is_at(&self, place: &str) -> bool {
        self.place == place
    }

    /// The address of a file of ours.
    pub(crate) fn asset(&self, name: &str) -> String {
        asset::address(name)
    }
}

fn chain_line(chain: &Chain, text: Text, now: Timestamp) -> ChainLine {
    match chain {
        Chain::Whole { checked_at } => {
            let seconds = (now.millis_since(*checked_at) / Timestamp::SECOND_MS).max(0);
            let age = if seconds < 120 {
                text.count("age-seconds", seconds)
            } else {
                text.count("age-minutes", seconds / 60)
            };
            ChainLine::Whole(text.with("chain-whole", &[("age", age.into())]))
        }
        Chain::Broken { what } => {
            ChainLine::Broken(what.iter().map(|words| words.get(text.0).to_owned()).collect())
        }
    }
}
