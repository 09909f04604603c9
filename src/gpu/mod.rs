//! The only module that names wgpu or naga: opens adapters, composes shaders, binds by name, runs plans.

mod adapter;
pub mod compose;
mod memory;
mod pipelines;
pub mod reflect;
mod runner;
mod transfer;

pub use adapter::{Device, DeviceInfo, Options, list};
pub use runner::{Loaded, Runner};
pub use transfer::Readback;
