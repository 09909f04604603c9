//! How the weights of a convolution lie on a device: as f32, or as bits where each is + or - the magnitude of its output channel,
//! or 0. `conv2d.forward` and the transform of Winograd's algorithm read both, by their optional arguments, and compute the same of
//! both, bit for bit: a sign is put in its place, which is no operation that rounds.
//!
//! A word holds 8 rows (ky, kx, ci) x 4 output channels of the matrix of the weights, `[ceil(rows / 8), ceil(channels / 4)]` words:
//! what an invocation of the fast variants multiplies in one turn or two. The bit of a weight is 4 (row % 8) + channel % 4.

use std::collections::BTreeMap;

use super::{Geometry, cases, weights};
use crate::error::{Error, Result};
use crate::kernels::Io;
use crate::kernels::case::{Case, CaseBuilder, Fill};
use crate::plan::{Params, View};

/// Bits of a weight, 1 or 2, of each tensor of a network whose weights are stored as bits, by name.
pub type Bits = BTreeMap<String, usize>;

/// Endings of the names of the arrays that stand in the place of such a tensor in a plan ([`Weight::Bits`]).
pub const SIGNS: &str = ".signs";
/// See [`SIGNS`].
pub const ZEROS: &str = ".zeros";
/// See [`SIGNS`].
pub const SCALE: &str = ".scale";

/// Rows and output channels of a word.
const BLOCK: [usize; 2] = [8, 4];

/// Where the weights of a convolution lie.
#[derive(Clone, Copy, Debug)]
pub enum Weight {
    /// f32, `[kh, kw, c_in / groups, c_out]`.
    Real(View),
    /// As bits.
    Bits {
        /// The words of the signs: 1 for -.
        signs: View,
        /// Where some are 0, words as those of the signs: 1 for 0.
        zeros: Option<View>,
        /// The magnitude of each output channel's weights, [`scales`] of them.
        scale: View,
    },
}

impl From<View> for Weight {
    fn from(w: View) -> Self {
        Weight::Real(w)
    }
}

impl Weight {
    /// As the arguments of a kernel.
    pub(in crate::kernels) fn args(&self) -> Vec<(&'static str, View)> {
        match *self {
            Weight::Real(w) => vec![("w", w)],
            Weight::Bits { signs, zeros, scale } => {
                [("bits", signs), ("scale", scale)].into_iter().chain(zeros.map(|zeros| ("zeros", zeros))).collect()
            }
        }
    }

    /// That it has the weights of a convolution.
    pub(super) fn check(&self, scope: &str, g: &Geometry) -> Result<()> {
        let (words, scales) = (words(g.w_len() / g.c_out, g.c_out), scales(g.c_out));
        let fits = match self {
            Weight::Real(w) => w.len == g.w_len(),
            Weight::Bits { signs, zeros, scale } => {
                signs.len == words && zeros.is_none_or(|zeros| zeros.len == words) && scale.len == scales
            }
        };
        if fits {
            return Ok(());
        }
        let message = format!("{self:?} does not fit {g:?}: {} weights, {words} words, {scales} magnitudes", g.w_len());
        Err(Error::layer(scope, message))
    }
}

/// Arguments of a kernel that say where weights lie.
pub(in crate::kernels) const NAMES: [&str; 4] = ["w", "bits", "zeros", "scale"];

/// Words of the signs of a matrix of weights `[rows, channels]`.
pub fn words(rows: usize, channels: usize) -> usize {
    rows.div_ceil(BLOCK[0]) * channels.div_ceil(BLOCK[1])
}

/// Magnitudes for so many output channels: whole fours.
pub fn scales(channels: usize) -> usize {
    channels.next_multiple_of(BLOCK[1])
}

/// Word and bit of a weight.
fn place(channels: usize, row: usize, channel: usize) -> (usize, usize) {
    let word = row / BLOCK[0] * channels.div_ceil(BLOCK[1]) + channel / BLOCK[1];
    (word, row % BLOCK[0] * BLOCK[1] + channel % BLOCK[1])
}

