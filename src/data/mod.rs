//! Data sets: read, preprocessed, served in batches, downloaded and verified. Nothing here knows a network or a device.
//!
//! ```text
//! open (Source: bytes as in the files) -> prepare (fit ZCA; whitened images are cached) -> Batches (threads that run ahead)
//! ```
//! Images are held in memory or streamed from their files; contrast normalisation happens when a batch is made,
//! a mere scale on the device.
//! One file per data set, with its row; a new one is a file and its name in [`list`].

pub mod batches;
mod cache;
mod cifar;
mod cifar10;
mod cifar100;
pub mod colors;
pub mod crops;
mod decode;
mod digits;
mod download;
pub mod fetch;
mod files;
mod folder;
pub mod gcn;
mod imagenet;
mod imagenet32;
pub(crate) mod mat;
pub mod mnist;
mod npz;
mod pickle;
pub mod picture;
pub mod pictures;
pub mod preparation;
pub mod prepare;
mod size;
mod source;
mod svhn;
pub mod verify;
mod whitening;
pub mod zca;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, suggest};
use size::Size;

pub use batches::{Batch, Batches, Form, Position};
pub use colors::Colors;
pub use fetch::{fetch, get};
pub(crate) use files::sha256;
pub use preparation::{Levels, Preparation, Preprocessing, Scale};
pub use prepare::{Examples, Prepared, preparation, prepare};
pub use source::Source;
pub use verify::verify;

/// The size of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// 3 for red, green, blue; 1 for grey.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Values per image.
    pub fn features(&self) -> usize {
        self.channels * self.height * self.width
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// Which examples of a prepared data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The images to learn from.
    Train,
    /// The images held out from them, to choose by.
    Validation,
    /// The images to be judged by.
    Test,
}

/// The images of one split, as in their files.
#[derive(Clone, Debug)]
pub struct Split {
    /// `[count][channel][row][column]`, 0 to [`DataSet::maximum`].
    pub images: Source<u8>,
    /// `[count]`, each less than the number of classes.
    pub labels: Vec<u16>,
}

/// A labelled set of images of one size.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// The name by which [`load`] knows it.
    pub name: String,
    /// The size of each image.
    pub shape: Shape,
    /// What the labels 0, 1, ... mean.
    pub classes: Vec<String>,
    /// The value of a white pixel: 255, or 16 for `digits`.
    pub maximum: u8,
    /// The images to learn from.
    pub train: Split,
    /// The images to be judged by.
    pub test: Split,
}

/// A data set that this program knows.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The name to give on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub description: &'static str,
    /// Where its files are, relative to the data folder.
    pub files: &'static str,
    /// What the labels 0, 1, ... mean; none of a set whose files do not say.
    pub classes: &'static [&'static str],
    /// Under which terms it comes.
    pub licence: &'static str,
    /// See [`DataSet::maximum`].
    pub maximum: u8,
    /// How its images are cut from pictures, of a set of these.
    pictures: Option<fn(&Wanted) -> Result<Size>>,
    /// Opens the set in a folder. Its images are left in files that hold them at equal distances, or in pictures.
    open: fn(&Path, &Wanted) -> Result<DataSet>,
    /// Which of its files do, for who wants them streamed; none if none do.
    streams: Option<&'static str>,
    shape: fn(&Path, &Wanted) -> Result<Shape>,
    /// The files that `load` reads from a folder, with published checksums; none for a set that has none.
    members: Option<fn(&Path) -> Vec<files::Member>>,
    origin: Origin,
}

/// A data set as it is asked for; of one whose images have a size of their own the name says all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Its name.
    pub set: &'a str,
    /// Rows and columns of an image that is cut from a picture.
    pub crop: Option<usize>,
    /// See [`pictures::Size`].
    pub short_side: Option<usize>,
}

impl<'a> From<&'a str> for Wanted<'a> {
    fn from(set: &'a str) -> Self {
        Wanted { set, crop: None, short_side: None }
    }
}

impl<'a> From<&'a String> for Wanted<'a> {
    fn from(set: &'a String) -> Self {
        set.as_str().into()
    }
}

impl Wanted<'_> {
    /// Its row, if it can be had like this.
    fn info(&self) -> Result<&'static Info> {
        let info = info(self.set)?;
        let key = self.crop.map(|_| "data.crop").or(self.short_side.map(|_| "data.short_side"));
        match key.filter(|_| info.pictures.is_none()) {
            Some(key) => Err(Error::Invalid(format!(
                "{key} is for sets of pictures (data.set = \"imagenet\" or \"folder\"): the images of {} have one size",
                self.set
            ))),
            None => Ok(info),
        }
    }

    /// How its images are cut from pictures, of a set of these.
    ///
    /// # Errors
    /// A set that is not known; a size that it cannot have.
    pub fn size(&self) -> Result<Option<Size>> {
        self.info()?.pictures.map(|size| size(self)).transpose()
    }
}

/// How to get a set.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// It is part of the program.
    Program,
    /// Its publisher lets everyone have it.
    Open(fn() -> fetch::Spec),
    /// What a person has to do, since its publisher asks for a login.
    Login(&'static str),
}

impl Info {
    /// What the labels 0, 1, ... mean.
    pub fn class_names(&self) -> Vec<String> {
        self.classes.iter().map(|name| (*name).to_owned()).collect()
    }
}

