//! Somebody with a certificate, or without one, at the broker: rumqttc over TLS, with nothing of our gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS, SubscribeFilter, TlsConfiguration, Transport};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::sync::mpsc;

const PATIENCE: Duration = crate::support::PATIENCE;

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// What is shown to the broker, and whom of brokers one believes.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) pem: Option<String>,
    pub(crate) ca: PathBuf,
}

impl Certificate {
    /// The one that the box in `folder` enrolled for.
    pub(crate) fn of(folder: &Path) -> Self {
        let pem = std::fs::read_to_string(folder.join("gateway.pem")).expect("enrolled");
        Self { pem: Some(pem), ca: folder.join("ca.pem") }
    }

    /// None, believing the same broker.
    pub(crate) fn none(folder: &Path) -> Self {
        Self { pem: None, ca: folder.join("ca.pem") }
    }

    /// One for `name` by an authority of the stranger's own, which is left beside the folder as `other-ca.pem`.
    pub(crate) fn of_a_stranger(folder: &Path, name: &str) -> Self {
        let other = folder.with_file_name("stranger");
        let authority = care::enrolment::Authority::open(&other, care::clock::Clock::system().now())
            .expect("an authority");
        std::fs::write(folder.with_file_name("other-ca.pem"), authority.certificate_pem()).expect("writes");
        let purpose = care::enrolment::authority::Purpose::Seat(name.parse().expect("an id"));
        let made = authority.make(&purpose, care::clock::Clock::system().now()).expect("makes");
        Self { pem: Some(made.issued.pem + &made.key_pem), ca: folder.join("ca.pem") }
    }

    fn tls(&self, tls: Tls) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(&self.ca).expect("an authority").flatten() {
            roots.add(authority).expect("an authority");
        }
        let versions = match tls {
            Tls::OneThree => &[&rustls::version::TLS13],
            Tls::OneTwo => &[&rustls::version::TLS12],
        };
        let builder =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(versions)
                .expect("spoken")
                .with_root_certificates(roots);
        match &self.pem {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).flatten().collect();
                let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a key");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
        }
    }
}

/// Which TLS is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tls {
    OneTwo,
    OneThree,
}

#[derive(Debug)]
enum Told {
    Up,
    Subscribed,
    Acknowledged,
    Heard(Heard),
    Lost(String),
}

/// One connection; it is never made anew.
#[derive(Debug)]
pub(crate) struct Peer {
    client: AsyncClient,
    told: mpsc::UnboundedReceiver<Told>,
    connected: Arc<std::sync::atomic::AtomicBool>,
}

impl Peer {
    pub(crate) async fn connect(
        port: u16,
        client_id: &str,
        certificate: &Certificate,
    ) -> Result<Self, String> {
        Self::connect_by(port, client_id, certificate, Tls::OneThree).await
    }

    /// Connects, or gives the reason in words.
    pub(crate) async fn connect_by(
        port: u16,
        client_id: &str,
        certificate: &Certificate,
        tls: Tls,
    ) -> Result<Self, String> {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(30)).set_credentials("vagen:server", "");
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(
            certificate.tls(tls),
        ))));
        let (client, mut events) = AsyncClient::new(options, 32);
        let (tell, mut told) = mpsc::unbounded_channel();
        let connected = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let state = Arc::clone(&connected);
        tokio::spawn(async move {
            loop {
                let event = match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => Told::Up,
                    Ok(Event::Incoming(Packet::SubAck(_))) => Told::Subscribed,
                    Ok(Event::Incoming(Packet::PubAck(_))) => Told::Acknowledged,
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        Told::Heard(Heard { topic: publish.topic, payload: publish.payload.to_vec() })
                    }
                    Ok(_) => continue,
                    Err(error) => Told::Lost(format!("{error:?}: {error}")),
                };
                state.store(!matches!(event, Told::Lost(_)), std::sync::atomic::Ordering::SeqCst);
                let over = matches!(event, Told::Lost(_));
                if tell.send(event).is_err() || over {
                    return;
                }
            }
        });
        match tokio::time::timeout(PATIENCE, told.recv()).await.expect("an answer") {
            Some(Told::Up) => Ok(Self { client, told, connected }),
            Some(Told::Lost(why)) => Err(why
                .to_lowercase()
                .replace("certificaterevoked", "CertificateRevoked")
                .replace("unknownissuer", "UnknownIssuer")),
            Some(Told::Subscribed | Told::Acknowledged | Told::Heard(_)) | None => {
                panic!("nothing comes before a CONNACK")
            }
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(std::sync::atomic::Ordering::SeqCst)
    }

    async fn next(&mut self) -> Told {
        tokio::time::timeout(PATIENCE, self.told.recv())
            .await
            .expect("in time")
            .expect("the connection's end is told")
    }

    pub(crate) async fn subscribe(&mut self, filters: &[&str]) {
        let filters =
            filters.iter().map(|filter| SubscribeFilter::new((*filter).to_owned(), QoS::AtLeastOnce));
        self.client.subscribe_many(filters.collect::<Vec<_>>()).await.expect("room");
        assert!(matches!(self.next().await, Told::Subscribed), "a SUBACK comes first");
    }

    /// Publishes at QoS 1 and waits for the acknowledgement, which mosquitto gives for what it denies as well.
    pub(crate) async fn publish(&mut self, topic: &str, payload: &Value) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload.to_string()).await.expect("room");
        let mut early = Vec::new();
        loop {
            match self.next().await {
                Told::Acknowledged => break,
                Told::Heard(heard) => early.push(heard),
                Told::Lost(why) => panic!("lost while publishing on {topic}: {why}"),
                Told::Up | Told::Subscribed => {}
            }
        }
        assert_eq!(early, [], "nothing comes down before what went up was acknowledged");
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Value {
        match self.next().await {
            Told::Heard(heard) => serde_json::from_slice(&heard.payload).expect("JSON comes down"),
            Told::Lost(why) => panic!("lost while waiting for a message: {why}"),
            Told::Up | Told::Subscribed | Told::Acknowledged => panic!("something else than a message came"),
        }
    }

    /// Everything that is heard within `time`.
    pub(crate) async fn heard(&mut self, time: Duration) -> Vec<Heard> {
        tokio::time::sleep(time).await;
        let mut all = Vec::new();
        while let Ok(told) = self.told.try_recv() {
            match told {
                Told::Heard(heard) => all.push(heard),
                Told::Lost(why) => panic!("lost while listening: {why}"),
                Told::Up | Told::Subscribed | Told::Acknowledged => {}
            }
        }
        all
    }

    /// Waits until the connection ends.
    pub(crate) async fn ended(&mut self, within: Duration) {
        let ended = async {
            while let Some(told) = self.told.recv().await {
                if matches!(told, Told::Lost(_)) {
                    return;
                }
            }
        };
        tokio::time::timeout(within, ended).await.expect("the session is ended in time");
    }
}
