//! One connection to the broker: bytes to packets and back, with a bound on what is read and not yet acknowledged.
//!
//! rumqttc's packets, and not its event loop: that one writes each acknowledgement by itself and reads ten messages for each
//! that it writes, so that a broker which always has more to give is never told what is stored.
//!
//! **Invariant:** no more than [`UNACKNOWLEDGED_MAX`] messages, and those of the last read, are read and not acknowledged.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::QoS;
use rumqttc::mqttbytes::Error as PacketError;
use rumqttc::mqttbytes::v4::{Connect, ConnectReturnCode, Packet, SubscribeReasonCode};
use rumqttc::tokio_rustls::TlsConnector;
use rumqttc::tokio_rustls::rustls::ClientConfig;
use rumqttc::tokio_rustls::rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::outbound::{Outbound, acknowledgement};
use super::{Address, Event, LinkError, Publish, Token};

/// The largest packet that is read: well above 200 envelopes of ordinary size, far below what would exhaust memory.
pub(super) const PACKET_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Messages that are read and not acknowledged, at most: half of the packet ids there are, so that none is met twice.
pub(super) const UNACKNOWLEDGED_MAX: usize = 32_768;
/// What is read at once.
const READ_BYTES: usize = 64 * 1024;
/// What the broker is told: it hears of this end at least so often, or takes it for gone after half as long again.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often it is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Bytes both ways, with TLS or without.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// See the module.
pub(super) struct Connection {
    reader: ReadHalf<Box<dyn Duplex>>,
    writer: WriteHalf<Box<dyn Duplex>>,
    input: BytesMut,
    output: BytesMut,
    unflushed: bool,
    unacknowledged: usize,
    ping: Interval,
    /// Whether anything came since the last ping.
    heard: bool,
    leaving: bool,
}

fn broken(error: impl std::fmt::Display) -> LinkError {
    LinkError::Broken(error.to_string())
}

fn unreadable(error: &PacketError) -> LinkError {
    match error {
        PacketError::PayloadSizeLimitExceeded(_) => LinkError::TooLarge { max_bytes: PACKET_BYTES_MAX },
        error => broken(format!("the broker sent what is no packet: {error}")),
    }
}

