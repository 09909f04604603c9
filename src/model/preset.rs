//! A preset: the network, how its weights are projected and trained, on which data. Read from TOML (`models/README.md`
//! explains every key), never changed afterwards, and carried whole in every checkpoint and run folder.
//!
//! ```
//! # use weightproof::model::preset::Preset;
//! let preset = Preset::load("merolla2016/cifar10/tr-sign-c", &["width=0.125".into(), "data.train=10000".into()])?;
//! assert_eq!((preset.projection.as_str(), preset.width, preset.data.train), ("sign", 0.125, Some(10_000)));
//! # Ok::<(), weightproof::error::Error>(())
//! ```

mod changes;
mod check;
mod classes;
mod de;
mod describe;
pub mod embedded;
pub mod own;
mod source;
mod text;
mod value;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::layers::Spec;
use crate::plan::Precision;
use crate::ranges::{Failure, number_or_false};
use de::De;
use own::Texts;
use source::Sources;
use value::{bool_or_auto, mean_or_false, number_or_none, one_or_more};

pub use crate::kernels::augment::Augment;
pub use crate::kernels::optimizer::Optimizer;
pub use crate::layers::init::Init;

/// A resolved preset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name, part of the names of run folders.
    pub name: String,
    /// Seed of every random draw.
    #[serde(default, with = "value::seed")]
    pub seed: u64,
    /// Multiplies the channels of every hidden convolution and linear layer.
    #[serde(default = "default::width")]
    pub width: f64,
    /// Images per step.
    pub batch: usize,
    /// Passes that a step takes, of `batch / shards` images each: a power of two that divides the batch.
    #[serde(default = "default::whole", skip_serializing_if = "default::is_whole")]
    pub shards: usize,
    /// Passes over the training images.
    pub epochs: u64,
    /// Ends training after so many steps, however many epochs there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Projection of the weights in training, as the papers write it: `none`, `sign`, `stochm:0.5`, ...; of some layers
    /// `conv*:sign+fc*:none` or `sign except conv1`; with parameters that move over the epochs `addnorm:0.3->0`.
    #[serde(default = "default::projection")]
    pub projection: String,
    /// How convolutions and linear layers compute.
    #[serde(default)]
    pub precision: Precision,
    /// Loss.
    pub loss: Loss,
    /// The layers in order.
    pub layers: Vec<Spec>,
    /// Bounds of the real-valued weights.
    #[serde(default)]
    pub clip: Clip,
    /// Initial weights.
    #[serde(default)]
    pub init: Init,
    /// Optimiser.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Learning rate over time.
    pub lr: Lr,
    /// Data set and preprocessing.
    pub data: Data,
    /// How training images are changed at random.
    #[serde(default, skip_serializing_if = "Augment::is_default")]
    pub augment: Augment,
    /// Batch normalisation.
    #[serde(default)]
    pub batch_norm: BatchNormalisation,
    /// Evaluation.
    #[serde(default)]
    pub eval: Eval,
    /// Log.
    #[serde(default)]
    pub log: Log,
    /// Checkpoints.
    #[serde(default)]
    pub checkpoint: CheckpointEvery,
    /// Names of tensors or modules in files of weights from elsewhere, and what they are called here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    /// Texts of users' own projections, of the files that `projection` and `eval.distort` name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wgsl: Texts,
}

/// `loss`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Mean over batch and classes of max(0, 1 - t o)^2, t = +-1 one against all.
    SquareHinge,
    /// Cross-entropy of the softmax, mean over the batch.
    SoftmaxCe,
}

/// `[clip]`: after each update the weights of layer k are clipped to +-c_k, c_k = factor * (initial std of layer k).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clip {
    /// The factor; infinity for no clipping.
    #[serde(with = "number_or_none")]
    pub factor: f64,
    /// `[step, times]`: from that step on every c_k is multiplied by `times` once more.
    pub schedule: Vec<(u64, f64)>,
}

impl Default for Clip {
    fn default() -> Self {
        Clip { factor: f64::INFINITY, schedule: vec![] }
    }
}

