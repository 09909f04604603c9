//! Self-test on an adapter: every command of a plan on the device against its twin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::cpu;
use crate::error::{Error, Result};
use crate::gpu::{Device, Loaded, Runner};
use crate::kernels::case::{Built, Case};
use crate::kernels::{self, Budget, Kernel, Knobs, Terms, Values, Variant, half_step, nearest_half};
use crate::plan::{Command, Elem, Plan, Target};

/// The worst element of a comparison that stayed within its budget.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    /// Error as a share of its budget, at most 1.
    pub share: f64,
    /// Scope, kernel, argument, element.
    pub place: String,
}

/// The buffers that a command writes, with what its twin makes of them.
type Written = Arc<Vec<(usize, Values)>>;

/// What twins computed, by kernel, constants and operands: the variants and knobs of a kernel share their cases, and a
/// twin in f64 takes longer than most of them. Threads that check one kernel can share it.
#[derive(Default)]
pub struct Twins {
    known: Mutex<HashMap<[u8; 32], Written>>,
    /// Whether it remembers more than the last command: cases are small, the buffers of a network are not.
    keeps: bool,
}

impl Twins {
    /// None so far; those of every case are kept.
    pub fn of_cases() -> Twins {
        Twins { keeps: true, ..Twins::default() }
    }

    /// What command `index` makes of `held`: the words of each of its buffers.
    fn run(&self, cpu: &mut cpu::Runner, index: usize, held: &[Option<Vec<u32>>]) -> Written {
        let c = &cpu.plan.commands[index];
        let words = |b: usize| held[b].as_deref().expect("the operands of a command are held");
        let mut key = Sha256::new();
        key.update(c.dispatch().map_or_else(|| "copy".into(), |d| format!("{} {:?}", d.kernel, d.params)));
        for a in c.args() {
            let (b, v) = (a.view.buffer.0 as usize, a.view);
            key.update(format!("{} {:?} {}", a.name, a.elem, v.len));
            if a.access.writes() {
                key.update(format!("{b} {} {}", words(b).len(), v.offset));
            }
            if a.access.reads() {
                key.update(bytemuck::cast_slice::<u32, u8>(&words(b)[v.offset..v.offset + v.len]));
            }
        }
        let args = c.args().to_vec();
        // Held while the twin computes: who else asks wants the same.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.keeps {
            known.clear();
        }
        let compute = || {
            for b in args.iter().map(|a| a.view.buffer.0 as usize) {
                cpu.write_words(b, words(b));
            }
            cpu.run_command(index);
            let written = args.iter().filter(|a| a.access.writes()).map(|a| a.view.buffer.0 as usize);
            let mut written: Vec<usize> = written.collect();
            written.dedup();
            Arc::new(written.into_iter().map(|b| (b, cpu.values(b).clone())).collect())
        };
        known.entry(key.finalize().into()).or_insert_with(compute).clone()
    }
}

/// What the operands of a comparison are like, which says how much its sums may round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// Small integers: every bit is known.
    Exact,
    /// Terms of both signs.
    Mixed,
    /// All terms of a sum may have one sign.
    OneSign,
}

/// Runs a plan, `loaded` with separate transients, command by command. Before each command the twins take over
/// what the device holds, so that the comparison after it judges this command alone. Outside the views that a command
/// writes, nothing may change.
///
/// Returns the worst share of a budget.
///
/// # Errors
/// The first element beyond its budget or outside its view, with its scope; what the device reports.
pub fn compare(runner: &mut Runner, plan: &Plan, loaded: &Loaded, sums: Sums) -> Result<Worst> {
    compare_commands(runner, plan, loaded, sums, &Twins::default())
}

