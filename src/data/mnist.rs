//! MNIST (LeCun, Cortes and Burges 1998): 60,000 + 10,000 grey handwritten digits of 28x28, from the four published
//! idx files, plain or gzipped, named `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, in a folder `mnist` or where
//! torchvision puts them. Data sets published in the same form (Fashion-MNIST, KMNIST), and of images of another size, can
//! be read in its place.
//!
//! An idx file is the bytes 0, 0, 8 (unsigned byte), the number of dimensions, each dimension as a big-endian u32, and
//! the values.

use std::path::{Path, PathBuf};

use super::fetch::{Download, Spec};
use super::files::{self, Member, remedy};
use super::source::Records;
use super::{DIGITS, DataSet, Info, Origin, Shape, Source, Split, verify};
use crate::error::{Error, Result};

/// The row of the table of data sets.
pub(super) const INFO: Info = Info {
    name: "mnist",
    description: "60,000 + 10,000 handwritten digits, 28x28 grey, 10 classes",
    files: "{mnist,MNIST/raw}/{train,t10k}-{images-idx3,labels-idx1}-ubyte, each also as .gz",
    classes: DIGITS,
    licence: "CC BY-SA 3.0, Y. LeCun, C. Cortes and C. J. C. Burges 1998",
    maximum: 255,
    pictures: None,
    open: |dir, _| open(dir),
    streams: Some("unpacked idx files (gunzip those in .gz)"),
    shape: |dir, _| shape(dir),
    members: Some(members),
    origin: Origin::Open(download),
};

/// How to get it.
fn download() -> Spec {
    const SIZES: [(&str, u64); 4] = [
        ("train-images-idx3-ubyte.gz", 9_912_422),
        ("train-labels-idx1-ubyte.gz", 28_881),
        ("t10k-images-idx3-ubyte.gz", 1_648_877),
        ("t10k-labels-idx1-ubyte.gz", 4_542),
    ];
    let packed = verify::published("mnist").filter_map(|(path, sum)| {
        let (name, bytes) = SIZES.into_iter().find(|(name, _)| path.ends_with(name))?;
        Some((name, bytes, sum))
    });
    let (downloads, files) = packed
        .map(|(name, bytes, sum)| {
            let url = format!("https://ossci-datasets.s3.amazonaws.com/mnist/{name}");
            (Download { url, sha256: sum.into(), bytes }, (name.into(), sum.into()))
        })
        .unzip();
    Spec { folder: "mnist".into(), downloads, files, unpacked: 0 }
}

/// Where the files may be, relative to the data folder: its first is the one they are fetched to. torchvision makes
/// `MNIST/raw`; the data folder may also be that of the set itself.
const FOLDERS: [&str; 4] = ["mnist", "MNIST/raw", "raw", ""];
/// Widest image side accepted: keeps products of header fields far from overflow.
const LARGEST_SIDE: usize = 4096;

/// What a file holds.
#[derive(Clone, Copy)]
struct Kind {
    /// `train` or `t10k`.
    prefix: &'static str,
    /// `images` or `labels`.
    what: &'static str,
    /// Dimensions.
    rank: usize,
}

const KINDS: [Kind; 4] = [
    Kind { prefix: "train", what: "images", rank: 3 },
    Kind { prefix: "train", what: "labels", rank: 1 },
    Kind { prefix: "t10k", what: "images", rank: 3 },
    Kind { prefix: "t10k", what: "labels", rank: 1 },
];

impl Kind {
    /// The names it goes by; the first is the published one.
    fn names(self) -> [String; 4] {
        let Kind { prefix, what, rank } = self;
        [("-", ""), (".", ""), ("-", ".gz"), (".", ".gz")]
            .map(|(separator, ending)| format!("{prefix}-{what}{separator}idx{rank}-ubyte{ending}"))
    }

    /// The file in `folder` under any of its names; where there is none, the published one.
    fn file(self, folder: &Path) -> PathBuf {
        let names = self.names();
        names.iter().map(|name| folder.join(name)).find(|path| path.is_file()).unwrap_or_else(|| folder.join(&names[0]))
    }
}

/// The files in `dir`, in the order of [`KINDS`], all of one folder. Where there are none, where they should be.
fn locate(dir: &Path) -> [PathBuf; 4] {
    let folders = FOLDERS.map(|folder| dir.join(folder));
    let any = |folder: &&PathBuf| KINDS.iter().any(|kind| kind.file(folder).is_file());
    let folder = folders.iter().find(any).unwrap_or(&folders[0]);
    KINDS.map(|kind| kind.file(folder))
}

/// The files of the set in `dir`, for a comparison with the published ones.
pub(super) fn members(dir: &Path) -> Vec<Member> {
    let published = KINDS.map(|kind| format!("{}/{}", FOLDERS[0], kind.names()[0]));
    let all = locate(dir).into_iter().zip(published);
    all.map(|(path, published)| Member { path, published, content: Box::new(unpacked) }).collect()
}

