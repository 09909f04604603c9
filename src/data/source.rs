//! Where images are: in memory, in files that hold them at equal distances and from which each is read when it is
//! wanted, or in pictures that are decoded then. Whoever reads them cannot tell which.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytemuck::Pod;
use rayon::prelude::*;

use super::files::read_exact_at;
use super::pictures::Pictures;
use crate::error::{Error, Result};

/// Images of one size, of values `T`: bytes as in the files of a data set, or f32 that are whitened. A clone is another
/// view of the same images.
#[derive(Clone, Debug)]
pub struct Source<T> {
    /// Values per image.
    features: usize,
    /// Which of the images in `place` are meant.
    range: Range<usize>,
    place: Place<T>,
}

#[derive(Clone, Debug)]
enum Place<T> {
    Memory(Arc<Vec<T>>),
    /// With the number of images in the files before each.
    Files(Arc<Vec<(usize, Records)>>),
    /// The range is theirs.
    Pictures(Pictures),
}

/// Images in a file, which stays open: it may be renamed or removed while it is read.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    file: File,
    /// Byte at which the first image begins.
    first: u64,
    /// Bytes from the beginning of an image to that of the next.
    stride: u64,
    count: usize,
}

/// Images of one file.
pub(super) enum OfFile<T> {
    /// They are where they were.
    Left(Records),
    /// The file was read whole.
    Read(Vec<T>),
}

impl<T: Pod + Send + Sync> Source<T> {
    /// The images of several files, one after the other: in memory, if one of the files was read whole.
    ///
    /// # Errors
    /// As [`Source::read`]; more than there is memory for.
    pub(super) fn of_files(features: usize, files: Vec<OfFile<T>>) -> Result<Self> {
        if files.iter().all(|file| matches!(file, OfFile::Left(_))) {
            let left = |file| if let OfFile::Left(records) = file { Some(records) } else { None };
            return Ok(Self::files(features, files.into_iter().filter_map(left).collect()));
        }
        let count = |file: &OfFile<T>| match file {
            OfFile::Left(records) => records.count * features,
            OfFile::Read(values) => values.len(),
        };
        let mut images = room(files.iter().map(count).sum())?;
        for file in files {
            match file {
                OfFile::Left(records) => images.append(&mut Self::files(features, vec![records]).values()?),
                OfFile::Read(mut values) => images.append(&mut values),
            }
        }
        Ok(Self::memory(features, images))
    }

    /// Images in memory, `[count][features]`.
    ///
    /// # Panics
    /// If they are no whole number of images.
    pub fn memory(features: usize, images: Vec<T>) -> Self {
        assert!(features > 0 && images.len().is_multiple_of(features), "whole images");
        Source { features, range: 0..images.len() / features, place: Place::Memory(Arc::new(images)) }
    }

    /// The images of these files, one file after the other.
    pub(super) fn files(features: usize, files: Vec<Records>) -> Self {
        let mut count = 0;
        let mut numbered = vec![];
        for records in files {
            let before = count;
            count += records.count;
            numbered.push((before, records));
        }
        Source { features, range: 0..count, place: Place::Files(Arc::new(numbered)) }
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Whether images are read from files when they are wanted.
    pub fn is_streamed(&self) -> bool {
        !matches!(self.place, Place::Memory(_))
    }

    /// Bytes of memory that its images take: none of a streamed one.
    pub fn bytes_held(&self) -> usize {
        match &self.place {
            Place::Memory(images) => size_of_val(&images[..]),
            Place::Files(_) | Place::Pictures(_) => 0,
        }
    }

    /// Some of its images.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "images {range:?} of {}", self.len());
        if let Place::Pictures(pictures) = &self.place {
            let place = Place::Pictures(pictures.slice(range.clone()));
            return Source { features: self.features, range: 0..range.len(), place };
        }
        let first = self.range.start;
        Source { range: first + range.start..first + range.end, ..self.clone() }
    }

    /// Writes image `i` to `out`, `[features]`.
    ///
    /// # Errors
    /// What the file system says, or that a file has become shorter; file and byte are named. More pictures that cannot be
    /// decoded than a sound set has.
    ///
    /// # Panics
    /// If there is no image `i`.
    pub fn read(&self, i: usize, out: &mut [T]) -> Result<()> {
        assert!(i < self.len(), "image {i} of {}", self.len());
        let i = self.range.start + i;
        match &self.place {
            Place::Memory(images) => out.copy_from_slice(&images[i * self.features..][..self.features]),
            Place::Files(files) => {
                let (before, records) = &files[files.partition_point(|(before, _)| *before <= i) - 1];
                records.read(i - before, bytemuck::cast_slice_mut(out))?;
            }
            Place::Pictures(pictures) => pictures.read(i, bytemuck::cast_slice_mut(out))?,
        }
        Ok(())
    }

