//! The gradient of 3x3 filters by Winograd's algorithm, a chain of [`conv2d::GRAD_WEIGHT`]: 24 products instead of 72 for
//! eight output pixels. `shaders/common/winograd_rows.wgsl` has the formula and the source.
//!
//! Rows of the input and of the gradient are transformed first, one array each, then multiplied and summed over the
//! batch for each transformed row and tap column, and the rows of the sums become rows of taps. The constants of all four
//! kernels are those of the convolution.

use super::case::{Case, CaseBuilder};
use super::conv2d::{self, Geometry};
use super::winograd::{SIX_POINTS, fifteenfold, whole_panels};
use super::{Budget, Chain, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, Elem, Params, Role, Target, Value, View};

/// `conv2d.grad_weight` by Winograd's F(3x3, 4x2).
pub static WINOGRAD: Chain =
    Chain { kernel: "conv2d.grad_weight", name: "winograd", maps: &[], takes: |_| &[], supports, record };

/// Transformed rows of a band.
const ROWS: usize = 6;

/// Rows of outputs in a band.
const BAND: usize = 4;

/// Pixels of a partial sum, at least: with fewer the rounding of the transforms does not average out.
const LEAST: usize = 256;

// The matrices of `shaders/common/winograd_rows.wgsl` along y; B^T is [`SIX_POINTS`].
const GRADIENT: [[f64; BAND]; ROWS] = [
    [15., 0., 0., 0.],
    [5., 5., 5., 5.],
    [-5., 5., -5., 5.],
    [-16., -8., -4., -2.],
    [1., -2., 4., -8.],
    [0., 0., 0., 15.],
];
const TAPS: [[f64; ROWS]; 3] = [[1., 1., 1., 1., 1., 0.], [0., 1., -1., 0.5, -2., 0.], [0., 1., 1., 0.25, 4., 1.]];

/// Bands of the batch.
fn bands(p: &Params) -> usize {
    p.u("n") * p.u("oh").div_ceil(BAND)
}

/// Columns of a transformed row of the gradient; one of the input has two more.
fn width(p: &Params) -> usize {
    p.u("ow").next_multiple_of(4)
}

fn left_len(p: &Params) -> usize {
    (p.u("groups") * p.u("c_in")).div_ceil(32) * ROWS * bands(p) * (width(p) + 2) * 32
}

fn right_len(p: &Params) -> usize {
    (p.u("groups") * p.u("c_out")).div_ceil(32) * ROWS * bands(p) * width(p) * 32
}

/// Elements of the sums for one transformed row.
fn row_len(p: &Params) -> usize {
    3 * p.u("c_in") * p.u("groups") * p.u("c_out")
}

/// The band with which a split begins.
fn first_band(p: &Params, split: usize) -> usize {
    let pixels = p.u("n") * p.u("oh") * p.u("ow");
    let pixel = (split * pixels.div_ceil(p.u("splits"))).min(pixels);
    pixel / (p.u("oh") * p.u("ow")) * p.u("oh").div_ceil(BAND) + pixel / p.u("ow") % p.u("oh") / BAND
}

fn supports(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    lanes(t, p)?;
    whole_panels(p)?;
    if [p.u("kh"), p.u("kw"), p.u("stride_h"), p.u("stride_w")] != [3, 3, 1, 1] {
        return Err("it knows kernels of 3x3 with stride 1");
    }
    // In tiny images some taps have few products, and the others' rounding errors, which cancel but for their rounding,
    // would count.
    if p.u("pad_h") > 1 || p.u("pad_w") > 1 || p.u("oh") < 4 || p.u("ow") < 4 {
        return Err("it needs outputs of 4x4 or more with padding of 1 at most");
    }
    let pixels = p.u("n") * p.u("oh") * p.u("ow");
    let run = pixels.div_ceil(p.u("splits"));
    if run < LEAST {
        return Err("it needs partial sums over 256 pixels or more");
    }
    let whole = if p.u("oh").is_multiple_of(BAND) { BAND * p.u("ow") } else { p.u("oh") * p.u("ow") };
    if run != pixels && !run.is_multiple_of(whole) {
        return Err("a partial sum ends within four rows");
    }
    let most = t.adapter.limits.max_binding.min(t.adapter.limits.max_texture as usize * 4096 * 16) / 4;
    if left_len(p).max(right_len(p)).max(p.u("splits") * ROWS * row_len(p)) > most {
        return Err("a transformed array exceeds what can be bound");
    }
    Ok(())
}

