use std::path::{Path, PathBuf};

use super::*;
use crate::kernels::optimizer::{Adam, Lion};
use crate::kernels::parameters::Parameters;
use crate::layers::Build;
use crate::layers::build::layers;
use crate::layers::kind::totals;

const SMALL: &str = r#"
name = "small"
batch = 5
epochs = 2
loss = "softmax_ce"
layers = [
  { conv2d = 4, kernel = [3, 1], pad = [1, 0], name = "stem" }, { batchnorm = true, learned = false }, { relu = true },
  { residual = [{ conv2d = 4, kernel = 3, pad = 1 }, { batchnorm = true }] },
  { maxpool = 3, stride = 2, ceil = true }, { avgpool = 2, stride = 1, include_pad = true }, { dropout = 0.5 },
  { avgpool = "global" }, { linear = 10, output = true },
]
[lr]
kind = "constant"
initial = 0.1
[data]
set = "digits"
"#;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn load(name: &str, sets: &[&str]) -> Result<Preset> {
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    Preset::load(models().join(name), &sets)
}

/// The message of the error that `edit` brings into the small preset.
fn wrong(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    Preset::from_toml(&SMALL.replacen(from, to, 1)).expect_err(to).to_string()
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "\"{message}\" does not say \"{part}\"");
    }
}

#[test]
fn the_presets_of_table_2_differ_in_projection_and_clip_only() {
    let want = [
        ("tr-none-nc", "none", f64::INFINITY),
        ("tr-none-c", "none", 0.5),
        ("tr-sign-c", "sign", 0.5),
        ("tr-stoch-c", "stoch", 0.5),
        ("tr-power-c", "power:0..2", 0.5),
        ("tr-stochm-c", "stochm:0.5", 0.5),
    ];
    let first = load("merolla2016/cifar10/tr-none-nc", &[]).unwrap();
    for (name, projection, factor) in want {
        let p = load(&format!("merolla2016/cifar10/{name}.toml"), &[]).unwrap();
        assert_eq!((p.name.as_str(), p.projection.as_str(), p.clip.factor), (name, projection, factor));
        assert_eq!(p.lr, Lr::Exponential { initial: 0.003, last: 2e-6 });
        assert_eq!((p.batch, p.epochs, p.data.gcn, p.data.zca), (50, 500, Some(55.0), Some(0.1)));
        assert_eq!(p.optimizer, Optimizer::Adam(Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }));
        let same = |p: Preset| Preset { name: "x".into(), projection: "x".into(), clip: Clip::default(), ..p };
        assert_eq!(same(p), same(first.clone()));
    }
}

#[test]
fn network_in_network_has_966_986_parameters_and_halves_its_maps_rounding_up() {
    let p = load("nin/cifar10/nin-ctrl.toml", &[]).unwrap();
    let network = crate::model::Network::without_data(&p, [32, 32, 3]).unwrap();
    let parameters = &network.parameters.tensors;
    assert_eq!(parameters.iter().map(|t| t.len()).sum::<usize>(), 966_986);
    let biases: Vec<_> = parameters.iter().filter(|t| t.name.ends_with(".bias")).collect();
    assert_eq!((biases.len(), biases.iter().map(|t| t.len()).sum()), (9, 1_418));
    let rate = |name: &str| network.parameters.find(name).unwrap().rate;
    assert_eq!(["conv1.weight", "conv1.bias", "cccp6.weight", "cccp6.bias"].map(rate), [1.0, 2.0, 0.1, 0.1]);
    assert!(biases.iter().all(|t| !t.projected && t.decay == 0.0 && t.clip == f32::INFINITY));
    assert!(parameters.iter().filter(|t| t.projected).all(|t| t.decay == 1e-4 && t.init_std == 0.05));
    assert!(!network.has_moments());
    let shapes = p.shapes([32, 32, 3]).unwrap();
    let pools: Vec<_> = shapes.iter().filter(|l| l.name.starts_with("pool")).map(|l| l.output).collect();
    assert_eq!(pools, [[16, 16, 96], [8, 8, 192], [1, 1, 10]]);
    assert_eq!(Preset::from_toml(&p.to_toml()).unwrap(), p);
}

