//! When a part of the chain stands still, somebody outside is told: by a webhook and by mail through a real SMTP server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use support::questdb::free_port;
use support::web::Visitor;
use support::{REGISTER, Serving, apply, house, wait_for};

mod support;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mosquitto(port: u16) -> Process {
    let program = if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
    let child = Command::new(program)
        .args(["-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mosquitto starts");
    wait_for("mosquitto", || TcpStream::connect(("127.0.0.1", port)).ok());
    Process(child)
}

/// Debian's aiosmtpd: it prints each message it takes.
fn smtp(port: u16) -> (Process, Receiver<String>) {
    let listen = format!("127.0.0.1:{port}");
    let mut child = Command::new("/usr/bin/python3")
        .args(["-u", "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Debugging", "stdout", "-l", &listen])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("aiosmtpd starts");
    let out = BufReader::new(child.stdout.take().expect("its output"));
    wait_for("aiosmtpd", || TcpStream::connect(("127.0.0.1", port)).ok());
    let (said, heard) = channel();
    std::thread::spawn(move || {
        let mut message = String::new();
        for line in out.lines().map_while(Result::ok) {
            if line.contains("END MESSAGE") && said.send(std::mem::take(&mut message)).is_err() {
                return;
            }
            message.push_str(&line);
            message.push('\n');
        }
    });
    (Process(child), heard)
}

/// Takes POSTs; refuses the first one, as a receiver that is being restarted does.
fn webhook() -> (u16, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for (nth, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (head, body) = request(&stream);
            let status = if nth == 0 { "503 Service Unavailable" } else { "204 No Content" };
            let _ = write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if said.send((head, serde_json::from_slice(&body).expect("JSON"))).is_err() {
                return;
            }
        }
    });
    (port, heard)
}

fn request(stream: &TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().expect("a number");
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    (head, body)
}

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_broker_that_is_gone_is_told_by_webhook_and_mail_and_so_is_its_return() {
    let (_kept, data) = house();
    apply(&data, REGISTER);
    let (broker_port, smtp_port) = (free_port(), free_port());
    let broker = mosquitto(broker_port);
    let (_smtp, mails) = smtp(smtp_port);
    let (webhook_port, posts) = webhook();
    let token = data.with_extension("token");
    std::fs::write(&token, "s3cret\n").expect("a token");
    let config = data.with_extension("config.toml");
    let text = format!(
        "broker = \"mqtt://127.0.0.1:{broker_port}\"\n[alarm]\ninstallation = \"Region Exempel\"\nafter_s = 1\n\
         webhook = \"http://127.0.0.1:{webhook_port}/alarm\"\nwebhook_token_file = {token:?}\n\
         mail_server = \"smtp://127.0.0.1:{smtp_port}\"\nmail_from = \"vagen@region.example\"\n\
         mail_to = [\"jour@region.example\"]\n"
    );
    std::fs::write(&config, text).expect("a configuration");
    let serving = Serving::start_with(&data, &["--config", config.to_str().expect("a path")], &[]);
    let visitor = Visitor::new(&serving.http);
    wait_for_status(&visitor, 200).await;

    drop(broker);
    let (head, refused) = posts.recv_timeout(PATIENCE).expect("a post, which is refused");
    assert!(head.contains("Bearer s3cret") && head.starts_with("POST /alarm "), "{head}");
    let keys: Vec<&str> = refused.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["alarm", "at", "installation", "part", "since", "v", "what_en", "what_sv"],
        "and nothing else"
    );
    assert_eq!((&refused["alarm"], &refused["part"]), (&Value::from("raised"), &Value::from("broker")));
    let mail = mails.recv_timeout(PATIENCE).expect("a mail");
    assert!(
        mail.contains("To: jour@region.example") && mail.contains("From: vagen@region.example"),
        "{mail}"
    );
    wait_for_status(&visitor, 503).await;
    let (status, _) = visitor.get("/watchdog").await;
    assert_eq!(status, 503, "somebody outside who asks is told as well");

    // While the webhook refuses, pages say that alarms do not get through.
    let (_, parts) = visitor.get("/readyz").await;
    let parts: Value = serde_json::from_str(&parts).expect("JSON");
    assert_eq!(parts["parts"]["alarm"]["state"], "broken", "{parts}");

    let (_, again) = posts.recv_timeout(PATIENCE).expect("the same post again");
    assert_eq!(again, refused, "it is sent until it gets through");
    let _broker = mosquitto(broker_port);
    // That the webhook failed is an alarm of its own, by both ways as well.
    let cleared = posts
        .iter()
        .map(|(_, post)| post)
        .find(|post| post["part"] == "broker")
        .expect("the end of the alarm");
    assert_eq!((&cleared["alarm"], &cleared["since"]), (&Value::from("cleared"), &refused["since"]));
    wait_for("the mail that says so", || {
        mails.try_recv().ok().filter(|mail| mail.contains("Alarm cleared, the message"))
    });
    wait_for_status(&visitor, 200).await;
    drop(serving);
}

async fn wait_for_status(visitor: &Visitor, expected: u16) {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let (status, said) = visitor.get("/watchdog").await;
        if status == expected {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "/watchdog is {status}, not {expected}: {said}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
