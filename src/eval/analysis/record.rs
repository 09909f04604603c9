//! `analysis.json`: the answers, section by section.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::eval::Moments;
use crate::files::{self, Lock};

/// Name of the file in a run folder.
pub const FILE: &str = "analysis.json";

/// The answers for one checkpoint. A section that was never asked for is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The run folder's name, or the file that was analysed.
    pub run: String,
    /// Step of the checkpoint.
    pub step: u64,
    /// Effective bits per weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<Vec<Bits>>,
    /// Noise budgets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budgets: Option<Vec<Budget>>,
    /// Test errors with one layer distorted, or all but one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<LayerError>>,
    /// Distances between weights and projected weights (figure 1C).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<Vec<Distance>>,
    /// Correlations of activity under two distortions (figure 1D).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<Vec<Correlation>>,
    /// Distributions of weights (figures 1A and 2D).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histograms: Option<Vec<Histogram>>,
    /// Weights of single filters (insets of figure 1B).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<Filter>>,
}

/// Effective bits per weight under one distortion: 0.5 log2(1 + Qw / Qn), with the second moments Qw of the weights and
/// Qn of the noise P(W) - W, both in units of the layer's alpha squared. Null where nothing moved: no noise, no bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bits {
    /// The distortion, without a number of draws.
    pub distortion: String,
    /// Over the weights of all layers together.
    pub bits: Option<f64>,
    /// Layer by layer, in the order of the network.
    pub by_layer: Vec<LayerBits>,
    /// Draws that Qn is the mean of.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
}

/// The bits of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerBits {
    /// The layer, e.g. `conv1`.
    pub layer: String,
    /// As [`Bits::bits`].
    pub bits: Option<f64>,
}

/// How test errors of a section were measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Draws that the error is the mean of.
    pub draws: u32,
    /// Seed of the draws.
    pub seed: u64,
    /// Test images.
    pub images: usize,
    /// Which batch-norm moments.
    pub moments: Moments,
    /// Training batches over which they are averaged; 0 for a network without batch norm.
    pub moments_batches: usize,
}

/// What the search for a noise budget came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The error crosses the bound within [`Budget::tolerance`] of [`Budget::parameter`].
    Crossed,
    /// Even the harmless end of the range exceeds the bound: there is no parameter.
    NeverMet,
    /// Even the harmful end of the range meets the bound: it is the parameter.
    NeverExceeded,
}

/// The strongest distortion of a family with which the test error stays within a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The family as it was asked for: `addnorm`, or with `@` for the parameter, `stuck:@,0.05`.
    pub distortion: String,
    /// The bound, per cent.
    pub bound_error: f64,
    /// The error without distortion, per cent.
    pub none_error: f64,
    /// The parameter with the most noise that met the bound; null if none did.
    pub parameter: Option<f64>,
    /// Mean error at the parameter, per cent (at the harmless end of the range if none met the bound).
    pub error: f64,
    /// Effective bits per weight at the parameter, over all layers; null if there is none or nothing moved.
    pub bits: Option<f64>,
    /// How the search ended.
    pub outcome: Outcome,
    /// Distance between the parameter and one that exceeded the bound, at most; 0 where there is none.
    pub tolerance: f64,
    /// The ends of the range that was searched, harmless first.
    pub range: [f64; 2],
    /// How the errors were measured.
    #[serde(flatten)]
    pub measured: Measured,
}

/// The test error with one layer distorted, or all but one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerError {
    /// The distortion of the layer, e.g. `sign`; `none` for the undistorted network.
    pub distortion: String,
    /// The layer; [`LayerError::ALL`] for the whole network.
    pub layer: String,
    /// Whether the layer is the one that was left alone, and all others were distorted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub except: bool,
    /// Mean error, per cent.
    pub error: f64,
    /// How it was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

impl LayerError {
    /// The `layer` of a row about all layers together.
    pub const ALL: &str = "all";
}

/// The distance between the weights of a layer and what becomes of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// The distortion, without a number of draws.
    pub distortion: String,
    /// The layer.
    pub layer: String,
    /// Mean |W - P(W)|, over weights and draws.
    pub mean_abs: f64,
    /// The same over alpha = max |W| of the layer; 0 for a layer of zeros.
    pub mean_abs_over_alpha: f64,
}

/// Pearson's r between a layer's activity under two distortions on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// One distortion.
    pub a: String,
    /// The other.
    pub b: String,
    /// The layer whose weights make the activity.
    pub layer: String,
    /// r of the activity: the output of the first nonlinearity behind the layer; where none stands before the next
    /// layer with weights, what that one reads; of the last layer, the output of the network. Null if either is constant.
    pub r: Option<f64>,
    /// r of the weighted sums themselves, before pooling, batch norm and nonlinearity.
    pub r_sums: Option<f64>,
    /// Images of the minibatch: the first of the test data.
    pub images: usize,
}

