//! The role of the homes, a process of its own: publishes over a few connections as fast as the broker acknowledges, or at a pace,
//! and waits for receipts.
//!
//! `ready`, `published` and `receipted` are said on stdout, each when it is true; it begins when told on stdin.
//!
//! **Invariant:** at most [`WINDOW`] messages of a connection wait for the broker.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::envelopes::{Envelopes, House, Times, gateway_id, outbox_id};
use crate::wire::{Connection, Packet};

const WINDOW: usize = 200;

/// What to publish, as the harness writes it on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) port: u16,
    pub(crate) house: House,
    pub(crate) connections: usize,
    pub(crate) messages: u64,
    /// How many each gateway has numbered before.
    pub(crate) numbered: u64,
    pub(crate) times: Times,
    /// Whether somebody receipts.
    pub(crate) receipts: bool,
}

impl Order {
    /// As arguments of the role.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let Self { port, house, connections, messages, numbered, times, receipts } = self;
        let numbers = [
            u64::from(*port),
            house.gateways as u64,
            house.patients as u64,
            *connections as u64,
            *messages,
            *numbered,
            times.first_day_ms.unsigned_abs(),
            times.step_ms.unsigned_abs(),
            u64::from(*receipts),
        ];
        std::iter::once("role-publish".to_owned()).chain(numbers.iter().map(u64::to_string)).collect()
    }

    /// From the arguments of the role.
    pub(crate) fn read(arguments: &[String]) -> Result<Self> {
        let number =
            |at: usize| -> Result<u64> { Ok(arguments.get(at).context("a number is missing")?.parse()?) };
        Ok(Self {
            port: number(0)?.try_into()?,
            house: House { gateways: number(1)?.try_into()?, patients: number(2)?.try_into()? },
            connections: number(3)?.try_into()?,
            messages: number(4)?,
            numbered: number(5)?,
            times: Times { first_day_ms: number(6)?.try_into()?, step_ms: number(7)?.try_into()? },
            receipts: number(8)? == 1,
        })
    }

    /// The last number of each gateway.
    fn last(&self) -> u64 {
        self.numbered + self.messages / self.house.gateways as u64
    }
}

/// Plays the role.
pub(crate) fn play(order: Order) -> Result<()> {
    let connected = Barrier::new(order.connections + 1);
    let begin = Barrier::new(order.connections + 1);
    let publishing = AtomicUsize::new(order.connections);
    std::thread::scope(|scope| {
        let homes: Vec<_> = (0..order.connections)
            .map(|number| {
                let (connected, begin, publishing) = (&connected, &begin, &publishing);
                scope.spawn(move || -> Result<()> {
                    let mut homes = Homes::connect(order, number)?;
                    connected.wait();
                    begin.wait();
                    homes.publish()?;
                    if publishing.fetch_sub(1, Ordering::SeqCst) == 1 {
                        say("published");
                    }
                    homes.wait_for_receipts()
                })
            })
            .collect();
        connected.wait();
        say("ready");
        std::io::stdin().lock().read_line(&mut String::new())?;
        begin.wait();
        homes.into_iter().try_for_each(|home| home.join().map_err(|_| anyhow::anyhow!("it panicked"))?)
    })?;
    say("receipted");
    Ok(())
}

fn say(word: &str) {
    println!("{word}");
}

/// The homes behind one connection.
struct Homes {
    connection: Connection,
    order: Order,
    gateways: Vec<usize>,
    /// By outbox: how far the receipts say.
    through: HashMap<String, u64>,
    unacknowledged: usize,
}

#[derive(Deserialize)]
struct Down {
    receipt: Option<Receipt>,
}

#[derive(Deserialize)]
struct Receipt {
    outbox: String,
    through: u64,
}

impl Homes {
    fn connect(order: Order, number: usize) -> Result<Self> {
        let gateways: Vec<usize> =
            (0..order.house.gateways).filter(|gateway| gateway % order.connections == number).collect();
        let mut connection = Connection::open(order.port, &format!("homes-{number}"))?;
        if order.receipts {
            connection.subscribe(
                gateways.iter().map(|gateway| format!("vagen/v1/{}/down", gateway_id(*gateway))),
            )?;
        }
        Ok(Self { connection, order, gateways, through: HashMap::new(), unacknowledged: 0 })
    }

    fn publish(&mut self) -> Result<()> {
        let envelopes = Envelopes::new(self.order.house, self.order.times);
        let topic = |gateway: &usize| (*gateway, format!("vagen/v1/{}/up", gateway_id(*gateway)));
        let topics: Vec<_> = self.gateways.iter().map(topic).collect();
        let (mut payload, mut id) = (String::with_capacity(700), 0_u16);
        for seq in self.order.numbered + 1..=self.order.last() {
            for (gateway, topic) in &topics {
                while self.unacknowledged >= WINDOW {
                    self.exchange()?;
                }
                payload.clear();
                envelopes.weighing(&mut payload, *gateway, seq)?;
                id = id.checked_add(1).unwrap_or(1);
                self.connection.publish(id, topic, payload.as_bytes());
                self.unacknowledged += 1;
            }
        }
        while self.unacknowledged > 0 {
            self.exchange()?;
        }
        self.connection.flush()
    }

    /// Sends what was written and takes what came, at least one packet.
    fn exchange(&mut self) -> Result<()> {
        self.connection.flush()?;
        let mut packet = Some(self.connection.next()?);
        while let Some(one) = packet {
            match one {
                Packet::Acknowledged(_) => self.unacknowledged -= 1,
                Packet::Message(id, _, payload) => self.receipt(id, &payload)?,
                Packet::Other => {}
            }
            packet = self.connection.at_hand()?;
        }
        Ok(())
    }

    fn receipt(&mut self, id: u16, payload: &[u8]) -> Result<()> {
        if id > 0 {
            self.connection.acknowledge(id);
        }
        if let Some(Receipt { outbox, through }) = serde_json::from_slice::<Down>(payload)?.receipt {
            let known = self.through.entry(outbox).or_default();
            if through < *known {
                eprintln!("a receipt of {through} came after one of {known}");
            }
            *known = (*known).max(through);
        }
        Ok(())
    }

    fn wait_for_receipts(&mut self) -> Result<()> {
        let (through, all) = (self.order.last(), self.order.receipts);
        while all
            && self.gateways.iter().any(|gateway| {
                self.through.get(&outbox_id(*gateway)).is_none_or(|receipted| *receipted < through)
            })
        {
            self.exchange()?;
        }
        Ok(())
    }
}
