//! Images held on the device, where they fit: then a batch uploads the places of its images, not the images.

use crate::data::{Batch, Form, Levels, Part, Prepared};
use crate::error::Result;
use crate::gpu::Runner;
use crate::kernels::batch;
use crate::kernels::case::Fill;
use crate::model::{AFFINE, COMPONENTS, LEVELS, MEAN, Network, Placement};
use crate::plan::{AdapterClass, Target};

/// Where the images of a split stay: training images that are cut out of pictures at random with the host, others on the device if `wanted` says so. Where it says nothing, on the device, unless that
/// is the memory of the host, in which an upload is a copy like any other, or unless they would take more than half of
/// the largest buffer or are streamed.
pub fn placement(wanted: Option<bool>, target: &Target, data: &Prepared, part: Part) -> Placement {
    if part == Part::Train && data.stretch.is_some() {
        return Placement::Frames;
    }
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
        write_levels(runner, levels, data.shape.channels)?;
        write_given(runner, COMPONENTS, &data.components.concat())?;
    }
    match *placement {
        Placement::Uploaded | Placement::Frames => Ok(()),
        Placement::Resident { rows, .. } => runner.upload(rows, &data.all_words(part)?),
    }
}

/// Writes what bytes become.
///
/// # Errors
/// What the device reports.
pub fn write_levels(runner: &mut Runner, levels: &Levels, channels: usize) -> Result<()> {
    write_given(runner, LEVELS, &levels.values)?;
    write_given(runner, MEAN, &levels.mean.unwrap_or_default())?;
    write_given(runner, AFFINE, &levels.affine(channels))
}

/// Writes a buffer, if a plan that was loaded has it.
fn write_given(runner: &mut Runner, buffer: &str, values: &[f32]) -> Result<()> {
    if runner.has(buffer) { runner.write(buffer, bytemuck::cast_slice(values)) } else { Ok(()) }
}

/// A batch of made-up images of this placement, as [`Network::uploads`] wants it: numbers from -1 to 1. Writes what bytes become.
///
/// # Errors
/// What the device reports.
pub fn made_up(runner: &mut Runner, network: &Network, placement: &Placement, batch: usize) -> Result<Vec<u32>> {
    let [h, w, c] = network.input;
    let features = h * w * c;
    let Some(values) = network.byte_values else {
        let values = Fill::Uniform(1.0).values("images", batch * features);
        return Ok(values.into_iter().map(f32::to_bits).collect());
    };
    let last = (values - 1) as f32;
    let levels = Levels { values: (0..256).map(|byte| 2.0 * byte as f32 / last - 1.0).collect(), mean: None };
    write_levels(runner, &levels, c)?;
    write_given(runner, COMPONENTS, &[0.01; 9])?;
    let words = match placement {
        Placement::Frames => network.frame_words(),
        _ => batch::words_per_image(features),
    };
    let bytes = Fill::Range(0.0, values as f32).values("images", 4 * batch * words);
    let word = |four: &[f32]| four.iter().rev().fold(0, |word, v| word << 8 | v.min(last) as u32);
    let mut images: Vec<u32> = bytes.chunks_exact(4).map(word).collect();
    if *placement == Placement::Frames {
        // Rectangles of the size of an image.
        images.chunks_exact_mut(words).for_each(|frame| frame[0] = (h | w << 16) as u32);
    }
    Ok(images)
}

/// What batches have of their images, for [`feed`]. Crops are drawn by `seed`; batch 0 is run as step `first` with it.
pub fn form(placement: &Placement, seed: u64, first: u64) -> Form {
    match placement {
        Placement::Uploaded => Form::Whole,
        Placement::Frames => Form::Frames { seed, first },
        Placement::Resident { .. } => Form::Named,
    }
}

/// The part of an array with as many elements for each image of a batch that belongs to shard `i` of `of`.
pub fn part<T>(all: &[T], [i, of]: [usize; 2]) -> &[T] {
    let len = all.len() / of;
    &all[i * len..(i + 1) * len]
}

/// Hands shard `i` of `of` of a batch to a plan of this placement for the images that are `input` there: the images to where they are
/// uploaded, or their places to `index`.
///
/// # Errors
/// What the device reports.
pub fn feed(
    runner: &mut Runner,
    network: &Network,
    placement: &Placement,
    [input, index]: [&str; 2],
    batch: &Batch,
    shard: [usize; 2],
) -> Result<()> {
    match placement {
        Placement::Uploaded | Placement::Frames => {
            runner.write(&network.uploads(placement, input), part(&batch.images, shard))
        }
        // Behind the last image of a split the places are old ones: images that do not count.
        Placement::Resident { .. } => runner.write(index, part(&batch.chosen, shard)),
    }
}
