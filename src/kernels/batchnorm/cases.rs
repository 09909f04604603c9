//! Test cases of batch normalisation.

use super::{Channels, Gradients, Shape};
use crate::kernels::case::{Case, CaseBuilder, Fill};

/// Uniform with mean 100 and standard deviation 1.
const FAR: Fill = Fill::Range(98.268, 101.732);

/// A case whose sums are exact, or one judged by the budget.
fn case(
    name: &str,
    exact: bool,
    build: impl Fn(&mut CaseBuilder) -> crate::error::Result<()> + Send + Sync + 'static,
) -> Case {
    if exact { Case::exact(format!("{name}, integers"), build) } else { Case::new(name, build) }
}

pub(super) fn batch_moments() -> Vec<Case> {
    let of = |name: &str, exact: bool, rows: usize, c: usize, fill: Fill, limit: usize| {
        case(name, exact, move |k| {
            k.b.target.adapter.limits.max_binding = limit;
            let x = k.input("x", &[rows, c], &fill);
            let (mean, var) = (k.output("mean", &[c]), k.output("var", &[c]));
            super::batch_moments(&mut k.b, "batchnorm", rows, c, x, mean, var)
        })
        .one_sign() // squares
    };
    let all = 1 << 20;
    vec![
        of("one of everything", false, 1, 1, Fill::Uniform(1.0), all),
        // Rows are powers of two: the mean is exact.
        of("rows=64 c=4", true, 64, 4, Fill::Integers(4), all),
        of("rows=128 c=7", true, 128, 7, Fill::Integers(4), all),
        of("rows=50 c=132", false, 50, 132, Fill::Uniform(3.0), all),
        of("rows=1000 c=3", false, 1000, 3, Fill::Uniform(1.0), all),
        of("rows=20000 c=8", false, 20_000, 8, Fill::Uniform(1.0), all),
        of("mean 100", false, 20_000, 5, FAR, all),
        of("mean 100, four-wide", false, 3000, 4, FAR, all),
        of("mean 10000", false, 3000, 4, Fill::Range(9998.268, 10_001.732), all),
        of("rows=128 c=256", true, 128, 256, Fill::Integers(4), all),
        of("rows=333 c=128", false, 333, 128, Fill::Uniform(1.0), all),
        of("rows=3 c=128", false, 3, 128, Fill::Uniform(1.0), all),
        of("mean 10000, 128 channels", false, 700, 128, Fill::Range(9998.268, 10_001.732), all),
        of("constant channels", false, 200, 4, Fill::Values(vec![0.1; 800]), all),
        of("windows", false, 2100, 4, FAR, 16 << 10),
    ]
}

/// The channel arrays of a case: exact ones have a standard deviation of one.
fn channels(k: &mut CaseBuilder, exact: bool, c: usize) -> Channels {
    let mean = k.operand("mean", &[c]);
    let (var, eps) = if exact { (Fill::Values(vec![0.75; c]), 0.25) } else { (Fill::Range(0.01, 3.0), 1e-4) };
    let (var, gamma) = (k.input("var", &[c], &var), k.operand("gamma", &[c]));
    Channels { mean, var, gamma, eps }
}

const SHAPES: &[(&str, bool, usize, usize, usize)] = &[
    ("one of everything", false, 1, 1, 1 << 20),
    ("rows=64 c=4", true, 64, 4, 1 << 20),
    ("rows=256 c=7", true, 256, 7, 1 << 20),
    ("rows=50 c=132", false, 50, 132, 1 << 20),
    ("rows=4099 c=3", false, 4099, 3, 1 << 20),
    ("rows=4099 c=8", false, 4099, 8, 1 << 20),
    ("windows", false, 2100, 4, 16 << 10),
];

pub(super) fn forward() -> Vec<Case> {
    let of = |&(name, exact, rows, c, limit): &(&str, bool, usize, usize, usize)| {
        case(name, exact, move |k| {
            k.b.target.adapter.limits.max_binding = limit;
            let channels = channels(k, exact, c);
            let (x, beta) = (k.operand("x", &[rows, c]), k.operand("beta", &[c]));
            let y = k.output("y", &[rows, c]);
            super::forward(&mut k.b, "batchnorm", Shape { rows, c }, x, &channels, beta, y)
        })
    };
    SHAPES.iter().map(of).collect()
}

pub(super) fn backward() -> Vec<Case> {
    let of = |&(name, exact, rows, c, limit): &(&str, bool, usize, usize, usize)| {
        case(name, exact, move |k| {
            k.b.target.adapter.limits.max_binding = limit;
            let channels = channels(k, exact, c);
            let (x, dy) = (k.operand("x", &[rows, c]), k.operand("dy", &[rows, c]));
            let (dgamma, dbeta) = (k.output("dgamma", &[c]), k.output("dbeta", &[c]));
            let gradients = Gradients { dgamma, dbeta, dx: Some(k.output("dx", &[rows, c])) };
            super::backward(&mut k.b, "batchnorm", Shape { rows, c }, x, dy, &channels, &gradients)
        })
    };
    SHAPES.iter().map(of).collect()
}
