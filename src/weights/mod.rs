//! Files of weights: checkpoints, and what others made; opened as networks, exported, distorted.

pub mod checkpoint;
pub mod distort;
mod elements;
pub mod export;
mod import;
pub mod layout;
mod trained;

pub use trained::{TrainedNetwork, input_of, open};
