//! A broker as brokers are: it acknowledges from memory, gives out at most so many messages before it wants an acknowledgement,
//! forgets sessions, drops what does not fit, and knows nothing of what it carries.
//!
//! Pure: what comes in and what goes out are values; who carries them, how late and how often, is the world's business.
//!
//! **Invariant:** an acknowledgement names a message by the number it has on that connection.

use std::collections::{BTreeMap, VecDeque};

/// The messages the server may have unacknowledged.
const WINDOW: usize = 100;
/// The messages that wait for the server while it is away or slow.
const QUEUE_MAX: usize = 400;

/// Who is connected: a gateway by its index.
pub(crate) type Home = usize;

/// One message for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// At QoS 1.
    pub(crate) acknowledged: bool,
}

/// What the server's session holds.
#[derive(Debug, Default)]
struct Session {
    waiting: VecDeque<Message>,
    /// By the number they have on the connection there is.
    given: BTreeMap<u16, Message>,
    subscribed: bool,
}

/// A message on its way to the server, with the number that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) message: Message,
    pub(crate) number: Option<u16>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    /// The connection of each home, by number, and whether it has subscribed.
    homes: BTreeMap<Home, (u64, bool)>,
    server: Option<u64>,
    session: Session,
    keeps_sessions: bool,
    next_number: u16,
    connections: u64,
    /// What was dropped because nobody took it.
    pub(crate) dropped: u64,
}

impl Broker {
    pub(crate) fn new(keeps_sessions: bool) -> Self {
        Self { keeps_sessions, ..Self::default() }
    }

    /// A home connects, always with a clean session. The connection it had is gone.
    pub(crate) fn home_connects(&mut self, home: Home) -> u64 {
        self.connections += 1;
        self.homes.insert(home, (self.connections, false));
        self.connections
    }

    pub(crate) fn home_leaves(&mut self, home: Home) {
        self.homes.remove(&home);
    }

    pub(crate) fn home_subscribes(&mut self, home: Home, connection: u64) {
        if let Some(of) = self.homes.get_mut(&home).filter(|of| of.0 == connection) {
            of.1 = true;
        }
    }

    /// The connection that `home` has now.
    pub(crate) fn home_connection(&self, home: Home) -> Option<u64> {
        self.homes.get(&home).map(|of| of.0)
    }

    /// Where a message for `home` goes.
    pub(crate) fn listens(&self, home: Home) -> Option<u64> {
        self.homes.get(&home).filter(|of| of.1).map(|of| of.0)
    }

    /// The server connects. Says by which connection, and whether its session is still there.
    pub(crate) fn server_connects(&mut self, begin_anew: bool) -> (u64, bool) {
        self.connections += 1;
        let present = self.keeps_sessions && !begin_anew && self.session.subscribed;
        if present {
            let given = std::mem::take(&mut self.session.given);
            for message in given.into_values().rev() {
                self.session.waiting.push_front(message);
            }
        } else {
            self.session = Session::default();
        }
        self.next_number = 0;
        self.server = Some(self.connections);
        (self.connections, present)
    }

    pub(crate) fn server_leaves(&mut self) {
        self.server = None;
        if !self.keeps_sessions {
            self.session = Session::default();
        }
    }

    pub(crate) fn server_subscribes(&mut self) {
        self.session.subscribed = true;
    }

    /// Takes a message for the server. It counts as delivered from here on.
    pub(crate) fn take(&mut self, message: Message) {
        let away = self.server.is_none() && (!self.keeps_sessions || !message.acknowledged);
        if !self.session.subscribed || away || self.session.waiting.len() >= QUEUE_MAX {
            self.dropped += 1;
            return;
        }
        self.session.waiting.push_back(message);
    }

    /// The next message that may go to the server.
    pub(crate) fn give(&mut self) -> Option<Given> {
        if self.server.is_none() || self.session.given.len() >= WINDOW {
            return None;
        }
        let message = self.session.waiting.pop_front()?;
        let number = message.acknowledged.then(|| {
            self.next_number += 1;
            self.session.given.insert(self.next_number, message.clone());
            self.next_number
        });
        Some(Given { message, number })
    }

    /// The message that an acknowledgement on the server's connection names, which is done with it.
    pub(crate) fn acknowledge(&mut self, number: u16) -> Option<Message> {
        self.session.given.remove(&number)
    }

    /// Whether the server has acknowledged everything there was for it.
    pub(crate) fn is_idle(&self) -> bool {
        self.session.waiting.is_empty() && self.session.given.is_empty()
    }

    /// Everybody is cut off; sessions are lost too where `forgets`.
    pub(crate) fn restart(&mut self, forgets: bool) {
        self.homes.clear();
        self.server = None;
        if forgets || !self.keeps_sessions {
            self.session = Session::default();
        }
    }
}
