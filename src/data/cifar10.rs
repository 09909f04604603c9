//! CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour photographs of 32x32, from either official layout.
//!
//! * binary, `cifar-10-batches-bin/data_batch_1.bin`: records of one label byte and 3,072 pixels;
//! * python, `cifar-10-batches-py/data_batch_1`: a pickled dictionary with the same bytes under `data` and `labels`.
//!
//! In both, an image is its red plane, its green plane, its blue plane.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::files::{Member, read, remedy};
use super::{DataSet, Shape, Split, pickle};
use crate::error::{Error, Result};

/// The size of every image.
pub(super) const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
/// Bytes of a record of the binary layout: the label and the image.
const RECORD: usize = 1 + 3 * 32 * 32;
/// Images per file, as published.
const OFFICIAL: usize = 10_000;
/// What the labels 0 to 9 mean.
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// The files without extension: five of training images, in order, and the test images.
const FILES: [&str; 6] = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];

/// How one of the two layouts is recognised and read.
struct Layout {
    folder: &'static str,
    extension: &'static str,
    parse: fn(Vec<u8>, &Path) -> Result<Batch>,
    content: fn(&Path) -> Result<Vec<u8>>,
}

const LAYOUTS: [Layout; 2] = [
    Layout { folder: "cifar-10-batches-bin", extension: ".bin", parse: parse_binary, content: binary_content },
    Layout { folder: "cifar-10-batches-py", extension: "", parse: parse_python, content: python_content },
];

impl Layout {
    fn file(&self, folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{name}{}", self.extension))
    }
}

/// What a file holds.
struct Batch {
    split: Split,
    /// Bytes after the last whole image.
    rest: usize,
}

/// Reads CIFAR-10 from `dir`: the folder with the files, or its parent. The binary layout is preferred.
///
/// The six files may hold any equal number of images (a subset for a trial); a warning says so if it is not the official
/// 10,000.
///
/// # Errors
/// A missing or damaged file, one with fewer images than the others or with more, or a label above 9; the text names the
/// file.
pub fn load(dir: &Path) -> Result<DataSet> {
    let (folder, layout) = locate(dir);
    let mut batches = vec![];
    for name in FILES {
        let path = layout.file(&folder, name);
        let batch = read_batch(&path, layout)?;
        batches.push((path, batch));
    }
    let counts: Vec<usize> = batches.iter().map(|(_, b)| b.split.labels.len()).collect();
    let most = usual(&counts);
    for (path, Batch { split, rest }) in &batches {
        check_length(split.labels.len(), *rest, most)
            .map_err(|message| Error::format(path, format!("{message}. {}", remedy("cifar10"))))?;
    }
    if most != OFFICIAL {
        log::warn!("{}: {most} images in each file, not the official {OFFICIAL}", folder.display());
    }
    let test = batches.pop().map(|(_, b)| b.split).unwrap_or_default();
    let mut train = Split::default();
    for (_, Batch { mut split, .. }) in batches {
        train.images.append(&mut split.images);
        train.labels.append(&mut split.labels);
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
            if FILES.iter().any(|name| layout.file(&folder, name).is_file()) {
                return (folder, layout);
            }
        }
    }
    (dir.join(LAYOUTS[0].folder), &LAYOUTS[0])
}

/// The files of the set in `dir`, for a comparison with the published binary layout: both layouts hold the same.
pub(super) fn members(dir: &Path) -> Vec<Member> {
    let (folder, layout) = locate(dir);
    let [published, _] = &LAYOUTS;
    let member = |name| Member {
        path: layout.file(&folder, name),
        published: format!("{}/{name}{}", published.folder, published.extension),
        content: layout.content,
    };
    FILES.into_iter().map(member).collect()
}

/// The number that most of `counts` are; of several, the greatest.
fn usual(counts: &[usize]) -> usize {
    let same = |count: &usize| counts.iter().filter(|c| *c == count).count();
    counts.iter().copied().max_by_key(|count| (same(count), *count)).unwrap_or(0)
}