/// `[lr]`: the learning rate over time (see `train::schedule`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lr {
    /// Always the same.
    Constant {
        /// The rate.
        initial: f64,
    },
    /// In epoch e (from 0): initial * (final / initial)^(e / epochs).
    Exponential {
        /// The rate of the first epoch.
        initial: f64,
        /// The rate that the epoch after the last one would have.
        #[serde(rename = "final")]
        last: f64,
    },
    /// Multiplied by a factor at given steps.
    Step {
        /// The rate of the first step.
        initial: f64,
        /// `[step, times]`: from that step on the rate is multiplied by `times` once more.
        factors: Vec<(u64, f64)>,
    },
    /// Cosine from `initial` to `final`, again and again: cycles of the lengths in `first`, then each `growth` times as long
    /// as the one before (warm restarts, Loshchilov and Hutter 2017).
    CosineRestarts {
        /// The rate at the start of each cycle.
        initial: f64,
        /// The rate at the end of each cycle.
        #[serde(rename = "final")]
        last: f64,
        /// Epochs of the first cycle, or of the first few.
        #[serde(default = "default::first", with = "one_or_more")]
        first: Vec<u64>,
        /// How many times as long each next cycle is.
        #[serde(default = "default::two")]
        growth: u64,
    },
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data set, e.g. `cifar10`.
    pub set: String,
    /// Rows and columns that the network reads of each picture, of sets of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<usize>,
    /// Pixels that the short side of a picture is scaled to before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_side: Option<usize>,
    /// Uses only the first so many training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Holds the last so many of the training images out; the weights with the least error on them are the ones tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// Uses only the first so many test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
    /// Global contrast normalisation: the norm that each image gets; `None` for none.
    #[serde(default, with = "number_or_false")]
    pub gcn: Option<f64>,
    /// ZCA whitening: what is added to the eigenvalues; `None` for none.
    #[serde(default, with = "number_or_false")]
    pub zca: Option<f64>,
    /// Scale of the images where there is no contrast normalisation.
    #[serde(default)]
    pub scale: Scale,
    /// The mean colour that is subtracted from the images; `None` for none.
    #[serde(default, with = "mean_or_false", skip_serializing_if = "Option::is_none")]
    pub mean: Option<Mean>,
    /// Principal components of the colours of the training images, each its standard deviation times its direction, red, green, blue, of bytes;
    /// absent: as [`Mean::Measured`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<[[f64; 3]; 3]>,
    /// Whether the training images are kept on the device; `None`, `"auto"`: where that is of use and they fit.
    #[serde(default, with = "bool_or_auto", skip_serializing_if = "Option::is_none")]
    pub resident: Option<bool>,
    /// Whether images are read from their files when they are wanted, not held in memory; `None`, `"auto"`: where they would
    /// take more than half of it.
    #[serde(default, with = "bool_or_auto", skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

impl Data {
    /// Whether a value of an image depends on its own byte alone: then images stay bytes until they are on the device.
    pub fn is_bytewise(&self) -> bool {
        self.gcn.is_none() && self.zca.is_none()
    }

    /// Whether random bytes, scaled, are values as any of the images.
    pub fn is_scaled_bytes(&self) -> bool {
        self.is_bytewise() && self.mean.is_none()
    }
}

/// `data.mean`
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mean {
    /// What `data prepare` measured of the training images, else that of ILSVRC 2012.
    Measured,
    /// This, red, green, blue, of bytes.
    Of([f64; 3]),
}

impl Mean {
    /// Its numbers, where they are known.
    pub fn value(self) -> Option<[f64; 3]> {
        if let Mean::Of(rgb) = self { Some(rgb) } else { None }
    }
}

/// `data.scale`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// -1 to 1.
    #[default]
    Unit,
    /// As in the files, 0 to 255 for bytes.
    Raw,
}

/// `[batch_norm]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNormalisation {
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether gamma and beta are learned, where a layer does not say otherwise.
    pub learned: bool,
}

impl Default for BatchNormalisation {
    fn default() -> Self {
        BatchNormalisation { epsilon: 1e-4, learned: true }
    }
}

/// `[eval]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Eval {
    /// Distortions under which the network is tested, independent of the projection it is trained with.
    pub distort: Vec<String>,
    /// Images per evaluation step; the training batch if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Crops of a test picture whose answers are taken together: 1, the middle, or 10.
    #[serde(skip_serializing_if = "is_one")]
    pub crops: usize,
    /// Training batches over which the moments of batch normalisation are re-computed; 0 for all.
    pub moments_batches: u64,
    /// What is averaged over those batches.
    #[serde(skip_serializing_if = "is_default")]
    pub moments_average: MomentsAverage,
    /// Epochs between evaluations during training; 0 for one at the end only.
    pub every: u64,
    /// Steps between further evaluations during training; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub every_steps: u64,
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

fn is_default<T: Default + PartialEq>(x: &T) -> bool {
    *x == T::default()
}

