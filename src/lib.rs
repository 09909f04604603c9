//! Trains convolutional networks with projected weights in hand-written WGSL.
#![warn(missing_docs)]

pub mod cpu;
pub mod data;
pub mod error;
pub mod gpu;
pub mod kernels;
pub mod philox;
pub mod plan;
