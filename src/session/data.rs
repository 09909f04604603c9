//! The data set of a preset, and its network for them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::data::crops::Stretch;
use crate::data::pictures::Size;
use crate::data::{self, Colors, DataSet, Part, Preparation, Prepared, Preprocessing, Shape, Wanted};
use crate::error::{Error, Result};
use crate::kernels::augment;
use crate::model::Network;
use crate::model::preset::{Data, Mean, Preset, Scale};

/// The preset with the colours that its images are prepared by, where it asks for measured ones: those that `data prepare` measured
/// of its set in `dir`, else those of ILSVRC, which is said. What a run is saved with says them, and never looks for them again.
pub fn settled(preset: &Preset, dir: Option<&Path>) -> Preset {
    let mut preset = preset.clone();
    let data = &mut preset.data;
    let (mean, components) =
        (data.mean == Some(Mean::Measured), data.components.is_none() && preset.augment.color.is_some());
    if mean || components {
        let colors = Colors::stored(&data.set, dir).unwrap_or_else(|| {
            log::info!(
                "{}: the colours of its training images are not measured (weightproof data prepare {0}): those published of ILSVRC 2012 \
                 are taken",
                data.set
            );
            Colors::ilsvrc()
        });
        data.mean = if mean { Some(Mean::Of(colors.mean)) } else { data.mean };
        data.components = if components { Some(colors.components) } else { data.components };
    }
    preset
}

/// Opens and prepares the data set of a preset; its images are held in memory or streamed, as `data.stream` says.
///
/// # Errors
/// Missing or damaged files; limits beyond the set; files that cannot be streamed but are to be.
pub fn load_data(preset: &Preset, dir: Option<&Path>) -> Result<Arc<Prepared>> {
    let (start, preset) = (Instant::now(), &settled(preset, dir));
    let mut set = open_data(preset, dir)?;
    let whitened = if preset.data.zca.is_some() { size_of::<f32>() } else { 1 };
    let images = set.train.labels.len() + set.test.labels.len();
    let bytes = (images * set.shape.features() * whitened) as u64;
    if !streams(&preset.data, bytes, memory()) {
        // Pictures that are cut anew for every batch, or into several parts, stay pictures.
        let (pictures, several) = (set.is_pictures(), preset.eval.crops > 1);
        let validated = several && preset.data.validation.is_some();
        let cut = [preset.augment.stretch.is_some() || validated, several].map(|cut| cut && pictures);
        set = set.held_but(cut)?;
    } else if preset.data.stream.is_some() {
        set.check_streamed()?;
    }
    let (train, test) = (set.train.labels.len(), set.test.labels.len());
    let streamed = [&set.train, &set.test].iter().all(|split| split.images.is_streamed());
    log::info!(
        "{}: {train} + {test} images of {}, {} classes, {} in {:.2} s",
        set.name,
        set.shape,
        set.classes.len(),
        if streamed { "to be streamed, opened" } else { "read" },
        start.elapsed().as_secs_f64()
    );
    if set.is_pictures() {
        fill_classes(&mut set, preset)?;
    }
    let mut prepared = data::prepare(&set, &preprocessing(&preset.data), preset.data.train)?;
    if set.train.images.is_streamed() {
        // A thread waits for the disk most of the time; but decoding is work.
        let most = if set.is_pictures() { usize::MAX } else { 4 };
        prepared.workers = std::thread::available_parallelism().map_or(1, |n| n.get().min(most));
    }
    if preset.eval.crops > 1 && !prepared.has_pictures(Part::Test) {
        return Err(Error::Invalid(format!(
            "eval.crops = {}: crops are taken of pictures (data.set = \"imagenet\" or \"folder\") that are neither contrast-normalised nor \
             whitened; use --set eval.crops=1",
            preset.eval.crops
        )));
    }
    let crop = [prepared.shape.height, prepared.shape.width];
    prepared.stretch = preset.augment.stretch.map(|amount| Stretch { amount, largest: augment::largest(amount, crop) });
    prepared.components = components(preset, set.maximum);
    if let Some(count) = preset.data.validation {
        prepared.hold_out(count)?;
    }
    if let Some(test) = preset.data.test {
        prepared.test.truncate(test);
    }
    Ok(Arc::new(prepared))
}

/// What the jitter of colours multiplies by normal numbers, in the units of the images.
fn components(preset: &Preset, maximum: u8) -> [[f32; 3]; 3] {
    let unit = match preset.data.scale {
        Scale::Raw => 1.0,
        Scale::Unit => 2.0 / f64::from(maximum),
    };
    let factor = unit * preset.augment.color.unwrap_or(0.0);
    preset.data.components.unwrap_or_default().map(|component| component.map(|v| (factor * v) as f32))
}

/// Opens the data set that a preset asks for, as it is in its files.
///
/// # Errors
/// Missing or damaged files; a crop that is not possible.
pub fn open_data(preset: &Preset, dir: Option<&Path>) -> Result<DataSet> {
    data::open(wanted(&preset.data), dir)
}

