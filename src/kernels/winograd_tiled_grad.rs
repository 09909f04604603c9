//! The gradient of 3x3 filters by the transpose of Winograd's F(2x4, 3x3), for GPUs: chains of
//! [`conv2d::GRAD_WEIGHT`] and of its like behind batch norm and ReLU. A third of the products.
//! `shaders/common/winograd_sums.wgsl` has the formula and the layouts.
//!
//! The input is transformed as for the forward pass, the gradient of the output as the outputs are there, transposed;
//! their products are summed over the tiles of each split for each of the 24 places, and the sums become filters.

use super::case::{Case, CaseBuilder};
use super::conv2d::{self, Geometry};
use super::winograd::{self, FILTER_X, FILTER_Y, OUTPUT_X, OUTPUT_Y, PLACES, Shape, TILES, arg, transient};
use super::winograd_tiled::{NAME, transform_input};
use super::{Budget, Chain, Io, Kernel, Knobs, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, Params, Target, Value, View};

/// `conv2d.grad_weight` by these kernels.
pub static GRAD_WEIGHT: Chain = Chain { kernel: "conv2d.grad_weight", name: NAME, maps: &[], supports, record };

/// `conv2d.grad_weight_normalised` by these kernels.
pub static NORMALISED: Chain =
    Chain { kernel: "conv2d.grad_weight_normalised", name: NAME, maps: &[], supports, record };

/// Outputs that a partial sum goes over, at least: with fewer the rounding of the transforms does not average out
/// enough.
const LEAST: usize = 256;

fn supports(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    winograd::fits(p)?;
    let pixels = p.u("n") * p.u("oh") * p.u("ow");
    let run = pixels.div_ceil(p.u("splits"));
    let whole = if p.u("oh").is_multiple_of(2) { 2 * p.u("ow") } else { p.u("oh") * p.u("ow") };
    if run != pixels && !run.is_multiple_of(whole) {
        return Err("a partial sum ends within two rows");
    }
    if run < LEAST {
        return Err("it sums over 256 outputs or more");
    }
    let s = Shape::of_forward(p);
    let part = splits_at_a_time(t, p);
    let of = Shape { n: if part == p.u("splits") { s.n } else { part * s.n / p.u("splits") }, ..s };
    let longest = of.v_len().max(e_len(&of)).max(part * PLACES * s.c_in * s.c_out);
    if longest * 4 > t.limits.max_binding { Err("a transformed array exceeds the binding limit") } else { Ok(()) }
}

/// Elements of the transformed gradient.
fn e_len(s: &Shape) -> usize {
    s.blocks() * PLACES * s.c_out * TILES
}

/// Partial sums that are made at a time: all, or where each goes over whole images so many that no array is longer than one of
/// the forward pass, and that they begin aligned.
fn splits_at_a_time(t: &Target, p: &Params) -> usize {
    let (s, splits) = (Shape::of_forward(p), p.u("splits"));
    if !s.n.is_multiple_of(splits) {
        return splits;
    }
    let each = s.n / splits;
    let begins = |k: &usize| {
        let starts = [each * s.h * s.w * s.c_in, each * s.oh * s.ow * s.c_out, 9 * s.c_in * s.c_out];
        starts.iter().all(|row| (k * row * 4).is_multiple_of(t.limits.offset_alignment))
    };
    let longest = s.v_len().max(e_len(&s)).max(splits * PLACES * s.c_in * s.c_out);
    let most = (s.images(&t.limits, longest, 1) / each).clamp(1, splits);
    (1..=most).rev().find(|k| *k == splits || begins(k)).unwrap_or(splits)
}

