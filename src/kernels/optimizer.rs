//! The update of every parameter tensor in one dispatch: adds the partial sums of the gradients, ADAM or SGD with
//! momentum, clips to [-c_k, c_k] and leaves max |w| of every chunk for the next projection.

use super::case::{Case, CaseBuilder, Fill};
use super::parameters::{Owned, Parameters, Tensor, Window, owned};
use super::project::{AWKWARD, case_step, chunk_grid, flat};
use super::{Budget, Io, Kernel, STEP, Scalars, Variant, anywhere, read, read_u32, update};
use crate::error::Result;
use crate::plan::{Builder, Elem, Params, Role, Step, Target, Value, View};

/// Constants of ADAM (Kingma 2015); learning rate and bias corrections come from the step block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the mean of the gradient.
    pub beta1: f64,
    /// Decay of the mean of its square.
    pub beta2: f64,
    /// Added to the root, so that a zero gradient divides by something.
    pub eps: f64,
}

impl Default for Adam {
    /// 0.9, 0.999, 1e-8 (Merolla et al. 2016; Kingma and Ba 2015).
    fn default() -> Self {
        Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

/// Constants of SGD; the learning rate comes from the step block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the last change that is repeated.
    pub momentum: f64,
    /// Whether the gradient counts as that at the point the momentum leads to (Nesterov, in the form of Sutskever 2013).
    pub nesterov: bool,
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

/// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= lr m bias1 / (sqrt(v) bias2 + eps), clip.
pub static ADAM: Kernel = Kernel {
    name: "optimizer.adam",
    args: &[
        STEP,
        read_u32("segments"),
        read_u32("chunks"),
        read_u32("halt"),
        read("grad"),
        update("weight"),
        update("m"),
        update("v"),
        update("maxima"),
    ],
    variants: &[Variant::new("naive", anywhere, chunk_grid), Variant::new("runs", in_fours, chunk_grid)],
    twin: |io: &mut Io| {
        let p = io.params;
        let [beta1, gain1, beta2, gain2, eps] =
            ["beta1", "gain1", "beta2", "gain2", "eps"].map(|name| f64::from(p.f(name)));
        let (mut m, mut v): (Scalars, Scalars) = (io.f("m").to_vec().into(), io.f("v").to_vec().into());
        update_by(io, |step, lr, i, w, (g, scale)| {
            let (bias1, bias2) = (f64::from(step.bias1), f64::from(step.bias2));
            let (m0, v0) = (m.value[i], v.value[i]);
            let (m1, v1) = (beta1 * m0 + gain1 * g, beta2 * v0 + gain2 * g * g);
            let below = v1.sqrt() * bias2 + eps;
            if ![m1, v1, w - lr * bias1 * m1 / below].iter().all(|v| (*v as f32).is_finite()) {
                return None;
            }
            m.set(i, m1, (beta1 * m0).abs() + gain1 * scale);
            v.set(i, v1, beta2 * v0 + gain2 * scale * scale);
            let by_m = lr * bias1 * m.scale[i] / below;
            // Of the root: half the relative error of v.
            let by_v = lr * bias1 * m.value[i].abs() / below * (v.scale[i] / v.value[i].max(1e-300)).min(1e6);
            Some((w - lr * bias1 * m.value[i] / below, w.abs() + by_m + by_v))
        });
        if io.u("halt")[0] == 0 {
            io.put("m", m);
            io.put("v", v);
        }
    },
    // A root and a quotient of 2.5 ulp each, seven roundings, and those of the sum of the partial sums.
    budget: Budget::Ulps(8),
    flop: |p| p.u("chunks") as f64 * 4096.0 * 14.0,
    cases: || {
        cases(|c, p, u| {
            let range = if c.is_exact() { [0.0; 3] } else { [-0.5, 0.5, 1.0] };
            let m = flat(c, p, "m", &Fill::Range(range[0], range[1]));
            let v = flat(c, p, "v", &Fill::Range(0.1 * range[2], range[2]));
            adam(&mut c.b, "update", p, &Adam::default(), u, m, v)
        })
    },
};

/// v = momentum v - lr g, w += v or (Nesterov) w += momentum v - lr g, clip.
pub static SGD: Kernel = Kernel {
    name: "optimizer.sgd",
    args: &[
        STEP,
        read_u32("segments"),
        read_u32("chunks"),
        read_u32("halt"),
        read("grad"),
        update("weight"),
        update("v"),
        update("maxima"),
    ],
    variants: &[Variant::new("naive", anywhere, chunk_grid), Variant::new("runs", in_fours, chunk_grid)],
    twin: |io: &mut Io| {
        let (momentum, nesterov) = (f64::from(io.params.f("momentum")), io.params.u("nesterov") != 0);
        let mut v: Scalars = io.f("v").to_vec().into();
        update_by(io, |_, lr, i, w, (g, scale)| {
            let v0 = v.value[i];
            let v1 = momentum * v0 - lr * g;
            let after = if nesterov { w + momentum * v1 - lr * g } else { w + v1 };
            if ![v1, after].iter().all(|v| (*v as f32).is_finite()) {
                return None;
            }
            v.set(i, v1, (momentum * v0).abs() + lr * scale);
            let by_v = if nesterov { momentum * v.scale[i] + lr * scale } else { v.scale[i] };
            Some((after, w.abs() + by_v))
        });
        if io.u("halt")[0] == 0 {
            io.put("v", v);
        }
    },
    // Six roundings and those of the sum of the partial sums.
    budget: Budget::Ulps(6),
    flop: |p| p.u("chunks") as f64 * 4096.0 * 6.0,
    cases: || {
        let mut all: Vec<Case> = vec![];
        for nesterov in [false, true] {
            let plain = all.len();
            let named = cases(move |c, p, u| {
                let fill = if c.is_exact() { Fill::Integers(4) } else { Fill::Uniform(0.5) };
                let v = flat(c, p, "v", &fill);
                let momentum = if c.is_exact() { 0.5 } else { 0.9 };
                sgd(&mut c.b, "update", p, &Sgd { momentum, nesterov }, u, v)
            });
            all.extend(named);
            all.push(Case::exact("integers", move |c| {
                let p = table(&[70, 5000], 3, 4.0, 0.5);
                let u = arrays(c, &p, &Fill::Integers(8), 0);
                c.step(case_step());
                let v = flat(c, &p, "v", &Fill::Integers(4));
                sgd(&mut c.b, "update", &p, &Sgd { momentum: 0.5, nesterov }, &u, v)
            }));
            if nesterov {
                all.iter_mut().skip(plain).for_each(|case| case.name += ", Nesterov");
            }
        }
        all
    },
};

/// Computes the new weights and their maxima chunk by chunk: `change(step, learning rate, index in the flat arrays, w,
/// (gradient, its scale))` gives the weight before the clip and its scale, or none if the update would not be finite: then the element
/// stays and the maximum of its chunk is infinite. Nothing where `halt` is set.
fn update_by(io: &mut Io, mut change: impl FnMut(&Step, f64, usize, f64, (f64, f64)) -> Option<(f64, f64)>) {
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

/// Sum of the partial sums of one element and its decay, with the sum of their magnitudes.
fn gradient(io: &Io, o: &Owned, element: usize, w: f64) -> (f64, f64) {
    let s = &o.segment;
    let first = s.grad_offset + element - io.params.u("grad_base");
    let parts = (0..s.splits).map(|k| io.f("grad")[first + k * s.len]);
    let decay = f64::from(s.decay) * w;
    parts.chain([decay]).fold((0.0, 0.0), |(sum, scale), g| (sum + g, scale + g.abs()))
}

fn record(
    b: &mut Builder,
    scope: &str,
    kernel: &'static Kernel,
    p: &Parameters,
    u: &Update,
    params: &[(&'static str, Value)],
    state: &[(&'static str, View)],
) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    let step = b.step();
    let fours = p.tensors.iter().all(|t| t.splits == 1 || t.len().is_multiple_of(4));
    for w in p.windows(scope, &b.target.adapter.limits, true)? {
        let Window { flat, grad, .. } = &w;
        let mut args = vec![
            ("step", step),
            ("segments", segments),
            ("chunks", chunks),
            ("halt", u.halt),
            // To the end of the last four.
            ("grad", u.grad.slice(grad.start..grad.end.next_multiple_of(4))),
            ("weight", u.weight.slice(flat.clone())),
            ("maxima", u.maxima),
        ];
        args.extend(state.iter().map(|(name, view)| (*name, view.slice(flat.clone()))));
        let mut all = w.params();
        all.extend([("grad_base", grad.start.into()), ("fours", u32::from(fours).into())]);
        all.extend_from_slice(params);
        kernel.dispatch(b, scope, &all, &args)?;
    }
    Ok(())
}

/// Records ADAM over every tensor, with the state `m` and `v` (flat arrays, zero before the first step). Depends on
/// `lr`, `bias1`, `bias2` and `clip_scale` of the step block.
///
/// # Errors
/// A chunk whose partial sums exceed the binding limit.
pub fn adam(b: &mut Builder, scope: &str, p: &Parameters, hyper: &Adam, u: &Update, m: View, v: View) -> Result<()> {
    let params = [
        ("beta1", (hyper.beta1 as f32).into()),
        ("gain1", ((1.0 - hyper.beta1) as f32).into()),
        ("beta2", (hyper.beta2 as f32).into()),
        ("gain2", ((1.0 - hyper.beta2) as f32).into()),
        ("eps", (hyper.eps as f32).into()),
    ];
    record(b, scope, &ADAM, p, u, &params, &[("m", m), ("v", v)])
}

/// Records SGD with momentum over every tensor, with the state `v` (a flat array, zero before the first step and at a
/// warm restart). Depends on `lr` and `clip_scale` of the step block.
///
/// # Errors
/// A chunk whose partial sums exceed the binding limit.
pub fn sgd(b: &mut Builder, scope: &str, p: &Parameters, hyper: &Sgd, u: &Update, v: View) -> Result<()> {
    let params = [("momentum", (hyper.momentum as f32).into()), ("nesterov", u32::from(hyper.nesterov).into())];
    record(b, scope, &SGD, p, u, &params, &[("v", v)])
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
