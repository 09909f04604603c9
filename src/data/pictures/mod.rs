//! Pictures in their files, of any size, as images of one size: decoded when they are wanted.
//!
//! A picture is decoded, scaled so that its short side has the pixels wanted, and cropped. One that cannot be decoded is named in the
//! log and another stands in for it, the next of its class that can be: a function of the files alone, so batches are the same
//! whatever the threads and where a run was resumed.

mod found;
mod ilsvrc;
mod layout;
mod pack;
mod packed;
mod tars;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fast_image_resize::Resizer;

use super::decode::{MOST_BYTES, MOST_PIXELS, Pixels, decode};
use super::files::read_exact_at;
use super::picture::read_encoded;
use crate::error::{Error, Result};

pub use super::decode::Rectangle;
pub use super::size::{Rgb, Size};
pub(super) use layout::open;
pub use pack::pack;
pub use packed::Encoding;
use packed::Packed;

/// Memory in which a picture is decoded and scaled; each thread has its own.
#[derive(Default)]
pub struct Scratch {
    encoded: Vec<u8>,
    decoded: Pixels,
    scaled: Vec<u8>,
    resizer: Resizer,
}

impl Scratch {
    /// The part of the decoded picture, scaled to `size`, that `choose` names.
    fn cut(&mut self, size: Size, choose: impl FnOnce([usize; 2]) -> Rectangle) -> Rgb<'_> {
        size.cut(&self.decoded, choose, &mut self.resizer, &mut self.scaled)
    }
}

/// Where an encoded picture is.
#[derive(Debug)]
struct Picture {
    /// Which of [`All::shelves`].
    shelf: u32,
    /// The path of its file from there.
    name: OsString,
    /// Its bytes, of a shelf that is a file itself.
    at: Range<u64>,
}

/// Something with pictures in it.
#[derive(Debug)]
enum Shelf {
    /// A folder of files.
    Folder(PathBuf),
    /// A tar file. It is opened for each picture: a set may have more of them than a process may have open.
    Tar(PathBuf),
    /// A file of packed pictures.
    Packed(Packed),
}

impl Picture {
    /// Its path, for people.
    fn path(&self, shelves: &[Shelf]) -> PathBuf {
        match &shelves[self.shelf as usize] {
            Shelf::Folder(path) | Shelf::Tar(path) => path.join(&self.name),
            Shelf::Packed(packed) => match packed.name(&self.at) {
                Some(name) => packed.path.join(name),
                None => packed.path.join(format!("the picture at byte {}", self.at.start)),
            },
        }
    }
}

/// The pictures of a split, or some of them. A clone is another view of the same.
#[derive(Clone, Debug)]
pub struct Pictures {
    all: Arc<All>,
    range: Range<usize>,
}

#[derive(Debug)]
struct All {
    size: Size,
    shelves: Vec<Shelf>,
    pictures: Vec<Picture>,
    /// Of each picture, its class: pictures of a class follow one another.
    labels: Vec<u16>,
    /// Those that could not be decoded so far.
    bad: Mutex<BTreeSet<usize>>,
}

/// Pictures of a split that may be bad, at most: this part of them, and [`FEW`] at least.
const BAD_PART: f64 = 0.01;
const FEW: usize = 10;

impl Pictures {
    fn new(size: Size, shelves: Vec<Shelf>, pictures: Vec<Picture>, labels: Vec<u16>) -> Self {
        assert_eq!(pictures.len(), labels.len(), "a label for each picture");
        let range = 0..pictures.len();
        Pictures { all: Arc::new(All { size, shelves, pictures, labels, bad: Mutex::default() }), range }
    }

