//! What just changed, for open pages. A hint, never the truth: whoever hears it reads the store again.

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// One change that an open page may want to show.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A task opened, changed or closed.
    Task {
        /// The task.
        task: String,
        /// Its patient, where it has one.
        patient: Option<String>,
    },
    /// A message was written.
    Message {
        /// The conversation's task.
        task: Option<String>,
        /// The patient.
        patient: String,
    },
    /// Readings were admitted.
    Reading {
        /// The patient.
        patient: String,
    },
    /// The chain from home to screen changed its state.
    Health,
    /// More than can be told one by one: whatever is shown is to be fetched again.
    Much,
}

/// Where changes are announced and heard. A listener that falls behind is told so and reads everything again.
#[derive(Clone, Debug)]
pub struct Feed {
    all: broadcast::Sender<Change>,
    own: broadcast::Sender<Change>,
}

impl Default for Feed {
    fn default() -> Self {
        Self { all: broadcast::channel(1024).0, own: broadcast::channel(1024).0 }
    }
}

impl Feed {
    /// Announces `change`, after its transaction has committed.
    pub fn announce(&self, change: Change) {
        // No listener is no error: nobody has a page open, or there is no other process.
        let _ = self.own.send(change.clone());
        self.pass_on(change);
    }

    /// Tells open pages here of a `change` that another process announced.
    pub fn pass_on(&self, change: Change) {
        let _ = self.all.send(change);
    }

    /// Hears what this process announces, and nothing that it passes on.
    #[must_use]
    pub fn listen_to_own(&self) -> broadcast::Receiver<Change> {
        self.own.subscribe()
    }

    /// Hears every change from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.all.subscribe()
    }
}
