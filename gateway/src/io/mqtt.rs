//! [`Link`] over rumqttc, MQTT 3.1.1.
//!
//! A new client for every connection: rumqttc keeps pending publishes, buffered events and packet ids across an error
//! and would hand them to the next connection. Nothing of an old one survives here, and nothing needs to: what has no
//! receipt is in the outbox.
//!
//! **Invariant:** after [`Link::connect`] or [`Link::hang_up`] no event of an earlier connection is given out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeReasonCode,
    TlsConfiguration, Transport,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use vitals::GatewayId;
use vitals::envelope::ENVELOPE_BYTES_MAX;

use crate::config::{Broker, TlsFiles};
use crate::uplink::{BATCH_BYTES_MAX, Delivery, Link, LinkEvent, LinkFull, WINDOW};
use crate::vigil::{Trouble, Vigil};

/// rumqttc's own window. Larger than ours, so that it never fills and no packet id is used twice.
const INFLIGHT: u16 = 16;
const _: () =
    assert!(WINDOW < INFLIGHT as usize, "the client must never hold back what we believe to be sent");
/// The largest packet taken or given. An incoming one that is larger would end the connection, and the broker would
/// send it again on the next: far above any receipt there is.
const PACKET_BYTES_MAX: usize = 1024 * 1024;
const _: () = assert!(ENVELOPE_BYTES_MAX + 1024 < PACKET_BYTES_MAX && BATCH_BYTES_MAX < PACKET_BYTES_MAX);
/// Requests waiting for the event loop: the window, a subscription, a heartbeat and a goodbye.
const REQUESTS: usize = WINDOW + 8;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT_S: u64 = 10;
/// Events are taken at once; this only bounds what a broker gone wild can make us hold.
const EVENTS: usize = 64;

/// A connection to a broker, made anew each time.
#[derive(Debug)]
pub struct MqttLink {
    broker: Broker,
    gateway: GatewayId,
    client_id: String,
    connection: Option<Connection>,
    renewed: Arc<Notify>,
    vigil: Vigil,
}

#[derive(Debug)]
struct Connection {
    client: AsyncClient,
    events: mpsc::Receiver<LinkEvent>,
    polling: JoinHandle<()>,
}

/// Why a connection cannot be begun. One line for the log.
#[derive(Debug, thiserror::Error)]
enum TlsError {
    #[error("{file}: {what}")]
    File { file: PathBuf, what: String },
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl MqttLink {
    /// A link that is not connected yet. `client_id` must be this process's own: a broker drops the older of two
    /// connections with the same one.
    #[must_use]
    pub fn new(broker: Broker, gateway: GatewayId, client_id: String) -> Self {
        let (renewed, vigil) = (Arc::default(), Vigil::default());
        Self { broker, gateway, client_id, connection: None, renewed, vigil }
    }

    /// The same, connecting anew when `renewed` says that there is a new certificate, and telling `vigil` when the broker refuses
    /// the one there is.
    #[must_use]
    pub fn with_certificate_of(mut self, renewed: Arc<Notify>, vigil: Vigil) -> Self {
        (self.renewed, self.vigil) = (renewed, vigil);
        self
    }

    fn options(&self) -> Result<MqttOptions, TlsError> {
        let mut options = MqttOptions::new(&self.client_id, &self.broker.host, self.broker.port);
        options
            .set_clean_session(true)
            .set_keep_alive(KEEP_ALIVE)
            .set_inflight(INFLIGHT)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
            .set_credentials(self.gateway.as_str(), "");
        if let Some(files) = &self.broker.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::new(tls(files)?))));
        }
        Ok(options)
    }
}

fn tls(files: &TlsFiles) -> Result<rustls::ClientConfig, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    let authorities = certificates(&files.ca)?;
    if roots.add_parsable_certificates(authorities).0 == 0 {
        return Err(TlsError::File { file: files.ca.clone(), what: "holds no certificate".to_owned() });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots);
    match &files.client {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let private = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| TlsError::File { file: key.clone(), what: error.to_string() })?;
            Ok(builder.with_client_auth_cert(certificates(certificate)?, private)?)
        }
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| TlsError::File { file: file.to_owned(), what: error.to_string() })
}

/// Whether the broker says, by an alert of its TLS (RFC 8446, 6.2), that it does not take our certificate.
fn is_refused(error: &ConnectionError) -> bool {
    use rustls::AlertDescription as Alert;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = inner {
            return matches!(
                alert,
                Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::BadCertificate
                    | Alert::UnknownCA
                    | Alert::AccessDenied
            );
        }
        cause = error.source();
    }
    false
}

