use std::time::Duration;

use bytes::BytesMut;
use rumqttc::QoS;
use rumqttc::mqttbytes::v4::{ConnAck, ConnectReturnCode, Packet, PubAck, Publish as Sent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::super::connection::UNACKNOWLEDGED_MAX;
use super::super::{Outlet as _, Token};
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing must happen for it to count as nothing.
const SILENCE: Duration = Duration::from_millis(300);

/// A broker that says what the test says.
struct Peer {
    stream: TcpStream,
    input: BytesMut,
}

impl Peer {
    async fn accepts(listener: &TcpListener, session_present: bool) -> Self {
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut peer = Self { stream, input: BytesMut::new() };
        assert!(matches!(peer.hears().await, Packet::Connect(_)));
        peer.says(&[Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, session_present))]).await;
        peer
    }

    async fn says(&mut self, packets: &[Packet]) {
        let mut output = BytesMut::new();
        for packet in packets {
            packet.write(&mut output, usize::MAX).expect("a packet");
        }
        self.stream.write_all_buf(&mut output).await.expect("a listener");
    }

    async fn hears(&mut self) -> Packet {
        loop {
            if let Ok(packet) = Packet::read(&mut self.input, usize::MAX) {
                return packet;
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await.expect("in time");
            assert_ne!(read.expect("a connection"), 0, "the link closed the connection");
        }
    }
}

async fn linked(session: Session) -> (TcpListener, Mqtt, MqttOutlet) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let address = Address { host: "127.0.0.1".to_owned(), port, tls: false };
    let (link, outlet) = Mqtt::new(&address, "test", session, None, None);
    (listener, link, outlet)
}

async fn connected(listener: &TcpListener, link: &mut Mqtt, session_present: bool) -> Peer {
    let (peer, event) = tokio::join!(Peer::accepts(listener, session_present), link.poll());
    assert_eq!(event, Ok(Event::Connected { session_present }));
    peer
}

fn message(number: u16) -> Packet {
    let mut sent = Sent::new("vagen/v1/gw/up", QoS::AtLeastOnce, number.to_be_bytes());
    sent.pkid = number;
    Packet::Publish(sent)
}

/// A broker that gives out more than it has acknowledged, as mosquitto 2.0.11 was seen to, is not read any further until
/// acknowledgements went out; then it gets all of them, in order, and the rest is read. Numbers: the module's bound.
#[tokio::test]
async fn a_broker_that_gives_without_end_still_gets_every_acknowledgement() {
    const MESSAGES: u16 = 60_000;
    let (listener, mut link, outlet) = linked(Session::Clean).await;
    let peer = connected(&listener, &mut link, false).await;
    let (mut from_link, mut to_link) = peer.stream.into_split();
    let gives = tokio::spawn(async move {
        let mut output = BytesMut::new();
        for number in 1..=MESSAGES {
            message(number).write(&mut output, usize::MAX).expect("a packet");
        }
        to_link.write_all_buf(&mut output).await.expect("a listener");
        to_link
    });
    let takes = tokio::spawn(async move {
        let mut input = BytesMut::new();
        let mut acknowledged = Vec::new();
        while acknowledged.len() < usize::from(MESSAGES) {
            while let Ok(packet) = Packet::read(&mut input, usize::MAX) {
                match packet {
                    Packet::PubAck(ack) => acknowledged.push(ack.pkid),
                    other => panic!("{other:?}"),
                }
            }
            if acknowledged.len() < usize::from(MESSAGES) {
                from_link.read_buf(&mut input).await.expect("a connection");
            }
        }
        acknowledged
    });
    let mut taken = 0;
    while let Ok(event) = timeout(SILENCE, link.poll()).await {
        assert!(matches!(event, Ok(Event::Publish(_))), "{event:?}");
        taken += 1;
    }
    assert!((UNACKNOWLEDGED_MAX..usize::from(MESSAGES)).contains(&taken), "{taken} were read");
    let mut next = 1;
    let mut acknowledge = |up_to: usize| {
        while usize::from(next) <= up_to {
            outlet.try_ack(Token(next)).expect("room");
            next += 1;
        }
    };
    acknowledge(taken);
    while taken < usize::from(MESSAGES) {
        let event = timeout(PATIENCE, link.poll()).await.expect("more to read");
        assert!(matches!(event, Ok(Event::Publish(_))), "{event:?}");
        taken += 1;
        acknowledge(taken);
    }
    let polling = tokio::spawn(async move { while link.poll().await.is_ok() {} });
    let acknowledged = timeout(PATIENCE, takes).await.expect("in time").expect("no panic");
    assert_eq!(acknowledged, (1..=MESSAGES).collect::<Vec<_>>());
    polling.abort();
    drop(gives.await);
}

