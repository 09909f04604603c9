//! Names and shapes of the layers of a preset, and the table that `show --preset` prints.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::value::{Pair, Window};
use super::{Layer, Preset};
use crate::error::{Error, Result};

/// Most channels or features of a layer: beyond lies a typing error, not a network.
pub(super) const MOST_CHANNELS: usize = 1 << 20;
/// Names that scopes, buffers and files use for the step itself.
const RESERVED: [&str; 7] = ["project", "loss", "update", "optimizer", "quantile", "test", "input"];
/// Most rows or columns of an image or window.
pub(super) const MOST_PIXELS: usize = 1 << 14;

/// A layer with its name and shapes.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerShape {
    /// Unique name in the network, e.g. `conv1`.
    pub name: String,
    /// The key that names the kind in a preset, e.g. `conv2d`.
    pub kind: &'static str,
    /// The layer with `width` applied to its channels and `batch_norm.learned` filled in.
    pub layer: Layer,
    /// Rows, columns, channels of an input image.
    pub input: [usize; 3],
    /// Rows, columns, channels of an output image; a linear layer's is `[1, 1, features]`.
    pub output: [usize; 3],
    /// Weights, without biases and the gamma and beta of batch normalisation. A residual block's are its body's.
    pub weights: u64,
    /// Multiply-adds of a forward pass of one image. A residual block's are its body's.
    pub multiply_adds: u64,
    /// The layers of the body of a residual block.
    pub body: Vec<LayerShape>,
}

/// Weights, and multiply-adds per image, of a network.
pub fn totals(layers: &[LayerShape]) -> (u64, u64) {
    let sum = |f: fn(&LayerShape) -> u64| layers.iter().map(f).fold(0, u64::saturating_add);
    (sum(|l| l.weights), sum(|l| l.multiply_adds))
}

impl Preset {
    /// The layers for images of `input` rows, columns and channels: names, widths, shapes, weights.
    ///
    /// # Errors
    /// Shapes that do not fit and names that are not unique; the error names layer and shapes.
    pub fn shapes(&self, input: [usize; 3]) -> Result<Vec<LayerShape>> {
        if input[..2].iter().any(|n| !(1..=MOST_PIXELS).contains(n)) || !(1..=MOST_CHANNELS).contains(&input[2]) {
            return Err(Error::layer("input", format!("{} is no shape of an image", show(input))));
        }
        let mut pass = Pass { preset: self, used: HashMap::new(), names: HashSet::new() };
        pass.layers(&self.layers, input)
    }

    /// The preset in words and its layers as a table, for images of `input` rows, columns and channels, if they are known.
    ///
    /// # Errors
    /// As [`Preset::shapes`].
    pub fn describe(&self, input: Option<[usize; 3]>) -> Result<String> {
        let Some(input) = input else {
            return Ok(format!("{}\nThe shape of {} is not known here.\n", self.to_toml(), self.data.set));
        };
        let layers = self.shapes(input)?;
        let (weights, multiply_adds) = totals(&layers);
        let mut rows = vec![["layer", "kind", "output", "weights", "multiply-adds"].map(String::from)];
        rows.push(["input".into(), String::new(), show(input), String::new(), String::new()]);
        list(&layers, 0, &mut rows);
        rows.push(["total".into(), String::new(), String::new(), grouped(weights), grouped(multiply_adds)]);
        let width = |c: usize| rows.iter().map(|r| r[c].len()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        let clip = match self.clip.factor {
            f if f.is_finite() => format!("clip {f}"),
            _ => "no clip".into(),
        };
        let mut text = format!(
            "{}: {}, projection {}, {clip}, batch {}, {} epochs, seed {}\n\n",
            self.name, self.data.set, self.projection, self.batch, self.epochs, self.seed
        );
        for [name, kind, output, weights, multiply_adds] in &rows {
            let [a, b, c, d, e] = widths;
            let line = format!("{name:a$}  {kind:b$}  {output:c$}  {weights:>d$}  {multiply_adds:>e$}");
            writeln!(text, "{}", line.trim_end()).expect("writing to a string");
        }
        Ok(text)
    }
}

fn list(layers: &[LayerShape], depth: usize, rows: &mut Vec<[String; 5]>) {
    for l in layers {
        let number = |n: u64| if n == 0 || !l.body.is_empty() { String::new() } else { grouped(n) };
        let name = format!("{}{}", "  ".repeat(depth), l.name);
        rows.push([name, kind_and_size(&l.layer), show(l.output), number(l.weights), number(l.multiply_adds)]);
        list(&l.body, depth + 1, rows);
    }
}

/// `conv2d 3x3`, `maxpool 2x2 / 2x2`, ...
fn kind_and_size(layer: &Layer) -> String {
    let kind = layer.kind();
    let step = |stride: Pair| if stride == Pair::ONE { String::new() } else { format!(" / {stride}") };
    match layer {
        Layer::Conv2d(l) => {
            let groups = if l.groups == 1 { String::new() } else { format!(" in {} groups", l.groups) };
            format!("{kind} {}{}{groups}", l.kernel, step(l.stride))
        }
        Layer::MaxPool(l) => format!("{kind} {}{}", l.kernel, step(l.stride.unwrap_or(l.kernel))),
        Layer::AvgPool(l) => match l.window {
            Window::Global => format!("{kind} global"),
            Window::Size(kernel) => format!("{kind} {kernel}{}", step(l.stride.unwrap_or(kernel))),
        },
        Layer::Dropout(l) => format!("{kind} {}", l.p),
        _ => kind.into(),
    }
}

fn show([h, w, c]: [usize; 3]) -> String {
    format!("{h}x{w}x{c}")
}

/// `12973440` as `12,973,440`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

struct Pass<'a> {
    preset: &'a Preset,
    /// Layers so far, by prefix of the name.
    used: HashMap<&'static str, usize>,
    names: HashSet<String>,
}

