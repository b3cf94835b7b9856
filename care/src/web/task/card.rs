//! A task as a card: how urgent, why, which readings stand behind it, who has it, and what one can do.

use crate::store::sql::Connection;
use alerts::follow_through::severity_now;
use alerts::{AutoClose, Reason};
use vitals::ReadingId;

use super::Kept;
use crate::people::PatientFacts;
use crate::policies::{self, Book};
use crate::store::StoreError;
use crate::tasks::{self, Joined, Outcome, Status, Task, TaskEvent};
use crate::web::format;
use crate::web::text::Text;
use crate::web::visit::Visit;
use crate::web::words::{self, Due, Urgency};

/// One reason with the way down to its readings.
#[derive(Clone, Debug)]
pub(crate) struct ReasonRow {
    /// In words.
    pub(crate) text: String,
    /// `regelns värde 2,4 kg, gräns 2,0 kg`, as far as the reason has them. The rule's value may be smoothed, and is then
    /// another than the measured one that the words name.
    pub(crate) measured: Option<String>,
    /// When it was found.
    pub(crate) when: String,
    /// Whether it rests on a reading that came late.
    pub(crate) late: bool,
    /// The reading that caused it, the last it rests on.
    pub(crate) reading: Option<ReadingId>,
    /// The others.
    pub(crate) more_readings: Vec<ReadingId>,
}

/// One line of the history.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    /// When.
    pub(crate) when: String,
    /// Who.
    pub(crate) actor: String,
    /// What, in words.
    pub(crate) what: String,
    /// The note.
    pub(crate) note: String,
}

/// An outcome one can choose.
#[derive(Clone, Debug)]
pub(crate) struct OutcomeChoice {
    /// Its key.
    pub(crate) key: &'static str,
    /// Its words.
    pub(crate) word: String,
}

/// A unit one can hand the task over to.
#[derive(Clone, Debug)]
pub(crate) struct UnitChoice {
    /// Its id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
}

/// What the card shows.
#[derive(Clone, Debug)]
pub(crate) struct TaskCard {
    /// The task.
    pub(crate) id: String,
    /// How urgent.
    pub(crate) urgency: Urgency,
    /// `sedan 07:04`.
    pub(crate) since: String,
    /// When it is due.
    pub(crate) due: Due,
    /// What it is about.
    pub(crate) title: String,
    /// Whether it is open.
    pub(crate) open: bool,
    /// The reasons, the latest word of each rule.
    pub(crate) reasons: Vec<ReasonRow>,
    /// `Regel: weight_trend, policy recommended 1`.
    pub(crate) rules: String,
    /// Who has it, in words.
    pub(crate) owner: String,
    /// Whether nobody has it.
    pub(crate) free: bool,
    /// Whether the reader has it.
    pub(crate) mine: bool,
    /// Who can help, in words.
    pub(crate) competence: String,
    /// Where it can be handed over to.
    pub(crate) units: Vec<UnitChoice>,
    /// How it can end.
    pub(crate) outcomes: Vec<OutcomeChoice>,
    /// How it ended, when it did.
    pub(crate) ended: Option<String>,
    /// How it stands now, where that is calmer than its highest.
    pub(crate) calmer: Option<String>,
    /// Until when it rests and why, where it does.
    pub(crate) rests: Option<String>,
    /// The last day until which it may rest.
    pub(crate) rest_until: String,
    /// That nobody took it in time, where nobody did.
    pub(crate) escalated: bool,
    /// The case of the same kind before it.
    pub(crate) former: Option<String>,
    /// What happened to it, newest first.
    pub(crate) events: Vec<EventRow>,
    /// The page to come back to after an act.
    pub(crate) home: String,
    /// What was written in a form that was not taken.
    pub(crate) kept: Kept,
}

