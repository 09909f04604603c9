//! Self-test on an adapter: every command of a plan on the device against its twin.

use std::sync::Arc;

use crate::cpu;
use crate::error::{Error, Result};
use crate::gpu::{Device, Loaded, Runner};
use crate::kernels::case::Case;
use crate::kernels::{self, Budget, Kernel, Knobs, Values, Variant};
use crate::plan::{Command, Plan, Target};

/// The worst element of a comparison that stayed within its budget.
#[derive(Clone, Debug, Default)]
pub struct Worst {
    /// Error as a share of its budget, at most 1.
    pub share: f64,
    /// Scope, kernel, argument, element.
    pub place: String,
}

/// Runs a plan that was loaded with separate transients command by command. Before each command the twins take over
/// what the device holds, so that the comparison after it judges this command alone. Outside the views that a command
/// writes, nothing may change. `exact` asks for equal bits, `one_sign` for the wider budget of sums whose terms have one
/// sign.
///
/// Returns the worst share of a budget.
///
/// # Errors
/// The first element beyond its budget or outside its view, with its scope; what the device reports.
pub fn compare(runner: &mut Runner, loaded: &Loaded, exact: bool, one_sign: bool) -> Result<Worst> {
    let plan = &loaded.plan;
    let mut cpu = cpu::Runner::new(plan.clone());
    let mut held: Vec<Option<Vec<u32>>> = vec![None; plan.buffers.len()];
    let mut worst = Worst::default();
    for (i, c) in plan.commands.iter().enumerate() {
        for a in &c.args {
            let b = a.view.buffer.0 as usize;
            let words = match held[b].take() {
                Some(words) => words,
                None => runner.read_buffer(loaded, b)?,
            };
            cpu.write_words(b, &words);
            held[b] = Some(words);
        }
        runner.run_commands(loaded, i..i + 1)?;
        cpu.run_command(i);
        let budget = if exact { Budget::Exact } else { kernels::find(c.kernel)?.budget };
        let mut written: Vec<usize> =
            c.args.iter().filter(|a| a.access.writes()).map(|a| a.view.buffer.0 as usize).collect();
        written.dedup();
        for b in written {
            let got = runner.read_buffer(loaded, b)?;
            let before = held[b].replace(got.clone()).expect("read before the command");
            compare_buffer(c, b, &before, &got, cpu.values(b), budget, one_sign, &mut worst)?;
        }
    }
    Ok(worst)
}

/// Compares one buffer after a command: the twin's values inside the written views, no change elsewhere.
#[allow(clippy::too_many_arguments)] // one call, above
fn compare_buffer(
    c: &Command,
    buffer: usize,
    before: &[u32],
    got: &[u32],
    want: &Values,
    budget: Budget,
    one_sign: bool,
    worst: &mut Worst,
) -> Result<()> {
    let factor = kernels::find(c.kernel)?.variant(c.variant).map_or(1.0, Variant::error_factor);
    for (e, (&got, &before)) in got.iter().zip(before).enumerate() {
        let owner = c.args.iter().find(|a| {
            let v = a.view;
            a.access.writes() && v.buffer.0 as usize == buffer && (v.offset..v.offset + v.len).contains(&e)
        });
        let fail = |name: &str, at: usize, what: String| {
            Err(Error::layer(&c.scope, format!("{}/{} `{name}`[{at}]: {what}", c.kernel, c.variant)))
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
                let tolerance = factor * budget.tolerance(&c.params, want.scale[e], one_sign);
                // Exact means the nearest f32.
                let reference = if tolerance == 0.0 { f64::from(want.value[e] as f32) } else { want.value[e] };
                let diff = (value - reference).abs();
                let same = value == reference || (got == before && got == (want.value[e] as f32).to_bits());
                // NaN is never within; equal infinities and untouched guards pass.
                let within = diff <= tolerance;
                if !same && !within {
                    let what =
                        format!("got {value:e}, the twin says {reference:e}; off by {diff:e}, allowed {tolerance:e}");
                    return fail(arg.name, at, what);
                }
                if tolerance > 0.0 && diff / tolerance > worst.share {
                    *worst = Worst { share: diff / tolerance, place: format!("{} `{}`[{at}]", c.scope, arg.name) };
                }
            }
        }
    }
    Ok(())
}

