//! Squared hinge loss, one against all (BinaryConnect; Merolla et al. 2016), with its gradient and the top-1 and top-5 counts in one pass.

use super::case::{Case, Fill};
use super::loss::{ARGS, build, cases, twin};
use super::{Budget, Io, Kernel, Variant, anywhere, linear_grid};

/// L = mean over valid samples and classes of max(0, 1 - t o)^2, t = +1 for the label, -1 else.
pub static FORWARD_BACKWARD: Kernel = Kernel {
    name: "square_hinge.forward_backward",
    args: ARGS,
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("n").div_ceil(64)))],
    twin: |io: &mut Io| {
        twin(io, |s, d, rows| {
            let share = 1.0 / (s.valid * s.logits.len()) as f64;
            for (j, o) in s.logits.iter().enumerate() {
                let t = if j == s.label { 1.0 } else { -1.0 };
                let slack = (1.0 - t * o).max(0.0);
                let part = if o.is_finite() { slack * slack * share } else { f64::INFINITY };
                rows.add(3 * s.index, part);
                d.add(s.index * s.logits.len() + j, -2.0 * t * slack * share);
            }
        });
    },
    budget: Budget::Sum(|p| p.u("classes")),
    flop: |p| 5.0 * (p.u("n") * p.u("classes")) as f64,
    cases: || {
        // Powers of two make the mean exact as well.
        let mut all = cases(&FORWARD_BACKWARD);
        all.push(Case::exact("n=8 classes=16, integers", |c| build(c, [8, 16, 4], None, &FORWARD_BACKWARD)));
        let unsound = |at: usize, v: f32| {
            let mut logits = vec![1.0; 64];
            logits[at] = v;
            Some(Fill::Values(logits))
        };
        for (name, fill) in [
            ("n=4 classes=16, NaN", unsound(3, f32::NAN)),
            ("n=4 classes=16, infinity", unsound(17, f32::INFINITY)),
            ("n=4 classes=16, minus infinity", unsound(33, f32::NEG_INFINITY)),
        ] {
            all.push(Case::new(name, move |c| build(c, [4, 16, 4], fill.clone(), &FORWARD_BACKWARD)));
        }
        all.push(Case::exact("n=64 classes=4, ties", |c| {
            build(c, [64, 4, 64], Some(Fill::Integers(1)), &FORWARD_BACKWARD)
        }));
        all
    },
};
