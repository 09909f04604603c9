//! The two CIFAR sets (Krizhevsky 2009), colour photographs of 32x32, from either official layout.
//!
//! * binary, `cifar-10-batches-bin/data_batch_1.bin`: records of the label bytes and 3,072 pixels;
//! * python, `cifar-10-batches-py/data_batch_1`: a pickled dictionary with the same bytes.
//!
//! In both, an image is its red plane, its green plane, its blue plane.

use std::cmp::Ordering;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::files::{self, Member, read, remedy};
use super::source::{OfFile, Records};
use super::{DataSet, Shape, Source, Split, pickle};
use crate::error::{Error, Result};

/// The size of every image.
pub(super) const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };

/// Which layout can be streamed.
pub(super) const STREAMS: &str = "the binary layout";

/// What one of the sets has of its own.
pub(super) struct Set {
    /// Its name here.
    pub name: &'static str,
    /// What the labels 0, 1, ... mean.
    pub classes: &'static [&'static str],
    /// The folders of the binary and of the python layout.
    pub folders: [&'static str; 2],
    /// The files of training images without extension, in order, and how many images each has.
    pub train: (&'static [&'static str], usize),
    /// As `train`.
    pub test: (&'static str, usize),
    /// The entries of a pickled dictionary whose numbers stand before an image of the binary layout, in order; the last is
    /// the class.
    pub labels: &'static [&'static str],
}

/// How one of the two layouts is read.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Binary,
    Python,
}

/// A file and what is known of it.
struct Opened {
    path: PathBuf,
    /// Of each image, its class.
    labels: Vec<u16>,
    images: OfFile<u8>,
    /// Bytes after the last whole image.
    rest: u64,
}

impl Set {
    fn file(&self, layout: Layout, folder: &Path, name: &str) -> PathBuf {
        folder.join(if layout == Layout::Binary { format!("{name}.bin") } else { name.to_owned() })
    }

    fn files(&self) -> impl Iterator<Item = &'static str> {
        self.train.0.iter().copied().chain([self.test.0])
    }

    /// The folder the files are in, and their layout; the binary one is preferred. Where there are none, the one they
    /// should be in.
    fn locate(&self, dir: &Path) -> (PathBuf, Layout) {
        for (layout, own) in [Layout::Binary, Layout::Python].into_iter().zip(self.folders) {
            for folder in [dir.join(own), dir.to_path_buf()] {
                if self.files().any(|name| self.file(layout, &folder, name).is_file()) {
                    return (folder, layout);
                }
            }
        }
        (dir.join(self.folders[0]), Layout::Binary)
    }

    /// Opens the set in `dir`: the folder with the files, or its parent.
    ///
    /// Files may hold any number of images (a subset for a trial), those that are published with one number an equal one; a
    /// warning says so if it is not the official one.
    ///
    /// # Errors
    /// A missing or damaged file, one with fewer images than the others or with more, or a label that is none; the text
    /// names the file.
    pub fn open(&self, dir: &Path) -> Result<DataSet> {
        let (folder, layout) = self.locate(dir);
        let mut train = vec![];
        for name in self.files() {
            let path = self.file(layout, &folder, name);
            train.push(if layout == Layout::Binary { self.binary(path)? } else { self.pickle(path)? });
        }
        // Files of one official length are held against each other.
        let official = |at: usize| if at < self.train.0.len() { self.train.1 } else { self.test.1 };
        for (at, Opened { path, labels, rest, .. }) in train.iter().enumerate() {
            let alike = train.iter().enumerate().filter(|(i, _)| official(*i) == official(at));
            let most = usual(&alike.map(|(_, file)| file.labels.len()).collect::<Vec<_>>());
            check_length(labels.len(), *rest, most)
                .map_err(|message| Error::format(path, format!("{message}. {}", remedy(self.name))))?;
            if labels.len() != official(at) {
                log::warn!("{}: {} images, not the official {}", path.display(), labels.len(), official(at));
            }
        }
        let test = train.split_off(self.train.0.len());
        Ok(DataSet {
            name: self.name.into(),
            shape: SHAPE,
            classes: self.classes.iter().map(|class| (*class).to_owned()).collect(),
            maximum: 255,
            train: split(train)?,
            test: split(test)?,
        })
    }

    /// The files of the set in `dir`, for a comparison with the published binary layout: both layouts hold the same.
    pub fn members(&'static self, dir: &Path) -> Vec<Member> {
        let (folder, layout) = self.locate(dir);
        let member = |name| Member {
            path: self.file(layout, &folder, name),
            published: format!("{}/{name}.bin", self.folders[0]),
            content: Box::new(move |path| self.content(path, layout)),
        };
        self.files().map(member).collect()
    }

    /// What a file holds, as the binary layout has it.
    fn content(&self, path: &Path, layout: Layout) -> Result<Vec<u8>> {
        let bytes = read(path, self.name)?;
        if layout == Layout::Binary {
            return Ok(bytes);
        }
        let batch = self.python(&bytes, path)?;
        let labels = |i: usize| batch.labels.iter().map(move |list| list[i] as u8);
        let images = batch.data.chunks_exact(SHAPE.features()).enumerate();
        Ok(images.flat_map(|(i, image)| labels(i).chain(image.iter().copied())).collect())
    }

    /// Opens a file of records, each of label bytes and an image, and reads the labels.
    fn binary(&self, path: PathBuf) -> Result<Opened> {
        let (file, size) = files::open(&path, self.name)?;
        let before = self.labels.len();
        let record = before + SHAPE.features();
        let count = (size / record as u64) as usize;
        let (mut labels, mut bytes) = (vec![], vec![0; record]);
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        for _ in 0..count {
            reader.read_exact(&mut bytes).map_err(|e| Error::io(&path, e))?;
            labels.push(u16::from(bytes[before - 1]));
        }
        self.check_labels(&labels, &path)?;
        let images = OfFile::Left(Records::new(&path, file, [before, record], count));
        Ok(Opened { path, labels, images, rest: size % record as u64 })
    }

    /// Reads a file of the python layout.
    fn pickle(&self, path: PathBuf) -> Result<Opened> {
        let bytes = read(&path, self.name)?;
        let mut batch = self.python(&bytes, &path)?;
        let labels: Vec<u16> = batch.labels.pop().into_iter().flatten().map(|label| label as u16).collect();
        self.check_labels(&labels, &path)?;
        Ok(Opened { path, labels, images: OfFile::Read(batch.data.into_owned()), rest: 0 })
    }

    fn check_labels(&self, labels: &[u16], path: &Path) -> Result<()> {
        let Some(i) = labels.iter().position(|label| usize::from(*label) >= self.classes.len()) else { return Ok(()) };
        let (label, last) = (labels[i], self.classes.len() - 1);
        let message = format!("image {i} has label {label}, but the labels are 0 to {last}. {}", remedy(self.name));
        Err(Error::format(path, message))
    }

    /// A pickled dictionary.
    fn python<'a>(&self, bytes: &'a [u8], path: &Path) -> Result<pickle::Batch<'a>> {
        let bad = |reason: String| Error::format(path, format!("{reason}. {}", remedy(self.name)));
        let batch = pickle::read_batch(bytes, self.labels).map_err(bad)?;
        if let Some(label) = batch.labels.iter().flatten().find(|label| u8::try_from(**label).is_err()) {
            return Err(bad(format!("label {label} is out of range")));
        }
        let counts = batch.labels.iter().all(|list| list.len() == batch.count);
        if batch.width != SHAPE.features() || batch.count == 0 || !counts {
            let labels = batch.labels.last().map_or(0, Vec::len);
            let (count, width) = (batch.count, batch.width);
            let message = format!(
                "{labels} labels and {count} images of {width} values do not make a batch of {SHAPE} images. {}",
                remedy(self.name)
            );
            return Err(Error::format(path, message));
        }
        Ok(batch)
    }
}

