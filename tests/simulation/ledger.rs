//! What is known from outside: what homes measured and sealed, what was acknowledged and receipted, and what must therefore be
//! true of the server's store, read with a connection of its own.
//!
//! **Invariant:** nothing is asked of the code that is judged, but what it shows everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use rusqlite::Connection;
use serde_json::Value;

/// A number of an outbox of a gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) gateway: String,
    pub(crate) outbox: String,
    pub(crate) seq: u64,
}

/// One measurement of a device.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) hex: String,
    /// The device told the time: the same again is the same measurement.
    pub(crate) dated: bool,
    /// Nothing about it is in doubt: it must be stored.
    pub(crate) plain: bool,
    /// Where it was sealed, by every gateway that heard it and was there to know that it had.
    pub(crate) sealed: BTreeSet<Place>,
}

/// The items of one message that can take a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) place: Place,
    pub(crate) void: bool,
    pub(crate) text: String,
}

/// What a message on the `up` topic of `gateway` holds, as far as it is in order.
pub(crate) fn items(gateway: &str, payload: &[u8]) -> Vec<Item> {
    let values = match serde_json::from_slice::<Value>(payload) {
        Ok(Value::Array(values)) => values,
        Ok(value) => vec![value],
        Err(_) => Vec::new(),
    };
    values
        .iter()
        .filter(|value| value["gateway"] == gateway)
        .filter_map(|value| {
            let place = Place {
                gateway: gateway.to_owned(),
                outbox: value["outbox"].as_str()?.to_owned(),
                seq: value["seq"].as_u64()?,
            };
            Some(Item { place, void: value.get("void").is_some(), text: value.to_string() })
        })
        .collect()
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) measured: Vec<Measured>,
    /// Up to where the server receipted each outbox, since it last lost its memory.
    pub(crate) published: BTreeMap<(String, String), u64>,
    /// The highest receipt that reached each outbox.
    pub(crate) delivered: BTreeMap<(String, String), u64>,
    /// What was acknowledged to the broker since the store was last looked at after a cut.
    pub(crate) acknowledged: Vec<Place>,
    pub(crate) voids: BTreeSet<Place>,
    /// The last number of each outbox, and what each envelope said.
    pub(crate) last_seq: BTreeMap<(String, String), u64>,
    pub(crate) envelopes: BTreeMap<Place, String>,
}

/// Every number that is decided: by a reading, which stands for itself, or by a row of its own.
const DECIDED: &str = "(SELECT stream, seq, verdict FROM decided
    UNION ALL SELECT stream, seq, 'stored' FROM reading WHERE hash IS NOT NULL) AS decided
    JOIN stream ON stream.id = decided.stream";

/// The store as an observer sees it.
#[derive(Debug)]
pub(crate) struct Observer(Connection);

impl Observer {
    pub(crate) fn of(directory: &Path) -> anyhow::Result<Self> {
        let db = Connection::open(directory.join(care::store::FILE_NAME))?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self(db))
    }

    /// How many of the numbers up to and including `through` are decided.
    pub(crate) fn decided_up_to(&self, gateway: &str, outbox: &str, through: u64) -> anyhow::Result<u64> {
        let mut query = self.0.prepare(&format!(
            "SELECT count(*) FROM {DECIDED} WHERE gateway = ?1 AND outbox = ?2 AND seq BETWEEN 1 AND ?3",
        ))?;
        let through = i64::try_from(through)?;
        let count: i64 = query.query_row((gateway, outbox, through), |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    pub(crate) fn is_decided(&self, place: &Place) -> anyhow::Result<bool> {
        let mut query = self
            .0
            .prepare(&format!("SELECT 1 FROM {DECIDED} WHERE gateway = ?1 AND outbox = ?2 AND seq = ?3",))?;
        Ok(query.exists((&place.gateway, &place.outbox, i64::try_from(place.seq)?))?)
    }

    /// How far each outbox is.
    pub(crate) fn through(&self) -> anyhow::Result<BTreeMap<(String, String), u64>> {
        let mut query = self.0.prepare("SELECT gateway, outbox, through FROM stream")?;
        let rows = query.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, i64>(2)?)))?;
        rows.map(|row| row.map(|(key, through)| (key, through.unsigned_abs())).map_err(Into::into)).collect()
    }

    /// Writes the log into the file, as a program beside the server may.
    pub(crate) fn checkpoint(&self, mode: &str) -> anyhow::Result<()> {
        self.0.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?;
        Ok(())
    }
}

