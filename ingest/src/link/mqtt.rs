//! The link over MQTT 3.1.1: how this end connects, under which name, and what it asks the broker to keep.
//!
//! **Invariant:** nothing is acknowledged but through [`Outlet::try_ack`](super::Outlet::try_ack).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::mqttbytes::v4::{Connect, Login};
use tokio::time::timeout;

use super::connection::{Connection, KEEP_ALIVE};
use super::outbound::MqttOutlet;
use super::{Address, Event, Link, LinkError, Publish};

/// How long connecting may take, TLS and the broker's answer included.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

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
    address: Address,
    tls: Option<Arc<rustls::ClientConfig>>,
    hello: Connect,
    session: Session,
    begin_anew: bool,
    outlet: MqttOutlet,
    connection: Option<Connection>,
    told: VecDeque<Event>,
}

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
        let mut hello = Connect::new(client_id);
        hello.keep_alive = u16::try_from(KEEP_ALIVE.as_secs()).unwrap_or(u16::MAX);
        hello.login = login.map(|(user, password)| Login::new(user, password));
        let outlet = MqttOutlet::default();
        let link = Self {
            tls: tls.filter(|_| address.tls),
            address: address.clone(),
            hello,
            session,
            begin_anew: false,
            outlet: outlet.clone(),
            connection: None,
            told: VecDeque::new(),
        };
        (link, outlet)
    }

    async fn connect(&mut self) -> Result<Event, LinkError> {
        self.hello.clean_session = self.begin_anew || self.session == Session::Clean;
        let opening = Connection::open(&self.address, self.tls.clone(), &self.hello);
        let (connection, session_present) = timeout(CONNECT_WITHIN, opening)
            .await
            .map_err(|_| LinkError::Broken(format!("no connection within {CONNECT_WITHIN:?}")))??;
        self.begin_anew = false;
        self.outlet.0.connected(session_present);
        self.connection = Some(connection);
        Ok(Event::Connected { session_present })
    }
}

impl Link for Mqtt {
    async fn poll(&mut self) -> Result<Event, LinkError> {
        loop {
            if let Some(event) = self.told.pop_front() {
                return Ok(event);
            }
            let Some(connection) = &mut self.connection else { return self.connect().await };
            if let Err(error) = connection.turn(&self.outlet.0, &mut self.told).await {
                self.connection = None;
                return Err(error);
            }
        }
    }

    fn drain(&mut self) -> Vec<Publish> {
        self.told
            .drain(..)
            .filter_map(|event| match event {
                Event::Publish(publish) => Some(publish),
                Event::Connected { .. } | Event::Subscribed { .. } => None,
            })
            .collect()
    }

    fn clean(&mut self) {
        self.connection = None;
        self.outlet.0.forget_acknowledgements();
    }

    fn begin_anew(&mut self) {
        self.begin_anew = true;
    }
}

#[cfg(test)]
mod tests;
