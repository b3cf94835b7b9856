//! The final count: what was fed, against what the outboxes, PostgreSQL, QuestDB and the tasks hold, reading by reading.
//!
//! **Invariant:** what is expected comes from what was handed to the gateways and from what lay on their disks when they were killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::homes::Homes;
use crate::measured::Expected;
use crate::servers::Servers;
use crate::support::{lines, stderr, stdout};

/// The longest that the projection may take to catch up, on a busy machine.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(180);

/// Counts, and says what it counted.
pub(crate) fn count(homes: &Homes, servers: &Servers) -> String {
    let expected: Vec<&Expected> = homes.homes.iter().flat_map(|home| &home.expected).collect();
    let outboxes = outboxes(homes);
    let readings = readings(&expected, homes, servers);
    let tasks = tasks(homes, servers);
    let summary = reconciled(expected.len(), servers);
    let rows = questdb(&expected, servers);
    format!(
        "{} readings fed = {outboxes} sealed and receipted = {readings} in PostgreSQL, each once = {} assessed = {rows} rows in QuestDB, each once; \
         {tasks} tasks, each once; {} numbers that lay on the disk of a killed gateway, each in its place; 0 differences: {summary}",
        expected.len(),
        summary["looked"]["assessed"],
        homes.homes.iter().map(|home| home.sealed.len()).sum::<usize>(),
    )
}

/// Every outbox holds a number for each measurement and no more, and a receipt for each number.
fn outboxes(homes: &Homes) -> usize {
    for home in &homes.homes {
        let status = home.status();
        let said = [&status["last_seq"], &status["unreceipted"], &status["set_aside"], &status["undecoded"]];
        assert_eq!(
            said,
            [&json!(home.expected.len()), &json!(0), &json!(0), &json!(0)],
            "{}: {status}",
            home.gateway()
        );
    }
    homes.measured()
}

/// PostgreSQL holds every reading once, with its bytes and values, and every number that was ever seen on a gateway's disk in its place.
fn readings(expected: &[&Expected], homes: &Homes, servers: &Servers) -> usize {
    let exported = servers.exported("readings");
    let key = |gateway: &str, patient: &str, hex: &str, at_ms: i64, values: &Value| {
        format!("{gateway} {patient} {hex} {at_ms} {values}")
    };
    let stored = exported.iter().map(|line| {
        let text = |pointer: &str| line.pointer(pointer).and_then(Value::as_str).expect("text");
        let at: jiff::Timestamp = text("/at").parse().expect("a time");
        key(
            text("/gateway"),
            text("/patient"),
            text("/raw/hex"),
            at.as_millisecond(),
            &numbers(&line["values"]),
        )
    });
    let fed = expected
        .iter()
        .map(|one| key(&one.gateway, &one.patient, &one.hex, one.at_ms, &numbers(&one.values)));
    same("readings in PostgreSQL", fed, stored);
    let held: usize = servers.sql("vagen", "SELECT COUNT(*) FROM reading").parse().expect("a number");
    assert_eq!(held, expected.len(), "rows of readings");

    let by_number: BTreeMap<(&str, &str, i64), &str> = exported
        .iter()
        .map(|line| {
            let text = |key: &str| line[key].as_str().expect("text");
            (
                (text("gateway"), text("outbox"), line["seq"].as_i64().expect("a number")),
                line["raw"]["hex"].as_str().expect("text"),
            )
        })
        .collect();
    for home in &homes.homes {
        let (gateway, outbox) = (home.gateway(), home.outbox_id.clone().unwrap_or_default());
        for (seq, seal) in &home.sealed {
            let found = by_number.get(&(gateway.as_str(), outbox.as_str(), *seq));
            assert_eq!(
                found,
                Some(&seal.hex.as_str()),
                "{gateway} {outbox} {seq}: sealed before a kill ({seal:?})"
            );
        }
    }

    let output = servers.vagen(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&status["readings"], &status["quarantined"]), (&json!(held), &json!({})), "{status}");
    for home in &homes.homes {
        let gateway = home.gateway();
        let through: Vec<&Value> = status["outboxes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row["gateway"] == gateway)
            .collect();
        assert_eq!(through.len(), 1, "{gateway} has one outbox: {status}");
        assert_eq!(through[0]["through"], home.expected.len(), "{gateway}: {status}");
    }
    held
}

