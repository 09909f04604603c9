//! What the losses share: arguments, record function, cases, and the counts of correct answers in their twins.

use super::case::{Case, CaseBuilder, Fill};
use super::{ArgSpec, Io, Kernel, STEP, Scalars, read, read_u32, write};
use crate::error::Result;
use crate::plan::{Builder, Step, View};

/// What a loss reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct Arrays {
    /// Outputs of the network, `[n, classes]`.
    pub logits: View,
    /// u32 `[n]`, each below `classes`.
    pub labels: View,
    /// Gradient of L with respect to the logits, `[n, classes]`.
    pub dlogits: View,
    /// `[n, 3]` = (the sample's part of L, top-1 correct, top-5 correct), which [`super::metric::record`] adds up.
    pub rows: View,
}

/// The signature of every loss.
pub(super) const ARGS: &[ArgSpec] = &[STEP, read("logits"), read_u32("labels"), write("dlogits"), write("rows")];

/// Records a loss of `[n, classes]` logits, its gradient and its counts in one pass: their part of the mean over the `step.valid`
/// samples of the whole batch. Samples from `step.valid` on give zeros.
///
/// # Errors
/// A batch that cannot be bound whole.
pub fn record(b: &mut Builder, scope: &str, loss: &'static Kernel, [n, classes]: [usize; 2], a: &Arrays) -> Result<()> {
    let step = b.step();
    let args = [("step", step), ("logits", a.logits), ("labels", a.labels), ("dlogits", a.dlogits), ("rows", a.rows)];
    loss.dispatch(b, scope, &[("n", n.into()), ("classes", classes.into())], &args)
}

/// A valid sample, as the twin of a loss sees it.
pub(super) struct Sample<'a> {
    /// Its place in the batch.
    pub index: usize,
    /// Valid samples in the whole batch.
    pub valid: usize,
    /// Outputs of the network for it.
    pub logits: &'a [f64],
    /// Its class.
    pub label: usize,
}

/// The twin of a loss: `sample` adds a sample's part to `dlogits` and to the first of its three `rows`.
pub(super) fn twin(io: &mut Io, sample: impl Fn(&Sample, &mut Scalars, &mut Scalars)) {
    let (n, classes) = (io.params.u("n"), io.params.u("classes"));
    let valid = io.step().valid as usize;
    let (logits, labels) = (io.f("logits"), io.u("labels"));
    let (mut d, mut rows) = (Scalars::zeros(n * classes), Scalars::zeros(n * 3));
    for index in 0..n.min(valid) {
        let (logits, label) = (&logits[index * classes..(index + 1) * classes], labels[index] as usize);
        sample(&Sample { index, valid, logits, label }, &mut d, &mut rows);
        count(logits, label, &mut rows.value[3 * index + 1..3 * index + 3]);
    }
    io.put("dlogits", d);
    io.put("rows", rows);
}

/// Top-1 and top-5 of one sample: an equal logit of a lower class stands before the label; NaN is never correct and
/// stands before everything.
fn count(logits: &[f64], label: usize, out: &mut [f64]) {
    let t = logits[label];
    let before = logits.iter().enumerate().filter(|&(j, &v)| v.is_nan() || v > t || (v == t && j < label)).count();
    for (out, k) in out.iter_mut().zip([1, 5]) {
        *out = if !t.is_nan() && before < k { 1.0 } else { 0.0 };
    }
}

/// A case of a loss: `[n, classes, valid]`.
pub(super) fn build(c: &mut CaseBuilder, shape: [usize; 3], fill: Option<Fill>, loss: &'static Kernel) -> Result<()> {
    let [n, classes, valid] = shape;
    c.step(Step { valid: valid as u32, ..Step::at(1, 2) });
    let logits = match fill {
        Some(fill) => c.input("logits", &[n, classes], &fill),
        None => c.operand("logits", &[n, classes]),
    };
    let labels = c.words("labels", (0..n).map(|i| (i * 7 % classes) as u32).collect());
    let (dlogits, rows) = (c.output("dlogits", &[n, classes]), c.output("rows", &[n, 3]));
    record(&mut c.b, "loss", loss, [n, classes], &Arrays { logits, labels, dlogits, rows })
}

/// The cases of every loss. The terms of a loss all have one sign.
pub(super) fn cases(loss: &'static Kernel) -> Vec<Case> {
    let case = |name: &str, shape: [usize; 3], a: f32| {
        Case::new(name, move |c| build(c, shape, Some(Fill::Uniform(a)), loss)).one_sign()
    };
    vec![
        case("n=50 classes=10", [50, 10, 50], 2.0),
        case("n=50 classes=10, padded", [50, 10, 33], 2.0),
        case("a shard of 200 samples", [50, 10, 200], 2.0),
        case("n=130 classes=1000", [130, 1000, 130], 4.0),
        case("large logits", [9, 12, 9], 300.0),
        case("one class", [3, 1, 3], 1.0),
        case("one of everything", [1, 1, 1], 1.0),
        case("no valid sample", [5, 3, 0], 1.0),
        Case::new("ties", move |c| build(c, [70, 9, 70], Some(Fill::Integers(2)), loss)).one_sign(),
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
