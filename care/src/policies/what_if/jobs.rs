//! Runs in the background: one at a time for a person, few in all, each with its progress, until it is done or called off.
//!
//! **Invariant:** a run ends: by being done, by being called off, by failing, or with the process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use vitals::Timestamp;

use super::DAYS;
use super::compare::Outcome;
use super::gather::{self, Asked, Whom};
use crate::access::Subject;
use crate::policies::Book;
use crate::store::{Store, StoreError};

/// Runs at a time, all people together.
const RUNNING_MAX: usize = 2;
/// Runs that are remembered.
const KEPT_MAX: usize = 24;
/// For how long one is remembered: a decision rests on figures of the same day.
const KEPT_MS: i64 = 2 * Timestamp::HOUR_MS;

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Others are running.
    #[error("too many are running; try again in a moment")]
    Busy,
    /// There is no such policy.
    #[error("there is no such policy")]
    NoSuchPolicy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far a run is.
#[derive(Clone, Debug)]
pub enum Progress {
    /// So many of so many patients are done.
    Running {
        /// Done.
        done: usize,
        /// In all.
        total: usize,
    },
    /// Done.
    Finished(Arc<Outcome>),
    /// Called off.
    Cancelled,
    /// It failed; the log says how.
    Failed,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name, which nobody can guess.
    pub id: String,
    /// Who asked.
    pub by: String,
    /// What was asked.
    pub asked: Asked,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    done: AtomicUsize,
    total: usize,
    cancelled: AtomicBool,
    end: Mutex<Option<Progress>>,
}

impl Job {
    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let end = self.shared.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        end.unwrap_or_else(|| Progress::Running {
            done: self.shared.done.load(Ordering::Relaxed),
            total: self.shared.total,
        })
    }

    /// Calls it off: it stops before the next patient.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    fn is_running(&self) -> bool {
        self.shared.end.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn end(&self, progress: Progress) {
        *self.shared.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    async fn run(self, store: Store, whom: Whom) {
        let progress = match self.outcome(&store, whom).await {
            Ok(Some(outcome)) => Progress::Finished(Arc::new(outcome)),
            Ok(None) => Progress::Cancelled,
            Err(error) => {
                tracing::error!(%error, "a policy could not be tried");
                Progress::Failed
            }
        };
        self.end(progress);
    }

    async fn outcome(
        &self,
        store: &Store,
        whom: Whom,
    ) -> Result<Option<Outcome>, Box<dyn std::error::Error + Send + Sync>> {
        let now = self.asked.now;
        let book = Book::load(&mut *store.read().await?).await?;
        let (name, version) = &self.asked.policy;
        let tried = book.get(name, version).ok_or(StartError::NoSuchPolicy)?;
        let mut outcome =
            Outcome { from: now.plus_days(-DAYS), until: now, patients: Vec::new(), others: whom.others };
        for facts in whom.patients {
            if self.shared.cancelled.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let history = gather::history(&mut *store.read().await?, &book, facts, tried, now).await?;
            outcome.patients.push(tokio::task::spawn_blocking(|| history.run()).await??);
            self.shared.done.fetch_add(1, Ordering::Relaxed);
        }
        outcome.sort();
        Ok(Some(outcome))
    }
}

/// Every run that is remembered. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Arc<Mutex<VecDeque<Job>>>);

impl Jobs {
    /// Starts a run for `subject`; one of theirs that still runs is called off.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(&self, store: &Store, subject: &Subject, asked: Asked) -> Result<String, StartError> {
        let (name, version) = &asked.policy;
        let book = Book::load(&mut *store.read().await?).await?;
        if book.get(name, version).is_none() {
            return Err(StartError::NoSuchPolicy);
        }
        let whom = gather::whom(store, subject, &asked.scope, asked.now).await?;
        let shared = Arc::new(Shared {
            done: AtomicUsize::new(0),
            total: whom.patients.len(),
            cancelled: AtomicBool::new(false),
            end: Mutex::new(None),
        });
        let id = uuid::Uuid::new_v4().to_string();
        let job = Job { id: id.clone(), by: subject.id.clone(), asked, shared };
        self.keep(job.clone())?;
        tokio::spawn(job.run(store.clone(), whom));
        Ok(id)
    }

    fn keep(&self, job: Job) -> Result<(), StartError> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = job.asked.now;
        jobs.retain(|one| one.is_running() || now.millis_since(one.asked.now) < KEPT_MS);
        for own in jobs.iter().filter(|one| one.by == job.by && one.is_running()) {
            own.cancel();
        }
        if jobs.iter().filter(|one| one.is_running() && one.by != job.by).count() >= RUNNING_MAX {
            return Err(StartError::Busy);
        }
        while jobs.len() >= KEPT_MAX {
            jobs.pop_front();
        }
        jobs.push_back(job);
        Ok(())
    }

    /// The run `id` of `subject`, while it is remembered; nobody else's.
    #[must_use]
    pub fn get(&self, subject: &Subject, id: &str) -> Option<Job> {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().find(|one| one.id == id && one.by == subject.id).cloned()
    }
}
