//! The house with a broker of its own: configuration, mosquitto, server, and boxes that enrol by the real command.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::web::Visitor;
use crate::support::{Serving, apply, run, stderr, vagen, vagen_gateway, wait_for};

/// mosquitto, until it is dropped.
pub(crate) struct Mosquitto(Child);

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) struct World {
    pub(crate) serving: Serving,
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
    mosquitto: Option<Mosquitto>,
    pub(crate) folder: tempfile::TempDir,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port()
}

pub(crate) fn mosquitto(configuration: &Path) -> Option<Mosquitto> {
    let started = ["mosquitto", "/usr/sbin/mosquitto"].iter().find_map(|program| {
        let mut command = Command::new(program);
        command.arg("-c").arg(configuration).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().ok()
    });
    assert!(started.is_some(), "mosquitto is needed; tests/run installs it");
    started.map(Mosquitto)
}

/// mosquitto with the configuration in `folder`, once it answers at `port`; its process id is left there for the reload.
fn broker(folder: &Path, port: u16) -> Option<Mosquitto> {
    let mosquitto = mosquitto(&folder.join("broker/mosquitto.conf"))?;
    std::fs::write(folder.join("pid"), mosquitto.0.id().to_string()).expect("writes");
    wait_for("mosquitto", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    Some(mosquitto)
}

impl World {
    /// Everything, started in the order in which an operator would. `None` without mosquitto.
    pub(crate) fn build() -> Option<Self> {
        Self::build_with("")
    }

    /// The same, with `more` in the server's table of gateways.
    pub(crate) fn build_with(more: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, files, port) = (folder.path().join("data"), folder.path().join("broker"), free_port());
        // As root, mosquitto gives itself up for another user, who cannot read these files.
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let config = folder.path().join("serve.toml");
        let text = format!(
            "data = {data:?}\nbroker = \"mqtts://127.0.0.1:{port}\"\n[gateways]\nfiles = {files:?}\n\
             reload = [\"sh\", \"-c\", \"kill -HUP $(cat {}/pid)\"]\n{more}\n",
            folder.path().display()
        );
        std::fs::write(&config, text).expect("writes");
        let wrote = run(vagen()
            .args(["broker", "config", "--user", &user, "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .arg("--config")
            .arg(&config));
        assert!(wrote.status.success(), "{}", stderr(&wrote));
        let mosquitto = broker(folder.path(), port)?;
        apply(&data, &crate::support::REGISTER.replace("staff   = [", "staff   = [{ id = \"adam\", unit = \"hf\", role = \"administrator\", name = \"Adam Test\", login = \"adam\", password = \"adam-password\" },\n           "));
        let serving = Serving::start_with(&data, &["--config", config.to_str().expect("text")], &[]);
        Some(Self { serving, data, port, mosquitto: Some(mosquitto), folder })
    }

    /// Ends the broker, and with it every session, and starts it again.
    pub(crate) fn restart_broker(&mut self) {
        drop(self.mosquitto.take());
        self.mosquitto = broker(self.folder.path(), self.port);
        assert!(self.mosquitto.is_some(), "it was there before");
    }

    /// Where the box `name` keeps its files.
    pub(crate) fn enrolled(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has staff issue a code, and a box `name` enrol with it as `gateway`.
    pub(crate) async fn enrol(&self, staff: &Visitor, gateway: &str, name: &str) -> PathBuf {
        let (status, page) = staff.post(&format!("/gateways/{gateway}/code"), &[]).await;
        assert_eq!(status, 200, "{page}");
        let out = self.enrolled(name);
        let code = shown_code(&page);
        let enrolled = run(vagen_gateway()
            .args(["enrol", "--server", &self.serving.http, "--code", &code, "--out"])
            .arg(&out));
        assert!(enrolled.status.success(), "{}", stderr(&enrolled));
        out
    }
}

/// The code on the page that shows it.
pub(crate) fn shown_code(page: &str) -> String {
    let after =
        page.split("enrolment-code").nth(1).and_then(|rest| rest.split("<strong>").nth(1)).expect("a code");
    after.split('<').next().expect("text").to_owned()
}

/// A capture of one weighing with `kg` a minute ago, as a radio hears an A&D UC-352BLE (weight in steps of 5 g, Bluetooth 0x2A9D).
pub(crate) fn capture(folder: &Path, kg: f64) -> PathBuf {
    capture_of(folder, &[(-60, kg)])
}

/// The same of several weighings: how many seconds from now each begins, and its kilograms.
pub(crate) fn capture_of(folder: &Path, weighings: &[(i64, f64)]) -> PathBuf {
    let now = jiff::Timestamp::now();
    let text: String = weighings.iter().map(|(from_s, kg)| weighing(now, *from_s, *kg)).collect();
    let file = folder.join("capture.jsonl");
    std::fs::write(&file, text).expect("writes");
    file
}

fn weighing(now: jiff::Timestamp, from_s: i64, kg: f64) -> String {
    let moment = |seconds: i64| now + jiff::SignedDuration::from_secs(from_s + seconds);
    let at = |seconds: i64| moment(seconds).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let civil = jiff::tz::Offset::UTC.to_datetime(moment(0));
    let (steps, year) = ((kg * 200.0).round() as u16, civil.year() as u16);
    let time = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    let time: String = time.iter().map(|part| format!("{part:02x}")).collect();
    let clock = format!("{:02x}{:02x}{time}", year & 0xff, year >> 8);
    let weight = format!("02{:02x}{:02x}{clock}", steps & 0xff, steps >> 8);
    let events = [
        r#""name":"A&D_UC-352BLE_000001","event":"advertise","service_uuids":["181d"],"service_data":{}"#
            .to_owned(),
        r#""event":"connect""#.to_owned(),
        format!(r#""event":"read","characteristic":"2a08","hex":"{clock}""#),
        format!(r#""event":"notify","characteristic":"2a9d","hex":"{weight}""#),
        r#""event":"disconnect""#.to_owned(),
    ];
    let line = |(second, event): (i64, &String)| {
        format!("{{\"at\":\"{}\",\"address\":\"54:6C:0E:00:00:01\",{event}}}\n", at(second))
    };
    (0..).zip(&events).map(line).collect()
}
