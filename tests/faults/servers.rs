//! The four kinds of servers: two `vagen serve` over one store, the broker, PostgreSQL and QuestDB, the real ones.
//!
//! **Invariant:** what they keep on disk is touched by nobody else, save the broker's sessions where a fault takes them.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::enclosure::{BROKER_FOR_SERVERS, Networks};
use crate::plan::{Strike, Victim};
use crate::program::Program;
use crate::support::servers::{Mosquitto, Postgres};
use crate::support::{lines, questdb, run, stderr, stdout, vagen, wait_for};

/// Nobody else is in these networks.
pub(crate) const BROKER_PORT: u16 = 1883;
const POSTGRES_PORT: u16 = 5432;
const QUESTDB_PORT: u16 = 9000;
/// Large enough for all that a run measures, small enough to be filled.
const STORE_DISK_MEBIBYTES: u64 = 320;

/// The servers of one house.
pub(crate) struct Servers {
    folder: PathBuf,
    pub(crate) store_disk: PathBuf,
    serve: Vec<Program>,
    pub(crate) broker: Program,
    pub(crate) postgres: Program,
    pub(crate) questdb: Program,
    pub(crate) sessions_lost: usize,
}

impl Servers {
    /// Makes the store with `register` in it, and starts all of them.
    pub(crate) fn start(folder: &Path, networks: &Networks, register: &str) -> Self {
        let store_disk = folder.join("store");
        crate::enclosure::small_disk(&store_disk, STORE_DISK_MEBIBYTES);
        let sessions = folder.join("sessions");
        std::fs::create_dir_all(&sessions).expect("a folder");
        std::fs::write(folder.join("mosquitto.conf"), broker_configuration(&sessions))
            .expect("a configuration");
        let mut servers = Self {
            folder: folder.to_owned(),
            store_disk,
            serve: ["serve-a", "serve-b"].map(|name| Program::new(name, folder)).into(),
            broker: Program::new("broker", folder),
            postgres: Program::new("postgres", folder),
            questdb: Program::new("questdb", folder),
            sessions_lost: 0,
        };
        // The log of writes ahead must not fill the small disk by itself.
        servers.tend_postgres();
        wait_for("PostgreSQL", || servers.postgres_answers().then_some(()));
        servers.sql("postgres", "ALTER SYSTEM SET max_wal_size = '64MB'");
        servers.sql("postgres", "ALTER SYSTEM SET min_wal_size = '32MB'");
        servers.sql("postgres", "SELECT pg_reload_conf()");
        servers.sql("postgres", "CREATE DATABASE vagen");
        for name in ["serve-a", "serve-b", "command"] {
            std::fs::write(folder.join(format!("{name}.toml")), configuration(&folder.join(name)))
                .expect("a configuration");
        }
        let file = folder.join("register.toml");
        std::fs::write(&file, register).expect("a register");
        let applied = servers.vagen(&["admin", "apply", file.to_str().expect("a path")]);
        assert!(applied.status.success(), "{}", stderr(&applied));
        servers.tend(networks);
        servers
    }

    /// Runs a command of `vagen` on the store.
    pub(crate) fn vagen(&self, arguments: &[&str]) -> std::process::Output {
        run(vagen().args(arguments).arg("--config").arg(self.folder.join("command.toml")))
    }

    /// `vagen export`; what it gave stays in the folder, for whoever looks into a failure.
    pub(crate) fn exported(&self, what: &str) -> Vec<serde_json::Value> {
        let output = self.vagen(&["export", what]);
        assert!(output.status.success(), "{}", stderr(&output));
        std::fs::write(self.folder.join(format!("{what}.jsonl")), &output.stdout).expect("a file");
        lines(&output)
    }