    /// All images, `[count][features]`.
    ///
    /// # Errors
    /// As [`Source::read`]; more than there is memory for.
    pub fn values(&self) -> Result<Vec<T>> {
        let count = self.len() * self.features;
        let mut out = room(count)?;
        out.resize(count, T::zeroed());
        out.par_chunks_mut(self.features).enumerate().try_for_each(|(i, image)| self.read(i, image))?;
        Ok(out)
    }

    /// The same images in memory.
    ///
    /// # Errors
    /// As [`Source::values`].
    pub fn held(self) -> Result<Self> {
        if self.is_streamed() { Ok(Self::memory(self.features, self.values()?)) } else { Ok(self) }
    }
}

impl Source<u8> {
    /// The middle of each picture, in the size that they say.
    pub fn of_pictures(pictures: Pictures) -> Self {
        let features = pictures.size().shape().features();
        Source { features, range: 0..pictures.len(), place: Place::Pictures(pictures) }
    }

    /// The pictures that the images are the middle of; none where they are no pictures.
    pub fn pictures(&self) -> Option<&Pictures> {
        if let Place::Pictures(pictures) = &self.place { Some(pictures) } else { None }
    }
}

/// Room for so many values.
fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut out = vec![];
    out.try_reserve_exact(count).map_err(|_| {
        let bytes = count * size_of::<T>();
        Error::Invalid(format!("{bytes} bytes of images do not fit in memory: use --set data.stream=true"))
    })?;
    Ok(out)
}

impl Records {
    /// `count` images in `file`, the open file `path`: the first begins at byte `first`, each next one `stride` bytes later.
    pub fn new(path: &Path, file: File, [first, stride]: [usize; 2], count: usize) -> Self {
        Records { path: path.to_path_buf(), file, first: first as u64, stride: stride as u64, count }
    }

    fn read(&self, i: usize, out: &mut [u8]) -> Result<()> {
        let at = self.first + i as u64 * self.stride;
        read_exact_at(&self.file, out, at).map_err(|e| {
            let why = match e.kind() {
                io::ErrorKind::UnexpectedEof => "the file has become shorter since it was opened".to_owned(),
                _ => e.to_string(),
            };
            let message = format!("image {i}, {} bytes from byte {at} on, cannot be read: {why}", out.len());
            Error::format(&self.path, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_memory_hold_the_same_images_in_every_slice() {
        let dir = tempfile::tempdir().unwrap();
        let values: Vec<f32> = (0..21).map(|i| i as f32).collect();
        // Four images of three values behind a byte and before two; none; three of them.
        let records = |name: &str, range: Range<usize>| {
            let path = dir.path().join(name);
            let images = values[3 * range.start..3 * range.end].chunks(3);
            let bytes: Vec<u8> = images.flat_map(|i| [&[9], bytemuck::cast_slice(i), &[9, 9]].concat()).collect();
            std::fs::write(&path, bytes).unwrap();
            Records::new(&path, File::open(&path).unwrap(), [1, 15], range.len())
        };
        let files = Source::files(3, vec![records("a", 0..4), records("b", 4..4), records("c", 4..7)]);
        let memory = Source::memory(3, values.clone());
        assert_eq!((files.values().unwrap(), files.len()), (values.clone(), 7));
        assert_eq!((files.bytes_held(), memory.bytes_held(), files.clone().held().unwrap().bytes_held()), (0, 84, 84));
        for range in [0..0, 2..6, 4..7] {
            let want = &values[3 * range.start..3 * range.end];
            for source in [&files, &memory] {
                assert_eq!(source.slice(range.clone()).values().unwrap(), want);
                assert_eq!(source.slice(1..7).slice(1..2).values().unwrap(), [6., 7., 8.]);
            }
        }
        // The last image of the last file is cut.
        File::options().write(true).open(dir.path().join("c")).unwrap().set_len(40).unwrap();
        let mut out = [0.0; 3];
        files.read(5, &mut out).unwrap();
        let said = files.read(6, &mut out).unwrap_err().to_string();
        assert!(said.contains("c: image 2, 12 bytes from byte 31 on") && said.contains("shorter"), "{said}");
    }
}