#[test]
fn cifar_vgg_has_the_weights_and_multiply_adds_of_the_paper() {
    let p = load("merolla2016/cifar10/tr-sign-c", &[]).unwrap();
    let shapes = p.shapes([32, 32, 3]).unwrap();
    let (weights, multiply_adds) = totals(&shapes);
    assert_eq!(weights, 12_973_440);
    assert_eq!((multiply_adds as f64 / 1e6).round(), 616.0);
    let conv: Vec<_> =
        shapes.iter().filter(|l| l.kind.called().key == "conv2d").map(|l| (l.name.as_str(), l.output)).collect();
    assert_eq!(
        conv,
        [
            ("conv1", [32, 32, 128]),
            ("conv2", [32, 32, 128]),
            ("conv3", [16, 16, 256]),
            ("conv4", [16, 16, 256]),
            ("conv5", [8, 8, 512]),
            ("conv6", [8, 8, 512]),
        ]
    );
    let fc = shapes.iter().find(|l| l.name == "fc1").unwrap();
    assert_eq!((fc.input, fc.output), ([4, 4, 512], [1, 1, 1024]));
    assert_eq!(shapes.last().unwrap().output, [1, 1, 10]);
    says(&p.describe(Some([32, 32, 3])).unwrap(), &["12,973,440", "conv6", "maxpool 2x2 / 2x2"]);
}

#[test]
fn width_scales_every_hidden_layer_and_never_the_output() {
    let p = load("merolla2016/cifar10/tr-sign-c", &["width=0.125"]).unwrap();
    let shapes = p.shapes([32, 32, 3]).unwrap();
    let out: Vec<usize> = shapes.iter().filter(|l| l.weights > 0).map(|l| l.output[2]).collect();
    assert_eq!(out, [16, 16, 32, 32, 64, 64, 128, 10]);
    let thin = p.with(&["width=0.0001".into()]).unwrap().shapes([32, 32, 3]).unwrap();
    let out: Vec<usize> = thin.iter().filter(|l| l.weights > 0).map(|l| l.output[2]).collect();
    assert_eq!(out, [1, 1, 1, 1, 1, 1, 1, 10]);
}

#[test]
fn shapes_follow_pooling_modes_groups_and_residual_blocks() {
    let p = Preset::from_toml(SMALL).unwrap();
    let shapes = p.shapes([8, 8, 1]).unwrap();
    let got: Vec<_> = shapes.iter().map(|l| (l.name.as_str(), l.output)).collect();
    assert_eq!(
        got,
        [
            ("stem", [8, 8, 4]),
            ("bn1", [8, 8, 4]),
            ("relu1", [8, 8, 4]),
            ("res1", [8, 8, 4]),
            ("pool1", [4, 4, 4]),
            ("pool2", [3, 3, 4]),
            ("dropout1", [3, 3, 4]),
            ("pool3", [1, 1, 4]),
            ("fc1", [1, 1, 10]),
        ]
    );
    assert_eq!(shapes[0].weights, 12);
    assert_eq!(shapes[3].body[0].name, "conv2");
    assert_eq!((shapes[3].weights, shapes[3].multiply_adds), (144, 144 * 64));
    // bn1 says that it learns nothing; bn2, in the block, what the preset says.
    let mut parameters = Parameters::default();
    let mut build = Build { learned: p.batch_norm.learned, ..Build::default() };
    let layers = layers(&shapes, &mut build);
    layers.iter().for_each(|layer| layer.declare(p.batch, &mut parameters, &p.init));
    let learns = |name: &str| parameters.find(&format!("{name}.weight")).is_some();
    assert_eq!((learns("bn1"), learns("bn2")), (false, true));
    says(&p.describe(Some([32, 32, 3])).unwrap(), &["  conv2", "avgpool global", "dropout 0.5"]);
}

/// The small preset with another block in the place of its own.
fn with_block(block: &str) -> Preset {
    let own = "{ residual = [{ conv2d = 4, kernel = 3, pad = 1 }, { batchnorm = true }] }";
    assert!(SMALL.contains(own));
    Preset::from_toml(&SMALL.replacen(own, block, 1)).unwrap()
}

