//! Presets, and the plans that they become.

mod memory;
mod network;
pub mod preset;

pub use memory::{Class, Peak};
pub use network::{
    AFFINE, COMPONENTS, Cut, FORWARD, GRADIENT, Group, INDEX, LEVELS, MEAN, Network, Placement, TEST_INDEX,
};
