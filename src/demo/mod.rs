//! The demo.
mod clock;
mod frames;
mod homes;
mod peripheral;
