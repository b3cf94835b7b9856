//! The files of this checkout that hold text, by path. What was built, what is hidden and what is no text is left out.

use std::collections::BTreeMap;
use std::path::Path;

/// One text file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// From the checkout's root, with `/`.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
}

impl File {
    /// Whether this is Rust that only tests run.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name == "tests.rs"
            || name.ends_with("_test.rs")
            || ["tests/", "benches/", "examples/"]
                .iter()
                .any(|folder| self.path.starts_with(folder) || self.path.contains(&format!("/{folder}")))
    }
}

/// Every text file, in the order of their paths.
pub(crate) struct Checkout {
    files: Vec<File>,
    paths: BTreeMap<String, bool>,
}

impl Checkout {
    /// Reads the checkout that cargo runs this test in.
    pub(crate) fn read() -> Self {
        let mut checkout = Self { files: Vec::new(), paths: BTreeMap::new() };
        let root = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the checkout is");
        checkout.walk(Path::new(&root), "");
        assert!(checkout.files.len() > 20, "the checkout is not there");
        checkout
    }

    fn walk(&mut self, folder: &Path, prefix: &str) {
        let entries = std::fs::read_dir(folder).expect("a folder that can be read");
        let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry")).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || (prefix.is_empty() && name == "target") {
                continue;
            }
            let path = format!("{prefix}{name}");
            let is_folder = entry.path().is_dir();
            self.paths.insert(path.clone(), is_folder);
            if is_folder {
                self.walk(&entry.path(), &format!("{path}/"));
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                self.files.push(File { path, text });
            }
        }
    }

    /// The file at `path`, which must be there.
    pub(crate) fn file(&self, path: &str) -> &File {
        self.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("no {path}"))
    }

    /// Whether there is a file or a folder at `path`.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains_key(path.trim_end_matches('/'))
    }

    /// Every text file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Every Rust file.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    /// Every document.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".md"))
    }
}
