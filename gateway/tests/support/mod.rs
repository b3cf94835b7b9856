//! A broker and a server in one, small enough to see through: MQTT 3.1.1 over TCP, as much of it as a gateway speaks.
//!
//! What it does is set by [`Rules`], what it saw is in [`Server::seen`], and what it stored is in [`Server::stored`].
//! Written from the MQTT 3.1.1 specification (OASIS), so that the client under test meets something it did not make.

#![allow(dead_code)] // each test file uses its own part

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Something a gateway did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Connect { clean_session: bool, client_id: String, user: Option<String>, keep_alive_s: u16 },
    Subscribe { topic: String },
    Publish { topic: String, payload: Vec<u8>, qos: u8 },
    Gone,
}

/// What the broker and the server do.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The broker acknowledges publishes.
    pub(crate) acknowledge: bool,
    /// The server stores envelopes and sends receipts.
    pub(crate) receipt: bool,
    /// The broker drops the connection after this many publishes on it.
    pub(crate) drop_after: Option<usize>,
    /// The broker refuses the subscription.
    pub(crate) refuse_subscription: bool,
    /// The server says this once after a subscription.
    pub(crate) greeting: Vec<Vec<u8>>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            acknowledge: true,
            receipt: true,
            drop_after: None,
            refuse_subscription: false,
            greeting: Vec::new(),
        }
    }
}

#[derive(Debug, Default)]
struct World {
    rules: Rules,
    seen: Vec<Seen>,
    stored: BTreeMap<String, BTreeMap<u64, serde_json::Value>>,
    /// Streams to the gateways that are connected.
    connections: Vec<TcpStream>,
}

pub(crate) struct Server {
    world: Arc<Mutex<World>>,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("mqtt://{}", listener.local_addr().expect("bound"));
        let world = Arc::new(Mutex::new(World { rules, ..World::default() }));
        let shared = Arc::clone(&world);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let world = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let _ = serve(stream, &world);
                    world.lock().expect("sound").seen.push(Seen::Gone);
                });
            }
        });
        Self { world, url }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("sound")
    }

    pub(crate) fn set(&self, rules: Rules) {
        self.world().rules = rules;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.world().seen.clone()
    }

    pub(crate) fn published(&self, end: &str) -> Vec<Vec<u8>> {
        let of = |seen| match seen {
            Seen::Publish { topic, payload, .. } if topic.ends_with(end) => Some(payload),
            Seen::Connect { .. } | Seen::Subscribe { .. } | Seen::Publish { .. } | Seen::Gone => None,
        };
        self.seen().into_iter().filter_map(of).collect()
    }

    /// Everything stored, by outbox and number.
    pub(crate) fn stored(&self) -> BTreeMap<String, BTreeMap<u64, serde_json::Value>> {
        self.world().stored.clone()
    }

    /// Drops every connection.
    pub(crate) fn cut(&self) {
        for stream in self.world().connections.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Says `payload` to whoever is connected.
    pub(crate) fn say(&self, topic: &str, payload: &[u8]) {
        let packet = publish(topic, payload);
        for stream in &mut self.world().connections {
            let _ = stream.write_all(&packet);
        }
    }
}

/// Waits until `done`, at most ten seconds.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn serve(mut stream: TcpStream, world: &Arc<Mutex<World>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut publishes = 0;
    loop {
        let (kind, body) = packet(&mut stream)?;
        match kind >> 4 {
            1 => {
                let seen = connect(&body);
                let mut world = world.lock().expect("sound");
                world.seen.push(seen);
                world.connections.push(stream.try_clone()?);
                stream.write_all(&[0x20, 2, 0, 0])?;
            }
            8 => {
                let (topic, _) = text(&body[2..]);
                let mut world = world.lock().expect("sound");
                world.seen.push(Seen::Subscribe { topic: topic.clone() });
                let code = if world.rules.refuse_subscription { 0x80 } else { 1 };
                stream.write_all(&[0x90, 3, body[0], body[1], code])?;
                for greeting in &world.rules.greeting {
                    stream.write_all(&publish(&topic, greeting))?;
                }
            }
            3 => {
                publishes += 1;
                let qos = kind >> 1 & 3;
                let (topic, rest) = text(&body);
                let (id, payload) =
                    if qos > 0 { (Some([rest[0], rest[1]]), &rest[2..]) } else { (None, rest) };
                let mut world = world.lock().expect("sound");
                world.seen.push(Seen::Publish { topic: topic.clone(), payload: payload.to_vec(), qos });
                if let (Some(id), true) = (id, world.rules.acknowledge) {
                    stream.write_all(&[0x40, 2, id[0], id[1]])?;
                }
                if topic.ends_with("/up") && world.rules.receipt {
                    for receipt in store(&mut world.stored, payload) {
                        stream.write_all(&publish(&topic.replace("/up", "/down"), receipt.as_bytes()))?;
                    }
                }
                if world.rules.drop_after.is_some_and(|most| publishes >= most) {
                    return stream.shutdown(std::net::Shutdown::Both);
                }
            }
            12 => stream.write_all(&[0xd0, 0])?,
            14 => return Ok(()),
            _ => {}
        }
    }
}

/// Stores what came up; gives one receipt for each outbox named, through the first gap.
fn store(stored: &mut BTreeMap<String, BTreeMap<u64, serde_json::Value>>, payload: &[u8]) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_slice(payload).expect("JSON goes up");
    let envelopes = value.as_array().cloned().unwrap_or_else(|| vec![value]);
    let mut named = std::collections::BTreeSet::new();
    for envelope in envelopes {
        let outbox = envelope["outbox"].as_str().expect("an outbox").to_owned();
        let seq = envelope["seq"].as_u64().expect("a number");
        if let Some(before) = stored.entry(outbox.clone()).or_default().insert(seq, envelope.clone()) {
            assert_eq!(before, envelope, "the same number must carry the same envelope");
        }
        named.insert(outbox);
    }
    let through = |outbox: &str| (1_u64..).take_while(|seq| stored[outbox].contains_key(seq)).count();
    named
        .iter()
        .map(|outbox| format!(r#"{{"v":1,"receipt":{{"outbox":"{outbox}","through":{}}}}}"#, through(outbox)))
        .collect()
}

fn packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let kind = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

fn text(bytes: &[u8]) -> (String, &[u8]) {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    (String::from_utf8(bytes[2..2 + length].to_vec()).expect("UTF-8"), &bytes[2 + length..])
}

fn connect(body: &[u8]) -> Seen {
    let (protocol, rest) = text(body);
    assert_eq!((protocol.as_str(), rest[0]), ("MQTT", 4), "MQTT 3.1.1");
    let flags = rest[1];
    let keep_alive_s = u16::from_be_bytes([rest[2], rest[3]]);
    let (client_id, rest) = text(&rest[4..]);
    let user = (flags & 0x80 != 0).then(|| text(rest).0);
    assert_eq!(flags & 0x40, 0, "no password");
    Seen::Connect { clean_session: flags & 2 != 0, client_id, user, keep_alive_s }
}

/// A QoS 0 publish: the gateway must not depend on how receipts are delivered.
fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut length = 2 + topic.len() + payload.len();
    let mut packet = vec![0x30];
    loop {
        let byte = u8::try_from(length % 128).expect("below 128");
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend(u16::try_from(topic.len()).expect("short").to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(payload);
    packet
}
