//! NumPy's archives, as ImageNet32 comes in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weightproof_fuzz::{fixture, folder, link, load, seed, within, write};

fuzz_target!(init: seed("npz", seeds()), |input: &[u8]| {
    let dir = folder();
    let path = write(&dir, "train_data_batch_1.npz", input);
    let others: Vec<String> = (2..=10).map(|i| format!("train_data_batch_{i}.npz")).collect();
    link(&path, &others.iter().map(String::as_str).chain(["val_data.npz"]).collect::<Vec<_>>());
    // Eleven times what is unpacked, and again where it is put together.
    within(22 * 1032 * input.len(), || load("imagenet32", dir.path()));
});

fn seeds() -> Vec<Vec<u8>> {
    ["val_data.npz", "val_data.compressed.npz", "train_data_batch_1.compressed.npz"]
        .map(|name| fixture(&format!("tests/reference/imagenet32/{name}")))
        .into()
}