fn compare_commands(runner: &mut Runner, plan: &Plan, loaded: &Loaded, sums: Sums, memo: &Twins) -> Result<Worst> {
    let mut cpu = cpu::Runner::new(plan.clone());
    let mut held: Vec<Option<Vec<u32>>> = vec![None; plan.buffers.len()];
    let mut worst = Worst::default();
    for (i, c) in plan.commands.iter().enumerate() {
        for a in c.args() {
            let b = a.view.buffer.0 as usize;
            if held[b].is_none() {
                held[b] = Some(runner.read_buffer(loaded, b)?);
            }
        }
        runner.run_commands(loaded, i..i + 1)?;
        let judge = Judge::of(c, sums, None)?;
        for (b, want) in memo.run(&mut cpu, i, &held).iter() {
            let got = runner.read_buffer(loaded, *b)?;
            let before = held[*b].replace(got.clone()).expect("read before the command");
            judge.compare(*b, &before, &got, want, &mut worst)?;
        }
    }
    Ok(worst)
}

/// How far what a command wrote may be from what its twin says.
struct Judge<'a> {
    command: &'a Command,
    budget: Budget,
    factor: f64,
    terms: Terms,
}

impl Judge<'_> {
    /// `budget` absent: that of the command's kernel.
    fn of(command: &Command, sums: Sums, budget: Option<Budget>) -> Result<Judge<'_>> {
        let kernel = command.dispatch().map(|d| Ok((kernels::find(d.kernel)?, d.variant))).transpose()?;
        let own = kernel.map_or(Budget::Exact, |(k, _)| k.budget);
        let halves = || command.args().iter().any(|a| a.elem == Elem::F16 && a.access.reads());
        let terms = match sums {
            Sums::OneSign if halves() => Terms::Alike,
            Sums::OneSign => Terms::OneSign,
            Sums::Exact | Sums::Mixed => Terms::Mixed,
        };
        Ok(Judge {
            command,
            budget: if sums == Sums::Exact { Budget::Exact } else { budget.unwrap_or(own) },
            factor: kernel.and_then(|(k, v)| k.variant(v)).map_or(1.0, |v| v.error_factor),
            terms,
        })
    }

    /// The error that an element with this scale may have.
    fn tolerance(&self, scale: f64) -> f64 {
        self.command.dispatch().map_or(0.0, |d| self.factor * self.budget.tolerance(&d.params, scale, self.terms))
    }

    /// Compares one buffer after the command: the twin's values inside the written views, no change elsewhere.
    fn compare(&self, buffer: usize, before: &[u32], got: &[u32], want: &Values, worst: &mut Worst) -> Result<()> {
        let c = self.command;
        for (e, (&got, &before)) in got.iter().zip(before).enumerate() {
            let owner = c.args().iter().find(|a| {
                let v = a.view;
                a.access.writes() && v.buffer.0 as usize == buffer && (v.offset..v.offset + v.len).contains(&e)
            });
            let fail = |name: &str, at: usize, what: String| {
                Err(Error::layer(c.scope(), format!("{} `{name}`[{at}]: {what}", c.what())))
            };
            let Some(arg) = owner else {
                if got != before {
                    return fail("buffer", e, "written outside the bound view".into());
                }
                continue;
            };
            let at = e - arg.view.offset;
            match want {
                Values::U(want) if got != want[e] => {
                    return fail(arg.name, at, format!("got {got}, the twin says {}", want[e]));
                }
                Values::U(_) => {}
                Values::F(want) => {
                    let value = f64::from(f32::from_bits(got));
                    let computed = self.tolerance(want.scale[e]);
                    let (tolerance, reference) = match arg.elem {
                        // An adapter may round to either neighbour.
                        Elem::F16 if computed > 0.0 || nearest_half(want.value[e]) != want.value[e] => {
                            (computed + half_step(want.value[e].abs() + computed), want.value[e])
                        }
                        // Exact means the nearest f32.
                        _ if computed == 0.0 => (0.0, f64::from(want.value[e] as f32)),
                        _ => (computed, want.value[e]),
                    };
                    let diff = (value - reference).abs();
                    let same = value == reference || (got == before && got == (want.value[e] as f32).to_bits());
                    // NaN is never within; equal infinities and untouched guards pass.
                    let within = diff <= tolerance;
                    if !same && !within {
                        let what = format!(
                            "got {value:e}, the twin says {reference:e}; off by {diff:e}, allowed {tolerance:e}"
                        );
                        return fail(arg.name, at, what);
                    }
                    if tolerance > 0.0 && diff / tolerance > worst.share {
                        *worst =
                            Worst { share: diff / tolerance, place: format!("{} `{}`[{at}]", c.scope(), arg.name) };
                    }
                }
            }
        }
        Ok(())
    }
}

