//! Rectified linear unit: y = max(x, 0).

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, Params, Target, View};

/// Elements one workgroup of a naive elementwise shader owns.
const NAIVE: usize = 64;

/// A length that four-wide elementwise variants can run.
pub fn vec4_len(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("len").is_multiple_of(4) { Ok(()) } else { Err("the length is no multiple of 4") }
}

const VARIANTS: &[Variant] = &[
    Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(NAIVE))),
    Variant::new("vec4", vec4_len, |p, _| linear_grid(p.u("len").div_ceil(4 * NAIVE))),
];

/// y = max(x, 0).
pub static FORWARD: Kernel = Kernel {
    name: "relu.forward",
    args: &[read("x"), write("y")],
    variants: VARIANTS,
    twin: |io: &mut Io| {
        let y: Vec<f64> = io.f("x").iter().map(|&v| if v < 0.0 { 0.0 } else { v }).collect();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |p| p.u("len") as f64,
    cases: || {
        let case = |name: &str, len: usize| {
            Case::exact(name, move |c| {
                let x = c.input("x", &[len], &Fill::Uniform(1.0));
                let y = c.output("y", &[len]);
                forward(&mut c.b, "relu.forward", len, x, y)
            })
        };
        let windowed = Case::exact("windows", |c| {
            c.b.target.adapter.limits.max_binding = 1024;
            let x = c.input("x", &[12, 64], &Fill::Uniform(1.0));
            let y = c.output("y", &[12, 64]);
            forward(&mut c.b, "relu.forward", 12, x, y)
        });
        vec![case("len=1", 1), case("len=1024", 1024), case("len=4099", 4099), windowed]
    },
};

/// dx = dy where y > 0, else 0.
pub static BACKWARD: Kernel = Kernel {
    name: "relu.backward",
    args: &[read("y"), read("dy"), write("dx")],
    variants: VARIANTS,
    twin: |io: &mut Io| {
        let dx: Vec<f64> = io.f("y").iter().zip(io.f("dy")).map(|(&y, &dy)| if y > 0.0 { dy } else { 0.0 }).collect();
        io.put("dx", dx);
    },
    budget: Budget::Exact,
    flop: |p| p.u("len") as f64,
    cases: || {
        let case = |name: &str, len: usize| {
            Case::exact(name, move |c| {
                let y = c.input("y", &[len], &Fill::Uniform(1.0));
                let dy = c.input("dy", &[len], &Fill::Uniform(1.0));
                let dx = c.output("dx", &[len]);
                backward(&mut c.b, "relu.backward", len, y, dy, dx)
            })
        };
        let at_zero = Case::exact("y is zero", |c| {
            let y = c.input("y", &[8], &Fill::Values(vec![0.0, -0.0, 1e-30, 0.0, 1.0, 0.0, 0.0, 2.0]));
            let dy = c.input("dy", &[8], &Fill::Uniform(1.0));
            let dx = c.output("dx", &[8]);
            backward(&mut c.b, "relu.backward", 8, y, dy, dx)
        });
        vec![case("len=1", 1), case("len=1024", 1024), case("len=4099", 4099), at_zero]
    },
};

/// Records y = max(x, 0) over views of equal length, `outer` rows each.
///
/// # Errors
/// A row that cannot be bound.
pub fn forward(b: &mut Builder, scope: &str, outer: usize, x: View, y: View) -> Result<()> {
    for w in b.windows(scope, outer, &[x, y])? {
        let (x, y) = (x.rows(&w, outer), y.rows(&w, outer));
        FORWARD.dispatch(b, scope, &[("len", x.len.into())], &[("x", x), ("y", y)])?;
    }
    Ok(())
}

/// Records dx = dy where y > 0, else 0, over views of equal length, `outer` rows each.
///
/// # Errors
/// A row that cannot be bound.
pub fn backward(b: &mut Builder, scope: &str, outer: usize, y: View, dy: View, dx: View) -> Result<()> {
    for w in b.windows(scope, outer, &[y, dy, dx])? {
        let (y, dy, dx) = (y.rows(&w, outer), dy.rows(&w, outer), dx.rows(&w, outer));
        BACKWARD.dispatch(b, scope, &[("len", y.len.into())], &[("y", y), ("dy", dy), ("dx", dx)])?;
    }
    Ok(())
}
