//! How well a network does under distorted weights.

mod accuracy;
pub mod analysis;
pub mod distort;
pub mod point;
mod table;

pub use accuracy::{Evaluator, Score};
pub use point::{Moments, Point, Points};
pub use table::table;
