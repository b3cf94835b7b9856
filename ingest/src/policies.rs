//! The policies that readings are judged by: those the program brings, and those of the store, with what is switched on there.
//!
//! **Invariant:** what stands for a patient is asked of the transaction that judges, so nothing switched on before it is missed.

use std::sync::{Arc, Mutex, PoisonError};

use alerts::Policy;
use care::policies::Book;
use care::store::{StoreError, Tx};

/// The policies of this installation.
#[derive(Clone, Debug)]
pub struct Policies {
    brought: Arc<Book>,
    names: Arc<Vec<String>>,
    loaded: Arc<Mutex<Option<Loaded>>>,
}

/// The book as it was loaded, and how far the store's tables reached then.
#[derive(Clone, Debug)]
struct Loaded {
    marks: (i64, i64),
    book: Arc<Book>,
}

impl Policies {
    /// The product's recommended policy, and `others`.
    #[must_use]
    pub fn new(others: impl IntoIterator<Item = Policy>) -> Self {
        let brought = Book::of(others);
        let mut names: Vec<String> = brought.policies().map(|policy| policy.name().to_owned()).collect();
        names.dedup();
        Self { brought: Arc::new(brought), names: Arc::new(names), loaded: Arc::default() }
    }

    /// Every name that the program brings, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Everything that `tx` sees, where the store's tables reach as far as `marks`.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or a row that cannot be read.
    pub(crate) async fn book(&self, tx: &mut Tx, marks: (i64, i64)) -> Result<Arc<Book>, StoreError> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(loaded) = loaded.filter(|loaded| loaded.marks == marks) {
            return Ok(loaded.book);
        }
        let book = Arc::new(Book::clone(&self.brought).with_store(tx).await?);
        let loaded = Loaded { marks, book: Arc::clone(&book) };
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = Some(loaded);
        Ok(book)
    }
}

impl Default for Policies {
    fn default() -> Self {
        Self::new([])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recommended_policy_is_always_there() {
        assert_eq!(Policies::default().names().collect::<Vec<_>>(), ["recommended"]);
        let all = Policies::new(Policy::shipped().iter().cloned());
        assert_eq!(all.names().count(), Policy::shipped().len());
    }
}
