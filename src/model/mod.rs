//! Presets, and the plans that they become.

mod network;
pub mod preset;

pub use network::{ACTIVITY, GRADIENT, INDEX, LEVELS, Network, Source, TEST_INDEX};