/// Classes that are digits.
const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// All data sets this program knows.
pub fn list() -> &'static [Info] {
    const SETS: [Info; 8] = [
        digits::INFO,
        mnist::INFO,
        cifar10::INFO,
        cifar100::INFO,
        svhn::INFO,
        imagenet32::INFO,
        imagenet::INFO,
        folder::INFO,
    ];
    &SETS
}

/// The entry of [`list`] called `name`.
///
/// # Errors
/// An unknown name; the nearest known ones are in the text.
pub fn info(name: &str) -> Result<&'static Info> {
    list().iter().find(|set| set.name == name).ok_or_else(|| {
        let near = suggest(name, list().iter().map(|s| s.name));
        Error::Invalid(format!("no data set is called \"{name}\".{near}"))
    })
}

/// Where data sets are when no folder is named: `$WEIGHTPROOF_DATA`, else `$XDG_DATA_HOME/weightproof`, else
/// `~/.local/share/weightproof`, else (where there is no home) the current folder.
pub fn default_dir() -> PathBuf {
    crate::files::user_dir("WEIGHTPROOF_DATA", "XDG_DATA_HOME", ".local/share").unwrap_or_else(|| PathBuf::from("."))
}

/// Opens the data set `wanted` in `dir` (`None`: [`default_dir`]), which is the folder its files are in or the parent
/// of that folder. Labels are read; images only where their files do not hold them at equal distances and are no pictures.
///
/// # Errors
/// An unknown name, a crop that is not possible, or a file that is missing, truncated, too long or damaged; the text names it and says what to do.
pub fn open<'a>(wanted: impl Into<Wanted<'a>>, dir: Option<&Path>) -> Result<DataSet> {
    let wanted = wanted.into();
    (wanted.info()?.open)(dir.unwrap_or(&default_dir()), &wanted)
}

/// Reads the data set `wanted`: [`open`], then [`DataSet::held`].
///
/// # Errors
/// As those.
pub fn load<'a>(wanted: impl Into<Wanted<'a>>, dir: Option<&Path>) -> Result<DataSet> {
    open(wanted, dir)?.held()
}

/// The size of the images of the data set `wanted` in `dir` (`None`: [`default_dir`]), of the published ones where there
/// are no files. Nothing but the header of a file is read.
///
/// # Errors
/// As [`open`], for the name, the crop and that header.
pub fn shape<'a>(wanted: impl Into<Wanted<'a>>, dir: Option<&Path>) -> Result<Shape> {
    let wanted = wanted.into();
    (wanted.info()?.shape)(dir.unwrap_or(&default_dir()), &wanted)
}

impl DataSet {
    /// The same set with its images in memory.
    ///
    /// # Errors
    /// A file that cannot be read; more images than memory.
    pub fn held(self) -> Result<Self> {
        self.held_but([false; 2])
    }

    /// The same set with its images in memory but for those of the splits that are `left` where they are: training, test.
    ///
    /// # Errors
    /// As [`DataSet::held`].
    pub fn held_but(self, left: [bool; 2]) -> Result<Self> {
        let [train, test] = [self.train, self.test];
        let hold = |split: Split, left: bool| -> Result<Split> {
            let images = if left { split.images } else { split.images.held()? };
            Ok(Split { images, ..split })
        };
        Ok(DataSet { train: hold(train, left[0])?, test: hold(test, left[1])?, ..self })
    }

    /// Whether its images are cut from pictures.
    pub fn is_pictures(&self) -> bool {
        info(&self.name).is_ok_and(|set| set.pictures.is_some())
    }

    /// That every image is read from a file when it is wanted.
    ///
    /// # Errors
    /// A set that was read whole; the text says in which form it would not be.
    pub fn check_streamed(&self) -> Result<()> {
        if [&self.train, &self.test].iter().all(|split| split.images.is_streamed()) {
            return Ok(());
        }
        let why = match info(&self.name)?.streams {
            Some(files) => format!("only {files} can be read image by image, and these files are others"),
            None => "its images cannot be read one by one".into(),
        };
        Err(Error::Invalid(format!("data.stream = true: {}: {why}. Use data.stream = \"auto\"", self.name)))
    }

    /// That the images have pixels, fit the labels, and the labels the classes.
    ///
    /// # Errors
    /// The first contradiction, in words.
    pub fn check(&self) -> Result<()> {
        if self.shape.features() == 0 || self.maximum == 0 {
            return Err(Error::Invalid(format!(
                "data set {}: images of {} with values up to {} say nothing",
                self.name, self.shape, self.maximum
            )));
        }
        for (part, split) in [("training", &self.train), ("test", &self.test)] {
            let (images, labels) = (split.images.len(), split.labels.len());
            if images != labels {
                let message = format!("data set {}: {images} {part} images and {labels} labels", self.name);
                return Err(Error::Invalid(message));
            }
            if let Some(i) = split.labels.iter().position(|l| usize::from(*l) >= self.classes.len()) {
                return Err(Error::Invalid(format!(
                    "data set {}: {part} image {i} has label {}, but there are {} classes",
                    self.name,
                    split.labels[i],
                    self.classes.len()
                )));
            }
        }
        Ok(())
    }
}
