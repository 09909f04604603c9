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
    /// Run folders, or weights files that were swept or analysed. Of the points of one distortion those over the most test
    /// images, then with the most batches for the moments, are shown
    #[arg(required = true)]
    run: Vec<PathBuf>,
    /// The folder to write to (`report` in the run folder if there is one run, else runs/report-<date>-<time>); files of an
    /// earlier report there are replaced
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The page alone, to be sent or kept: no files of figures and numbers beside it
    #[arg(long)]
    single: bool,
}

impl Report {
    pub(super) fn run(self) -> Result<ExitCode> {
        let out = self.out.unwrap_or_else(|| report::default_folder(&self.run));
        let written = report::write(&self.run, &out, self.single)?;
        for warning in &written.warnings {
            log::warn!("{warning}");
        }
        log::info!("{} figures", written.figures);
        print(&format!("report: {}\n", written.page.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
