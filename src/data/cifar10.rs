//! CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour photographs of 32x32, from either official layout.
//!
//! * binary, `cifar-10-batches-bin/data_batch_1.bin`: records of one label byte and 3,072 pixels;
//! * python, `cifar-10-batches-py/data_batch_1`: a pickled dictionary with the same bytes under `data` and `labels`.
//!
//! In both, an image is its red plane, its green plane, its blue plane.

use std::path::{Path, PathBuf};

use super::files::{read, remedy};
use super::{DataSet, Shape, Split, pickle};
use crate::error::{Error, Result};

/// The size of every image.
const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
/// Images per file, as published.
const OFFICIAL: usize = 10_000;
/// What the labels 0 to 9 mean.
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// The training files without extension, in order.
const TRAIN: [&str; 5] = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"];
/// The test file without extension.
const TEST: &str = "test_batch";

/// How one of the two layouts is recognised and read.
struct Layout {
    folder: &'static str,
    extension: &'static str,
    parse: fn(Vec<u8>, &Path) -> Result<Split>,
}

const LAYOUTS: [Layout; 2] = [
    Layout { folder: "cifar-10-batches-bin", extension: ".bin", parse: parse_binary },
    Layout { folder: "cifar-10-batches-py", extension: "", parse: parse_python },
];

/// Reads CIFAR-10 from `dir`: the folder with the files, or its parent. The binary layout is preferred.
///
/// The six files may hold any equal number of images (a subset for a trial); a warning says so if it is not the official
/// 10,000.
///
/// # Errors
/// A missing, truncated (fewer images than the others) or damaged file, or a label above 9; the text names the file.
pub fn load(dir: &Path) -> Result<DataSet> {
    let (folder, layout) = locate(dir);
    let mut batches = vec![];
    for name in TRAIN.into_iter().chain([TEST]) {
        batches.push((name, read_batch(&folder, layout, name)?));
    }
    // A file cut between two images is a sound file of fewer images: the others tell.
    let most = batches.iter().map(|(_, b)| b.labels.len()).max().unwrap_or(0);
    if let Some((name, short)) = batches.iter().find(|(_, b)| b.labels.len() < most) {
        let path = folder.join(format!("{name}{}", layout.extension));
        let message = format!(
            "{} images, the other files have {most}: the file is truncated. {}",
            short.labels.len(),
            remedy("cifar10")
        );
        return Err(Error::format(path, message));
    }
    if most != OFFICIAL {
        log::warn!("{}: {most} images in each file, not the official {OFFICIAL}", folder.display());
    }
    let test = batches.pop().map(|(_, b)| b).unwrap_or_default();
    let mut train = Split::default();
    for (_, mut batch) in batches {
        train.images.append(&mut batch.images);
        train.labels.append(&mut batch.labels);
    }
    Ok(DataSet {
        name: "cifar10".into(),
        shape: SHAPE,
        classes: CLASSES.map(String::from).to_vec(),
        maximum: 255,
        train,
        test,
    })
}

/// The folder the files are in, and their layout. Where there are none, the one they should be in.
fn locate(dir: &Path) -> (PathBuf, &'static Layout) {
    for layout in &LAYOUTS {
        for folder in [dir.join(layout.folder), dir.to_path_buf()] {
            if TRAIN.iter().chain([&TEST]).any(|name| folder.join(format!("{name}{}", layout.extension)).is_file()) {
                return (folder, layout);
            }
        }
    }
    (dir.join(LAYOUTS[0].folder), &LAYOUTS[0])
}

/// Reads one file and checks its labels.
fn read_batch(folder: &Path, layout: &Layout, name: &str) -> Result<Split> {
    let path = folder.join(format!("{name}{}", layout.extension));
    let split = (layout.parse)(read(&path, "cifar10")?, &path)?;
    if let Some(i) = split.labels.iter().position(|label| usize::from(*label) >= CLASSES.len()) {
        return Err(Error::format(
            path,
            format!("image {i} has label {}, but the labels are 0 to 9. {}", split.labels[i], remedy("cifar10")),
        ));
    }
    Ok(split)
}

/// Records of a label and an image.
fn parse_binary(bytes: Vec<u8>, path: &Path) -> Result<Split> {
    let record = 1 + SHAPE.features();
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(Error::format(
            path,
            format!(
                "{} bytes are not a whole number of records of {record}: the file is truncated. {}",
                bytes.len(),
                remedy("cifar10")
            ),
        ));
    }
    let count = bytes.len() / record;
    let mut split = Split { images: Vec::with_capacity(count * SHAPE.features()), labels: Vec::with_capacity(count) };
    for record in bytes.chunks_exact(record) {
        split.labels.push(record[0]);
        split.images.extend_from_slice(&record[1..]);
    }
    Ok(split)
}

/// A pickled dictionary.
fn parse_python(bytes: Vec<u8>, path: &Path) -> Result<Split> {
    let batch =
        pickle::read_batch(&bytes).map_err(|reason| Error::format(path, format!("{reason}. {}", remedy("cifar10"))))?;
    if batch.width != SHAPE.features() || batch.labels.is_empty() || batch.labels.len() != batch.count {
        return Err(Error::format(
            path,
            format!(
                "{} labels and {} images of {} values do not make a batch of {SHAPE} images. {}",
                batch.labels.len(),
                batch.count,
                batch.width,
                remedy("cifar10")
            ),
        ));
    }
    Ok(Split { images: batch.data, labels: batch.labels })
}
