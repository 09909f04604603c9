//! Pictures in tar files, read where they are: shards in WebDataset's naming (`key.jpg`, and its class in `key.cls`), class folders in a
//! tar, a tar for each class, and ILSVRC's training tar, which holds a tar for each class.
//!
//! What is in a tar is found once, header by header, and kept beside it as `NAME.tar.index`, so that it is opened at once the next time.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tar::Archive;

use super::found::{Class, Found};
use super::{Picture, Shelf};
use crate::data::picture::is_picture;
use crate::error::{Error, Result};
use crate::files;

/// Tars in tars in tars ... are followed so far: ILSVRC has one level.
const DEEPEST: usize = 2;
/// Bytes of a path in a tar, at most. That of a tar in a tar stands before those of all its files.
const MOST_NAME: usize = 1 << 12;
/// Bytes of a `.cls` file, at most.
const MOST_CLASS: u64 = 32;

/// What is in a tar, as its index file says it.
#[derive(Serialize, Deserialize)]
struct Index {
    /// Of the tar: an index of another length or time is of another tar.
    bytes: u64,
    modified: u64,
    entries: Vec<Entry>,
}

/// A file in a tar: a picture or the class of one.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// Its path in the tar; of a tar in a tar with the name of that before it.
    name: String,
    /// Where its content is.
    at: Range<u64>,
    /// Its content, of a `.cls` file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<u16>,
}

/// The pictures of all of these tars.
///
/// # Errors
/// A tar that cannot be read, is damaged, or ends too early; a picture without a class beside it where others have one.
pub(super) fn read(tars: &[PathBuf]) -> Result<Found> {
    let indices = tars.par_iter().map(|path| index(path)).collect::<Result<Vec<_>>>()?;
    let mut found = Found::default();
    for (path, index) in tars.iter().zip(indices) {
        let shelf = found.shelves.len() as u32;
        let class = |entry: &Entry| Some((key(&entry.name).to_owned(), entry.class?));
        let classes: HashMap<String, u16> = index.entries.iter().filter_map(class).collect();
        for Entry { name, at, class } in index.entries {
            if class.is_some() {
                continue;
            }
            let class = match classes.get(key(&name)) {
                Some(class) => Class::Number(*class),
                None if !classes.is_empty() => {
                    let message = format!("{name}: there is no {}.cls beside it, as of others", key(&name));
                    return Err(Error::format(path, message));
                }
                None => match folder(&name) {
                    Some(folder) => Class::Named(folder),
                    None if tars.len() > 1 => Class::Named(stem(path)),
                    None => Class::Unknown,
                },
            };
            found.pictures.push((Picture { shelf, name: OsString::from(name), at }, class));
        }
        found.shelves.push(Shelf::Tar(path.clone()));
    }
    Ok(found)
}

/// What WebDataset takes as the name of an example: all up to the first dot of the file's name.
fn key(name: &str) -> &str {
    let file = name.rfind('/').map_or(0, |at| at + 1);
    &name[..name[file..].find('.').map_or(name.len(), |at| file + at)]
}

/// The name of the folder, or of the tar, that a file in a tar is in.
fn folder(name: &str) -> Option<String> {
    let parent = Path::new(name).parent()?;
    let name = parent.file_name()?.to_str()?;
    Some(name.strip_suffix(".tar").unwrap_or(name).to_owned())
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The index of a tar: that beside it, or a new one, which is then left there.
fn index(path: &Path) -> Result<Index> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let about = file.metadata().map_err(|e| Error::io(path, e))?;
    let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let (bytes, modified) = (about.len(), modified.map_or(0, |time| time.as_nanos() as u64));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".index");
    let beside = PathBuf::from(beside);
    if let Some(index) = stored(&beside).filter(|i| (i.bytes, i.modified) == (bytes, modified) && i.is_sound()) {
        return Ok(index);
    }
    log::info!("{}: looking for pictures", path.display());
    let mut entries = vec![];
    let section = Section { file: &file, bytes: 0..bytes, at: 0 };
    scan(section, "", 0, &mut entries)
        .map_err(|e| Error::format(path, format!("the tar is damaged or cut ({e}): get it again")))?;
    let index = Index { bytes, modified, entries };
    let write = |out: &mut dyn io::Write| serde_json::to_writer(out, &index).map_err(io::Error::from);
    if let Err(e) = files::replace(&beside, write) {
        log::info!("no index is kept, so the next time it is looked through again: {e}");
    }
    Ok(index)
}

/// The index in a file; none if there is no sound one.
fn stored(path: &Path) -> Option<Index> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

impl Index {
    /// Whether everything lies within the tar.
    fn is_sound(&self) -> bool {
        self.entries.iter().all(|entry| entry.at.start <= entry.at.end && entry.at.end <= self.bytes)
    }
}

/// Appends the pictures and classes of a tar, and of the tars in it.
fn scan(section: Section, before: &str, depth: usize, entries: &mut Vec<Entry>) -> io::Result<()> {
    let Section { file, bytes, .. } = section.clone();
    for entry in Archive::new(section).entries_with_seek()? {
        let mut entry = entry?;
        let Some(name) = plain(&entry.path()?) else { continue };
        if name.len() > MOST_NAME {
            let message = format!("a path of {} bytes; {MOST_NAME} are the most", name.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_contiguous()) {
            continue;
        }
        let start = bytes.start.saturating_add(entry.raw_file_position());
        let at = start..start.saturating_add(entry.size());
        if at.end > bytes.end {
            let message = format!("{before}{name} of {} bytes goes beyond its end", entry.size());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        let ending = Path::new(&name).extension().map(|ending| ending.to_ascii_lowercase()).unwrap_or_default();
        if ending == "tar" && depth + 1 < DEEPEST {
            let inner = Section { file, bytes: at.clone(), at: 0 };
            scan(inner, &format!("{before}{name}/"), depth + 1, entries)?;
        } else if ending == "cls" {
            let mut text = String::new();
            (&mut entry).take(MOST_CLASS).read_to_string(&mut text)?;
            let class = text.trim().parse().map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{before}{name} holds no number of a class"))
            })?;
            entries.push(Entry { name: format!("{before}{name}"), at, class: Some(class) });
        } else if is_picture(Path::new(&name)) {
            entries.push(Entry { name: format!("{before}{name}"), at, class: None });
        }
    }
    Ok(())
}

/// A path in a tar without `.` and `..` in front; none for what is hidden or has no name.
fn plain(path: &Path) -> Option<String> {
    let parts = path.components().filter_map(|part| if let Component::Normal(name) = part { Some(name) } else { None });
    let parts: Vec<_> = parts.map(|name| name.to_string_lossy()).collect();
    let file = parts.last()?;
    (!file.starts_with('.')).then(|| parts.join("/"))
}

/// A part of a file as a file of its own.
#[derive(Clone)]
struct Section<'a> {
    file: &'a File,
    bytes: Range<u64>,
    /// From its beginning.
    at: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = (self.bytes.end - self.bytes.start).saturating_sub(self.at);
        let count = (out.len() as u64).min(left) as usize;
        self.file.seek(SeekFrom::Start(self.bytes.start + self.at))?;
        let read = self.file.read(&mut out[..count])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => (self.bytes.end - self.bytes.start).checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning"))?;
        Ok(self.at)
    }
}
