//! ImageNet32 (Chrabaszcz, Loshchilov and Hutter 2017, arXiv 1707.08819): the images of ImageNet 2012 at 32x32, as batches
//! `train_data_batch_1` to `_10` and `val_data`, in a folder `imagenet32` or the data folder itself, from either published
//! form.
//!
//! * npz, `train_data_batch_1.npz`: arrays `data`, `labels` and, of training images, `mean`, which nothing here uses;
//! * python, `train_data_batch_1`: a pickled dictionary of the same.
//!
//! `data` is bytes `[image, 3072]`: the red plane, the green, the blue. The labels are 1 to 1000, here 0 to 999.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::files::{self, read_at_most, remedy};
use super::npz::{self, Npz};
use super::source::{OfFile, Records};
use super::{DataSet, Info, Origin, Shape, Source, Split, cifar, pickle};
use crate::error::{Error, Result};

const SHAPE: Shape = cifar::SHAPE;
const CLASSES: u16 = 1000;
/// Files of training images.
const BATCHES: usize = 10;
/// Images of a file, at most: the published ones have 128,117.
const MOST: usize = 1 << 18;
/// Bytes of a pickle, at most: it is executed whole, though the images may then stay where they are.
const MOST_PICKLED: u64 = 1 << 30;

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: "imagenet32",
    description: "1,281,167 + 50,000 photographs of ImageNet 2012, 32x32 colour, 1,000 classes",
    files: "{imagenet32,.}/{train_data_batch_1..10,val_data}.npz, or the same without .npz, as pickled by Python",
    // Their names are not in the files.
    classes: &[],
    licence: "non-commercial research and education, after a login: the terms of image-net.org",
    maximum: 255,
    pictures: None,
    open: |dir, _| open(dir),
    streams: Some("npz files that are not compressed, and pickles with bytes as they are,"),
    shape: |_, _| Ok(SHAPE),
    members: None,
    origin: Origin::Login(
        "log in at https://image-net.org/download-images (\"Download downsampled image data (32x32)\") and unzip \
         what it gives into the folder imagenet32 of the data folder",
    ),
};

/// Opens the set in `dir`: the folder with the files, or its parent. A file may hold any number of images; a warning says so
/// if there are not as many as published.
///
/// # Errors
/// A missing or damaged file, images of another size, labels that are none; the text names the file.
fn open(dir: &Path) -> Result<DataSet> {
    let names = (1..=BATCHES).map(|i| format!("train_data_batch_{i}")).chain(["val_data".to_owned()]);
    let names: Vec<String> = names.collect();
    let (folder, ending) = locate(dir, &names);
    let mut batches = names.iter().map(|name| batch(&folder.join(format!("{name}{ending}"))));
    let train = split(batches.by_ref().take(BATCHES), 1_281_167, &folder)?;
    Ok(DataSet {
        name: INFO.name.into(),
        shape: SHAPE,
        classes: (0..CLASSES).map(|class| class.to_string()).collect(),
        maximum: INFO.maximum,
        train,
        test: split(batches, 50_000, &folder)?,
    })
}

/// The folder of the files, and how their names end; npz is preferred. Where there are none, where they should be.
fn locate(dir: &Path, names: &[String]) -> (PathBuf, &'static str) {
    let folders = [dir.join(INFO.name), dir.to_path_buf()];
    for folder in &folders {
        for ending in [".npz", ""] {
            if names.iter().any(|name| folder.join(format!("{name}{ending}")).is_file()) {
                return (folder.clone(), ending);
            }
        }
    }
    (dir.join(INFO.name), ".npz")
}

/// Images and labels of one file.
struct Batch {
    images: OfFile<u8>,
    labels: Vec<u16>,
}

/// What the batches hold, one after the other.
fn split(batches: impl Iterator<Item = Result<Batch>>, published: usize, folder: &Path) -> Result<Split> {
    let (mut images, mut labels) = (vec![], vec![]);
    for batch in batches {
        let mut batch = batch?;
        images.push(batch.images);
        labels.append(&mut batch.labels);
    }
    if labels.len() != published {
        log::warn!("{}: {} images, not the published {published}", folder.display(), labels.len());
    }
    Ok(Split { images: Source::of_files(SHAPE.features(), images)?, labels })
}

fn batch(path: &Path) -> Result<Batch> {
    let bad = |message: String| Error::format(path, format!("{message}. {}", remedy(INFO.name)));
    let (file, size) = files::open(path, INFO.name)?;
    let again = || file.try_clone().map_err(|e| Error::io(path, e));
    let (count, width, at, pixels, labels) = if path.extension().is_some_and(|ending| ending == "npz") {
        let mut npz = Npz::new(again()?, size).map_err(bad)?;
        let (data, pixels) = npz.array("data", MOST * SHAPE.features(), |data| data.at.is_none()).map_err(bad)?;
        let ([count, width], "|u1") = (&data.shape[..], data.descr.as_str()) else {
            return Err(bad(format!("`data` is {} {:?}; |u1 [images, 3072] is expected", data.descr, data.shape)));
        };
        let (labels, numbers) = npz.array("labels", 8 * MOST, |_| true).map_err(bad)?;
        let labels = npz::integers(&labels.descr, &numbers).map_err(|e| bad(format!("`labels`: {e}")))?;
        (*count, *width, data.at, pixels, labels)
    } else {
        let bytes = read_at_most(again()?, path, size.min(MOST_PICKLED) as usize, MOST_PICKLED)?;
        let pickle::Batch { count, width, data, at, mut labels } =
            pickle::read_batch(&bytes, &["labels"]).map_err(bad)?;
        let pixels = if at.is_some() { vec![] } else { Cow::into_owned(data) };
        (count, width, at.map(|at| at as u64), pixels, labels.pop().unwrap_or_default())
    };
    if width != SHAPE.features() || count == 0 || labels.len() != count {
        let labels = labels.len();
        return Err(bad(format!(
            "{labels} labels and {count} images of {width} values do not make a batch of {SHAPE} images"
        )));
    }
    let class = |(i, label): (usize, i64)| match u16::try_from(label) {
        Ok(label @ 1..=CLASSES) => Ok(label - 1),
        _ => Err(bad(format!("image {i} has label {label}, but the labels are 1 to {CLASSES}"))),
    };
    let labels = labels.into_iter().enumerate().map(class).collect::<Result<_>>()?;
    let images = match at {
        Some(at) if at.saturating_add((count * width) as u64) > size => {
            return Err(bad(format!("{count} images do not end within its {size} bytes: the file is truncated")));
        }
        Some(at) => OfFile::Left(Records::new(path, file, [at as usize, width], count)),
        None => OfFile::Read(pixels),
    };
    Ok(Batch { images, labels })
}
