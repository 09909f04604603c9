//! 2-D convolution (cross-correlation, as everywhere in deep learning), NHWC, weights `[kh, kw, c_in / groups, c_out]`;
//! and the linear layer, which is a 1x1 convolution over an image of one row.

mod cases;
mod families;
pub mod fused;
mod geometry;
pub mod split_k;
pub mod stored;
pub mod unfold;

use cases::cases;
use families::*;
pub(super) use families::{multiple_of_4, one_group, subgroups_of_8, whole_sums};
pub use geometry::Geometry;
pub use stored::Weight;

use super::pool::for_each_pixel;
use super::texels::GATHERS;
use super::{
    Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, optional, read, read_u32, with, without, write,
};
use crate::error::{Error, Result};
use crate::plan::{Builder, Params, View};

/// Records y = x * w for x `[n, h, w, c_in]`, y `[n, oh, ow, c_out]`.
///
/// # Errors
/// A shape that is no convolution, or not that of the weights; an image that cannot be bound.
pub fn forward(b: &mut Builder, scope: &str, g: &Geometry, x: View, w: impl Into<Weight>, y: View) -> Result<()> {
    fused::forward(b, scope, g, x, &fused::Around::default(), w, y)
}

/// Records dx, the gradient with respect to x.
///
/// # Errors
/// As [`forward`].
pub fn grad_input(b: &mut Builder, scope: &str, g: &Geometry, dy: View, w: View, dx: View) -> Result<()> {
    g.check(scope)?;
    for win in b.windows(scope, g.n, &[dx, dy])? {
        let (dx, dy) = (dx.rows(&win, g.n), dy.rows(&win, g.n));
        if unfold::needed(&b.target.adapter.limits, g) {
            unfold::grad_input(b, scope, &Geometry { n: win.len(), ..*g }, dy, w, dx)?;
            continue;
        }
        GRAD_INPUT.dispatch(b, scope, &g.params(win.len(), 1), &[("dy", dy), ("w", w), ("dx", dx)])?;
    }
    Ok(())
}

/// Records the gradient with respect to w as `splits` partial sums `[splits, kh, kw, c_in / groups, c_out]`.
///
/// # Errors
/// As [`forward`]; a batch that must be bound in more windows than there are splits.
pub fn grad_weight(
    b: &mut Builder,
    scope: &str,
    g: &Geometry,
    x: View,
    dy: View,
    dw: View,
    splits: usize,
) -> Result<()> {
    grad_weight_of(b, scope, g, Input { x, table: None }, dy, dw, splits)
}

/// The input of a convolution: x, or given a table ([`fused::Around::table`]), x behind batch norm and ReLU.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// What is read.
    pub x: View,
    /// What it goes through.
    pub table: Option<View>,
}

/// As [`grad_weight`], for an input that may have to go through batch norm and ReLU.
///
/// # Errors
/// As [`grad_weight`].
pub fn grad_weight_of(
    b: &mut Builder,
    scope: &str,
    g: &Geometry,
    Input { x, table }: Input,
    dy: View,
    dw: View,
    splits: usize,
) -> Result<()> {
    g.check(scope)?;
    let windows = b.windows(scope, g.n, &[x, dy])?;
    // Partial sums that together end at an aligned element: what the share of a window is a multiple of.
    let align = b.target.adapter.limits.offset_alignment / 4;
    let granule = (1..=align).find(|k| (k * g.w_len()).is_multiple_of(align)).unwrap_or(align);
    let mut done = 0;
    for (i, win) in windows.iter().enumerate() {
        let last = i + 1 == windows.len();
        let upto = if last { splits } else { (i + 1) * splits / windows.len() / granule * granule };
        if upto == done {
            return Err(Error::layer(
                scope,
                format!(
                    "the batch takes {} windows, each {granule} partial sum(s) or more, and there are {splits}; \
                     use a smaller batch (--set batch=N)",
                    windows.len()
                ),
            ));
        }
        let part = dw.slice(done * g.w_len()..upto * g.w_len());
        let (x, dy) = (x.rows(win, g.n), dy.rows(win, g.n));
        if unfold::needed(&b.target.adapter.limits, g) {
            if table.is_some() || upto - done != 1 {
                let what = "of plain inputs, one partial sum for each window of the batch, are there with weights that are bound in windows";
                return Err(Error::layer(scope, format!("gradients {what}, not {}", upto - done)));
            }
            unfold::grad_weight(b, scope, &Geometry { n: win.len(), ..*g }, x, dy, part)?;
            done = upto;
            continue;
        }
        let mut args = vec![("x", x), ("dy", dy), ("dw", part)];
        args.extend(table.map(|table| ("table", table)));
        GRAD_WEIGHT.dispatch(b, scope, &g.params(win.len(), upto - done), &args)?;
        done = upto;
    }
    Ok(())
}

