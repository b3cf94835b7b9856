//! A disk that keeps what was synchronised and makes no promise about the rest.
//!
//! Every file has what a reader sees, what is durable, and the changes between the two in order. When the power is cut, each
//! change that was not synchronised is kept, dropped, or torn at sectors of 512 bytes; of the changes to the directory, the first
//! so many are kept. A synchronisation that fails decides at once which changes reach the disk; none of them will be tried again,
//! as under Linux. Knows nothing of what is in the files.
//!
//! **Invariant:** what a successful synchronisation covered survives every cut.

use std::collections::BTreeMap;

use crate::random::Random;

const SECTOR: usize = 512;

/// The files of a disk at rest.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// Why the disk did not do as it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The power is off, or the medium failed.
    Failed,
    /// There is no room.
    Full,
    /// There is no such file.
    Missing,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

/// One file. Its number is never used for another.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) data: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// How many have it open.
    pub(crate) open: u64,
    /// A file that nothing is kept of: shared memory, a lock.
    fleeting: bool,
}

#[derive(Clone, Debug)]
enum Link {
    Set(String, u64),
    Gone(String),
    Renamed(String, String),
}

/// How a cut treats what was not synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harshness {
    /// A killed process: the system is alive and writes everything in the end.
    NothingLost,
    /// Nothing that was not synchronised is there.
    AllLost,
    /// This many percent of the changes are there, this many percent of the rest in part.
    Mixed { kept: u64, torn: u64 },
}

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    at_operation: u64,
    /// Whether the operation is still done.
    after_it: bool,
}

/// One disk: a flat directory.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending: Vec<Link>,
    pub(crate) files: BTreeMap<u64, File>,
    operations: u64,
    cut: Option<Cut>,
    off: bool,
    /// Bytes left, where it has an end.
    room: Option<usize>,
    /// How many of the next synchronisations fail, and what decides which changes reach the disk all the same.
    failing_syncs: u64,
    random: Option<Random>,
}

fn is_fleeting(name: &str) -> bool {
    name.ends_with("-shm") || name.ends_with(".lock")
}