#[test]
fn a_shortcut_is_listed_and_counted_behind_the_body_and_follows_the_width() {
    let halved = "{ residual = [{ conv2d = 8, kernel = 3, stride = 2, pad = 1 }, { batchnorm = true }], shortcut = ";
    let mut p = with_block(&format!("{halved}[{{ avgpool = 3, stride = 2, pad = 1 }}, {{ pad_channels = 8 }}] }}"));
    assert_eq!(Preset::from_toml(&p.to_toml()).unwrap(), p);
    let listed = p.describe(Some([8, 8, 1])).unwrap();
    let lines: Vec<String> = listed.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let at = lines.iter().position(|l| l == "res1 residual 4x4x8").unwrap_or_else(|| panic!("{listed}"));
    let inner = [
        "conv2 conv2d 3x3 / 2x2 4x4x8 288 4,608",
        "bn2 batchnorm 4x4x8",
        "shortcut",
        "pool1 avgpool 3x3 / 2x2 4x4x4",
        "pad1 pad_channels 4x4x8",
        "pool2 maxpool 3x3 / 2x2 2x2x8",
    ];
    assert_eq!(lines[at + 1..at + 7], inner);
    p.width = 1.5;
    let block = &p.shapes([8, 8, 1]).unwrap()[3];
    assert_eq!((block.output, block.shortcut[1].output), ([4, 4, 12], [4, 4, 12]));
    let p = with_block(&format!(
        "{}[{{ conv2d = 8, kernel = 1, stride = 2 }}] }}",
        halved.replace("pad = 1", "pad = \"same\"")
    ));
    assert_eq!(Preset::from_toml(&p.to_toml()).unwrap(), p);
    let block = &p.shapes([8, 8, 1]).unwrap()[3];
    assert_eq!((block.weights, block.multiply_adds), (9 * 32 + 32, (9 * 32 + 32) * 16));
}

#[test]
fn shapes_that_do_not_fit_name_the_layer_and_the_shapes() {
    let error = |from: &str, to: &str| {
        let p = Preset::from_toml(&SMALL.replacen(from, to, 1)).unwrap();
        p.shapes([8, 8, 1]).unwrap_err().to_string()
    };
    says(&error("maxpool = 3", "maxpool = 9"), &["pool1: a 9x9 window does not fit a 8x8 map"]);
    says(&error("[{ conv2d = 4", "[{ conv2d = 5"), &["res1", "8x8x5", "8x8x4", "shortcut = [ LAYERS ]"]);
    let block = |shortcut: &str| {
        let block = format!("{{ residual = [{{ conv2d = 8, kernel = 1, stride = 2 }}], shortcut = [{shortcut}] }}");
        with_block(&block).shapes([8, 8, 1]).unwrap_err().to_string()
    };
    let message = block("{ pad_channels = 8 }");
    says(&message, &["res1: the body makes 4x4x8 of 8x8x4", "the shortcut", "makes 8x8x8; make them equal"]);
    says(&block("{ pad_channels = 3 }"), &["pad1: its input has 4 channels, more than the 3"]);
    says(&error("[{ conv2d = 4,", "[{ conv2d = 4, groups = 3,"), &["conv2: 3 groups do not divide 4 input"]);
    says(&error("{ relu = true }", "{ relu = true, name = \"stem\" }"), &["stem: two layers have this name"]);
    says(&Preset::from_toml(SMALL).unwrap().shapes([0, 8, 1]).unwrap_err().to_string(), &["0x8x1"]);
}

#[test]
fn every_preset_survives_the_way_through_text() {
    let small = SMALL.replace("name = \"small\"", "name = \"small\"\nseed = \"18446744073709551615\"\nsteps = 3");
    let variants = [
        "[lr]\nkind = \"cosine_restarts\"\ninitial = 0.1\nfinal = 1e-4\n[init]\nkind = \"he_normal\"\n\
         [optimizer]\nkind = \"sgd\"\nmomentum = 0.9\nnesterov = true\nweight_decay = 5e-4",
        "[lr]\nkind = \"constant\"\ninitial = 1e-3\n[optimizer]\nkind = \"lion\"\nbeta2 = 0.98\nweight_decay = 0.1",
        "[lr]\nkind = \"step\"\ninitial = 0.1\nfactors = [[100000, 0.01], [125000, 0.01]]\n[init]\nkind = \"gaussian\"\n\
         std = 0.01\n[clip]\nfactor = 4.5\nschedule = [[5000, 1.4], [10000, 1.4]]\n[eval]\nbatch = 7",
    ];
    let mut presets: Vec<Preset> = embedded::names().map(|n| Preset::load(n, &[]).unwrap()).collect();
    for text in variants.map(|v| small.replace("[lr]\nkind = \"constant\"\ninitial = 0.1", v)) {
        presets.push(Preset::from_toml(&text).unwrap());
    }
    assert_eq!(presets.last().unwrap().seed, u64::MAX);
    for p in presets {
        let text = p.to_toml();
        assert_eq!(Preset::from_toml(&text).unwrap(), p, "{text}");
        assert_eq!(Preset::from_toml(&text).unwrap().to_toml(), text);
    }
}

