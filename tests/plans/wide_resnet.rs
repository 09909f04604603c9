//! The wide residual networks of McDonnell 2018 (arXiv 1802.08530, after Zagoruyko 2016): what blocks that repeat and shortcuts
//! are for.

use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::{Target, listing};

/// WRN-20-4 for 32 x 32 pixels.
const PRESET: &str = r#"
name = "wrn-20"
width = 4
batch = 125
epochs = 126
projection = "he-sign"
loss = "softmax_ce"
init.kind = "he_normal"
optimizer = { kind = "sgd", momentum = 0.9, weight_decay = 5e-4 }
lr = { kind = "cosine_restarts", initial = 0.1, final = 1e-4 }
batch_norm = { epsilon = 1e-5, learned = false }
data = { set = "cifar10", scale = "raw" }
layers = [
  { batchnorm = true, learned = true },
  { conv2d = 16, kernel = 3, pad = 1 },
  { repeat = 3, layers = [
    { residual = [
      { batchnorm = true }, { relu = true }, { conv2d = 16, kernel = 3, pad = 1 },
      { batchnorm = true }, { relu = true }, { conv2d = 16, kernel = 3, pad = 1 },
    ] },
  ] },
  { residual = [
    { batchnorm = true }, { relu = true }, { conv2d = 32, kernel = 3, stride = 2, pad = 1 },
    { batchnorm = true }, { relu = true }, { conv2d = 32, kernel = 3, pad = 1 },
  ], shortcut = [ { avgpool = 3, stride = 2, pad = 1 }, { pad_channels = 32 } ] },
  { repeat = 2, layers = [
    { residual = [
      { batchnorm = true }, { relu = true }, { conv2d = 32, kernel = 3, pad = 1 },
      { batchnorm = true }, { relu = true }, { conv2d = 32, kernel = 3, pad = 1 },
    ] },
  ] },
  { residual = [
    { batchnorm = true }, { relu = true }, { conv2d = 64, kernel = 3, stride = 2, pad = 1 },
    { batchnorm = true }, { relu = true }, { conv2d = 64, kernel = 3, pad = 1 },
  ], shortcut = [ { avgpool = 3, stride = 2, pad = 1 }, { pad_channels = 64 } ] },
  { repeat = 2, layers = [
    { residual = [
      { batchnorm = true }, { relu = true }, { conv2d = 64, kernel = 3, pad = 1 },
      { batchnorm = true }, { relu = true }, { conv2d = 64, kernel = 3, pad = 1 },
    ] },
  ] },
  { batchnorm = true }, { relu = true },
  { conv2d = 10, kernel = 1, output = true }, { batchnorm = true }, { avgpool = "global" },
]
"#;

const IMAGE: [usize; 3] = [32, 32, 3];

/// Weights, and millions of multiply-adds per image.
fn size(text: &str) -> (u64, u64) {
    let shapes = Preset::from_toml(text).unwrap().shapes(IMAGE).unwrap();
    let sum = |f: fn(&weightproof::layers::LayerShape) -> u64| shapes.iter().map(f).sum::<u64>();
    (sum(|l| l.weights), (sum(|l| l.multiply_adds) as f64 / 1e6).round() as u64)
}

#[test]
fn wide_residual_networks_have_the_weights_of_the_paper() {
    let ten = PRESET.replace("width = 4", "width = 10");
    let hundred = |text: &str| text.replace("conv2d = 10", "conv2d = 100");
    assert_eq!(size(PRESET), (4_280_512, 644));
    assert_eq!(size(&hundred(PRESET)).0, 4_303_552);
    assert_eq!(size(&ten), (26_737_120, 4_016));
    assert_eq!(size(&hundred(&ten)).0, 26_794_720);
    // Four blocks per scale.
    let deeper = ten.replace("repeat = 3", "repeat = 4").replace("repeat = 2", "repeat = 3");
    let (weights, multiply_adds) = size(&deeper);
    assert_eq!(((weights as f64 / 1e4).round() as u64, multiply_adds), (3641, 5_431));
}

