//! What just changed, for open pages. A hint, never the truth: whoever hears it reads the store again.

use tokio::sync::broadcast;

/// One change that an open page may want to show.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// Where changes are announced and heard. A listener that falls behind is told so and reads everything again.
#[derive(Clone, Debug)]
pub struct Feed(broadcast::Sender<Change>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Feed {
    /// Announces `change`, after its transaction has committed.
    pub fn announce(&self, change: Change) {
        // No listener is no error: nobody has a page open.
        let _ = self.0.send(change);
    }

    /// Hears every change from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
