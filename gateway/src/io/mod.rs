//! The edge: everything that reads a clock, a socket, a radio or a file, and nothing that decides.

mod agent;
mod bluez;
pub mod capture;
pub mod carry;
pub mod clock;
pub mod enrol;
pub mod links;
pub mod listen;
pub mod mqtt;
pub mod radio;
pub mod renew;
pub mod service;
pub mod signal;