/// `eval.moments_average`: what is averaged, beside the means, over training batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentsAverage {
    /// The variances (Merolla et al. 2016).
    #[default]
    Variance,
    /// sigma = sqrt(variance + epsilon) (McDonnell 2018).
    Deviation,
}

impl Default for Eval {
    fn default() -> Self {
        Eval {
            distort: ["none", "sign", "round"].map(String::from).to_vec(),
            batch: None,
            crops: 1,
            moments_batches: 0,
            moments_average: MomentsAverage::default(),
            every: 0,
            every_steps: 0,
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Steps between lines of the log.
    pub every: u64,
}

impl Default for Log {
    fn default() -> Self {
        Log { every: 10 }
    }
}

/// `[checkpoint]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointEvery {
    /// Epochs between checkpoints; 0 for none between the start and the end.
    pub every_epochs: u64,
    /// Steps between checkpoints, besides those at the ends of epochs; 0 for none.
    pub every_steps: u64,
}

impl Default for CheckpointEvery {
    fn default() -> Self {
        CheckpointEvery { every_epochs: 1, every_steps: 0 }
    }
}

mod default {
    pub fn width() -> f64 {
        1.0
    }
    pub fn whole() -> usize {
        1
    }
    pub fn is_whole(shards: &usize) -> bool {
        *shards == 1
    }
    pub fn projection() -> String {
        "none".into()
    }
    pub fn first() -> Vec<u64> {
        vec![2]
    }
    pub fn two() -> u64 {
        2
    }
}

impl Preset {
    /// Reads the preset at `path`, applies the bases it extends and then each `key=value` of `sets`. `path` is a file,
    /// or (with or without `.toml`) a name under `models/`, which need not exist: the presets are part of the binary.
    ///
    /// # Errors
    /// No such preset (with the nearest names); a base that is missing or extends itself; no TOML; a key that is unknown
    /// (with the nearest keys), missing, of the wrong type or out of range. Each names the file or flag it comes from.
    pub fn load(path: impl AsRef<Path>, sets: &[String]) -> Result<Preset> {
        Preset::read(Sources::open(path.as_ref())?, sets, &Texts::new())
    }

    /// As [`Preset::load`], for a run that was begun with `saved`: where both name a file, the text is that of `saved`, and measured
    /// colours are those that it has.
    ///
    /// # Errors
    /// As [`Preset::load`].
    pub fn load_again(path: impl AsRef<Path>, sets: &[String], saved: &Preset) -> Result<Preset> {
        let mut preset = Preset::read(Sources::open(path.as_ref())?, sets, &saved.wgsl)?;
        let (now, then) = (&mut preset.data, &saved.data);
        now.mean = if now.mean == Some(Mean::Measured) { then.mean } else { now.mean };
        now.components = now.components.or(then.components);
        Ok(preset)
    }

    /// Reads a preset from text, as [`Preset::to_toml`] writes it.
    ///
    /// # Errors
    /// As [`Preset::load`]; `extends` is refused, because a text lies nowhere.
    pub fn from_toml(text: &str) -> Result<Preset> {
        Preset::read(Sources::text(text)?, &[], &Texts::new())
    }

    /// This preset with each `key=value` of `sets` applied: what a resumed run may change.
    ///
    /// # Errors
    /// As [`Preset::load`].
    pub fn with(&self, sets: &[String]) -> Result<Preset> {
        Preset::read(Sources::text(&self.to_toml())?, sets, &Texts::new())
    }

    fn read(mut sources: Sources, sets: &[String], known: &Texts) -> Result<Preset> {
        for set in sets {
            sources.set(set)?;
        }
        let mut merged: Table = sources.merged();
        let mut preset = classes::resolve(&mut merged)
            .and_then(|()| Preset::deserialize(De(Value::Table(merged))))
            .and_then(|preset| check::check(&preset).map(|()| preset))
            .map_err(|failure: Failure| Error::Invalid(format!("{}: {failure}", sources.origin(&failure.path))))?;
        own::gather(&mut preset, &sources, known)?;
        Ok(preset)
    }

    /// The part of training, from 0 to 1, that is done when `epoch` (from 0) begins: what schedules over epochs go by.
    pub fn done(&self, epoch: u64) -> f64 {
        (epoch as f64 / self.epochs as f64).min(1.0)
    }

    /// Images of a pass of training.
    pub fn shard(&self) -> usize {
        self.batch / self.shards
    }

    /// The batch of evaluations.
    pub fn eval_batch(&self) -> usize {
        self.eval.batch.unwrap_or(self.shard())
    }
}

#[cfg(test)]
mod tests;
