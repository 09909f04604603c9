//! Winograd's F(2x4, 3x3) for GPUs: the algorithm, the matrices and the transformed arrays of [`winograd`], with the 24
//! products of tiles x channels as matrix products in workgroup memory and registers, and the outputs in a pass of their own.
//! A third of the products of the direct form, for which the transformed input and the products, three times as large as
//! the maps, are written and read once.
//!
//! The transforms are where a convolution does work of the batch norms around it ([`conv2d::fused`]): that of the input
//! normalises what it reads, that of the outputs leaves their moments. The direct form normalises an input at each tap.

use super::case::{Case, CaseBuilder};
use super::conv2d::{self, fused};
use super::norm_relu::TABLE;
use super::winograd::{self, OUTPUT_X, OUTPUT_Y, PLACES, Shape, TILES, arg, transient};
use super::{Budget, Chain, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, Params, Target, View};

/// Channels that an output sums over, at least. The rounding of the transforms averages out: with 128 it takes up to 0.63 of the
/// budget on maps of 8x8, and 0.85 on maps of 4x4, whose corners sum four taps of nine; with 64 it took 0.88 on 8x8.
const LEAST: usize = 128;

/// The name of these chains.
pub(super) const NAME: &str = "winograd_tiled";

/// `conv2d.forward` by these kernels.
pub static FORWARD: Chain = Chain { kernel: "conv2d.forward", name: NAME, maps: &[], supports, record: record_forward };

/// `conv2d.forward_statistics` by these kernels.
pub static STATISTICS: Chain = Chain {
    kernel: "conv2d.forward_statistics",
    name: NAME,
    maps: &[],
    supports: supports_moments,
    record: record_forward,
};

/// `conv2d.forward_normalised` by these kernels.
pub static NORMALISED: Chain =
    Chain { kernel: "conv2d.forward_normalised", name: NAME, maps: &[], supports, record: record_forward };

/// `conv2d.forward_normalised_statistics` by these kernels.
pub static NORMALISED_STATISTICS: Chain = Chain {
    kernel: "conv2d.forward_normalised_statistics",
    name: NAME,
    maps: &[],
    supports: supports_moments,
    record: record_forward,
};

/// `conv2d.grad_input` by these kernels.
pub static GRAD_INPUT: Chain = Chain {
    kernel: "conv2d.grad_input",
    name: NAME,
    maps: &[],
    supports: |t, p| suits(t, p, &Shape::of_grad_input(p), false),
    record: |b, scope, p, args| {
        let operands =
            Operands { x: arg(args, "dy"), table: None, w: arg(args, "w"), y: arg(args, "dx"), moments: None };
        record(b, scope, &Shape::of_grad_input(p), &operands)
    },
};

fn supports(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    suits(t, p, &Shape::of_forward(p), false)
}

fn supports_moments(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    blocks_of_tiles(p)?;
    suits(t, p, &Shape::of_forward(p), true)
}

/// Whether the convolution `s`, a pass of that of the constants, has enough channels, and arrays that can be bound.
fn suits(t: &Target, p: &Params, s: &Shape, moments: bool) -> std::result::Result<(), &'static str> {
    winograd::fits(p)?;
    if s.c_in < LEAST {
        return Err("its outputs sum over 128 channels or more");
    }
    let part = Shape { n: images(t, s, moments), ..*s };
    let longest = part.v_len().max(m_len(&part)).max(s.u_len());
    if longest * 4 > t.limits.max_binding { Err("a transformed array exceeds the binding limit") } else { Ok(()) }
}

/// Whether a block of outputs whose moments are taken together is eight tiles.
fn blocks_of_tiles(p: &Params) -> std::result::Result<(), &'static str> {
    let whole = p.u("oh").is_multiple_of(2) && matches!(p.u("ow"), 4 | 8 | 16 | 32);
    if whole { Ok(()) } else { Err("moments want an even number of rows of 4, 8, 16 or 32 pixels") }
}

/// Images that are transformed at a time: their arrays are about what the cache of a large GPU holds. Whole blocks whose moments
/// begin aligned.
fn images(t: &Target, s: &Shape, moments: bool) -> usize {
    let whole = |k: &usize| {
        let rows = k * s.oh * s.ow;
        rows.is_multiple_of(fused::BLOCK)
            && (rows / fused::BLOCK * 8 * s.c_out).is_multiple_of(t.limits.offset_alignment)
    };
    let granule = if moments { (1..s.n).find(whole).unwrap_or(s.n) } else { 1 };
    s.images(&t.limits, s.v_len().max(m_len(s)), granule)
}

/// Elements of the products.
fn m_len(s: &Shape) -> usize {
    let [rows, columns] = s.tiles();
    PLACES * s.n * rows * columns * s.c_out
}

/// What a convolution reads and writes.
struct Operands {
    x: View,
    table: Option<View>,
    w: View,
    y: View,
    moments: Option<View>,
}