/// y = x * w, or skip + x * w, in one sum or `splits` partial ones ([`split_k`]); what it does besides is in [`fused`].
pub static FORWARD: Kernel = Kernel {
    name: "conv2d.forward",
    args: &[
        read("x"),
        optional(read("table"), fused::normalisation),
        without("bits", read("w")),
        write("y"),
        optional(write("moments"), fused::of_moments),
        optional(read("skip"), fused::of_skip),
        optional(read_u32("bits"), stored::no_operation),
        with("bits", read("scale")),
        optional(read_u32("zeros"), stored::no_operation),
    ],
    variants: &[
        Variant::new("naive", anywhere, |p, k| {
            let pixels = p.u("n") * p.u("oh") * p.u("ow");
            linear_grid(match k.get("moments") {
                0 => (p.u("splits") * pixels * p.u("groups") * p.u("c_out")).div_ceil(64),
                _ => pixels.div_ceil(fused::BLOCK) * p.u("groups") * p.u("c_out"),
            })
        }),
        Variant::new("lanes", whole_fours, |p, _| output_tiles(p, WIDE)),
        Variant::new("narrow", whole_fours, |p, _| output_tiles(p, NARROW)),
        Variant::new("shifted", |t, p| whole_fours(t, p).and(whole_lines(p, WIDE)), |p, _| output_tiles(p, WIDE))
            .of("lanes", &[("SHIFTED", 1)]),
        Variant::new(
            "narrow_shifted",
            |t, p| whole_fours(t, p).and(whole_lines(p, NARROW)),
            |p, _| output_tiles(p, NARROW),
        )
        .of("narrow", &[("SHIFTED", 1)]),
        Variant::new("lanes_any", whole_input, |p, _| output_tiles(p, WIDE)),
        Variant::new("narrow_any", whole_input, |p, _| output_tiles(p, NARROW)),
        Variant::new("pointwise", |_, p| whole_sums(p).and(pointwise(p)), |p, _| output_tiles(p, POINTWISE)),
        Variant::new("depthwise", depthwise, |p, _| {
            linear_grid((p.u("n") * p.u("oh") * p.u("ow") * p.u("groups")).div_ceil(256))
        }),
        Variant::new("tiled", tiled, forward_tiles),
        Variant::new(
            "first",
            |t, p| {
                whole_sums(p)?;
                tiled_any(t, p)
            },
            forward_tiles,
        ),
        Variant::new("coop", matrices, forward_tiles).in_halves(),
        Variant::new("coop_split", split, forward_tiles).in_parts().of("coop", &[("PRODUCTS", 3)]),
        Variant::new("coop_ternary", ternary, forward_tiles).in_parts().of("coop", &[("PRODUCTS", 2)]),
    ],
    twin: fused::forward_twin,
    budget: Budget::Sum(|p| split_k::run(p).min(split_k::terms(p))),
    flop,
    cases: || {
        let mut all = cases(|c, g| {
            let (x, w) = (c.operand("x", &[g.n, g.x_len()]), c.weights("w", &[g.w_len()]));
            let y = c.output("y", &[g.n, g.y_len()]);
            forward(&mut c.b, "conv2d.forward", g, x, w, y)
        });
        all.extend(fused::forward_cases());
        all.extend(split_k::partial_cases());
        all.extend(stored::forward_cases());
        all
    },
};

/// dx, from dy and w.
pub static GRAD_INPUT: Kernel = Kernel {
    name: "conv2d.grad_input",
    args: &[read("dy"), read("w"), write("dx")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| {
            linear_grid((p.u("n") * p.u("h") * p.u("w") * p.u("groups") * p.u("c_in")).div_ceil(64))
        }),
        Variant::new("lanes", exchange_fours, |p, _| input_tiles(p, WIDE)),
        Variant::new("narrow", exchange_fours, |p, _| input_tiles(p, NARROW)).of("lanes", &[("NARROW", 1)]),
        Variant::new("shifted", |t, p| exchange_fours(t, p).and(whole_lines(p, WIDE)), |p, _| input_tiles(p, WIDE))
            .of("lanes", &[("SHIFTED", 1)]),
        Variant::new(
            "narrow_shifted",
            |t, p| exchange_fours(t, p).and(whole_lines(p, NARROW)),
            |p, _| input_tiles(p, NARROW),
        )
        .of("lanes", &[("NARROW", 1), ("SHIFTED", 1)]),
        Variant::new(
            "by_group",
            |t, p| {
                output_by_group(t, p)?;
                weights_by_group(t, p)
            },
            |p, _| input_tiles(p, WIDE),
        )
        .of("lanes", &[("BY_GROUP", 1), (GATHERS, 0)])
        .by_group(&[("dy", "c_out"), ("w", "c_out")]),
        Variant::new("pointwise", |_, p| pointwise(p), |p, _| input_tiles(p, POINTWISE)),
        Variant::new("first", first, |p, _| linear_grid((p.u("n") * p.u("h") * p.u("w")).div_ceil(128))),
        Variant::new("tiled", tiled, grad_input_tiles),
        Variant::new("coop", matrices, grad_input_tiles).in_halves(),
        Variant::new("coop_split", split, grad_input_tiles).in_parts().of("coop", &[("PRODUCTS", 3)]),
        Variant::new("coop_ternary", ternary, grad_input_tiles).in_parts().of("coop", &[("PRODUCTS", 2)]),
    ],
    twin: |io: &mut Io| {
        let (dy, w) = (io.f("dy"), io.f("w"));
        let mut dx = Scalars::zeros(io.len("dx"));
        for_each_product(io.params, |xi, wi, yi| dx.add(xi, dy[yi] * w[wi]));
        io.put("dx", dx);
    },
    budget: Budget::Sum(|p| p.u("kh") * p.u("kw") * p.u("c_out")),
    flop,
    cases: || {
        cases(|c, g| {
            let (dy, w) = (c.operand("dy", &[g.n, g.y_len()]), c.weights("w", &[g.w_len()]));
            let dx = c.output("dx", &[g.n, g.x_len()]);
            grad_input(&mut c.b, "conv2d.grad_input", g, dy, w, dx)
        })
    },
};

