//! What the tests of several levels share.
#![allow(dead_code)] // each test binary uses its part

use std::sync::Arc;

use weightproof::gpu::{Device, Options};

/// The adapter under test. No adapter is a failure, not a skip: `make test` installs one.
pub fn device(checked: bool) -> Arc<Device> {
    let device = std::env::var("WEIGHTPROOF_DEVICE").ok();
    Arc::new(Device::open(&Options { device, checked, ..Options::default() }).unwrap_or_else(|e| panic!("{e}")))
}
