//! The home box: hears devices over Bluetooth, keeps what they measured on disk, and carries it to the server.
//!
//! | module | duty |
//! |---|---|
//! | [`source`] | the seam: what a radio, a capture or a simulated home gives and takes |
//! | [`capture`] | what a radio heard, as JSON lines |
//! | [`home`] | what is heard of each device becomes what must be done |
//! | [`outbox`] | on disk, in sequence, until the server's receipt |
//! | [`uplink`] | what to send, when to send it again, what the answers mean |
//! | [`vigil`] | who gets on with their work, and what is wrong |
//! | [`signal`] | what the person at home sees and hears of it |
//! | [`config`] | one TOML file |
//! | [`enrol`] | who this box is, and how it stays that |
//! | [`fault`] | ways to be wrong, that tests must notice; none in a release |
//! | [`io`] | radio, MQTT, files and clocks: the edge |
//! | [`run`] | all of it together |
//!
//! It knows no patient: which device measured is all it says.
//!
//! **Invariant:** a measurement that [`outbox::Outbox::seal`] took is sent until the server's receipt, through any
//! crash, and leaves the outbox by that receipt only.

pub mod capture;
pub mod config;
pub mod enrol;
pub mod fault;
pub mod home;
pub mod io;
pub mod links;
pub mod outbox;
pub mod run;
pub mod signal;
pub mod source;
pub mod uplink;
pub mod vigil;

pub use config::Config;
pub use io::clock::Clock;
pub use outbox::Depth;
pub use run::{Ended, Gateway, StartError};
pub use source::{BleSource, RadioEvent};
