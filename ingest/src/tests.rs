//! The room as a whole, over a played link and a store of its own. What is expected comes from the published MQTT
//! interface and from what the README promises: nothing lost, nothing counted twice, nothing silent.

mod admission;
mod guards;
mod house;
mod outages;
mod people;
mod plans;
mod projections;
mod time;
mod together;
