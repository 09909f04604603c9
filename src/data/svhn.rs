//! SVHN, cropped (Netzer et al. 2011): house numbers of Google Street View, colour photographs of 32x32 around one digit, in
//! MATLAB files named `train_32x32.mat` and `test_32x32.mat`, in a folder `svhn` or, as torchvision has them, in the data
//! folder itself. The third published file, 531,131 easier digits, is not used.
//!
//! Each has an array `X` `[row, column, channel, image]`, the row innermost, and `y`, the labels 1 to 10, where 10 is the
//! digit 0.

use std::path::{Path, PathBuf};

use super::fetch::{Download, Spec};
use super::files::{Member, read, remedy};
use super::{DIGITS, DataSet, Info, Origin, Shape, Source, Split, mat, verify};
use crate::error::{Error, Result};

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
/// The folder that it is fetched to.
const FOLDER: &str = "svhn";
/// The files, the images in each and its bytes as published.
const FILES: [(&str, usize, u64); 2] =
    [("train_32x32.mat", 73_257, 182_040_794), ("test_32x32.mat", 26_032, 64_275_384)];

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: "svhn",
    description: "73,257 + 26,032 digits of house numbers, 32x32 colour, 10 classes",
    files: "{svhn,.}/{train,test}_32x32.mat",
    classes: DIGITS,
    licence: "non-commercial use only; cite Y. Netzer et al. 2011, Reading Digits in Natural Images",
    maximum: 255,
    pictures: None,
    open: |dir, _| open(dir),
    streams: None,
    shape: |_, _| Ok(SHAPE),
    members: Some(members),
    origin: Origin::Open(download),
};

fn download() -> Spec {
    let files = verify::files_of(FOLDER);
    let download = |(name, _, bytes): (&str, usize, u64)| {
        let (_, sha256) = files.iter().find(|(file, _)| file == name)?;
        let url = format!("http://ufldl.stanford.edu/housenumbers/{name}");
        Some(Download { url, sha256: sha256.clone(), bytes })
    };
    Spec { folder: FOLDER.into(), downloads: FILES.into_iter().filter_map(download).collect(), files, unpacked: 0 }
}

/// The folder of the files in `dir`; where there are none, the one they should be in.
fn locate(dir: &Path) -> PathBuf {
    let own = dir.join(FOLDER);
    let any = |folder: &Path| FILES.iter().any(|(name, ..)| folder.join(name).is_file());
    if !any(&own) && any(dir) { dir.to_path_buf() } else { own }
}

fn members(dir: &Path) -> Vec<Member> {
    let folder = locate(dir);
    let member = |(name, ..): (&str, usize, u64)| Member {
        path: folder.join(name),
        published: format!("{FOLDER}/{name}"),
        content: Box::new(|path| read(path, INFO.name)),
    };
    FILES.map(member).into()
}

/// Reads the set from `dir`: the folder with the files, or its parent. A file may hold any number of images; a warning says
/// so if it is not the official one.
///
/// # Errors
/// A missing or damaged file, images of another size, labels that are none; the text names the file.
fn open(dir: &Path) -> Result<DataSet> {
    let folder = locate(dir);
    let [train, test] = FILES.map(|(name, images, _)| split(&folder.join(name), images));
    Ok(DataSet {
        name: INFO.name.into(),
        shape: SHAPE,
        classes: INFO.class_names(),
        maximum: INFO.maximum,
        train: train?,
        test: test?,
    })
}

fn split(path: &Path, official: usize) -> Result<Split> {
    let bad = |message: String| Error::format(path, format!("{message}. {}", remedy(INFO.name)));
    let [x, y] = mat::read(&read(path, INFO.name)?, ["X", "y"], path)?;
    let count = match x.dims[..] {
        [32, 32, 3, count] => count,
        // MATLAB drops a last dimension of 1.
        [32, 32, 3] => 1,
        _ => return Err(bad(format!("`X` is of {:?}; [32, 32, 3, images] is expected", x.dims))),
    };
    let pixels = x.into_bytes().map_err(|e| bad(format!("`X`: {e}")))?;
    let labels = y.into_bytes().and_then(digits).map_err(|e| bad(format!("`y`: {e}")))?;
    if count == 0 || labels.len() != count {
        return Err(bad(format!("{count} images and {} labels", labels.len())));
    }
    if count != official {
        log::warn!("{}: {count} images, not the official {official}", path.display());
    }
    let mut images = vec![0; pixels.len()];
    let planes = images.chunks_exact_mut(SHAPE.height * SHAPE.width);
    // [column][row] to [row][column], plane by plane.
    for (plane, columns) in planes.zip(pixels.chunks_exact(SHAPE.height * SHAPE.width)) {
        for (at, pixel) in plane.iter_mut().enumerate() {
            *pixel = columns[at % SHAPE.width * SHAPE.height + at / SHAPE.width];
        }
    }
    let images = Source::memory(SHAPE.features(), images);
    Ok(Split { images, labels: labels.into_iter().map(u16::from).collect() })
}

/// The digits that the labels 1 to 10 stand for.
fn digits(mut labels: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    for (i, label) in labels.iter_mut().enumerate() {
        match *label {
            1..=9 => {}
            10 => *label = 0,
            other => return Err(format!("image {i} has label {other}, but the labels are 1 to 10")),
        }
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_is_the_digit_0_and_0_is_none() {
        assert_eq!(digits(vec![10, 1, 9]), Ok(vec![0, 1, 9]));
        for label in [0, 11] {
            assert!(digits(vec![1, label]).unwrap_err().contains(&format!("image 1 has label {label}")));
        }
    }

    #[test]
    fn the_published_files_are_fetched_as_they_are() {
        let spec = download();
        assert_eq!(spec.downloads.len(), FILES.len());
        assert!(spec.downloads.iter().all(|d| spec.files.iter().any(|(name, _)| d.url.ends_with(name))));
    }
}