#[test]
fn set_replaces_by_dotted_key_and_reads_values_as_toml_else_as_strings() {
    let sets =
        ["data.train=10000", "width=0.125", "projection=stochm:0.5", "clip.factor=none", "eval.distort=[\"sign\"]"];
    let p = load("merolla2016/cifar10/tr-sign-c", &sets).unwrap();
    assert_eq!((p.data.train, p.width, p.projection.as_str()), (Some(10_000), 0.125, "stochm:0.5"));
    assert_eq!((p.clip.factor, p.eval.distort), (f64::INFINITY, vec!["sign".to_string()]));
    assert_eq!(p.data.gcn, Some(55.0), "the rest of the table stays");
    let p = load("merolla2016/cifar10/tr-sign-c", &["clip.factor=inf", "data.gcn=false", "lr.final=1"]).unwrap();
    assert_eq!((p.clip.factor, p.data.gcn), (f64::INFINITY, None));
}

#[test]
fn a_change_of_kind_drops_the_keys_of_the_old_kind_in_any_order_of_flags() {
    for sets in [["lr.kind=constant", "lr.initial=0.1"], ["lr.initial=0.1", "lr.kind=constant"]] {
        assert_eq!(load("demo/digits", &sets).unwrap().lr, Lr::Constant { initial: 0.1 });
    }
    says(&load("demo/digits", &["lr.kind=constant"]).unwrap_err().to_string(), &["lr.initial: is missing"]);
}

