//! The default set, part of the program: 1,797 handwritten digits of 8x8, from the test part of "Optical Recognition of
//! Handwritten Digits" (E. Alpaydin and C. Kaynak 1998, UCI Machine Learning Repository, CC BY 4.0), as scikit-learn
//! distributes it.
//!
//! `data/digits.bin.gz` holds per image, in scikit-learn's order, 64 pixels of 0 to 16 and the label.

use std::path::Path;

use super::files::gunzip;
use super::{DIGITS, DataSet, Info, Origin, Shape, Source, Split, batches};
use crate::error::Result;

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: "digits",
    description: "1,437 + 360 handwritten digits, 8x8 grey, 10 classes (UCI optical recognition, test part)",
    files: "none: it is part of the program",
    classes: DIGITS,
    licence: "CC BY 4.0, E. Alpaydin and C. Kaynak 1998",
    maximum: 16,
    pictures: None,
    open: |_, _| load(),
    streams: None,
    shape: |_, _| Ok(SHAPE),
    members: None,
    origin: Origin::Program,
};

/// The packed set.
pub(super) const PACKED: &[u8] = include_bytes!("../../data/digits.bin.gz");
/// The name the packed set has in error texts and in the list of checksums.
pub(super) const PACKED_NAME: &str = "digits.bin.gz";

/// The size of every image.
pub(super) const SHAPE: Shape = Shape { channels: 1, height: 8, width: 8 };
/// All images.
const COUNT: usize = 1797;
/// The first of them, after shuffling, to learn from; the remaining 360 are the test set.
const TRAIN: usize = 1437;

/// Unpacks the set and splits it.
///
/// The file is ordered by writer. Its last 360 images, which scikit-learn's examples take as test set, are therefore
/// other people's hands than most of the rest; here the images are shuffled first (epoch 0 of seed 0), so that both
/// parts have the same distribution.
///
/// # Errors
/// None unless the program file itself is damaged.
pub(super) fn load() -> Result<DataSet> {
    let record = SHAPE.features() + 1;
    let bytes = gunzip(PACKED, Path::new(PACKED_NAME))?;
    let mut splits = [const { (vec![], vec![]) }; 2];
    for (place, i) in batches::permutation(COUNT, 0, 0).into_iter().enumerate() {
        let (pixels, label) = bytes[i as usize * record..][..record].split_at(SHAPE.features());
        let (images, labels) = &mut splits[usize::from(place >= TRAIN)];
        images.extend_from_slice(pixels);
        labels.push(label[0].into());
    }
    let [train, test] =
        splits.map(|(images, labels)| Split { images: Source::memory(SHAPE.features(), images), labels });
    Ok(DataSet { name: "digits".into(), shape: SHAPE, classes: INFO.class_names(), maximum: INFO.maximum, train, test })
}
