//! The only module that names wgpu or naga: opens adapters, composes shaders, binds by name, runs plans.

mod adapter;
pub mod compose;
mod memory;
mod pipelines;
mod readback;
pub mod reflect;
mod runner;

pub use adapter::{Device, DeviceInfo, Options, list};
pub use readback::Readback;
pub use runner::{Loaded, Runner};