#[test]
fn an_unknown_key_names_its_source_and_the_nearest_keys() {
    says(&wrong("batch = 5", "bacth = 5"), &["preset: bacth: unknown key", "\"batch\""]);
    says(&wrong("set =", "sett ="), &["data.sett", "\"set\""]);
    says(&wrong("pad = [1, 0]", "padd = 1"), &["layers[0].padd", "\"pad\""]);
    says(&wrong("[{ conv2d = 4,", "[{ conv2d = 4, strid = 1,"), &["layers[3].residual[0].strid", "\"stride\""]);
    says(&wrong("kind = \"constant\"", "kind = \"constant\"\nfinal = 1.0"), &["lr.final: unknown key"]);
    says(&load("demo/digits", &["data.trian=5"]).unwrap_err().to_string(), &["--set data.trian=5", "\"train\""]);
    says(&load("demo/digits", &["init.std=5"]).unwrap_err().to_string(), &["--set init.std=5: init.std"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.toml"), SMALL.replace("epochs", "epoch")).unwrap();
    std::fs::write(dir.path().join("top.toml"), "extends = \"base.toml\"").unwrap();
    let message = Preset::load(dir.path().join("top.toml"), &[]).unwrap_err().to_string();
    says(&message, &["base.toml: epoch: unknown key", "\"epochs\""]);
    std::fs::write(dir.path().join("base.toml"), SMALL).unwrap();
    std::fs::write(dir.path().join("top.toml"), "extends = \"base.toml\"\nbatch = \"many\"").unwrap();
    let message = Preset::load(dir.path().join("top.toml"), &[]).unwrap_err().to_string();
    says(&message, &["top.toml: batch: expected a whole number, 0 or more, found the string \"many\""]);
}

#[test]
fn an_unknown_kind_names_the_nearest() {
    says(&wrong("{ relu = true }", "{ rellu = true }"), &["layers[2]", "names no kind of layer", "\"relu\""]);
    says(&wrong("{ relu = true }", "{ relu = true, dropout = 0.5 }"), &["layers[2]", "2 kinds", "relu, dropout"]);
    says(&wrong("kind = \"constant\"", "kind = \"constnat\""), &["lr.kind", "\"constant\""]);
    says(&wrong("kind = \"constant\"\n", ""), &["lr.kind: is missing", "exponential"]);
    says(&wrong("\"softmax_ce\"", "\"softmax\""), &["loss: \"softmax\" is not known", "softmax_ce"]);
    says(&wrong("loss =", "losss ="), &["losss: unknown key"]);
    says(&wrong("set = \"digits\"", ""), &["data.set: is missing"]);
}

#[test]
fn a_wrong_type_names_key_type_and_value() {
    let cases = [
        ("batch = 5", "batch = -5", "batch: expected a whole number, 0 or more, found the whole number -5"),
        ("batch = 5", "batch = 5.5", "batch: expected a whole number, 0 or more, found the number 5.5"),
        ("epochs = 2", "epochs = 1979-05-27", "epochs: expected a whole number"),
        ("initial = 0.1", "initial = true", "lr.initial: expected a number, found true"),
        ("kernel = [3, 1]", "kernel = [3, 1, 1]", "layers[0].kernel: expected an array of 2, found an array of 3"),
        ("kernel = [3, 1]", "kernel = [3]", "layers[0].kernel: expected a whole number or [rows, columns]"),
        ("\"global\"", "\"all\"", "layers[7].avgpool: expected a whole number, [rows, columns] or \"global\""),
        ("set = \"digits\"", "set = \"digits\"\ngcn = true", "data.gcn: expected a number or false, found true"),
        (
            "batch = 5",
            "batch = 5\nclip.factor = \"no\"",
            "clip.factor: expected a number or \"none\", found the string",
        ),
        ("batch = 5", "batch = 5\nclip.schedule = [[1]]", "clip.schedule[0]: expected an array of two numbers"),
        ("batch = 5", "batch = 5\nclip.schedule = [[1, 2, 3]]", "clip.schedule[0]: expected"),
        ("batch = 5", "batch = 5\nclip = 5", "clip: expected a table, found the whole number 5"),
        ("{ relu = true }", "5", "layers[2]: expected one of conv2d"),
    ];
    for (from, to, message) in cases {
        says(&wrong(from, to), &[message]);
    }
}

#[test]
fn a_value_out_of_range_says_what_to_do() {
    let cases = [
        ("batch = 5", "batch = 0", "batch: 0 is out of range: give a whole number from 1"),
        ("batch = 5", "batch = 5\nwidth = 0.0", "width: 0 is out of range"),
        ("batch = 5", "batch = 5\nwidth = nan", "width: NaN is out of range"),
        ("epochs = 2", "epochs = 0", "epochs: 0"),
        ("initial = 0.1", "initial = -0.1", "lr.initial: -0.1"),
        ("initial = 0.1", "initial = inf", "lr.initial: inf"),
        ("name = \"small\"", "name = \"../x\"", "name: \"../x\" is out of range"),
        ("pad = [1, 0]", "pad = [3, 0]", "layers[0].pad: 3x0 is out of range"),
        ("pad = [1, 0]", "pad = \"valid\"", "layers[0].pad: expected a whole number, [rows, columns] or \"same\""),
        ("ceil = true", "pad = \"same\"", "layers[4].pad: expected a whole number or [rows, columns]"),
        ("conv2d = 4, kernel = 3", "conv2d = 4, kernel = 0", "layers[3].residual[0].kernel: 0x0"),
        ("conv2d = 4", "conv2d = 9000000000000000000", "layers[0].conv2d"),
        ("{ relu = true }", "{ relu = false }", "layers[2].relu: false is out of range: leave the layer out"),
        ("{ batchnorm = true }] }", "{ batchnorm = true }], shortcut = [{ pad_channels = 0 }] }", "shortcut[0].pad_ch"),
        ("dropout = 0.5", "dropout = 1.0", "layers[6].dropout: 1 is"),
        ("batch = 5", "batch = 5\nclip.schedule = [[5, 1.4], [5, 1.4]]", "the steps must ascend"),
        ("batch = 5", "batch = 5\noptimizer = { kind = \"adam\", beta1 = 1.0 }", "optimizer.beta1: 1 is"),
        (
            "batch = 5",
            "batch = 5\nshards = 2",
            "shards: 2 is out of range: give a power of two that divides the batch of 5, e.g. 1",
        ),
        ("batch = 5", "batch = 48\nshards = 12", "divides the batch of 48, e.g. 8"),
        ("batch = 5", "batch = 48\nshards = 100", "divides the batch of 48, e.g. 16"),
        ("batch = 5", "batch = 5\nshards = 0", "divides the batch of 5, e.g. 1"),
        ("batch = 5", "batch = 5\neval.batch = 0", "eval.batch: 0 is out of range: give 1 or more"),
    ];
    for (from, to, message) in cases {
        says(&wrong(from, to), &[message]);
    }
    says(&load("demo/digits", &["lr.initial=0"]).unwrap_err().to_string(), &["--set lr.initial=0: lr.initial: 0 is"]);
}

#[test]
fn lion_has_the_constants_of_its_paper_and_no_others() {
    let p = load("demo/digits", &["optimizer.kind=lion", "optimizer.weight_decay=1"]).unwrap();
    assert_eq!(p.optimizer, Optimizer::Lion(Lion { beta1: 0.9, beta2: 0.99, weight_decay: 1.0 }));
    for (set, words) in [
        ("optimizer={kind=\"lion\",epsilon=1e-8}", ["optimizer.epsilon", "unknown key"]),
        ("optimizer={kind=\"lions\"}", ["\"lions\" is not known", "lion"]),
    ] {
        says(&load("demo/digits", &[set]).unwrap_err().to_string(), &words);
    }
}

#[test]
fn a_number_that_the_device_takes_for_0_or_infinity_is_refused() {
    for (set, key, shown) in [
        ("optimizer.epsilon=1e-50", "optimizer.epsilon", "1e-50"),
        ("optimizer.epsilon=1e-40", "optimizer.epsilon", "1e-40"),
        ("optimizer.beta1=0.99999999", "optimizer.beta1", "0.99999999"),
        ("optimizer.beta2=0.999999999", "optimizer.beta2", "0.999999999"),
        ("optimizer={kind=\"sgd\",momentum=0.99999999}", "optimizer.momentum", "0.99999999"),
        ("optimizer={kind=\"sgd\",momentum=1e-50,nesterov=true}", "optimizer.nesterov", "true"),
        ("optimizer={kind=\"sgd\",weight_decay=1e-50}", "optimizer.weight_decay", "1e-50"),
        ("optimizer={kind=\"sgd\",weight_decay=1e39}", "optimizer.weight_decay", "1e39"),
        ("optimizer={kind=\"lion\",beta1=1}", "optimizer.beta1", "1"),
        ("optimizer={kind=\"lion\",beta2=0.99999999}", "optimizer.beta2", "0.99999999"),
        ("optimizer={kind=\"lion\",weight_decay=-0.1}", "optimizer.weight_decay", "-0.1"),
        ("lr.initial=1e-46", "lr.initial", "1e-46"),
        ("lr.initial=1e39", "lr.initial", "1e39"),
        ("lr.final=1e-46", "lr.final", "1e-46"),
        ("lr={kind=\"constant\",initial=1e-46}", "lr.initial", "1e-46"),
        ("lr={kind=\"cosine_restarts\",initial=0.1,final=1e-46}", "lr.final", "1e-46"),
        (
            "lr={kind=\"step\",initial=1e-20,factors=[[5,1e-15],[9,1e-15]]}",
            "lr.factors",
            "from step 9 on the product is 1",
        ),
        ("clip.factor=1e-50", "clip.factor", "1e-50"),
        ("clip.factor=1e39", "clip.factor", "1e39"),
        ("clip.schedule=[[5,1e30],[6,1e30]]", "clip.schedule", "from step 6 on the product is 1"),
        ("init={kind=\"gaussian\",std=1e-50}", "init.std", "1e-50"),
        ("batch_norm.epsilon=1e-50", "batch_norm.epsilon", "1e-50"),
        ("data.gcn=1e-50", "data.gcn", "1e-50"),
        ("data.zca=1e39", "data.zca", "1e39"),
        ("layers=[{linear=10,output=true,rate=1e-50}]", "layers[0].rate", "1e-50"),
        ("layers=[{linear=10,output=true,bias=true,bias_rate=1e39}]", "layers[0].bias_rate", "1e39"),
        ("layers=[{dropout=1e-11},{linear=10,output=true}]", "layers[0].dropout", "1e-11"),
    ] {
        let message = load("demo/digits", &[set]).unwrap_err().to_string();
        says(&message, &[&format!("--set {set}: {key}: "), shown, "is out of range"]);
    }
    for set in [
        "optimizer.epsilon=1.2e-38",
        "optimizer={kind=\"sgd\",weight_decay=0}",
        "lr={kind=\"cosine_restarts\",initial=0.1,final=0}",
        "clip.factor=none",
        "layers=[{linear=10,output=true,rate=0}]",
    ] {
        load("demo/digits", &[set]).unwrap();
    }
}

#[test]
fn extends_is_relative_to_the_file_merges_tables_and_refuses_cycles() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    write("base.toml", &SMALL.replace("name = \"small\"\n", ""));
    write("sub/top.toml", "extends = \"../base.toml\"\n[lr]\ninitial = 0.5\n[data]\ntrain = 7");
    let p = Preset::load(dir.path().join("sub/top.toml"), &[]).unwrap();
    assert_eq!((p.name.as_str(), p.lr, p.data.train), ("top", Lr::Constant { initial: 0.5 }, Some(7)));
    assert_eq!(p.data.set, "digits");
    assert_eq!(Preset::load(dir.path().join("sub/top"), &[]).unwrap().data.train, Some(7), ".toml may be left out");

    write("base.toml", "extends = \"sub/top.toml\"");
    let message = Preset::load(dir.path().join("sub/top.toml"), &[]).unwrap_err().to_string();
    says(&message, &["extends itself", "base.toml"]);
    write("base.toml", "extends = \"gone.toml\"");
    says(
        &Preset::load(dir.path().join("base.toml"), &[]).unwrap_err().to_string(),
        &["base.toml extends", "gone.toml"],
    );
    write("base.toml", "extends = 5");
    says(&Preset::load(dir.path().join("base.toml"), &[]).unwrap_err().to_string(), &["extends: expected the path"]);
    write("base.toml", "batch = = 5");
    says(
        &Preset::load(dir.path().join("base.toml"), &[]).unwrap_err().to_string(),
        &["base.toml: this is no TOML", "line 1"],
    );
}

#[test]
fn built_in_presets_are_found_by_name_and_near_misses_are_named() {
    let p = Preset::read(
        Sources::open(Path::new("models/merolla2016/cifar10/tr-stochm-c.toml")).unwrap(),
        &[],
        &Default::default(),
    )
    .unwrap();
    assert_eq!(p.projection, "stochm:0.5");
    says(&Preset::load("demo/digit", &[]).unwrap_err().to_string(), &["demo/digit", "\"demo/digits\""]);
}

#[test]
fn odd_sets_are_errors_or_strings_and_never_more_than_one_key() {
    for set in ["width", "=5", ".=5", "a..b=5", "extends=x", "layers.0.conv2d=5", "width=0.5\nbatch=7"] {
        assert!(load("demo/digits", &[set]).is_err(), "{set}");
    }
    assert!(load("demo/digits", &["name=a-b"]).is_ok());
}

#[test]
fn no_truncation_or_altered_byte_of_a_preset_panics() {
    let text = load("merolla2016/cifar10/tr-power-c", &[]).unwrap().to_toml();
    for end in (0..text.len()).filter(|i| text.is_char_boundary(*i)) {
        drop(Preset::from_toml(&text[..end]));
    }
    for i in (0..text.len()).step_by(3) {
        let mut bytes = text.clone().into_bytes();
        bytes[i] ^= 1;
        if let Ok(p) = Preset::from_toml(&String::from_utf8_lossy(&bytes)) {
            drop(p.shapes([32, 32, 3]));
        }
    }
}

#[test]
fn where_the_images_stay_is_left_open_unless_it_is_said() {
    let resident = |text: &str| {
        let p =
            Preset::from_toml(&SMALL.replacen("set = \"digits\"", &format!("set = \"digits\"\n{text}"), 1)).unwrap();
        assert_eq!(Preset::from_toml(&p.to_toml()).unwrap(), p);
        p.data.resident
    };
    assert_eq!([resident(""), resident("resident = \"auto\"")], [None, None]);
    assert_eq!([resident("resident = true"), resident("resident = false")], [Some(true), Some(false)]);
    says(
        &wrong("set = \"digits\"", "set = \"digits\"\nresident = true\nstream = true"),
        &["data.resident", "streamed", "\"auto\""],
    );
    says(
        &wrong("set = \"digits\"", "set = \"digits\"\nresident = \"yes\""),
        &["data.resident", "true, false or \"auto\""],
    );
}
