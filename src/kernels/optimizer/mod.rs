//! The update of every parameter tensor in one dispatch: adds the partial sums of the gradients, moves the weights by the
//! method of a preset (a file each), clips to the bound of the tensor and leaves max |w| of every chunk for the next projection.

mod adam;
mod lion;
mod sgd;
mod sum;

pub use adam::{Adam, KERNEL as ADAM};
pub use lion::{KERNEL as LION, Lion};
use serde::{Deserialize, Serialize};
pub use sgd::{KERNEL as SGD, Sgd};
pub use sum::{KERNEL as SUM, sum};

use super::case::{Case, CaseBuilder, Fill};
use super::flat::{AWKWARD, case_step, chunk_grid, flat};
use super::parameters::{Owned, Parameters, Tensor, Window, owned};
use super::{ArgSpec, Io, Kernel, STEP, Scalars, Variant, anywhere, read, read_u32, update};
use crate::error::Result;
use crate::plan::{Builder, Elem, Params, Role, Step, Target, Value, View};
use crate::ranges::{Check, require};

/// `[optimizer]`: every method, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// ADAM.
    Adam(Adam),
    /// Lion.
    Lion(Lion),
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer::Adam(Adam::default())
    }
}

impl Optimizer {
    /// The chosen method.
    pub fn method(&self) -> &dyn Method {
        match self {
            Optimizer::Adam(method) => method,
            Optimizer::Lion(method) => method,
            Optimizer::Sgd(method) => method,
        }
    }
}

/// A way to move weights by their gradients.
pub trait Method {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// The first that is not, by its key.
    fn check(&self) -> Check;

    /// Names of the flat arrays of its state, zero before the first step.
    fn state(&self) -> &'static [&'static str];

    /// Those of them that are zeroed at a warm restart of the learning rate.
    fn restarts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Coefficient of weight decay: each step subtracts learning rate x it x w.
    fn weight_decay(&self) -> f64 {
        0.0
    }

    /// `bias1` and `bias2` of the step block of step `number`, counted from 1.
    fn corrections(&self, _number: u64) -> [f64; 2] {
        [1.0, 1.0]
    }

    /// Records the update of every tensor; `state` in the order of [`Method::state`]. Depends on `lr`, `clip_scale` and
    /// the corrections of the step block.
    ///
    /// # Errors
    /// A chunk whose partial sums exceed the binding limit.
    fn record(&self, b: &mut Builder, scope: &str, p: &Parameters, u: &Update, state: &[View]) -> Result<()>;
}

/// Checks that 0 <= x < 1 in f32.
fn check_decay(key: &str, x: f64) -> Check {
    // In f32 0.99999999 is 1.
    let must = "give a number from 0 up to, but not, 1; the largest that 32 bits hold is 0.99999994";
    require(x >= 0.0 && (x as f32) < 1.0, key, x, must)
}

/// What every optimiser works on.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// Partial sums of the gradients, [`Parameters::grad_len`] elements.
    pub grad: View,
    /// W, changed.
    pub weight: View,
    /// max |w| of every chunk, written.
    pub maxima: View,
    /// Two words; the update does nothing where the first is not 0 (the metric kernel sets it when the loss is not
    /// finite, so that the weights keep their last good state).
    pub halt: View,
}

/// The buffer `halt`, added on first use: state, two words, zero while all is well.
pub fn halt(b: &mut Builder) -> View {
    b.shared("halt", Elem::U32, &[2], Role::State)
}

fn in_fours(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("fours") == 1 { Ok(()) } else { Err("partial sums of a tensor whose length is no multiple of 4") }
}

