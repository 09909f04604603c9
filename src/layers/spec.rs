//! What a preset says of layers. Each stands on one line, e.g. `{ conv2d = 128, kernel = 3, pad = 1 }`: the key that names
//! the kind holds its main number, the other keys are optional. The file of a kind has its keys, their ranges, its rule of
//! shapes, and the layer that it becomes; the tables below have a line for each kind.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize, Serializer};

use super::build::Build;
use super::pair::Pair;
use super::{Layer, avgpool, batchnorm, conv2d, dropout, linear, maxpool, relu, residual};
use crate::error::{Error, Result};
use crate::ranges::{Check, HELD, Number, is_held, require};

/// One entry of `layers`: every kind, by the key that names it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename = "Layer", rename_all = "lowercase")]
pub enum Spec {
    /// 2-D convolution.
    Conv2d(conv2d::Spec),
    /// Linear layer; flattens its input.
    Linear(linear::Spec),
    /// Batch normalisation per channel.
    BatchNorm(batchnorm::Spec),
    /// max(0, x).
    Relu(relu::Spec),
    /// Maximum over windows.
    MaxPool(maxpool::Spec),
    /// Mean over windows or over the whole map.
    AvgPool(avgpool::Spec),
    /// Zeroes activations at random, in training only.
    Dropout(dropout::Spec),
    /// x + body(x).
    Residual(residual::Spec),
}

impl Spec {
    /// What the kind says of it.
    pub fn kind(&self) -> &dyn Kind {
        match self {
            Spec::Conv2d(s) => s,
            Spec::Linear(s) => s,
            Spec::BatchNorm(s) => s,
            Spec::Relu(s) => s,
            Spec::MaxPool(s) => s,
            Spec::AvgPool(s) => s,
            Spec::Dropout(s) => s,
            Spec::Residual(s) => s,
        }
    }

    /// That every value is in its range.
    ///
    /// # Errors
    /// The first that is not, by its key.
    pub fn check(&self) -> Check {
        if let Some(name) = self.kind().name() {
            let ok =
                !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            require(ok, "name", format!("\"{name}\""), "use 1 to 64 letters, digits and _")?;
        }
        self.kind().check()
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        self.kind().toml().serialize(s)
    }
}

/// A kind of layer, as a preset has it.
pub trait Kind: Toml {
    /// The key that names it, e.g. `conv2d`.
    fn key(&self) -> &'static str;

    /// What numbered names begin with, e.g. `conv`.
    fn prefix(&self) -> &'static str;

    /// The name that the preset gives it.
    fn name(&self) -> Option<&str>;

    /// That every value is in its range.
    ///
    /// # Errors
    /// The first that is not, by its key.
    fn check(&self) -> Check;

    /// What it makes of an input of rows, columns and channels; `name` is for errors.
    ///
    /// # Errors
    /// An input that it cannot take.
    fn shape(&self, name: &str, input: [usize; 3], shaping: &mut Shaping) -> Result<Made>;

    /// What stands beside the key in a table of layers: `3x3 / 2`.
    fn size(&self) -> String {
        String::new()
    }

    /// Whether it is the identity in a test.
    fn only_trains(&self) -> bool {
        false
    }

    /// The layer.
    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer>;
}

/// A value of a preset, as TOML.
pub trait Toml {
    /// The table.
    fn toml(&self) -> toml::Value;
}

impl<T: Serialize> Toml for T {
    fn toml(&self) -> toml::Value {
        toml::Value::try_from(self).expect("every value of a preset has a TOML form")
    }
}

/// What a layer makes of an input.
#[derive(Default)]
pub struct Made {
    /// Rows, columns, channels of an output image; a linear layer's is `[1, 1, features]`.
    pub output: [usize; 3],
    /// Weights, without biases and the gamma and beta of batch normalisation.
    pub weights: u64,
    /// Multiply-adds of a forward pass of one image.
    pub multiply_adds: u64,
    /// The layers of the body of a residual block.
    pub body: Vec<LayerShape>,
}

