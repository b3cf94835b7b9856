//! The record week by week: how the readings of one person are found in an index that begins with the week of measuring.
//!
//! Such an index has one place where it grows, whoever measures, so that what a batch costs does not depend on how many people there
//! are or how many years are stored. To find one person's readings the weeks in which anybody measured are walked, one step each, and
//! each is asked for theirs.
//!
//! **Invariant:** a reading has one week, that of `at`, and the expression for it is the index's own, to the letter.

use crate::store::sql::Dialect;

/// The week of a reading, since 1970.
const WEEK: &str = "at / 604800000";

/// Makes the table `week (n)` of the weeks with any reading in them, oldest first.
pub(crate) fn all() -> String {
    format!(
        "WITH RECURSIVE week (n) AS (SELECT MIN({WEEK}) FROM reading
         UNION ALL SELECT (SELECT MIN({WEEK}) FROM reading WHERE {WEEK} > week.n) FROM week WHERE week.n IS NOT NULL) "
    )
}

/// As [`all`], the weeks from that of the time bound at `$from` to that of the time at `$to`.
pub(crate) fn between(from: usize, to: usize) -> String {
    format!(
        "WITH RECURSIVE week (n) AS (SELECT MIN({WEEK}) FROM reading WHERE {WEEK} >= ${from} / 604800000
         UNION ALL SELECT (SELECT MIN({WEEK}) FROM reading WHERE {WEEK} > week.n) FROM week WHERE week.n < ${to} / 604800000) "
    )
}

/// That a reading is of a week of the table `week`.
pub(crate) fn within(dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => format!("{WEEK} IN (SELECT n FROM week)"),
        // As a list, which an index takes; as a subquery it might become a join with all there is.
        Dialect::Postgres => format!("{WEEK} = ANY(ARRAY(SELECT n FROM week))"),
    }
}

/// The time of the last reading of `patient`, an expression, among those that `among` lets through; NULL when there is none. The weeks
/// are walked backwards, as far as the first that has one.
pub(crate) fn last_at(patient: &str, among: &str) -> String {
    walked("MAX", "<", patient, among)
}

/// As [`last_at`], where `now`, an expression, is the time: nearly everybody has one of this week or the last, which is looked at first.
pub(crate) fn last_at_before(now: &str, patient: &str) -> String {
    let of_week =
        |week: &str| format!("(SELECT MAX(at) FROM reading WHERE {WEEK} = {week} AND patient = {patient})");
    let near = [1, 0, -1].map(|ahead| of_week(&format!("{now} / 604800000 + {ahead}"))).join(", ");
    format!("COALESCE({near}, {})", last_at(patient, "TRUE"))
}

/// As [`last_at`], of the first.
pub(crate) fn first_at(patient: &str) -> String {
    walked("MIN", ">", patient, "TRUE")
}

fn walked(end: &str, beyond: &str, patient: &str, among: &str) -> String {
    format!(
        "(WITH RECURSIVE week (n) AS (SELECT {end}({WEEK}) FROM reading
          UNION ALL SELECT (SELECT {end}({WEEK}) FROM reading WHERE {WEEK} {beyond} week.n) FROM week WHERE week.n IS NOT NULL)
         SELECT found FROM (SELECT (SELECT {end}(at) FROM reading WHERE {WEEK} = week.n AND patient = {patient} AND {among})
          AS found FROM week) AS walked WHERE found IS NOT NULL LIMIT 1)"
    )
}

#[cfg(test)]
mod tests;
