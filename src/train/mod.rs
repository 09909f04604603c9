//! Training: the loop, its schedules, the run folder with its log, checkpoints, and what of it is measured later.

mod best;
pub mod checkpoint;
mod diagnose;
mod import;
pub mod layout;
pub mod record;
mod resume;
mod run;
mod saver;
pub mod schedule;
pub mod state;
pub mod subject;
mod watch;

pub use resume::{Resume, same_preset};
pub use run::{Options, Outcome, evaluation_bar, input, load_data, network, train};
