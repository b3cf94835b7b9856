//! What must hold for any bytes: one function a fuzz target, each a panic when it does not.
//!
//! The targets call these under libFuzzer, and a plain test of the devices room calls them with the corpus kept beside
//! this crate, so that they stay true without a nightly toolchain. They read no clock and no file.
//!
//! **Invariant:** the same bytes always play the same story.

mod advertising;
mod asking;
mod decoding;
mod supply;
mod talking;

pub use advertising::broadcast;
pub use asking::about;
pub use decoding::decode;
pub use talking::session;
