//! A gateway as another maker would build it, from the published interface alone: rumqttc's blocking client, JSON by hand.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

/// A gateway that is connected and listens on its `down` topic.
pub struct Gateway {
    pub id: String,
    client: Client,
    down: Receiver<Value>,
    acknowledged: Receiver<u16>,
}

impl Gateway {
    /// Connects as `id` and waits until it is subscribed.
    pub fn connect(port: u16, id: &str) -> Self {
        let mut options = MqttOptions::new(format!("{id}-{}", std::process::id()), "127.0.0.1", port);
        options.set_credentials(id, "").set_keep_alive(Duration::from_secs(10));
        options.set_max_packet_size(2 * 1024 * 1024, 2 * 1024 * 1024);
        let (client, mut connection) = Client::new(options, 100);
        let (heard, down) = channel();
        let (acknowledges, acknowledged) = channel();
        let (subscribes, subscribed) = channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        if heard
                            .send(serde_json::from_slice(&publish.payload).expect("JSON comes down"))
                            .is_err()
                        {
                            return;
                        }
                    }
                    Ok(Event::Incoming(Packet::PubAck(ack))) => drop(acknowledges.send(ack.pkid)),
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(subscribes.send(())),
                    Ok(_) => {}
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        });
        client.subscribe(format!("vagen/v1/{id}/down"), QoS::AtLeastOnce).expect("subscribes");
        subscribed.recv_timeout(super::PATIENCE).expect("a SUBACK");
        Self { id: id.to_owned(), client, down, acknowledged }
    }

    /// Publishes on its `up` topic at QoS 1.
    pub fn up(&self, payload: impl Into<Vec<u8>>) {
        self.publish(&format!("vagen/v1/{}/up", self.id), payload);
    }

    /// Publishes anywhere at QoS 1.
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).expect("publishes");
    }

    /// Waits for the broker's acknowledgement of one publish.
    pub fn acknowledged(&self) {
        self.acknowledged.recv_timeout(super::PATIENCE).expect("a PUBACK");
    }

    /// The next message on its `down` topic.
    pub fn next(&self) -> Value {
        self.down.recv_timeout(super::PATIENCE).expect("something comes down")
    }

    /// What came down and was not looked at yet, without waiting.
    pub fn heard(&self) -> Vec<Value> {
        self.down.try_iter().collect()
    }

    /// Waits until a receipt of `outbox` says at least `through`, and that no receipt went back on the way.
    pub fn receipt(&self, outbox: &str, through: u64) {
        let mut before = 0;
        while before < through {
            let message = self.next();
            if message["receipt"]["outbox"] == outbox {
                let now = message["receipt"]["through"].as_u64().expect("through");
                assert!(now >= before, "a receipt went back from {before} to {now}");
                before = now;
            }
        }
        assert_eq!(before, through, "the receipt went too far");
    }

    /// The highest receipt of `outbox` among what has come down since this was last asked; 0 when there is none.
    pub fn receipt_so_far(&self, outbox: &str) -> u64 {
        let receipts = self.down.try_iter().filter(|message| message["receipt"]["outbox"] == outbox);
        receipts.filter_map(|message| message["receipt"]["through"].as_u64()).max().unwrap_or(0)
    }

    /// Waits for the next receipt of `outbox`, whatever it says.
    pub fn any_receipt(&self, outbox: &str) -> u64 {
        loop {
            let message = self.next();
            if message["receipt"]["outbox"] == outbox {
                return message["receipt"]["through"].as_u64().expect("through");
            }
        }
    }
}

/// When this test began: the same envelope asked for twice is the same envelope.
static BEGAN: std::sync::LazyLock<jiff::Timestamp> = std::sync::LazyLock::new(jiff::Timestamp::now);

/// An envelope by hand: a weighing of `device`, measured `minutes_ago`, counted from when the test began.
pub fn weighing(
    gateway: &str,
    outbox: &str,
    seq: u64,
    device: &str,
    weight_kg: f64,
    minutes_ago: i64,
) -> Value {
    let at = *BEGAN - jiff::SignedDuration::from_mins(minutes_ago);
    let device_time = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let civil = jiff::tz::Offset::UTC.to_datetime(at);
    let steps = (weight_kg * 200.0).round() as u16;
    let year = civil.year() as u16;
    let hex = format!(
        "02{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}",
        steps & 0xff,
        steps >> 8,
        year & 0xff,
        year >> 8,
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    );
    json!({
        "v": 1, "gateway": gateway, "outbox": outbox, "seq": seq, "sealed_at": format!("{at:.3}"),
        "device": { "id": device, "model": "A&D UC-352BLE", "serial": "5170300042" },
        "measurement": {
            "kind": "weight", "outcome": "measured", "values": { "weight_kg": weight_kg }, "absent": {},
            "device_time": device_time, "user_slot": null, "flags": [], "measured_at": format!("{device_time}.000Z"),
            "clock": "synced", "clock_offset_s": 0
        },
        "raw": { "characteristic": "2a9d", "hex": hex }
    })
}