fn record_forward(b: &mut Builder, scope: &str, p: &Params, args: &[(&'static str, View)]) -> Result<()> {
    let optional = |name: &str| args.iter().find(|(n, _)| *n == name).map(|(_, view)| *view);
    let (table, moments) = (optional("table"), optional("partial"));
    let operands = Operands { x: arg(args, "x"), table, w: arg(args, "w"), y: arg(args, "y"), moments };
    record(b, scope, &Shape::of_forward(p), &operands)
}

/// Appends the commands: the weights once, then part by part of the batch the input, the products and the outputs.
fn record(b: &mut Builder, scope: &str, shape: &Shape, of: &Operands) -> Result<()> {
    let u = transient(b, &format!("{scope}.u"), shape.u_len());
    winograd::WEIGHTS.dispatch(b, scope, &shape.params(), &[("w", of.w), ("u", u)])?;
    let images = images(&b.target, shape, of.moments.is_some());
    for start in (0..shape.n).step_by(images) {
        let part = start..(start + images).min(shape.n);
        let s = Shape { n: part.len(), ..*shape };
        let v = transient(b, &format!("{scope}.v"), s.v_len());
        let m = transient(b, &format!("{scope}.m"), m_len(&s));
        transform_input(b, scope, &s, of.x.rows(&part, shape.n), of.table, v)?;
        PRODUCTS.dispatch(b, scope, &s.params(), &[("v", v), ("u", u), ("y", m)])?;
        let y = of.y.rows(&part, shape.n);
        match of.moments {
            None => OUTPUT.dispatch(b, scope, &s.params(), &[("m", m), ("y", y)])?,
            Some(all) => {
                let blocks = |images: usize| (images * s.oh * s.ow).div_ceil(fused::BLOCK) * 2 * s.c_out;
                let partial = all.slice(blocks(part.start)..blocks(part.end));
                OUTPUT_STATISTICS.dispatch(b, scope, &s.params(), &[("m", m), ("y", y), ("partial", partial)])?;
            }
        }
    }
    Ok(())
}

/// Appends the transform of an input, behind batch norm and ReLU if there is a table.
pub(super) fn transform_input(
    b: &mut Builder,
    scope: &str,
    s: &Shape,
    x: View,
    table: Option<View>,
    v: View,
) -> Result<()> {
    match table {
        None => winograd::INPUT_TRANSFORM.dispatch(b, scope, &s.params(), &[("x", x), ("v", v)]),
        Some(table) => INPUT_NORMALISED.dispatch(b, scope, &s.params(), &[("x", x), ("table", table), ("v", v)]),
    }
}

/// v = B^T d C of x behind batch norm and ReLU.
pub static INPUT_NORMALISED: Kernel = Kernel {
    name: "winograd.input_normalised",
    args: &[read("x"), read("table"), write("v")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.input_normalised.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.input_normalised.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid(Shape::from(p).v_len().div_ceil(64)),
        },
        Variant {
            name: "vec4",
            file: "winograd/winograd.input_normalised.vec4.wgsl",
            source: include_str!("../../shaders/winograd/winograd.input_normalised.vec4.wgsl"),
            supports: anywhere,
            grid: winograd::blocks_of_channels,
        },
    ],
    twin: |io: &mut Io| {
        let (value, scale) = fused::inputs(io);
        let v = winograd::transformed(&Shape::from(io.params), &Scalars { value, scale }, io.len("v"));
        io.put("v", v);
    },
    budget: Budget::Sum(|_| 4),
    flop: fused::normalisation,
    cases: || {
        winograd::cases(|c, s| {
            let (x, table) = (c.operand("x", &[s.n * s.h * s.w * s.c_in]), c.operand("table", &[TABLE, s.c_in]));
            let v = c.output("v", &[s.v_len()]);
            transform_input(&mut c.b, "winograd.input_normalised", s, x, Some(table), v)
        })
    },
};

/// y = v u for each place.
pub static PRODUCTS: Kernel = Kernel {
    name: "winograd.products",
    args: &[read("v"), read("u"), write("y")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.products.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.products.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid(m_len(&Shape::from(p)).div_ceil(64)),
        },
        Variant {
            name: "tiled",
            file: "winograd/winograd.products.tiled.wgsl",
            source: include_str!("../../shaders/winograd/winograd.products.tiled.wgsl"),
            supports: |_, p| conv2d::multiple_of_4(p, "c_out"),
            grid: |p, k| {
                let s = Shape::from(p);
                let tiles = (s.n * s.tiles()[0] * s.tiles()[1]) as u32;
                [(s.c_out as u32).div_ceil(k.get("TILE_N")), tiles.div_ceil(k.get("TILE_M")), PLACES as u32]
            },
        },
    ],
    twin: |io: &mut Io| {
        let s = Shape::from(io.params);
        let (v, u) = (io.f("v"), io.f("u"));
        let mut y = Scalars::zeros(io.len("y"));
        let tiles = s.n * s.tiles()[0] * s.tiles()[1];
        for e in 0..y.value.len() {
            let (place, tile, column) = (e / s.c_out / tiles, e / s.c_out % tiles, e % s.c_out);
            for k in 0..s.c_in {
                y.add(e, v[s.at(TILES, place, k, tile)] * u[s.at(winograd::COLUMNS, place, k, column)]);
            }
        }
        io.put("y", y);
    },
    budget: Budget::Sum(|p| p.u("c_in")),
    flop: winograd::flop,
    cases: || {
        let larger = Shape { n: 13, h: 4, w: 20, c_in: 20, oh: 4, ow: 20, c_out: 132, pad: [1, 1], flip: false };
        let [exact, other] = winograd::both("tiles and a bit", larger, record_products);
        winograd::cases(record_products).into_iter().chain([exact.every_knob(), other]).collect()
    },
};

