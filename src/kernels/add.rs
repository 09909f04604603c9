//! Sums of two arrays: the residual connection, forward and backward, and gradients of shards.

use super::case::{Case, Fill};
use super::relu::vec4_len;
use super::{Budget, Io, Kernel, Variant, anywhere, linear_grid, read, update, write};
use crate::error::Result;
use crate::plan::{Builder, View};

/// Records y = a + b over views of equal length, `outer` rows each.
///
/// # Errors
/// A row that cannot be bound.
pub fn forward(builder: &mut Builder, scope: &str, outer: usize, a: View, b: View, y: View) -> Result<()> {
    for w in builder.windows(scope, outer, &[a, b, y])? {
        let (a, b, y) = (a.rows(&w, outer), b.rows(&w, outer), y.rows(&w, outer));
        FORWARD.dispatch(builder, scope, &[("len", y.len.into())], &[("a", a), ("b", b), ("y", y)])?;
    }
    Ok(())
}

/// y = a + b.
pub static FORWARD: Kernel = Kernel {
    name: "add.forward",
    args: &[read("a"), read("b"), write("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64))),
        Variant::new("vec4", vec4_len, |p, k| {
            linear_grid((p.u("len") / 4).div_ceil(k.get("ROWS") as usize).div_ceil(64))
        }),
    ],
    // The nearest f32 to the exact sum: addition rounds correctly everywhere.
    twin: |io: &mut Io| {
        let y: Vec<f64> = io.f("a").iter().zip(io.f("b")).map(|(a, b)| a + b).collect();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |p| p.u("len") as f64,
    cases: || {
        let case = |name: &str, outer: usize, row: usize, limit: usize| {
            Case::exact(name, move |c| {
                c.b.target.adapter.limits.max_binding = limit;
                let (a, b) = (c.input("a", &[outer, row], &ANY), c.input("b", &[outer, row], &ANY));
                let y = c.output("y", &[outer, row]);
                forward(&mut c.b, "add", outer, a, b, y)
            })
        };
        shapes().map(|(name, outer, row, limit)| case(name, outer, row, limit)).to_vec()
    },
};

/// Records y += x over views of equal length, `outer` rows each.
///
/// # Errors
/// A row that cannot be bound.
pub fn assign(builder: &mut Builder, scope: &str, outer: usize, x: View, y: View) -> Result<()> {
    for w in builder.windows(scope, outer, &[x, y])? {
        let (x, y) = (x.rows(&w, outer), y.rows(&w, outer));
        ASSIGN.dispatch(builder, scope, &[("len", y.len.into())], &[("x", x), ("y", y)])?;
    }
    Ok(())
}

/// y += x.
pub static ASSIGN: Kernel = Kernel {
    name: "add.assign",
    args: &[read("x"), update("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64))),
        Variant::new("vec4", vec4_len, |p, _| linear_grid(p.u("len").div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let y: Vec<f64> = io.f("x").iter().zip(io.f("y")).map(|(x, y)| x + y).collect();
        io.put("y", y);
    },
    cases: || {
        let case = |name: &str, outer: usize, row: usize, limit: usize| {
            Case::exact(name, move |c| {
                c.b.target.adapter.limits.max_binding = limit;
                let (x, y) = (c.input("x", &[outer, row], &ANY), c.input("y", &[outer, row], &ANY));
                assign(&mut c.b, "add", outer, x, y)
            })
        };
        shapes().map(|(name, outer, row, limit)| case(name, outer, row, limit)).to_vec()
    },
    ..FORWARD
};

const ANY: Fill = Fill::Uniform(1.0);

/// Name, rows, row length and binding limit of the cases.
fn shapes() -> [(&'static str, usize, usize, usize); 4] {
    [("len=1", 1, 1, 4096), ("len=1024", 1, 1024, 4096), ("len=4099", 1, 4099, 1 << 20), ("windows", 12, 64, 1024)]
}