/// dw in partial sums, from x, behind batch norm and ReLU where there is a table, and dy.
pub static GRAD_WEIGHT: Kernel = Kernel {
    name: "conv2d.grad_weight",
    args: &[read("x"), optional(read("table"), fused::normalisation), read("dy"), write("dw")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid((p.u("splits") * weights(p)).div_ceil(64))),
        Variant::new("lanes", exchange_fours, |p, _| weight_tiles(p, WIDE)),
        Variant::new("narrow", exchange_fours, |p, _| weight_tiles(p, NARROW)).of("lanes", &[("NARROW", 1)]),
        Variant::new(
            "shifted",
            |t, p| exchange_fours(t, p).and(whole_eights(p)),
            |p, _| {
                let across = p.u("groups") * p.u("c_out").div_ceil(16);
                [(p.u("kh") * p.u("c_in").div_ceil(16)) as u32, across as u32, p.u("splits") as u32]
            },
        ),
        Variant::new(
            "by_group",
            |t, p| {
                input_by_group(t, p)?;
                output_by_group(t, p)
            },
            |p, _| weight_tiles(p, WIDE),
        )
        .of("lanes", &[("BY_GROUP", 1), (GATHERS, 0)])
        .by_group(&[("x", "c_in"), ("dy", "c_out")]),
        Variant::new("lanes_any", exchange, |p, _| weight_tiles(p, WIDE)),
        Variant::new(
            "pointwise",
            |_, p| pointwise(p),
            |p, _| {
                let across = p.u("groups") * p.u("c_out").div_ceil(8);
                [p.u("c_in").div_ceil(8) as u32, across as u32, p.u("splits") as u32]
            },
        ),
        Variant::new("tiled", tiled, grad_weight_tiles),
        Variant::new(
            "first",
            |_, p| multiple_of_4(p, "c_out"),
            |p, _| {
                let rows = p.u("kh") * p.u("kw") * p.u("c_in");
                let across = p.u("groups") * p.u("c_out").div_ceil(128);
                [across as u32, rows.div_ceil(8) as u32, p.u("splits") as u32]
            },
        ),
        Variant::new("coop", matrices_any, grad_weight_tiles).in_halves(),
        Variant::new("coop_split", split_any, grad_weight_tiles).in_parts().of("coop", &[("PRODUCTS", 3)]),
    ],
    twin: fused::grad_weight_twin,
    budget: Budget::Sum(|p| (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(p.u("splits"))),
    flop,
    cases: || {
        let mut all = cases(|c, g| {
            let (x, dy) = (c.operand("x", &[g.n, g.x_len()]), c.operand("dy", &[g.n, g.y_len()]));
            let splits = g.splits().max(g.whole_splits(2, 4));
            let dw = c.output("dw", &[splits, g.w_len()]);
            grad_weight(&mut c.b, "conv2d.grad_weight", g, x, dy, dw, splits)
        });
        all.extend(fused::grad_weight_cases());
        all
    },
};

/// Elements of one set of weights.
fn weights(p: &Params) -> usize {
    p.u("kh") * p.u("kw") * p.u("c_in") * p.u("groups") * p.u("c_out")
}

/// Two per product; products with padding count, as everywhere.
fn flop(p: &Params) -> f64 {
    2.0 * (p.u("n") * p.u("oh") * p.u("ow")) as f64 * weights(p) as f64
}

/// Calls `f(index in x, index in w, index in y)` for every product of the convolution.
fn for_each_product(p: &Params, mut f: impl FnMut(usize, usize, usize)) {
    let (groups, depth, breadth) = (p.u("groups"), p.u("c_in"), p.u("c_out"));
    let (c_in, c_out) = (groups * depth, groups * breadth);
    for_each_pixel(p, |x, y, place| {
        for co in 0..c_out {
            for ci in 0..depth {
                f(x * c_in + co / breadth * depth + ci, (place * depth + ci) * c_out + co, y * c_out + co);
            }
        }
    });
}
