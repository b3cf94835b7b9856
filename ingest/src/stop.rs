//! How tasks are asked to stop: one switch, turned once.

use tokio::sync::watch;

/// The switch. Dropped, it counts as turned.
#[derive(Debug)]
pub struct Switch(watch::Sender<bool>);

/// What a task waits on beside its work.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// A switch, and what waits on it.
#[must_use]
pub fn switch() -> (Switch, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Switch(sender), Stop(receiver))
}

impl Switch {
    /// Asks every task that waits to stop.
    pub fn turn(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns once the switch is turned or gone.
    pub async fn asked(&self) {
        // The error says that the switch is gone, which is the same.
        let _ = self.0.clone().wait_for(|turned| *turned).await;
    }
}
