//! What a network says of a picture by several crops of it: the mean of what it says of each.

use super::case::{Case, CaseBuilder, Fill};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, View};

/// Crops of a picture, at most.
const MOST: usize = 16;

/// Records `y` `[n, classes]` = what `logits` `[n, crops, classes]` say together: with `softmax` the logarithm of the mean of their softmax,
/// which again is one of logits (Krizhevsky et al. 2012, section 4.1), else their mean.
///
/// # Errors
/// A batch that cannot be bound whole.
///
/// # Panics
/// On more than 16 crops: a bug of the caller.
pub fn mean(
    b: &mut Builder,
    scope: &str,
    [n, crops, classes]: [usize; 3],
    softmax: bool,
    logits: View,
    y: View,
) -> Result<()> {
    assert!(crops <= MOST, "{crops} crops");
    let params = [
        ("n", n.into()),
        ("crops", crops.into()),
        ("classes", classes.into()),
        ("softmax", usize::from(softmax).into()),
    ];
    MEAN.dispatch(b, scope, &params, &[("logits", logits), ("y", y)])
}

/// y from logits.
pub static MEAN: Kernel = Kernel {
    name: "crops.mean",
    args: &[read("logits"), write("y")],
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("n").div_ceil(64)))],
    twin: |io: &mut Io| {
        let [n, crops, classes, softmax] = ["n", "crops", "classes", "softmax"].map(|name| io.params.u(name));
        let logits = io.f("logits");
        let mut y = Scalars::zeros(n * classes);
        for i in 0..n {
            let of = |k: usize| &logits[(i * crops + k) * classes..][..classes];
            // Of each crop the largest, the sum of exponentials, and the relative error of that in units of the budget; see
            // `softmax_ce` for the errors of exp.
            let weight = |x: f64| 2.0 + x.abs();
            let sums: Vec<[f64; 3]> = (0..crops)
                .map(|k| {
                    let largest = of(k).iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let x = || of(k).iter().map(move |o| o - largest);
                    let sum: f64 = x().map(f64::exp).sum();
                    [largest, sum, x().map(|x| x.exp() / sum * weight(x)).sum()]
                })
                .collect();
            for j in 0..classes {
                let at = i * classes + j;
                if softmax == 0 {
                    (0..crops).for_each(|k| y.add(at, of(k)[j] / crops as f64));
                    continue;
                }
                let (mut mean, mut error) = (0.0, 0.0);
                for (k, [largest, sum, spread]) in sums.iter().enumerate() {
                    let x = of(k)[j] - largest;
                    let share = x.exp() / sum / crops as f64;
                    mean += share;
                    error += share * (2.0 + weight(x) + spread);
                }
                let smallest = f64::from(f32::MIN_POSITIVE);
                if mean.is_nan() {
                    y.set(at, mean, 0.0);
                } else {
                    let bounded = mean.max(smallest);
                    y.set(at, bounded.ln(), bounded.ln().abs() + error / bounded + 1.0);
                }
            }
        }
        io.put("y", y);
    },
    budget: Budget::Sum(|p| p.u("classes")),
    flop: |p| 6.0 * (p.u("n") * p.u("crops") * p.u("classes")) as f64,
    cases: || {
        let build = |c: &mut CaseBuilder, shape: [usize; 3], softmax: bool, fill: Option<f32>| {
            let [n, _, classes] = shape;
            let logits = match fill {
                Some(a) => c.input("logits", &shape, &Fill::Uniform(a)),
                None => c.operand("logits", &shape),
            };
            let y = c.output("y", &[n, classes]);
            mean(&mut c.b, "crops", shape, softmax, logits, y)
        };
        let case =
            |name: &str, shape, softmax, a| Case::new(name, move |c| build(c, shape, softmax, Some(a))).one_sign();
        vec![
            case("n=7 crops=10 classes=1000", [7, 10, 1000], true, 4.0),
            case("n=130 crops=10 classes=11", [130, 10, 11], true, 2.0),
            case("one of everything", [1, 1, 1], true, 1.0),
            case("large logits", [9, 3, 12], true, 300.0),
            case("outputs themselves", [70, 10, 13], false, 2.0),
            Case::exact("outputs themselves, integers", move |c| build(c, [9, 8, 5], false, None)),
        ]
    },
};
