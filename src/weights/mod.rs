//! Files of weights: checkpoints, and what others made; opened as networks, trained further, exported, distorted.

pub mod checkpoint;
pub mod distort;
mod elements;
pub mod export;
mod import;
mod initial;
pub mod layout;
pub mod mcdonnell;
pub mod packed;
mod trained;

pub use initial::{Initial, Taken};
pub use trained::{NamedMoments, TrainedNetwork, input_of, open};
