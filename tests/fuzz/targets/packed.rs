//! Checkpoints and packed files as trained networks: the preset, the tensors and the bits of one file, which has to fit together.
#![no_main]

use std::collections::BTreeMap;
use std::fs;

use libfuzzer_sys::fuzz_target;
use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::Target;
use weightproof::weights::checkpoint::{self, Checkpoint, Stored, key};
use weightproof::weights::{self, export, packed};
use weightproof_fuzz::{fixture, folder, of_safetensors, safetensors, seed, within, write};

fuzz_target!(init: seed("packed", seeds()), |input: &[u8]| {
    let (dir, file) = (folder(), safetensors(input));
    let path = write(&dir, "net.wp1", &file);
    within(256 * file.len(), || {
        let Ok(net) = weights::open(&path, None, &[], Some(dir.path())) else { return };
        packed::arrays(&net.network, &net.weights, &net.packed);
        let _ = net.network.forward_plan(&Target::baseline(), 1, Some(&packed::bits(&net.packed)));
    });
});

/// A checkpoint of training, and files of weights of one and of two bits.
fn seeds() -> Vec<Vec<u8>> {
    let text = String::from_utf8(fixture("tests/reference/torch_digits.toml")).expect("text");
    let preset = Preset::from_toml(&text).and_then(|p| p.with(&["width=0.25".into()])).expect("a preset");
    let network = Network::without_data(&preset, [8, 8, 1]).expect("a network");
    let words: Vec<u32> = network.initial_weights(1).into_iter().map(f32::to_bits).collect();
    let state = network.optimizer_state().iter().chain(&["weight"]).map(|array| (*array, words.clone()));
    let tensors = export::tensors(&network, &state.collect::<Vec<_>>()).expect("tensors");
    let meta = [
        (key::PRESET, preset.to_toml()),
        (key::STEP, "3".into()),
        (key::EPOCH, "1".into()),
        (key::SEED, "7".into()),
        (key::INPUT, "8x8x1".into()),
        (key::CLASSES, serde_json::json!(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]).to_string()),
    ];
    let meta: BTreeMap<String, String> = meta.map(|(key, value)| (key.to_owned(), value)).into();
    let dir = folder();
    let saved = |checkpoint: &Checkpoint| {
        let path = dir.path().join("seed");
        checkpoint::save(&path, checkpoint).expect("a checkpoint");
        of_safetensors(&fs::read(path).expect("the checkpoint"))
    };
    let mut all = vec![saved(&Checkpoint { tensors: tensors.clone(), packed: BTreeMap::new(), meta: meta.clone() })];
    for zeros in [false, true] {
        let sign = |w: f32| if zeros && w.abs() < 0.1 { 0.0 } else { 0.25f32.copysign(w) };
        let mut plain: BTreeMap<String, Stored> =
            tensors.clone().into_iter().filter(|(name, _)| !export::is_state(name)).collect();
        let mut bits = BTreeMap::new();
        for t in network.parameters.tensors.iter().filter(|t| t.projected) {
            let Stored { shape, data } = plain.remove(&t.name).expect("a weight");
            let signs: Vec<f32> = data.into_iter().map(sign).collect();
            bits.insert(t.name.clone(), packed::pack(&shape, &signs).expect("one magnitude"));
        }
        for (name, channels) in network.moments() {
            plain.insert(name, Stored { shape: vec![channels], data: vec![1.0; channels] });
        }
        all.push(saved(&Checkpoint { tensors: plain, packed: bits, meta: meta.clone() }));
    }
    all
}