/// Compares what the commands of a chain left with the kernel's own twin on the same case.
fn compare_result(runner: &Runner, ran: &Built, loaded: &Loaded, trial: &Trial, memo: &Twins) -> Result<Worst> {
    let Trial { kernel, case, halves, .. } = trial;
    let target = Target::baseline().forcing("*", "naive");
    let plan = case.build_halves(&target, halves)?.plan;
    let mut cpu = cpu::Runner::new(plan.clone());
    let at = |plan: &Plan, name: &str| plan.find(name).expect("both plans have the buffers of the case").0 as usize;
    let mut held: Vec<Option<Vec<u32>>> = vec![None; plan.buffers.len()];
    let Built { plan: own, data } = ran;
    for (name, words) in data {
        held[at(&plan, name)] = Some(words.clone());
    }
    let mut worst = Worst::default();
    for (i, c) in plan.commands.iter().enumerate() {
        let wants = memo.run(&mut cpu, i, &held);
        let judge = Judge::of(c, trial.sums(), Some(kernel.budget))?;
        for a in c.args().iter().filter(|a| a.access.writes()) {
            let b = a.view.buffer.0 as usize;
            let (_, want) = wants.iter().find(|(i, _)| *i == b).expect("a twin computes what its command writes");
            let name = &plan.buffers[b].name;
            let before = &data.iter().find(|(n, _)| n == name).expect("an output of the case").1;
            let mut got = runner.read_buffer(loaded, at(own, name))?;
            // Other commands of the case own the rest of the buffer.
            let view = a.view.offset..a.view.offset + a.view.len;
            (0..got.len()).filter(|e| !view.contains(e)).for_each(|e| got[e] = before[e]);
            judge.compare(b, before, &got, want, &mut worst)?;
        }
    }
    Ok(worst)
}

/// What became of the cases of one variant.
#[derive(Clone, Debug)]
pub struct Report {
    /// Kernel.
    pub kernel: &'static str,
    /// Variant.
    pub variant: &'static str,
    /// Cases that ran in f32; the others cannot run on this adapter, or are in another share.
    pub cases: usize,
    /// The worst share of a budget among them.
    pub worst: Worst,
    /// One line per failure, beginning with the name of the case.
    pub failures: Vec<String>,
}

/// Which of the shapes of a kernel's cases a check covers: a driver on the CPU takes minutes to compile shaders for them all.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// So many shares cover every shape.
    pub of: usize,
    /// The one that is covered with maps of 32-bit floats.
    pub singles: usize,
    /// The one that is covered with maps of 16-bit floats, if any.
    pub halves: Option<usize>,
}

impl Share {
    /// Everything.
    pub const WHOLE: Share = Share { of: 1, singles: 0, halves: Some(0) };

    /// Whether it covers a shape with maps of 16-bit floats, or with maps of 32-bit floats.
    fn covers(self, shape: usize, halves: bool) -> bool {
        let wanted = if halves { self.halves } else { Some(self.singles) };
        wanted == Some(shape % self.of)
    }
}

