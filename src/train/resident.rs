//! Training images held on the device, where they fit: then a step uploads the places of its images, not the images.

use crate::data::{Part, Prepared};
use crate::error::Result;
use crate::gpu::Runner;
use crate::kernels::batch;
use crate::model::preset::Preset;
use crate::model::{LEVELS, RESIDENT, Source};
use crate::plan::{AdapterClass, Target};

/// Where the training images of a run stay: as `data.resident` says. Where it says nothing, on the device, unless that is
/// the memory of the host, in which an upload is a copy like any other, or unless they would take more than half of the
/// largest buffer.
pub(super) fn source(preset: &Preset, target: &Target, data: &Prepared) -> Source {
    let (count, features) = (data.train.labels.len(), data.shape.features());
    let bytes = data.levels.is_some();
    let words = count * if bytes { batch::words_per_image(features) } else { features };
    let fits = target.class != AdapterClass::Software && words * 4 <= target.limits.max_buffer / 2;
    if preset.data.resident.unwrap_or(fits) { Source::Resident { count, bytes } } else { Source::Uploaded }
}

/// Writes the images for a plan that was loaded with this source.
///
/// # Errors
/// What the device reports.
pub(super) fn upload(runner: &mut Runner, data: &Prepared, source: &Source) -> Result<()> {
    if *source == Source::Uploaded {
        return Ok(());
    }
    match (&data.levels, data.bytes(Part::Train)) {
        (Some(levels), Some(bytes)) => {
            runner.write(LEVELS, bytemuck::cast_slice(levels))?;
            runner.upload(RESIDENT, &bytes)
        }
        _ => runner.upload(RESIDENT, bytemuck::cast_slice(&data.train.images)),
    }
}
