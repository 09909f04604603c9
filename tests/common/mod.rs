//! What the tests of several levels share.
#![allow(dead_code)] // each test binary uses its part

use std::sync::{Arc, OnceLock};

use weightproof::gpu::{Device, Loaded, Options, Runner};
use weightproof::kernels::{Kernel, Variant};
use weightproof::plan::Plan;

/// The adapter under test, for small work: the tests of a binary share it and what it has compiled. No adapter is a
/// failure, not a skip: `make test` installs one.
pub fn device(checked: bool) -> Arc<Device> {
    static DEVICES: [OnceLock<Arc<Device>>; 2] = [const { OnceLock::new() }; 2];
    DEVICES[usize::from(checked)].get_or_init(|| open(checked)).clone()
}

/// The same adapter, opened for the caller alone.
pub fn open(checked: bool) -> Arc<Device> {
    let device = std::env::var("WEIGHTPROOF_DEVICE").ok();
    let options = Options { device, checked, one_thread: true, ..Options::default() };
    Arc::new(Device::open(&options).unwrap_or_else(|e| panic!("{e}")))
}

/// Loads a plan with its data on a fresh runner; every transient can be read afterwards.
pub fn load(device: &Arc<Device>, plan: &Plan, data: &[(String, Vec<u32>)]) -> (Runner, Loaded) {
    let mut runner = Runner::new(device.clone());
    let loaded = runner.load(plan, true).unwrap_or_else(|e| panic!("{e}"));
    for (name, words) in data {
        runner.write(name, words).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    (runner, loaded)
}

/// Which arguments of a variant may be 16-bit floats at a time: none, each alone, all.
pub fn halves(kernel: &Kernel, variant: &Variant) -> Vec<Vec<&'static str>> {
    let all: Vec<&str> = kernel.maps(variant).collect();
    let mut sets: Vec<Vec<&str>> = std::iter::once(vec![]).chain(all.iter().map(|name| vec![*name])).collect();
    if all.len() > 1 {
        sets.push(all);
    }
    sets
}
