//! How well a network does under distorted weights.

mod accuracy;
pub mod distort;
mod table;

pub use accuracy::{Evaluator, Score};
pub use table::table;
