//! CIFAR-10: 50,000 + 10,000 images of ten classes.

use super::cifar::{SHAPE, Set};
use super::fetch::{Download, Spec};
use super::{Info, Origin, cifar, verify};

/// See [`super::cifar`].
pub(super) const SET: Set = Set {
    name: "cifar10",
    classes: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    folders: ["cifar-10-batches-bin", "cifar-10-batches-py"],
    train: (&["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"], 10_000),
    test: ("test_batch", 10_000),
    labels: &["labels"],
};

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: SET.name,
    description: "50,000 + 10,000 photographs, 32x32 colour, 10 classes",
    files: "cifar-10-batches-bin/{data_batch_1..5,test_batch}.bin, or the same in cifar-10-batches-py",
    classes: SET.classes,
    licence: "none stated; cite A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
    maximum: 255,
    pictures: None,
    open: |dir, _| SET.open(dir),
    streams: Some(cifar::STREAMS),
    shape: |_, _| Ok(SHAPE),
    members: Some(|dir| const { &SET }.members(dir)),
    origin: Origin::Open(|| Spec {
        folder: SET.folders[0].into(),
        downloads: vec![Download {
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz".into(),
            sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd".into(),
            bytes: 170_052_171,
        }],
        files: verify::files_of(SET.folders[0]),
        unpacked: 200_000_000,
    }),
};
