//! The committer in the hand of a simulation: it comes to a halt at every step and every wait, until it is let go on.
//!
//! One committer a thread, polled by that thread. A thread that never called [`play`] knows nothing of all this.
//!
//! **Invariant:** a committer that has come to a halt does nothing before [`go_on`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::{Flaw, Step};
use crate::sequence::Sequence;

/// Where a committer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It has reached this step.
    At(Step),
    /// It waits for so long before it tries again.
    For(Duration),
}

thread_local! {
    static PLAYED: Cell<bool> = const { Cell::new(false) };
    static HALT: Cell<Option<Halt>> = const { Cell::new(None) };
    static FLAW: Cell<Option<Flaw>> = const { Cell::new(None) };
    static MEMORY: RefCell<HashMap<i64, Sequence>> = RefCell::default();
}

/// From now on the committer of this thread halts, and this room is wrong in the way of `flaw`: to be said again whenever the
/// service is begun anew.
pub fn play(flaw: Option<Flaw>) {
    PLAYED.set(true);
    HALT.set(None);
    FLAW.set(flaw);
    MEMORY.with_borrow_mut(HashMap::clear);
}

/// Where the committer of this thread stands; `None` while it runs or there is none.
#[must_use]
pub fn halted() -> Option<Halt> {
    HALT.get()
}

/// Lets it go on when it is polled next; also to be called when a halted one was dropped.
pub fn go_on() {
    HALT.set(None);
}

/// Whether this thread plays.
pub(crate) fn is_played() -> bool {
    PLAYED.get()
}

/// Whether this room is wrong in the way of `flaw`.
pub(crate) fn flawed(flaw: Flaw) -> bool {
    FLAW.get() == Some(flaw)
}

/// Where a build that is wrong in the way of [`Flaw::ThroughInMemory`] believes that the sequence `stream` is.
pub(crate) fn kept_in_memory(stream: i64) -> Option<Sequence> {
    MEMORY.with_borrow(|memory| memory.get(&stream).copied())
}

/// Keeps where the sequence `stream` is, for such a build.
pub(crate) fn keep_in_memory(stream: i64, sequence: Sequence) {
    MEMORY.with_borrow_mut(|memory| memory.insert(stream, sequence));
}

/// Comes to a halt, where this thread plays.
pub(super) async fn halt(halt: Halt) {
    if !is_played() {
        return;
    }
    HALT.set(Some(halt));
    poll_fn(|_| if HALT.get().is_none() { Poll::Ready(()) } else { Poll::Pending }).await;
}