/// The words of the weights of a matrix `[rows, channels]` for which `is_one(row, channel)` holds.
pub fn pack(rows: usize, channels: usize, is_one: impl Fn(usize, usize) -> bool) -> Vec<u32> {
    let mut out = vec![0; words(rows, channels)];
    for (row, channel) in (0..rows).flat_map(|row| (0..channels).map(move |c| (row, c))) {
        let (word, bit) = place(channels, row, channel);
        out[word] |= u32::from(is_one(row, channel)) << bit;
    }
    out
}

/// The weights that a kernel with the constants of a convolution reads, `[rows, channels]`.
pub(in crate::kernels) fn read(io: &Io, rows: usize, channels: usize) -> Vec<f64> {
    if !io.has("bits") {
        return io.f("w").to_vec();
    }
    let (bits, scale) = (io.u("bits"), io.f("scale"));
    let zeros = io.has("zeros").then(|| io.u("zeros"));
    let is_one = |words: &[u32], row, channel| {
        let (word, bit) = place(channels, row, channel);
        words[word] >> bit & 1 == 1
    };
    let value = |row: usize, channel: usize| match zeros {
        Some(zeros) if is_one(zeros, row, channel) => 0.0,
        _ if is_one(bits, row, channel) => -scale[channel],
        _ => scale[channel],
    };
    (0..rows).flat_map(|row| (0..channels).map(move |c| (row, c))).map(|(row, c)| value(row, c)).collect()
}

/// The weights that `conv2d.forward` reads.
pub(super) fn of_forward(io: &Io) -> Vec<f64> {
    let channels = io.params.u("groups") * io.params.u("c_out");
    read(io, weights(io.params) / channels, channels)
}

/// Operations that weights as bits bring.
pub(in crate::kernels) fn no_operation(_: &Params) -> f64 {
    0.0
}

/// Inputs of a case: weights `[rows, channels]` as bits, some of them 0 if `ternary`; magnitudes are small integers where the case is exact.
pub(in crate::kernels) fn inputs(c: &mut CaseBuilder, rows: usize, channels: usize, ternary: bool) -> Weight {
    let draws = Fill::Range(0.0, 1.0).values("bits", 2 * rows * channels);
    let draw = |row: usize, channel: usize| draws[2 * (row * channels + channel)..][..2].to_vec();
    let signs = c.words("bits", pack(rows, channels, |row, channel| draw(row, channel)[0] < 0.5));
    let zeros = ternary.then(|| c.words("zeros", pack(rows, channels, |row, channel| draw(row, channel)[1] < 0.3)));
    let magnitude = |channel: usize| match c.is_exact() {
        true => (channel % 4) as f32,
        false => 0.05 + draws[channel % draws.len()],
    };
    let scale = Fill::Values((0..scales(channels)).map(magnitude).collect());
    Weight::Bits { signs, zeros, scale: c.input("scale", &[scales(channels)], &scale) }
}

/// The cases of `conv2d.forward` with weights as bits: a shape for every way in which variants read them.
pub(super) fn forward_cases() -> Vec<Case> {
    let binary = cases(|c: &mut CaseBuilder, g: &Geometry| record(c, g, false));
    let ternary = cases(|c: &mut CaseBuilder, g: &Geometry| record(c, g, true));
    let few = [
        "3x3 pad 1, first layer",
        "3x3 pad 1, 8 to 36",
        "odd channels",
        "5x5 stride 2 pad 2",
        "2 groups of 5 to 7",
        "3 groups of 40 to 4, 1x1",
        "3x3 pad 1, 2 groups of 32 to 64",
        "depthwise, stride 2",
        "linear 20 to 10",
        "one of everything",
        "3x3 pad 1, 64 to 40",
        "3x3 pad 1, 32 to 48",
        "windows",
    ];
    let mut all: Vec<Case> = vec![];
    for (what, of) in [("bits", binary), ("bits and zeros", ternary)] {
        let taken = |c: &Case| few.iter().any(|name| c.name.starts_with(name)) && !c.name.contains("signs");
        all.extend(of.into_iter().filter(taken).map(|c| c.with(what)));
    }
    all
}

fn record(c: &mut CaseBuilder, g: &Geometry, ternary: bool) -> Result<()> {
    let (x, w) = (c.operand("x", &[g.n, g.x_len()]), inputs(c, g.w_len() / g.c_out, g.c_out, ternary));
    let y = c.output("y", &[g.n, g.y_len()]);
    super::forward(&mut c.b, "conv2d.forward", g, x, w, y)
}
