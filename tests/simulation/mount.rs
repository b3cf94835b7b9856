//! Disks as directories, so that the shipped stores run on them unchanged: a file system in this process, by way of FUSE.
//!
//! **Invariant:** a file stays readable for whoever has it open, also after the power of its disk is cut: programs that look
//! after a cut at what they had mapped must not be killed by it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::disk::{Disk, Harshness, Image, Refused};
use crate::random::Random;

/// How long the kernel may believe what it was told. Nothing here changes but through it.
const TTL: Duration = Duration::from_secs(3_600);
const FIRST_INO: u64 = 16;

#[derive(Debug)]
struct World {
    next_ino: u64,
    /// Every disk, by the number of its directory.
    disks: BTreeMap<u64, Disk>,
    /// The disk of each file.
    homes: BTreeMap<u64, u64>,
    /// Directories of disks that are in use.
    names: BTreeMap<String, u64>,
}

impl World {
    fn number(&mut self) -> u64 {
        self.next_ino += 1;
        self.next_ino
    }

    fn disk_of(&mut self, ino: u64) -> Option<&mut Disk> {
        let home = self.homes.get(&ino)?;
        self.disks.get_mut(home)
    }

    fn attributes(&mut self, ino: u64) -> Option<FileAttr> {
        if ino == INodeNo::ROOT.0 || self.disks.contains_key(&ino) {
            return Some(attributes(ino, FileType::Directory, 0));
        }
        let len = self.disk_of(ino)?.files.get(&ino)?.data.len();
        Some(attributes(ino, FileType::RegularFile, len))
    }

    /// Forgets disks that are no longer in use once nobody has anything of them open.
    fn tidy(&mut self) {
        let used: Vec<u64> = self.names.values().copied().collect();
        let over =
            |ino: &u64, disk: &Disk| !used.contains(ino) && disk.files.values().all(|file| file.open == 0);
        let gone: Vec<u64> =
            self.disks.iter().filter(|(ino, disk)| over(ino, disk)).map(|(ino, _)| *ino).collect();
        for ino in gone {
            for file in self.disks.remove(&ino).into_iter().flat_map(|disk| disk.files.into_keys()) {
                self.homes.remove(&file);
            }
        }
    }
}

fn attributes(ino: u64, kind: FileType, len: usize) -> FileAttr {
    let perm = if kind == FileType::Directory { 0o755 } else { 0o644 };
    FileAttr {
        ino: INodeNo(ino),
        size: len as u64,
        blocks: len.div_ceil(512) as u64,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4_096,
        flags: 0,
    }
}

fn errno(refused: Refused) -> Errno {
    match refused {
        Refused::Failed => Errno::EIO,
        Refused::Full => Errno::ENOSPC,
        Refused::Missing => Errno::ENOENT,
    }
}

/// A place where disks can be plugged in. Unmounted when it is dropped.
#[derive(Debug)]
pub(crate) struct Rack {
    world: Arc<Mutex<World>>,
    session: Option<BackgroundSession>,
    folder: tempfile::TempDir,
    warden: Child,
}

/// A process that is killed while it has files of its own file system mapped waits for itself to write them, for ever. Forcing
/// the mount off ends that; a process that is on its way out has no command line any more.
const WARDEN: &str = r#"while [ -n "$(tr -d '\0' 2>/dev/null < "/proc/$1/cmdline")" ]; do sleep 1; done
umount -f "$2" 2>/dev/null; umount -l "$2" 2>/dev/null; rmdir "$2""#;

impl Rack {
    /// Mounts one.
    pub(crate) fn mount() -> anyhow::Result<Self> {
        let device = Path::new("/dev/fuse");
        anyhow::ensure!(device.exists(), "the simulation needs /dev/fuse, and there is none on this machine");
        let folder = tempfile::Builder::new().prefix("vagen-simulation-").tempdir()?;
        let world = World {
            next_ino: FIRST_INO,
            disks: BTreeMap::new(),
            homes: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("vagen-simulation".to_owned()), MountOption::NoAtime];
        let session = fuser::spawn_mount(Shelf(Arc::clone(&world)), folder.path(), &config).context(
            "the simulation cannot mount its file system: it needs /dev/fuse, and root or fusermount3",
        )?;
        let warden = Command::new("sh")
            .args(["-c", WARDEN, "warden", &std::process::id().to_string()])
            .arg(folder.path())
            .process_group(0)
            .spawn()
            .context("the simulation needs sh")?;
        Ok(Self { world, session: Some(session), folder, warden })
    }

