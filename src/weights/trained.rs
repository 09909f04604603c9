//! What is measured: a network with its weights, from a run folder, a checkpoint, or a file of weights from elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint, key};
use super::packed::Packed;
use super::{export, import};
use crate::data::{self, Prepared};
use crate::error::{Error, Result};
use crate::model::Network;
use crate::model::preset::Preset;
use crate::projection::Projection;
use crate::projection::distortion::Distortion;
use crate::session::{input, load_data, network_for};

/// Batch-norm moments, by the names and in the order of [`Network::moments`].
pub type NamedMoments = Vec<(String, Vec<f32>)>;

/// A network with the weights to measure.
pub struct TrainedNetwork {
    /// The preset that describes the network and the data.
    pub preset: Preset,
    /// The network, its projection as it stood at `step`; for weights from elsewhere, as at the end of training.
    pub network: Arc<Network>,
    /// The projection of training as the preset has it, with what moves in it.
    training: Distortion,
    /// The part of training that was done.
    done: f64,
    /// The flat array of parameters, as `weight` of a runner takes it.
    pub weights: Arc<[f32]>,
    /// Those of them that the file holds as bits, by name.
    pub packed: BTreeMap<String, Packed>,
    /// Training steps that the weights have seen; 0 for weights from elsewhere.
    pub step: u64,
    /// Epochs that were done; for weights from elsewhere all of the preset.
    pub epoch: u64,
    /// Batch-norm moments that came with the weights.
    pub moments: Option<NamedMoments>,
    /// What the classes mean: as the file says, else as their data set does.
    pub classes: Vec<String>,
    /// The file of the weights.
    pub source: PathBuf,
    /// Keys of the preset that were changed and that a test depends on, with their values.
    pub changed: String,
    /// What to call it: the run folder's name, or the file's without its ending.
    pub name: String,
}

impl TrainedNetwork {
    /// What a distortion means for these weights: the projection of training, where a parameter of it moves, means its value
    /// at their step; a user's own is read, from the texts of the preset if they have it.
    ///
    /// # Errors
    /// As [`Network::read`].
    pub fn distortion(&self, distortion: &Distortion) -> Result<Distortion> {
        Ok(self.network.read(distortion)?.in_test(&self.training, self.done))
    }

    /// What is done to the weights where the network is used: the projection of training; nothing to those of a packed file,
    /// to which it was done when that was written.
    pub fn deployed(&self) -> Distortion {
        if !self.packed.is_empty() { Projection::NONE.into() } else { self.network.projection.clone() }
    }

    /// The data set of the preset, prepared, from `dir`; absent: from the default folder.
    ///
    /// # Errors
    /// Missing or damaged files; images or classes that are not those of the network.
    pub fn data(&self, dir: Option<&Path>) -> Result<Arc<Prepared>> {
        let data = load_data(&self.preset, dir)?;
        self.check(&data)?;
        Ok(data)
    }

    /// That `data` are those of the network.
    ///
    /// # Errors
    /// Images or classes that are not.
    pub fn check(&self, data: &Prepared) -> Result<()> {
        let s = data.shape;
        let (images, classes) = ([s.height, s.width, s.channels], data.classes.len());
        if (images, classes) != (self.network.input, self.network.classes) {
            return Err(Error::Invalid(format!(
                "{}: this network tells {} classes apart in images of {:?} (rows, columns, channels), and {} has {classes} \
                 in images of {images:?}",
                self.name, self.network.classes, self.network.input, self.preset.data.set
            )));
        }
        Ok(())
    }
}

/// Opens what `path` names: a run folder or a checkpoint that `train` wrote, or a safetensors file with PyTorch's names
/// and layouts for the network of `preset` (a file, or the name of a shipped one). `sets` change keys of the preset,
/// `data_dir` is the folder of the data sets, whose files say the shape of the images where the run does not.
///
/// # Errors
/// A file that is missing, damaged or no safetensors file; a `preset` for a run, which has its own, or none for weights
/// from elsewhere; weights of another network.
pub fn open(path: &Path, preset: Option<&Path>, sets: &[String], data_dir: Option<&Path>) -> Result<TrainedNetwork> {
    let source = file(path)?;
    match (checkpoint::is_one(&source)?, preset) {
        (true, None) => of_checkpoint(source, name(path), sets, data_dir),
        (false, Some(preset)) => {
            let own = Preset::load(preset, &[])?;
            of_weights(source, name(path), &own, own.with(sets)?, data_dir)
        }
        (true, Some(_)) => {
            let message = "it carries its preset: leave --preset out, and change keys of it with --set KEY=VALUE";
            Err(Error::format(path, message))
        }
        (false, None) => {
            let message = "this is a plain file of weights, not a checkpoint that `train` wrote: say with --preset PRESET \
                           which network they are for";
            Err(Error::format(&source, message))
        }
    }
}

/// The file of weights that `path` names: that of a run folder, else itself.
///
/// # Errors
/// There is none.
pub(super) fn file(path: &Path) -> Result<PathBuf> {
    let source = if path.is_dir() { checkpoint::path(path) } else { path.to_owned() };
    if !source.exists() {
        let missing = if path.is_dir() {
            "it has no checkpoint: training has saved none here"
        } else {
            "there is no such file or folder"
        };
        let message = format!(
            "{missing}; give a run folder, as `train` names it, a checkpoint, or a safetensors file with --preset"
        );
        return Err(Error::format(path, message));
    }
    Ok(source)
}

