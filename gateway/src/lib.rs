//! The home box: hears devices over Bluetooth, keeps what they measured on disk, and carries it to the server.

pub mod capture;
pub mod config;
pub mod home;
pub mod outbox;
pub mod source;
pub mod uplink;
