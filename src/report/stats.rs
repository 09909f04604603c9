//! Test errors of one network under one distortion, over draws.

use super::read::Run;
use crate::eval::{Moments, Point};

/// Mean and spread over draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Mean.
    pub mean: f64,
    /// Standard deviation of a draw (n - 1); 0 for one draw.
    pub deviation: f64,
    /// Least.
    pub least: f64,
    /// Greatest: the worst draw.
    pub worst: f64,
    /// Draws.
    pub draws: usize,
    /// Test images; 0 where it is not known.
    pub images: u64,
    /// Training batches for the moments.
    pub moments_batches: u64,
}

impl Stats {
    /// Of some points; none if there are none.
    pub fn of<'a>(points: impl IntoIterator<Item = &'a Point>) -> Option<Stats> {
        let points: Vec<&Point> = points.into_iter().collect();
        let n = points.len() as f64;
        let mean = points.iter().map(|p| p.error).sum::<f64>() / n;
        let square = points.iter().map(|p| (p.error - mean).powi(2)).sum::<f64>();
        let first = points.first()?;
        let errors = || points.iter().map(|p| p.error);
        Some(Stats {
            mean,
            deviation: if points.len() > 1 { (square / (n - 1.0)).sqrt() } else { 0.0 },
            least: errors().fold(f64::INFINITY, f64::min),
            worst: errors().fold(f64::NEG_INFINITY, f64::max),
            draws: points.len(),
            images: first.images,
            moments_batches: first.moments_batches,
        })
    }
}

/// The error of a run under a distortion.
pub fn error(run: &Run, distortion: &str, moments: Moments) -> Option<Stats> {
    Stats::of(run.points.iter().filter(|p| p.distortion == distortion && p.moments == moments))
}

/// The distortions of all runs, each once, in the order of the files.
pub fn distortions(runs: &[Run]) -> Vec<&str> {
    let mut out: Vec<&str> = vec![];
    for p in runs.iter().flat_map(|r| &r.points) {
        if !out.contains(&p.distortion.as_str()) {
            out.push(&p.distortion);
        }
    }
    out
}