/// The card of `task` for `visit`. `home` is the page it stands on.
pub(crate) async fn of(
    connection: &mut Connection,
    task: &Task,
    facts: Option<&PatientFacts>,
    visit: &Visit,
    home: &str,
    kept: &Kept,
) -> Result<TaskCard, StoreError> {
    let (text, now) = (visit.text, visit.now);
    let joined = tasks::joined(connection, &task.id).await?;
    let mut events = tasks::history(connection, &task.id).await?;
    events.reverse();
    let standing = tasks::standing(&joined);
    let units = facts.iter().flat_map(|facts| &facts.units);
    let policy = Book::load(connection).await?.or_recommended(&task.policy, &task.policy_version);
    let follow = policy.follow_through();
    let level = follow.map(|follow| severity_now(&tasks::signs(&joined), follow, now));
    let rest_until = follow.map_or(now, |follow| now.plus_millis(follow.snooze_ms_max()));
    Ok(TaskCard {
        calmer: level
            .filter(|level| task.status == Status::Open && *level < task.priority)
            .map(|level| text.with("card-calmer", &[("level", Urgency::of(level, text).word().into())])),
        rests: task.snoozed_until.filter(|_| task.rests_at(now)).map(|until| {
            let when = format::moment(until, now, text);
            let why = task.snoozed_why.clone().unwrap_or_default();
            text.with("card-rests", &[("when", when.into()), ("why", why.into())])
        }),
        rest_until: format::day_of(rest_until).to_string(),
        escalated: task.escalated > 0 && task.owner.is_none() && task.status == Status::Open,
        former: task.former.clone(),
        id: task.id.clone(),
        urgency: Urgency::of(task.priority, text),
        since: text.with("card-since", &[("when", format::moment(task.opened_at, now, text).into())]),
        due: words::due(task.due_at, now, text),
        title: words::problem(task.problem, text),
        open: task.status == Status::Open,
        reasons: standing.iter().map(|one| reason_row(one, visit)).collect(),
        rules: rules(connection, task, &standing, visit).await?,
        owner: owner(task, visit),
        free: task.owner.is_none(),
        mine: task.owner.as_deref() == Some(&visit.subject.id),
        competence: competence(task.competence, text),
        units: units
            .filter(|unit| Some(&unit.id) != task.unit.as_ref())
            .map(|unit| UnitChoice { id: unit.id.clone(), name: unit.name.clone() })
            .collect(),
        outcomes: Outcome::ALL
            .into_iter()
            .map(|outcome| OutcomeChoice { key: outcome.key(), word: outcome.words().get(text.0).to_owned() })
            .collect(),
        ended: ended(task, visit),
        events: events.iter().map(|event| event_row(event, visit)).collect(),
        home: home.to_owned(),
        kept: kept.clone(),
    })
}

fn reason_row(joined: &Joined, visit: &Visit) -> ReasonRow {
    let (text, reason) = (visit.text, &joined.reason);
    let mut readings = joined.readings.clone();
    let reading = readings.pop();
    readings.reverse();
    ReasonRow {
        text: format::capital(text.0.pick(&reason.text_sv, &reason.text_en)),
        measured: measured(reason, text),
        when: format::moment(joined.at, visit.now, text),
        late: joined.late,
        reading,
        more_readings: readings,
    }
}

/// What the rule compared with what, in words.
fn measured(reason: &Reason, text: Text) -> Option<String> {
    let words = |value: f64| measure(value, &reason.unit, text);
    let limit = words(reason.limit?);
    Some(match reason.observed {
        Some(observed) => {
            text.with("card-rule-value", &[("value", words(observed).into()), ("limit", limit.into())])
        }
        None => text.with("card-limit", &[("limit", limit.into())]),
    })
}

/// A number with its unit as people write it.
fn measure(value: f64, unit: &str, text: Text) -> String {
    let decimals = usize::from(unit == "kg" || value.fract().abs() > 0.05);
    let number = format::decimal(value, decimals, text.0);
    let word = match unit {
        "/min" => text.t("unit-per-minute"),
        "d" => text.t("unit-days"),
        other => other.to_owned(),
    };
    if word.is_empty() { number } else { format!("{number}{}{word}", format::THIN) }
}

