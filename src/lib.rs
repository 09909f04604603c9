//! Trains convolutional networks with projected weights in hand-written WGSL.
#![warn(missing_docs)]

pub mod check;
pub mod cli;
pub mod cpu;
pub mod data;
pub mod error;
pub mod eval;
pub mod files;
pub mod gpu;
pub mod kernels;
pub mod layers;
pub mod model;
pub mod philox;
pub mod plan;
pub mod train;
