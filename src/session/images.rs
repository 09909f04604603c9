//! Images held on the device, where they fit: then a batch uploads the places of its images, not the images.

use crate::data::{Batch, Batches, Part, Prepared};
use crate::error::Result;
use crate::gpu::Runner;
use crate::kernels::batch;
use crate::kernels::case::Fill;
use crate::model::{LEVELS, Network, Placement};
use crate::plan::{AdapterClass, Target};

/// Where the images of a split stay: on the device if `wanted` says so. Where it says nothing, on the device, unless that
/// is the memory of the host, in which an upload is a copy like any other, or unless they would take more than half of
/// the largest buffer or are streamed.
pub fn placement(wanted: Option<bool>, target: &Target, data: &Prepared, part: Part) -> Placement {
    let count = data.split(part).labels.len();
    let words = count * data.words();
    let fits = !data.is_streamed()
        && target.adapter.class != AdapterClass::Software
        && words * 4 <= target.adapter.limits.max_buffer / 2;
    if wanted.unwrap_or(fits) { Placement::Resident { rows: rows(part), count } } else { Placement::Uploaded }
}

/// The buffer of the images of a split.
fn rows(part: Part) -> &'static str {
    match part {
        Part::Train => "resident",
        Part::Validation => "validation.resident",
        Part::Test => "test.resident",
    }
}

/// Writes what a plan that was loaded with this placement reads in every step: the images that stay there, and what bytes
/// become.
///
/// # Errors
/// What the device reports; a file that cannot be read.
pub fn upload(runner: &mut Runner, data: &Prepared, part: Part, placement: &Placement) -> Result<()> {
    if let Some(levels) = &data.levels {
        runner.write(LEVELS, bytemuck::cast_slice(levels))?;
    }
    match *placement {
        Placement::Uploaded => Ok(()),
        Placement::Resident { rows, .. } => runner.upload(rows, &data.all_words(part)?),
    }
}

/// A batch of made-up images, as [`Network::uploads`] wants it: numbers from -1 to 1. Writes what bytes become.
///
/// # Errors
/// What the device reports.
pub fn made_up(runner: &mut Runner, network: &Network, batch: usize) -> Result<Vec<u32>> {
    let features = network.input.iter().product::<usize>();
    let Some(values) = network.byte_values else {
        let values = Fill::Uniform(1.0).values("images", batch * features);
        return Ok(values.into_iter().map(f32::to_bits).collect());
    };
    let last = (values - 1) as f32;
    let level = |byte: u32| (2.0 * byte as f32 / last - 1.0).to_bits();
    runner.write(LEVELS, &(0..256).map(level).collect::<Vec<_>>())?;
    let bytes = Fill::Range(0.0, values as f32).values("images", 4 * batch * batch::words_per_image(features));
    let word = |four: &[f32]| four.iter().rev().fold(0, |word, v| word << 8 | v.min(last) as u32);
    Ok(bytes.chunks_exact(4).map(word).collect())
}

/// One pass over a split in order, as [`feed`] wants its batches.
///
/// # Errors
/// A batch of 0.
pub fn pass(data: &std::sync::Arc<Prepared>, part: Part, batch: usize, placement: &Placement) -> Result<Batches> {
    let batches = if *placement == Placement::Uploaded { Batches::sequential } else { Batches::sequential_chosen };
    batches(data.clone(), part, batch)
}

/// The part of an array with as many elements for each image of a batch that belongs to shard `i` of `of`.
pub fn part<T>(all: &[T], [i, of]: [usize; 2]) -> &[T] {
    let len = all.len() / of;
    &all[i * len..(i + 1) * len]
}

/// Hands shard `i` of `of` of a batch to a plan of this placement: the images to the buffer `uploads`, or their places to `index`.
///
/// # Errors
/// What the device reports.
pub fn feed(
    runner: &mut Runner,
    placement: &Placement,
    [uploads, index]: [&str; 2],
    batch: &Batch,
    shard: [usize; 2],
) -> Result<()> {
    match placement {
        Placement::Uploaded => runner.write(uploads, part(&batch.images, shard)),
        // Behind the last image of a split the places are old ones: images that do not count.
        Placement::Resident { .. } => runner.write(index, part(&batch.chosen, shard)),
    }
}
