//! How well a network does under distorted weights: the weights distorted, batch-norm
//! moments and test pass ([`Evaluator`]), a table of scores; and distorted weight files ([`distort`]).

mod accuracy;
pub mod analysis;
pub mod distort;
mod draws;
pub mod point;
mod table;

pub use accuracy::{Evaluator, Images, Moments, Progress, Score, Test, unsound};
pub use draws::{Draws, Spread};
pub use point::{Point, Points};
pub use table::table;

/// Draws of an evaluation are numbered from here: no training step shares them.
pub const EVALUATION: u64 = 1 << 63;
