//! What each device's session remembers, beside the envelopes: a frame that still waits survives a power cut here.
//!
//! It refuses to know what is remembered; a text goes in and comes out. One that cannot be read, after a downgrade, say, is
//! said and passed over: a device without a memory is met as if for the first time.
//!
//! **Invariant:** a device whose memory is empty has no row.

use std::path::Path;

use devices::DeviceMemory;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use vitals::DeviceId;

use super::{Outbox, StoreError};

/// The second schema adds this to the first.
pub(super) const TABLE: &str =
    "CREATE TABLE device_memory (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;";

impl Outbox {
    /// Keeps what is remembered of a device in place of what was; when this returns `Ok`, it survives a power cut.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be stored.
    pub fn memorise(&mut self, device: &DeviceId, memory: &DeviceMemory) -> Result<(), StoreError> {
        match self.write_memory(device, memory) {
            // The place held on the disk is held for what a device is just sending.
            Err(StoreError::DiskFull) if !memory.held.is_empty() && self.reserve.give_up() => {
                self.write_memory(device, memory)
            }
            done => done,
        }
    }

    fn write_memory(&self, device: &DeviceId, memory: &DeviceMemory) -> Result<(), StoreError> {
        if memory.is_empty() {
            self.db.execute("DELETE FROM device_memory WHERE id = ?1", [device.as_str()])?;
            return Ok(());
        }
        let body = serde_json::to_string(memory)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        self.db.execute(
            "INSERT INTO device_memory (id, body) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (device.as_str(), body),
        )?;
        Ok(())
    }

    /// What is remembered of every device.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn memories(&self) -> Result<Vec<(DeviceId, DeviceMemory)>, StoreError> {
        Ok(read(&self.db)?)
    }

    /// Takes over what can be read of a broken file's memories: frames that waited there are in no envelope yet.
    pub(super) fn salvage_memories(&mut self, aside: &Path) {
        let memories = Connection::open_with_flags(aside, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|db| {
            // The broken file stays as it was found.
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            read(&db)
        });
        for (device, memory) in memories.unwrap_or_default() {
            if let Err(error) = self.memorise(&device, &memory) {
                tracing::error!(%device, %error, "what the broken outbox remembered of a device was not kept");
            }
        }
    }
}

fn read(db: &Connection) -> rusqlite::Result<Vec<(DeviceId, DeviceMemory)>> {
    let mut query = db.prepare("SELECT id, body FROM device_memory ORDER BY id")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut memories = Vec::new();
    for row in rows {
        let (id, body) = row?;
        match (id.parse(), serde_json::from_str(&body)) {
            (Ok(id), Ok(memory)) => memories.push((id, memory)),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => {
                tracing::error!(device = id, body, "what is remembered of a device cannot be read");
            }
        }
    }
    Ok(memories)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, gateway, open, weighing};
    use super::super::{Limits, OpenError};
    use super::*;
    use devices::{Format, HeldFrame};

    fn device() -> DeviceId {
        "546c0e000001".parse().expect("an address")
    }

    fn holding(bytes: &[u8]) -> DeviceMemory {
        let held = HeldFrame {
            format: Format::Weight,
            bytes: bytes.to_vec(),
            heard_at: at(0),
            gateway_synced: true,
        };
        DeviceMemory { held: vec![held], ..DeviceMemory::default() }
    }

    #[test]
    fn a_memory_outlives_the_process_and_leaves_when_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("o.db");
        let mut outbox = open(&path, Limits::default());
        for bytes in [[1, 2, 3], [4, 5, 6]] {
            outbox.memorise(&device(), &holding(&bytes)).expect("stores");
        }
        drop(outbox);
        let mut outbox = open(&path, Limits::default());
        assert_eq!(outbox.memories().expect("reads"), [(device(), holding(&[4, 5, 6]))]);
        outbox.memorise(&device(), &DeviceMemory::default()).expect("stores");
        assert_eq!(outbox.memories().expect("reads"), []);
        outbox
            .db
            .execute("INSERT INTO device_memory VALUES ('546c0e000001', 'no JSON')", ())
            .expect("writes");
        assert_eq!(outbox.memories().expect("reads"), []);
    }

    /// A file of version 0.1.0, which had everything but this table: what is in it stays, and an older program refuses it
    /// from then on.
    #[test]
    fn a_file_of_the_first_schema_is_upgraded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("o.db");
        let mut outbox = open(&path, Limits::default());
        outbox.seal(&weighing(1), at(0)).expect("seals");
        let (id, depth) = (outbox.id().clone(), outbox.depth());
        drop(outbox);
        let db = Connection::open(&path).expect("opens");
        db.execute_batch("DROP TABLE device_memory; PRAGMA user_version = 1").expect("writes");
        drop(db);
        // Another gateway's name changes nothing in it.
        let other = "gw-0002".parse().expect("a token");
        let refused = Outbox::open(&path, &other, Limits::default(), at(0));
        assert!(matches!(refused, Err(OpenError::OtherGateway { .. })));

        let opened = Outbox::open(&path, &gateway(), Limits::default(), at(0)).expect("opens");
        assert!(opened.set_aside.is_none());
        let mut outbox = opened.outbox;
        assert_eq!((outbox.id(), outbox.depth()), (&id, depth));
        let version: i64 =
            outbox.db.pragma_query_value(None, "user_version", |row| row.get(0)).expect("reads");
        assert_eq!(version, 2);
        outbox.memorise(&device(), &holding(&[1])).expect("stores");
        assert_eq!(outbox.memories().expect("reads").len(), 1);
    }

    #[test]
    fn a_broken_file_gives_its_memories_to_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let (broken, path) = (folder.path().join("broken.db"), folder.path().join("o.db"));
        let mut outbox = open(&broken, Limits::default());
        outbox.memorise(&device(), &holding(&[7])).expect("stores");
        drop(outbox);
        let mut next = open(&path, Limits::default());
        next.salvage_memories(&broken);
        assert_eq!(next.memories().expect("reads"), [(device(), holding(&[7]))]);
        next.salvage_memories(&folder.path().join("nothing.db"));
    }
}