impl Connection {
    /// Connects to `address` and says hello by `connect`. Also gives whether the broker kept the session.
    pub(super) async fn open(
        address: &Address,
        tls: Option<Arc<ClientConfig>>,
        connect: &Connect,
    ) -> Result<(Self, bool), LinkError> {
        let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(broken)?;
        tcp.set_nodelay(true).map_err(broken)?;
        let stream: Box<dyn Duplex> = match tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(address.host.clone()).map_err(broken)?;
                Box::new(TlsConnector::from(tls).connect(name, tcp).await.map_err(broken)?)
            }
        };
        let (reader, writer) = split(stream);
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connection = Self {
            reader,
            writer,
            input: BytesMut::with_capacity(READ_BYTES),
            output: BytesMut::new(),
            unflushed: false,
            unacknowledged: 0,
            ping,
            heard: true,
            leaving: false,
        };
        let session_present = connection.greet(connect).await?;
        Ok((connection, session_present))
    }

    async fn greet(&mut self, connect: &Connect) -> Result<bool, LinkError> {
        connect.write(&mut self.output).map_err(broken)?;
        self.writer.write_all_buf(&mut self.output).await.map_err(broken)?;
        self.writer.flush().await.map_err(broken)?;
        loop {
            match self.next_packet()? {
                Some(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                    return Ok(ack.session_present);
                }
                Some(Packet::ConnAck(ack)) => {
                    return Err(broken(format!("the broker refused the connection: {:?}", ack.code)));
                }
                Some(_) => return Err(broken("the broker answered with something else than CONNACK")),
                None => ended(self.reader.read_buf(&mut self.input).await)?,
            }
        }
    }

    /// Sends what waits and reads what came, whichever can be done; what came is added to `told`. Waits until something could be done.
    /// May be dropped at any time: nothing is lost by it.
    pub(super) async fn turn(
        &mut self,
        outbound: &Outbound,
        told: &mut VecDeque<Event>,
    ) -> Result<(), LinkError> {
        self.gather(outbound)?;
        if self.leaving && self.output.is_empty() {
            self.writer.flush().await.map_err(broken)?;
            return Err(broken("left"));
        }
        let may_read = self.unacknowledged < UNACKNOWLEDGED_MAX;
        tokio::select! {
            biased;
            sent = send(&mut self.writer, &mut self.output), if self.unflushed || !self.output.is_empty() => {
                self.unflushed = sent?;
            }
            read = self.reader.read_buf(&mut self.input), if may_read => {
                ended(read)?;
                self.heard = true;
                while let Some(packet) = self.next_packet()? {
                    told.extend(self.take(packet, outbound)?);
                }
                self.input.reserve(READ_BYTES);
            }
            () = outbound.handed_in() => {}
            _ = self.ping.tick() => {
                // While nothing is read, nothing can be heard either.
                if may_read && !std::mem::take(&mut self.heard) {
                    return Err(broken("the broker gave no sign of life"));
                }
                Packet::PingReq.write(&mut self.output, PACKET_BYTES_MAX).map_err(broken)?;
            }
        }
        Ok(())
    }

    /// Takes what waits to be sent. While the last of it is still on its way, the rest goes on waiting.
    fn gather(&mut self, outbound: &Outbound) -> Result<(), LinkError> {
        if self.output.len() >= READ_BYTES || self.leaving {
            return Ok(());
        }
        let leaving = outbound.take();
        self.unacknowledged = self.unacknowledged.saturating_sub(leaving.acknowledgements.len());
        for token in leaving.acknowledgements {
            acknowledgement(token).write(&mut self.output).map_err(broken)?;
        }
        for packet in leaving.packets {
            packet.write(&mut self.output, PACKET_BYTES_MAX).map_err(broken)?;
        }
        if leaving.goodbye {
            Packet::Disconnect.write(&mut self.output, PACKET_BYTES_MAX).map_err(broken)?;
            self.leaving = true;
        }
        Ok(())
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, LinkError> {
        if self.input.is_empty() {
            return Ok(None);
        }
        match Packet::read(&mut self.input, PACKET_BYTES_MAX) {
            Ok(packet) => Ok(Some(packet)),
            Err(PacketError::InsufficientBytes(more)) => {
                self.input.reserve(more);
                Ok(None)
            }
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn take(&mut self, packet: Packet, outbound: &Outbound) -> Result<Option<Event>, LinkError> {
        match packet {
            Packet::Publish(publish) => {
                let token = match publish.qos {
                    QoS::AtMostOnce => None,
                    QoS::AtLeastOnce => Some(Token(publish.pkid)),
                    QoS::ExactlyOnce => {
                        return Err(broken("the broker sent at QoS 2, which nobody asked for"));
                    }
                };
                self.unacknowledged += usize::from(token.is_some());
                let (topic, payload) = (publish.topic, publish.payload.to_vec());
                Ok(Some(Event::Publish(Publish { topic, payload, token })))
            }
            Packet::SubAck(ack) => {
                let granted =
                    ack.return_codes.iter().all(|code| matches!(code, SubscribeReasonCode::Success(_)));
                Ok(Some(Event::Subscribed { granted }))
            }
            // One that was acknowledged twice, or on an earlier connection, changes nothing.
            Packet::PubAck(ack) => {
                outbound.acknowledged(ack.pkid);
                Ok(None)
            }
            Packet::UnsubAck(_) | Packet::PingResp => Ok(None),
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::Disconnect => {
                Err(broken("the broker sent what only a client sends, or nobody asked for"))
            }
        }
    }
}

/// Sends some of `output`, or has all of it leave this end where nothing is left of it. Says whether that is still to be done.
async fn send(writer: &mut WriteHalf<Box<dyn Duplex>>, output: &mut BytesMut) -> Result<bool, LinkError> {
    if output.is_empty() {
        writer.flush().await.map_err(broken)?;
        return Ok(false);
    }
    ended(writer.write_buf(output).await)?;
    Ok(true)
}

/// Nothing more to read or write means that the other end is gone.
fn ended(moved: io::Result<usize>) -> Result<(), LinkError> {
    match moved.map_err(broken)? {
        0 => Err(broken("the broker closed the connection")),
        _some => Ok(()),
    }
}
