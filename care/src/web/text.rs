//! The words of the pages, Swedish first, from Fluent files compiled into the program.
//!
//! **Invariant:** both languages have the same keys, and every key a page names is there; a test walks the sources.

use std::sync::LazyLock;

use fluent::concurrent::FluentBundle;
use fluent::{FluentArgs, FluentResource, FluentValue};

use crate::language::Language;

macro_rules! locale {
    ($language:literal) => {
        [
            include_str!(concat!("../../locales/", $language, "/shell.ftl")),
            include_str!(concat!("../../locales/", $language, "/login.ftl")),
            include_str!(concat!("../../locales/", $language, "/worklist.ftl")),
            include_str!(concat!("../../locales/", $language, "/task.ftl")),
            include_str!(concat!("../../locales/", $language, "/patients.ftl")),
            include_str!(concat!("../../locales/", $language, "/me.ftl")),
            include_str!(concat!("../../locales/", $language, "/patient.ftl")),
            include_str!(concat!("../../locales/", $language, "/admin.ftl")),
            include_str!(concat!("../../locales/", $language, "/plan.ftl")),
            include_str!(concat!("../../locales/", $language, "/parameters.ftl")),
            include_str!(concat!("../../locales/", $language, "/policies.ftl")),
            include_str!(concat!("../../locales/", $language, "/quarantine.ftl")),
            include_str!(concat!("../../locales/", $language, "/gateway.ftl")),
            include_str!(concat!("../../locales/", $language, "/population.ftl")),
        ]
    };
}

const SWEDISH: [&str; 14] = locale!("sv");
const ENGLISH: [&str; 14] = locale!("en");

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<(Bundle, Bundle)> =
    LazyLock::new(|| (bundle(Language::Sv, &SWEDISH), bundle(Language::En, &ENGLISH)));

fn bundle(language: Language, files: &[&str]) -> Bundle {
    let locale = language.key().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![locale]);
    // The marks around placed values would show in plain text and in tests of it; our values run left to right.
    bundle.set_use_isolating(false);
    for file in files {
        let resource = match FluentResource::try_new((*file).to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// The words in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Language);

impl Text {
    /// The text behind `key`. A key that is missing shows itself, so that it is seen and never silent.
    pub(crate) fn t(self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The text behind `key`, with `values` in their places.
    pub(crate) fn with(self, key: &str, values: &[(&str, FluentValue<'_>)]) -> String {
        let bundle = match self.0 {
            Language::Sv => &BUNDLES.0,
            Language::En => &BUNDLES.1,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return format!("[{key}]");
        };
        let args: FluentArgs<'_> = values.iter().map(|(name, value)| (*name, value.clone())).collect();
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// The text behind `key`, with one number in its place `count`.
    pub(crate) fn count(self, key: &str, count: i64) -> String {
        self.with(key, &[("count", count.into())])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn keys(files: &[&str]) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for file in files {
            FluentResource::try_new((*file).to_owned()).expect("the file parses");
            for line in file.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())) {
                let key = line.split(" =").next().expect("a key").to_owned();
                assert!(keys.insert(key), "{line} twice");
            }
        }
        keys
    }

    fn files_under(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { files_under(&path, found) } else { found.push(path) }
        }
    }

    /// Every quoted word in `source` that is shaped like a key and begins as one of `keys` does.
    fn named<'a>(source: &'a str, keys: &BTreeSet<String>) -> BTreeSet<&'a str> {
        let families: BTreeSet<&str> =
            keys.iter().map(|key| key.split('-').next().unwrap_or_default()).collect();
        let shaped = |word: &&str| {
            word.contains('-')
                && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && families.contains(word.split('-').next().unwrap_or_default())
        };
        source.split('"').filter(shaped).collect()
    }

    /// Quoted words that look like keys and are something else: names of headers, fields and acts.
    const NO_KEYS: [&str; 3] = ["x-fragment", "no-store", "no-cache"];

    #[test]
    fn both_languages_have_the_same_keys_and_every_key_is_named_and_there() {
        let (swedish, english) = (keys(&SWEDISH), keys(&ENGLISH));
        assert_eq!(swedish, english);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        files_under(&root.join("templates"), &mut files);
        files_under(&root.join("src/web"), &mut files);
        files_under(&root.join("src/chart"), &mut files);
        let mut sources = String::new();
        for file in files.iter().filter(|file| !file.ends_with("text.rs")) {
            let source = std::fs::read_to_string(file).expect("text");
            for key in named(&source, &swedish).into_iter().filter(|key| !NO_KEYS.contains(key)) {
                // An id or a class may look like a key; what is asked for is the first word of a call, or of an arm.
                let calls = [".t(", ".with(", ".count(", "=> ", "=> ("];
                let asked = calls.iter().any(|call| source.contains(&format!("{call}\"{key}\"")));
                let is_there = swedish.contains(key);
                assert!(!asked || is_there, "{} names {key}, which no locale has", file.display());
            }
            sources.push_str(&source);
        }
        // A key is written whole, or put together from its beginning and an enum's own key.
        let begins = |key: &str| {
            key.match_indices('-').any(|(end, _)| sources.contains(&format!("\"{}-{{", &key[..end])))
        };
        let idle: Vec<&String> =
            swedish.iter().filter(|key| !sources.contains(&format!("\"{key}\"")) && !begins(key)).collect();
        assert!(idle.is_empty(), "no page names {idle:?}");
    }

    #[test]
    fn values_stand_in_their_places_in_both_languages() {
        let age = [("age", "34 s".into())];
        assert_eq!(Text(Language::Sv).with("chain-whole", &age), "Kedjan hel, kontrollerad för 34 s sedan");
        assert_eq!(Text(Language::En).with("chain-whole", &age), "Chain whole, checked 34 s ago");
        assert_eq!(Text(Language::En).t("no-such-key"), "[no-such-key]");
    }
}
