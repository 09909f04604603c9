//! Fills a square of an image (DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with
//! cutout").

use super::{Augmentation, Pixel, below, whole};

/// `cutout = 18`: so many pixels wide and high, its centre at any pixel of the image, so that it may lie partly outside.
pub(super) static ROW: Augmentation = Augmentation {
    key: "cutout",
    number: |augment| augment.cutout,
    check: whole,
    fits: |size, [h, w]| {
        let ok = size <= h.min(w) as f64;
        if ok { Ok(()) } else { Err("the square could hide all of the image; give no more pixels than it has") }
    },
    constant: |size| size as u32,
    example: 5,
    source: |pixel, size, [h, w], draw| {
        let inside = |at: i64, word, n| (0..i64::from(size)).contains(&(at + i64::from(size / 2) - below(word, n)));
        let hidden = inside(pixel.row, draw[0], h) && inside(pixel.column, draw[1], w);
        Pixel { filled: pixel.filled || hidden, ..pixel }
    },
};