    /// Runs `sql` in `database` and gives what it says.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let url = format!("postgres://vagen@127.0.0.1:{POSTGRES_PORT}/{database}");
        let output = run(Command::new("psql").args([
            "-X",
            "-q",
            "-t",
            "-A",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
            "-d",
            &url,
        ]));
        assert!(output.status.success(), "{sql}: {}", stderr(&output));
        stdout(&output).trim().to_owned()
    }

    /// What QuestDB answers to `query`.
    pub(crate) fn ask_questdb(&self, query: &str) -> Result<Vec<Vec<serde_json::Value>>, String> {
        questdb::ask(&questdb_url(), query)
    }

    /// Starts what is due.
    pub(crate) fn tend(&mut self, networks: &Networks) {
        for serve in &mut self.serve {
            let (folder, name) = (&self.folder, serve.name.clone());
            let ready = folder.join(format!("{name}.ready"));
            let status = serve.tend(|| {
                let _ = std::fs::remove_file(&ready);
                let mut command = vagen();
                command.arg("serve").arg("--config").arg(folder.join(format!("{name}.toml")));
                command.arg("--ready-file").arg(&ready);
                command
            });
            serve.ended.extend(status);
        }
        let configuration = self.folder.join("mosquitto.conf");
        let status = self.broker.tend(|| {
            let mut command = networks.at_broker(Mosquitto::program());
            command.arg("-c").arg(configuration);
            command
        });
        self.broker.ended.extend(status);
        let status = self.questdb.tend(|| questdb::command(&self.folder.join("questdb"), QUESTDB_PORT));
        self.questdb.ended.extend(status);
        self.tend_postgres();
    }

    fn tend_postgres(&mut self) {
        let data = self.store_disk.join("postgres");
        let status = self.postgres.tend(|| {
            let mut command = Postgres::script();
            command.arg("run").arg(data).arg(POSTGRES_PORT.to_string());
            command
        });
        self.postgres.ended.extend(status);
    }

    /// Whether the one that is to be killed answers.
    pub(crate) fn answers(&self, strike: &Strike) -> bool {
        match strike.victim {
            Victim::Gateway => true,
            Victim::Server => {
                let name = &self.serve[strike.which % self.serve.len()].name;
                self.folder.join(format!("{name}.ready")).exists()
            }
            Victim::Broker | Victim::BrokerAndSessions => {
                is_open(&format!("{BROKER_FOR_SERVERS}:{BROKER_PORT}"))
            }
            Victim::Postgres => self.postgres_answers(),
            Victim::QuestDb => is_open(&format!("127.0.0.1:{QUESTDB_PORT}")),
        }
    }

    fn postgres_answers(&self) -> bool {
        is_open(&format!("127.0.0.1:{POSTGRES_PORT}"))
    }

    /// The one that is to be killed, where it is a server.
    pub(crate) fn victim(&mut self, strike: &Strike) -> Option<&mut Program> {
        match strike.victim {
            Victim::Gateway => None,
            Victim::Server => {
                let which = strike.which % self.serve.len();
                Some(&mut self.serve[which])
            }
            Victim::Broker | Victim::BrokerAndSessions => Some(&mut self.broker),
            Victim::Postgres => Some(&mut self.postgres),
            Victim::QuestDb => Some(&mut self.questdb),
        }
    }

    /// Takes from the broker, which was killed, all that it wrote down.
    pub(crate) fn forget_sessions(&mut self) {
        assert!(!self.broker.runs(), "it would write them again");
        for entry in std::fs::read_dir(self.folder.join("sessions")).expect("a folder") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("it can be removed");
        }
        self.sessions_lost += 1;
    }

    /// How often PostgreSQL said that its disk is full; the second way is that of one started on a disk that is full already.
    pub(crate) fn store_found_no_room(&self) -> usize {
        let said = self.postgres.said();
        ["No space left on device", "could not write init file"]
            .map(|words| said.matches(words).count())
            .iter()
            .sum()
    }

    /// Whether all of them run and answer.
    pub(crate) fn all_answer(&self) -> bool {
        let ports = [
            format!("{BROKER_FOR_SERVERS}:{BROKER_PORT}"),
            format!("127.0.0.1:{POSTGRES_PORT}"),
            format!("127.0.0.1:{QUESTDB_PORT}"),
        ];
        let is_ready = |serve: &Program| self.folder.join(format!("{}.ready", serve.name)).exists();
        self.all().all(Program::runs)
            && ports.iter().all(|port| is_open(port))
            && self.serve.iter().all(is_ready)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Program> {
        self.serve.iter().chain([&self.broker, &self.postgres, &self.questdb])
    }

    /// How often a `vagen serve` was killed.
    pub(crate) fn serve_kills(&self) -> usize {
        self.serve.iter().map(|serve| serve.kills).sum()
    }
}

fn is_open(address: &str) -> bool {
    let address: SocketAddr = address.parse().expect("an address");
    TcpStream::connect_timeout(&address, Duration::from_millis(50)).is_ok()
}

fn questdb_url() -> String {
    format!("http://127.0.0.1:{QUESTDB_PORT}")
}

fn configuration(data: &Path) -> String {
    let store = format!("postgres://vagen@127.0.0.1:{POSTGRES_PORT}/vagen");
    let broker = format!("mqtt://{BROKER_FOR_SERVERS}:{BROKER_PORT}");
    format!(
        "data = {data:?}\nstore = {store:?}\nbroker = {broker:?}\nquestdb = {:?}\nhttp = \"127.0.0.1:0\"\n",
        questdb_url()
    )
}

/// Sessions are written down every second, which is as often as mosquitto can be told by the clock.
fn broker_configuration(sessions: &Path) -> String {
    format!(
        "listener {BROKER_PORT} 0.0.0.0\nallow_anonymous true\nuser root\nmax_queued_messages 100000\nmax_inflight_messages 1000\n\
         persistence true\npersistence_location {}/\nautosave_interval 1\n",
        sessions.display()
    )
}
