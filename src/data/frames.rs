//! Training crops with stretch: rectangles of pictures, of random size and place, that the device resamples to one size.
//!
//! MatConvNet takes them so, and with it Merolla et al. 2016 trained AlexNet: round(crop U(1 - s, 1 + s)) rows and columns, independently,
//! anywhere in the picture. Here the bytes of a rectangle are copied; what becomes of them is the device's work.

pub use super::decode::Rectangle;

use super::Source;
use super::preparation::channels_last;
use super::{Preparation, Shape};
use crate::error::Result;
use crate::philox::{key, philox4x32, stream};

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

    /// Writes the frame of image `i` to `out`, [`Stretch::words`] long: of the rectangle that the words draw.
    pub(super) fn frame(
        &self,
        images: &Source<u8>,
        i: usize,
        preparation: &Preparation,
        draws: [u32; 4],
        bytes: &mut [Vec<u8>; 2],
        out: &mut [u32],
    ) -> Result<()> {
        let Shape { channels, height, width } = preparation.shape;
        if let Some(pictures) = images.pictures() {
            // Anywhere in the scaled picture, not only in its middle.
            let choose = |of| self.rectangle([height, width], of, draws);
            return pictures.with_part(i, choose, |part| {
                pack(Rectangle::whole([part.height, part.width]), part.pixels, out);
            });
        }
        let [image, turned] = bytes;
        image.resize(preparation.shape.features(), 0);
        turned.resize(image.len(), 0);
        images.read(i, image)?;
        channels_last(preparation.shape, |at| image[at], turned);
        let part = self.rectangle([height, width], [height, width], draws);
        image.clear();
        for row in turned.chunks_exact(width * channels).skip(part.top).take(part.height) {
            image.extend_from_slice(&row[part.left * channels..][..part.width * channels]);
        }
        pack(part, image, out);
        Ok(())
    }
}

/// Writes a frame: the size of a rectangle, and its bytes.
fn pack(part: Rectangle, bytes: &[u8], out: &mut [u32]) {
    let (size, words) = out.split_first_mut().expect("room for the size");
    *size = (part.height | part.width << 16) as u32;
    let (fours, rest) = bytes.as_chunks::<4>();
    for (word, four) in words.iter_mut().zip(fours) {
        *word = u32::from_le_bytes(*four);
    }
    if !rest.is_empty() {
        words[fours.len()] = rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    words[bytes.len().div_ceil(4)..].fill(0);
}