/// That a file of `count` images and `rest` bytes more is like the others, which have `most` images. A file cut between
/// two images, or with one too many, is a sound file: only the others tell.
fn check_length(count: usize, rest: usize, most: usize) -> std::result::Result<(), String> {
    let more = if rest > 0 { format!(" and {rest} bytes") } else { String::new() };
    let has = format!("{count} images{more}, the other files have {most}");
    match count.cmp(&most) {
        Ordering::Equal if rest == 0 && count > 0 => Ok(()),
        Ordering::Equal if count == 0 => Err(format!("no whole image{more}: the file is truncated")),
        Ordering::Less => Err(format!("{has}: the file is truncated")),
        _ => Err(format!("{has}: the file is too long")),
    }
}

/// Reads one file and checks its labels.
fn read_batch(path: &Path, layout: &Layout) -> Result<Batch> {
    let batch = (layout.parse)(read(path, "cifar10")?, path)?;
    let labels = &batch.split.labels;
    if let Some(i) = labels.iter().position(|label| usize::from(*label) >= CLASSES.len()) {
        return Err(Error::format(
            path,
            format!("image {i} has label {}, but the labels are 0 to 9. {}", labels[i], remedy("cifar10")),
        ));
    }
    Ok(batch)
}

/// Records of a label and an image.
fn parse_binary(bytes: Vec<u8>, _: &Path) -> Result<Batch> {
    let (count, features) = (bytes.len() / RECORD, SHAPE.features());
    let mut split = Split { images: Vec::with_capacity(count * features), labels: Vec::with_capacity(count) };
    for record in bytes.chunks_exact(RECORD) {
        split.labels.push(record[0]);
        split.images.extend_from_slice(&record[1..]);
    }
    Ok(Batch { split, rest: bytes.len() % RECORD })
}

/// A pickled dictionary.
fn parse_python(bytes: Vec<u8>, path: &Path) -> Result<Batch> {
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
    Ok(Batch { split: Split { images: batch.data, labels: batch.labels }, rest: 0 })
}

fn binary_content(path: &Path) -> Result<Vec<u8>> {
    read(path, "cifar10")
}

/// The images of a file of the python layout as the binary one has them.
fn python_content(path: &Path) -> Result<Vec<u8>> {
    let Split { images, labels } = parse_python(read(path, "cifar10")?, path)?.split;
    let mut out = Vec::with_capacity(labels.len() * RECORD);
    for (label, image) in labels.iter().zip(images.chunks_exact(SHAPE.features())) {
        out.push(*label);
        out.extend_from_slice(image);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_hold_the_same_content() {
        let dir = tempfile::tempdir().unwrap();
        let image: Vec<u8> = (0..3072).map(|i| i as u8).collect();
        let array = b"U\x04datacnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1\x85R\x89T";
        let pickle = [&b"\x80\x02}(U\x06labels]K\x07a"[..], array, &3072u32.to_le_bytes(), &image, b"tbu."].concat();
        let [bin, py] = ["x.bin", "x"].map(|name| dir.path().join(name));
        std::fs::write(&bin, [&[7][..], &image].concat()).unwrap();
        std::fs::write(&py, pickle).unwrap();
        assert_eq!(python_content(&py).unwrap(), binary_content(&bin).unwrap());
    }

    #[test]
    fn the_odd_file_is_the_one_that_is_not_like_most() {
        assert_eq!(usual(&[3, 3, 3, 3, 3, 4]), 3);
        assert_eq!(usual(&[2, 3, 3, 3, 3, 3]), 3);
        assert_eq!(usual(&[1, 2]), 2);
        assert!(check_length(3, 0, 3).is_ok());
        for (count, rest, words) in
            [(2, 0, "truncated"), (2, 3072, "truncated"), (3, 1, "too long"), (4, 0, "too long")]
        {
            assert!(check_length(count, rest, 3).unwrap_err().contains(words), "{count} images, {rest} bytes");
        }
        // Six files that end within the first image.
        assert!(check_length(0, 100, 0).unwrap_err().contains("truncated"));
    }
}
