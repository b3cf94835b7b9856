//! Conversations with devices, step by step: what happened, and what the session made of it.
//!
//! The times and behaviours come from the makers' documents and public reports named at each test; frames are rows of
//! `frames.json`.

mod advertising;
mod asking;
mod clocks;
mod play;
mod remembering;
mod stored;
