//! The role of the limit, a process of its own: a subscriber that takes every message and acknowledges it by hand, and does nothing
//! else.
//!
//! `ready` is said on stdout when it is subscribed, `drained` when as many messages as were asked for have come and each one's
//! acknowledgement was written: rumqttc reads ten messages for each acknowledgement that it writes while there is more to read. With no message
//! asked for it leaves after subscribing, and its session stays at the broker and collects.
//!
//! **Invariant:** each message is acknowledged, in the order in which they came.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

/// More acknowledgements than can wait in any run here: a broker may give out more than its window says.
const REQUESTS_MAX: usize = 4_000_000;

/// Takes `messages` from the broker at `port`.
pub(crate) fn play(port: u16, messages: u64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drain(port, messages))
}

async fn drain(port: u16, messages: u64) -> Result<()> {
    let mut options = MqttOptions::new("drain", "127.0.0.1", port);
    options.set_clean_session(false).set_manual_acks(true).set_keep_alive(Duration::from_secs(60));
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, REQUESTS_MAX);
    let mut acknowledged = 0;
    loop {
        match events.poll().await.context("hearing the broker")? {
            // What waited in a session comes at once, before any answer.
            Event::Incoming(Packet::ConnAck(connected)) if connected.session_present => println!("ready"),
            Event::Incoming(Packet::ConnAck(_)) => {
                client.try_subscribe("vagen/v1/+/up", QoS::AtLeastOnce)?;
            }
            Event::Incoming(Packet::SubAck(_)) => {
                println!("ready");
                if messages == 0 {
                    client.try_disconnect()?;
                }
            }
            Event::Incoming(Packet::Publish(publish)) => client.try_ack(&publish)?,
            Event::Outgoing(rumqttc::Outgoing::PubAck(_)) => {
                acknowledged += 1;
                if acknowledged == messages {
                    println!("drained");
                }
            }
            Event::Outgoing(rumqttc::Outgoing::Disconnect) => return Ok(()),
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
    }
}
