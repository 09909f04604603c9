//! How `sweep` and `analyze` test trained networks.

use std::path::PathBuf;

use clap::Args;

use crate::eval::Moments;

/// Arguments that both take.
#[derive(Args)]
pub(super) struct Protocol {
    /// Batch-norm moments of the tests (if not given: those that came with the weights, else re-computed)
    #[arg(long, value_enum)]
    pub moments: Option<Moments>,
    /// Training batches over which batch-norm moments are averaged, 0 for all (the preset's if not given)
    #[arg(long, value_name = "N")]
    pub moments_batches: Option<u64>,
    /// Test only the first N images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub images: Option<u64>,
    /// Images tested at a time (the preset's if not given)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub batch: Option<u32>,
    /// Folder of the data sets (`data list` says where they are sought if it is not given)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The preset of weights from elsewhere
    #[arg(long, value_name = "P")]
    pub preset: Option<PathBuf>,
    /// Change a key of the preset
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}
