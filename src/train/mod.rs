//! Training: the loop, its schedules, the run folder with its log, checkpoints, and what of it is measured later.

mod best;
mod diagnose;
mod evaluation;
mod ranks;
pub mod record;
mod resume;
mod run;
mod saver;
pub mod schedule;
mod stepper;
mod timeline;
mod watch;

pub use resume::{Resume, same_preset};
pub use run::{Following, Options, Outcome, follow, train};
