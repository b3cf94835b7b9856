//! What a batch will need, fetched at once before its first item is judged: a few statements for all of it, none for what is at
//! hand already.
//!
//! Whatever was not foreseen is fetched when it is asked for, one by one.
//!
//! **Invariant:** what is fetched here was committed before this transaction began.

use std::collections::BTreeSet;
use std::sync::Arc;

use care::admission::wearers::{self, Loan};
use care::admission::{readings, streams};
use care::people::{self, PatientFacts};
use care::store::StoreError;
use care::{plans, tasks};
use foldhash::HashMap;
use vitals::{DeviceId, DeviceTime, Envelope, GatewayId, PatientId, Timestamp};

use super::Sitting;
use super::at_hand::Present;
use crate::admit::Source;
use crate::judge::{Content, Item};

impl Sitting<'_> {
    /// Fetches what `judged` will need. Only for a sitting that has written nothing yet.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn foresee(&mut self, judged: &[(Source<'_>, &[Item<'_>])]) -> Result<(), StoreError> {
        let gateways: BTreeSet<&GatewayId> = judged.iter().filter_map(|(source, _)| source.gateway).collect();
        let gateways: Vec<&GatewayId> = gateways.into_iter().collect();
        if gateways.is_empty() {
            return Ok(());
        }
        let known = streams::of_gateways(self.store().await?, &gateways).await?;
        self.sequences.foresee(&gateways, known);
        let strange: Vec<&GatewayId> =
            gateways.into_iter().filter(|gateway| !self.kept.gateways.contains(*gateway)).collect();
        if !strange.is_empty() {
            let known = wearers::gateways_known(self.store().await?, &strange).await?;
            self.kept.gateways.extend(known);
        }
        let envelopes = envelopes(judged);
        let strange = distinct(&envelopes, |envelope| !self.kept.loans.contains_key(&envelope.device.id));
        if !strange.is_empty() {
            self.fetch_loans(&strange).await?;
        }
        let untimed = distinct(&envelopes, |envelope| {
            envelope.measurement.device_time.is_some()
                && !self.kept.measured.contains_key(&envelope.device.id)
        });
        if !untimed.is_empty() {
            let measured = readings::last_measured(self.store().await?, &untimed).await?;
            self.kept.measured.extend(measured);
        }
        let strangers = self.strangers(&envelopes);
        if let Some(now) = envelopes.iter().map(|(_, at)| *at).max().filter(|_| !strangers.is_empty()) {
            let strangers: Vec<&PatientId> = strangers.iter().collect();
            let people = self.fetch_people(&strangers, now).await?;
            self.kept.people.extend(people);
        }
        Ok(())
    }

    /// Those who ever had a device of `envelopes`, and are not at hand: of one device that is one person nearly always.
    fn strangers(&self, envelopes: &[(&Envelope, Timestamp)]) -> BTreeSet<PatientId> {
        let mut strangers = BTreeSet::new();
        for (envelope, _) in envelopes {
            for loan in self.kept.loans.get(&envelope.device.id).into_iter().flat_map(|loans| loans.iter()) {
                let patient = &loan.wearer.patient;
                if !self.kept.people.contains_key(patient) && !strangers.contains(patient) {
                    strangers.insert(patient.clone());
                }
            }
        }
        strangers
    }

    async fn fetch_loans(&mut self, devices: &[&DeviceId]) -> Result<(), StoreError> {
        let mut loans: HashMap<DeviceId, Vec<Loan>> =
            devices.iter().map(|device| ((*device).clone(), Vec::new())).collect();
        for (device, loan) in wearers::loans(self.store().await?, devices).await? {
            loans.entry(device).or_default().push(loan);
        }
        self.kept.loans.extend(loans.into_iter().map(|(device, loans)| (device, loans.into())));
        Ok(())
    }

    /// Everything at hand about `patients`, as this transaction has it.
    async fn fetch_people(
        &mut self,
        patients: &[&PatientId],
        now: Timestamp,
    ) -> Result<Vec<(PatientId, Present)>, StoreError> {
        let facts = people::all_of(self.store().await?, patients).await?;
        let mut cases = tasks::cases_of(self.store().await?, patients, now).await?;
        let mut plans = plans::latest(self.store().await?, patients).await?;
        let present = |facts: PatientFacts| {
            let id = facts.id.clone();
            let cases = cases.remove(&id).unwrap_or_default();
            let plan = plans.remove(&id).unwrap_or_default();
            (id, Present { facts: Arc::new(facts), cases, plan })
        };
        Ok(facts.into_iter().map(present).collect())
    }

    /// What is known of `patient` at `now`; `None` when the register has no such person.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn facts(
        &mut self,
        patient: &PatientId,
        now: Timestamp,
    ) -> Result<Option<Arc<PatientFacts>>, StoreError> {
        if let Some(present) = self.present.get(patient) {
            return Ok(Some(Arc::clone(&present.facts)));
        }
        let present = match self.kept.people.remove(patient).filter(|_| !self.estranged.contains(patient)) {
            Some(present) => Some(present),
            None => self.fetch_people(&[patient], now).await?.pop().map(|(_, present)| present),
        };
        let Some(mut present) = present else { return Ok(None) };
        present.cases.age(now);
        let facts = Arc::clone(&present.facts);
        self.present.insert(patient.clone(), present);
        Ok(Some(facts))
    }

    /// Every loan of `device`.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn loans(&mut self, device: &DeviceId) -> Result<Arc<[Loan]>, StoreError> {
        if !self.kept.loans.contains_key(device) {
            self.fetch_loans(&[device]).await?;
        }
        Ok(self.kept.loans.get(device).map_or_else(|| Vec::new().into(), Arc::clone))
    }

    /// Whether `gateway` is in the register.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn knows_gateway(&mut self, gateway: &GatewayId) -> Result<bool, StoreError> {
        if self.kept.gateways.contains(gateway) {
            return Ok(true);
        }
        // A stranger is asked for each time: that is rare, and no list of strangers can grow.
        wearers::gateway_known(self.store().await?, gateway).await
    }

    /// Whether `device` measured what `mark` says, and that is in the record. A device time later than all before it is new.
    ///
    /// # Errors
    /// [`StoreError`]; the sitting must then be dropped.
    pub(crate) async fn was_measured(
        &mut self,
        device: &DeviceId,
        mark: &readings::Mark,
    ) -> Result<bool, StoreError> {
        let latest = match self.measured.get(device).or_else(|| self.kept.measured.get(device)) {
            Some(latest) => *latest,
            None => {
                let fetched = readings::last_measured(self.store().await?, &[device]).await?;
                let latest = fetched.into_iter().find_map(|(_, latest)| latest);
                self.measured.insert(device.clone(), latest);
                latest
            }
        };
        if latest.is_none_or(|latest| latest < mark.device_time) {
            return Ok(false);
        }
        readings::was_measured(self.store().await?, device, mark).await
    }

    /// Notes that `device` measured at `time` of its own.
    pub(super) fn note_measured(&mut self, device: &DeviceId, time: DeviceTime) {
        let before = self.measured.get(device).or_else(|| self.kept.measured.get(device)).copied().flatten();
        if before.is_none_or(|before| before < time) {
            self.measured.insert(device.clone(), Some(time));
        }
    }
}

/// The envelopes in order among `judged`, and when each arrived.
fn envelopes<'e>(judged: &[(Source<'_>, &'e [Item<'_>])]) -> Vec<(&'e Envelope, Timestamp)> {
    let mut envelopes = Vec::with_capacity(judged.len());
    for (source, items) in judged {
        for item in *items {
            if let Content::Candidate(envelope) = &item.content {
                envelopes.push((&**envelope, source.received_at));
            }
        }
    }
    envelopes
}

/// The devices of those of `envelopes` that are wanted, each once.
fn distinct<'e>(
    envelopes: &[(&'e Envelope, Timestamp)],
    is_wanted: impl Fn(&Envelope) -> bool,
) -> Vec<&'e DeviceId> {
    let mut devices = BTreeSet::new();
    for (envelope, _) in envelopes {
        if is_wanted(envelope) {
            devices.insert(&envelope.device.id);
        }
    }
    devices.into_iter().collect()
}
