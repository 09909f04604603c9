//! The only module that names wgpu or naga: opens adapters, composes shaders, binds by name, runs plans.

mod adapter;
mod cache;
pub mod compose;
mod facts;
mod halves;
pub mod inventory;
mod lavapipe;
pub mod lower;
mod memory;
pub mod own;
mod pairs;
mod pipelines;
pub mod profile;
mod quiet;
pub mod reflect;
pub mod roofs;
mod runner;
#[cfg(feature = "driver-statistics")]
pub mod statistics;
mod transfer;
pub mod translate;

pub use adapter::{Described, Device, DeviceInfo, Options, chosen, describe, list};
pub use quiet::log_file;
pub use runner::{AHEAD, HostTime, Loaded, Runner};
pub use transfer::Readback;