impl Disk {
    /// A disk that holds `image`, durably; its files are numbered by `number`.
    pub(crate) fn of(image: Image, mut number: impl FnMut() -> u64) -> Self {
        let mut disk = Self::default();
        for (name, data) in image {
            let ino = number();
            let durable = data.clone();
            let fleeting = is_fleeting(&name);
            disk.files.insert(ino, File { data, durable, pending: Vec::new(), open: 0, fleeting });
            disk.names.insert(name, ino);
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    /// Cuts the power at the `nth` operation from now, before or after it is done.
    pub(crate) fn cut_at(&mut self, nth: u64, after_it: bool) {
        self.cut = Some(Cut { at_operation: self.operations + nth.max(1), after_it });
    }

    /// Takes a planned cut back.
    pub(crate) fn spare(&mut self) {
        self.cut = None;
    }

    /// Cuts the power.
    pub(crate) fn cut_now(&mut self) {
        self.off = true;
    }

    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// Leaves `room` bytes; `None` for as many as anybody wants.
    pub(crate) fn set_room(&mut self, room: Option<usize>) {
        self.room = room;
    }

    /// Lets the next `count` synchronisations fail.
    pub(crate) fn fail_syncs(&mut self, count: u64, random: Random) {
        self.failing_syncs = count;
        self.random = Some(random);
    }

    /// Counts an operation. The answer says whether it is done.
    fn operate(&mut self) -> Result<(), Refused> {
        if self.off {
            return Err(Refused::Failed);
        }
        self.operations += 1;
        if let Some(cut) = self.cut.filter(|cut| cut.at_operation <= self.operations) {
            self.off = true;
            if !cut.after_it {
                return Err(Refused::Failed);
            }
        }
        Ok(())
    }

    fn take_room(&mut self, bytes: usize) -> Result<(), Refused> {
        match &mut self.room {
            Some(room) if *room < bytes => Err(Refused::Full),
            Some(room) => {
                *room -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn give_room(&mut self, bytes: usize) {
        if let Some(room) = &mut self.room {
            *room += bytes;
        }
    }

    fn counts(&self, ino: u64) -> bool {
        self.files.get(&ino).is_some_and(|file| !file.fleeting)
    }

    pub(crate) fn write(&mut self, ino: u64, offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        let growth = {
            let file = self.files.get(&ino).ok_or(Refused::Missing)?;
            (offset + bytes.len()).saturating_sub(file.data.len())
        };
        if self.counts(ino) {
            self.operate()?;
            self.take_room(growth)?;
        }
        let file = self.files.get_mut(&ino).ok_or(Refused::Missing)?;
        apply(&mut file.data, offset, bytes);
        if !file.fleeting {
            file.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
        }
        Ok(())
    }

    pub(crate) fn truncate(&mut self, ino: u64, len: usize) -> Result<(), Refused> {
        let before = self.files.get(&ino).ok_or(Refused::Missing)?.data.len();
        if self.counts(ino) {
            self.operate()?;
            self.take_room(len.saturating_sub(before))?;
            self.give_room(before.saturating_sub(len));
        }
        let file = self.files.get_mut(&ino).ok_or(Refused::Missing)?;
        resize(&mut file.data, len);
        if !file.fleeting {
            file.pending.push(Change::Truncate { len });
        }
        Ok(())
    }

    pub(crate) fn sync(&mut self, ino: u64) -> Result<(), Refused> {
        if !self.counts(ino) {
            return Ok(());
        }
        self.operate()?;
        let file = self.files.get_mut(&ino).ok_or(Refused::Missing)?;
        let pending = std::mem::take(&mut file.pending);
        if self.failing_syncs > 0
            && let Some(random) = &mut self.random
        {
            self.failing_syncs -= 1;
            survive(&mut file.durable, pending, Harshness::Mixed { kept: 40, torn: 30 }, random);
            return Err(Refused::Failed);
        }
        for change in pending {
            keep(&mut file.durable, change);
        }
        Ok(())
    }

    pub(crate) fn sync_names(&mut self) -> Result<(), Refused> {
        self.operate()?;
        for link in std::mem::take(&mut self.pending) {
            follow(&mut self.durable_names, link);
        }
        Ok(())
    }

    pub(crate) fn create(&mut self, name: &str, ino: u64) -> Result<(), Refused> {
        let fleeting = is_fleeting(name);
        if !fleeting {
            self.operate()?;
            self.take_room(1)?;
        }
        let file = File { data: Vec::new(), durable: Vec::new(), pending: Vec::new(), open: 1, fleeting };
        self.files.insert(ino, file);
        self.link(Link::Set(name.to_owned(), ino));
        Ok(())
    }

    pub(crate) fn unlink(&mut self, name: &str) -> Result<(), Refused> {
        let ino = *self.names.get(name).ok_or(Refused::Missing)?;
        if self.counts(ino) {
            self.operate()?;
            let len = self.files.get(&ino).map_or(0, |file| file.data.len());
            self.give_room(len);
        }
        self.link(Link::Gone(name.to_owned()));
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Refused> {
        let ino = *self.names.get(from).ok_or(Refused::Missing)?;
        if self.counts(ino) {
            self.operate()?;
        }
        self.link(Link::Renamed(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn link(&mut self, link: Link) {
        follow(&mut self.names, link.clone());
        self.pending.push(link);
    }

    /// What is on the disk after a cut.
    pub(crate) fn survivors(&self, harshness: Harshness, random: &mut Random) -> Image {
        let mut names = self.durable_names.clone();
        let kept = match harshness {
            Harshness::NothingLost => self.pending.len(),
            Harshness::AllLost => 0,
            Harshness::Mixed { .. } => {
                usize::try_from(random.below(self.pending.len() as u64 + 1)).expect("few")
            }
        };
        for link in self.pending.iter().take(kept) {
            follow(&mut names, link.clone());
        }
        let held = names.into_iter().filter(|(name, _)| !is_fleeting(name));
        held.map(|(name, ino)| {
            let file = &self.files[&ino];
            let mut data = file.durable.clone();
            survive(&mut data, file.pending.clone(), harshness, random);
            (name, data)
        })
        .collect()
    }

    /// What a reader sees.
    pub(crate) fn as_seen(&self) -> Image {
        let held = self.names.iter().filter(|(name, _)| !is_fleeting(name));
        held.map(|(name, ino)| (name.clone(), self.files[ino].data.clone())).collect()
    }
}

fn follow(names: &mut BTreeMap<String, u64>, link: Link) {
    match link {
        Link::Set(name, ino) => {
            names.insert(name, ino);
        }
        Link::Gone(name) => {
            names.remove(&name);
        }
        Link::Renamed(from, to) => {
            if let Some(ino) = names.remove(&from) {
                names.insert(to, ino);
            }
        }
    }
}

/// As `Vec::resize` with zeros, which in a build without optimisation goes byte by byte.
fn resize(data: &mut Vec<u8>, len: usize) {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    data.truncate(len);
    while data.len() < len {
        let step = (len - data.len()).min(ZEROS.len());
        data.extend_from_slice(&ZEROS[..step]);
    }
}

fn apply(data: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if data.len() < end {
        resize(data, end);
    }
    data[offset..end].copy_from_slice(bytes);
}

fn keep(data: &mut Vec<u8>, change: Change) {
    match change {
        Change::Write { offset, bytes } => apply(data, offset, &bytes),
        Change::Truncate { len } => resize(data, len),
    }
}

/// Lets some of `changes` reach `data`.
fn survive(data: &mut Vec<u8>, changes: Vec<Change>, harshness: Harshness, random: &mut Random) {
    for change in changes {
        let (kept, torn) = match harshness {
            Harshness::NothingLost => (100, 0),
            Harshness::AllLost => return,
            Harshness::Mixed { kept, torn } => (kept, torn),
        };
        if random.chance(kept) {
            keep(data, change);
        } else if random.chance(torn)
            && let Change::Write { offset, bytes } = change
        {
            tear(data, offset, &bytes, random);
        }
    }
}

/// Writes some of the sectors of `bytes`.
fn tear(data: &mut Vec<u8>, offset: usize, bytes: &[u8], random: &mut Random) {
    let mut at = offset;
    while at < offset + bytes.len() {
        let end = ((at / SECTOR + 1) * SECTOR).min(offset + bytes.len());
        if random.chance(50) {
            apply(data, at, &bytes[at - offset..end - offset]);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Harshness = Harshness::Mixed { kept: 50, torn: 50 };

    fn empty() -> Disk {
        Disk::of(Image::new(), || 0)
    }

    fn held(disk: &Disk, harshness: Harshness) -> Vec<Option<Vec<u8>>> {
        let look = |seed| disk.survivors(harshness, &mut Random::of(seed)).get("a").cloned();
        (0..64).map(look).collect()
    }

    /// By the words of fsync(2): what it covered is there, and for a new name the directory needs its own.
    #[test]
    fn what_is_synchronised_survives_and_the_rest_may_not() {
        let mut disk = empty();
        disk.create("a", 7).expect("room");
        disk.write(7, 0, &[1; 2_048]).expect("room");
        disk.sync(7).expect("works");
        assert!(held(&disk, SOME).contains(&None), "the name is not synchronised");
        disk.sync_names().expect("works");
        assert_eq!(held(&disk, SOME), vec![Some(vec![1; 2_048]); 64]);
        disk.write(7, 0, &[2; 2_048]).expect("room");
        let after = held(&disk, SOME);
        let whole = |byte| after.contains(&Some(vec![byte; 2_048]));
        assert!(whole(1) && whole(2));
        let torn =
            after.iter().flatten().find(|data| data.contains(&1) && data.contains(&2)).expect("a torn one");
        assert!(torn.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        assert_eq!(held(&disk, Harshness::AllLost), vec![Some(vec![1; 2_048]); 64]);
        assert_eq!(held(&disk, Harshness::NothingLost), vec![Some(vec![2; 2_048]); 64]);
    }

    /// As Linux does it since 4.13: the error is told once, and the pages count as written.
    #[test]
    fn a_failed_synchronisation_is_not_made_good_by_the_next() {
        let mut disk = empty();
        disk.create("a", 7).expect("room");
        disk.sync_names().expect("works");
        disk.write(7, 0, &[1; 512]).expect("room");
        disk.fail_syncs(1, Random::of(1));
        assert_eq!(disk.sync(7), Err(Refused::Failed));
        disk.sync(7).expect("works");
        let lost = (0..32).any(|seed| {
            let mut disk = empty();
            disk.create("a", 7).expect("room");
            disk.sync_names().expect("works");
            disk.write(7, 0, &[1; 512]).expect("room");
            disk.fail_syncs(1, Random::of(seed));
            assert_eq!(disk.sync(7), Err(Refused::Failed));
            disk.sync(7).expect("works");
            disk.survivors(Harshness::NothingLost, &mut Random::of(seed))["a"] != vec![1; 512]
        });
        assert!(lost);
    }

    #[test]
    fn after_the_cut_nothing_is_done() {
        let mut disk = empty();
        disk.create("a", 7).expect("room");
        disk.cut_at(2, false);
        disk.write(7, 0, &[1]).expect("the first");
        assert_eq!(disk.write(7, 0, &[2]), Err(Refused::Failed));
        assert_eq!(disk.sync(7), Err(Refused::Failed));
        assert!(disk.is_off());
        assert_eq!(disk.as_seen()["a"], [1]);
        let mut disk = empty();
        disk.create("a", 7).expect("room");
        disk.set_room(Some(3));
        assert_eq!(disk.write(7, 0, &[1; 4]), Err(Refused::Full));
        disk.write(7, 0, &[1; 3]).expect("room");
        assert_eq!(disk.write(7, 1, &[1; 3]), Err(Refused::Full));
        disk.write(7, 1, &[1; 2]).expect("no growth");
    }
}
