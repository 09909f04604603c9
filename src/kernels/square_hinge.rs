//! Squared hinge loss, one against all (BinaryConnect; Merolla et al. 2016), with its gradient and the top-1 and top-5 counts in one pass.

use super::case::{Case, CaseBuilder, Fill};
use super::{Budget, Io, Kernel, STEP, Scalars, Variant, anywhere, linear_grid, read, read_u32, write};
use crate::error::Result;
use crate::plan::{Builder, Step, View};

/// Records the loss: L = mean over valid samples and classes of max(0, 1 - t o)^2, t = +1 for the label, -1 else.
///
/// `logits`, `dlogits`: `[n, classes]`; `labels`: u32 `[n]`, each below `classes`; `rows`: `[n, 3]` = (the sample's part
/// of L, top-1 correct, top-5 correct), which [`super::metric::record`] adds up. Samples from `step.valid` on give zeros.
///
/// # Errors
/// A batch that cannot be bound whole.
#[allow(clippy::too_many_arguments)]
pub fn record(
    b: &mut Builder,
    scope: &str,
    n: usize,
    classes: usize,
    logits: View,
    labels: View,
    dlogits: View,
    rows: View,
) -> Result<()> {
    let step = b.step();
    let args = [("step", step), ("logits", logits), ("labels", labels), ("dlogits", dlogits), ("rows", rows)];
    FORWARD_BACKWARD.dispatch(b, scope, &[("n", n.into()), ("classes", classes.into())], &args)
}

/// Loss, gradient and counts of each sample.
pub static FORWARD_BACKWARD: Kernel = Kernel {
    name: "square_hinge.forward_backward",
    args: &[STEP, read("logits"), read_u32("labels"), write("dlogits"), write("rows")],
    variants: &[Variant {
        name: "naive",
        file: "square_hinge/square_hinge.forward_backward.naive.wgsl",
        source: include_str!("../../shaders/square_hinge/square_hinge.forward_backward.naive.wgsl"),
        supports: anywhere,
        grid: |p, _| linear_grid(p.u("n").div_ceil(64)),
    }],
    twin: |io: &mut Io| {
        let (n, classes) = (io.params.u("n"), io.params.u("classes"));
        let valid = n.min(io.step().valid as usize);
        let (logits, labels) = (io.f("logits"), io.u("labels"));
        let (mut d, mut rows) = (Scalars::zeros(n * classes), Scalars::zeros(n * 3));
        let share = 1.0 / (valid * classes) as f64;
        for i in 0..valid {
            let (o, label) = (&logits[i * classes..(i + 1) * classes], labels[i] as usize);
            for (j, o) in o.iter().enumerate() {
                let t = if j == label { 1.0 } else { -1.0 };
                let slack = (1.0 - t * o).max(0.0);
                let part = if o.is_finite() { slack * slack * share } else { f64::INFINITY };
                rows.add(3 * i, part);
                d.add(i * classes + j, -2.0 * t * slack * share);
            }
            count(o, label, &mut rows.value[3 * i + 1..3 * i + 3]);
        }
        io.put("dlogits", d);
        io.put("rows", rows);
    },
    budget: Budget::Sum(|p| p.u("classes")),
    flop: |p| 5.0 * (p.u("n") * p.u("classes")) as f64,
    cases: || {
        // Powers of two make the mean exact as well.
        let mut all = cases(record);
        all.push(Case::exact("n=8 classes=16, integers", |c| build(c, [8, 16, 4], None, record)));
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
            all.push(Case::new(name, move |c| build(c, [4, 16, 4], fill.clone(), record)));
        }
        all.push(Case::exact("n=64 classes=4, ties", |c| build(c, [64, 4, 64], Some(Fill::Integers(1)), record)));
        all
    },
};

/// Top-1 and top-5 of one sample: an equal logit of a lower class stands before the label; NaN is never correct and
/// stands before everything.
pub(super) fn count(logits: &[f64], label: usize, out: &mut [f64]) {
    let t = logits[label];
    let before = logits.iter().enumerate().filter(|&(j, &v)| v.is_nan() || v > t || (v == t && j < label)).count();
    for (out, k) in out.iter_mut().zip([1, 5]) {
        *out = if !t.is_nan() && before < k { 1.0 } else { 0.0 };
    }
}

/// The signature that both losses share.
pub(super) type Record = fn(&mut Builder, &str, usize, usize, View, View, View, View) -> Result<()>;

/// A case of a loss: `[n, classes, valid]`.
pub(super) fn build(c: &mut CaseBuilder, shape: [usize; 3], fill: Option<Fill>, record: Record) -> Result<()> {
    let [n, classes, valid] = shape;
    c.step(Step { valid: valid as u32, ..Step::at(1, 2) });
    let logits = match fill {
        Some(fill) => c.input("logits", &[n, classes], &fill),
        None => c.operand("logits", &[n, classes]),
    };
    let labels = c.words("labels", (0..n).map(|i| (i * 7 % classes) as u32).collect());
    let (d, rows) = (c.output("dlogits", &[n, classes]), c.output("rows", &[n, 3]));
    record(&mut c.b, "loss", n, classes, logits, labels, d, rows)
}

/// The cases of both losses. The terms of a loss all have one sign.
pub(super) fn cases(record: Record) -> Vec<Case> {
    let case = |name: &str, shape: [usize; 3], a: f32| {
        Case::new(name, move |c| build(c, shape, Some(Fill::Uniform(a)), record)).one_sign()
    };
    vec![
        case("n=50 classes=10", [50, 10, 50], 2.0),
        case("n=50 classes=10, padded", [50, 10, 33], 2.0),
        case("n=130 classes=1000", [130, 1000, 130], 4.0),
        case("large logits", [9, 12, 9], 300.0),
        case("one class", [3, 1, 3], 1.0),
        case("one of everything", [1, 1, 1], 1.0),
        case("no valid sample", [5, 3, 0], 1.0),
        Case::new("ties", move |c| build(c, [70, 9, 70], Some(Fill::Integers(2)), record)).one_sign(),
    ]
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn ties_go_to_the_lower_class_and_nan_is_never_correct() {
        let top = |logits: &[f64], label: usize| {
            let mut out = [9.0; 2];
            count(logits, label, &mut out);
            out
        };
        assert_eq!(top(&[1.0, 1.0, 0.0], 0), [1.0, 1.0]);
        assert_eq!(top(&[1.0, 1.0, 0.0], 1), [0.0, 1.0]);
        assert_eq!(top(&[0.0; 7], 4), [0.0, 1.0]);
        assert_eq!(top(&[0.0; 7], 5), [0.0, 0.0]);
        assert_eq!(top(&[f64::NAN, 1.0], 0), [0.0, 0.0]);
        assert_eq!(top(&[f64::NAN, 1.0], 1), [0.0, 1.0]);
    }
}