/// Computes the new weights and their maxima chunk by chunk: `change(step, learning rate, index in the flat arrays, w,
/// gradient)` gives the weight before the clip and its scale, or none if the update would not be finite: then the element
/// stays and the maximum of its chunk is infinite. Nothing where `halt` is set.
fn update_by(io: &mut Io, mut change: impl FnMut(&Step, f64, usize, f64, Gradient) -> Option<(f64, f64)>) {
    if io.u("halt")[0] != 0 {
        return;
    }
    let step = io.step();
    let mut weight = Scalars::from(io.f("weight").to_vec());
    let mut maxima = Scalars::from(io.f("maxima").to_vec());
    for o in owned(io) {
        let (mut most, mut scale) = (0.0f64, 0.0f64);
        let lr = f64::from(step.lr * o.segment.rate);
        for (i, element) in (o.at..).zip(o.elements.clone()) {
            let before = weight.value[i];
            let Some((mut w, s)) = change(&step, lr, i, before, gradient(io, &o, element, before)) else {
                most = f64::INFINITY;
                continue;
            };
            if let Some(c) = o.segment.bound(step.clip_scale) {
                w = w.clamp(-f64::from(c), f64::from(c));
            }
            weight.set(i, w, s);
            (most, scale) = (most.max(w.abs()), scale.max(s));
        }
        maxima.set(o.chunk, most, scale);
    }
    io.put("weight", weight);
    io.put("maxima", maxima);
}

/// The gradient of one element.
struct Gradient {
    /// Sum of its partial sums.
    sum: f64,
    /// Sum of their magnitudes.
    scale: f64,
    /// Weight decay, decay w.
    decay: f64,
}

impl Gradient {
    /// The gradient with the decay as a part of it, and its scale.
    fn decayed(&self) -> (f64, f64) {
        (self.sum + self.decay, self.scale + self.decay.abs())
    }
}

fn gradient(io: &Io, o: &Owned, element: usize, w: f64) -> Gradient {
    let s = &o.segment;
    let first = s.grad_offset + element - io.params.u("grad_base");
    let parts = (0..s.splits).map(|k| io.f("grad")[first + k * s.len]);
    let (sum, scale) = parts.fold((0.0, 0.0), |(sum, scale), g| (sum + g, scale + g.abs()));
    Gradient { sum, scale, decay: f64::from(s.decay) * w }
}

const VARIANTS: &[Variant] = &[Variant::new("naive", anywhere, chunk_grid), Variant::new("runs", in_fours, chunk_grid)];

/// The arguments of a kernel with these arrays of state: seven more than those.
const fn args<const N: usize>(state: &[&'static str]) -> [ArgSpec; N] {
    let mut all = [STEP; N];
    all[1] = read_u32("segments");
    all[2] = read_u32("chunks");
    all[3] = read_u32("halt");
    all[4] = read("grad");
    all[5] = update("weight");
    let mut i = 0;
    while i < state.len() {
        all[6 + i] = update(state[i]);
        i += 1;
    }
    all[6 + i] = update("maxima");
    all
}

/// The constants of a dispatch over a window, and its part of the partial sums `grad`, to the end of the last four.
fn partial_sums(p: &Parameters, w: &Window, grad: View) -> (Vec<(&'static str, Value)>, View) {
    let fours = p.tensors.iter().all(|t| t.splits == 1 || t.len().is_multiple_of(4));
    let mut params = w.params();
    params.extend([("grad_base", w.grad.start.into()), ("fours", u32::from(fours).into())]);
    (params, grad.slice(w.grad.start..w.grad.end.next_multiple_of(4)))
}

/// A method's kernel, with its constants and state.
struct Rule<'a> {
    kernel: &'static Kernel,
    params: &'a [(&'static str, Value)],
    state: &'a [(&'static str, View)],
}

/// Records the update of every tensor by a rule.
fn record(b: &mut Builder, scope: &str, p: &Parameters, u: &Update, rule: &Rule) -> Result<()> {
    let Rule { kernel, params, state } = *rule;
    let (segments, chunks) = p.tables(b);
    let step = b.step();
    for w in p.windows(scope, &b.target.adapter.limits, true)? {
        let (mut all, grad) = partial_sums(p, &w, u.grad);
        let mut args = vec![
            ("step", step),
            ("segments", segments),
            ("chunks", chunks),
            ("halt", u.halt),
            ("grad", grad),
            ("weight", u.weight.slice(w.flat.clone())),
            ("maxima", u.maxima),
        ];
        args.extend(state.iter().map(|(name, view)| (*name, view.slice(w.flat.clone()))));
        all.extend_from_slice(params);
        kernel.dispatch(b, scope, &all, &args)?;
    }
    Ok(())
}