/// The `lanes` and `texels` variants need texels of four channels, the former subgroups of eight lanes.
fn lanes(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    conv2d::subgroups_of_8(t)?;
    texels(t, p)
}

fn texels(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    super::texels::readable(t)?;
    conv2d::multiple_of_4(p, "c_in")?;
    conv2d::multiple_of_4(p, "c_out")
}

fn record(b: &mut Builder, scope: &str, p: &Params, args: &[(&'static str, View)]) -> Result<()> {
    let arg = |name| args.iter().find(|(n, _)| *n == name).expect("the arguments of conv2d.grad_weight").1;
    let mut scratch = |what: &str, len: usize| {
        // A batch in several windows records this several times.
        let name = (0..).map(|i| format!("{scope}.{what}{i}")).find(|name| !b.has(name)).expect("endless");
        b.buffer(name, Elem::F32, &[len], Role::Transient)
    };
    let left = scratch("input_rows", left_len(p));
    let right = scratch("grad_rows", right_len(p));
    let m = scratch("sums", p.u("splits") * ROWS * row_len(p));
    let of_all = in_one_group(p, true);
    INPUT_ROWS.dispatch(b, scope, &of_all, &[("x", arg("x")), ("t", left)])?;
    GRAD_ROWS.dispatch(b, scope, &of_all, &[("dy", arg("dy")), ("t", right)])?;
    ACCUMULATE.dispatch(b, scope, &p.0, &[("left", left), ("right", right), ("m", m)])?;
    GRAD_WEIGHT.dispatch(b, scope, &in_one_group(p, false), &[("m", m), ("dw", arg("dw"))])
}

/// The constants with the channels of all groups in one, as they lie in the output and, if `inputs`, in the input: all that the
/// transforms know.
fn in_one_group(p: &Params, inputs: bool) -> Vec<(&'static str, Value)> {
    let groups = p.u("groups");
    let of_all = |(name, value): &(&'static str, Value)| match *name {
        "c_out" => (*name, (groups * p.u("c_out")).into()),
        "c_in" if inputs => (*name, (groups * p.u("c_in")).into()),
        "groups" => (*name, 1usize.into()),
        _ => (*name, *value),
    };
    p.0.iter().map(of_all).collect()
}

/// Grid of eight lanes per band and panel.
fn by_band(p: &Params, channels: usize) -> [u32; 3] {
    let [x, y, _] = linear_grid(bands(p));
    [x, y, channels.div_ceil(32) as u32]
}

/// Calls `f(index in t, its channel, columns of t, image, first row of the patch or tile, transformed row)` for a
/// transformed array.
fn for_each_row(p: &Params, channels: usize, columns: usize, mut f: impl FnMut(usize, usize, usize, usize, usize)) {
    let per_image = p.u("oh").div_ceil(BAND);
    for panel in 0..channels.div_ceil(32) {
        for row in 0..ROWS {
            for band in 0..bands(p) {
                let at = ((panel * ROWS + row) * bands(p) + band) * columns * 32;
                f(at, panel * 32, band / per_image, band % per_image * BAND, row);
            }
        }
    }
}

/// t = B^T d along the rows of the input.
pub static INPUT_ROWS: Kernel = Kernel {
    name: "winograd.input_rows",
    args: &[read("x"), write("t")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(left_len(p).div_ceil(64))),
        Variant::new("texels", texels, |p, _| by_band(p, p.u("c_in"))),
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let x = io.f("x");
        let mut t = Scalars::zeros(io.len("t"));
        let (h, w, c_in) = (p.u("h"), p.u("w"), p.u("c_in"));
        for_each_row(p, c_in, width(p) + 2, |at, channel, n, y, row| {
            for (column, c) in (0..width(p) + 2).flat_map(|i| (0..32).map(move |c| (i, c))) {
                let ix = column.wrapping_sub(p.u("pad_w"));
                for (i, factor) in SIX_POINTS[row].iter().enumerate() {
                    let iy = (y + i).wrapping_sub(p.u("pad_h"));
                    if iy < h && ix < w && channel + c < c_in {
                        t.add(at + column * 32 + c, factor * x[((n * h + iy) * w + ix) * c_in + channel + c]);
                    }
                }
            }
        });
        io.put("t", t);
    },
    budget: Budget::Sum(|_| ROWS),
    flop: |_| 0.0,
    cases: || {
        cases(|c, g, p| {
            let (x, t) = (c.operand("x", &[g.n, g.x_len()]), c.output("t", &[left_len(p)]));
            INPUT_ROWS.dispatch(&mut c.b, "winograd.input_rows", &in_one_group(p, true), &[("x", x), ("t", t)])
        })
    },
};

/// t = G e along the rows of the gradient.
pub static GRAD_ROWS: Kernel = Kernel {
    name: "winograd.grad_rows",
    args: &[read("dy"), write("t")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(right_len(p).div_ceil(64))),
        Variant::new("texels", texels, |p, _| by_band(p, p.u("c_out"))),
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let dy = io.f("dy");
        let mut t = Scalars::zeros(io.len("t"));
        let (oh, ow, c_out) = (p.u("oh"), p.u("ow"), p.u("c_out"));
        for_each_row(p, c_out, width(p), |at, channel, n, y, row| {
            for (ox, c) in (0..ow).flat_map(|i| (0..32.min(c_out - channel)).map(move |c| (i, c))) {
                for (i, factor) in GRADIENT[row].iter().enumerate() {
                    if y + i < oh {
                        t.add(at + ox * 32 + c, factor * dy[((n * oh + y + i) * ow + ox) * c_out + channel + c]);
                    }
                }
            }
        });
        io.put("t", t);
    },
    budget: Budget::Sum(|_| BAND),
    flop: |_| 0.0,
    cases: || {
        cases(|c, g, p| {
            let (dy, t) = (c.operand("dy", &[g.n, g.y_len()]), c.output("t", &[right_len(p)]));
            GRAD_ROWS.dispatch(&mut c.b, "winograd.grad_rows", &in_one_group(p, true), &[("dy", dy), ("t", t)])
        })
    },
};

