//! Whole networks on the adapter: steps against independent implementations, steps from files, runs and their files, tests under distorted
//! weights, analyses.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/small.rs"]
mod small;

mod analysis;
mod bits;
mod cut;
mod distortion;
mod files;
mod halves;
mod lowered;
mod published;
mod pytorch;
mod residual;
mod steps;
mod windows;