/// Tensors of these lengths; the number of partial sums, up to `splits`, the clip and the rate differ from one to the next.
fn table(lens: &[usize], splits: usize, clip: f32, decay: f32) -> Parameters {
    let mut p = Parameters::default();
    for (i, &len) in lens.iter().enumerate() {
        let clip = if i % 3 == 2 { f32::INFINITY } else { clip };
        let rate = [1.0, 2.0, 0.5][i % 3];
        p.push(Tensor { splits: 1 + i % splits, clip, decay, rate, ..Tensor::new(format!("t{i}"), &[len]) });
    }
    p
}

/// What every optimiser works on, with gradients as `fill` says.
fn arrays(c: &mut CaseBuilder, p: &Parameters, fill: &Fill, halted: u32) -> Update {
    let mut grad = vec![0.0; p.grad_len()];
    for t in &p.tensors {
        let part = fill.values(&t.name, t.splits * t.len());
        grad[t.grad_offset..t.grad_offset + part.len()].copy_from_slice(&part);
    }
    let weight = if c.is_exact() { Fill::Integers(16) } else { Fill::Uniform(1.0) };
    Update {
        grad: c.input("grad", &[p.grad_len()], &Fill::Values(grad)),
        weight: flat(c, p, "weight", &weight),
        maxima: c.input("maxima", &[p.chunks().len()], &Fill::Range(-1.0, -1.0)),
        halt: c.words("halt", vec![halted, 0]),
    }
}

/// The cases of an optimiser, given its state and record function.
fn cases(
    state: impl Fn(&mut CaseBuilder, &Parameters, &Update) -> Result<()> + Copy + Send + Sync + 'static,
) -> Vec<Case> {
    let build = move |c: &mut CaseBuilder, p: &Parameters, grad: &Fill, step: Step, halted: u32| {
        let u = arrays(c, p, grad, halted);
        c.step(step);
        state(c, p, &u)
    };
    let (loose, some, none) = (f32::INFINITY, Fill::Uniform(1.0), Fill::Range(0.0, 0.0));
    let case = |name: &str, exact: bool, p: Parameters, limit: usize, grad: &Fill, step: Step, halted: u32| {
        let grad = grad.clone();
        let run = move |c: &mut CaseBuilder| {
            c.b.target.adapter.limits.max_binding = limit;
            build(c, &p, &grad, step, halted)
        };
        if exact { Case::exact(name, run) } else { Case::new(name, run) }
    };
    let (all, step) = (1 << 27, case_step());
    let wider = Step { clip_scale: 1.5, ..step };
    let (bad, huge) = (Fill::Range(f32::NAN, f32::NAN), Fill::Range(f32::INFINITY, f32::INFINITY));
    vec![
        case("awkward lengths", false, table(AWKWARD, 1, loose, 0.0), all, &some, step, 0),
        case("partial sums, decay, clip", false, table(AWKWARD, 4, 0.4, 5e-4), all, &some, wider, 0),
        case("partial sums in fours", false, table(&[66, 68, 4100, 8200, 10_004], 4, 0.4, 5e-4), all, &some, wider, 0),
        case("windows", false, table(&[30_000, 9000, 7, 3000], 2, 0.5, 1e-4), 100 << 10, &some, step, 0),
        case("halted, gradient NaN", true, table(&[70, 5000], 2, 0.5, 0.5), all, &bad, step, 1),
        case("gradient NaN", true, table(&[70, 5000], 2, 0.5, 0.5), all, &bad, step, 0),
        case("gradient beyond f32", true, table(&[70, 5000], 1, 0.5, 0.5), all, &huge, step, 0),
        case("no gradient", true, table(&[100, 4097], 1, loose, 0.0), all, &none, step, 0),
        case("one element, clipped", true, table(&[1], 1, 0.5, 0.0), all, &none, step, 0),
    ]
}
