//! The only module that names wgpu or naga: opens adapters, composes shaders, binds by name, runs plans.

mod adapter;
mod cache;
pub mod compose;
pub mod facts;
mod halves;
pub mod lavapipe;
mod memory;
mod pipelines;
pub mod profile;
pub mod reflect;
pub mod roofs;
mod runner;
pub mod spirv;
#[cfg(feature = "driver-statistics")]
pub mod statistics;
mod transfer;

pub use adapter::{Device, DeviceInfo, Options, list};
pub use runner::{AHEAD, HostTime, Loaded, Runner};
pub use transfer::Readback;
