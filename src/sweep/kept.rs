//! The points of a network: those in its file, and those that parts of a list of jobs have left in files of their own beside
//! it until all are there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::part::Part;
use crate::error::{Error, Result};
use crate::eval::{Point, Points, point};
use crate::files;

/// The file of a part: `sweep.part-1-of-4.jsonl` beside `sweep.jsonl`.
pub fn part_file(file: &Path, part: Part) -> PathBuf {
    file.with_extension(format!("{}.jsonl", part.label()))
}

/// The files of parts that are there beside `file`, sorted by name.
///
/// # Errors
/// A folder that cannot be read.
pub fn part_files(file: &Path) -> Result<Vec<PathBuf>> {
    let folder = files::folder(file);
    let mut found = vec![];
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let name = entry.map_err(|e| Error::io(folder, e))?.file_name();
        if let Some(part) = part_of(file, &name) {
            found.push(part_file(file, part));
        }
    }
    found.sort();
    Ok(found)
}

/// The part whose file beside `file` has this name.
fn part_of(file: &Path, name: &OsString) -> Option<Part> {
    let stem = file.file_stem()?.as_encoded_bytes();
    let label = name.as_encoded_bytes().strip_prefix(stem)?.strip_prefix(b".")?.strip_suffix(b".jsonl")?;
    Part::of_label(std::str::from_utf8(label).ok()?)
}

/// The points in all files of parts beside `file`.
///
/// # Errors
/// A file that holds something else.
pub fn beside(file: &Path) -> Result<Vec<Point>> {
    let mut points = vec![];
    for part in part_files(file)? {
        points.extend(point::read(&part)?);
    }
    Ok(points)
}

/// Removes the files of parts beside `file` all of whose points are `done` with.
///
/// # Errors
/// What the disk reports.
pub fn discard(file: &Path, done: impl Fn(&Point) -> bool) -> Result<()> {
    part_files(file)?.iter().try_for_each(|part| Points::open(part)?.remove_if(&done))
}

/// The points of a network, open for more.
pub struct Kept {
    whole: Points,
    /// What is computed goes there, where only a part of the list is.
    part: Option<Points>,
    beside: Vec<Point>,
}

impl Kept {
    /// Opens or makes the file, and that of the part.
    ///
    /// # Errors
    /// Files that hold something else, or that cannot be written.
    pub fn open(file: &Path, part: Option<Part>) -> Result<Kept> {
        let part = part.map(|part| Points::open(&part_file(file, part))).transpose()?;
        // Those of parts first: they go to the file of all before their own are removed.
        let beside = beside(file)?;
        Ok(Kept { whole: Points::open(file)?, part, beside })
    }

    /// The file of all points.
    pub fn file(&self) -> &Path {
        self.whole.path()
    }

    /// The file that points are added to.
    pub fn grows(&self) -> &Path {
        self.part.as_ref().map_or(self.whole.path(), Points::path)
    }

    /// The point that is the same measurement as `point`, wherever it is.
    pub fn find(&self, point: &Point) -> Option<&Point> {
        let part = self.part.as_ref().and_then(|part| part.find(point));
        self.whole.find(point).or(part).or_else(|| point::find(&self.beside, point))
    }

    /// Whether there is such a point, by what other processes have written too. Where the file of all grows, one that a part
    /// has left beside it takes its place there now.
    ///
    /// # Errors
    /// As [`Points::append`].
    pub fn has(&mut self, point: &Point) -> Result<bool> {
        self.part.as_mut().unwrap_or(&mut self.whole).refresh()?;
        let Some(found) = self.find(point).cloned() else { return Ok(false) };
        if self.part.is_none() {
            self.whole.append(found)?;
        }
        Ok(true)
    }

    /// Adds a point.
    ///
    /// # Errors
    /// As [`Points::append`].
    pub fn append(&mut self, point: Point) -> Result<()> {
        self.part.as_mut().unwrap_or(&mut self.whole).append(point)
    }

    /// Once all that are `wanted` are there, whoever computed them, brings them to the file of all in this order, and removes the
    /// files of parts that hold nothing else. False if some are missing. Several processes may do so at once: each adds a point
    /// only where all before it are.
    ///
    /// # Errors
    /// As [`Points::append`].
    pub fn merge<'a>(&mut self, wanted: impl IntoIterator<Item = &'a Point>) -> Result<bool> {
        self.beside = beside(self.file())?;
        self.whole.refresh()?;
        let found: Option<Vec<Point>> = wanted.into_iter().map(|point| self.find(point).cloned()).collect();
        let Some(found) = found else { return Ok(false) };
        found.into_iter().try_for_each(|point| self.whole.append(point))?;
        discard(self.file(), |point| self.whole.find(point).is_some())?;
        Ok(true)
    }
}
