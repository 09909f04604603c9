//! What the tests of several levels share: opening the adapter, and the comparison of a plan on the device with the
//! twins, command by command.
#![allow(dead_code)] // each test binary uses its part

use std::sync::Arc;

use weightproof::cpu;
use weightproof::gpu::{self, Device, Loaded, Options, Runner};
use weightproof::kernels::{self, Budget, Values};
use weightproof::plan::Plan;

/// The adapter under test. No adapter is a failure, not a skip: `make test` installs one.
pub fn device(checked: bool) -> Arc<Device> {
    let device = std::env::var("WEIGHTPROOF_DEVICE").ok();
    Arc::new(Device::open(&Options { device, checked, ..Options::default() }).unwrap_or_else(|e| panic!("{e}")))
}

/// The worst element of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    /// Error as a share of its budget; above 1 fails.
    pub share: f64,
    /// Where and what.
    pub text: String,
}

/// Runs a loaded plan command by command. Before each command the twins take over what the device holds, so that the
/// comparison after it judges this command alone. Outside the views that a command writes, nothing may change.
///
/// Returns the worst share of budget, or the first element that breaks it, with its scope.
pub fn compare(runner: &mut Runner, loaded: &Loaded, exact: bool, one_sign: bool) -> Result<Worst, String> {
    let plan = &loaded.plan;
    let mut cpu = cpu::Runner::new(plan.clone());
    let mut held = vec![None; plan.buffers.len()];
    let mut worst = Worst::default();
    for (i, c) in plan.commands.iter().enumerate() {
        for a in &c.args {
            let b = a.view.buffer.0 as usize;
            if held[b].is_none() {
                held[b] = Some(runner.read_buffer(loaded, b).map_err(|e| e.to_string())?);
            }
            cpu.write_words(b, held[b].as_ref().expect("just read"));
        }
        runner.run_commands(loaded, i..i + 1).map_err(|e| e.to_string())?;
        cpu.run_command(i);
        let budget = if exact { Budget::Exact } else { kernels::find(c.kernel).expect("known").budget };
        for a in c.args.iter().filter(|a| a.access.writes()) {
            let b = a.view.buffer.0 as usize;
            let got = runner.read_buffer(loaded, b).map_err(|e| e.to_string())?;
            let before = held[b].replace(got.clone()).expect("read before");
            let place = |e: usize| format!("{} {}/{} `{}`[{e}]", c.scope, c.kernel, c.variant, a.name);
            for e in 0..got.len() {
                let inside = e >= a.view.offset && e < a.view.offset + a.view.len;
                let elsewhere =
                    c.args.iter().any(|o| o.access.writes() && o.view.buffer == a.view.buffer && o.name != a.name);
                if !inside {
                    if got[e] != before[e] && !elsewhere {
                        return Err(format!("{}: written outside the view", place(e)));
                    }
                    continue;
                }
                let at = e - a.view.offset;
                match cpu.values(b) {
                    Values::U(want) => {
                        if got[e] != want[e] {
                            return Err(format!("{}: got {} want {}", place(at), got[e], want[e]));
                        }
                    }
                    Values::F(want) => {
                        let g = f64::from(f32::from_bits(got[e]));
                        let reference = want.value[e];
                        let tolerance = budget.tolerance(&c.params, want.scale[e], one_sign);
                        // Exact means the nearest f32; NaN fails because the comparison is written this way round.
                        let nearest = if tolerance == 0.0 { f64::from(reference as f32) } else { reference };
                        let diff = (g - nearest).abs();
                        if !(diff <= tolerance) && g != nearest {
                            return Err(format!(
                                "{}: got {g:e} want {reference:e}, off by {diff:e}, allowed {tolerance:e}",
                                place(at)
                            ));
                        }
                        let share = if tolerance > 0.0 { diff / tolerance } else { 0.0 };
                        if share > worst.share {
                            worst = Worst { share, text: place(at) };
                        }
                    }
                }
            }
        }
    }
    Ok(worst)
}

/// Loads a plan with its data on a fresh runner.
pub fn load(device: &Arc<Device>, plan: Plan, data: &[(String, Vec<u32>)]) -> (Runner, Loaded) {
    let mut runner = gpu::Runner::new(device.clone());
    let loaded = runner.load(plan, true).unwrap_or_else(|e| panic!("{e}"));
    for (name, words) in data {
        runner.write(name, words).unwrap_or_else(|e| panic!("{e}"));
    }
    (runner, loaded)
}
