//! The sum of the partial sums of every gradient, in a flat array: what is exchanged where a step is cut between backward
//! and update. An update adds them itself, so a whole step needs none of this.

use super::{arrays, gradient, partial_sums, table};
use crate::error::Result;
use crate::kernels::case::{Case, Fill};
use crate::kernels::flat::{AWKWARD, chunk_grid};
use crate::kernels::parameters::{Parameters, owned};
use crate::kernels::{Budget, Io, Kernel, Scalars, Variant, anywhere, read, read_u32, write};
use crate::plan::{Builder, View};

/// Records sum = the gradients of every tensor, each at its place in the flat arrays, from their partial sums `grad`. The order
/// is that of the updates: one from `sum`, with the tensors of [`Parameters::summed`], gives the bits of one from `grad`.
///
/// # Errors
/// A chunk whose partial sums exceed the binding limit.
pub fn sum(b: &mut Builder, scope: &str, p: &Parameters, grad: View, sum: View) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    for w in p.windows(scope, &b.target.adapter.limits, true)? {
        let (params, grad) = partial_sums(p, &w, grad);
        let sum = sum.slice(w.flat);
        KERNEL.dispatch(
            b,
            scope,
            &params,
            &[("segments", segments), ("chunks", chunks), ("grad", grad), ("sum", sum)],
        )?;
    }
    Ok(())
}

/// sum.
pub static KERNEL: Kernel = Kernel {
    name: "optimizer.sum",
    args: &[read_u32("segments"), read_u32("chunks"), read("grad"), write("sum")],
    variants: &[Variant::new("naive", anywhere, chunk_grid)],
    twin: |io: &mut Io| {
        let mut sum = Scalars::zeros(io.len("sum"));
        for o in owned(io) {
            for (i, element) in (o.at..).zip(o.elements.clone()) {
                let g = gradient(io, &o, element, 0.0);
                sum.set(i, g.sum, g.scale);
            }
        }
        io.put("sum", sum);
    },
    // The partial sums of a convolution, at most.
    budget: Budget::Sum(|_| 64),
    flop: |p| p.u("chunks") as f64 * 4096.0,
    cases: || {
        let case = |name: &str, exact: bool, lens: &[usize], splits: usize, limit: usize| {
            let p = table(lens, splits, 1.0, 0.0);
            let fill = if exact { Fill::Integers(8) } else { Fill::Uniform(1.0) };
            let run = move |c: &mut super::CaseBuilder| {
                c.b.target.adapter.limits.max_binding = limit;
                let grad = arrays(c, &p, &fill, 0).grad;
                let out = c.output("sum", &[p.len()]);
                sum(&mut c.b, "update.sum", &p, grad, out)
            };
            if exact { Case::exact(name, run) } else { Case::new(name, run) }
        };
        let all = 1 << 27;
        vec![
            case("one element", true, &[1], 1, all),
            case("whole gradients", true, AWKWARD, 1, all),
            case("partial sums", false, AWKWARD, 5, all),
            case("partial sums, integers", true, AWKWARD, 5, all),
            case("windows", true, &[30_000, 9000, 7, 3000], 2, 100 << 10),
        ]
    },
};
