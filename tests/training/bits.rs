//! Networks that run from the bits of their weights.

use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::{Role, Step};
use weightproof::projection::distortion::Distortion;
use weightproof::session::{Session, images};
use weightproof::weights::{export, packed};

use crate::common;

/// Every way to read bits: a first layer, Winograd's algorithm, strides, channels that are no multiple of 4, groups, a linear
/// layer behind a map, biases.
const PRESET: &str = r#"
name = "bits"
batch = 3
epochs = 1
projection = "none"
loss = "softmax_ce"
lr = { kind = "constant", initial = 0.1 }
data.set = "cifar10"
layers = [
  { conv2d = 32, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 64, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 40, kernel = 3, stride = 2, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 24, kernel = 3, pad = 1, groups = 2, bias = true }, { relu = true },
  { conv2d = 10, kernel = 1 }, { maxpool = 2 },
  { linear = 20, bias = true }, { relu = true },
  { linear = 10, output = true },
]
"#;

#[test]
fn a_network_computes_the_same_bits_from_bits_as_from_f32() {
    let preset = Preset::from_toml(PRESET).unwrap_or_else(|e| panic!("{e}"));
    let network = std::sync::Arc::new(Network::new(&preset, [12, 12, 3], 10).unwrap_or_else(|e| panic!("{e}")));
    let p = &network.parameters;
    for projection in ["sign", "round", "bwn", "he-sign except conv1 fc2"] {
        let mut session = Session::new(common::device(true), network.clone(), 1);
        session.set_weights(&network.initial_weights(3)).unwrap();
        let with = Distortion::parse(projection).unwrap();
        session.distort(&with, 1, 1).unwrap();
        let projected = session.runner.read("projected", p.len()).unwrap();
        let flat: Vec<f32> = bytemuck::cast_slice(&projected).to_vec();
        let tensors = export::tensors(&network, &[("weight", projected)]).unwrap();
        let (packed, _) = export::pack(&with, tensors, &network).unwrap();
        let bits = packed::bits(&packed);

        let source = weightproof::model::Placement::Uploaded;
        let target = session.target.clone();
        let plans = [None, Some(&bits)].map(|bits| network.test_plan_from(&target, 3, &source, bits).unwrap());
        assert!(plans[1].find("weight").is_none() && plans[1].find("projected").is_none());
        let held: usize = plans[1].buffers.iter().filter(|b| b.name.ends_with(".signs")).map(|b| b.bytes()).sum();
        let weights: usize = bits.keys().map(|name| p.find(name).unwrap().len()).sum();
        // Rows are in eights: 27 of the first layer and 20 of the last take a few more bits.
        assert!(held * 8 <= weights * 105 / 100, "{held} bytes for {weights} weights");
        assert!(plans[1].buffers.iter().any(|b| b.role == Role::State && b.name == "conv4.bias"));

        let programs = plans.map(|plan| session.load(plan, true).unwrap());
        for (name, words) in packed::arrays(&network, &flat, &packed) {
            session.runner.write(&name, &words).unwrap();
        }
        for (name, channels) in network.moments() {
            let value: f32 = if name.ends_with("var") { 0.5 } else { -0.01 };
            session.runner.write(&name, &vec![value.to_bits(); channels]).unwrap();
        }
        let images = images::made_up(&mut session.runner, &network, &source, 3).unwrap();
        session.runner.write("test.input", &images).unwrap();
        session.runner.write("test.label", &[1, 2, 3]).unwrap();
        let logits = programs.each_ref().map(|program| {
            session.runner.run(&program.loaded, &Step { valid: 3, ..Step::default() }).unwrap();
            program.read(&session.runner, "fc2.output").unwrap()
        });
        assert_eq!(logits[0], logits[1], "{projection}");
        let values: &[f32] = bytemuck::cast_slice(&logits[0]);
        assert!(values.iter().all(|v| v.is_finite()) && values.iter().any(|v| *v != values[0]), "{values:?}");
    }
}
