//! Short words between the processes that share a PostgreSQL store. They go over the database, so there is nothing more to set up;
//! none is kept for who does not listen.
//!
//! **Invariant:** a hint, never the truth: whoever hears it reads the store.

use std::time::Duration;

use sqlx::postgres::PgListener;

use super::sql;
use super::{Pool, Store, StoreError};

const CHANNEL: &str = "vagen";
/// What one word may have, in bytes; the server takes less than 8,000.
const WORD_BYTES_MAX: usize = 7_000;
const LISTEN_WITHIN: Duration = Duration::from_secs(15);

/// Hears what other processes, and this one, say.
#[derive(Debug)]
pub struct News(PgListener);

impl News {
    /// The next word. After a lost connection it goes on by itself; `None` says that words may have been missed.
    ///
    /// # Errors
    /// [`StoreError::Database`] while the server is not there.
    pub async fn hear(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.0.try_recv().await?.map(|word| word.payload().to_owned()))
    }
}

impl Store {
    /// Listens to other processes over this store; `None` where there can be none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn news(&self) -> Result<Option<News>, StoreError> {
        let Pool::Postgres(pool) = &self.pool else { return Ok(None) };
        let listening = async {
            let mut listener = PgListener::connect_with(pool).await?;
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        match tokio::time::timeout(LISTEN_WITHIN, listening).await {
            Ok(listener) => Ok(Some(News(listener?))),
            Err(_) => Err(StoreError::Database(sqlx::Error::PoolTimedOut)),
        }
    }

    /// Says `word`, of at most 7,000 bytes, to every process that listens.
    ///
    /// # Errors
    /// [`StoreError::Database`]; [`StoreError::Unreadable`] for one that is too long.
    pub async fn say(&self, word: &str) -> Result<(), StoreError> {
        if word.len() > WORD_BYTES_MAX {
            return Err(StoreError::unreadable("a word to other processes", "it is too long"));
        }
        let mut reader = self.read().await?;
        sql::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(word).execute(&mut reader).await?;
        Ok(())
    }
}
