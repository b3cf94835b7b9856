//! What admission keeps at hand between transactions, so that a reading in the common case asks the store nothing: states, people
//! with their cases, who has which device, which gateways there are, and how far each device's own time has come.
//!
//! Each transaction begins by catching up with what was committed since the one before, by this process or another: what
//! changed is let go and comes back when it is next needed.
//!
//! **Invariant:** nothing in here is older than the transaction that looks at it, and nothing uncommitted is in here.

use std::sync::Arc;

use care::admission::changes::{self, About, Marks};
use care::admission::wearers::Loan;
use care::people::PatientFacts;
use care::store::{StoreError, Tx};
use care::tasks::Cases;
use foldhash::{HashMap, HashSet};
use vitals::{DeviceId, DeviceTime, GatewayId, PatientId};

use super::Known;

/// When more of anything is at hand than this, all of it is let go; it comes back from the store as needed. A patient has some
/// seven hundred bytes of state.
const KEPT_MAX: usize = 200_000;
/// When more readings than this came by other ways, looking at each costs more than beginning anew.
const OTHERS_MAX: i64 = 50_000;

/// A patient as a transaction sees them.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub(super) facts: Arc<PatientFacts>,
    pub(super) cases: Cases,
    /// The number of the last thing that was said about their monitoring.
    pub(super) plan: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct AtHand {
    marks: Marks,
    /// Each in a place of its own, since it moves from here into a transaction and back.
    pub(super) states: HashMap<PatientId, Box<Known>>,
    pub(super) people: HashMap<PatientId, Present>,
    pub(super) loans: HashMap<DeviceId, Arc<[Loan]>>,
    pub(super) measured: HashMap<DeviceId, Option<DeviceTime>>,
    pub(super) gateways: HashSet<GatewayId>,
}

impl AtHand {
    /// Lets go of what is not as `tx`, which has just begun, has it. Says how far the store is.
    ///
    /// # Errors
    /// [`StoreError`] of the database, or a row that cannot be read.
    pub(super) async fn catch_up(&mut self, tx: &mut Tx) -> Result<Marks, StoreError> {
        let marks = changes::marks(tx).await?;
        self.bound();
        if marks.changed != self.marks.changed {
            self.forget_changed(tx, marks).await?;
        }
        if marks.arrival != self.marks.arrival {
            self.forget_arrived(tx, marks).await?;
        }
        self.marks = marks;
        Ok(marks)
    }

    /// Notes that the readings up to `arrival` are committed, and those that this process wrote are in the states here.
    pub(super) const fn reached(&mut self, arrival: i64) {
        self.marks.arrival = arrival;
    }

    fn bound(&mut self) {
        if self.states.len() > KEPT_MAX {
            self.states.clear();
        }
        if self.people.len() > KEPT_MAX {
            self.people.clear();
        }
        if self.loans.len().max(self.measured.len()) > KEPT_MAX {
            self.loans.clear();
            self.measured.clear();
        }
        if self.gateways.len() > KEPT_MAX {
            self.gateways.clear();
        }
    }

    async fn forget_changed(&mut self, tx: &mut Tx, marks: Marks) -> Result<(), StoreError> {
        // A store that was put back to an earlier day counts from there.
        if marks.changed < self.marks.changed {
            self.people.clear();
            self.loans.clear();
            self.gateways.clear();
            return Ok(());
        }
        if self.people.is_empty() && self.loans.is_empty() && self.gateways.is_empty() {
            return Ok(());
        }
        for about in changes::since(tx, self.marks.changed).await? {
            match about {
                About::Patient(patient) => drop(self.people.remove(&patient)),
                About::Device(device) => self.loans.retain(|kept, _| kept.as_str() != device),
                About::Gateway(gateway) => self.gateways.retain(|kept| kept.as_str() != gateway),
                About::House => self.people.clear(),
            }
        }
        Ok(())
    }

    async fn forget_arrived(&mut self, tx: &mut Tx, marks: Marks) -> Result<(), StoreError> {
        if self.states.is_empty() && self.measured.is_empty() {
            return Ok(());
        }
        if !(0..=OTHERS_MAX).contains(&(marks.arrival - self.marks.arrival)) {
            self.states.clear();
            self.measured.clear();
            return Ok(());
        }
        for (patient, device) in changes::arrived(tx, self.marks.arrival).await? {
            self.states.remove(&patient);
            if let Some(device) = device.and_then(|device| device.parse().ok()) {
                self.measured.remove::<DeviceId>(&device);
            }
        }
        Ok(())
    }
}
