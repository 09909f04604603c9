//! The network of `tests/reference/small_step.py`: two convolutions, two linear layers, max pooling, batch norm, squared
//! hinge, ADAM, on images of 8x8x3 in batches of 4.
#![allow(dead_code)] // each test binary uses its part

use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::TuningRow;

const PRESET: &str = r#"
name = "small"
batch = 4
epochs = 1
projection = "sign"
loss = "square_hinge"
clip.factor = 0.5
batch_norm.epsilon = 1e-5
lr = { kind = "constant", initial = 0.003 }
data.set = "cifar10"
layers = [
  { conv2d = 4, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 4, kernel = 3, pad = 1 }, { maxpool = 2 }, { batchnorm = true }, { relu = true },
  { linear = 8 }, { batchnorm = true }, { relu = true },
  { linear = 10, output = true }, { batchnorm = true },
]
"#;

/// The network under a training projection.
pub fn network(projection: &str) -> Network {
    parse(&PRESET.replace("\"sign\"", &format!("\"{projection}\"")))
}

/// The network of `tests/reference/nin_step.py`: biases, poolings in ceil mode, no batch norm, softmax, SGD.
pub fn nin() -> Network {
    nin_of(4)
}

/// The same for another batch.
pub fn nin_of(batch: usize) -> Network {
    let text = r#"
name = "small-nin"
batch = 4
epochs = 1
loss = "softmax_ce"
optimizer = { kind = "sgd", momentum = 0.9, weight_decay = 0.01 }
lr = { kind = "constant", initial = 0.1 }
data.set = "cifar10"
layers = [
  { conv2d = 6, kernel = 5, pad = 2, bias = true, bias_rate = 2 }, { relu = true },
  { conv2d = 4, kernel = 1, bias = true, bias_rate = 2 }, { relu = true },
  { maxpool = 3, stride = 2, ceil = true },
  { conv2d = 6, kernel = 3, pad = 1, bias = true, bias_rate = 2 }, { relu = true },
  { avgpool = 3, stride = 2, ceil = true },
  { conv2d = 8, kernel = 1, bias = true, bias_rate = 2 }, { relu = true },
  { avgpool = "global" },
  { linear = 10, bias = true, rate = 0.1, output = true },
]
"#;
    parse(&text.replace("batch = 4", &format!("batch = {batch}")))
}

/// The network of `tests/reference/resnet_step.py`: residual blocks with every shortcut, groups, biases, SGD.
pub fn resnet() -> Network {
    parse(
        r#"
name = "small-resnet"
batch = 4
epochs = 1
loss = "softmax_ce"
optimizer = { kind = "sgd", momentum = 0.9, weight_decay = 0.01 }
lr = { kind = "constant", initial = 0.05 }
data.set = "cifar10"
layers = [
  { conv2d = 4, kernel = 3, pad = 1, bias = true },
  { residual = [
    { batchnorm = true }, { relu = true }, { conv2d = 4, kernel = 3, pad = 1, groups = 2, bias = true },
  ] },
  { residual = [
    { batchnorm = true }, { relu = true }, { conv2d = 8, kernel = 3, stride = 2, pad = 1 },
    { batchnorm = true }, { relu = true }, { conv2d = 8, kernel = 3, pad = 1, groups = 4 },
  ], shortcut = [ { avgpool = 3, stride = 2, pad = 1 }, { pad_channels = 8 } ] },
  { residual = [
    { batchnorm = true }, { relu = true }, { conv2d = 12, kernel = 3, stride = 2, pad = 1, groups = 2 },
    { batchnorm = true }, { relu = true }, { conv2d = 12, kernel = 1, bias = true },
  ], shortcut = [ { conv2d = 12, kernel = 1, stride = 2 }, { batchnorm = true } ] },
  { residual = [ { conv2d = 6, kernel = 1, bias = true }, { relu = true } ],
    shortcut = [ { conv2d = 6, kernel = 1, bias = true } ] },
  { batchnorm = true }, { relu = true },
  { linear = 10, bias = true, output = true },
]
"#,
    )
}

/// The network with 64 channels behind the first convolution, for batches of 128: 2 MiB of activations to cut into
/// windows.
pub fn wide() -> Network {
    parse(&PRESET.replace("batch = 4", "batch = 128").replacen("conv2d = 4", "conv2d = 64", 1))
}

/// [`wide`] in eight shards.
pub fn in_shards() -> Network {
    let text = PRESET.replace("batch = 4", "batch = 128\nshards = 8");
    parse(&text.replacen("conv2d = 4", "conv2d = 64", 1))
}

/// Convolutions between batch norms of every kind, on images of 8x8x3: before and after them, behind a pooling, in a
/// residual block, whose sum is read by two.
pub fn normalised() -> Network {
    let layers = r#"
  { conv2d = 8, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 12, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 12, kernel = 3, pad = 1 }, { maxpool = 2 }, { batchnorm = true }, { relu = true },
  { residual = [
    { conv2d = 12, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
    { conv2d = 12, kernel = 3, pad = 1 }, { batchnorm = true },
  ] },
  { batchnorm = true }, { relu = true },
  { conv2d = 8, kernel = 1 }, { batchnorm = true }, { relu = true },
  { linear = 10, output = true }, { batchnorm = true },
]
"#;
    let (head, _) = PRESET.split_once("layers = [").expect("it has layers");
    parse(&format!("{head}layers = [{layers}"))
}

/// Convolutions with the 64 channels from which software drivers take Winograd's algorithm.
pub fn by_winograd() -> Network {
    let layers = r#"
  { conv2d = 64, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 64, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
  { conv2d = 64, kernel = 3, pad = 1 }, { maxpool = 2 }, { batchnorm = true }, { relu = true },
  { linear = 10, output = true }, { batchnorm = true },
]
"#;
    let (head, _) = PRESET.split_once("layers = [").expect("it has layers");
    parse(&format!("{head}layers = [{layers}"))
}

/// A convolution of several taps and a linear layer whose weights, 32 KiB and 48 KiB, exceed everything else of a step.
pub fn large_weights() -> Network {
    let layers = r#"
  { conv2d = 16, kernel = 3, stride = 2, pad = 1 }, { relu = true },
  { conv2d = 32, kernel = 4 }, { relu = true },
  { linear = 384 }, { relu = true }, { linear = 10, output = true },
]
"#;
    let (head, _) = PRESET.split_once("layers = [").expect("it has layers");
    parse(&format!("{head}layers = [{layers}"))
}

/// Bytes a binding may have so that the weights of [`large_weights`] are cut, and a chunk of parameters is not.
pub const LESS_THAN_WEIGHTS: usize = 24 << 10;

/// Rows that keep convolutions on software drivers to the direct form.
pub fn direct_rows() -> Vec<TuningRow> {
    let rows = [("forward", "lanes"), ("grad_input", "lanes"), ("grad_weight", "lanes")];
    let row = |(pass, variant): (&str, &str)| TuningRow {
        kernel: format!("conv2d.{pass}"),
        variant: variant.into(),
        ..TuningRow::default()
    };
    rows.map(row).into()
}

/// Bytes a binding may have so that [`wide`] is cut.
pub const NARROW: usize = 512 << 10;

fn parse(text: &str) -> Network {
    let preset = Preset::from_toml(text).unwrap_or_else(|e| panic!("{e}"));
    Network::new(&preset, [8, 8, 3], 10).unwrap_or_else(|e| panic!("{e}"))
}
