//! The data set of a preset, and its network for them.

use std::path::Path;
use std::sync::Arc;

use crate::data::{self, Prepared, Preprocessing};
use crate::error::Result;
use crate::model::Network;
use crate::model::preset::{Preset, Scale};

/// Loads and preprocesses the data set of a preset.
///
/// # Errors
/// Missing or damaged files; limits beyond the set.
pub fn load_data(preset: &Preset, dir: Option<&Path>) -> Result<Arc<Prepared>> {
    let set = data::load(&preset.data.set, dir)?;
    let preprocessing = Preprocessing {
        scale: match preset.data.scale {
            Scale::Unit => data::Scale::Unit,
            Scale::Raw => data::Scale::Raw,
        },
        gcn: preset.data.gcn,
        zca: preset.data.zca,
    };
    let mut prepared = data::prepare(&set, &preprocessing, preset.data.train)?;
    if let Some(count) = preset.data.validation {
        prepared.hold_out(count)?;
    }
    if let Some(test) = preset.data.test {
        prepared.test.images.truncate(test * prepared.shape.features());
        prepared.test.labels.truncate(test);
    }
    Ok(Arc::new(prepared))
}

/// Rows, columns and channels of the images that a preset trains on: what the files in `dir` (absent: the default folder)
/// say, and where there are none, what was published. For `imagenet` those of AlexNet: its plans can be looked at, its images
/// not yet read.
///
/// # Errors
/// A data set that this program does not know; a file that is none of the set.
pub fn input(preset: &Preset, dir: Option<&Path>) -> Result<[usize; 3]> {
    let set = &preset.data.set;
    match data::shape(set, dir)? {
        Some(s) => Ok([s.height, s.width, s.channels]),
        None if set == "imagenet" => Ok([227, 227, 3]),
        None => data::unknown(set),
    }
}

/// The network of a preset for a data set.
///
/// # Errors
/// As [`Network::new`].
pub fn network(preset: &Preset, data: &Prepared) -> Result<Arc<Network>> {
    let s = data.shape;
    Ok(Arc::new(Network::new(preset, [s.height, s.width, s.channels], data.classes.len())?))
}
