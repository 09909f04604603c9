//! Parts of pictures that batches are made of: training crops with stretch, of random size and place, and the ten crops of a test.
//!
//! MatConvNet takes training crops so, and with it Merolla et al. 2016 trained AlexNet: round(crop U(1 - s, 1 + s)) rows and columns,
//! independently, anywhere in the picture. Here the bytes of a rectangle are copied; what becomes of them is the device's work.

use super::pictures::{self, Pictures, Rectangle, Rgb};
use super::preparation::channels_last;
use super::{Shape, Source};
use crate::error::Result;
use crate::philox::{key, philox4x32, stream};

/// Crops of a test, where there are several: Krizhevsky et al. 2012, section 4.1.
pub const TEN: usize = 10;

/// How rectangles are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// A side has up to so much more or less than the images have, as a part of that: from 0 to below 1.
    pub amount: f64,
    /// Rows and columns of a rectangle, at most: a frame has room for so many.
    pub largest: [usize; 2],
}

/// Which draws the images of a batch take: those of a run's seed and of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    /// The seed.
    pub seed: u64,
    /// The number of the step, or of the batch in an evaluation.
    pub step: u64,
}

impl Draws {
    /// Four random words for the image at this place in the batch.
    pub fn of(&self, place: usize) -> [u32; 4] {
        philox4x32([place as u32, 0, self.step as u32, (self.step >> 32) as u32], key(self.seed, stream::STRETCH))
    }
}

/// Memory in which parts are cut out; each thread has its own.
#[derive(Default)]
pub(super) struct Scratch {
    picture: pictures::Scratch,
    image: Vec<u8>,
    bytes: Vec<u8>,
}

impl Stretch {
    /// The rectangle in a picture of `of` rows and columns for images of `crop` rows and columns, by four random words: of each side the
    /// size, then the place, every place as likely as another. It is no larger than the picture.
    pub fn rectangle(&self, crop: [usize; 2], of: [usize; 2], draws: [u32; 4]) -> Rectangle {
        let side = |axis: usize| {
            let part = (f64::from(draws[axis]) + 0.5) / 4_294_967_296.0;
            let size = (crop[axis] as f64 * (1.0 - self.amount + 2.0 * self.amount * part)).round() as usize;
            let size = size.clamp(1, self.largest[axis].min(of[axis]));
            let places = (of[axis] - size + 1) as u64;
            (((u64::from(draws[axis + 2]) * places) >> 32) as usize, size)
        };
        let [(top, height), (left, width)] = [0, 1].map(side);
        Rectangle { top, left, height, width }
    }

    /// Words of a frame: one for the size of the rectangle, rows + 2^16 columns, and its bytes, `[row][column][channel]`, four to a
    /// word, lowest first.
    pub fn words(&self, channels: usize) -> usize {
        1 + (self.largest[0] * self.largest[1] * channels).div_ceil(4)
    }

    /// Writes the frame of image `i` to `out`, [`Stretch::words`] long: of the rectangle that the words draw, of its picture, or where it
    /// is none of the image.
    pub(super) fn frame(
        &self,
        images: &Source<u8>,
        shape: Shape,
        i: usize,
        draws: [u32; 4],
        Scratch { picture, image, bytes }: &mut Scratch,
        out: &mut [u32],
    ) -> Result<()> {
        let Shape { channels, height, width } = shape;
        let mut sized = |rows: usize, columns: usize, bytes: &[u8]| {
            out[0] = (rows | columns << 16) as u32;
            pack(bytes, &mut out[1..]);
        };
        if let Some(pictures) = images.pictures() {
            let part = pictures.part(i, picture, |of| self.rectangle([height, width], of, draws))?;
            sized(part.height, part.width, part.pixels);
            return Ok(());
        }
        image.resize(shape.features(), 0);
        bytes.resize(shape.features(), 0);
        images.read(i, image)?;
        channels_last(shape, |at| image[at], bytes);
        let part = self.rectangle([height, width], [height, width], draws);
        image.clear();
        for row in bytes.chunks_exact(width * channels).skip(part.top).take(part.height) {
            image.extend_from_slice(&row[part.left * channels..][..part.width * channels]);
        }
        sized(part.height, part.width, image);
        Ok(())
    }
}

/// Writes the ten crops of picture `i` to `out`, one after the other, their bytes `[row][column][channel]`, four to a word: the corners
/// and the middle, then these mirrored left to right.
pub(super) fn ten(pictures: &Pictures, i: usize, scratch: &mut Scratch, out: &mut [u32]) -> Result<()> {
    let Scratch { picture, bytes, .. } = scratch;
    let side = pictures.size().crop;
    let Rgb { height, width, pixels } = pictures.scaled(i, picture)?;
    let (down, across) = (height - side, width - side);
    let middle = Rectangle::middle([side; 2], [height, width]);
    let places = [[0, 0], [0, across], [down, 0], [down, across], [middle.top, middle.left]];
    let words = out.len() / TEN;
    for (k, out) in out.chunks_exact_mut(words).enumerate() {
        let [top, left] = places[k % places.len()];
        bytes.clear();
        for row in pixels.chunks_exact(3 * width).skip(top).take(side) {
            let row = &row[3 * left..][..3 * side];
            if k < places.len() {
                bytes.extend_from_slice(row);
            } else {
                row.rchunks_exact(3).for_each(|pixel| bytes.extend_from_slice(pixel));
            }
        }
        pack(bytes, out);
    }
    Ok(())
}

/// Bytes as words, four to one, lowest first; what is left of `out` is 0.
fn pack(bytes: &[u8], out: &mut [u32]) {
    let (fours, rest) = bytes.as_chunks::<4>();
    for (word, four) in out.iter_mut().zip(fours) {
        *word = u32::from_le_bytes(*four);
    }
    if !rest.is_empty() {
        out[fours.len()] = rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    out[bytes.len().div_ceil(4)..].fill(0);
}
