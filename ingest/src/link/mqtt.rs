//! The link over rumqttc: one client, its event loop, and where the broker is.
//!
//! **Invariant:** nothing is acknowledged but through [`Outlet::try_ack`].

use std::sync::Arc;
use std::time::Duration;

use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::{
    AsyncClient, ConnectionError, EventLoop, Incoming, MqttOptions, Publish as Received, QoS, StateError,
    SubscribeFilter, SubscribeReasonCode, TlsConfiguration, Transport,
};

use super::{Busy, Event, Link, LinkError, Outlet, Publish, Token};

/// The largest packet that is read: well above 200 envelopes of ordinary size, far below what would exhaust memory.
const PACKET_BYTES_MAX: usize = 16 * 1024 * 1024;
/// More than twice the messages that can be outstanding on one connection, so that an acknowledgement always finds room.
const REQUESTS_MAX: usize = 2 * (u16::MAX as usize + 1);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
const INFLIGHT: u16 = 200;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to through TLS.
    pub tls: bool,
}

/// Why a text is not the address of a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not the address of a broker, such as mqtt://127.0.0.1:1883 or mqtts://broker.example:8883"
)]
pub struct AddressError {
    /// The text.
    pub text: String,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { text: text.to_owned() };
        let (scheme, rest) = text.split_once("://").ok_or_else(error)?;
        let (tls, default_port) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(error()),
        };
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port.parse().map_err(|_| error())?),
            Some(_) | None => (rest, default_port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 || host.contains(['/', '@', '?', '#']) {
            return Err(error());
        }
        Ok(Self { host: host.to_owned(), port, tls })
    }
}

/// What the broker keeps while this end is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Nothing: gateways send again what has no receipt. For the embedded broker, which holds sessions in memory only.
    Clean,
    /// Messages and subscriptions, under this end's name. For a broker of its own.
    Kept,
}

/// The receiving end.
pub struct Mqtt {
    events: EventLoop,
    session: Session,
}

/// The sending end.
#[derive(Clone, Debug)]
pub struct MqttOutlet(AsyncClient);

impl Mqtt {
    /// A link to `address` under the name `client_id`, not yet connected. `login` is a user name and password.
    /// `tls` is used where the address asks for it.
    #[must_use]
    pub fn new(
        address: &Address,
        client_id: &str,
        session: Session,
        login: Option<(&str, &str)>,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> (Self, MqttOutlet) {
        let mut options = MqttOptions::new(client_id, address.host.clone(), address.port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_session(session == Session::Clean);
        options.set_manual_acks(true);
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        options.set_inflight(INFLIGHT);
        if let Some((user, password)) = login {
            options.set_credentials(user, password);
        }
        if let Some(tls) = tls.filter(|_| address.tls) {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        }
        let (client, events) = AsyncClient::new(options, REQUESTS_MAX);
        (Self { events, session }, MqttOutlet(client))
    }
}

impl Link for Mqtt {
    async fn poll(&mut self) -> Result<Event, LinkError> {
        match self.events.poll().await {
            Ok(rumqttc::Event::Incoming(packet)) => Ok(self.told(packet)),
            Ok(rumqttc::Event::Outgoing(_)) => Ok(Event::Other),
            Err(ConnectionError::MqttState(StateError::Deserialization(
                PacketError::PayloadSizeLimitExceeded(_),
            ))) => Err(LinkError::TooLarge { max_bytes: PACKET_BYTES_MAX }),
            Err(error) => Err(LinkError::Broken(error.to_string())),
        }
    }

    fn drain(&mut self) -> Vec<Publish> {
        self.events
            .state
            .events
            .drain(..)
            .filter_map(|event| match event {
                rumqttc::Event::Incoming(Incoming::Publish(publish)) => Some(taken(publish)),
                rumqttc::Event::Incoming(_) | rumqttc::Event::Outgoing(_) => None,
            })
            .collect()
    }

    fn clean(&mut self) {
        self.events.clean();
    }

    fn begin_anew(&mut self) {
        self.events.mqtt_options.set_clean_session(true);
    }
}

impl Mqtt {
    fn told(&mut self, packet: Incoming) -> Event {
        match packet {
            Incoming::ConnAck(ack) => {
                self.events.mqtt_options.set_clean_session(self.session == Session::Clean);
                Event::Connected { session_present: ack.session_present }
            }
            Incoming::Publish(publish) => Event::Publish(taken(publish)),
            Incoming::SubAck(ack) => Event::Subscribed {
                granted: ack.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_))),
            },
            Incoming::Connect(_)
            | Incoming::PubAck(_)
            | Incoming::PubRec(_)
            | Incoming::PubRel(_)
            | Incoming::PubComp(_)
            | Incoming::Subscribe(_)
            | Incoming::Unsubscribe(_)
            | Incoming::UnsubAck(_)
            | Incoming::PingReq
            | Incoming::PingResp
            | Incoming::Disconnect => Event::Other,
        }
    }
}

fn taken(publish: Received) -> Publish {
    let token = (publish.qos != QoS::AtMostOnce).then_some(Token(publish.pkid));
    Publish { topic: publish.topic, payload: publish.payload.into(), token }
}

impl Outlet for MqttOutlet {
    fn try_ack(&self, token: Token) -> Result<(), Busy> {
        let mut named = Received::new("", QoS::AtLeastOnce, Vec::new());
        named.pkid = token.0;
        self.0.try_ack(&named).map_err(|_| Busy)
    }

    fn try_publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Busy> {
        self.0.try_publish(topic, QoS::AtLeastOnce, false, payload).map_err(|_| Busy)
    }

    fn try_subscribe(&self, filters: &[&str]) -> Result<(), Busy> {
        let filters =
            filters.iter().map(|filter| SubscribeFilter::new((*filter).to_owned(), QoS::AtLeastOnce));
        self.0.try_subscribe_many(filters).map_err(|_| Busy)
    }

    fn try_unsubscribe(&self, filter: &str) -> Result<(), Busy> {
        self.0.try_unsubscribe(filter).map_err(|_| Busy)
    }

    fn disconnect(&self) {
        // A broker that is not there needs no goodbye.
        let _ = self.0.try_disconnect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To add a case, add a row. Ports by default: IANA, mqtt 1883 and secure-mqtt 8883.
    #[test]
    fn addresses_name_scheme_host_and_port() {
        let address = |host: &str, port, tls| Some(Address { host: host.to_owned(), port, tls });
        let rows = [
            ("mqtt://127.0.0.1:1883", address("127.0.0.1", 1883, false)),
            ("mqtt://broker.example", address("broker.example", 1883, false)),
            ("mqtts://broker.example/", address("broker.example", 8883, true)),
            ("mqtt://[::1]:1884", address("::1", 1884, false)),
            ("http://127.0.0.1", None),
            ("127.0.0.1:1883", None),
            ("mqtt://", None),
            ("mqtt://host:port", None),
            ("mqtt://user:secret@host", None),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Address>().ok(), expected, "{text}");
        }
    }
}
