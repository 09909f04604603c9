//! Images held on the device, where they fit: then a batch uploads the places of its images, not the images.

use crate::data::{Batch, Batches, Part, Prepared};
use crate::error::Result;
use crate::gpu::Runner;
use crate::kernels::batch;
use crate::model::{LEVELS, Source};
use crate::plan::{AdapterClass, Target};

/// Where the images of a split stay: on the device if `wanted` says so. Where it says nothing, on the device, unless that
/// is the memory of the host, in which an upload is a copy like any other, or unless they would take more than half of
/// the largest buffer or are streamed.
pub fn source(wanted: Option<bool>, target: &Target, data: &Prepared, part: Part) -> Source {
    let (count, features) = (data.split(part).labels.len(), data.shape.features());
    let bytes = data.levels.is_some();
    let words = count * if bytes { batch::words_per_image(features) } else { features };
    let fits = !data.is_streamed()
        && target.adapter.class != AdapterClass::Software
        && words * 4 <= target.adapter.limits.max_buffer / 2;
    if wanted.unwrap_or(fits) { Source::Resident { rows: rows(part), count, bytes } } else { Source::Uploaded }
}

/// The buffer of the images of a split.
fn rows(part: Part) -> &'static str {
    match part {
        Part::Train => "resident",
        Part::Validation => "validation.resident",
        Part::Test => "test.resident",
    }
}

/// Writes the images for a plan that was loaded with this source.
///
/// # Errors
/// What the device reports.
pub fn upload(runner: &mut Runner, data: &Prepared, part: Part, source: &Source) -> Result<()> {
    let Source::Resident { rows, .. } = *source else { return Ok(()) };
    match (&data.levels, data.bytes(part)?) {
        (Some(levels), Some(bytes)) => {
            runner.write(LEVELS, bytemuck::cast_slice(levels))?;
            runner.upload(rows, &bytes)
        }
        _ => runner.upload(rows, bytemuck::cast_slice(&data.values(part)?)),
    }
}

/// One pass over a split in order, as [`feed`] wants its batches.
///
/// # Errors
/// A batch of 0.
pub fn pass(data: &std::sync::Arc<Prepared>, part: Part, batch: usize, source: &Source) -> Result<Batches> {
    let batches = if *source == Source::Uploaded { Batches::sequential } else { Batches::sequential_chosen };
    batches(data.clone(), part, batch)
}

/// Hands a batch to a plan of this source: the images to the buffer `input`, or their places to `index`.
///
/// # Errors
/// What the device reports.
pub fn feed(runner: &mut Runner, source: &Source, [input, index]: [&str; 2], batch: &Batch) -> Result<()> {
    match source {
        Source::Uploaded => runner.write(input, bytemuck::cast_slice(&batch.images)),
        // Behind the last image of a split the places are old ones: images that do not count.
        Source::Resident { .. } => runner.write(index, &batch.chosen),
    }
}
