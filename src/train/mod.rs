//! Training: the schedules, the run folder with its log, and checkpoints.

pub mod checkpoint;
mod files;
pub mod layout;
pub mod record;
pub mod schedule;
