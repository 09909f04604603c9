//! ADAM (Kingma and Ba 2015).

use serde::{Deserialize, Serialize};

use super::{Method, Rule, Update, VARIANTS, args, cases, check_decay, record, update_by};
use crate::error::Result;
use crate::kernels::case::Fill;
use crate::kernels::flat::flat;
use crate::kernels::parameters::Parameters;
use crate::kernels::{Budget, Io, Kernel, Scalars};
use crate::plan::{Builder, View};
use crate::ranges::{Check, positive};

/// `{ kind = "adam" }`. By default 0.9, 0.999, 1e-8 (Merolla et al. 2016; Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    /// Decay of the mean of the gradient.
    pub beta1: f64,
    /// Decay of the mean of its square.
    pub beta2: f64,
    /// Added to the root, so that a zero gradient divides by something.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Method for Adam {
    fn check(&self) -> Check {
        check_decay("beta1", self.beta1)?;
        check_decay("beta2", self.beta2)?;
        positive("epsilon", self.epsilon)
    }

    fn state(&self) -> &'static [&'static str] {
        &["adam_m", "adam_v"]
    }

    /// 1 / (1 - beta1^number), 1 / sqrt(1 - beta2^number).
    fn corrections(&self, number: u64) -> [f64; 2] {
        let t = number.max(1) as f64;
        [1.0 / (1.0 - self.beta1.powf(t)), 1.0 / (1.0 - self.beta2.powf(t)).sqrt()]
    }

    fn record(&self, b: &mut Builder, scope: &str, p: &Parameters, u: &Update, state: &[View]) -> Result<()> {
        let params = [
            ("beta1", (self.beta1 as f32).into()),
            ("gain1", ((1.0 - self.beta1) as f32).into()),
            ("beta2", (self.beta2 as f32).into()),
            ("gain2", ((1.0 - self.beta2) as f32).into()),
            ("eps", (self.epsilon as f32).into()),
        ];
        let state = [("m", state[0]), ("v", state[1])];
        record(b, scope, p, u, &Rule { kernel: &KERNEL, params: &params, state: &state })
    }
}

/// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= lr m bias1 / (sqrt(v) bias2 + eps), clip.
pub static KERNEL: Kernel = Kernel {
    name: "optimizer.adam",
    args: &args::<9>(&["m", "v"]),
    variants: VARIANTS,
    twin: |io: &mut Io| {
        let p = io.params;
        let [beta1, gain1, beta2, gain2, eps] =
            ["beta1", "gain1", "beta2", "gain2", "eps"].map(|name| f64::from(p.f(name)));
        let (mut m, mut v): (Scalars, Scalars) = (io.f("m").to_vec().into(), io.f("v").to_vec().into());
        update_by(io, |step, lr, i, w, g| {
            let (g, scale) = g.decayed();
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
            Adam::default().record(&mut c.b, "update", p, u, &[m, v])
        })
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_by_hand() {
        let of = |beta1, beta2, number| Adam { beta1, beta2, ..Adam::default() }.corrections(number);
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} is not {b}");
        let [a, b] = of(0.9, 0.999, 1);
        near(a, 10.0);
        near(b, 1.0 / (1.0f64 - 0.999).sqrt());
        let [a, b] = of(0.9, 0.999, 2);
        near(a, 1.0 / 0.19);
        assert!((b - 22.366_271_829).abs() < 1e-6, "{b}");
        assert_eq!(of(0.9, 0.999, 1_000_000), [1.0, 1.0]);
        assert_eq!(of(0.0, 0.0, 1), [1.0, 1.0]);
    }
}
