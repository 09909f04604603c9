//! What a preset says of a layer: each kind has a file with its keys, their ranges, its rule of shapes, and the layer that it
//! becomes. Here is what they have in common.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;

use super::Layer;
use crate::error::{Error, Result};
use crate::ranges::{Check, Failure, HELD, Number, is_held, require};

/// A kind of layer, as a preset has it. Each stands on one line, e.g. `{ conv2d = 128, kernel = 3, pad = 1 }`: the key that
/// names the kind holds its main number, the other keys are optional.
pub trait Kind: Any + Debug + Send + Sync + Toml {
    /// What it is called.
    fn called(&self) -> Called<'_>;

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// The first that is not, by its key.
    fn check(&self) -> Check;

    /// What it makes of an input of rows, columns and channels; `name` is for errors.
    ///
    /// # Errors
    /// An input that it cannot take.
    fn shape(&self, name: &str, input: [usize; 3], shaping: &mut Shaping) -> Result<Made>;

    /// What stands beside the key in a table of layers: `3x3 / 2x2`.
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

/// What a layer of a preset is called.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The key that names its kind, e.g. `conv2d`.
    pub key: &'static str,
    /// What numbered names begin with, e.g. `conv`.
    pub prefix: &'static str,
    /// The name that the preset gives it.
    pub name: Option<&'a str>,
}

/// What every kind can do.
pub trait Toml {
    /// As it stands in a preset.
    fn toml(&self) -> toml::Value;

    /// A copy.
    fn copy(&self) -> Arc<dyn Kind>;
}

impl<T: Kind + Serialize + Clone> Toml for T {
    fn toml(&self) -> toml::Value {
        toml::Value::try_from(self).expect("every value of a preset has a TOML form")
    }

    fn copy(&self) -> Arc<dyn Kind> {
        Arc::new(self.clone())
    }
}

/// One entry of `layers`: a layer of whatever kind, or layers that are repeated.
pub trait Entry: Sized {
    /// Which of them it is.
    fn stands_for(&self) -> StandsFor<'_, Self>;

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// The first that is not, by its key.
    fn check(&self) -> Check {
        let kind = match self.stands_for() {
            StandsFor::Layer(kind) => kind,
            StandsFor::Repeat(times, layers) => {
                require((1..=1024).contains(&times), "repeat", times, "give a whole number from 1 to 1024")?;
                require(!layers.is_empty(), "layers", "[]", "name the layers that are repeated")?;
                return check_layers("layers", layers);
            }
        };
        if let Some(name) = kind.called().name {
            let ok =
                !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            require(ok, "name", format!("\"{name}\""), "use 1 to 64 letters, digits and _")?;
        }
        kind.check()
    }
}

