//! MATLAB's files: as SVHN comes in them, and published networks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weightproof::weights::mcdonnell;
use weightproof_fuzz::{fixture, folder, link, load, seed, within, write};

fuzz_target!(init: seed("mat", seeds()), |input: &[u8]| {
    let dir = folder();
    let path = write(&dir, "train_32x32.mat", input);
    link(&path, &["test_32x32.mat"]);
    // An array is unpacked, taken out, and made into images or f32.
    within(16 * 1032 * input.len(), || {
        load("svhn", dir.path());
        let _ = mcdonnell::read(&path);
    });
});

fn seeds() -> Vec<Vec<u8>> {
    ["svhn_train.mat", "svhn_test.mat", "mcdonnell.mat"].map(|name| fixture(&format!("tests/reference/{name}"))).into()
}
