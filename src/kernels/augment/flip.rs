//! Mirrors an image, left to right.

use super::{Augmentation, Pixel};

/// `flip = 0.5`: with this probability, to 2^-32.
pub(super) static ROW: Augmentation = Augmentation {
    key: "flip",
    number: |augment| augment.flip,
    check: |p| {
        // The device draws whole numbers below 2^32.
        let ok = (2f64.powi(-32)..=1.0).contains(&p);
        if ok { Ok(()) } else { Err("give a probability above 0 up to 1, or false to switch it off") }
    },
    fits: |_, _| Ok(()),
    constant: |p| (p * 4_294_967_296.0) as u32,
    example: 1 << 31,
    source: |pixel, threshold, [_, w], draw| {
        let column = if draw[0] < threshold { w as i64 - 1 - pixel.column } else { pixel.column };
        Pixel { column, ..pixel }
    },
};
