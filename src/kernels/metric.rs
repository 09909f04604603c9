//! Loss and counts of a step into the row of the metrics buffer that the host reads late, and the sticky halt flag.

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, STEP, Scalars, Variant, anywhere, read, update, update_u32};
use crate::error::Result;
use crate::plan::{Builder, Step, View};

/// Words of one row of the metrics buffer: loss, top-1 count, top-5 count, valid samples.
pub const ROW: usize = 4;

/// Records the sums of a loss's `rows` `[n, 3]` into row `step.slot` of `metrics` `[slots, 4]` = (loss, top-1 count,
/// top-5 count, valid samples). `halt`: u32 `[2]`, zeroed by the host; the first step whose loss is not finite, or which
/// finds an infinite value among `maxima` (the optimiser's sign that its last update was not finite), sets `halt[0]` to 1
/// and `halt[1]` to its low word, and the optimiser then leaves the weights alone.
///
/// # Errors
/// A view that cannot be bound.
pub fn record(
    b: &mut Builder,
    scope: &str,
    n: usize,
    rows: View,
    maxima: View,
    metrics: View,
    halt: View,
) -> Result<()> {
    let step = b.step();
    let params = [("n", n.into()), ("slots", (metrics.len / ROW).into()), ("chunks", maxima.len.into())];
    let args = [("step", step), ("rows", rows), ("maxima", maxima), ("metrics", metrics), ("halt", halt)];
    REDUCE.dispatch(b, scope, &params, &args)
}

/// Adds the rows of a loss.
pub static REDUCE: Kernel = Kernel {
    name: "metric.reduce",
    args: &[STEP, read("rows"), read("maxima"), update("metrics"), update_u32("halt")],
    variants: &[Variant::new("naive", anywhere, |_, _| [1, 1, 1])],
    twin: |io: &mut Io| {
        let (n, step) = (io.params.u("n"), io.step());
        let mut sums = Scalars::zeros(ROW);
        for (i, &v) in io.f("rows").iter().take(3 * n).enumerate() {
            sums.add(i % 3, v);
        }
        sums.set(3, f64::from(step.valid.min(n as u32)), 0.0);
        let mut metrics = Scalars { value: io.f("metrics").to_vec(), scale: vec![0.0; io.len("metrics")] };
        if (step.slot as usize) < io.params.u("slots") {
            let at = step.slot as usize * ROW;
            metrics.value[at..at + ROW].copy_from_slice(&sums.value);
            metrics.scale[at..at + ROW].copy_from_slice(&sums.scale);
        }
        let mut halt = io.u("halt").to_vec();
        let sound = (sums.value[0] as f32).is_finite() && io.f("maxima").iter().all(|m| m.is_finite());
        if halt[0] == 0 && !sound {
            halt = vec![1, step.step_lo];
        }
        io.put("metrics", metrics);
        io.put_u("halt", halt);
    },
    budget: Budget::Sum(|p| p.u("n")),
    flop: |p| 3.0 * p.u("n") as f64,
    cases: || {
        let of = |name: &str, exact: bool, n: usize, rows: Fill, slot: u32, halt: [u32; 2], maxima: Vec<f32>| {
            let build = move |c: &mut super::case::CaseBuilder| {
                c.step(Step { slot, valid: n as u32, ..Step::at(1, 77) });
                let rows = c.input("rows", &[n, 3], &rows);
                let metrics = c.input("metrics", &[3, ROW], &Fill::Uniform(1.0));
                let halt = c.words("halt", halt.to_vec());
                let maxima = c.input("maxima", &[maxima.len()], &Fill::Values(maxima.clone()));
                record(&mut c.b, "metric", n, rows, maxima, metrics, halt)
            };
            if exact { Case::exact(name, build) } else { Case::new(name, build).one_sign() }
        };
        let case = |name: &str, exact: bool, n: usize, rows: Fill, slot: u32, halt: [u32; 2]| {
            of(name, exact, n, rows, slot, halt, vec![0.5; 3])
        };
        let flagged = |at: usize| {
            let mut maxima = vec![0.5; 100];
            maxima[at] = f32::INFINITY;
            maxima
        };
        let infinite = |at: usize| {
            let mut v = vec![0.5; 3 * 70];
            v[at] = f32::INFINITY;
            Fill::Values(v)
        };
        vec![
            case("n=1", true, 1, Fill::Integers(4), 0, [0, 0]),
            case("n=50, integers", true, 50, Fill::Integers(4), 2, [0, 0]),
            case("n=1000", false, 1000, Fill::Range(0.0, 1.0), 1, [0, 0]),
            case("infinite loss halts", true, 70, infinite(3 * 69), 0, [0, 0]),
            of("a flagged update halts", true, 8, Fill::Integers(4), 0, [0, 0], flagged(99)),
            case("an infinite count does not halt", true, 70, infinite(3 * 5 + 1), 0, [0, 0]),
            case("the first halt stays", true, 70, infinite(0), 0, [1, 5]),
            case("a slot outside is not written", true, 9, Fill::Integers(4), 3, [0, 0]),
        ]
    },
};
