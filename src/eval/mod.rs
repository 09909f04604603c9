//! How well a network does under distorted weights.

mod accuracy;
pub mod distort;
pub mod projector;
mod table;

pub use accuracy::{Evaluator, Moments, Score};
pub use table::table;
