//! Presets, and the plans that they become.

mod memory;
mod network;
pub mod preset;

pub use memory::{Class, Peak};
pub use network::{Cut, FORWARD, GRADIENT, INDEX, LEVELS, Network, Placement, TEST_INDEX};
