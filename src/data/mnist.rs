//! MNIST (LeCun, Cortes and Burges 1998): 60,000 + 10,000 grey handwritten digits of 28x28, from the four published
//! idx files, plain or gzipped, named `train-images-idx3-ubyte` or `train-images.idx3-ubyte`. Data sets published in the
//! same form (Fashion-MNIST, KMNIST) can be read in its place.
//!
//! An idx file is the bytes 0, 0, 8 (unsigned byte), the number of dimensions, each dimension as a big-endian u32, and
//! the values.

use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::files::{read, read_bounded, remedy};
use super::{DataSet, Shape, Split};
use crate::error::{Error, Result};

/// The folder's usual name.
const FOLDER: &str = "mnist";
/// Widest image side accepted: keeps products of header fields far from overflow.
const LARGEST_SIDE: usize = 4096;

/// Reads MNIST from `dir`: the folder with the four files, or the parent of a folder `mnist`.
///
/// # Errors
/// A missing, truncated or damaged file, or a label above 9; the text names the file.
pub fn load(dir: &Path) -> Result<DataSet> {
    let (train, shape) = read_split(dir, "train")?;
    let (test, test_shape) = read_split(dir, "t10k")?;
    if shape != test_shape {
        return Err(Error::format(
            dir,
            format!("the training images are {shape}, the test images {test_shape}: not one data set"),
        ));
    }
    Ok(DataSet {
        name: "mnist".into(),
        shape,
        classes: (0..10).map(|digit| digit.to_string()).collect(),
        maximum: 255,
        train,
        test,
    })
}

/// Reads the two files of one split; `prefix` is `train` or `t10k`.
fn read_split(dir: &Path, prefix: &str) -> Result<(Split, Shape)> {
    let images_path = locate(dir, prefix, "images", 3);
    let (dims, images) = read_idx::<3>(&images_path)?;
    let labels_path = locate(dir, prefix, "labels", 1);
    let ([count], labels) = read_idx::<1>(&labels_path)?;
    if count != dims[0] {
        return Err(Error::format(
            labels_path,
            format!("{count} labels for the {} images of {}. {}", dims[0], images_path.display(), remedy("mnist")),
        ));
    }
    if let Some(i) = labels.iter().position(|label| *label > 9) {
        return Err(Error::format(
            labels_path,
            format!("image {i} has label {}, but the labels are 0 to 9. {}", labels[i], remedy("mnist")),
        ));
    }
    Ok((Split { images, labels }, Shape { channels: 1, height: dims[1], width: dims[2] }))
}

/// The file for `kind` (`images`, `labels`) under any of its names; where there is none, the official one.
fn locate(dir: &Path, prefix: &str, kind: &str, rank: usize) -> PathBuf {
    let names = [
        format!("{prefix}-{kind}-idx{rank}-ubyte"),
        format!("{prefix}-{kind}.idx{rank}-ubyte"),
        format!("{prefix}-{kind}-idx{rank}-ubyte.gz"),
        format!("{prefix}-{kind}.idx{rank}-ubyte.gz"),
    ];
    let folder = dir.join(FOLDER);
    [&folder, dir]
        .into_iter()
        .flat_map(|folder: &Path| names.iter().map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .unwrap_or_else(|| folder.join(&names[0]))
}

/// The dimensions and values of an idx file of bytes with `RANK` dimensions.
fn read_idx<const RANK: usize>(path: &Path) -> Result<([usize; RANK], Vec<u8>)> {
    let mut bytes = read(path, "mnist")?;
    if path.extension().is_some_and(|e| e == "gz") {
        bytes = read_bounded(GzDecoder::new(&bytes[..]), path, bytes.len())?;
    }
    let header = 4 + 4 * RANK;
    if bytes.len() < header || bytes[..4] != [0, 0, 8, RANK as u8] {
        return Err(Error::format(
            path,
            format!("this is no idx file of bytes with {RANK} dimension(s). {}", remedy("mnist")),
        ));
    }
    let dims: [usize; RANK] = std::array::from_fn(|i| {
        let field = &bytes[4 + 4 * i..][..4];
        u32::from_be_bytes(field.try_into().expect("four bytes")) as usize
    });
    let sides_fit = dims[1..].iter().all(|side| (1..=LARGEST_SIDE).contains(side));
    let values = bytes.len() - header;
    if dims[0] == 0 || !sides_fit || dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)) != Some(values) {
        return Err(Error::format(
            path,
            format!("the header promises {dims:?} bytes, the file has {values}: it is truncated. {}", remedy("mnist")),
        ));
    }
    bytes.drain(..header);
    Ok((dims, bytes))
}