impl Pass<'_> {
    fn layers(&mut self, layers: &[Layer], input: [usize; 3]) -> Result<Vec<LayerShape>> {
        let mut shape = input;
        let mut out = Vec::with_capacity(layers.len());
        for layer in layers {
            let l = self.layer(layer, shape)?;
            shape = l.output;
            out.push(l);
        }
        Ok(out)
    }

    fn name(&mut self, layer: &Layer) -> Result<String> {
        let number = self.used.entry(layer.prefix()).or_default();
        *number += 1;
        let name = layer.given_name().map_or_else(|| format!("{}{number}", layer.prefix()), String::from);
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

    /// `n` channels at the preset's width.
    fn scaled(&self, name: &str, n: usize, output: bool) -> Result<usize> {
        let scaled = if output { n as f64 } else { (n as f64 * self.preset.width).round().max(1.0) };
        if scaled > MOST_CHANNELS as f64 {
            let message = format!("{n} channels times width {} exceed {MOST_CHANNELS}", self.preset.width);
            return Err(Error::layer(name, message));
        }
        Ok(scaled as usize)
    }

    fn layer(&mut self, layer: &Layer, input: [usize; 3]) -> Result<LayerShape> {
        let name = self.name(layer)?;
        let mut resolved = layer.clone();
        let [h, w, c] = input;
        let (mut output, mut weights, mut body) = (input, 0u64, vec![]);
        match &mut resolved {
            Layer::Conv2d(l) => {
                l.out = self.scaled(&name, l.out, l.output)?;
                if c % l.groups != 0 || l.out % l.groups != 0 {
                    return Err(Error::layer(
                        name,
                        format!(
                            "{} groups do not divide {c} input and {} output channels (width {}); choose another width \
                             or number of groups",
                            l.groups, l.out, self.preset.width
                        ),
                    ));
                }
                let [oh, ow] = windows(&name, [h, w], l.kernel, l.stride, l.pad, false)?;
                output = [oh, ow, l.out];
                weights = product([l.kernel.0[0], l.kernel.0[1], c / l.groups, l.out]);
            }
            Layer::Linear(l) => {
                l.out = self.scaled(&name, l.out, l.output)?;
                output = [1, 1, l.out];
                weights = product([h, w, c, l.out]);
            }
            Layer::MaxPool(l) => {
                let stride = *l.stride.get_or_insert(l.kernel);
                let [oh, ow] = windows(&name, [h, w], l.kernel, stride, l.pad, l.ceil)?;
                output = [oh, ow, c];
            }
            Layer::AvgPool(l) => {
                output = match l.window {
                    Window::Global => [1, 1, c],
                    Window::Size(kernel) => {
                        let stride = *l.stride.get_or_insert(kernel);
                        let [oh, ow] = windows(&name, [h, w], kernel, stride, l.pad, l.ceil)?;
                        [oh, ow, c]
                    }
                }
            }
            Layer::BatchNorm(l) => drop(l.learned.get_or_insert(self.preset.batch_norm.learned)),
            Layer::Relu(_) | Layer::Dropout(_) => {}
            Layer::Residual(l) => {
                body = self.layers(&l.body, input)?;
                let end = body.last().map_or(input, |l| l.output);
                if end != input {
                    return Err(Error::layer(
                        name,
                        format!(
                            "the body makes {} of {}, but its output is added to its input; make them equal",
                            show(end),
                            show(input)
                        ),
                    ));
                }
            }
        }
        let (body_weights, body_work) = totals(&body);
        let pixels = match layer {
            Layer::Conv2d(_) => product([output[0], output[1], 1, 1]),
            _ => 1,
        };
        Ok(LayerShape {
            name,
            kind: layer.kind(),
            layer: resolved,
            input,
            output,
            weights: weights.saturating_add(body_weights),
            multiply_adds: weights.saturating_mul(pixels).saturating_add(body_work),
            body,
        })
    }
}

fn product(n: [usize; 4]) -> u64 {
    n.iter().fold(1, |a, &b| a.saturating_mul(b as u64))
}

/// How many windows fit in rows and columns. With `ceil` a last one may reach over the edge, if it starts before it.
fn windows(name: &str, input: [usize; 2], kernel: Pair, stride: Pair, pad: Pair, ceil: bool) -> Result<[usize; 2]> {
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
