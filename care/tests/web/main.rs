//! The web from outside: requests in, pages out, against a real store in a temporary folder.
//!
//! What is expected comes from the promised addresses and keys, from what a person must be told, and from who may see what.

#![cfg(feature = "web")]

#[path = "../house/mod.rs"]
mod house;

mod access;
mod browser;
mod guards;
mod live;
mod patient;
mod register;
mod signing_in;
mod tasks;
