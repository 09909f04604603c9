//! Measures steps, the dispatches of a step, and test cases.

use std::sync::Arc;
use std::time::Instant;

use super::Entry;
use crate::error::{Error, Result};
use crate::gpu::profile::{self as timing, Timer};
use crate::gpu::{AHEAD, Device, Runner};
use crate::kernels::case::{Built, Case};
use crate::kernels::{self, Kernel};
use crate::model::Network;
use crate::plan::{AdapterClass, Command, Dispatch, Plan, Target, memory};
use crate::profile::measure::{Request, Stepper};
use crate::profile::quartiles;

/// A training step to be measured.
pub struct Step {
    /// What to call it.
    pub name: String,
    /// The network.
    pub network: Arc<Network>,
    /// Seed of weights and draws.
    pub seed: u64,
    /// Steps; absent: as many as fit a few seconds.
    pub steps: Option<usize>,
}

impl Step {
    /// A session that has run a step, and the number of steps to measure.
    fn start(&self, device: &Arc<Device>) -> Result<(Stepper, usize)> {
        let plan = self.network.train_plan(&device.target)?;
        let request = Request::step(self.network.clone(), self.network.initial_weights(self.seed), self.seed);
        let mut stepper = Stepper::start(device.clone(), request, plan)?;
        stepper.prepare()?;
        stepper.run_and_wait()?;
        let once = stepper.run_and_wait()?;
        Ok((stepper, self.steps.unwrap_or_else(|| ((3e3 / once).ceil() as usize).clamp(3, 30))))
    }

