//! What an adapter can do at best: arithmetic in registers, matrix products in registers, a copy, a dispatch. The
//! profile measures these where it runs and holds every other kernel against them. They are kernels like all others, so
//! `check` proves that what is measured is what was meant.

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, Variant, anywhere, linear_grid, matrices, read, write};
use crate::error::Result;
use crate::plan::{Builder, Params, Target, View};

/// Steps of a chain per round, see `shaders/roof/roof.fma.naive.wgsl`.
const STEPS: usize = 8;

/// Elements that a workgroup of `roof.fma` variant `wide` owns; lengths must be multiples of it.
pub const WIDE: usize = 768;

/// Results that a workgroup of `roof.matrix` variant `coop` owns: eight in each of four subgroups.
pub const MATRICES: usize = 32;

/// y = x after `rounds` times 8 steps x -> a x + b.
pub static FMA: Kernel = Kernel {
    name: "roof.fma",
    args: &[read("x"), write("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64))),
        Variant::new(
            "wide",
            |_, p| match p.u("len").is_multiple_of(WIDE) {
                true => Ok(()),
                false => Err("the length is no multiple of 768"),
            },
            |p, _| linear_grid(p.u("len") / WIDE),
        ),
    ],
    twin: |io: &mut Io| {
        let (a, b) = (f64::from(io.params.f("a")), f64::from(io.params.f("b")));
        let steps = io.params.u("rounds") * STEPS;
        let y: Vec<f64> = io.f("x").iter().map(|&x| (0..steps).fold(x, |v, _| a * v + b)).collect();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |p| 2.0 * (p.u("len") * p.u("rounds") * STEPS) as f64,
    cases: || {
        let case = |name: &str, len: usize, a: f32, b: f32| {
            Case::exact(name, move |c| {
                let x = c.input("x", &[len], &Fill::Integers(9));
                let y = c.output("y", &[len]);
                fma(&mut c.b, "roof.fma", 3, a, b, x, y)
            })
        };
        vec![case("counts up", WIDE, 1.0, 1.0), case("turns", 2 * WIDE, -1.0, 5.0), case("len=65", 65, 1.0, -2.0)]
    },
};

/// y = x.
pub static COPY: Kernel = Kernel {
    name: "roof.copy",
    args: &[read("x"), write("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64))),
        Variant::new("vec4", super::relu::vec4_len, |p, _| linear_grid(p.u("len").div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let y = io.f("x").to_vec();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || {
        let case = |name: &str, len: usize| {
            Case::exact(name, move |c| {
                let x = c.input("x", &[len], &Fill::Uniform(1.0));
                let y = c.output("y", &[len]);
                copy(&mut c.b, "roof.copy", x, y)
            })
        };
        vec![case("len=1", 1), case("len=1024", 1024), case("len=4099", 4099)]
    },
};

/// y\[0\] = 1.
pub static DISPATCH: Kernel = Kernel {
    name: "roof.dispatch",
    args: &[write("y")],
    variants: &[Variant::new("naive", anywhere, |_, _| [1, 1, 1])],
    twin: |io: &mut Io| io.put("y", vec![1.0]),
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || {
        vec![Case::exact("one", |c| {
            let y = c.output("y", &[1]);
            dispatch(&mut c.b, "roof.dispatch", y)
        })]
    },
};

/// C_ij = rounds A_i B_j for two A and four B of `size` x `size`, over and over until `len` elements are full.
pub static MATRIX: Kernel = Kernel {
    name: "roof.matrix",
    args: &[read("a"), read("b"), write("c")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64))),
        Variant::new("coop", coop, |p, _| linear_grid(p.u("len") / (MATRICES * p.u("size") * p.u("size")))).in_halves(),
    ],
    twin: |io: &mut Io| {
        let (a, b, rounds) = (io.f("a"), io.f("b"), io.params.u("rounds") as f64);
        let size = io.params.u("size");
        let element = |i: usize| {
            let (row, column, pair) = (i / size % size, i % size, i / (size * size) % 8);
            let (left, right) = ((pair / 4 * size + row) * size, pair % 4 * size * size + column);
            rounds * (0..size).map(|k| a[left + k] * b[right + k * size]).sum::<f64>()
        };
        let c: Vec<f64> = (0..io.len("c")).map(element).collect();
        io.put("c", c);
    },
    budget: Budget::Exact,
    flop: |p| (p.u("len") * p.u("rounds") * p.u("size")) as f64 * 2.0,
    cases: || {
        let case = |size: usize, workgroups: usize, rounds: usize| {
            Case::exact(format!("{size} x {size}, {rounds} rounds"), move |c| {
                let (a, b) = (c.operand("a", &[2, size, size]), c.operand("b", &[4, size, size]));
                let out = c.output("c", &[workgroups * MATRICES, size, size]);
                matrix(&mut c.b, "roof.matrix", size, rounds, a, b, out)
            })
        };
        vec![case(16, 1, 1), case(16, 2, 5), case(8, 1, 1), case(8, 2, 5)]
    },
};

fn coop(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    matrices::offered(t)?;
    if t.adapter.matrices.is_none_or(|m| m.size as usize != p.u("size")) {
        return Err("the adapter's matrices are of another size");
    }
    let whole = p.u("len").is_multiple_of(MATRICES * p.u("size") * p.u("size"));
    if whole { Ok(()) } else { Err("the length is no multiple of the results of a workgroup") }
}

/// Records y = x after `rounds` times 8 steps x -> a x + b.
///
/// # Errors
/// A view that cannot be bound.
pub fn fma(b: &mut Builder, scope: &str, rounds: usize, factor: f32, term: f32, x: View, y: View) -> Result<()> {
    let params = [("len", x.len.into()), ("rounds", rounds.into()), ("a", factor.into()), ("b", term.into())];
    FMA.dispatch(b, scope, &params, &[("x", x), ("y", y)])
}

/// Records y = x.
///
/// # Errors
/// A view that cannot be bound.
pub fn copy(b: &mut Builder, scope: &str, x: View, y: View) -> Result<()> {
    COPY.dispatch(b, scope, &[("len", x.len.into())], &[("x", x), ("y", y)])
}

/// Records y\[0\] = 1.
///
/// # Errors
/// A view that cannot be bound.
pub fn dispatch(b: &mut Builder, scope: &str, y: View) -> Result<()> {
    DISPATCH.dispatch(b, scope, &[], &[("y", y)])
}

/// Records c_ij = rounds A_i B_j for the two matrices of `left` and the four of `right`, `size` x `size` each.
///
/// # Errors
/// A view that cannot be bound.
pub fn matrix(
    b: &mut Builder,
    scope: &str,
    size: usize,
    rounds: usize,
    left: View,
    right: View,
    c: View,
) -> Result<()> {
    let params = [("len", c.len.into()), ("rounds", rounds.into()), ("size", size.into())];
    MATRIX.dispatch(b, scope, &params, &[("a", left), ("b", right), ("c", c)])
}