    /// Plugs in a disk that holds `image`.
    pub(crate) fn plug(&self, name: &str, image: Image) -> Plugged {
        let mut guard = lock(&self.world);
        let world = &mut *guard;
        world.tidy();
        let ino = world.number();
        let disk = Disk::of(image, || {
            world.next_ino += 1;
            world.next_ino
        });
        world.homes.extend(disk.files.keys().map(|file| (*file, ino)));
        world.disks.insert(ino, disk);
        let name = format!("{name}-{ino}");
        world.names.insert(name.clone(), ino);
        Plugged { world: Arc::clone(&self.world), ino, path: self.folder.path().join(&name), name }
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        // Threads that still close what they had open need it for a moment more.
        for _ in 0..1_000 {
            lock(&self.world).tidy();
            if lock(&self.world).disks.is_empty() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        if let Some(session) = self.session.take()
            && let Err(error) = session.umount_and_join()
        {
            // The warden does it once this process is over.
            eprintln!("{}: {error}", self.folder.path().display());
            return;
        }
        let _ = self.warden.kill();
        let _ = self.warden.wait();
    }
}

/// A disk that is plugged in.
#[derive(Debug)]
pub(crate) struct Plugged {
    world: Arc<Mutex<World>>,
    ino: u64,
    path: PathBuf,
    name: String,
}

impl Plugged {
    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does `work` with it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Disk) -> T) -> T {
        let mut world = lock(&self.world);
        work(world.disks.get_mut(&self.ino).expect("it stays while it is plugged in"))
    }

    pub(crate) fn is_off(&self) -> bool {
        self.with(|disk| disk.is_off())
    }

    /// Cuts its power for good; what is on it then.
    pub(crate) fn cut(self, harshness: Harshness, random: &mut Random) -> Image {
        self.with(|disk| {
            disk.cut_now();
            disk.survivors(harshness, random)
        })
    }

    /// Unplugs it in peace; what is on it.
    pub(crate) fn unplug(self) -> Image {
        self.with(|disk| {
            disk.cut_now();
            disk.as_seen()
        })
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        lock(&self.world).names.remove(&self.name);
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file system.
struct Shelf(Arc<Mutex<World>>);

impl Shelf {
    fn on<T>(&self, ino: INodeNo, work: impl FnOnce(&mut Disk) -> Result<T, Refused>) -> Result<T, Errno> {
        let mut world = lock(&self.0);
        let disk = world.disk_of(ino.0).ok_or(Errno::ENOENT)?;
        work(disk).map_err(errno)
    }

    fn in_directory<T>(
        &self,
        ino: INodeNo,
        work: impl FnOnce(&mut Disk) -> Result<T, Refused>,
    ) -> Result<T, Errno> {
        let mut world = lock(&self.0);
        let disk = world.disks.get_mut(&ino.0).ok_or(Errno::EROFS)?;
        work(disk).map_err(errno)
    }
}

fn text(name: &OsStr) -> &str {
    name.to_str().unwrap_or("?")
}

fn done(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Shelf {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let mut world = lock(&self.0);
        let found = match parent {
            INodeNo::ROOT => world.names.get(text(name)).copied(),
            _ => world.disks.get(&parent.0).and_then(|disk| disk.names.get(text(name)).copied()),
        };
        match found.and_then(|ino| world.attributes(ino)) {
            Some(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match lock(&self.0).attributes(ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<std::time::SystemTime>,
        _: Option<FileHandle>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size
            && let Err(error) = self.on(ino, |disk| disk.truncate(ino.0, length(size)))
        {
            return reply.error(error);
        }
        match lock(&self.0).attributes(ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.in_directory(parent, |disk| disk.unlink(text(name))), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        to: INodeNo,
        new: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if parent != to {
            return reply.error(Errno::EXDEV);
        }
        done(self.in_directory(parent, |disk| disk.rename(text(name), text(new))), reply);
    }

    fn create(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        let mut guard = lock(&self.0);
        let world = &mut *guard;
        let ino = world.number();
        let Some(disk) = world.disks.get_mut(&parent.0) else { return reply.error(Errno::EROFS) };
        if let Err(refused) = disk.create(text(name), ino) {
            return reply.error(errno(refused));
        }
        world.homes.insert(ino, parent.0);
        let made = attributes(ino, FileType::RegularFile, 0);
        reply.created(&TTL, &made, Generation(0), FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let opened = self.on(ino, |disk| {
            disk.files.get_mut(&ino.0).ok_or(Refused::Missing)?.open += 1;
            Ok(())
        });
        match opened {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(error),
        }
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        let released = self.on(ino, |disk| {
            let file = disk.files.get_mut(&ino.0).ok_or(Refused::Missing)?;
            file.open = file.open.saturating_sub(1);
            Ok(())
        });
        done(released, reply);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut world = lock(&self.0);
        match world.disk_of(ino.0).and_then(|disk| disk.files.get(&ino.0)) {
            Some(file) => {
                let from = length(offset).min(file.data.len());
                let to = (from + size as usize).min(file.data.len());
                reply.data(&file.data[from..to]);
            }
            None => reply.error(Errno::ENOENT),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.on(ino, |disk| disk.write(ino.0, length(offset), data)) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(error),
        }
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.on(ino, |disk| disk.sync(ino.0)), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.in_directory(ino, Disk::sync_names), reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let world = lock(&self.0);
        if let Some(disk) = world.disks.get(&ino.0) {
            for (index, (name, file)) in disk.names.iter().enumerate().skip(length(offset)) {
                if reply.add(INodeNo(*file), index as u64 + 1, FileType::RegularFile, name) {
                    break;
                }
            }
        }
        reply.ok();
    }
}

fn length(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}
