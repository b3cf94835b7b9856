//! The demo.
mod clock;
mod frames;
mod homes;
mod noise;
mod people;
mod peripheral;
mod plan;
mod register;
