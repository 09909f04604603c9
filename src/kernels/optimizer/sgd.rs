//! Stochastic gradient descent with momentum.

use serde::{Deserialize, Serialize};

use super::{Method, Rule, Update, VARIANTS, args, arrays, cases, check_decay, record, table, update_by};
use crate::error::Result;
use crate::kernels::case::{Case, Fill};
use crate::kernels::flat::{case_step, flat};
use crate::kernels::parameters::Parameters;
use crate::kernels::{Budget, Io, Kernel, Scalars};
use crate::plan::{Builder, View};
use crate::ranges::{Check, is_held, not_negative, require};

/// `{ kind = "sgd" }`: v = momentum v - lr (g + weight_decay W), W += v.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    /// Share of the last change that is repeated.
    pub momentum: f64,
    /// Whether the gradient counts as that at the point the momentum leads to (Nesterov, in the form of Sutskever 2013).
    pub nesterov: bool,
    /// Weight decay of the real-valued weights (not of batch normalisation).
    pub weight_decay: f64,
}

impl Method for Sgd {
    fn check(&self) -> Check {
        check_decay("momentum", self.momentum)?;
        not_negative("weight_decay", self.weight_decay)?;
        require(!self.nesterov || is_held(self.momentum), "nesterov", self.nesterov, "needs a momentum above 0")
    }

    fn state(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    fn restarts(&self) -> &'static [&'static str] {
        self.state()
    }

    fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    fn record(&self, b: &mut Builder, scope: &str, p: &Parameters, u: &Update, state: &[View]) -> Result<()> {
        let params = [("momentum", (self.momentum as f32).into()), ("nesterov", u32::from(self.nesterov).into())];
        record(b, scope, p, u, &Rule { kernel: &KERNEL, params: &params, state: &[("v", state[0])] })
    }
}

/// v = momentum v - lr g, w += v or (Nesterov) w += momentum v - lr g, clip.
pub static KERNEL: Kernel = Kernel {
    name: "optimizer.sgd",
    args: &args::<8>(&["v"]),
    variants: VARIANTS,
    twin: |io: &mut Io| {
        let (momentum, nesterov) = (f64::from(io.params.f("momentum")), io.params.u("nesterov") != 0);
        let mut v: Scalars = io.f("v").to_vec().into();
        update_by(io, |_, lr, i, w, g| {
            let (g, scale) = g.decayed();
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
                Sgd { momentum, nesterov, weight_decay: 0.0 }.record(&mut c.b, "update", p, u, &[v])
            });
            all.extend(named);
            all.push(Case::exact("integers", move |c| {
                let p = table(&[70, 5000], 3, 4.0, 0.5);
                let u = arrays(c, &p, &Fill::Integers(8), 0);
                c.step(case_step());
                let v = flat(c, &p, "v", &Fill::Integers(4));
                Sgd { momentum: 0.5, nesterov, weight_decay: 0.0 }.record(&mut c.b, "update", &p, &u, &[v])
            }));
            if nesterov {
                all.iter_mut().skip(plain).for_each(|case| case.name += ", Nesterov");
            }
        }
        all
    },
};