/// See [`Entry::stands_for`].
pub enum StandsFor<'a, L> {
    /// A layer.
    Layer(&'a dyn Kind),
    /// These layers, so many times.
    Repeat(usize, &'a [L]),
}

/// Checks a list of layers, which the key `key` holds.
///
/// # Errors
/// The first value that is not in its range.
pub fn check_layers(key: &str, layers: &[impl Entry]) -> Check {
    let at = |i: usize, failure: Failure| failure.under(format!("[{i}]")).under(key);
    layers.iter().enumerate().try_for_each(|(i, layer)| layer.check().map_err(|failure| at(i, failure)))
}

/// What building the layers of a network takes and finds out.
#[derive(Default)]
pub struct Build {
    /// Added to variances.
    pub epsilon: f32,
    /// Whether batch norms learn gamma and beta where the layer does not say.
    pub learned: bool,
    /// Whether the next layer is a batch norm.
    pub before_norm: bool,
    /// Dropout layers so far: each has draws of its own.
    pub dropouts: u32,
    /// Batch norms so far: name, channels, and whether it sees one value of a channel per image.
    pub normalised: Vec<(String, usize, bool)>,
    /// For every linear layer's weight: rows, columns, channels of the map that it flattens.
    pub flattened: Vec<(String, [usize; 3])>,
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
    /// The layers of its shortcut: none where that is the identity.
    pub shortcut: Vec<LayerShape>,
}

/// A layer with its name and shapes.
#[derive(Clone, Debug)]
pub struct LayerShape {
    /// Unique name in the network, e.g. `conv1`.
    pub name: String,
    /// What the preset says of it.
    pub kind: Arc<dyn Kind>,
    /// Rows, columns, channels of an input image.
    pub input: [usize; 3],
    /// As in [`Made`].
    pub output: [usize; 3],
    /// As in [`Made`]. A residual block's are those of its layers.
    pub weights: u64,
    /// As in [`Made`]. A residual block's are those of its layers.
    pub multiply_adds: u64,
    /// As in [`Made`].
    pub body: Vec<LayerShape>,
    /// As in [`Made`].
    pub shortcut: Vec<LayerShape>,
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

/// Largest number of channels or features of a layer; more is a typing error.
pub const MOST_CHANNELS: usize = 1 << 20;
/// Largest number of rows or columns of an image or window.
pub const MOST_PIXELS: usize = 1 << 14;
/// Values of a map, at most: shaders count them with 32 bits.
pub const MOST_VALUES: u64 = 1 << 31;
/// Layers of a network, at most.
const MOST_LAYERS: usize = 1 << 16;
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
    pub fn layers(&mut self, entries: &[impl Entry], input: [usize; 3]) -> Result<Vec<LayerShape>> {
        let mut out = vec![];
        self.append(entries, input, &mut out)?;
        Ok(out)
    }

    /// Appends layers, written out, to those before them; `input` is that of the first. Returns the output of the last.
    fn append(&mut self, entries: &[impl Entry], input: [usize; 3], out: &mut Vec<LayerShape>) -> Result<[usize; 3]> {
        let mut input = input;
        for entry in entries {
            match entry.stands_for() {
                StandsFor::Repeat(times, layers) => {
                    for _ in 0..times {
                        input = self.append(layers, input, out)?;
                    }
                }
                StandsFor::Layer(kind) => {
                    let name = self.name(kind)?;
                    let Made { output, weights, multiply_adds, body, shortcut } = kind.shape(&name, input, self)?;
                    if values(output) > MOST_VALUES {
                        let message = format!("it makes {}, more than {MOST_VALUES} values of an image", show(output));
                        return Err(Error::layer(name, message));
                    }
                    let kind = kind.copy();
                    out.push(LayerShape { name, kind, input, output, weights, multiply_adds, body, shortcut });
                    input = output;
                }
            }
        }
        Ok(input)
    }

    fn name(&mut self, kind: &dyn Kind) -> Result<String> {
        let Called { prefix, name, .. } = kind.called();
        let number = self.used.entry(prefix).or_default();
        *number += 1;
        let name = name.map_or_else(|| format!("{prefix}{number}"), String::from);
        if RESERVED.contains(&name.as_str()) {
            return Err(Error::layer(name, "this name is taken by the training step itself; give the layer another"));
        }
        if !self.names.insert(name.clone()) {
            return Err(Error::layer(
                name,
                "two layers have this name; give one of them another by `name` (layers without one are numbered by kind; those \
                 that are repeated cannot have one)",
            ));
        }
        if self.names.len() > MOST_LAYERS {
            return Err(Error::layer(name, format!("this is one layer more than {MOST_LAYERS}; repeat fewer")));
        }
        Ok(name)
    }

    /// `n` times the width of the network, rounded, at least 1; unchanged for an `output`, whose channels are the classes.
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

/// Checks a number of channels.
pub(super) fn check_channels(key: &str, n: usize) -> Check {
    require((1..=MOST_CHANNELS).contains(&n), key, n, &format!("give a whole number from 1 to {MOST_CHANNELS}"))
}

/// Checks that a flag such as `relu = true` is true.
pub(super) fn check_flag(key: &str, flag: bool) -> Check {
    require(flag, key, flag, "leave the layer out to switch it off")
}

/// Checks what multiplies the learning rate of weights and bias.
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

/// Values of a map.
pub fn values([h, w, c]: [usize; 3]) -> u64 {
    product([h, w, c, 1])
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