/// m = sums of the products of the transformed rows.
pub static ACCUMULATE: Kernel = Kernel {
    name: "winograd.accumulate",
    args: &[read("left"), read("right"), write("m")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid((p.u("splits") * ROWS * row_len(p)).div_ceil(64))),
        Variant::new("lanes", lanes, |p, _| {
            let right = (p.u("groups") * p.u("c_out")).div_ceil(32);
            [p.u("c_in").div_ceil(32) as u32, (ROWS * right) as u32, p.u("splits") as u32]
        }),
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let (left, right) = (io.f("left"), io.f("right"));
        let mut m = Scalars::zeros(io.len("m"));
        let (columns, c_in, c_out) = (width(p), p.u("c_in"), p.u("c_out"));
        let every = p.u("groups") * c_out;
        for (split, row) in (0..p.u("splits")).flat_map(|s| (0..ROWS).map(move |r| (s, r))) {
            for (band, k) in
                (first_band(p, split)..first_band(p, split + 1)).flat_map(|b| (0..columns).map(move |k| (b, k)))
            {
                for (kx, ci) in (0..3).flat_map(|k| (0..c_in).map(move |c| (k, c))) {
                    for co in 0..every {
                        let from = co / c_out * c_in + ci;
                        let at = ((from / 32 * ROWS + row) * bands(p) + band) * (columns + 2) + k + kx;
                        let a = left[at * 32 + from % 32];
                        let b = right[(((co / 32 * ROWS + row) * bands(p) + band) * columns + k) * 32 + co % 32];
                        m.add((((split * ROWS + row) * 3 + kx) * c_in + ci) * every + co, a * b);
                    }
                }
            }
        }
        io.put("m", m);
    },
    budget: Budget::Sum(|p| (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(p.u("splits"))),
    // That of the direct form, for the whole chain.
    flop: |p| 6.0 * (p.u("n") * p.u("oh") * p.u("ow")) as f64 * row_len(p) as f64,
    cases: || {
        cases(|c, _, p| {
            let (left, right) = (c.operand("left", &[left_len(p)]), c.operand("right", &[right_len(p)]));
            let m = c.output("m", &[p.u("splits") * ROWS * row_len(p)]);
            ACCUMULATE.dispatch(&mut c.b, "winograd.accumulate", &p.0, &[("left", left), ("right", right), ("m", m)])
        })
    },
};

