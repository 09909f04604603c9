//! `weightproof check`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{Global, print, say};
use crate::check::{Share, Sums, Twins, check_cases, compare};
use crate::error::Result;
use crate::kernels::case::Case;
use crate::kernels::{self, KERNELS, Kernel, project};
use crate::model::preset::{Preset, own};
use crate::plan::Step;
use crate::projection::distortion::Distortion;
use crate::session::{self, Session, images};

/// Arguments of `check`.
#[derive(Args)]
pub struct Check {
    /// A kernel, e.g. conv2d.forward (`show --shader` lists them); all if not given
    kernel: Option<String>,
    /// Check a projection with its parameters alone, on every variant of the kernel that projects; also one of your own, a
    /// file of WGSL: soft.wgsl:0.3
    #[arg(long, value_name = "PROJECTION", conflicts_with_all = ["kernel", "bisect"])]
    projection: Option<String>,
    /// Run one training step of PRESET, every command against its twin, and name the first that differs. Twins are slow:
    /// width 0.125 and batch 4 unless --set says otherwise
    #[arg(long, value_name = "PRESET", conflicts_with = "kernel")]
    bisect: Option<PathBuf>,
    /// Change a key of the preset
    #[arg(long, value_name = "KEY=VALUE", requires = "bisect")]
    set: Vec<String>,
}

impl Check {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        match &self.bisect {
            Some(preset) => bisect(preset, &self.set, global),
            None => self.cases(global),
        }
    }

    fn cases(&self, global: &Global) -> Result<ExitCode> {
        let mut chosen: Vec<(&Kernel, Vec<Case>)> = match &self.kernel {
            Some(name) => vec![(kernels::find(name)?, vec![])],
            None => KERNELS.iter().map(|kernel| (*kernel, vec![])).collect(),
        };
        if let Some(text) = &self.projection {
            let distortion = own::read(&Distortion::parse(text)?, &own::Texts::new())?;
            chosen = vec![(&project::APPLY, project::cases_of(&distortion))];
            for own in distortion.links.iter().filter_map(|link| link.own.as_ref()) {
                let twin = own.source.as_ref().map(|source| source.program.as_ref());
                print(&match twin {
                    Some(Err(why)) => format!(
                        "{own} has no twin ({why}): that two runs agree and all values are finite is checked, no more\n"
                    ),
                    _ => format!("{own} against its twin\n"),
                })?;
            }
        }
        let device = global.open_with(true)?;
        print(&format!("{}\n{:<30} {:<10} cases  worst error / budget\n", device.info, "kernel", "variant"))?;
        let mut failed = 0;
        for (kernel, mut cases) in chosen {
            if cases.is_empty() {
                cases = (kernel.cases)();
            }
            for r in check_cases(&device, kernel, &cases, Share::WHOLE, &Twins::of_cases())? {
                let verdict = if r.cases == 0 { "cannot run here".into() } else { format!("{:.2}", r.worst.share) };
                print(&format!("{:<30} {:<10} {:>5}  {verdict}\n", r.kernel, r.variant, r.cases))?;
                for failure in &r.failures {
                    print(&format!("  FAILED {failure}\n"))?;
                }
                failed += r.failures.len();
            }
        }
        if failed > 0 {
            say(&format!(
                "error: {failed} case(s) failed: results on this adapter cannot be trusted; try --variant KERNEL=naive"
            ));
            return Ok(ExitCode::FAILURE);
        }
        print("every case within its budget\n")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// One training step, command by command, on made-up images.
fn bisect(preset: &Path, sets: &[String], global: &Global) -> Result<ExitCode> {
    let small = ["width=0.125", "batch=4"].map(String::from);
    let seed = global.seed.map(|s| format!("seed={s}"));
    let sets: Vec<String> = small.into_iter().chain(sets.iter().cloned()).chain(seed).collect();
    let preset = Preset::load(preset, &sets)?;
    let input = session::input(&preset, None)?;
    let network = Arc::new(session::network_for(&preset, input)?);
    let device = global.open_for(&preset, network.input)?;
    print(&format!("{}\n", device.info))?;
    let mut session = Session::new(device, network.clone(), preset.seed);
    let program = session.training(&network.sent(), true)?;
    let labels: Vec<u32> = (0..network.batch).map(|i| (i % network.classes) as u32).collect();
    session.set_weights(&network.initial_weights(preset.seed))?;
    session.start(0)?;
    let step = Step { lr: 1e-3, bias1: 10.0, bias2: 31.6, ..session.block(0) };
    let runner = &mut session.runner;
    let images = images::made_up(runner, &network, &network.sent(), network.batch)?;
    runner.write(&network.uploads(&network.sent(), "input"), &images)?;
    runner.write("label", &labels)?;
    runner.write("step", &step.words())?;
    let worst = compare(runner, &program.plan, &program.loaded, Sums::OneSign)?;
    let (commands, share) = (program.plan.commands.len(), worst.share);
    print(&format!("{commands} commands agree with their twins; worst {share:.2} of its budget at {}\n", worst.place))?;
    Ok(ExitCode::SUCCESS)
}
