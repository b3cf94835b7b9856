//! An entry of the register as a line and as a form, and times as an administrator writes them.
//!
//! **Invariant:** a form that is sent back untouched says what its entry says.

use jiff::civil::DateTime;
use vitals::Timestamp;

use crate::access::Role;
use crate::clock::zone;
use crate::register::listing::{Fields, Holds, Table};
use crate::web::format;
use crate::web::text::Text;
use crate::web::visit::Visit;

/// One line of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What it says, column by column.
    pub(crate) cells: Vec<String>,
    /// The entry's address.
    pub(crate) address: String,
}

/// One value that can be chosen.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// The value.
    pub(crate) value: String,
    /// Its words.
    pub(crate) word: String,
    /// Whether it is chosen.
    pub(crate) current: bool,
}

/// One field of the form.
#[derive(Clone, Debug)]
pub(crate) struct FormField {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its words.
    pub(crate) label: String,
    /// What to write.
    pub(crate) hint: Option<String>,
    /// `text`, `password`, `checkbox` or `select`.
    pub(crate) shape: &'static str,
    /// What stands in it.
    pub(crate) value: String,
    /// What can be chosen.
    pub(crate) choices: Vec<Choice>,
    /// Whether it says which entry this is, and stays.
    pub(crate) fixed: bool,
}

/// The form of one entry.
#[derive(Clone, Debug)]
pub(crate) struct EntryForm {
    /// Whether it changes an entry that is there.
    pub(crate) editing: bool,
    /// The fields.
    pub(crate) fields: Vec<FormField>,
}

/// What can be referred to.
pub(crate) struct Known<'a> {
    /// The units.
    pub(crate) units: &'a [Fields],
    /// The organisations.
    pub(crate) organisations: &'a [Fields],
    /// The policies' names.
    pub(crate) policies: &'a [String],
}

fn dashed(key: &str) -> String {
    key.replace(['_', '.'], "-")
}

/// A table, as a heading.
pub(crate) fn table_word(table: Table, text: Text) -> String {
    text.t(&format!("admin-table-{}", dashed(table.key())))
}

fn field_word(name: &str, text: Text) -> String {
    text.t(&format!("admin-field-{}", dashed(name)))
}

/// What the list shows of each entry.
fn shown(table: Table) -> impl Iterator<Item = (&'static str, Holds)> {
    table.fields().iter().copied().filter(|(_, holds)| !matches!(holds, Holds::Flag | Holds::Secret))
}

/// The list's columns.
pub(crate) fn columns(table: Table, text: Text) -> Vec<String> {
    shown(table).map(|(name, _)| field_word(name, text)).collect()
}

/// What tells an entry from the others of its table. Ids hold no slash.
pub(crate) fn address(table: Table, fields: &Fields) -> String {
    let value = |name: &&str| fields.get(*name).cloned().unwrap_or_default();
    table.names_it().iter().map(value).collect::<Vec<_>>().join("/")
}

/// An entry as a line.
pub(crate) fn row(table: Table, fields: &Fields, visit: &Visit) -> Row {
    let text = visit.text;
    let cell = |(name, holds): (&str, Holds)| {
        let Some(value) = fields.get(name) else { return String::new() };
        match (holds, value.parse::<Timestamp>()) {
            (Holds::Time, Ok(at)) => format::moment(at, visit.now, text),
            _ => value_word(name, value, text),
        }
    };
    Row { cells: shown(table).map(cell).collect(), address: address(table, fields) }
}

fn value_word(name: &str, value: &str, text: Text) -> String {
    match name {
        "role" if Role::from_key(value).is_some() => text.t(&format!("role-{}", dashed(value))),
        "kind" => text.t(&format!("admin-kind-{}", dashed(value))),
        "language" => text.t(&format!("admin-language-{value}")),
        _ => value.to_owned(),
    }
}

/// A new entry before anything is written.
pub(crate) fn empty(table: Table) -> Fields {
    let flags = table.fields().iter().filter(|(_, holds)| *holds == Holds::Flag);
    flags.map(|(name, _)| ((*name).to_owned(), "true".to_owned())).collect()
}