/// Every chapter that must open a task opened it, once, and there is no other.
fn tasks(homes: &Homes, servers: &Servers) -> usize {
    let opened = servers.exported("tasks");
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or("-").to_owned();
    let found = opened.iter().map(|line| format!("{} {}", text(line, "patient"), text(line, "problem")));
    let expected = homes
        .homes
        .iter()
        .flat_map(|home| &home.tasks)
        .map(|(patient, problem)| format!("{patient} {problem}"));
    same("tasks", expected, found);
    opened.len()
}

/// `vagen reconcile` finds no difference and has nothing to explain, once the projection has caught up.
fn reconciled(readings: usize, servers: &Servers) -> Value {
    let (asked, deadline) = (Instant::now(), Instant::now() + CAUGHT_UP_WITHIN);
    let (output, summary) = loop {
        let output = servers.vagen(&["reconcile"]);
        let summary = lines(&output).pop().unwrap_or_else(|| panic!("a summary: {}", stderr(&output)));
        if summary["explained"]["projection_lag"] == 0 && output.status.success() || Instant::now() > deadline
        {
            break (output, summary);
        }
        std::thread::sleep(Duration::from_secs(1));
    };
    println!("QuestDB had everything {:.0} s after it was asked for", asked.elapsed().as_secs_f64());
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let looked = &summary["looked"];
    assert_eq!((&looked["readings"], &looked["assessed"]), (&json!(readings), &json!(readings)), "{summary}");
    let explained = summary["explained"].as_object().expect("an object");
    let left: Vec<_> = explained.iter().filter(|(_, count)| **count != 0).collect();
    assert!(left.is_empty(), "nothing to explain: {summary}");
    summary
}

/// QuestDB holds a row for every value of every reading, once.
fn questdb(expected: &[&Expected], servers: &Servers) -> usize {
    let query = "SELECT patient, quantity, value, cast(ts AS LONG) FROM vagen_reading";
    let rows = servers.ask_questdb(query).unwrap_or_else(|error| panic!("QuestDB: {error}"));
    let key = |patient: &str, quantity: &str, value: f64, at_us: i64| {
        format!("{patient} {quantity} {value:.3} {at_us}")
    };
    let found = rows.iter().map(|row| {
        let text = |column: usize| row[column].as_str().unwrap_or("-");
        key(text(0), text(1), row[2].as_f64().expect("a value"), row[3].as_i64().expect("a time"))
    });
    let wanted = expected.iter().flat_map(|one| {
        let values = one.values.as_object().expect("values").iter();
        values.map(|(quantity, value)| {
            key(&one.patient, quantity, value.as_f64().expect("a number"), one.at_ms * 1_000)
        })
    });
    same("rows in QuestDB", wanted, found);
    rows.len()
}

/// Numbers as decimal fractions, however they were written.
fn numbers(values: &Value) -> Value {
    let values = values.as_object().expect("values").iter();
    values
        .map(|(key, value)| (key.clone(), json!(format!("{:.3}", value.as_f64().expect("a number")))))
        .collect()
}

/// The same things, each as often on both sides.
fn same(what: &str, expected: impl Iterator<Item = String>, found: impl Iterator<Item = String>) {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    expected.for_each(|one| *counts.entry(one).or_default() += 1);
    found.for_each(|one| *counts.entry(one).or_default() -= 1);
    let wrong: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count != 0)
        .map(|(one, count)| {
            if *count > 0 { format!("{count} too few: {one}") } else { format!("{} too many: {one}", -count) }
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{what}: {} differ\n{}",
        wrong.len(),
        wrong.iter().take(40).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn a_count_that_does_not_match_is_noticed() {
    let check = |expected: &[&str], found: &[&str]| {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>().into_iter();
        let (expected, found) = (owned(expected), owned(found));
        std::panic::catch_unwind(|| same("letters", expected, found)).is_ok()
    };
    // To add a case, add a row: what is expected, what is found, whether that is the same.
    let rows: [(&[&str], &[&str], bool); 5] = [
        (&["a", "b"], &["b", "a"], true),
        (&["a", "b"], &["a"], false),
        (&["a"], &["a", "b"], false),
        (&["a"], &["a", "a"], false),
        (&["a", "a"], &["a"], false),
    ];
    for (expected, found, is_same) in rows {
        assert_eq!(check(expected, found), is_same, "{expected:?} {found:?}");
    }
}