/// The images and labels of all of `files`.
fn split(files: Vec<Opened>) -> Result<Split> {
    let (images, labels): (Vec<_>, Vec<_>) = files.into_iter().map(|file| (file.images, file.labels)).unzip();
    Ok(Split { images: Source::of_files(SHAPE.features(), images)?, labels: labels.concat() })
}

/// The number that most of `counts` are; of several, the greatest.
fn usual(counts: &[usize]) -> usize {
    let same = |count: &usize| counts.iter().filter(|c| *c == count).count();
    counts.iter().copied().max_by_key(|count| (same(count), *count)).unwrap_or(0)
}

/// That a file of `count` images and `rest` bytes more is like the others, which have `most` images. A file cut between
/// two images, or with one too many, is a sound file: only the others tell.
fn check_length(count: usize, rest: u64, most: usize) -> std::result::Result<(), String> {
    let more = if rest > 0 { format!(" and {rest} bytes") } else { String::new() };
    let has = format!("{count} images{more}, the other files have {most}");
    match count.cmp(&most) {
        Ordering::Equal if rest == 0 && count > 0 => Ok(()),
        Ordering::Equal if count == 0 => Err(format!("no whole image{more}: the file is truncated")),
        Ordering::Less => Err(format!("{has}: the file is truncated")),
        _ => Err(format!("{has}: the file is too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Set = super::super::cifar10::SET;

    #[test]
    fn both_layouts_hold_the_same_content() {
        let dir = tempfile::tempdir().unwrap();
        let image: Vec<u8> = (0..3072).map(|i| i as u8).collect();
        let array = b"U\x04datacnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1\x85R\x89T";
        let pickle = [&b"\x80\x02}(U\x06labels]K\x07a"[..], array, &3072u32.to_le_bytes(), &image, b"tbu."].concat();
        let [bin, py] = ["x.bin", "x"].map(|name| dir.path().join(name));
        std::fs::write(&bin, [&[7][..], &image].concat()).unwrap();
        std::fs::write(&py, pickle).unwrap();
        let [bin, py] = [(bin, Layout::Binary), (py, Layout::Python)].map(|(path, layout)| TEN.content(&path, layout));
        assert_eq!(py.unwrap(), bin.unwrap());
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