async fn poll(mut event_loop: EventLoop, events: mpsc::Sender<LinkEvent>, vigil: Vigil) {
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => LinkEvent::Up,
            Ok(Event::Incoming(Packet::PubAck(_))) => LinkEvent::Acknowledged,
            Ok(Event::Incoming(Packet::Publish(publish))) => LinkEvent::Message(publish.payload.to_vec()),
            Ok(Event::Incoming(Packet::SubAck(answer)))
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                LinkEvent::Lost("the broker refused the subscription to receipts".to_owned())
            }
            Ok(Event::Incoming(_) | Event::Outgoing(_)) => continue,
            Err(error) => {
                if is_refused(&error) {
                    tracing::error!(%error, "the broker refuses this box's certificate: it needs a new code (vagen-gateway enrol)");
                    vigil.trouble(Trouble::CertificateRefused, true);
                }
                LinkEvent::Lost(error.to_string())
            }
        };
        if event == LinkEvent::Up {
            vigil.trouble(Trouble::CertificateRefused, false);
        }
        let over = matches!(event, LinkEvent::Lost(_));
        if events.send(event).await.is_err() || over {
            return;
        }
    }
}

impl Link for MqttLink {
    fn connect(&mut self) {
        self.hang_up();
        let (sender, events) = mpsc::channel(EVENTS);
        let connection = match self.options() {
            Ok(options) => {
                let (client, mut event_loop) = AsyncClient::new(options, REQUESTS);
                event_loop.network_options.set_connection_timeout(CONNECT_TIMEOUT_S);
                Connection {
                    client,
                    events,
                    polling: tokio::spawn(poll(event_loop, sender, self.vigil.clone())),
                }
            }
            Err(error) => {
                // A certificate that cannot be read may be there at the next attempt.
                let (client, _) = AsyncClient::new(MqttOptions::new("-", "-", 1), 1);
                let polling = tokio::spawn(async move {
                    let _ = sender.send(LinkEvent::Lost(error.to_string())).await;
                });
                Connection { client, events, polling }
            }
        };
        self.connection = Some(connection);
    }

    fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            // The goodbye is written by the event loop, which ends by itself when the broker closes; it is given a
            // second, in case the broker does not.
            if connection.client.try_disconnect().is_err() {
                connection.polling.abort();
            }
            let polling = connection.polling;
            tokio::spawn(async move {
                let abort = polling.abort_handle();
                if tokio::time::timeout(Duration::from_secs(1), polling).await.is_err() {
                    abort.abort();
                }
            });
        }
    }

    async fn next(&mut self) -> LinkEvent {
        let Some(connection) = &mut self.connection else { return std::future::pending().await };
        let event = tokio::select! {
            event = connection.events.recv() => event,
            // What is on its way has no receipt yet and is sent again.
            () = self.renewed.notified() => Some(LinkEvent::Lost("there is a new certificate".to_owned())),
        };
        match event {
            Some(event) => event,
            None => {
                self.connection = None;
                LinkEvent::Lost("the connection ended".to_owned())
            }
        }
    }

    fn subscribe(&mut self, topic: &str) -> Result<(), LinkFull> {
        let client = &self.connection.as_ref().ok_or(LinkFull)?.client;
        client.try_subscribe(topic, QoS::AtLeastOnce).map_err(|_| LinkFull)
    }

    fn publish(&mut self, topic: &str, payload: Vec<u8>, delivery: Delivery) -> Result<(), LinkFull> {
        let client = &self.connection.as_ref().ok_or(LinkFull)?.client;
        let qos = match delivery {
            Delivery::Once => QoS::AtMostOnce,
            Delivery::Acknowledged => QoS::AtLeastOnce,
        };
        client.try_publish(topic, qos, false, payload).map_err(|_| LinkFull)
    }
}

impl Drop for MqttLink {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.polling.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards that are nothing but a setting. Expected: what the client's documentation says each does by default is
    /// not what this gateway needs (10 KiB packets, 60 s).
    #[test]
    fn the_settings_that_guard_against_loss() {
        let broker = "mqtt://127.0.0.1:1".parse().expect("a broker");
        let link = MqttLink::new(broker, "gw-0001".parse().expect("a token"), "gw-0001.5f0c".into());
        let options = link.options().expect("no TLS, no files");
        assert!(options.clean_session(), "a resumed session would bring back what is no longer wanted");
        assert!(usize::from(options.inflight()) > WINDOW);
        assert!(options.max_packet_size() >= 256 * 1024);
        assert_eq!(options.keep_alive(), Duration::from_secs(30));
        assert_eq!(options.credentials().map(|login| login.username), Some("gw-0001".into()));
    }

    #[test]
    fn a_missing_certificate_is_named() {
        let mut broker: Broker = "mqtts://127.0.0.1:1".parse().expect("a broker");
        broker.tls = Some(TlsFiles { ca: "/nowhere/ca.pem".into(), client: None });
        let link = MqttLink::new(broker, "gw-0001".parse().expect("a token"), "x".into());
        let error = link.options().expect_err("no such file").to_string();
        assert!(error.starts_with("/nowhere/ca.pem: "), "{error}");
    }
}
