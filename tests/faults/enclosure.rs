//! Where the run happens: network, mount and process namespaces of its own, which are gone with it, whatever becomes of it.
//!
//! In it lie three networks: the servers' (this process's own), the broker's, and the homes'. Each of the other two reaches the
//! broker over a pair of veth interfaces, and what goes one way over one of them can be dropped by a rule of nftables in the
//! broker's network while the other way stays open. Knows no program and no reading.
//!
//! **Invariant:** nothing in here is reached from outside, and nothing in here reaches out.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{run, stderr, stdout, wait_for};

/// Tells the inner process that it is inside, and its folder.
const INSIDE: &str = "VAGEN_FAULTS_INSIDE";
/// The broker, as the servers reach it.
pub(crate) const BROKER_FOR_SERVERS: &str = "10.77.1.2";
/// The broker, as the homes reach it.
pub(crate) const BROKER_FOR_HOMES: &str = "10.77.2.2";

/// The folder of the run, where this process is the one inside.
pub(crate) fn inside() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

/// Runs the test called `name` of this very program inside, with its files in `folder`; whether it passed.
pub(crate) fn enter(name: &str, folder: &Path) -> bool {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    // The shell is the first process there, and takes in what others leave behind.
    command.args(["sh", "-c", r#""$@"; exit $?"#, "sh"]);
    command.arg(std::env::current_exe().expect("this program"));
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    // Where Debian has what administers a machine; not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    let mut child = command.env(INSIDE, folder).stdin(Stdio::piped()).spawn().expect("unshare runs");
    // Held until the end: the inner process ends when it is let go.
    let held = child.stdin.take();
    let status = child.wait().expect("it can be waited for");
    drop(held);
    status.success()
}

/// Ends this process when the one outside is gone.
pub(crate) fn end_with_the_outer() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}

/// Mounts a file system of `mebibytes` in memory on `folder`.
pub(crate) fn small_disk(folder: &Path, mebibytes: u64) {
    std::fs::create_dir_all(folder).expect("a folder");
    let size = format!("size={mebibytes}m,mode=755");
    done(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder));
}

fn done(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    stdout(&output)
}

/// A network beside this process's own, held by a process that sleeps.
struct Network(Child);

impl Network {
    fn new() -> Self {
        let own = std::fs::read_link("/proc/self/ns/net").expect("a network");
        let mut command = Command::new("unshare");
        let holder = command.args(["--net", "sleep", "infinity"]).stdin(Stdio::null()).spawn();
        let network = Self(holder.expect("unshare runs"));
        wait_for("the network", || {
            std::fs::read_link(network.path()).ok().filter(|other| *other != own).map(|_| ())
        });
        network.program("ip", &["link", "set", "lo", "up"]);
        network
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// A command that runs in this network, as the process that it starts.
    fn command(&self, program: &std::ffi::OsStr) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path())).arg("--").arg(program);
        command
    }

    fn program(&self, program: &str, arguments: &[&str]) -> String {
        done(self.command(program.as_ref()).args(arguments))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One direction of one way to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    HomesToBroker,
    BrokerToHomes,
    ServersToBroker,
    BrokerToServers,
}

impl Way {
    pub(crate) const ALL: [Self; 4] =
        [Self::HomesToBroker, Self::BrokerToServers, Self::BrokerToHomes, Self::ServersToBroker];

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::HomesToBroker => "homes to broker",
            Self::BrokerToHomes => "broker to homes",
            Self::ServersToBroker => "servers to broker",
            Self::BrokerToServers => "broker to servers",
        }
    }
}

/// The three networks.
pub(crate) struct Networks {
    broker: Network,
    homes: Network,
}

impl Networks {
    /// Makes them, and the two ways to the broker.
    pub(crate) fn new() -> Self {
        done(Command::new("ip").args(["link", "set", "lo", "up"]));
        let networks = Self { broker: Network::new(), homes: Network::new() };
        let broker = networks.broker.0.id().to_string();
        let homes = networks.homes.0.id().to_string();
        let pairs = [
            ("servers", None, "10.77.1.1", BROKER_FOR_SERVERS),
            ("homes", Some(&networks.homes), "10.77.2.1", BROKER_FOR_HOMES),
        ];
        for (name, network, near, far) in pairs {
            let inner = format!("to-{name}");
            done(Command::new("ip").args(["link", "add", name, "type", "veth", "peer", "name", &inner]));
            done(Command::new("ip").args(["link", "set", &inner, "netns", &broker]));
            let (near, far) = (format!("{near}/30"), format!("{far}/30"));
            networks.broker.program("ip", &["address", "add", &far, "dev", &inner]);
            networks.broker.program("ip", &["link", "set", &inner, "up"]);
            let address = ["address", "add", &near, "dev", name];
            let up = ["link", "set", name, "up"];
            match network {
                None => {
                    done(Command::new("ip").args(address));
                    done(Command::new("ip").args(up));
                }
                Some(network) => {
                    done(Command::new("ip").args(["link", "set", name, "netns", &homes]));
                    network.program("ip", &address);
                    network.program("ip", &up);
                }
            }
        }
        networks
    }

    /// A command that runs where the broker is.
    pub(crate) fn at_broker(&self, program: &str) -> Command {
        self.broker.command(program.as_ref())
    }

    /// A command that runs where the homes are.
    pub(crate) fn at_homes(&self, program: &Command) -> Command {
        self.homes.command(program.get_program())
    }

    /// Cuts one way: every packet that goes it is counted and dropped; what goes the other way is counted.
    pub(crate) fn cut(&self, way: Way) {
        let interface = match way {
            Way::HomesToBroker | Way::BrokerToHomes => "to-homes",
            Way::ServersToBroker | Way::BrokerToServers => "to-servers",
        };
        let (arriving, leaving) = match way {
            Way::HomesToBroker | Way::ServersToBroker => ("drop", "accept"),
            Way::BrokerToHomes | Way::BrokerToServers => ("accept", "drop"),
        };
        let rules = format!(
            "table ip cut {{\n\
             chain arriving {{ type filter hook input priority 0; iifname \"{interface}\" counter {arriving}; }}\n\
             chain leaving {{ type filter hook output priority 0; oifname \"{interface}\" counter {leaving}; }}\n}}\n"
        );
        let mut command = self.at_broker("nft");
        let mut nft = command.args(["-f", "-"]).stdin(Stdio::piped()).spawn().expect("nft is installed");
        nft.stdin.take().expect("piped").write_all(rules.as_bytes()).expect("nft reads");
        assert!(nft.wait().expect("nft ends").success(), "{rules}");
    }

    /// How many packets were dropped on the way that is cut, and how many came the other way.
    pub(crate) fn passed(&self) -> (u64, u64) {
        let listed = self.broker.program("nft", &["list", "table", "ip", "cut"]);
        let count = |verdict: &str| {
            let line =
                listed.lines().find(|line| line.contains("counter") && line.trim_end().ends_with(verdict));
            let packets =
                line.and_then(|line| line.split("packets ").nth(1)?.split(' ').next()?.parse().ok());
            packets.unwrap_or_else(|| panic!("a counter of {verdict}: {listed}"))
        };
        (count("drop"), count("accept"))
    }

    /// Opens the way again.
    pub(crate) fn mend(&self) {
        self.broker.program("nft", &["delete", "table", "ip", "cut"]);
    }
}
