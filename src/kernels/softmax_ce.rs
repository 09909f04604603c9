//! Cross-entropy of the softmax, with its gradient and the top-1 and top-5 counts in one pass.

use super::loss::{ARGS, cases, count};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid};

/// L = mean over valid samples of -log softmax(o)_label, in nats.
pub static FORWARD_BACKWARD: Kernel = Kernel {
    name: "softmax_ce.forward_backward",
    args: ARGS,
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("n").div_ceil(64)))],
    twin: |io: &mut Io| {
        let (n, classes) = (io.params.u("n"), io.params.u("classes"));
        let valid = n.min(io.step().valid as usize);
        let (logits, labels) = (io.f("logits"), io.u("labels"));
        let (mut d, mut rows) = (Scalars::zeros(n * classes), Scalars::zeros(n * 3));
        for i in 0..valid {
            let (o, label) = (&logits[i * classes..(i + 1) * classes], labels[i] as usize);
            let largest = o.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let x: Vec<f64> = o.iter().map(|v| v - largest).collect();
            let sum: f64 = x.iter().map(|x| x.exp()).sum();
            // WGSL allows exp an error of 3 + 2 |x| ulp and log one of 3 ulp, or of 2^-21 near 1; division 2.5 ulp.
            // `weight` is the relative error of one exponential in units of the budget, `spread` that of their sum.
            let weight = |x: f64| 2.0 + x.abs();
            let spread: f64 = x.iter().map(|&x| x.exp() / sum * weight(x)).sum();
            let share = 1.0 / valid as f64;
            for (j, &x) in x.iter().enumerate() {
                let (p, hit) = (x.exp() / sum, if j == label { 1.0 } else { 0.0 });
                d.set(i * classes + j, (p - hit) * share, (p * (weight(x) + spread) + hit) * share);
            }
            let loss = sum.ln() - x[label];
            rows.set(3 * i, loss * share, (1.0 + sum.ln() + x[label].abs() + spread) * share);
            count(o, label, &mut rows.value[3 * i + 1..3 * i + 3]);
        }
        io.put("dlogits", d);
        io.put("rows", rows);
    },
    budget: Budget::Sum(|p| p.u("classes")),
    flop: |p| 7.0 * (p.u("n") * p.u("classes")) as f64,
    cases: || cases(&FORWARD_BACKWARD),
};
