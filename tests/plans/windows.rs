//! Plans whose arrays exceed what can be bound.

use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::{Plan, Target, memory};
use weightproof::session::projector;

use crate::{gpu, lavapipe};

/// The first linear layer of AlexNet at its size, 9216 to 4096 features, whose weights take 151 MB.
fn fc6() -> Network {
    let text = r#"
name = "fc6"
batch = 128
epochs = 1
projection = "sign"
loss = "softmax_ce"
lr = { kind = "constant", initial = 0.003 }
data.set = "none"
layers = [ { conv2d = 256, kernel = 1 }, { relu = true }, { linear = 4096 }, { relu = true }, { linear = 10, output = true } ]
"#;
    let preset = Preset::from_toml(text).unwrap_or_else(|e| panic!("{e}"));
    Network::new(&preset, [6, 6, 3], 10).unwrap_or_else(|e| panic!("{e}"))
}

pub fn fits(plan: &Plan, target: &Target) {
    let limits = target.adapter.limits;
    for c in &plan.commands {
        for a in c.args() {
            let bound = plan.buffer(a.view.buffer).texels.is_some() || a.bytes() <= limits.max_binding;
            assert!(bound && (a.view.offset * a.elem.bytes()).is_multiple_of(limits.offset_alignment), "{}", c.what());
        }
    }
}

#[test]
fn the_first_linear_layer_of_alexnet_is_planned_for_bindings_of_128_mib() {
    let network = fc6();
    let size = |target: Target| target.with(|a| a.limits.max_buffer = (2 << 30) - 1);
    for target in [Target::baseline(), lavapipe(), gpu()].map(size) {
        assert_eq!(target.adapter.limits.max_binding, 128 << 20);
        let plan = network.train_plan(&target).unwrap_or_else(|e| panic!("{e}"));
        fits(&plan, &target);
        for pass in ["forward", "grad_weight", "grad_input"] {
            let scope = format!("fc1.{pass}");
            let rows: Vec<usize> = plan
                .dispatches()
                .filter(|c| c.scope == scope && ["conv2d.unfold", "conv2d.fold"].contains(&c.kernel))
                .map(|c| c.params.u("rows"))
                .collect();
            assert_eq!(rows, [4608, 4608], "{scope}");
        }
        // Four states of 151 MB, the gradient, and on lavapipe the two windows of the weights once more, in textures.
        let bytes = memory::footprint(&plan);
        let most = if target.adapter.subgroup == Some(8) { 960 << 20 } else { 800 << 20 };
        assert!((5 * 151_000_000..most).contains(&bytes), "{bytes}");
        for plan in [
            network.test_plan(&target, 128),
            projector::maxima_plan(&network.parameters, &target),
            projector::quantile_plan(&network.parameters, &target),
            projector::link_plan(&network.parameters, &target, "weight", "projected", &vec![]),
        ] {
            fits(&plan.unwrap_or_else(|e| panic!("{e}")), &target);
        }
    }
}

/// A network of these layers for images of this shape.
fn network(batch: usize, layers: &str, input: [usize; 3]) -> Result<Network, String> {
    let head = "name = \"large\"\nepochs = 1\nloss = \"softmax_ce\"\ndata.set = \"none\"\nlr = { kind = \"constant\", initial = 0.1 }";
    let preset =
        Preset::from_toml(&format!("{head}\nbatch = {batch}\nlayers = [{layers}]")).map_err(|e| e.to_string())?;
    Network::without_data(&preset, input).map_err(|e| e.to_string())
}

#[test]
fn sizes_that_no_number_holds_are_refused_by_name() {
    let refused = |layers: &str, input: [usize; 3], words: &str| {
        let said = network(1 << 20, layers, input).err().unwrap_or_default();
        assert!(said.contains(words), "\"{said}\" does not say \"{words}\"");
    };
    let wide =
        "{ conv2d = 1048576, kernel = 1 }, { conv2d = 1048576, kernel = 16384, pad = 8192 }, { avgpool = \"global\" }";
    refused(wide, [1, 1, 3], "more than 2147483648");
    refused("{ pad_channels = 1048576 }, { avgpool = \"global\" }", [64, 64, 3], "pad1: it makes 64x64x1048576");
    refused("{ linear = 2, output = true }", [16384, 16384, 1048576], "no shape of an image");
}

#[test]
fn a_batch_beyond_every_buffer_is_refused_before_it_is_cut_into_windows() {
    let layers = "{ conv2d = 64, kernel = 3, pad = 1 }, { relu = true }, { linear = 10, output = true }";
    let network = network(1 << 20, layers, [256, 256, 3]).unwrap_or_else(|e| panic!("{e}"));
    let said = network.train_plan(&Target::baseline()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(said.contains("out of device memory in plan train: input needs 824633720832 bytes"), "{said}");
}