    /// Measures the step undisturbed, with the host ahead of the device and the images written anew for every step.
    ///
    /// # Errors
    /// What the device reports.
    pub fn whole(&self, device: &Arc<Device>) -> Result<Entry> {
        let (mut stepper, steps) = self.start(device)?;
        stepper.session.runner.finish()?;
        let begin = timing::process_time();
        // The first calls return at once; from then on each waits for the oldest step, so that calls are steps apart.
        for _ in 0..=AHEAD {
            stepper.run()?;
        }
        let mut between = vec![];
        for _ in 0..steps {
            let begin = Instant::now();
            stepper.run()?;
            between.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        stepper.session.runner.finish()?;
        let cpu = timing::process_time().zip(begin).map(|(end, begin)| (end - begin) / (steps + AHEAD + 1) as f64);
        let [low, ms, high] = quartiles(between);
        let flop = self.direct(&device.target)?;
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        Ok(Entry {
            bench: "step".into(),
            name: self.name.clone(),
            images_per_s: Some(self.network.batch as f64 / ms * 1e3),
            ms_per_step: Some(ms),
            quartiles: [low, high],
            runs: steps,
            gflop: flop / 1e9,
            gflops: flop / ms / 1e6,
            gflop_per_cpu_s: on_cpu(device).then_some(cpu).flatten().map(|ns| flop / ns),
            peak_mib: resident(),
            device_mib: Some(mib(memory::footprint(&stepper.program.plan))),
            ..about(device)
        })
    }

    /// Operations of the step if every kernel is computed as it is defined.
    fn direct(&self, target: &Target) -> Result<f64> {
        work(&self.network.train_plan(&target.forcing("*", "naive"))?).map(|(flop, _)| flop)
    }

    /// Measures every dispatch of the step, grouped by kernel, variant and constants, the dearest group first.
    ///
    /// # Errors
    /// What the device reports.
    pub fn dispatches(&self, device: &Arc<Device>) -> Result<Vec<Entry>> {
        let (mut stepper, repeats) = self.start(device)?;
        let commands = stepper.program.plan.commands.clone();
        let mut timer = Timer::new(device.clone());
        let mut ns: Vec<Vec<f64>> = vec![vec![]; commands.len()];
        let mut cpu: Vec<Vec<f64>> = vec![vec![]; commands.len()];
        for _ in 0..repeats {
            stepper.next_block()?;
            let times = timer.each(&mut stepper.session.runner, &stepper.program.loaded, 0..commands.len())?;
            ns.iter_mut().zip(times).for_each(|(all, one)| all.push(one));
        }
        for _ in 0..if on_cpu(device) { repeats.min(3) } else { 0 } {
            let Some(times) = timing::cpu(&mut stepper.session.runner, &stepper.program.loaded, 0..commands.len())?
            else {
                break;
            };
            cpu.iter_mut().zip(times).for_each(|(all, one)| all.push(one));
        }
        let mut groups: Vec<(String, String, Vec<usize>)> = vec![];
        for (i, c) in commands.iter().enumerate() {
            let (name, variant) = match c {
                Command::Dispatch(d) => (format!("{}{}", d.kernel, d.params), d.way()),
                Command::Copy { args, .. } => (format!("copy n={}", args[0].view.len), String::new()),
            };
            match groups.iter_mut().find(|(n, v, _)| *n == name && *v == variant) {
                Some((.., members)) => members.push(i),
                None => groups.push((name, variant, vec![i])),
            }
        }
        let group = |(name, variant, members): (String, String, Vec<usize>)| -> Result<Entry> {
            let c = &commands[members[0]];
            let work = kernels::work(c)?;
            let of = |times: &[Vec<f64>]| quartiles(members.iter().flat_map(|i| times[*i].iter().copied()));
            Ok(Entry {
                bench: "kernel".into(),
                name: name.trim_end().into(),
                variant,
                scopes: members.iter().map(|i| commands[*i].scope().to_owned()).collect(),
                runs: members.len() * repeats,
                ..timed(device, of(&ns), of(&cpu)[1], (work.flop, work.bytes))
            })
        };
        let mut all = groups.into_iter().map(group).collect::<Result<Vec<Entry>>>()?;
        let total = |e: &Entry| e.times()[1] * e.scopes.len() as f64;
        all.sort_by(|a, b| total(b).total_cmp(&total(a)));
        Ok(all)
    }
}

/// Measures the test cases of a kernel with every variant that can run them, or with the one that is forced.
///
/// # Errors
/// What the device reports; a case that cannot be planned.
pub fn cases(device: &Arc<Device>, kernel: &'static Kernel, repeats: usize) -> Result<Vec<Entry>> {
    let forced = device.target.options.forced.iter().rev().find(|(k, _)| k == kernel.name);
    let names: Vec<&str> = match forced {
        Some((_, variant)) => vec![variant],
        None => kernel.variants.iter().map(|v| v.name).chain(kernel.chains().map(|c| c.name)).collect(),
    };
    let mut all = vec![];
    for case in (kernel.cases)() {
        for name in &names {
            let target = device.target.forcing(kernel.name, name);
            all.extend(one_case(device, kernel, &case, &target, name, repeats)?);
        }
    }
    Ok(all)
}

/// One case; none if the variant cannot run it.
fn one_case(
    device: &Arc<Device>,
    kernel: &Kernel,
    case: &Case,
    target: &Target,
    variant: &str,
    repeats: usize,
) -> Result<Option<Entry>> {
    match case.build(target) {
        Err(Error::Unsupported { .. }) => Ok(None),
        built => run_case(device, kernel, case, target, (variant, built?), repeats).map(Some),
    }
}

/// One case, with the variants that the tuning table chooses.
///
/// # Errors
/// As [`cases`].
pub fn as_chosen(device: &Arc<Device>, kernel: &Kernel, case: &Case, repeats: usize) -> Result<Entry> {
    let built = case.build(&device.target)?;
    let own = built.plan.dispatches().find(|d| d.kernel == kernel.name);
    // A chain: the kernels that it consists of are of one folder.
    let chain = built.plan.dispatches().next().map_or("", |d| d.kernel.split('.').next().unwrap_or_default());
    let variant = own.map_or_else(|| chain.into(), Dispatch::way);
    run_case(device, kernel, case, &device.target, (&variant, built), repeats)
}

fn run_case(
    device: &Arc<Device>,
    kernel: &Kernel,
    case: &Case,
    target: &Target,
    (variant, built): (&str, Built),
    repeats: usize,
) -> Result<Entry> {
    let direct = case.build(&target.forcing("*", "naive"))?;
    let mut runner = Runner::new(device.clone());
    let loaded = runner.load(&built.plan, false)?;
    for (name, words) in &built.data {
        runner.write(name, words)?;
    }
    let all = loaded.all();
    let times = timing::time(&mut runner, &loaded, all.clone(), repeats)?;
    let sum = |r: usize| times.iter().map(|t| t[r]).sum::<f64>();
    let cpu = match on_cpu(device) {
        true => timing::cpu(&mut runner, &loaded, all)?.map_or(0.0, |t| t.iter().sum()),
        false => 0.0,
    };
    Ok(Entry {
        bench: "case".into(),
        name: format!("{} \"{}\"", kernel.name, case.name),
        variant: variant.into(),
        runs: repeats,
        ..timed(device, quartiles((0..repeats).map(sum)), cpu, work(&direct.plan)?)
    })
}

/// What every entry of a device says.
fn about(device: &Device) -> Entry {
    Entry { adapter: device.info.to_string(), version: env!("CARGO_PKG_VERSION").into(), ..Entry::default() }
}

/// The figures of something that took `ns` (quartiles) and `cpu` nanoseconds of the process for `flop` operations over
/// `bytes`.
fn timed(device: &Device, ns: [f64; 3], cpu: f64, (flop, bytes): (f64, f64)) -> Entry {
    let rate = |amount: f64| if ns[1] > 0.0 { amount / ns[1] } else { 0.0 };
    Entry {
        us: Some(ns[1] / 1e3),
        quartiles: [ns[0] / 1e3, ns[2] / 1e3],
        gflop: flop / 1e9,
        gflops: rate(flop),
        gbs: Some(rate(bytes)),
        gflop_per_cpu_s: (cpu > 0.0).then(|| flop / cpu),
        ..about(device)
    }
}

pub(super) fn on_cpu(device: &Device) -> bool {
    device.target.adapter.class == AdapterClass::Software
}

/// Operations and bytes of a plan.
pub(super) fn work(plan: &Plan) -> Result<(f64, f64)> {
    let mut sum = (0.0, 0.0);
    for c in &plan.commands {
        let one = kernels::work(c)?;
        sum = (sum.0 + one.flop, sum.1 + one.bytes);
    }
    Ok(sum)
}

/// Largest resident memory of this process so far, MiB, where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}
