//! The home box: hears devices over Bluetooth, keeps what they measured on disk, and carries it to the server.

pub mod outbox;