/// How many weights of a layer have which value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The layer.
    pub layer: String,
    /// The distortion, without a number of draws.
    pub distortion: String,
    /// Edges of the bins in units of alpha, one more than there are bins, all of one width. Zero and +-alpha lie in the
    /// middle of bins.
    pub edges: Vec<f64>,
    /// Weights in each bin; the outermost also hold what lies beyond them. Their sum is the number of weights.
    pub counts: Vec<u64>,
    /// max |W| of the layer.
    pub alpha: f64,
}

/// The weights of one filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// The layer.
    pub layer: String,
    /// Which of its outputs, from 0.
    pub filter: usize,
    /// Rows, columns, input channels; `[1, 1, inputs]` for a linear layer.
    pub shape: [usize; 3],
    /// In that order, the channel innermost.
    pub weights: Vec<f32>,
    /// The distortion, without a number of draws.
    pub distortion: String,
}

impl Analysis {
    /// Where the answers for the run folder, or the file of weights, `subject` are kept: `analysis.json` in the folder,
    /// `weights.analysis.json` beside `weights.safetensors`.
    pub fn path(subject: &Path) -> PathBuf {
        if subject.is_dir() { subject.join(FILE) } else { subject.with_extension(FILE) }
    }

    /// Reads a file; `None` if there is none, and of a device or pipe, which can be written only.
    ///
    /// # Errors
    /// A file that cannot be read, or is none of these.
    pub fn load(path: &Path) -> Result<Option<Analysis>> {
        if is_stream(path) {
            return Ok(None);
        }
        let text = match std::fs::read_to_string(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| Error::io(path, e))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|e| {
            Error::format(path, format!("no analysis as `analyze` writes it ({e}); move it away and analyse anew"))
        })
    }

    /// Whether there is an answer to anything.
    pub fn has_sections(&self) -> bool {
        *self != Analysis { run: self.run.clone(), step: self.step, ..Analysis::default() }
    }

    /// Takes over the sections that `newer` has. Sections of another run or step are dropped: they say nothing of this one.
    pub fn merge(&mut self, newer: Analysis) {
        if (&self.run, self.step) != (&newer.run, newer.step) {
            log::warn!(
                "the analysis of {} at step {} gives way to that of {} at step {}",
                self.run,
                self.step,
                newer.run,
                newer.step
            );
            *self = newer;
            return;
        }
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.bits, newer.bits);
        take(&mut self.budgets, newer.budgets);
        take(&mut self.layers, newer.layers);
        take(&mut self.distance, newer.distance);
        take(&mut self.correlation, newer.correlation);
        take(&mut self.histograms, newer.histograms);
        take(&mut self.filters, newer.filters);
    }

    /// Replaces the sections of the file at `path` that this one has, and keeps the others.
    ///
    /// # Errors
    /// A file there that is no analysis; what the disk reports.
    pub fn save(&self, path: &Path) -> Result<()> {
        // Another analysis may put in sections of its own; what is no file has none.
        let _lock = if is_stream(path) { None } else { Some(Lock::wait_for(path)?) };
        let mut whole = Analysis::load(path)?.unwrap_or_else(|| self.clone());
        whole.merge(self.clone());
        let text = serde_json::to_string(&whole).map_err(|e| Error::format(path, e.to_string()))?;
        files::replace(path, |w| writeln!(w, "{text}"))
    }
}

/// Whether `path` is there and no file to be read back: a device or pipe.
fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(layer: &str) -> Option<Vec<Distance>> {
        let distortion = "sign".into();
        Some(vec![Distance { distortion, layer: layer.into(), mean_abs: 0.25, mean_abs_over_alpha: 0.5 }])
    }

    fn of_step(step: u64) -> Analysis {
        Analysis { run: "run".into(), step, ..Analysis::default() }
    }

    #[test]
    fn saving_a_section_replaces_it_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = Analysis::path(dir.path());
        assert_eq!(Analysis::load(&path).unwrap(), None);
        let bits = Bits { distortion: "none".into(), bits: None, by_layer: vec![], draws: 1, seed: 1 };
        Analysis { bits: Some(vec![bits.clone()]), distance: distance("old"), ..of_step(4) }.save(&path).unwrap();
        Analysis { distance: distance("new"), ..of_step(4) }.save(&path).unwrap();
        let want = Analysis { bits: Some(vec![bits]), distance: distance("new"), ..of_step(4) };
        assert_eq!(Analysis::load(&path).unwrap(), Some(want));
        assert!(!std::fs::read_to_string(&path).unwrap().contains("budgets"), "what was not asked for is absent");
    }

    #[test]
    fn the_sections_of_another_step_go() {
        let mut old = Analysis { distance: distance("conv1"), ..of_step(4) };
        old.merge(of_step(5));
        assert_eq!(old, of_step(5));
    }

    #[test]
    fn a_foreign_file_is_neither_read_nor_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = Analysis::path(dir.path());
        std::fs::write(&path, "[1, 2]").unwrap();
        let e = of_step(1).save(&path).unwrap_err().to_string();
        assert!(e.contains(FILE) && e.contains("move it away"), "{e}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[1, 2]");
    }
}