/// Compares what the commands of a chain left with the kernel's own twin on the same case.
fn compare_result(
    runner: &Runner,
    loaded: &Loaded,
    data: &[(String, Vec<u32>)],
    kernel: &'static Kernel,
    case: &Case,
) -> Result<Worst> {
    let mut target = Target::baseline();
    target.forced = vec![("*".into(), "naive".into())];
    let plan = case.build(&target)?.plan;
    let mut cpu = cpu::Runner::new(plan.clone());
    let at = |plan: &Plan, name: &str| plan.find(name).expect("both plans have the buffers of the case").0 as usize;
    for (name, words) in data {
        cpu.write_words(at(&plan, name), words);
    }
    let budget = if case.exact { Budget::Exact } else { kernel.budget };
    let mut worst = Worst::default();
    for (i, c) in plan.commands.iter().enumerate() {
        cpu.run_command(i);
        for a in c.args.iter().filter(|a| a.access.writes()) {
            let b = a.view.buffer.0 as usize;
            let name = &plan.buffers[b].name;
            let before = &data.iter().find(|(n, _)| n == name).expect("an output of the case").1;
            let mut got = runner.read_buffer(loaded, at(&loaded.plan, name))?;
            // Other commands of the case own the rest of the buffer.
            let view = a.view.offset..a.view.offset + a.view.len;
            (0..got.len()).filter(|e| !view.contains(e)).for_each(|e| got[e] = before[e]);
            compare_buffer(c, b, before, &got, cpu.values(b), budget, case.one_sign, &mut worst)?;
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
    /// Cases that ran; the others cannot run on this adapter.
    pub cases: usize,
    /// The worst share of a budget among them.
    pub worst: Worst,
    /// One line per failure, beginning with the name of the case.
    pub failures: Vec<String>,
}

/// Runs the cases of every variant of a kernel: against the twin, and once more in one submit, which must give the same
/// bits. The result of a chain is held against the kernel's own twin besides.
///
/// # Errors
/// What the device reports; a case that cannot be planned.
pub fn check(device: &Arc<Device>, kernel: &'static Kernel) -> Result<Vec<Report>> {
    let cases = (kernel.cases)();
    let mut reports = vec![];
    let chains = kernel.chains().map(|c| (c.name, None));
    for (variant, source) in kernel.variants.iter().map(|v| (v.name, Some(v.source))).chain(chains) {
        let mut runner = Runner::new(device.clone());
        let mut report = Report { kernel: kernel.name, variant, cases: 0, worst: Worst::default(), failures: vec![] };
        for case in &cases {
            let knobs = match source {
                Some(source) if case.every_knob => Knobs::combinations(source),
                _ => vec![Knobs::default()],
            };
            let runs: Vec<bool> = knobs
                .iter()
                .map(|knobs| run_case(&mut runner, kernel, source.is_none(), case, knobs, &mut report))
                .collect::<Result<_>>()?;
            report.cases += usize::from(runs.contains(&true));
        }
        reports.push(report);
    }
    Ok(reports)
}

/// Runs one case of the variant or chain of a report, with some knobs; false if it cannot run on this adapter.
fn run_case(
    runner: &mut Runner,
    kernel: &'static Kernel,
    chain: bool,
    case: &Case,
    knobs: &Knobs,
    report: &mut Report,
) -> Result<bool> {
    let settings: Vec<String> = knobs.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut target = runner.device.target.clone();
    target.forced = vec![(kernel.name.into(), format!("{}:{}", report.variant, settings.join(",")))];
    let built = match case.build(&target) {
        Err(Error::Unsupported { .. }) => return Ok(false),
        other => other?,
    };
    let at = format!("\"{}\" {}", case.name, settings.join(" "));
    runner.clear();
    // The second load takes the pipelines and the shared buffers of the first, and writes all data anew.
    let load = |runner: &mut Runner| -> Result<Loaded> {
        let loaded = runner.load(built.plan.clone(), true)?;
        built.data.iter().try_for_each(|(name, words)| runner.write(name, words))?;
        Ok(loaded)
    };
    let read = |runner: &Runner, loaded: &Loaded| -> Result<Vec<Vec<u32>>> {
        (0..loaded.plan.buffers.len()).map(|i| runner.read_buffer(loaded, i)).collect()
    };
    let loaded = load(runner)?;
    match compare(runner, &loaded, case.exact, case.one_sign) {
        Ok(w) if w.share > report.worst.share => report.worst = w,
        Ok(_) => {}
        Err(e) => report.failures.push(format!("{}: {e}", at.trim())),
    }
    if chain {
        match compare_result(runner, &loaded, &built.data, kernel, case) {
            Ok(w) if w.share > report.worst.share => report.worst = w,
            Ok(_) => {}
            Err(e) => report.failures.push(format!("{}, as a whole: {e}", at.trim())),
        }
    }
    let first = read(runner, &loaded)?;
    let again = load(runner)?;
    runner.run_commands(&again, 0..again.plan.commands.len())?;
    let second = read(runner, &again)?;
    for ((b, first), second) in loaded.plan.buffers.iter().zip(first).zip(second) {
        if first != second {
            report.failures.push(format!("{}: {} differs between two runs", at.trim(), b.name));
        }
    }
    Ok(true)
}
