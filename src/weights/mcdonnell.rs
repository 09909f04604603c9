//! The networks that McDonnell 2018 (arXiv 1802.08530) published: wide residual networks of Keras, one bit a weight, as MATLAB
//! files (github.com/McDonnell-Lab/1-bit-per-weight).
//!
//! `conv2d`, `conv2d_1`, ... are the convolutions from the first to the last, uint8 `[1, kh, kw, c_in, c_out]`: a weight of bit
//! b is (2b - 1) sqrt(2 / (kh kw c_in)). `batch_normalization_v1_84`, ..., numbered from anywhere, are the batch norms as they
//! come, single: the first `[4, channels]`, gamma, beta, mean and variance, the others `[2, channels]`, mean and variance. An
//! epsilon of 1e-5 is added to variances. Images are bytes, not scaled. Nothing else is in a file, so depth, width and
//! classes are those of its shapes; how it was trained is the paper's.

use std::collections::BTreeMap;
use std::path::Path;

use super::checkpoint::{Checkpoint, Stored, key};
use crate::data::mat::{self, Array};
use crate::error::{Error, Result};
use crate::model::Network;
use crate::model::preset::Preset;
use crate::session;

/// A network that a file holds.
pub struct Published {
    /// What it is, and how the paper trained it.
    pub preset: Preset,
    /// Its weights and moments, and where it stands: at the end of training.
    pub checkpoint: Checkpoint,
}

/// Reads the network in the MATLAB file `path`.
///
/// # Errors
/// A file that is damaged or no MATLAB file; arrays that are missing or not of the network, by their names, of another class or
/// shape, with what is expected; bits that are neither 0 nor 1, numbers that are not finite, negative variances.
pub fn read(path: &Path) -> Result<Published> {
    let of_file = |message| Error::format(path, message);
    let (convolutions, norms) = sorted(mat::load(path)?).map_err(of_file)?;
    let preset = Preset::from_toml(&preset(&convolutions, norms.len()).map_err(of_file)?)?;
    let input = session::input(&preset, None)?;
    let network = session::network_for(&preset, input).map_err(|e| of_file(e.to_string()))?;
    let tensors = tensors(&network, &convolutions, &norms).map_err(of_file)?;
    let meta = [
        (key::PRESET, preset.to_toml()),
        (key::STEP, "0".into()),
        (key::EPOCH, preset.epochs.to_string()),
        (key::SEED, preset.seed.to_string()),
        (key::INPUT, input.map(|n| n.to_string()).join("x")),
    ];
    let meta = meta.map(|(key, value)| (key.to_owned(), value)).into();
    Ok(Published { preset, checkpoint: Checkpoint { tensors, packed: BTreeMap::new(), meta } })
}

type Arrays = Vec<(String, Array)>;
type Parsed<T> = std::result::Result<T, String>;

/// The convolutions and the batch norms, each in their order.
fn sorted(all: Arrays) -> Parsed<(Arrays, Arrays)> {
    let (mut convolutions, mut norms) = (vec![], vec![]);
    for (name, array) in all {
        let numbered = name.rsplit_once('_').and_then(|(kind, n)| Some((kind, n.parse::<usize>().ok()?)));
        let (kind, number) = numbered.unwrap_or((&name, 0));
        let of = match kind {
            "conv2d" => &mut convolutions,
            "batch_normalization" | "batch_normalization_v1" => &mut norms,
            _ => return Err(format!("`{name}` is neither a convolution (conv2d_N) nor a batch norm of Keras")),
        };
        of.push((number, name, array));
    }
    let in_order = |mut arrays: Vec<(usize, String, Array)>| {
        arrays.sort_by_key(|(number, ..)| *number);
        match arrays.windows(2).find(|pair| pair[0].0.checked_add(1) != Some(pair[1].0)) {
            Some(pair) => {
                Err(format!("`{}` does not follow `{}`: an array is missing or double", pair[1].1, pair[0].1))
            }
            None => Ok(arrays.into_iter().map(|(_, name, array)| (name, array)).collect()),
        }
    };
    Ok((in_order(convolutions)?, in_order(norms)?))
}

