//! The broker inside this process, for one machine: rumqttd on loopback, sessions in memory, no passwords.
//!
//! It keeps nothing that matters: a gateway deletes on the receipt alone, so a broker that forgets is asked again.
//!
//! **Invariant:** it listens on a loopback address only, because whoever reaches it is believed.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// The largest message that it takes; what is larger ends its sender's connection.
const PAYLOAD_BYTES_MAX: usize = 15 * 1024 * 1024;
const SEGMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
const SEGMENTS_MAX: usize = 8;
const CONNECTIONS_MAX: usize = 10_000;
const START_WITHIN: Duration = Duration::from_secs(5);

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Something else listens there.
    #[error("cannot listen for MQTT on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The address can be reached from outside, and this broker asks nobody who they are.
    #[error("the embedded broker listens on a loopback address only, not on {address}")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// It ended or did not answer.
    #[error("the embedded broker did not start: {what}")]
    Start {
        /// What it said.
        what: String,
    },
}

/// A broker that runs until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedBroker {
    address: SocketAddr,
}

impl EmbeddedBroker {
    /// Starts a broker on `address`; port 0 picks a free one. Returns once it answers. Blocks for that long, at most 5 s.
    ///
    /// # Errors
    /// [`BrokerError`], before anything was started where the address is taken or not on loopback.
    pub fn start(address: SocketAddr) -> Result<Self, BrokerError> {
        if !address.ip().is_loopback() {
            return Err(BrokerError::NotLoopback { address });
        }
        let address = free(address).map_err(|source| BrokerError::Listen { address, source })?;
        let ended = spawn(address)?;
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return Ok(Self { address });
            }
            if let Ok(what) = ended.recv_timeout(Duration::from_millis(20)) {
                return Err(BrokerError::Start { what });
            }
            if Instant::now() > deadline {
                return Err(BrokerError::Start { what: format!("no answer on {address}") });
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Learns whether `address` is free, and which port 0 becomes.
fn free(address: SocketAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind(address)?.local_addr()
}

/// Runs the broker in a thread of its own. What it says when it ends comes by the channel.
fn spawn(address: SocketAddr) -> Result<mpsc::Receiver<String>, BrokerError> {
    let (tell, ended) = mpsc::channel();
    let run = move || {
        let said = match Broker::new(config(address)).start() {
            Ok(()) => "it ended".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::error!(said, "the embedded broker ended");
        // Nobody waits any more once it has answered.
        let _ = tell.send(said);
    };
    thread::Builder::new()
        .name("broker".to_owned())
        .spawn(run)
        .map_err(|error| BrokerError::Start { what: error.to_string() })?;
    Ok(ended)
}

fn config(listen: SocketAddr) -> Config {
    let server = ServerSettings {
        name: "mqtt".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 10_000,
            max_payload_size: PAYLOAD_BYTES_MAX,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        id: 0,
        router: RouterConfig {
            max_connections: CONNECTIONS_MAX,
            max_outgoing_packet_count: 200,
            max_segment_size: SEGMENT_BYTES_MAX,
            max_segment_count: SEGMENTS_MAX,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("mqtt".to_owned(), server)])),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_or_open_address_is_refused_before_anything_starts() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("an address");
        let error = EmbeddedBroker::start(address).expect_err("taken");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        let open = "0.0.0.0:0".parse().expect("an address");
        assert!(matches!(EmbeddedBroker::start(open), Err(BrokerError::NotLoopback { .. })));
    }

    #[test]
    fn port_0_becomes_one_that_answers() {
        let broker = EmbeddedBroker::start("127.0.0.1:0".parse().expect("an address")).expect("starts");
        assert_ne!(broker.address().port(), 0);
        assert!(TcpStream::connect(broker.address()).is_ok());
    }
}