#[test]
fn a_preset_with_blocks_that_repeat_is_that_with_the_blocks_written_out() {
    let block = |c: usize| {
        let half = format!("{{ batchnorm = true }}, {{ relu = true }}, {{ conv2d = {c}, kernel = 3, pad = 1 }}, ");
        format!("{{ residual = [ {half}{half} ] }}, ")
    };
    let mut text = PRESET.replace("batch = 125", "batch = 2");
    let repeated = Preset::from_toml(&text).unwrap();
    for (c, times) in [(16, 3), (32, 2), (64, 2)] {
        let start = text.find(&format!("  {{ repeat = {times}, layers")).unwrap();
        let end = start + text[start..].find("\n  ] },\n").unwrap() + 8;
        text.replace_range(start..end, &block(c).repeat(times));
    }
    assert!(!text.contains("repeat"));
    let written = Preset::from_toml(&text).unwrap();
    assert_eq!(repeated.describe(Some(IMAGE)).unwrap(), written.describe(Some(IMAGE)).unwrap());
    let [a, b] = [&repeated, &written].map(|p| Network::new(p, IMAGE, 10).unwrap());
    assert_eq!(a.parameters, b.parameters);
    let names = |n: &Network, what: &str| n.parameters.tensors.iter().filter(|t| t.name.starts_with(what)).count();
    assert_eq!((names(&a, "conv"), names(&a, "bn"), a.moments().len()), (20, 2, 2 * 21));
    let [a, b] = [a, b].map(|n| listing::listing(&n.train_plan(&Target::baseline()).unwrap()));
    assert_eq!(a, b);
}

#[test]
fn a_preset_with_blocks_that_repeat_is_written_and_extended_as_it_was() {
    let preset = Preset::from_toml(PRESET).unwrap();
    let text = preset.to_toml();
    assert_eq!(Preset::from_toml(&text).unwrap(), preset);
    let layers = |text: &str| -> Vec<String> {
        let from = &text[text.find("layers = [").unwrap()..];
        let blanks = |line: &str| line.trim().replace("[ {", "[{").replace("} ]", "}]").to_owned();
        from[..from.find("\n]").unwrap()].lines().map(blanks).collect()
    };
    for line in ["{ repeat = 3, layers = [", "{ residual = [", "], shortcut = [", "{ pad_channels = 64 },", "] },"] {
        assert!(layers(&text).iter().any(|l| l == line), "{line} is no line of\n{text}");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.toml"), PRESET).unwrap();
    let top = dir.path().join("top.toml");
    std::fs::write(&top, "extends = \"base.toml\"\nwidth = 10\n").unwrap();
    assert_eq!(size(&Preset::load(&top, &[]).unwrap().to_toml()), (26_737_120, 4_016));
}

#[test]
fn what_is_wrong_in_a_block_that_repeats_is_named_by_its_place() {
    let wrong = |from: &str, to: &str| {
        assert!(PRESET.contains(from), "{from}");
        let read = Preset::from_toml(&PRESET.replacen(from, to, 1)).and_then(|p| p.shapes(IMAGE));
        read.expect_err(to).to_string()
    };
    let says = |message: String, words: &str| assert!(message.contains(words), "\"{words}\" is not in: {message}");
    says(wrong("repeat = 3", "repeat = 0"), "layers[2].repeat: 0 is out of range: give a whole number from 1 to 1024");
    says(wrong("repeat = 3", "repeat = 3, name = \"a\""), "layers[2].name: unknown key");
    says(
        wrong("conv2d = 16, kernel = 3, pad = 1 },\n      { b", "conv2d = 16, kernel = 3, pad = 3 },\n      { b"),
        "layers[2].layers[0].residual[2].pad: 3x3 is out of range",
    );
    says(wrong("    ] },\n  ] },", "    ], name = \"block\" },\n  ] },"), "block: two layers have this name");
    let many = "repeat = 1024, layers = [ { repeat = 1024, layers = [ { relu = true } ] } ] }, { repeat = 3";
    says(wrong("repeat = 3", many), "one layer more than 65536");
}
