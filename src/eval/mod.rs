//! How well a network does under distorted weights: the weights distorted on the device ([`projector`]), batch-norm
//! moments and test pass ([`Evaluator`]), a table of scores; and distorted weight files ([`distort`]).

mod accuracy;
pub mod analysis;
pub mod distort;
mod draws;
pub mod point;
pub mod projector;
pub(crate) mod resident;
mod table;

pub use accuracy::{Evaluator, Images, Moments, Score, unsound};
pub use draws::{Draws, Spread};
pub use point::{Point, Points};
pub use table::table;