/// The form of `fields`.
pub(crate) fn form(table: Table, fields: &Fields, editing: bool, known: &Known<'_>, text: Text) -> EntryForm {
    let field = |(name, holds): &(&'static str, Holds)| {
        let given = fields.get(*name).cloned().unwrap_or_default();
        let choices = choices(name, &given, known, text);
        let shape = match holds {
            Holds::Secret => "password",
            Holds::Flag => "checkbox",
            Holds::Text if !choices.is_empty() => "select",
            Holds::Text | Holds::Ids | Holds::Time | Holds::Number => "text",
        };
        FormField {
            name,
            label: field_word(name, text),
            hint: hint(name, *holds).map(|key| text.t(key)),
            shape,
            value: match holds {
                Holds::Secret => String::new(),
                Holds::Time => as_written(&given),
                Holds::Text | Holds::Ids | Holds::Number | Holds::Flag => given,
            },
            choices,
            fixed: editing && table.names_it().contains(name),
        }
    };
    EntryForm { editing, fields: table.fields().iter().map(field).collect() }
}

fn hint(name: &str, holds: Holds) -> Option<&'static str> {
    match (name, holds) {
        ("units", _) => Some("admin-hint-units"),
        ("slot", _) => Some("admin-hint-slot"),
        ("born", _) => Some("admin-hint-born"),
        ("until", _) => Some("admin-hint-until"),
        (_, Holds::Time) => Some("admin-hint-time"),
        (_, Holds::Secret) => Some("admin-hint-password"),
        (_, Holds::Text | Holds::Ids | Holds::Number | Holds::Flag) => None,
    }
}

/// What can be chosen for `name`, with what was given among it even where it cannot; nothing where one writes freely.
fn choices(name: &str, given: &str, known: &Known<'_>, text: Text) -> Vec<Choice> {
    let id_of = |fields: &Fields| fields.get("id").cloned().unwrap_or_default();
    let mut values: Vec<String> = match name {
        "kind" => ["region", "municipality", "primary_care", "provider"].map(str::to_owned).to_vec(),
        "role" => Role::ALL.map(|role| role.key().to_owned()).to_vec(),
        "language" => vec!["sv".to_owned(), "en".to_owned()],
        "policy" => known.policies.to_vec(),
        "unit" => known.units.iter().map(id_of).collect(),
        "organisation" => known.organisations.iter().map(id_of).collect(),
        _ => return Vec::new(),
    };
    if !given.is_empty() && !values.iter().any(|value| value == given) {
        values.push(given.to_owned());
    }
    let named = |value: &str, among: &[Fields]| {
        let found = among.iter().find(|fields| id_of(fields) == value);
        found.and_then(|fields| fields.get("name").cloned()).unwrap_or_else(|| value.to_owned())
    };
    let word = |value: &str| match name {
        "unit" => named(value, known.units),
        "organisation" => named(value, known.organisations),
        "policy" => value.to_owned(),
        _ => format::capital(&value_word(name, value, text)),
    };
    values.into_iter().map(|value| Choice { word: word(&value), current: value == given, value }).collect()
}

/// A time of the register as an administrator writes it, in Stockholm: `2026-01-31 07:30`. What would not read back as the
/// same time stays as it is.
fn as_written(time: &str) -> String {
    let Ok(at) = time.parse::<Timestamp>() else { return time.to_owned() };
    let local = at.to_jiff().to_zoned(zone());
    let midnight = (local.hour(), local.minute()) == (0, 0);
    let written = local.strftime(if midnight { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M" }).to_string();
    if as_time(&written).parse() == Ok(at) { written } else { time.to_owned() }
}

/// A time as an administrator writes it, as the register writes it: a day begins at midnight in Stockholm. Anything else
/// is left for the register to judge.
pub(crate) fn as_time(written: &str) -> String {
    let written = written.trim();
    let local = written.parse::<DateTime>().ok().and_then(|local| local.to_zoned(zone()).ok());
    let at = local.and_then(|local| Timestamp::from_millis(local.timestamp().as_millisecond()).ok());
    at.map_or_else(|| written.to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stockholm is an hour ahead of UTC in winter and two in summer.
    #[test]
    fn a_time_is_written_as_on_the_wall_and_kept_to_the_millisecond() {
        let rows = [
            ("2026-01-31", "2026-01-30T23:00:00.000Z", "2026-01-31"),
            ("2026-07-01 07:30", "2026-07-01T05:30:00.000Z", "2026-07-01 07:30"),
            ("2026-07-01T05:30:12.345Z", "2026-07-01T05:30:12.345Z", "2026-07-01T05:30:12.345Z"),
            // The hour that comes twice, the second time.
            ("2026-10-25T01:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-10-25T01:30:00.000Z"),
            ("soon", "soon", "soon"),
        ];
        for (written, time, again) in rows {
            assert_eq!(as_time(written), time, "{written}");
            assert_eq!(as_written(time), again, "{written}");
        }
    }
}