    /// How they become images.
    pub fn size(&self) -> Size {
        self.all.size
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Some of them.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn slice(&self, range: Range<usize>) -> Pictures {
        assert!(range.start <= range.end && range.end <= self.len(), "pictures {range:?} of {}", self.len());
        let first = self.range.start;
        Pictures { all: self.all.clone(), range: first + range.start..first + range.end }
    }

    /// Picture `i`, its short side scaled, the other in proportion; a picture of that size is taken byte for byte.
    ///
    /// # Errors
    /// A file that cannot be read; more bad pictures than a sound set has.
    ///
    /// # Panics
    /// If there is no picture `i`.
    pub fn scaled<'a>(&self, i: usize, scratch: &'a mut Scratch) -> Result<Rgb<'a>> {
        self.part(i, scratch, Rectangle::whole)
    }

    /// The part of picture `i`, scaled as [`Pictures::scaled`] does, that `choose` names when it is told rows and columns of the scaled
    /// picture. Nothing else is resampled, which makes it the quicker of the two; a byte may differ by 1.
    ///
    /// # Errors
    /// As [`Pictures::scaled`].
    ///
    /// # Panics
    /// If there is no picture `i`, or if the part is not in it.
    pub fn part<'a>(
        &self,
        i: usize,
        scratch: &'a mut Scratch,
        choose: impl FnOnce([usize; 2]) -> Rectangle,
    ) -> Result<Rgb<'a>> {
        self.decoded(i, scratch)?;
        Ok(scratch.cut(self.all.size, choose))
    }

    /// Picture `i` itself as [`Pictures::scaled`] has it; none if it cannot be decoded.
    fn scaled_or_none<'a>(&self, i: usize, scratch: &'a mut Scratch) -> Result<Option<Rgb<'a>>> {
        let sound = self.all.decode(self.range.start + i, scratch)?;
        Ok(sound.then(|| scratch.cut(self.all.size, Rectangle::whole)))
    }

    /// The name of picture `i` with that of the folder that its class has.
    fn title(&self, i: usize) -> String {
        let picture = &self.all.pictures[self.range.start + i];
        let path = match &self.all.shelves[picture.shelf as usize] {
            Shelf::Folder(folder) => Path::new(folder.file_name().unwrap_or_default()).join(&picture.name),
            Shelf::Tar(_) => PathBuf::from(&picture.name),
            Shelf::Packed(packed) => PathBuf::from(packed.name(&picture.at).unwrap_or_default()),
        };
        path.to_string_lossy().into_owned()
    }

    /// Writes the middle of picture `i`, [`Size::crop`] rows and columns, to `out`, `[channel][row][column]`.
    ///
    /// # Errors
    /// As [`Pictures::scaled`].
    ///
    /// # Panics
    /// If there is no picture `i`, or if `out` has another length.
    pub fn read(&self, i: usize, out: &mut [u8]) -> Result<()> {
        let Size { crop, .. } = self.all.size;
        let (red, rest) = out.split_at_mut(crop * crop);
        let (green, blue) = rest.split_at_mut(crop * crop);
        self.with_part(
            i,
            |whole| Rectangle::middle([crop; 2], whole),
            |middle| {
                for (((pixel, r), g), b) in middle.pixels.chunks_exact(3).zip(red).zip(green).zip(blue) {
                    (*r, *g, *b) = (pixel[0], pixel[1], pixel[2]);
                }
            },
        )
    }

    /// Hands [`Pictures::part`] to `take`, with memory that each thread keeps.
    pub(super) fn with_part(
        &self,
        i: usize,
        choose: impl FnOnce([usize; 2]) -> Rectangle,
        take: impl FnOnce(Rgb),
    ) -> Result<()> {
        thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());
        SCRATCH.with_borrow_mut(|scratch| self.part(i, scratch, choose).map(take))
    }

    /// Decodes picture `i`; if it is bad, the next one of its class that is not, the first following the last.
    fn decoded(&self, i: usize, scratch: &mut Scratch) -> Result<()> {
        assert!(i < self.len(), "picture {i} of {}", self.len());
        let all = &self.all;
        let i = self.range.start + i;
        let label = all.labels[i];
        // Of its class, and of this part of the split: a training image is never replaced by one held out.
        let class = || self.range.clone().filter(|j| all.labels[*j] == label);
        let others = class().filter(|j| *j > i).chain(class().filter(|j| *j < i));
        for candidate in std::iter::once(i).chain(others) {
            if !all.is_bad(candidate) && all.decode(candidate, scratch)? {
                return Ok(());
            }
        }
        let message = format!("{}: none of the pictures of its class can be decoded", all.name(i).display());
        Err(Error::Invalid(message))
    }
}

impl All {
    /// The path of a picture, for people.
    fn name(&self, i: usize) -> PathBuf {
        self.pictures[i].path(&self.shelves)
    }

    fn is_bad(&self, i: usize) -> bool {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).contains(&i)
    }

    /// Decodes a picture; false if it cannot be, which is then known and said.
    ///
    /// # Errors
    /// A file that cannot be read; too many bad pictures.
    fn decode(&self, i: usize, Scratch { encoded, decoded, .. }: &mut Scratch) -> Result<bool> {
        let picture = &self.pictures[i];
        let io = |e| Error::io(self.name(i), e);
        let made = match &self.shelves[picture.shelf as usize] {
            Shelf::Folder(folder) => {
                read_encoded(&folder.join(&picture.name), encoded)?;
                decode(encoded, decoded)
            }
            Shelf::Tar(tar) => {
                let file = File::open(tar).map_err(|e| Error::io(tar, e))?;
                read_range(&file, &picture.at, encoded).map_err(io)?;
                decode(encoded, decoded)
            }
            Shelf::Packed(packed) => packed.read(&picture.at, encoded, decoded).map_err(io)?,
        };
        match made.and_then(|()| self.check_proportions([decoded.height, decoded.width])) {
            Ok(()) => Ok(true),
            Err(why) => self.found_bad(i, &why).map(|()| false),
        }
    }

    /// That a picture has not become too large by its scaling.
    fn check_proportions(&self, sides: [usize; 2]) -> std::result::Result<(), String> {
        let [height, width] = self.size.scaled(sides);
        if (3 * height as u64).saturating_mul(width as u64) <= MOST_PIXELS {
            return Ok(());
        }
        Err(format!("it has {} x {} pixels, which become {width} x {height}: cut it", sides[1], sides[0]))
    }

    fn found_bad(&self, i: usize, why: &str) -> Result<()> {
        let mut bad = self.bad.lock().unwrap_or_else(PoisonError::into_inner);
        if !bad.insert(i) {
            return Ok(());
        }
        let (count, of) = (bad.len(), self.pictures.len());
        let most = FEW.max((of as f64 * BAD_PART) as usize);
        let name = self.name(i);
        if count > most {
            return Err(Error::format(
                name,
                format!(
                    "{why}. It is number {count} of {of} that cannot be decoded, and {most} are let pass: check the set"
                ),
            ));
        }
        let message = "it is left out, and the next picture of its class taken instead";
        log::warn!("{}: {why}; {message} ({count} of {of} so far)", name.display());
        Ok(())
    }
}

/// Reads a part of a file to `bytes`; the part was within the file when it was found.
fn read_range(file: &File, at: &Range<u64>, bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = at.end - at.start;
    if length > MOST_BYTES {
        let message = format!("it has {length} bytes, which no picture needs");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    bytes.resize(length as usize, 0);
    read_exact_at(file, bytes, at.start)
}