impl Ledger {
    /// What must be true when the store is looked at after a cut: nothing that was told is gone.
    pub(crate) fn after_a_cut(&mut self, store: &Observer) -> anyhow::Result<()> {
        let through = store.through()?;
        for (key, published) in &self.published {
            let stands = through.get(key).copied().unwrap_or(0);
            ensure!(
                stands >= *published,
                "the store went back: {} was receipted through {published} and is through {stands}",
                key.0
            );
        }
        for place in std::mem::take(&mut self.acknowledged) {
            ensure!(
                store.is_decided(&place)?,
                "{} {} was acknowledged and is gone",
                place.gateway,
                place.seq
            );
        }
        Ok(())
    }

    /// The server acknowledges a message on the topic of `gateway`.
    pub(crate) fn acknowledges(
        &mut self,
        store: &Observer,
        gateway: &str,
        payload: &[u8],
    ) -> anyhow::Result<()> {
        for item in items(gateway, payload) {
            ensure!(
                store.is_decided(&item.place)?,
                "{gateway} {} was acknowledged before it was decided",
                item.place.seq
            );
            self.acknowledged.push(item.place);
        }
        Ok(())
    }

    /// The server sends a receipt to `gateway`.
    pub(crate) fn receipts(
        &mut self,
        store: &Observer,
        gateway: &str,
        outbox: &str,
        through: u64,
    ) -> anyhow::Result<()> {
        let decided = store.decided_up_to(gateway, outbox, through)?;
        ensure!(decided == through, "{gateway} is receipted through {through}, and {decided} are decided");
        let before = self.published.entry((gateway.to_owned(), outbox.to_owned())).or_default();
        ensure!(through >= *before, "the receipt of {gateway} goes back from {before} to {through}");
        *before = through;
        Ok(())
    }

    /// An outbox of `gateway` holds nothing receipted but what a receipt that came covers.
    pub(crate) fn settled_up_to(&self, gateway: &str, outbox: &str, settled: u64) -> anyhow::Result<()> {
        let key = (gateway.to_owned(), outbox.to_owned());
        let delivered = self.delivered.get(&key).copied().unwrap_or(0);
        ensure!(
            settled <= delivered,
            "{gateway} let go of numbers up to {settled}; the highest receipt that came was for {delivered}"
        );
        Ok(())
    }

    /// Every measurement that an outbox took is stored once, or in quarantine or void by every number it has.
    pub(crate) fn adds_up(&self, held: &Held) -> anyhow::Result<()> {
        let aside = |place: &Place| held.quarantined.contains(place) || self.voids.contains(place);
        let mut undated: BTreeMap<&str, usize> = BTreeMap::new();
        for one in self.measured.iter().filter(|one| !one.sealed.is_empty()) {
            for place in &one.sealed {
                let holds = held.decided.contains(place);
                ensure!(holds, "{} {} was sealed and never decided", place.gateway, place.seq);
            }
            let stored = held.by_hex.get(&one.hex).copied().unwrap_or(0);
            if one.dated {
                ensure!(stored <= 1, "{} is stored {stored} times", one.hex);
                let excused = !one.plain || one.sealed.iter().any(|place| self.voids.contains(place));
                ensure!(
                    stored == 1 || one.sealed.iter().all(aside),
                    "{} is nowhere: {:?}",
                    one.hex,
                    one.sealed
                );
                ensure!(stored == 1 || excused, "{} is in quarantine, and nothing is wrong with it", one.hex);
            } else {
                let counting =
                    one.sealed.iter().filter(|place| held.stored.contains(*place) || !aside(place));
                *undated.entry(&one.hex).or_default() += counting.count();
            }
        }
        for (hex, count) in undated {
            let stored = held.by_hex.get(hex).copied().unwrap_or(0);
            ensure!(
                stored == count,
                "{hex} without a time was weighed {count} times and is stored {stored} times"
            );
        }
        let known: BTreeSet<&str> = self.measured.iter().map(|one| one.hex.as_str()).collect();
        for hex in held.by_hex.keys() {
            ensure!(known.contains(hex.as_str()), "{hex} is stored and was never measured");
        }
        for place in self.voids.iter().filter(|place| held.void.contains(*place)) {
            let words = format!(" {} could not deliver envelope {}", place.gateway, place.seq);
            let told = held.tasks.iter().any(|task| task.to_string().contains(&words));
            ensure!(told, "{} {} is void and nobody was told", place.gateway, place.seq);
        }
        held.tasks_are_single()
    }
}