/// The number of each case's shape: cases of one shape share shaders.
fn shapes(kernel: &'static Kernel, cases: &[Case], target: &Target) -> Result<Vec<usize>> {
    let target = target.forcing(kernel.name, "naive");
    let mut known = HashMap::new();
    let mut number = |case: &Case| {
        let plan = case.build(&target)?.plan;
        let shape: Vec<_> = plan.dispatches().map(|c| (&c.params, &c.knobs)).collect();
        let next = known.len();
        Ok(*known.entry(format!("{shape:?}")).or_insert(next))
    };
    cases.iter().map(&mut number).collect()
}

/// Runs the cases of every variant of a kernel: against the twin, and once more in one submit, which must give the same
/// bits. The result of a chain is held against the kernel's own twin besides. `twins` may know the cases from before.
///
/// # Errors
/// What the device reports; a case that cannot be planned.
pub fn check(device: &Arc<Device>, kernel: &'static Kernel, share: Share, twins: &Twins) -> Result<Vec<Report>> {
    check_cases(device, kernel, &(kernel.cases)(), share, twins)
}

/// As [`check`], of other cases than the kernel's own.
///
/// # Errors
/// As [`check`].
pub fn check_cases(
    device: &Arc<Device>,
    kernel: &'static Kernel,
    cases: &[Case],
    share: Share,
    twins: &Twins,
) -> Result<Vec<Report>> {
    let all = trials_of(&device.target, kernel, cases, share)?;
    let mut reports = vec![];
    for variant in ways(kernel) {
        let mut runner = Runner::new(device.clone());
        let mut report = Report { kernel: kernel.name, variant, cases: 0, worst: Worst::default(), failures: vec![] };
        let mut counted = None;
        for trial in all.iter().filter(|t| t.variant == variant) {
            let Some(outcome) = trial.run(&mut runner, twins)? else { continue };
            if outcome.worst.share > report.worst.share {
                report.worst = outcome.worst;
            }
            report.failures.extend(outcome.failures);
            if trial.halves.is_empty() && counted != Some(trial.number) {
                counted = Some(trial.number);
                report.cases += 1;
            }
        }
        reports.push(report);
    }
    Ok(reports)
}

/// The names of a kernel's variants, then those of its chains.
pub fn ways(kernel: &'static Kernel) -> impl Iterator<Item = &'static str> {
    kernel.variants.iter().map(|v| v.name).chain(kernel.chains().map(|c| c.name))
}

/// One case of a kernel, computed in one way: what a check is made of.
pub struct Trial {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Its variant or chain.
    pub variant: &'static str,
    /// Position of the case in the kernel's table.
    pub number: usize,
    chain: bool,
    case: Case,
    knobs: Knobs,
    /// Arrays that hold 16-bit floats.
    halves: Vec<&'static str>,
}

/// What came of a trial.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The worst share of a budget.
    pub worst: Worst,
    /// One line per failure, beginning with the name of the case.
    pub failures: Vec<String>,
}

/// The trials of every variant and chain of a kernel that a share covers, by variant and then by case.
///
/// # Errors
/// A case that cannot be planned.
pub fn trials(target: &Target, kernel: &'static Kernel, share: Share) -> Result<Vec<Trial>> {
    trials_of(target, kernel, &(kernel.cases)(), share)
}

