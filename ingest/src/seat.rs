//! A knock at the broker's door: whether it lets somebody in. Whoever is let in takes the seat of the session before it.
//!
//! A broker keeps one session for a client. Where it takes the client's name from the certificate, a certificate of the same
//! name ends the session of the one before, wherever that is: so a session is ended without a hand on the broker.
//!
//! **Invariant:** no answer is never taken for a refusal.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, TlsConfiguration, Transport,
};
use tokio::time::timeout;

use crate::link::Address;

/// What came of a knock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The broker let it in, and it has left again.
    Admitted,
    /// The broker, or its TLS, said no.
    Refused(String),
    /// Nobody can tell: no connection, no answer, or a connection that broke.
    Unknown(String),
}

/// Connects as `client_id` with `tls`, which names a certificate, and leaves.
pub async fn knock(
    address: &Address,
    client_id: &str,
    tls: Arc<rustls::ClientConfig>,
    within: Duration,
) -> Answer {
    let mut options = MqttOptions::new(client_id, address.host.clone(), address.port);
    options.set_clean_session(true).set_keep_alive(Duration::from_secs(10));
    options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    let (client, mut events) = AsyncClient::new(options, 4);
    match timeout(within, entered(&mut events)).await {
        Ok(Answer::Admitted) => {
            // The seat was taken; a goodbye that does not get through changes nothing.
            let _ = client.try_disconnect();
            let _ = timeout(Duration::from_secs(1), left(&mut events)).await;
            Answer::Admitted
        }
        Ok(answer) => answer,
        Err(_) => Answer::Unknown(format!("no answer within {} s", within.as_secs())),
    }
}

async fn entered(events: &mut EventLoop) -> Answer {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => return Answer::Admitted,
            Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
            Err(error) if is_refusal(&error) => return Answer::Refused(error.to_string()),
            Err(error) => return Answer::Unknown(error.to_string()),
        }
    }
}

async fn left(events: &mut EventLoop) {
    while events.poll().await.is_ok() {}
}

/// Whether `error` is the other side's own word: a CONNACK that says no, or an alert of its TLS.
fn is_refusal(error: &ConnectionError) -> bool {
    if matches!(error, ConnectionError::ConnectionRefused(_)) {
        return true;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = within.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(_)) = inner.or_else(|| error.downcast_ref::<rustls::Error>())
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }

    /// To add a case, add a row. An alert is the other side's word (RFC 8446, 6); everything else is a broken connection, or our
    /// own doubt about the broker's certificate.
    #[test]
    fn only_the_other_sides_word_is_a_refusal() {
        let alert = || rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRevoked);
        let doubt = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let refused = rumqttc::ConnectReturnCode::NotAuthorized;
        let rows = [
            (ConnectionError::Io(io(alert())), true),
            (ConnectionError::MqttState(rumqttc::StateError::Io(io(alert()))), true),
            (ConnectionError::ConnectionRefused(refused), true),
            (ConnectionError::Io(io(doubt())), false),
            (ConnectionError::Io(std::io::ErrorKind::ConnectionRefused.into()), false),
            (ConnectionError::NetworkTimeout, false),
        ];
        for (error, expected) in rows {
            assert_eq!(is_refusal(&error), expected, "{error:?}");
        }
    }
}