fn of_checkpoint(source: PathBuf, name: String, sets: &[String], data_dir: Option<&Path>) -> Result<TrainedNetwork> {
    let saved = checkpoint::load(&source)?;
    let own = Preset::from_toml(saved.text(key::PRESET)?)?;
    let preset = own.with(sets)?;
    let changed = changed(&own, &preset)?;
    let mut network = network_for(&preset, input_of(&saved, &preset, data_dir)?)?;
    let weights = export::weights(&network, &saved.tensors)?.into();
    let (step, epoch) = (saved.number(key::STEP)?, saved.number(key::EPOCH)?);
    let done = own.done(epoch);
    let training = network.trained(done);
    let network = Arc::new(network);
    let moments = moments(&network, &saved).map_err(|e| Error::format(&source, e.to_string()))?;
    let classes = match saved.meta.get(key::CLASSES).filter(|_| own.data.set == preset.data.set) {
        Some(json) => serde_json::from_str(json)
            .map_err(|e| Error::format(&source, format!("`{}` is no list of names: {e}", key::CLASSES)))?,
        None => vec![],
    };
    let (classes, packed) = (named(classes, &network, &preset), saved.packed);
    Ok(TrainedNetwork {
        preset,
        network,
        training,
        done,
        weights,
        step,
        epoch,
        moments,
        classes,
        packed,
        source,
        changed,
        name,
    })
}

/// The names of the classes of a network: these if there is one for each, else those of the data set, else numbers.
fn named(names: Vec<String>, network: &Network, preset: &Preset) -> Vec<String> {
    let of_set = data::info(&preset.data.set).map(data::Info::class_names).unwrap_or_default();
    let one_each = |names: &Vec<String>| names.len() == network.classes;
    let numbers = || (0..network.classes).map(|i| i.to_string()).collect();
    [names, of_set].into_iter().find(one_each).unwrap_or_else(numbers)
}

/// The moments in a checkpoint: all of the network's, or none.
fn moments(network: &Network, saved: &Checkpoint) -> Result<Option<NamedMoments>> {
    let wanted = network.moments();
    if !wanted.iter().any(|(name, _)| saved.tensors.contains_key(name)) {
        return Ok(None);
    }
    let take = |(name, channels): (String, usize)| match saved.tensors.get(&name) {
        Some(t) if t.shape == [channels] => Ok((name, t.data.clone())),
        Some(t) => {
            Err(Error::layer(&name, format!("the file has shape {:?}, this network wants [{channels}]", t.shape)))
        }
        None => Err(Error::layer(&name, "the file has no such tensor, but other moments")),
    };
    wanted.into_iter().map(take).collect::<Result<_>>().map(Some)
}

fn of_weights(
    source: PathBuf,
    name: String,
    own: &Preset,
    preset: Preset,
    data_dir: Option<&Path>,
) -> Result<TrainedNetwork> {
    let changed = changed(own, &preset)?;
    let mut network = network_for(&preset, input(&preset, data_dir)?)?;
    let epoch = preset.epochs;
    let done = preset.done(epoch);
    let training = network.trained(done);
    let network = Arc::new(network);
    let zeros = vec![0.0; network.parameters.len()];
    let request = import::Request { names: &preset.names, except: None, weights: zeros };
    let import::Imported { weights, moments, .. } = import::load(&source, &network, request)?;
    let classes = named(vec![], &network, &preset);
    Ok(TrainedNetwork {
        preset,
        network,
        training,
        done,
        weights: weights.into(),
        step: 0,
        epoch,
        moments,
        classes,
        packed: BTreeMap::new(),
        source,
        changed,
        name,
    })
}

/// Keys, or their beginnings, that change no test error, or that a point has in a field of its own.
const BESIDE: [&str; 14] = [
    "name",
    "seed",
    "epochs",
    "steps",
    "init.",
    "optimizer.",
    "lr.",
    "clip.",
    "eval.",
    "log.",
    "checkpoint.",
    "data.test",
    "data.resident",
    "data.stream",
];

/// What makes `now` of `own`, as far as a test depends on it.
fn changed(own: &Preset, now: &Preset) -> Result<String> {
    let counts = |name: &str| BESIDE.iter().all(|b| *b != name && !(b.ends_with('.') && name.starts_with(b)));
    let changes = own.changes(now)?.into_iter().filter(|[name, ..]| counts(name));
    Ok(changes.map(|[name, _, value]| format!("{name} = {value}")).collect::<Vec<_>>().join("; "))
}

/// Rows, columns and channels of the images that `saved` was trained on; where it does not say, or `preset` names another
/// data set now, those of the data.
///
/// # Errors
/// As [`input`].
pub fn input_of(saved: &Checkpoint, preset: &Preset, data_dir: Option<&Path>) -> Result<[usize; 3]> {
    let same_set = Preset::from_toml(saved.text(key::PRESET)?)?.data.set == preset.data.set;
    match saved.input()? {
        Some(input) if same_set => Ok(input),
        _ => input(preset, data_dir),
    }
}

/// The name of a run folder, also for the checkpoint in it; of another file its own without the ending.
fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder =
        if whole.is_dir() { Some(whole.as_path()) } else { whole.parent().filter(|p| whole == checkpoint::path(p)) };
    let last = folder.map_or_else(|| whole.file_stem(), Path::file_name);
    last.map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