/// The data set that a preset asks for.
fn wanted(data: &Data) -> Wanted<'_> {
    Wanted { set: &data.set, crop: data.crop, short_side: data.short_side }
}

/// How images are cut from pictures that a network of this preset reads, if its data set has such.
///
/// # Errors
/// A data set that this program does not know; a crop that is not possible.
pub fn picture_size(preset: &Preset) -> Result<Option<Size>> {
    wanted(&preset.data).size()
}

/// Gives a set of pictures, which may be a part of a larger one, as many classes as the network of a preset tells apart.
fn fill_classes(set: &mut DataSet, preset: &Preset) -> Result<()> {
    let s = set.shape;
    let outputs = preset.shapes([s.height, s.width, s.channels])?.last().map_or(0, |layer| layer.output[2]);
    let count = set.classes.len();
    if count < outputs {
        log::warn!("{}: {count} classes, but the network tells {outputs} apart: nothing is of the last ones", set.name);
        set.classes.extend((count..outputs).map(|class| class.to_string()));
    }
    Ok(())
}

/// What a preset does to images.
fn preprocessing(data: &Data) -> Preprocessing {
    let scale = match data.scale {
        Scale::Unit => data::Scale::Unit,
        Scale::Raw => data::Scale::Raw,
    };
    Preprocessing { scale, mean: data.mean.and_then(Mean::value), gcn: data.gcn, zca: data.zca }
}

/// What is done to images of `input` rows, columns and channels from elsewhere before the network of a preset reads them: what
/// [`load_data`] does to those of its set, whose bytes are of the same range.
///
/// # Errors
/// A data set that this program does not know; where images are whitened, missing or damaged files of it in `dir` (absent:
/// the default folder).
pub fn preparation(preset: &Preset, input: [usize; 3], dir: Option<&Path>) -> Result<Preparation> {
    let preset = &settled(preset, dir);
    let [height, width, channels] = input;
    let open = || {
        open_data(preset, dir).map_err(|e| {
            let message = "whitening is fitted to all training images, whose folder --data names";
            Error::Invalid(format!("{message}: {e}"))
        })
    };
    let shape = Shape { channels, height, width };
    data::preparation(shape, data::info(&preset.data.set)?.maximum, &preprocessing(&preset.data), open)
}

/// Whether images that would take so many bytes of so much memory are streamed, if their files allow it.
fn streams(data: &Data, bytes: u64, memory: u64) -> bool {
    data.stream.unwrap_or(data.resident != Some(true) && bytes > memory / 2)
}

/// Bytes of memory of this machine, or of the container that the program runs in; the most where no system tells.
pub(super) fn memory() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else { return u64::MAX };
    system.refresh_memory();
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    // 0 where there is no /proc to ask.
    [container, system.total_memory()].into_iter().filter(|bytes| *bytes > 0).min().unwrap_or(u64::MAX)
}

/// Rows, columns and channels of the images that a preset trains on: what the files in `dir` (absent: the default folder)
/// say, and where there are none, what was published; of sets of pictures what the preset says.
///
/// # Errors
/// A data set that this program does not know; a file that is none of the set.
pub fn input(preset: &Preset, dir: Option<&Path>) -> Result<[usize; 3]> {
    let s = data::shape(wanted(&preset.data), dir)?;
    Ok([s.height, s.width, s.channels])
}

/// The network of a preset for a data set.
///
/// # Errors
/// As [`Network::new`].
pub fn network(preset: &Preset, data: &Prepared) -> Result<Arc<Network>> {
    let s = data.shape;
    let mut network = Network::new(preset, [s.height, s.width, s.channels], data.classes.len())?;
    network.byte_values = data.levels.as_ref().map(|_| usize::from(data.maximum()) + 1);
    Ok(Arc::new(network))
}

/// The network of a preset for images of `input` rows, columns and channels before the data are read, with as many classes
/// as its last layer gives.
///
/// # Errors
/// As [`Network::new`].
pub fn network_for(preset: &Preset, input: [usize; 3]) -> Result<Network> {
    let maximum = data::info(&preset.data.set).map_or(u8::MAX, |set| set.maximum);
    let mut network = Network::without_data(preset, input)?;
    network.byte_values = preset.data.is_bytewise().then_some(usize::from(maximum) + 1);
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fill_memory_is_streamed_unless_it_is_said_otherwise() {
        let data = |set: &str| Preset::load(Path::new("demo/digits"), &[set.to_owned()]).unwrap().data;
        let cases = [
            ("data.stream=auto", [false, true]),
            ("data.stream=false", [false, false]),
            ("data.stream=true", [true, true]),
            ("data.resident=true", [false, false]),
            ("data.resident=false", [false, true]),
        ];
        for (set, want) in cases {
            assert_eq!([50, 51].map(|bytes| streams(&data(set), bytes, 100)), want, "{set}");
        }
        assert!(memory() > 1 << 26);
    }
}