/// The size of the images in `dir`, by the header of the training images; of the published ones if they are not there.
///
/// # Errors
/// A file that cannot be read, or that is no idx file of images.
pub(super) fn shape(dir: &Path) -> Result<Shape> {
    let [path, ..] = locate(dir);
    if !path.is_file() {
        return Ok(Shape { channels: 1, height: 28, width: 28 });
    }
    let head = files::head(&path, header(3))?;
    let [_, height, width] = dimensions::<3>(&head, &path)?;
    Ok(Shape { channels: 1, height, width })
}

/// Opens MNIST in `dir`: the folder with the four files, or the parent of a folder `mnist` or `MNIST/raw`.
///
/// # Errors
/// A missing, truncated, overlong or damaged file, or a label above 9; the text names the file.
fn open(dir: &Path) -> Result<DataSet> {
    let [train_images, train_labels, test_images, test_labels] = locate(dir);
    let (train, shape) = open_split(&train_images, &train_labels)?;
    let (test, test_shape) = open_split(&test_images, &test_labels)?;
    if shape != test_shape {
        return Err(Error::format(
            dir,
            format!("the training images are {shape}, the test images {test_shape}: not one data set"),
        ));
    }
    Ok(DataSet { name: "mnist".into(), shape, classes: INFO.class_names(), maximum: INFO.maximum, train, test })
}

/// Opens the two files of one split.
fn open_split(images_path: &Path, labels_path: &Path) -> Result<(Split, Shape)> {
    let (dims, images) = open_images(images_path)?;
    let ([count], labels) = read_idx::<1>(labels_path)?;
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
    Ok((
        Split { images, labels: labels.into_iter().map(u16::from).collect() },
        Shape { channels: 1, height: dims[1], width: dims[2] },
    ))
}

/// The content of a file, plain or gzipped.
fn unpacked(path: &Path) -> Result<Vec<u8>> {
    let bytes = files::read(path, "mnist")?;
    if files::is_gzip(path) { files::gunzip(&bytes, path) } else { Ok(bytes) }
}

/// Bytes before the values of an idx file.
const fn header(rank: usize) -> usize {
    4 + 4 * rank
}

/// The dimensions in the first bytes of an idx file.
fn dimensions<const RANK: usize>(bytes: &[u8], path: &Path) -> Result<[usize; RANK]> {
    if bytes.len() < header(RANK) || bytes[..4] != [0, 0, 8, RANK as u8] {
        let message = format!("this is no idx file of bytes with {RANK} dimension(s). {}", remedy("mnist"));
        return Err(Error::format(path, message));
    }
    Ok(std::array::from_fn(|i| {
        let field = &bytes[4 + 4 * i..][..4];
        u32::from_be_bytes(field.try_into().expect("four bytes")) as usize
    }))
}

/// The dimensions and images of a file, which are left in one that is not gzipped.
fn open_images(path: &Path) -> Result<([usize; 3], Source<u8>)> {
    if files::is_gzip(path) {
        let (dims, images) = read_idx::<3>(path)?;
        return Ok((dims, Source::memory(dims[1] * dims[2], images)));
    }
    let (file, size) = files::open(path, "mnist")?;
    let dims = dimensions::<3>(&files::head(path, header(3))?, path)?;
    check_size(dims, size.saturating_sub(header(3) as u64), path)?;
    let size = dims[1] * dims[2];
    Ok((dims, Source::files(size, vec![Records::new(path, file, [header(3), size], dims[0])])))
}

/// The dimensions and values of an idx file of bytes with `RANK` dimensions.
fn read_idx<const RANK: usize>(path: &Path) -> Result<([usize; RANK], Vec<u8>)> {
    let mut bytes = unpacked(path)?;
    let dims = dimensions::<RANK>(&bytes, path)?;
    check_size(dims, (bytes.len() - header(RANK)) as u64, path)?;
    bytes.drain(..header(RANK));
    Ok((dims, bytes))
}

/// That a file has as many values as its header promises, and that they are images.
fn check_size<const RANK: usize>(dims: [usize; RANK], values: u64, path: &Path) -> Result<()> {
    let fail = |what: &str| {
        let message = format!("the header promises {dims:?} bytes, the file has {values}: {what}. {}", remedy("mnist"));
        Err(Error::format(path, message))
    };
    match dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64)) {
        Some(promised) if promised < values => return fail("it is too long"),
        Some(promised) if promised == values => {}
        _ => return fail("it is truncated"),
    }
    if dims[0] == 0 || !dims[1..].iter().all(|side| (1..=LARGEST_SIDE).contains(side)) {
        return fail(&format!("images are wanted, of sides up to {LARGEST_SIDE}"));
    }
    Ok(())
}