/// dw = A^T m along the transformed rows.
pub static GRAD_WEIGHT: Kernel = Kernel {
    name: "winograd.grad_weight",
    args: &[read("m"), write("dw")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| by_split(p, row_len(p))),
        Variant::new("vec4", |_, p| conv2d::multiple_of_4(p, "c_out"), |p, _| by_split(p, row_len(p) / 4)),
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let m = io.f("m");
        let mut dw = Scalars::zeros(io.len("dw"));
        let row = row_len(p);
        for (split, i) in (0..p.u("splits")).flat_map(|s| (0..row).map(move |i| (s, i))) {
            for (ky, factors) in TAPS.iter().enumerate() {
                for (r, factor) in factors.iter().enumerate() {
                    dw.add((split * 3 + ky) * row + i, factor * m[(split * ROWS + r) * row + i]);
                }
            }
        }
        // Once, at the end: the sum is exact.
        dw.value.iter_mut().chain(&mut dw.scale).for_each(|v| *v /= 15.0);
        io.put("dw", dw);
    },
    budget: Budget::Sum(|_| ROWS),
    flop: |_| 0.0,
    cases: || {
        cases(|c, _, p| {
            let m = fifteenfold(c, "m", p.u("splits") * ROWS * row_len(p));
            let dw = c.output("dw", &[p.u("splits") * 3 * row_len(p)]);
            GRAD_WEIGHT.dispatch(&mut c.b, "winograd.grad_weight", &in_one_group(p, false), &[("m", m), ("dw", dw)])
        })
    },
};

fn by_split(p: &Params, invocations: usize) -> [u32; 3] {
    let [x, y, _] = linear_grid(invocations.div_ceil(64));
    [x, y, p.u("splits") as u32]
}

fn cases(build: fn(&mut CaseBuilder, &Geometry, &Params) -> Result<()>) -> Vec<Case> {
    let base = Geometry { h: 8, w: 8, kernel: [3, 3], pad: [1, 1], ..Geometry::linear(2, 8, 36) };
    let shapes = [
        ("8 to 36", base, 2),
        ("36 to 8, one split", Geometry { c_in: 36, c_out: 8, ..base }, 1),
        ("odd height and width, no padding", Geometry { n: 4, h: 7, w: 9, c_in: 4, c_out: 4, pad: [0, 0], ..base }, 2),
        ("2 groups of 32 to 64", Geometry { c_in: 64, c_out: 128, groups: 2, ..base }, 2),
        ("channels that are no multiple of 4", Geometry { c_in: 3, c_out: 5, ..base }, 4),
    ];
    let mut all = vec![];
    for (name, g, splits) in shapes {
        let case = move |c: &mut CaseBuilder| build(c, &g, &Params(g.params(g.n, splits)));
        all.push(Case::exact(format!("{name}, integers"), case));
        all.push(Case::new(name, case));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrices_make_the_gradient_of_a_tap() {
        // Against every pair of unit vectors: the transforms are linear.
        for (pixel, gradient) in (0..6).flat_map(|p| (0..BAND).map(move |g| (p, g))) {
            for (tap, row) in TAPS.iter().enumerate() {
                let dw: f64 = (0..ROWS).map(|i| row[i] * GRADIENT[i][gradient] * SIX_POINTS[i][pixel]).sum();
                let expected = if pixel == gradient + tap { 15.0 } else { 0.0 };
                assert_eq!(dw, expected, "tap {tap}, pixel {pixel}, gradient {gradient}");
            }
        }
    }
}