fn record_products(c: &mut CaseBuilder, s: &Shape) -> Result<()> {
    let (v, u) = (c.operand("v", &[s.v_len()]), c.operand("u", &[s.u_len()]));
    let y = c.output("y", &[m_len(s)]);
    PRODUCTS.dispatch(&mut c.b, "winograd.products", &s.params(), &[("v", v), ("u", u), ("y", y)])
}

fn each_output(p: &Params) -> usize {
    p.u("n") * p.u("oh") * p.u("ow") * p.u("c_out")
}

/// y = A^T m D / 15.
pub static OUTPUT: Kernel = Kernel {
    name: "winograd.output",
    args: &[read("m"), write("y")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.output.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.output.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid(each_output(p).div_ceil(64)),
        },
        Variant {
            name: "vec4",
            file: "winograd/winograd.output.vec4.wgsl",
            source: include_str!("../../shaders/winograd/winograd.output.vec4.wgsl"),
            supports: |_, p| conv2d::multiple_of_4(p, "c_out"),
            grid: |p, _| linear_grid((m_len(&Shape::from(p)) / (PLACES * 4)).div_ceil(64)),
        },
    ],
    twin: |io: &mut Io| {
        let y = outputs(io);
        io.put("y", y);
    },
    budget: Budget::Sum(|_| PLACES),
    flop: |_| 0.0,
    cases: || {
        winograd::cases(|c, s| {
            let (m, y) = (winograd::fifteenfold(c, "m", m_len(s)), c.output("y", &[s.n * s.oh * s.ow * s.c_out]));
            OUTPUT.dispatch(&mut c.b, "winograd.output", &s.params(), &[("m", m), ("y", y)])
        })
    },
};

fn outputs(io: &Io) -> Scalars {
    let s = Shape::from(io.params);
    let m = io.f("m");
    let [rows, columns] = s.tiles();
    let mut y = Scalars::zeros(io.len("y"));
    for e in 0..y.value.len() {
        let (pixel, column) = (e / s.c_out, e % s.c_out);
        let (ox, oy, n) = (pixel % s.ow, pixel / s.ow % s.oh, pixel / s.ow / s.oh);
        let tile = (n * rows + oy / 2) * columns + ox / 4;
        for place in 0..PLACES {
            let factor = OUTPUT_Y[oy % 2][place / 6] * OUTPUT_X[ox % 4][place % 6];
            y.add(e, factor * m[(place * s.n * rows * columns + tile) * s.c_out + column]);
        }
    }
    // Once, at the end: the sum is exact.
    y.value.iter_mut().chain(&mut y.scale).for_each(|v| *v /= 15.0);
    y
}

/// y = A^T m D / 15, and the moments of its blocks.
pub static OUTPUT_STATISTICS: Kernel = Kernel {
    name: "winograd.output_statistics",
    args: &[read("m"), write("y"), write("partial")],
    variants: &[
        Variant {
            name: "naive",
            file: "winograd/winograd.output_statistics.naive.wgsl",
            source: include_str!("../../shaders/winograd/winograd.output_statistics.naive.wgsl"),
            supports: anywhere,
            grid: |p, _| linear_grid(fused::blocks(p) * p.u("c_out")),
        },
        Variant {
            name: "vec4",
            file: "winograd/winograd.output_statistics.vec4.wgsl",
            source: include_str!("../../shaders/winograd/winograd.output_statistics.vec4.wgsl"),
            supports: |_, p| {
                blocks_of_tiles(p)?;
                conv2d::multiple_of_4(p, "c_out")
            },
            grid: |p, _| linear_grid(fused::blocks(p) * p.u("c_out").div_ceil(32)),
        },
    ],
    twin: |io: &mut Io| {
        let y = outputs(io);
        io.put("partial", fused::moments(&y, io.params));
        io.put("y", y);
    },
    budget: Budget::Sum(|_| PLACES),
    flop: fused::of_moments,
    // Not exact: the mean of integers is none.
    cases: || {
        let all = winograd::cases(|c, s| {
            let (m, y) = (winograd::fifteenfold(c, "m", m_len(s)), c.output("y", &[s.n * s.oh * s.ow * s.c_out]));
            let partial = c.output("partial", &[(s.n * s.oh * s.ow).div_ceil(fused::BLOCK), 2, s.c_out]);
            let args = [("m", m), ("y", y), ("partial", partial)];
            OUTPUT_STATISTICS.dispatch(&mut c.b, "winograd.output_statistics", &s.params(), &args)
        });
        all.into_iter().filter(|c: &Case| !c.exact).collect()
    },
};