fn trials_of(target: &Target, kernel: &'static Kernel, cases: &[Case], share: Share) -> Result<Vec<Trial>> {
    let shapes = shapes(kernel, cases, target)?;
    let chains = kernel.chains().map(|c| (c.name, None, c.maps.to_vec()));
    // A variant can read any texture as 16-bit floats; maps are what the plainest one takes for such.
    let known: Vec<&str> = kernel.maps(&kernel.variants[0]).collect();
    let maps = |v: &Variant| kernel.maps(v).filter(|name| known.contains(name)).collect();
    let variants = kernel.variants.iter().map(|v| (v.name, Some(kernel.source(v)), maps(v)));
    let mut all = vec![];
    for (variant, source, maps) in variants.chain(chains) {
        for (number, (case, shape)) in cases.iter().zip(&shapes).enumerate() {
            let mut add = |shape: usize, knobs: Knobs, halves: Vec<&'static str>| {
                if share.covers(shape, !halves.is_empty()) {
                    let (case, chain) = (case.clone(), source.is_none());
                    all.push(Trial { kernel, variant, number, chain, case, knobs, halves });
                }
            };
            let knobs = match source {
                Some(source) if case.every_knob => Knobs::combinations(&Knobs::declared(source)),
                _ => vec![Knobs::default()],
            };
            knobs.into_iter().enumerate().for_each(|(i, knobs)| add(shape + i, knobs, vec![]));
            if target.adapter.float16 && !maps.is_empty() {
                add(*shape, Knobs::default(), maps.clone());
            }
        }
    }
    Ok(all)
}

impl Trial {
    /// The knobs that differ from the defaults: `ROWS=4 COLUMNS=2`.
    fn settings(&self, between: &str) -> String {
        let one = |(name, value): &(String, u32)| format!("{name}={value}");
        self.knobs.0.iter().map(one).collect::<Vec<_>>().join(between)
    }

    fn sums(&self) -> Sums {
        match &self.case {
            case if case.exact => Sums::Exact,
            case if case.one_sign => Sums::OneSign,
            _ => Sums::Mixed,
        }
    }

    /// `"name of the case" KNOB=VALUE input=f16`.
    pub fn name(&self) -> String {
        let halves: String = self.halves.iter().map(|name| format!(" {name}=f16")).collect();
        format!("\"{}\" {}{halves}", self.case.name, self.settings(" ")).trim().to_owned()
    }

    /// Runs the case against the twin, and once more in one submit, which must give the same bits; none if the variant
    /// cannot run it on this adapter.
    ///
    /// # Errors
    /// What the device reports; a case that cannot be planned.
    pub fn run(&self, runner: &mut Runner, twins: &Twins) -> Result<Option<Outcome>> {
        let Trial { kernel, case, halves, .. } = self;
        let wanted = format!("{}:{}", self.variant, self.settings(","));
        let target = runner.device.target.forcing(kernel.name, &wanted);
        let built = match case.build_halves(&target, halves) {
            Err(Error::Unsupported { .. }) => return Ok(None),
            other => other?,
        };
        let at = self.name();
        let mut outcome = Outcome::default();
        runner.clear();
        // The second load takes the pipelines and the shared buffers of the first, and writes all data anew.
        let load = |runner: &mut Runner| -> Result<Loaded> {
            let loaded = runner.load(&built.plan, true)?;
            built.data.iter().try_for_each(|(name, words)| runner.write(name, words))?;
            Ok(loaded)
        };
        let read = |runner: &Runner, loaded: &Loaded| -> Result<Vec<Vec<u32>>> {
            (0..built.plan.buffers.len()).map(|i| runner.read_buffer(loaded, i)).collect()
        };
        let loaded = load(runner)?;
        match compare_commands(runner, &built.plan, &loaded, self.sums(), twins) {
            Ok(worst) => outcome.worst = worst,
            Err(e) => outcome.failures.push(format!("{at}: {e}")),
        }
        if self.chain {
            match compare_result(runner, &built, &loaded, self, twins) {
                Ok(w) if w.share > outcome.worst.share => outcome.worst = w,
                Ok(_) => {}
                Err(e) => outcome.failures.push(format!("{at}, as a whole: {e}")),
            }
        }
        let first = read(runner, &loaded)?;
        let again = load(runner)?;
        runner.run_commands(&again, again.all())?;
        let second = read(runner, &again)?;
        for ((b, first), second) in built.plan.buffers.iter().zip(first).zip(second) {
            if first != second {
                outcome.failures.push(format!("{at}: {} differs between two runs", b.name));
            }
        }
        Ok(Some(outcome))
    }
}
