//! How well a network does under distorted weights: the weights distorted, batch-norm
//! moments and test pass ([`Evaluator`]), a table of scores.

mod accuracy;
pub mod analysis;
mod average;
mod deploy;
mod draws;
pub mod logits;
mod pass;
pub mod point;
mod progress;
mod table;

pub use accuracy::{Evaluator, Images, Moments, Score, Test, unsound};
pub use deploy::deploy;
pub use draws::{Draws, Spread};
pub use logits::Logits;
pub use point::{Point, Points};
pub use progress::{Progress, SAYS, evaluation_bar};
pub use table::table;
