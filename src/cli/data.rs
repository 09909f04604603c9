//! `weightproof data`.

mod pack;
mod prepare;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Global, print};
use crate::data;
use crate::error::Result;

/// Arguments of `data`.
#[derive(Args)]
pub struct Data {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Download a data set, verify it, unpack it; an interrupted download is resumed
    Fetch {
        /// Name of the data set (`data list` has them)
        set: String,
        /// Folder of the data sets (`data list` says which it is if not given)
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Compare the files of a data set with their published SHA-256 sums
    Verify {
        /// Name of the data set (`data list` has them)
        set: String,
        /// Folder of the data sets (`data list` says which it is if not given)
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Measure the mean and the principal components of the colours of the training images, for data.mean = "measured" and
    /// augment.color (models/README.md)
    Prepare(prepare::Prepare),
    /// Draw images of a training batch, as they are in the data set and as augmentation leaves them
    Show(show::Show),
    /// Scale the pictures of a set once and write them to one file, from which they are read much quicker
    Pack(pack::Pack),
    /// The data sets that this program knows, their files and terms, and the data folder
    List,
}

impl Data {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        match self.verb {
            Verb::Fetch { set, data } => {
                let dir = data.unwrap_or_else(data::default_dir);
                let at = data::get(&set, &dir, global.quiet)?;
                print(&format!("{}\n", at.display()))?;
            }
            Verb::Verify { set, data } => {
                for file in data::verify(&set, data.as_deref())? {
                    print(&format!("ok {}\n", file.display()))?;
                }
            }
            Verb::Prepare(prepare) => return prepare.run(global),
            Verb::Pack(pack) => return pack.run(global),
            Verb::Show(show) => return show.run(global),
            Verb::List => {
                for i in data::list() {
                    print(&format!(
                        "{:<9} {}\n{:10}files: {}\n{:10}licence: {}\n",
                        i.name, i.description, "", i.files, "", i.licence
                    ))?;
                }
                print(&format!(
                    "\ndata folder: {} (--data or $WEIGHTPROOF_DATA change it)\n",
                    data::default_dir().display()
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
