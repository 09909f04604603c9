//! `weightproof report`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::error::Result;
use crate::report;

/// Arguments of `report`.
#[derive(Args)]
pub struct Report {
    /// Run folders, or weights files that were swept or analysed
    #[arg(required = true)]
    run: Vec<PathBuf>,
    /// The folder to write to (`report` in the run folder if there is one run, else runs/report-<date>-<time>); files of an
    /// earlier report there are replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Report {
    pub(super) fn run(self) -> Result<ExitCode> {
        let out = self.out.unwrap_or_else(|| report::default_folder(&self.run));
        let written = report::write(&self.run, &out)?;
        for warning in &written.warnings {
            log::warn!("{warning}");
        }
        log::info!("{} figures", written.figures);
        print(&format!("report: {}\n", written.page.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