/// MQTT 3.1.1, 4.4 and 4.6: in the order handed in; again under their own packet ids where the session was kept, and before what is later.
#[tokio::test]
async fn messages_keep_their_order_over_a_broken_connection() {
    for session_present in [false, true] {
        let (listener, mut link, outlet) = linked(Session::Kept).await;
        let mut peer = connected(&listener, &mut link, false).await;
        for text in ["1", "2", "3"] {
            outlet.try_publish("vagen/v1/gw/down", text.into()).expect("room");
        }
        let mut sent = Vec::new();
        for _ in 0..3 {
            let packet = tokio::select! {
                packet = peer.hears() => packet,
                event = link.poll() => panic!("{event:?}"),
            };
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            sent.push(publish);
        }
        peer.says(&[Packet::PubAck(PubAck::new(sent[1].pkid))]).await;
        assert!(timeout(SILENCE, link.poll()).await.is_err());
        drop(peer);
        assert!(matches!(link.poll().await, Err(LinkError::Broken(_))));
        link.clean();
        outlet.try_publish("vagen/v1/gw/down", "4".into()).expect("room");
        let mut peer = connected(&listener, &mut link, session_present).await;
        let mut again = Vec::new();
        for _ in 0..3 {
            let packet = tokio::select! {
                packet = peer.hears() => packet,
                event = link.poll() => panic!("{event:?}"),
            };
            let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
            again.push((publish.payload.to_vec(), publish.dup, publish.pkid));
        }
        let texts: Vec<_> = again.iter().map(|one| one.0.clone()).collect();
        assert_eq!(texts, [b"1".to_vec(), b"3".to_vec(), b"4".to_vec()]);
        let same = (again[0].2, again[1].2) == (sent[0].pkid, sent[2].pkid);
        assert_eq!((again[0].1, again[1].1, again[2].1), (session_present, session_present, false));
        assert!(same || !session_present);
    }
}

#[tokio::test]
async fn an_acknowledgement_of_a_broken_connection_is_never_sent() {
    let (listener, mut link, outlet) = linked(Session::Kept).await;
    let mut peer = connected(&listener, &mut link, true).await;
    peer.says(&[message(7)]).await;
    assert!(matches!(link.poll().await, Ok(Event::Publish(_))));
    drop(peer);
    assert!(link.poll().await.is_err());
    outlet.try_ack(Token(7)).expect("room");
    link.clean();
    let mut peer = connected(&listener, &mut link, true).await;
    let heard = tokio::select! {
        packet = peer.hears() => Some(packet),
        event = link.poll() => panic!("{event:?}"),
        () = tokio::time::sleep(SILENCE) => None,
    };
    assert_eq!(heard, None);
}

/// To add a case, add a row: bytes that no broker should send, by MQTT 3.1.1.
#[tokio::test]
async fn what_is_no_packet_ends_the_connection_and_nothing_else() {
    let too_large = [0x30, 0xff, 0xff, 0xff, 0x7f];
    let rows: [(&str, &[u8], bool); 5] = [
        ("a remaining length of five bytes", &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01], false),
        ("a packet of 256 MiB", &too_large, true),
        ("QoS 3", &[0x36, 0x05, 0x00, 0x01, b'a', 0x00, 0x01], false),
        ("QoS 2, which nobody asked for", &[0x34, 0x05, 0x00, 0x01, b'a', 0x00, 0x01], false),
        ("a client's packet", &[0xc0, 0x00], false),
    ];
    for (what, bytes, is_too_large) in rows {
        let (listener, mut link, _outlet) = linked(Session::Clean).await;
        let mut peer = connected(&listener, &mut link, false).await;
        peer.stream.write_all(bytes).await.expect("a listener");
        let told = timeout(PATIENCE, link.poll()).await.expect("an answer");
        let fits = matches!(
            (&told, is_too_large),
            (Err(LinkError::TooLarge { .. }), true) | (Err(LinkError::Broken(_)), false)
        );
        assert!(fits, "{what}: {told:?}");
        link.clean();
        let _again = connected(&listener, &mut link, false).await;
    }
}
