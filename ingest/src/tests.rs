//! The room as a whole, over a played link and a store of its own. What is expected comes from the published MQTT
//! interface and from what the README promises: nothing lost, nothing counted twice, nothing silent.

mod admission;
mod canary;
mod guards;
mod house;
mod orders;
mod outages;
mod people;
mod plans;
mod projections;
mod reconcile;
mod time;
mod together;
