//! The directory a demo keeps its data in: whose it is, and how far its history has been told.
//!
//! **Invariant:** nothing is removed or written where a store lies that no demo made.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use care::store::FILE_NAME;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, OrFail};

/// The file that says that the directory is a demo's.
const MARK: &str = "demo.json";
const HOMES: &str = "homes";

/// How far a history has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The story's day 0: the day on which the demo first started.
    pub(crate) day_0: Date,
    /// The last day told.
    pub(crate) through: Date,
}

/// A demo's directory.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes `directory` a demo's, and says how far a history has been told in it: `None` where it is still to begin. What
    /// a history that was broken off left behind is removed.
    ///
    /// # Errors
    /// [`Failure::Input`] when a store is there that no demo made.
    pub(crate) fn claim(directory: &Path) -> Result<(Self, Option<Told>), Failure> {
        let folder = Self(directory.to_owned());
        match std::fs::read_to_string(directory.join(MARK)) {
            Ok(mark) => match serde_json::from_str(&mark) {
                Ok(told) => return Ok((folder, Some(told))),
                Err(_) => folder.clear().with_context(|| folder.cannot("clear")).or_fail()?,
            },
            Err(_) if directory.join(FILE_NAME).exists() => {
                return Err(Failure::input(format_args!(
                    "--data {}: holds a store that is not a demo's; choose another directory",
                    directory.display()
                )));
            }
            Err(_) => {}
        }
        std::fs::create_dir_all(directory).with_context(|| folder.cannot("make")).or_fail()?;
        folder.write_mark("begun\n")?;
        Ok((folder, None))
    }

    /// Writes down how far the history has been told.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn remember(&self, told: Told) -> Result<(), Failure> {
        self.write_mark(&serde_json::to_string(&told).or_fail()?)
    }

    /// Where the homes' outboxes are.
    pub(crate) fn homes(&self) -> PathBuf {
        self.0.join(HOMES)
    }

    fn write_mark(&self, text: &str) -> Result<(), Failure> {
        std::fs::write(self.0.join(MARK), text).with_context(|| self.cannot("write in")).or_fail()
    }

    fn cannot(&self, what: &str) -> String {
        format!("cannot {what} {}", self.0.display())
    }

    /// Removes what a demo's history consists of, and nothing else.
    fn clear(&self) -> std::io::Result<()> {
        let absent_is_fine = |done: std::io::Result<()>| match done {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done,
        };
        for tail in ["", "-wal", "-shm"] {
            absent_is_fine(std::fs::remove_file(self.0.join(format!("{FILE_NAME}{tail}"))))?;
        }
        absent_is_fine(std::fs::remove_dir_all(self.homes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_demos_own_directory_is_taken() {
        let outer = tempfile::tempdir().expect("a temporary directory");
        let data = outer.path().join("new");
        let (folder, told) = Folder::claim(&data).expect("made when it is missing");
        assert_eq!(told, None);
        std::fs::write(data.join(FILE_NAME), "half a history").expect("writes");
        std::fs::create_dir(folder.homes()).expect("makes");
        assert_eq!(Folder::claim(&data).expect("ours").1, None, "a history that was broken off is told anew");
        assert!(!data.join(FILE_NAME).exists() && !folder.homes().exists());
        std::fs::write(data.join(FILE_NAME), "a history").expect("writes");
        let day = |text: &str| text.parse().expect("a date");
        let told = Told { day_0: day("2026-03-30"), through: day("2026-04-02") };
        folder.remember(told).expect("writes");
        assert_eq!(Folder::claim(&data).expect("ours").1, Some(told), "a whole history goes on");
        assert!(data.join(FILE_NAME).exists());
        std::fs::remove_file(data.join(MARK)).expect("removes");
        assert!(matches!(Folder::claim(&data), Err(Failure::Input(_))), "somebody's store is let be");
        assert!(data.join(FILE_NAME).exists());
    }
}
