//! The configuration file with what enrolment says put into it; every other line stays as somebody wrote it.
//!
//! **Invariant:** what comes out says each key of enrolment once, before the first table, and is read back as what was put in.

/// The keys that enrolment writes.
const KEYS: [&str; 7] = ["gateway", "broker", "ca", "certificate", "key", "server", "server_ca"];

/// `text` with `values` in place of whatever it says about the keys of enrolment. Of those, a key without a value is taken out.
#[must_use]
pub fn with(text: &str, values: &[(&str, String)]) -> String {
    let mut written = String::new();
    for (key, value) in values {
        written.push_str(&format!("{key} = {}\n", toml::Value::from(value.as_str())));
    }
    let mut in_table = false;
    for line in text.lines() {
        in_table |= line.trim_start().starts_with('[') && opens_table(line);
        if in_table || !says_ours(line) {
            written.push_str(line);
            written.push('\n');
        }
    }
    written
}

/// Whether `line` says one of our keys.
fn says_ours(line: &str) -> bool {
    let Some((key, _)) = line.split_once('=') else { return false };
    KEYS.contains(&key.trim().trim_matches(['"', '\'']))
}

/// Whether `line` begins a table, and is no line of an array.
fn opens_table(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let name = line.trim_start_matches('[').trim_end_matches(']');
    line.ends_with(']')
        && !name.is_empty()
        && !name.contains(['[', ']', ',', '='])
        && !name.starts_with(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Vec<(&'static str, String)> {
        vec![
            ("gateway", "gw-0002".to_owned()),
            ("broker", "mqtts://b:8883".to_owned()),
            ("ca", "/a \"b\"/ca.pem".to_owned()),
        ]
    }

    /// To add a case, add a row: what was there, and what of it must still be said.
    #[test]
    fn our_keys_are_replaced_and_nothing_else_is_touched() {
        let rows = [
            ("", vec![]),
            (
                "gateway = \"gw-0001\"\n# keep me\nlog_level = \"debug\"\n",
                vec!["# keep me", "log_level = \"debug\""],
            ),
            ("key = \"old\"\nserver=\"http://old\"\n\"ca\" = 'old'\n", vec![]),
            (
                "devices = [\n  \"54:6C:0E:00:00:01\",\n]\n[consents]\n\"54:6C:0E:00:00:01\" = { user = 1, code = 2 }\n",
                vec![
                    "\"54:6C:0E:00:00:01\",",
                    "[consents]",
                    "\"54:6C:0E:00:00:01\" = { user = 1, code = 2 }",
                ],
            ),
        ];
        for (before, kept) in rows {
            let after = with(before, &values());
            let read: toml::Table =
                after.parse().unwrap_or_else(|error| panic!("{before}: {error}\n{after}"));
            for (key, value) in values() {
                assert_eq!(read.get(key).and_then(toml::Value::as_str), Some(value.as_str()), "{after}");
            }
            assert!(kept.iter().all(|line| after.lines().any(|has| has.trim() == *line)), "{after}");
            assert!(!after.contains("old"), "{after}");
            assert_eq!(with(&after, &values()), after, "done twice it is the same");
        }
    }
}
