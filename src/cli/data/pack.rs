//! `weightproof data pack`: pictures scaled once, in one file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Global, INTERRUPTED, catch_ctrl_c, print, say};
use crate::data::pictures::{Encoding, pack};
use crate::data::{self, Wanted};
use crate::error::Result;

/// Arguments of `data pack`.
#[derive(Args)]
pub struct Pack {
    /// Name of the data set: imagenet or folder
    set: String,
    /// Folder of the data sets (`data list` says which it is if not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The file to write, for --data of other commands. A part of it, FILE.part, is gone on with
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Pixels of the short side of each picture: data.short_side of the networks that are to read it
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1 << 14))]
    short_side: u16,
    /// Store JPEGs of this quality, e.g. 95, not the pixels: a seventh of the bytes, four times the work to read
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(1..=100))]
    jpeg: Option<u8>,
}

impl Pack {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let side = Some(usize::from(self.short_side));
        let set = data::open(Wanted { set: &self.set, crop: side, short_side: side }, self.data.as_deref())?;
        let encoding = self.jpeg.map_or(Encoding::Raw, Encoding::Jpeg);
        let stop = catch_ctrl_c("stopping; what is packed is kept")?;
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pictures  {per_sec}  {eta} left");
        let bar = if global.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let whole = pack(&set, encoding, &self.out, &bar.clone().with_style(style.expect("a valid template")), stop)?;
        bar.finish_and_clear();
        if !whole {
            say("stopped; the same command goes on from here");
            return Ok(ExitCode::from(INTERRUPTED));
        }
        print(&format!("{}\n", self.out.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
