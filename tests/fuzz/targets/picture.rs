//! Pictures: decoded, turned, cut and resampled, as `predict` does and as batches do.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weightproof::data::pictures::{Rectangle, Scratch, Size};
use weightproof::data::{self, Shape, Wanted, picture};
use weightproof_fuzz::{catch_others, folder, head, pictures, seed, within, write};

fuzz_target!(init: { catch_others(); seed("picture", seeds()) }, |input: &[u8]| {
    let ([height, width, channels, crop, left, top], encoded) = head(input);
    let dir = folder();
    let path = write(&dir, "train/a/a.jpg", encoded);
    let shape = Shape {
        channels: 1 + usize::from(channels) % 3,
        height: usize::from(height) + 1,
        width: usize::from(width) + 1,
    };
    // A byte may stand for 2,048 of pixels, which a decoder has in coefficients, too.
    within(8 * 2048 * encoded.len(), || {
        let _ = picture::read(&path, shape, None, 255);
        let crop = 1 + usize::from(crop) % 4;
        let size = Size::new(crop, Some(crop)).expect("a crop of the whole side");
        let _ = picture::read(&path, size.shape(), Some(size), 255);
        let wanted = Wanted { set: "folder", crop: Some(crop), short_side: Some(crop) };
        let set = data::open(wanted, Some(dir.path())).expect("a picture by its name");
        let pictures = set.train.images.pictures().expect("pictures");
        let choose = |[rows, columns]: [usize; 2]| {
            let (top, left) = (usize::from(top) % rows, usize::from(left) % columns);
            Rectangle { top, left, height: rows - top, width: columns - left }
        };
        let _ = pictures.part(0, &mut Scratch::default(), choose);
    });
});

fn seeds() -> impl Iterator<Item = Vec<u8>> {
    pictures().into_iter().map(|picture| [&[8, 12, 2, 2, 1, 1], &picture[..]].concat())
}
