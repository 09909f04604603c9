//! `weightproof data prepare`: what is measured of a data set once, before it is trained on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Global, print, say};
use crate::data::{self, Colors, Wanted};
use crate::error::Result;

/// Arguments of `data prepare`.
#[derive(Args)]
pub struct Prepare {
    /// Name of the data set (`data list` has them)
    set: String,
    /// Folder of the data sets (`data list` says which it is if not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Rows and columns of the middle of each picture that are measured, for sets of pictures (227 for imagenet)
    #[arg(long, value_name = "N")]
    crop: Option<usize>,
    /// Pixels that the short side of a picture is scaled to before that (256 crop / 227)
    #[arg(long, value_name = "N")]
    short_side: Option<usize>,
}

impl Prepare {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let dir = self.data.as_deref();
        let set = data::open(Wanted { set: &self.set, crop: self.crop, short_side: self.short_side }, dir)?;
        let count = set.train.images.len();
        let bar = if global.quiet { ProgressBar::hidden() } else { ProgressBar::new(count as u64) };
        let style = "{bar:30} {pos}/{len} images  {per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("a valid template"));
        let colors = Colors::measure(&set, || bar.inc(1))?;
        bar.finish_and_clear();
        let path = colors.store(&self.set, dir)?;
        print(&colors.to_toml())?;
        say(&format!(
            "{}: of {count} training images, for every training on {} in this folder",
            path.display(),
            self.set
        ));
        Ok(ExitCode::SUCCESS)
    }
}