/// A layer with its name and shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerShape {
    /// Unique name in the network, e.g. `conv1`.
    pub name: String,
    /// What the preset says of it.
    pub spec: Spec,
    /// Rows, columns, channels of an input image.
    pub input: [usize; 3],
    /// As in [`Made`].
    pub output: [usize; 3],
    /// As in [`Made`]. A residual block's are its body's.
    pub weights: u64,
    /// As in [`Made`]. A residual block's are its body's.
    pub multiply_adds: u64,
    /// As in [`Made`].
    pub body: Vec<LayerShape>,
}

/// Weights, and multiply-adds per image, of a network.
pub fn totals(layers: &[LayerShape]) -> (u64, u64) {
    let sum = |f: fn(&LayerShape) -> u64| layers.iter().map(f).fold(0, u64::saturating_add);
    (sum(|l| l.weights), sum(|l| l.multiply_adds))
}

/// `32x32x3`.
pub fn show([h, w, c]: [usize; 3]) -> String {
    format!("{h}x{w}x{c}")
}

/// Most channels or features of a layer: beyond lies a typing error, not a network.
pub const MOST_CHANNELS: usize = 1 << 20;
/// Most rows or columns of an image or window.
pub const MOST_PIXELS: usize = 1 << 14;
/// Names that scopes, buffers and files use for the step itself.
const RESERVED: [&str; 7] = ["project", "loss", "update", "optimizer", "quantile", "test", "input"];

/// Finds names and shapes, layer by layer.
pub struct Shaping {
    /// Multiplies the channels of hidden layers.
    width: f64,
    /// Layers so far, by prefix of the name.
    used: HashMap<&'static str, usize>,
    names: HashSet<String>,
}

impl Shaping {
    /// Of a network of this width.
    pub fn new(width: f64) -> Self {
        Shaping { width, used: HashMap::new(), names: HashSet::new() }
    }

    /// The layers for images of `input` rows, columns and channels.
    ///
    /// # Errors
    /// Shapes that do not fit and names that are not unique; the error names layer and shapes.
    pub fn layers(&mut self, specs: &[Spec], input: [usize; 3]) -> Result<Vec<LayerShape>> {
        let mut shape = input;
        let mut out = Vec::with_capacity(specs.len());
        for spec in specs {
            let name = self.name(spec)?;
            let Made { output, weights, multiply_adds, body } = spec.kind().shape(&name, shape, self)?;
            out.push(LayerShape { name, spec: spec.clone(), input: shape, output, weights, multiply_adds, body });
            shape = output;
        }
        Ok(out)
    }

    fn name(&mut self, spec: &Spec) -> Result<String> {
        let kind = spec.kind();
        let number = self.used.entry(kind.prefix()).or_default();
        *number += 1;
        let name = kind.name().map_or_else(|| format!("{}{number}", kind.prefix()), String::from);
        if RESERVED.contains(&name.as_str()) {
            return Err(Error::layer(name, "this name is taken by the training step itself; give the layer another"));
        }
        if !self.names.insert(name.clone()) {
            return Err(Error::layer(
                name,
                "two layers have this name; give one of them another by `name` (layers without one are numbered by kind)",
            ));
        }
        Ok(name)
    }

    /// `n` channels at the width of the network; those of an `output` are the classes.
    ///
    /// # Errors
    /// Too many.
    pub fn scaled(&self, name: &str, n: usize, output: bool) -> Result<usize> {
        let scaled = if output { n as f64 } else { (n as f64 * self.width).round().max(1.0) };
        if scaled > MOST_CHANNELS as f64 {
            let message = format!("{n} channels times width {} exceed {MOST_CHANNELS}", self.width);
            return Err(Error::layer(name, message));
        }
        Ok(scaled as usize)
    }

