//! Weights from elsewhere: to measure, and to begin a training with.
#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::weights::{self, Initial};
use weightproof_fuzz::{fixture, folder, of_safetensors, safetensors, seed, within, write};

const PRESET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../reference/torch_digits.toml");

fuzz_target!(init: seed("safetensors", seeds()), |input: &[u8]| {
    let (dir, file) = (folder(), safetensors(input));
    let path = write(&dir, "a.safetensors", &file);
    within(64 * file.len(), || {
        let _ = weights::open(&path, Some(PRESET.as_ref()), &[], Some(dir.path()));
        let preset = Preset::load(PRESET, &[]).expect("a preset");
        let network = Network::without_data(&preset, [8, 8, 1]).expect("a network");
        for except in [vec![], vec!["conv2".into()]] {
            let _ = Initial { path: PathBuf::clone(&path), except }.read(&preset, &network);
        }
    });
});

/// PyTorch's file of the network, with its names and with those of another module.
fn seeds() -> Vec<Vec<u8>> {
    let file = of_safetensors(&fixture("tests/reference/torch_digits.safetensors"));
    let end = file.iter().position(|byte| *byte == 0).expect("a header");
    let header = String::from_utf8(file[..end].to_vec()).expect("text");
    let other = header.replace("conv", "features.").replace("bn", "norm.").replace("fc", "classifier.");
    vec![[other.as_bytes(), &file[end..]].concat(), file]
}
