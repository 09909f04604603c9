//! Test cases of batch norm with ReLU.

use super::{Backward, TABLE};
use crate::error::Result;
use crate::kernels::batchnorm::Channels;
use crate::kernels::case::{Case, CaseBuilder, Fill};
use crate::kernels::maxpool;
use crate::kernels::pool::Geometry;
use crate::plan::View;

/// A case whose sums are exact, or one judged by the budget.
fn case(name: &str, exact: bool, build: impl Fn(&mut CaseBuilder) -> Result<()> + Send + Sync + 'static) -> Case {
    if exact { Case::exact(format!("{name}, integers"), build) } else { Case::new(name, build) }
}

pub(super) fn table() -> Vec<Case> {
    let of = |name: &str, exact: bool, c: usize| {
        case(name, exact, move |k| {
            let mean = k.operand("mean", &[c]);
            let (var, eps) = if exact { (Fill::Values(vec![0.75; c]), 0.25) } else { (Fill::Range(0.0, 3.0), 1e-4) };
            let (var, gamma, beta) = (k.input("var", &[c], &var), k.operand("gamma", &[c]), k.operand("beta", &[c]));
            let table = k.output("table", &[TABLE, c]);
            super::table(&mut k.b, "norm_relu", c, &Channels { mean, var, gamma, eps }, beta, table)
        })
    };
    vec![of("one channel", false, 1), of("c=7", true, 7), of("c=132", false, 132)]
}

/// The table of a case: exact ones have a standard deviation of one, and many elements exactly on the kink.
fn filled(k: &mut CaseBuilder, c: usize) -> View {
    let rows = if k.is_exact() {
        [Fill::Integers(2), Fill::Integers(2), Fill::Integers(2), Fill::Values(vec![1.0; c])]
    } else {
        [Fill::Uniform(1.0), Fill::Uniform(3.0), Fill::Uniform(1.0), Fill::Range(0.5, 3.0)]
    };
    let names = ["mean", "scale", "beta", "inv_std"];
    let values = names.iter().zip(rows).flat_map(|(name, fill)| fill.values(name, c)).collect();
    k.input("table", &[TABLE, c], &Fill::Values(values))
}

const SHAPES: &[(&str, bool, usize, usize, usize)] = &[
    ("one of everything", false, 1, 1, 1 << 20),
    ("rows=64 c=4", true, 64, 4, 1 << 20),
    ("rows=256 c=7", true, 256, 7, 1 << 20),
    ("rows=128 c=128", true, 128, 128, 1 << 20),
    ("rows=50 c=132", false, 50, 132, 1 << 20),
    ("rows=4099 c=3", false, 4099, 3, 1 << 20),
    ("rows=4099 c=8", false, 4099, 8, 1 << 20),
    ("rows=700 c=256", false, 700, 256, 1 << 20),
    ("windows", false, 2100, 4, 16 << 10),
];

pub(super) fn forward() -> Vec<Case> {
    let of = |&(name, exact, rows, c, limit): &(&str, bool, usize, usize, usize)| {
        case(name, exact, move |k| {
            k.b.target.adapter.limits.max_binding = limit;
            let (x, table) = (k.operand("x", &[rows, c]), filled(k, c));
            let y = k.output("y", &[rows, c]);
            super::forward(&mut k.b, "norm_relu", rows, c, x, table, y)
        })
    };
    SHAPES.iter().map(of).collect()
}

/// What a backward pass over `rows` needs.
fn inputs(k: &mut CaseBuilder, rows: usize, c: usize) -> Backward {
    let (x, dy, table) = (k.operand("x", &[rows, c]), k.operand("dy", &[rows, c]), filled(k, c));
    let (dgamma, dbeta) = (k.output("dgamma", &[c]), k.output("dbeta", &[c]));
    Backward { x, dy, table, dgamma, dbeta }
}

pub(super) fn backward() -> Vec<Case> {
    let of = |&(name, exact, rows, c, limit): &(&str, bool, usize, usize, usize), skip: bool| {
        let name = if skip { format!("{name}, skip") } else { name.to_owned() };
        case(&name, exact, move |k| {
            k.b.target.adapter.limits.max_binding = limit;
            let of = inputs(k, rows, c);
            let skip = skip.then(|| k.operand("skip", &[rows, c]));
            let dx = k.output("dx", &[rows, c]);
            super::sums(&mut k.b, "norm_relu", rows, c, &of)?;
            super::backward(&mut k.b, "norm_relu", [rows, c], &of, skip, dx)
        })
    };
    SHAPES.iter().flat_map(|shape| [of(shape, false), of(shape, true)]).collect()
}

pub(super) fn backward_pool() -> Vec<Case> {
    let of = |name: &str, exact: bool, g: Geometry, limit: usize| {
        case(name, exact, move |k| {
            k.b.target.adapter.limits.max_binding = limit;
            let (rows, len) = (g.n * g.oh() * g.ow(), g.n * g.y_len());
            // Exact cases pool small integers: many windows hold their largest element several times.
            let image = k.operand("image", &[g.n, g.x_len()]);
            let (x, index) = (k.output("x", &[g.n, g.y_len()]), k.output_words("index", len));
            let (dy, table) = (k.operand("dy", &[rows, g.c]), filled(k, g.c));
            let (dgamma, dbeta) = (k.operand("dgamma", &[g.c]), k.operand("dbeta", &[g.c]));
            let dx = k.output("dx", &[g.n, g.x_len()]);
            maxpool::forward(&mut k.b, "maxpool", &g, image, x, index)?;
            super::backward_pool(&mut k.b, "norm_relu", &g, &Backward { x, dy, table, dgamma, dbeta }, index, dx)
        })
    };
    let base = Geometry { n: 2, h: 8, w: 4, c: 4, kernel: [2, 2], stride: [2, 2], pad: [0, 0], ceil: false };
    let whole = 1 << 20;
    vec![
        of("2x2", true, base, whole),
        of("2x2, 5 channels", true, Geometry { c: 5, ..base }, whole),
        of("2x2, 64 channels", false, Geometry { h: 16, w: 16, c: 64, n: 3, ..base }, whole),
        of("3x2", false, Geometry { h: 9, kernel: [3, 2], stride: [3, 2], c: 8, ..base }, whole),
        of(
            "one of everything",
            false,
            Geometry { kernel: [1, 1], stride: [1, 1], ..Geometry::global(1, 1, 1, 1) },
            whole,
        ),
        of("windows", false, Geometry { n: 20, ..base }, 4 << 10),
    ]
}
