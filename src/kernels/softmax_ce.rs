//! Cross-entropy of the softmax, with its gradient and the top-1 and top-5 counts in one pass.

use super::loss::{ARGS, cases, twin};
use super::{Budget, Io, Kernel, Variant, anywhere, linear_grid};

/// L = mean over valid samples of -log softmax(o)_label, in nats.
pub static FORWARD_BACKWARD: Kernel = Kernel {
    name: "softmax_ce.forward_backward",
    args: ARGS,
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("n").div_ceil(64)))],
    twin: |io: &mut Io| {
        twin(io, |s, d, rows| {
            let at = s.index * s.logits.len();
            let largest = s.logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let x: Vec<f64> = s.logits.iter().map(|v| v - largest).collect();
            let sum: f64 = x.iter().map(|x| x.exp()).sum();
            // WGSL allows exp an error of 3 + 2 |x| ulp and log one of 3 ulp, or of 2^-21 near 1; division 2.5 ulp.
            // `weight` is the relative error of one exponential in units of the budget, `spread` that of their sum.
            let weight = |x: f64| 2.0 + x.abs();
            let spread: f64 = x.iter().map(|&x| x.exp() / sum * weight(x)).sum();
            let share = 1.0 / s.valid as f64;
            for (j, &x) in x.iter().enumerate() {
                let (p, hit) = (x.exp() / sum, if j == s.label { 1.0 } else { 0.0 });
                d.set(at + j, (p - hit) * share, (p * (weight(x) + spread) + hit) * share);
            }
            let x = x[s.label];
            rows.set(3 * s.index, (sum.ln() - x) * share, (1.0 + sum.ln() + x.abs() + spread) * share);
        });
    },
    budget: Budget::Sum(|p| p.u("classes")),
    flop: |p| 7.0 * (p.u("n") * p.u("classes")) as f64,
    cases: || cases(&FORWARD_BACKWARD),
};
