//! A number per channel that is added to every row of y `[rows, c]` (rows = images * height * width, NHWC), with the ReLU
//! behind it where there is one; and its gradient, the sum of dy over the rows.
//!
//! The gradient is summed in blocks of rows whose number is a function of the shape alone, then over the blocks in order,
//! as the sums of [`batchnorm`] are.

use super::batchnorm::{self, block, block_windows, blocks, naive, vec4};
use super::case::{Case, CaseBuilder};
use super::{Budget, Io, Kernel, Scalars, linear_grid, read, update, write};
use crate::error::Result;
use crate::plan::{Builder, View};

/// Records y += bias and, if `relu`, y = max(y, 0), in place: y `[rows, c]`, bias `[c]`.
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn forward(b: &mut Builder, scope: &str, rows: usize, c: usize, bias: View, relu: bool, y: View) -> Result<()> {
    batchnorm::check(scope, rows, c, &[("y", y)], &[("bias", bias)])?;
    for w in b.windows(scope, rows, &[y])? {
        let y = y.rows(&w, rows);
        let params = [("len", y.len.into()), ("c", c.into()), ("relu", u32::from(relu).into())];
        FORWARD.dispatch(b, scope, &params, &[("bias", bias), ("y", y)])?;
    }
    Ok(())
}

/// Records db `[c]`, the sum of dy `[rows, c]` over its rows. Scratch: `{scope}.partial`.
///
/// # Errors
/// Views of other lengths; rows that cannot be bound.
pub fn grad(b: &mut Builder, scope: &str, rows: usize, c: usize, dy: View, db: View) -> Result<()> {
    batchnorm::check(scope, rows, c, &[("dy", dy)], &[("db", db)])?;
    let size = block(rows);
    let blocks = rows.div_ceil(size);
    let partial = if blocks > 1 { b.transient(format!("{scope}.partial"), &[blocks, c]) } else { db };
    let sum = |b: &mut Builder, block: usize, dy: View, sums: View| {
        let params = [("rows", (dy.len / c).into()), ("c", c.into()), ("block", block.into())];
        GRAD.dispatch(b, scope, &params, &[("dy", dy), ("sums", sums)])
    };
    for (elements, part) in block_windows(b, scope, rows, dy, partial)? {
        sum(b, size, dy.slice(elements), part)?;
    }
    if blocks > 1 { sum(b, blocks, partial, db) } else { Ok(()) }
}

/// y += bias, y = max(y, 0) where relu is 1.
pub static FORWARD: Kernel = Kernel {
    name: "bias.forward",
    args: &[read("bias"), update("y")],
    variants: &[
        naive(|p, _| linear_grid(p.u("len").div_ceil(64))),
        vec4(|p, k| {
            let rows = p.u("len") / p.u("c");
            linear_grid((rows.div_ceil(k.get("ROWS") as usize) * p.u("c")).div_ceil(256))
        }),
    ],
    // The nearest f32 to the exact sum: addition rounds correctly everywhere, and a negative sum stays negative.
    twin: |io: &mut Io| {
        let (c, relu, bias) = (io.params.u("c"), io.params.u("relu") == 1, io.f("bias"));
        let of = |(i, y): (usize, &f64)| {
            let sum = y + bias[i % c];
            if relu && sum < 0.0 { 0.0 } else { sum }
        };
        let y: Vec<f64> = io.f("y").iter().enumerate().map(of).collect();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |p| (1 + p.u("relu")) as f64 * p.u("len") as f64,
    cases: || {
        let mut all = vec![];
        for (relu, suffix) in [(false, ""), (true, ", ReLU")] {
            for &(name, rows, c, limit) in SHAPES {
                all.push(Case::exact(format!("{name}{suffix}"), move |k| {
                    k.b.target.adapter.limits.max_binding = limit;
                    let (bias, y) = (any(k, "bias", &[c]), any(k, "y", &[rows, c]));
                    forward(&mut k.b, "bias", rows, c, bias, relu, y)
                }));
            }
        }
        all
    },
};

/// Sums of dy over blocks of rows.
pub static GRAD: Kernel = Kernel {
    name: "bias.grad",
    args: &[read("dy"), write("sums")],
    variants: &[
        naive(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(64))),
        vec4(|p, _| linear_grid((blocks(p) * p.u("c")).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (p, dy) = (io.params, io.f("dy"));
        let mut sums = Scalars::zeros(io.len("sums"));
        batchnorm::for_each(p, |i, ch, b| sums.add(b * p.u("c") + ch, dy[i]));
        io.put("sums", sums);
    },
    budget: Budget::Sum(|p| p.u("block")),
    flop: |p| (p.u("rows") * p.u("c")) as f64,
    cases: || {
        let record = |k: &mut CaseBuilder, rows: usize, c: usize, limit: usize| {
            k.b.target.adapter.limits.max_binding = limit;
            let (dy, db) = (k.operand("dy", &[rows, c]), k.output("db", &[c]));
            grad(&mut k.b, "bias", rows, c, dy, db)
        };
        let mut all = vec![];
        for &(name, rows, c, limit) in SHAPES {
            all.push(Case::exact(format!("{name}, integers"), move |k| record(k, rows, c, limit)));
            all.push(Case::new(name, move |k| record(k, rows, c, limit)));
        }
        all
    },
};

/// Name, rows, channels and binding limit of the cases.
const SHAPES: &[(&str, usize, usize, usize)] = &[
    ("one of everything", 1, 1, 1 << 20),
    ("rows=64 c=4", 64, 4, 1 << 20),
    ("rows=50 c=132", 50, 132, 1 << 20),
    ("rows=4099 c=3", 4099, 3, 1 << 20),
    ("rows=20000 c=12", 20_000, 12, 1 << 20),
    ("windows", 2100, 4, 16 << 10),
];

/// Values of any size: even exact cases are, because one addition rounds once.
fn any(k: &mut CaseBuilder, name: &str, shape: &[usize]) -> View {
    k.input(name, shape, &super::case::Fill::Uniform(1.0))
}