/// The network that the shapes of the first and the last convolution and the numbers of layers say.
fn preset(convolutions: &[(String, Array)], norms: usize) -> Parsed<String> {
    let count = convolutions.len();
    if count < 8 || count % 6 != 2 || norms != count + 1 {
        return Err(format!(
            "{count} convolutions and {norms} batch norms; a wide residual network has 6n + 2 and one more, 20 and 21 for n = 3"
        ));
    }
    let blocks = (count - 2) / 6;
    let wrong = |(name, array): &(String, Array), want: &str| {
        Err(format!("`{name}` is of {:?}; {want} is expected", array.dims))
    };
    let (first, last) = (&convolutions[0], &convolutions[count - 1]);
    let channels = match first.1.dims[..] {
        [1, 3, 3, 3, channels] if channels > 0 => channels,
        _ => return wrong(first, "[1, 3, 3, 3, channels]"),
    };
    let (set, classes) = match last.1.dims[..] {
        [1, 1, 1, _, 10] => ("cifar10", 10),
        [1, 1, 1, _, 100] => ("cifar100", 100),
        _ => return wrong(last, "[1, 1, 1, channels, 10 or 100 classes]"),
    };
    let width = channels as f64 / 16.0;
    let half = |c: usize, stride: &str| {
        format!("{{ batchnorm = true }}, {{ relu = true }}, {{ conv2d = {c}, kernel = 3{stride}, pad = \"same\" }}, ")
    };
    let alike = |c: usize, blocks: usize| match blocks {
        0 => String::new(),
        _ => format!("  {{ repeat = {blocks}, layers = [{{ residual = [{}] }}] }},\n", half(c, "").repeat(2)),
    };
    // Keras leaves the padding out of the mean, and 32 and 16 rows are padded below alone.
    let scale = |c: usize| {
        format!(
            "  {{ residual = [{}{}], shortcut = [{{ avgpool = 3, stride = 2, ceil = true }}, {{ pad_channels = {c} }}] }},\n{}",
            half(c, ", stride = 2"),
            half(c, ""),
            alike(c, blocks - 1)
        )
    };
    Ok(format!(
        r#"name = "wrn-{count}-{width}-1bit"
width = {width:?}
batch = 125
epochs = 254
projection = "he-sign"
loss = "softmax_ce"
init.kind = "he_normal"
optimizer = {{ kind = "sgd", momentum = 0.9, weight_decay = 5e-4 }}
lr = {{ kind = "cosine_restarts", initial = 0.1, final = 1e-4 }}
batch_norm = {{ epsilon = 1e-5, learned = false }}
augment = {{ flip = 0.5, crop = 4 }}
eval = {{ distort = ["none", "he-sign"], moments_average = "deviation" }}
data = {{ set = "{set}", scale = "raw" }}
layers = [
  {{ batchnorm = true, learned = true }},
  {{ conv2d = 16, kernel = 3, pad = "same" }},
{}{}{}  {{ batchnorm = true }}, {{ relu = true }},
  {{ conv2d = {classes}, kernel = 1, output = true }}, {{ batchnorm = true }}, {{ avgpool = "global" }},
]
"#,
        alike(16, blocks),
        scale(32),
        scale(64)
    ))
}

/// The tensors of the checkpoint, in PyTorch's layouts.
fn tensors(
    network: &Network,
    convolutions: &[(String, Array)],
    norms: &[(String, Array)],
) -> Parsed<BTreeMap<String, Stored>> {
    let mut out = BTreeMap::new();
    let weights = network.parameters.tensors.iter().filter(|t| t.projected);
    for (t, (name, array)) in weights.zip(convolutions) {
        let [kh, kw, c_in, c_out] = t.shape[..] else { return Err(format!("{} is no convolution", t.name)) };
        check(name, array, "uint8", &[1, kh, kw, c_in, c_out])?;
        let scale = (2.0 / (kh * kw * c_in) as f64).sqrt() as f32;
        let mut data = vec![0.0; t.len()];
        // In the file rows are innermost, then columns, inputs, outputs.
        for (i, bit) in array.numbers().enumerate() {
            let to = i / kh / kw * kh * kw + i % kh * kw + i / kh % kw;
            data[to] = match bit {
                0.0 => -scale,
                1.0 => scale,
                other => return Err(format!("`{name}`: element {i} is {other}; a bit is 0 or 1")),
            };
        }
        out.insert(t.name.clone(), Stored { shape: vec![c_out, c_in, kh, kw], data });
    }
    for (moments, (name, array)) in network.moments().chunks(2).zip(norms) {
        let [(mean, channels), (variance, _)] = moments else { return Err("moments come in pairs".into()) };
        let layer = mean.trim_end_matches(".running_mean");
        let learned = [format!("{layer}.weight"), format!("{layer}.bias")];
        let learned = learned.into_iter().filter(|name| network.parameters.find(name).is_some());
        let rows: Vec<String> = learned.chain([mean.clone(), variance.clone()]).collect();
        check(name, array, "single", &[rows.len(), *channels])?;
        let numbers: Vec<f32> = array.numbers().map(|v| v as f32).collect();
        for (r, row) in rows.iter().enumerate() {
            let data: Vec<f32> = numbers.iter().skip(r).step_by(rows.len()).copied().collect();
            let wrong = |v: &f32| !v.is_finite() || row == variance && *v < 0.0;
            if let Some(at) = data.iter().position(wrong) {
                let must = if row == variance { "a finite variance from 0 on" } else { "a finite number" };
                return Err(format!("`{name}`: row {r}, channel {at} is {}; it must be {must}", data[at]));
            }
            out.insert(row.clone(), Stored { shape: vec![*channels], data });
        }
    }
    Ok(out)
}

fn check(name: &str, array: &Array, class: &str, dims: &[usize]) -> Parsed<()> {
    if (array.class, array.dims.as_slice()) == (class, dims) {
        return Ok(());
    }
    Err(format!("`{name}` is {} {:?}; {class} {dims:?} is expected", array.class, array.dims))
}
