//! `weightproof check`.

use std::process::ExitCode;

use clap::Args;

use super::{Global, print};
use crate::check::check;
use crate::error::Result;
use crate::kernels::{self, KERNELS};

/// Arguments of `check`.
#[derive(Args)]
pub struct Check {
    /// A kernel, e.g. conv2d.forward (`show --shader` lists them); all if not given
    kernel: Option<String>,
}

impl Check {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let chosen = match &self.kernel {
            Some(name) => vec![kernels::find(name)?],
            None => KERNELS.to_vec(),
        };
        let device = global.open()?;
        print(&format!("{}\n{:<28} {:<10} cases  worst error / budget\n", device.info, "kernel", "variant"))?;
        let mut failed = 0;
        for kernel in chosen {
            for r in check(&device, kernel)? {
                let verdict = if r.cases == 0 { "cannot run here".into() } else { format!("{:.2}", r.worst.share) };
                print(&format!("{:<28} {:<10} {:>5}  {verdict}\n", r.kernel, r.variant, r.cases))?;
                for failure in &r.failures {
                    print(&format!("  FAILED {failure}\n"))?;
                }
                failed += r.failures.len();
            }
        }
        if failed > 0 {
            eprintln!(
                "error: {failed} case(s) failed: results on this adapter cannot be trusted; try --variant KERNEL=naive"
            );
            return Ok(ExitCode::FAILURE);
        }
        print("every case within its budget\n")?;
        Ok(ExitCode::SUCCESS)
    }
}