async fn rules(
    connection: &mut Connection,
    task: &Task,
    standing: &[&Joined],
    visit: &Visit,
) -> Result<String, StoreError> {
    let text = visit.text;
    let switched_on = match task.activation {
        Some(id) => policies::activation(connection, id).await?,
        None => None,
    };
    let names: Vec<&str> = standing.iter().map(|one| one.reason.rule.as_str()).collect();
    let values = [
        ("rules", names.join(", ").into()),
        ("policy", task.policy.clone().into()),
        ("version", task.policy_version.clone().into()),
    ];
    let rules = text.with("card-rules", &values);
    Ok(match switched_on {
        Some(one) => {
            let when = format::moment(one.at, visit.now, text);
            let by = [("name", one.by_name.into()), ("when", when.into()), ("why", one.reason.into())];
            format!("{rules} {}", text.with("card-rules-by", &by))
        }
        None => rules,
    })
}

fn owner(task: &Task, visit: &Visit) -> String {
    let text = visit.text;
    let unit = task.unit_name.clone().unwrap_or_else(|| text.t("card-no-unit"));
    match (&task.owner, &task.owner_name) {
        (Some(owner), _) if *owner == visit.subject.id => text.t("card-yours"),
        (Some(_), Some(name)) => {
            text.with("card-owned", &[("name", name.clone().into()), ("unit", unit.into())])
        }
        (Some(_) | None, _) => text.with("card-free", &[("unit", unit.into())]),
    }
}

/// A competence in words.
pub(crate) fn competence(competence: alerts::Competence, text: Text) -> String {
    text.t(match competence {
        alerts::Competence::HeartFailureNurse => "competence-heart-failure-nurse",
        alerts::Competence::Physician => "competence-physician",
        alerts::Competence::HomeCare => "competence-home-care",
        alerts::Competence::MeasuringSupport => "competence-measuring-support",
        alerts::Competence::Technician => "competence-technician",
    })
}

fn ended(task: &Task, visit: &Visit) -> Option<String> {
    let (text, at) = (visit.text, task.closed_at?);
    let key = task.outcome.as_deref().unwrap_or_default();
    let outcome = Outcome::from_key(key)
        .map_or_else(|| text.t("card-ended-by-itself"), |outcome| outcome.words().get(text.0).to_owned());
    let note = task.outcome_note.as_deref().filter(|note| !note.is_empty());
    let mut said = text.with(
        "card-ended",
        &[("when", format::moment(at, visit.now, text).into()), ("outcome", outcome.into())],
    );
    if let Some(note) = note {
        said = format!("{said} {note}");
    }
    if let Some(day) = task.follow_up.as_deref().and_then(|day| day.parse().ok()) {
        let day = format::day_word(day, format::day_of(visit.now), text);
        said = format!("{said} {}", text.with("card-follow-up", &[("day", day.into())]));
    }
    Some(said)
}

fn event_row(event: &TaskEvent, visit: &Visit) -> EventRow {
    let text = visit.text;
    let what = match event.action.as_str() {
        "opened" => text.t("event-opened"),
        "joined" => text.t("event-joined"),
        "raised" => text.t("event-raised"),
        "taken" => text.t("event-taken"),
        "released" => text.t("event-released"),
        "handed_over" => text.t("event-handed-over"),
        "noted" => text.t("event-noted"),
        "closed" => text.t("event-closed"),
        "reopened" => text.t("event-reopened"),
        "snoozed" => text.t("event-snoozed"),
        "woken" => text.t("event-woken"),
        "escalated" => text.t("event-escalated"),
        "emergency_shown" => text.t("event-emergency-shown"),
        other => other.to_owned(),
    };
    EventRow {
        when: format::moment(event.at, visit.now, text),
        actor: event.actor.clone(),
        what,
        note: match AutoClose::from_key(&event.note) {
            Some(AutoClose::Quiet) => text.t("closed-quiet"),
            Some(AutoClose::Resolved) => text.t("closed-resolved"),
            None => event.note.clone(),
        },
    }
}
