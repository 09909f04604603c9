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
mod digits;
mod download;
pub mod fetch;
mod files;
pub mod frames;
pub mod gcn;
mod imagenet32;
pub(crate) mod mat;
pub mod mnist;
mod npz;
mod pickle;
pub mod picture;
pub mod preparation;
pub mod prepare;
pub mod source;
mod svhn;
pub mod verify;
mod whitening;
pub mod zca;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, suggest};

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
    /// Opens the set in a folder. Its images are left in files that hold them at equal distances.
    open: fn(&Path) -> Result<DataSet>,
    /// Which of its files do, for who wants them streamed; none if none do.
    streams: Option<&'static str>,
    shape: fn(&Path) -> Result<Shape>,
    /// The files that `load` reads from a folder, with published checksums; none for a set that has none.
    members: Option<fn(&Path) -> Vec<files::Member>>,
    origin: Origin,
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
    const SETS: [Info; 6] = [digits::INFO, mnist::INFO, cifar10::INFO, cifar100::INFO, svhn::INFO, imagenet32::INFO];
    &SETS
}

/// The entry of [`list`] called `name`.
///
/// # Errors
/// An unknown name; the nearest known ones are in the text.
pub fn info(name: &str) -> Result<&'static Info> {
    list().iter().find(|set| set.name == name).map_or_else(|| unknown(name), Ok)
}

/// The error that no data set is called `name`, with the nearest names.
///
/// # Errors
/// Always.
pub fn unknown<T>(name: &str) -> Result<T> {
    let near = suggest(name, list().iter().map(|s| s.name));
    Err(Error::Invalid(format!("no data set is called \"{name}\".{near}")))
}

/// Where data sets are when no folder is named: `$WEIGHTPROOF_DATA`, else `$XDG_DATA_HOME/weightproof`, else
/// `~/.local/share/weightproof`, else (where there is no home) the current folder.
pub fn default_dir() -> PathBuf {
    crate::files::user_dir("WEIGHTPROOF_DATA", "XDG_DATA_HOME", ".local/share").unwrap_or_else(|| PathBuf::from("."))
}

/// Opens the data set called `name` in `dir` (`None`: [`default_dir`]), which is the folder its files are in or the parent
/// of that folder. Labels are read; images only where their files do not hold them at equal distances.
///
/// # Errors
/// An unknown name, or a file that is missing, truncated, too long or damaged; the text names it and says what to do.
pub fn open(name: &str, dir: Option<&Path>) -> Result<DataSet> {
    (info(name)?.open)(dir.unwrap_or(&default_dir()))
}

/// Reads the data set called `name`: [`open`], then [`DataSet::held`].
///
/// # Errors
/// As those.
pub fn load(name: &str, dir: Option<&Path>) -> Result<DataSet> {
    open(name, dir)?.held()
}

/// The size of the images of the data set called `name` in `dir` (`None`: [`default_dir`]), of the published ones where there
/// are no files; none if the name is unknown. Nothing but the header of a file is read.
///
/// # Errors
/// A file that cannot be read, or that is none of the set.
pub fn shape(name: &str, dir: Option<&Path>) -> Result<Option<Shape>> {
    match list().iter().find(|set| set.name == name) {
        Some(set) => (set.shape)(dir.unwrap_or(&default_dir())).map(Some),
        None => Ok(None),
    }
}

impl DataSet {
    /// The same set with its images in memory.
    ///
    /// # Errors
    /// A file that cannot be read; more images than memory.
    pub fn held(self) -> Result<Self> {
        let [train, test] = [self.train, self.test];
        let hold = |split: Split| -> Result<Split> { Ok(Split { images: split.images.held()?, ..split }) };
        Ok(DataSet { train: hold(train)?, test: hold(test)?, ..self })
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