    /// The width of the network, for errors.
    pub fn width(&self) -> f64 {
        self.width
    }
}

/// Windows that move over a map.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub kernel: Pair,
    pub stride: Pair,
    pub pad: Pair,
    /// Whether a last one may reach over the edge, if it starts before it.
    pub ceil: bool,
}

impl Windows {
    /// How many fit in rows and columns.
    ///
    /// # Errors
    /// None.
    pub fn count(&self, name: &str, input: [usize; 3]) -> Result<[usize; 2]> {
        let Windows { kernel, stride, pad, ceil } = *self;
        let one = |i: usize| {
            let (n, k, s, p) = (input[i], kernel.0[i], stride.0[i], pad.0[i]);
            let room = (n + 2 * p).checked_sub(k)?;
            let mut count = if ceil { room.div_ceil(s) } else { room / s } + 1;
            if ceil && (count - 1) * s >= n + p {
                count -= 1;
            }
            Some(count)
        };
        match (one(0), one(1)) {
            (Some(h), Some(w)) if h.max(w) <= MOST_PIXELS => Ok([h, w]),
            _ => Err(Error::layer(
                name,
                format!(
                    "a {kernel} window does not fit a {}x{} map padded by {pad}; use a smaller kernel or fewer poolings",
                    input[0], input[1]
                ),
            )),
        }
    }

    /// `3x3 / 2x2`.
    pub fn size(&self) -> String {
        if self.stride == Pair::ONE { self.kernel.to_string() } else { format!("{} / {}", self.kernel, self.stride) }
    }

    /// That size, step and padding are in their ranges; `key` names the size.
    pub fn check(&self, key: &str) -> Check {
        for (key, pair) in [(key, self.kernel), ("stride", self.stride)] {
            let ok = pair.0.iter().all(|n| (1..=MOST_PIXELS).contains(n));
            require(ok, key, pair, &format!("give 1 to {MOST_PIXELS} rows and columns"))?;
        }
        let (pad, kernel) = (self.pad, self.kernel);
        let ok = pad.0[0] < kernel.0[0] && pad.0[1] < kernel.0[1];
        require(ok, "pad", pad, &format!("it must be less than the {kernel} kernel, else outputs see only padding"))
    }
}

/// That a number of channels is in its range.
pub(super) fn check_channels(key: &str, n: usize) -> Check {
    require((1..=MOST_CHANNELS).contains(&n), key, n, &format!("give a whole number from 1 to {MOST_CHANNELS}"))
}

/// That a layer of the kind that a flag names is there.
pub(super) fn check_flag(key: &str, flag: bool) -> Check {
    require(flag, key, flag, "leave the layer out to switch it off")
}

/// That what multiplies the learning rate of weights and bias is in its range.
pub(super) fn check_rates(bias: bool, rate: f64, bias_rate: Option<f64>) -> Check {
    for (key, rate) in [("rate", rate), ("bias_rate", bias_rate.unwrap_or(0.0))] {
        let must = format!("give 1 for the rate of the step, 0 for none at all, else {HELD}");
        require(rate == 0.0 || is_held(rate), key, Number(rate), &must)?;
    }
    let shown = bias_rate.unwrap_or_default();
    require(bias || bias_rate.is_none(), "bias_rate", shown, "the layer has no bias; give it one with bias = true")
}

/// The product, as far as it can be counted.
pub(super) fn product(n: [usize; 4]) -> u64 {
    n.iter().fold(1, |a, &b| a.saturating_mul(b as u64))
}

/// Defaults of keys, and when they are left out.
pub(super) mod default {
    pub fn one() -> usize {
        1
    }

    pub fn is_one(n: &usize) -> bool {
        *n == 1
    }

    pub fn whole() -> f64 {
        1.0
    }

    pub fn is_whole(x: &f64) -> bool {
        *x == 1.0
    }

    pub fn no(flag: &bool) -> bool {
        !*flag
    }
}