/// What the store holds in the end.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) by_hex: BTreeMap<String, usize>,
    pub(crate) stored: BTreeSet<Place>,
    pub(crate) quarantined: BTreeSet<Place>,
    pub(crate) decided: BTreeSet<Place>,
    pub(crate) void: BTreeSet<Place>,
    /// In the order of arrival: place, and when it was received.
    pub(crate) arrivals: Vec<(Place, String)>,
    pub(crate) tasks: Vec<Value>,
}

impl Held {
    /// From the lines of `vagen export readings`, `quarantine` and `tasks`, and what the observer sees.
    pub(crate) fn of(
        readings: &[Value],
        quarantine: &[Value],
        tasks: Vec<Value>,
        store: &Observer,
    ) -> anyhow::Result<Self> {
        let place = |line: &Value| {
            Some(Place {
                gateway: line["gateway"].as_str()?.to_owned(),
                outbox: line["outbox"].as_str()?.to_owned(),
                seq: line["seq"].as_u64()?,
            })
        };
        let mut held = Self { tasks, ..Self::default() };
        for line in readings {
            let place = place(line).context("a reading without a place")?;
            let hex = line["raw"]["hex"].as_str().context("a reading without a frame")?;
            *held.by_hex.entry(hex.to_owned()).or_default() += 1;
            let received_at = line["received_at"].as_str().context("when it came")?.to_owned();
            ensure!(held.stored.insert(place.clone()), "{} {} is stored twice", place.gateway, place.seq);
            held.arrivals.push((place, received_at));
        }
        held.quarantined = quarantine.iter().filter_map(place).collect();
        let mut query = store.0.prepare(&format!("SELECT gateway, outbox, seq, verdict FROM {DECIDED}"))?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let seq = row.get::<_, i64>(2)?.unsigned_abs();
            let place = Place { gateway: row.get(0)?, outbox: row.get(1)?, seq };
            if row.get::<_, String>(3)? == "void" {
                held.void.insert(place.clone());
            }
            held.decided.insert(place);
        }
        Ok(held)
    }

    /// What people see of the tasks about patients, in order.
    pub(crate) fn seen(&self) -> Vec<String> {
        let mut seen: Vec<String> = self
            .tasks
            .iter()
            .filter(|task| task["problem"] != "gateway")
            .map(|task| {
                let mut task = task.clone();
                if let Some(keys) = task.as_object_mut() {
                    keys.remove("id");
                }
                task.to_string()
            })
            .collect();
        seen.sort();
        seen
    }

    fn tasks_are_single(&self) -> anyhow::Result<()> {
        let mut open = BTreeSet::new();
        for task in self.tasks.iter().filter(|task| task["status"] == "open" && task["problem"] != "gateway")
        {
            let key = (task["patient"].to_string(), task["problem"].to_string());
            ensure!(open.insert(key.clone()), "two open tasks of {key:?}");
        }
        Ok(())
    }
}
