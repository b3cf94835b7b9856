//! Enough of MQTT 3.1.1 to publish and listen at QoS 1 from one blocking socket.
//!
//! Written by hand because what is measured is the other end: a publisher that costs little leaves the machine to the broker and
//! to who stores. It knows packets and no envelope.
//!
//! **Invariant:** a packet is handed out whole or not at all.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail};

/// What came from the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// It took the publish with this packet id.
    Acknowledged(u16),
    /// A message: packet id (0 at QoS 0), topic, payload.
    Message(u16, String, Vec<u8>),
    /// It answered a subscription or a ping, or took the connection.
    Other,
}

/// One connection.
pub(crate) struct Connection {
    socket: TcpStream,
    heard: Vec<u8>,
    from: usize,
    to_send: Vec<u8>,
}

impl Connection {
    /// Connects to the broker on loopback as `client`, without a keep-alive and with a session that ends with the connection.
    pub(crate) fn open(port: u16, client: &str) -> Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).context("connecting to the broker")?;
        socket.set_nodelay(true)?;
        let mut connection = Self { socket, heard: Vec::new(), from: 0, to_send: Vec::new() };
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
        put_text(&mut body, client);
        connection.put(0x10, &[&body]);
        connection.flush()?;
        connection.next()?;
        Ok(connection)
    }

    /// Subscribes to `filters` at QoS 1 and waits for the answer.
    pub(crate) fn subscribe(&mut self, filters: impl Iterator<Item = String>) -> Result<()> {
        let mut body = vec![0, 1];
        for filter in filters {
            put_text(&mut body, &filter);
            body.push(1);
        }
        self.put(0x82, &[&body]);
        self.flush()?;
        self.next()?;
        Ok(())
    }

    /// Writes down a publish at QoS 1; it leaves at the next [`Connection::flush`].
    pub(crate) fn publish(&mut self, id: u16, topic: &str, payload: &[u8]) {
        let mut head = Vec::with_capacity(topic.len() + 4);
        put_text(&mut head, topic);
        head.extend(id.to_be_bytes());
        self.put(0x32, &[&head, payload]);
    }

    /// Writes down that the message `id` was taken.
    pub(crate) fn acknowledge(&mut self, id: u16) {
        self.put(0x40, &[&id.to_be_bytes()]);
    }

    /// Sends what was written down.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if !self.to_send.is_empty() {
            self.socket.write_all(&self.to_send).context("sending to the broker")?;
            self.to_send.clear();
        }
        Ok(())
    }

    /// How long a read may wait; `None` for ever.
    pub(crate) fn patience(&self, patience: Option<std::time::Duration>) -> Result<()> {
        Ok(self.socket.set_read_timeout(patience)?)
    }

    /// The next packet; waits for it.
    pub(crate) fn next(&mut self) -> Result<Packet> {
        loop {
            if let Some(packet) = self.at_hand()? {
                return Ok(packet);
            }
            self.hear()?;
        }
    }

    /// Reads once.
    fn hear(&mut self) -> Result<()> {
        self.heard.drain(..self.from);
        self.from = 0;
        let mut bytes = [0; 65_536];
        match self.socket.read(&mut bytes).context("hearing the broker")? {
            0 => bail!("the broker closed the connection"),
            read => self.heard.extend(&bytes[..read]),
        }
        Ok(())
    }

    /// The next packet; `None` when none came within the patience.
    pub(crate) fn poll(&mut self) -> Result<Option<Packet>> {
        if let Some(packet) = self.at_hand()? {
            return Ok(Some(packet));
        }
        match self.hear() {
            Ok(()) => self.at_hand(),
            Err(error) if has_no_news(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next packet that was read whole already.
    pub(crate) fn at_hand(&mut self) -> Result<Option<Packet>> {
        let Some((packet, length)) = packet(&self.heard[self.from..])? else { return Ok(None) };
        self.from += length;
        Ok(Some(packet))
    }

    fn put(&mut self, kind: u8, parts: &[&[u8]]) {
        self.to_send.push(kind);
        let mut length: usize = parts.iter().map(|part| part.len()).sum();
        loop {
            let more = length >= 128;
            self.to_send.push(u8::try_from(length % 128).unwrap_or(0) | if more { 128 } else { 0 });
            length /= 128;
            if !more {
                break;
            }
        }
        for part in parts {
            self.to_send.extend(*part);
        }
    }
}

/// Whether `error` says only that nothing came in time.
fn has_no_news(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    to.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend(text.as_bytes());
}

/// The packet that `bytes` begin with and its length; `None` while it is not whole.
fn packet(bytes: &[u8]) -> Result<Option<(Packet, usize)>> {
    let (mut length, mut at) = (0_usize, 1);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        length |= usize::from(byte & 127) << (7 * (at - 1));
        at += 1;
        if byte & 128 == 0 {
            break;
        }
    }
    let Some(body) = bytes.get(at..at + length) else { return Ok(None) };
    let packet = match bytes[0] >> 4 {
        2 if body.get(1) != Some(&0) => bail!("the broker refuses the connection: {body:?}"),
        3 => message(bytes[0], body).context("a message that ends early")?,
        4 => Packet::Acknowledged(number(body, 0).context("an acknowledgement that ends early")?),
        9 if body.contains(&0x80) => bail!("the broker refuses a subscription"),
        _ => Packet::Other,
    };
    Ok(Some((packet, at + length)))
}

fn message(head: u8, body: &[u8]) -> Option<Packet> {
    let topic_length = usize::from(number(body, 0)?);
    let topic = String::from_utf8(body.get(2..2 + topic_length)?.to_vec()).ok()?;
    let rest = 2 + topic_length;
    let (id, payload) = if head & 0x06 == 0 { (0, rest) } else { (number(body, rest)?, rest + 2) };
    Some(Packet::Message(id, topic, body.get(payload..)?.to_vec()))
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
