//! Presets, and the plans that they become.

mod network;
pub mod preset;

pub use network::{FORWARD, GRADIENT, INDEX, LEVELS, Network, Placement, TEST_INDEX};
