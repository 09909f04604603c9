//! Pads an image and takes a part of its size, anywhere in what that gives.

use super::{Augmentation, Pixel, below, whole};

/// `crop = 4`: by so many filled pixels on every side, so that the image moves by up to that many either way.
pub(super) static ROW: Augmentation = Augmentation {
    key: "crop",
    number: |augment| augment.crop,
    check: whole,
    fits: |pad, [h, w]| {
        let ok = pad < h.min(w) as f64;
        if ok { Ok(()) } else { Err("a crop could hold nothing of the image; give fewer pixels than it has") }
    },
    constant: |pad| pad as u32,
    example: 3,
    source: |pixel, pad, [h, w], draw| {
        let moved = |at: i64, word| at + below(word, 2 * pad as usize + 1) - i64::from(pad);
        let (row, column) = (moved(pixel.row, draw[0]), moved(pixel.column, draw[1]));
        let outside = !(0..h as i64).contains(&row) || !(0..w as i64).contains(&column);
        Pixel { row, column, filled: pixel.filled || outside }
    },
};
