//! Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms").

use serde::{Deserialize, Serialize};

use super::{Method, Rule, Update, VARIANTS, args, arrays, cases, check_decay, record, table, update_by};
use crate::error::Result;
use crate::kernels::case::{Case, CaseBuilder, Fill};
use crate::kernels::flat::{case_step, flat};
use crate::kernels::parameters::Parameters;
use crate::kernels::{Budget, Io, Kernel, Scalars};
use crate::plan::{Builder, View};
use crate::ranges::{Check, not_negative};

/// `{ kind = "lion" }`, algorithm 2 of the paper: W -= lr (sign(beta1 m + (1 - beta1) g) + weight_decay W) with sign(0) = 0, then
/// m = beta2 m + (1 - beta2) g. By default 0.9, 0.99, as there, and no decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lion {
    /// Share of the mean of the gradient in what gives the direction.
    pub beta1: f64,
    /// Decay of that mean.
    pub beta2: f64,
    /// Weight decay of the real-valued weights (not of batch normalisation). It is no part of the gradient, whose size has no
    /// effect here.
    pub weight_decay: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Lion { beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

impl Method for Lion {
    fn check(&self) -> Check {
        check_decay("beta1", self.beta1)?;
        check_decay("beta2", self.beta2)?;
        not_negative("weight_decay", self.weight_decay)
    }

    // At a warm restart the mean stays, as ADAM's does: no learning rate is part of it.
    fn state(&self) -> &'static [&'static str] {
        &["m"]
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn record(&self, b: &mut Builder, scope: &str, p: &Parameters, u: &Update, state: &[View]) -> Result<()> {
        let params = [
            ("beta1", (self.beta1 as f32).into()),
            ("gain1", ((1.0 - self.beta1) as f32).into()),
            ("beta2", (self.beta2 as f32).into()),
            ("gain2", ((1.0 - self.beta2) as f32).into()),
        ];
        record(b, scope, p, u, &Rule { kernel: &KERNEL, params: &params, state: &[("m", state[0])] })
    }
}

/// Three roundings of c or m and those of the sum of the partial sums; four of the weight.
const ULPS: u32 = 6;

/// c = beta1 m + (1 - beta1) g, w -= lr (sign(c) + decay w), m = beta2 m + (1 - beta2) g, clip.
pub static KERNEL: Kernel = Kernel {
    name: "optimizer.lion",
    args: &args::<8>(&["m"]),
    variants: VARIANTS,
    twin: |io: &mut Io| {
        let p = io.params;
        let [beta1, gain1, beta2, gain2] = ["beta1", "gain1", "beta2", "gain2"].map(|name| f64::from(p.f(name)));
        let mut m: Scalars = io.f("m").to_vec().into();
        update_by(io, |_, lr, i, w, g| {
            let m0 = m.value[i];
            let (c, m1) = (beta1 * m0 + gain1 * g.sum, beta2 * m0 + gain2 * g.sum);
            let after = w - lr * (sign(c) + g.decay);
            if ![c, m1, after].iter().all(|v| (*v as f32).is_finite()) {
                return None;
            }
            m.set(i, m1, (beta2 * m0).abs() + gain2 * g.scale);
            let scale = w.abs() + lr * (1.0 + g.decay.abs());
            Some((after, scale + lr * undecided(c, (beta1 * m0).abs() + gain1 * g.scale)))
        });
        if io.u("halt")[0] == 0 {
            io.put("m", m);
        }
    },
    budget: Budget::Ulps(ULPS),
    flop: |p| p.u("chunks") as f64 * 4096.0 * 10.0,
    cases: || {
        let mut all = cases(record_case);
        all.push(Case::exact("integers", |c| {
            let p = table(&[70, 5000], 3, 4.0, 0.5);
            let u = arrays(c, &p, &Fill::Integers(8), 0);
            c.step(case_step());
            record_case(c, &p, &u)
        }));
        all
    },
};

/// That of the paper: 0 of 0.
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// Where c is so near 0 that rounding decides its sign, what the scale of the weight needs for the budget to hold both signs, in learning
/// rates: they are 2 apart.
fn undecided(c: f64, scale: f64) -> f64 {
    let budget = f64::from(ULPS) * f64::from(f32::EPSILON);
    let near = scale > 0.0 && c.abs() <= budget * scale + f64::from(f32::MIN_POSITIVE);
    if near { 2.0 / budget } else { 0.0 }
}

/// The update of a case; of an exact one by constants that are exact, and far from each other.
fn record_case(c: &mut CaseBuilder, p: &Parameters, u: &Update) -> Result<()> {
    let exact = c.is_exact();
    let m = flat(c, p, "m", &if exact { Fill::Integers(4) } else { Fill::Uniform(0.5) });
    let method = if exact { Lion { beta1: 0.5, beta2: 0.75, ..Lion::default() } } else { Lion::default() };
    method.record(&mut c.b, "update", p, u, &[m])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_rounding_may_turn_are_near_0_and_their_budget_holds_both() {
        assert_eq!([2.0, -0.25, 0.0, -0.0].map(sign), [1.0, -1.0, 0.0, 0.0]);
        for (c, scale) in [(0.0, 0.0), (1e-5, 1.0), (-1e-3, 100.0), (-1.0, 1.0)] {
            assert_eq!(undecided(c, scale), 0.0, "{c} of {scale}");
        }
        for (c, scale) in [(0.0, 1.0), (5e-7, 1.0), (-5e-5, 100.0), (1e-39, 1e-39)] {
            let held = f64::from(ULPS) * f64::from(f32::EPSILON) * undecided(c, scale);
            assert!((held - 2.0).abs() < 1e-12, "{c} of {scale}");
        }
    }
}
