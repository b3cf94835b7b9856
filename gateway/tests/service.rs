//! The gateway as a service: what it tells the service manager, and where its log goes.
//!
//! A socket of the test's own stands where systemd's would; what is said on it is systemd's protocol (sd_notify(3)).

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn gateway(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vagen-gateway"));
    command
        .args(["run", "--broker", "mqtt://127.0.0.1:1", "--gateway", "gw-0001", "--outbox"])
        .arg(folder.join("o.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn listen(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    socket
}

fn hear(socket: &UnixDatagram) -> Option<String> {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn terminate(child: &mut Child) {
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(kill.success());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn the_service_manager_hears_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = listen(&folder.path().join("notify"));
    let started = Instant::now();
    let mut child = gateway(folder.path())
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "900000")
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    assert_eq!(hear(&socket).as_deref(), Some("READY=1\n"));
    // Every third of the limit, with a line for `systemctl status`.
    for _ in 0..4 {
        let said = hear(&socket).expect("alive");
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some("WATCHDOG=1"), "{said}");
        assert!(
            lines.next().is_some_and(|it| it.starts_with("STATUS=0 sealed, 0 without receipt")),
            "{said}"
        );
    }
    assert!(started.elapsed() >= Duration::from_millis(850), "{:?}", started.elapsed());
    terminate(&mut child);
    let rest: Vec<String> = std::iter::from_fn(|| {
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        hear(&socket)
    })
    .collect();
    assert_eq!(rest.iter().filter(|it| *it == "STOPPING=1\n").count(), 1, "{rest:?}");
}

/// Frozen (SIGSTOP), it is silent: the sign of life is made by the loops, and nothing makes it for them.
#[test]
fn a_gateway_that_hangs_gives_no_sign_of_life() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = listen(&folder.path().join("notify"));
    let mut child = gateway(folder.path())
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "600000")
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    assert_eq!(hear(&socket).as_deref(), Some("READY=1\n"));
    let signal = |signal: &str, child: &Child| {
        assert!(
            Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill").success()
        );
    };
    signal("-STOP", &child);
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    while hear(&socket).is_some() {}
    socket.set_read_timeout(Some(Duration::from_millis(800))).expect("a timeout");
    assert_eq!(hear(&socket), None, "longer than the limit");
    signal("-CONT", &child);
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    assert!(hear(&socket).is_some_and(|said| said.starts_with("WATCHDOG=1")));
    terminate(&mut child);
}

/// With stderr connected by systemd, lines go to the journal with their fields and levels, and not to stderr as well.
/// The journal's socket is ours: `/run` is a tmpfs in a mount namespace of the gateway alone.
#[test]
fn the_log_goes_to_the_journal_where_systemd_connected_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = folder.path().join("journal");
    std::fs::create_dir(&journal).expect("a folder");
    let socket = listen(&journal.join("socket"));
    let stderr = std::fs::File::create(folder.path().join("stderr")).expect("a file");
    let of = stderr.metadata().expect("it is there");
    let program = gateway(folder.path());
    let script = format!(
        "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind {} /run/systemd/journal && exec \"$@\"",
        journal.display()
    );
    let mut child = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script, "sh"])
        .arg(program.get_program())
        .args(program.get_args())
        .env("JOURNAL_STREAM", format!("{}:{}", of.dev(), of.ino()))
        .stdin(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("unshare runs");
    // Whoever opens a journal may try it with an empty message first.
    let said =
        std::iter::from_fn(|| hear(&socket)).find(|said| said.contains("no connection")).expect("a line");
    terminate(&mut child);
    // The native protocol: a name, a length of eight bytes, the value. A warning is 4 (systemd.journal-fields(7)).
    for field in [
        "PRIORITY\n\u{1}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}4\n",
        "SYSLOG_IDENTIFIER\n",
        "vagen-gateway\n",
        "F_REASON\n",
    ] {
        assert!(said.contains(field), "{field:?} in {said:?}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("stderr")).expect("reads"), "");
}

/// No journal to reach (a container, a shell that kept the variable): the log is on stderr, not nowhere.
#[test]
fn without_a_journal_the_log_is_on_stderr() {
    for journal_stream in [None, Some("1:1")] {
        let folder = tempfile::tempdir().expect("a folder");
        let stderr = std::fs::File::create(folder.path().join("stderr")).expect("a file");
        let mut command = gateway(folder.path());
        command.env_remove("JOURNAL_STREAM").envs(journal_stream.map(|it| ("JOURNAL_STREAM", it)));
        let mut child = command.stderr(stderr).spawn().expect("starts");
        let until = Instant::now() + Duration::from_secs(10);
        let said = || std::fs::read_to_string(folder.path().join("stderr")).expect("reads");
        while !said().contains("no connection to the broker") {
            assert!(Instant::now() < until, "{}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        terminate(&mut child);
    }
}

/// An outbox that somebody else holds may be free in a moment: systemd is to try again. One that is not ours never is.
#[test]
fn what_may_pass_is_a_failure_and_what_may_not_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = gateway(folder.path()).stderr(Stdio::null()).spawn().expect("starts");
    let until = Instant::now() + Duration::from_secs(10);
    while !folder.path().join("o.db-wal").exists() {
        assert!(Instant::now() < until, "the first opens its outbox");
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = gateway(folder.path()).output().expect("runs");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("is in use by another process"), "{said}");
    terminate(&mut first);
    let nowhere = gateway(&folder.path().join("no-such-folder")).output().expect("runs");
    assert_eq!(nowhere.status.code(), Some(2));
}
