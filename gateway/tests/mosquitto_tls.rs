//! The uplink to a broker that asks for certificates and lets each gateway use its own topics only.
//!
//! Runs where `mosquitto` and `openssl` are installed and says that it did nothing where they are not.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gateway::config::{Broker, TlsFiles};
use gateway::io::mqtt::MqttLink;
use gateway::uplink::{Delivery, Link, LinkEvent};

/// An authority, a broker's certificate for 127.0.0.1, and a gateway's whose common name is its id.
const CERTIFICATES: &str = "set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
for who in broker gw-0001; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$who -keyout $who.key -out $who.csr
  printf 'subjectAltName=IP:127.0.0.1\\n' > ext
  openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $who.pem
done";

fn config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "user root\nlistener {port} 127.0.0.1\ncafile {folder}/ca.pem\ncertfile {folder}/broker.pem\n\
         keyfile {folder}/broker.key\nrequire_certificate true\nuse_identity_as_username true\nacl_file {folder}/acl\n"
    )
}

async fn next(link: &mut MqttLink) -> LinkEvent {
    tokio::time::timeout(Duration::from_secs(5), link.next()).await.expect("in time")
}

#[tokio::test]
async fn a_gateway_says_who_it_is_by_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("sh")
        .args(["-c", CERTIFICATES])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    std::fs::write(folder.path().join("mosquitto.conf"), config(folder.path(), port)).expect("writes");
    let own =
        "pattern write vagen/v1/%u/up\npattern write vagen/v1/%u/heartbeat\npattern read vagen/v1/%u/down\n";
    std::fs::write(folder.path().join("acl"), own).expect("writes");
    let broker = ["mosquitto", "/usr/sbin/mosquitto"].iter().find_map(|program| {
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.path().join("mosquitto.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
    });
    let (Some(mut broker), Ok(true)) = (broker, made.map(|status| status.success())) else {
        panic!("mosquitto and openssl are needed; tests/run installs them");
    };
    tokio::time::sleep(Duration::from_millis(500)).await;

    let file = |name: &str| folder.path().join(name);
    let link_with = |client| {
        let tls = Some(TlsFiles { ca: file("ca.pem"), client });
        let broker = Broker { host: "127.0.0.1".into(), port, tls };
        MqttLink::new(broker, "gw-0001".parse().expect("a token"), "test".into())
    };
    let mut link = link_with(Some((file("gw-0001.pem"), file("gw-0001.key"))));
    link.connect();
    assert_eq!(next(&mut link).await, LinkEvent::Up);
    link.subscribe("vagen/v1/gw-0001/down").expect("room");
    link.publish("vagen/v1/gw-0001/up", b"{}".to_vec(), Delivery::Acknowledged).expect("room");
    assert_eq!(next(&mut link).await, LinkEvent::Acknowledged);

    let mut nobody = link_with(None);
    nobody.connect();
    let refused = next(&mut nobody).await;
    assert!(matches!(refused, LinkEvent::Lost(_)), "{refused:?}");
    broker.kill().expect("kill");
    broker.wait().expect("ends");
}
