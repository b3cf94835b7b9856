//! The house around the radio: a serving `vagen` with a register of virtual devices, and the unmodified `vagen-gateway`.
//!
//! **Invariant:** one gateway speaks to the laboratory at a time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{self, Serving, apply, export};

/// A store, a server and a place for gateways.
pub(crate) struct House {
    folder: PathBuf,
    data: PathBuf,
    serving: Serving,
    bus: String,
}

impl House {
    /// Opens a house in `folder` whose patients wear one of `devices` each, under the same name.
    pub(crate) fn open(folder: &Path, bus: &str, devices: &[(&str, &str)]) -> Self {
        let data = folder.join("data");
        apply(&data, &register(devices));
        let serving = Serving::start(&data);
        // One that can be wrong on purpose, as the simulation's can, says so in its version.
        let version = support::stdout(&support::run(support::vagen_gateway().arg("--version")));
        assert_eq!(
            version,
            format!("vagen-gateway {}\n", env!("CARGO_PKG_VERSION")),
            "an unmodified gateway"
        );
        Self { folder: folder.to_owned(), data, serving, bus: bus.to_owned() }
    }

    /// A file in the house's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `vagen-gateway`, with the laboratory's bus for the system's.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = support::vagen_gateway();
        command
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus)
            .env_remove("LANG")
            .env_remove("LC_ALL")
            .args(arguments);
        command
    }

    /// The configuration of gateway `name`, written to a file.
    pub(crate) fn configuration(&self, name: &str) -> String {
        let (file, outbox) = (self.file(&format!("{name}.toml")), self.file(&format!("{name}.db")));
        let text = format!(
            "gateway = \"{name}\"\nbroker = \"{}\"\noutbox = \"{}\"\nassume_clock_synced = true\nlog_level = \"debug\"\n",
            self.serving.mqtt,
            outbox.display()
        );
        std::fs::write(&file, text).expect("the configuration is written");
        file.to_str().expect("UTF-8").to_owned()
    }

    /// Starts the daemon of gateway `name`.
    pub(crate) fn gateway(&self, name: &str) -> Daemon {
        let (configuration, log) = (self.configuration(name), self.file(&format!("{name}.log")));
        let mut command = self.command(&["run", "--config", &configuration]);
        Daemon::start(&mut command, &log)
    }

    /// Every envelope in the outbox of gateway `name`, which is not running, in order.
    pub(crate) fn envelopes(&self, name: &str) -> Vec<Value> {
        let outbox = rusqlite::Connection::open(self.file(&format!("{name}.db"))).expect("an outbox");
        let mut query =
            outbox.prepare("SELECT body FROM envelope ORDER BY seq").expect("a table of envelopes");
        let bodies = query.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        bodies.map(|body| serde_json::from_str(&body.expect("text")).expect("JSON")).collect()
    }

    /// What the store holds of the patient who wears `device`, in order of arrival.
    pub(crate) fn stored(&self, device: &str) -> Vec<Value> {
        let mut readings = export(&self.data, "readings");
        readings.retain(|reading| reading["patient"] == device);
        readings
    }
}

/// A process that writes a log, and is killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command`; its standard error goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let to = File::options().create(true).append(true).open(log).expect("a log");
        let child = command.stdout(Stdio::null()).stderr(to).spawn().expect("vagen-gateway starts");
        Self { child, log: log.to_owned() }
    }

    /// The lines of its log that hold every one of `words`.
    pub(crate) fn said(&self, words: &[&str]) -> usize {
        let log = std::fs::read_to_string(&self.log).expect("a log");
        log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// How many readings of a device reached it by the radio: new ones and ones that it knew.
    pub(crate) fn received(&self, address: &str) -> usize {
        let of = format!("device={address} ");
        self.said(&["sealed", &of]) + self.said(&["heard before", &of])
    }

    /// Asks it to stop, and gives its exit status.
    pub(crate) fn stop(mut self) -> Option<i32> {
        support::signal(self.child.id(), "TERM");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn register(devices: &[(&str, &str)]) -> String {
    let mut text = String::from(
        r#"
organisation = [{ id = "region", name = "Region Exempel", kind = "region" }]
unit = [{ id = "hf", organisation = "region", name = "Hjärtsviktsmottagningen" }]
gateway = [{ id = "gw-0001" }, { id = "gw-0002" }, { id = "gw-0003" }]
"#,
    );
    let rows = |row: &dyn Fn(&str, &str) -> String| {
        devices.iter().map(|(name, id)| row(name, id)).collect::<Vec<_>>().join(", ")
    };
    let patients = rows(&|name, _| {
        format!(
            r#"{{ id = "{name}", name = "Test {name}", units = ["hf"], language = "sv", policy = "recommended" }}"#
        )
    });
    let worn = rows(&|name, id| {
        format!(r#"{{ device = "{id}", patient = "{name}", from = "2020-01-01T00:00:00Z" }}"#)
    });
    let known = rows(&|name, id| format!(r#"{{ id = "{id}", model = "Virtual {name}" }}"#));
    text += &format!("patient = [{patients}]\ndevice = [{known}]\nworn_by = [{worn}]\n");
    text
}