/// Constants of the kernels that know splits.
fn params(s: &Shape, splits: usize) -> [(&'static str, Value); 6] {
    [
        ("n", s.n.into()),
        ("oh", s.oh.into()),
        ("ow", s.ow.into()),
        ("c_in", s.c_in.into()),
        ("c_out", s.c_out.into()),
        ("splits", splits.into()),
    ]
}

fn record(b: &mut Builder, scope: &str, p: &Params, args: &[(&'static str, View)]) -> Result<()> {
    let (shape, splits) = (Shape::of_forward(p), p.u("splits"));
    let at_a_time = splits_at_a_time(&b.target, p);
    let table = args.iter().find(|(name, _)| *name == "table").map(|(_, view)| *view);
    let weights = 9 * shape.c_in * shape.c_out;
    for start in (0..splits).step_by(at_a_time) {
        let part = start..(start + at_a_time).min(splits);
        let images = shape.n * part.start / splits..shape.n * part.end / splits;
        let s = Shape { n: images.len(), ..shape };
        let (x, dy) = (arg(args, "x").rows(&images, shape.n), arg(args, "dy").rows(&images, shape.n));
        let dw = arg(args, "dw").slice(part.start * weights..part.end * weights);
        let v = transient(b, &format!("{scope}.v"), s.v_len());
        let e = transient(b, &format!("{scope}.e"), e_len(&s));
        let sums = transient(b, &format!("{scope}.sums"), part.len() * PLACES * s.c_in * s.c_out);
        let of = params(&s, part.len());
        transform_input(b, scope, &s, x, table, v)?;
        GRAD_OUTPUT.dispatch(b, scope, &s.params(), &[("dy", dy), ("e", e)])?;
        GRAD_PRODUCTS.dispatch(b, scope, &of, &[("v", v), ("e", e), ("y", sums)])?;
        GRAD_FILTER.dispatch(b, scope, &of, &[("sums", sums), ("dw", dw)])?;
    }
    Ok(())
}

/// e = A dy D^T.
pub static GRAD_OUTPUT: Kernel = Kernel {
    name: "winograd.grad_output",
    args: &[read("dy"), write("e")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.grad_output.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.grad_output.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid(e_len(&Shape::from(p)).div_ceil(64)),
        },
        Variant {
            name: "vec4",
            file: "winograd/winograd.grad_output.vec4.wgsl",
            source: include_str!("../../shaders/winograd/winograd.grad_output.vec4.wgsl"),
            supports: anywhere,
            grid: |p, _| {
                let s = Shape::from(p);
                linear_grid(s.c_out.div_ceil(16) * s.blocks())
            },
        },
    ],
    twin: |io: &mut Io| {
        let s = Shape::from(io.params);
        let dy = io.f("dy");
        let [rows, columns] = s.tiles();
        let mut e = Scalars::zeros(io.len("e"));
        let of_gradient = Shape { c_in: s.c_out, ..s };
        for (i, dy) in dy.iter().enumerate() {
            let (pixel, channel) = (i / s.c_out, i % s.c_out);
            let (ox, oy, n) = (pixel % s.ow, pixel / s.ow % s.oh, pixel / s.ow / s.oh);
            let tile = (n * rows + oy / 2) * columns + ox / 4;
            for place in 0..PLACES {
                let factor = OUTPUT_Y[oy % 2][place / 6] * OUTPUT_X[ox % 4][place % 6];
                e.add(of_gradient.at(TILES, place, channel, tile), factor * dy);
            }
        }
        io.put("e", e);
    },
    budget: Budget::Sum(|_| 8),
    flop: |_| 0.0,
    cases: || {
        winograd::cases(|c, s| {
            let (dy, e) = (c.operand("dy", &[s.n * s.oh * s.ow * s.c_out]), c.output("e", &[e_len(s)]));
            GRAD_OUTPUT.dispatch(&mut c.b, "winograd.grad_output", &s.params(), &[("dy", dy), ("e", e)])
        })
    },
};

/// The tile with which a split begins.
fn first_tile(p: &Params, split: usize) -> usize {
    let pixels = p.u("n") * p.u("oh") * p.u("ow");
    let pixel = (split * pixels.div_ceil(p.u("splits"))).min(pixels);
    let row = pixel / (p.u("oh") * p.u("ow")) * p.u("oh").div_ceil(2) + pixel / p.u("ow") % p.u("oh") / 2;
    row * p.u("ow").div_ceil(4)
}

/// y = the sums over the tiles of each split of v times e, for each place.
pub static GRAD_PRODUCTS: Kernel = Kernel {
    name: "winograd.grad_products",
    args: &[read("v"), read("e"), write("y")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.grad_products.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.grad_products.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid((p.u("splits") * PLACES * p.u("c_in") * p.u("c_out")).div_ceil(64)),
        },
        Variant {
            name: "tiled",
            file: "winograd/winograd.grad_products.tiled.wgsl",
            source: include_str!("../../shaders/winograd/winograd.grad_products.tiled.wgsl"),
            supports: anywhere,
            grid: |p, k: &Knobs| {
                let [rows, columns] = [p.u("c_in") as u32, p.u("c_out") as u32];
                let z = PLACES * p.u("splits");
                [columns.div_ceil(k.get("TILE_N")), rows.div_ceil(k.get("TILE_M")), z as u32]
            },
        },
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let (v, e, c_in, c_out) = (io.f("v"), io.f("e"), p.u("c_in"), p.u("c_out"));
        let mut y = Scalars::zeros(io.len("y"));
        let at = |c: usize, place: usize, tile: usize, channel: usize| {
            (((tile / TILES * PLACES + place) * (c / 4) + channel / 4) * TILES + tile % TILES) * 4 + channel % 4
        };
        for (split, place) in (0..p.u("splits")).flat_map(|s| (0..PLACES).map(move |f| (s, f))) {
            for tile in first_tile(p, split)..first_tile(p, split + 1) {
                for (ci, co) in (0..c_in).flat_map(|i| (0..c_out).map(move |o| (i, o))) {
                    let product = v[at(c_in, place, tile, ci)] * e[at(c_out, place, tile, co)];
                    y.add(((split * PLACES + place) * c_in + ci) * c_out + co, product);
                }
            }
        }
        io.put("y", y);
    },
    budget: Budget::Sum(|p| first_tile(p, 1)),
    // Those of the direct form, for the whole chain.
    flop: winograd::flop,
    cases: || {
        cases(|c, s, splits| {
            let (v, e) = (c.operand("v", &[s.v_len()]), c.operand("e", &[e_len(s)]));
            let y = c.output("y", &[splits * PLACES * s.c_in * s.c_out]);
            let args = [("v", v), ("e", e), ("y", y)];
            GRAD_PRODUCTS.dispatch(&mut c.b, "winograd.grad_products", &params(s, splits), &args)
        })
    },
};

/// dw = G^T s H / 15.
pub static GRAD_FILTER: Kernel = Kernel {
    name: "winograd.grad_filter",
    args: &[read("sums"), write("dw")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.grad_filter.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.grad_filter.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid((9 * p.u("splits") * p.u("c_in") * p.u("c_out")).div_ceil(64)),
        },
        Variant {
            name: "vec4",
            file: "winograd/winograd.grad_filter.vec4.wgsl",
            source: include_str!("../../shaders/winograd/winograd.grad_filter.vec4.wgsl"),
            supports: |_, p| conv2d::multiple_of_4(p, "c_out"),
            grid: |p, _| {
                let [x, y, _] = linear_grid((p.u("c_in") * p.u("c_out") / 4).div_ceil(64));
                [x, y, p.u("splits") as u32]
            },
        },
    ],
    twin: |io: &mut Io| {
        let p = io.params;
        let sums = io.f("sums");
        let mut dw = Scalars::zeros(io.len("dw"));
        let pairs = p.u("c_in") * p.u("c_out");
        for (i, sum) in sums.iter().enumerate() {
            let (split, place) = (i / pairs / PLACES, i / pairs % PLACES);
            for tap in 0..9 {
                let factor = FILTER_Y[place / 6][tap / 3] * FILTER_X[place % 6][tap % 3];
                dw.add((split * 9 + tap) * pairs + i % pairs, factor * sum);
            }
        }
        // Once, at the end: the sum is exact.
        dw.value.iter_mut().chain(&mut dw.scale).for_each(|v| *v /= 15.0);
        io.put("dw", dw);
    },
    budget: Budget::Sum(|_| PLACES),
    flop: |_| 0.0,
    cases: || {
        cases(|c, s, splits| {
            let sums = winograd::fifteenfold(c, "sums", splits * PLACES * s.c_in * s.c_out);
            let dw = c.output("dw", &[splits * 9 * s.c_in * s.c_out]);
            let args = [("sums", sums), ("dw", dw)];
            GRAD_FILTER.dispatch(&mut c.b, "winograd.grad_filter", &params(s, splits), &args)
        })
    },
};

fn cases(build: fn(&mut CaseBuilder, &Shape, usize) -> Result<()>) -> Vec<Case> {
    let base =
        Geometry { n: 2, h: 8, w: 8, c_in: 8, c_out: 36, kernel: [3, 3], stride: [1, 1], pad: [1, 1], groups: 1 };
    let shapes = [
        ("8 to 36", base, 2),
        ("36 to 8, eight splits", Geometry { c_in: 36, c_out: 8, ..base }, 8),
        ("odd height and width", Geometry { n: 4, h: 7, w: 9, c_in: 4, c_out: 4, ..base }, 2),
        ("blocks and a bit", Geometry { h: 10, w: 12, c_in: 132, c_out: 68, ..base }, 1),
    ];
    let mut all = vec![];
    for (name, g, splits) in shapes {
        let case = move |c: &mut CaseBuilder| build(c, &Shape::of_forward(&Params(g.params(g.n, splits))), splits);
        let exact = Case::exact(format!("{name}, integers"), case);
        all.push(if name == "blocks and a bit" { exact.every_knob() } else { exact });
        all.push(Case::new(name, case));
    }
    all
}
