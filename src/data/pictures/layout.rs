//! How pictures lie in a data folder, and what their classes are.
//!
//! A part, `train` or `val`, is a folder of class folders, a flat folder, or tar files of the same ([`super::tars`]). What each picture
//! says of its class is one of three things: a name, from the folder that it is in; a number, from a `.cls` file beside it; nothing,
//! as in ILSVRC's flat validation folder, of which a ground truth tells.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::found::{Class, Found};
use super::ilsvrc::Truth;
use super::{Picture, Pictures, Size, packed, tars};
use crate::data::files::remedy;
use crate::data::{DataSet, Source, Split};
use crate::error::{Error, Result};

/// Names of the folder of the training pictures, and of the folder of those to be judged by. Tar files have them in their names.
const TRAIN: [&str; 1] = ["train"];
const TEST: [&str; 3] = ["val", "validation", "test"];

/// Opens the set `name` in `dir`, which may also be a file of packed pictures.
///
/// # Errors
/// No pictures; pictures of classes that the training set has not, or whose class nothing tells; a file or folder that cannot be read.
pub(in crate::data) fn open(name: &str, dir: &Path, size: Size) -> Result<DataSet> {
    if dir.is_file() {
        return packed::open(name, dir, size);
    }
    let train = match part(dir, &TRAIN)? {
        Some(found) => found,
        None => folder(dir)?,
    };
    if train.pictures.is_empty() {
        let what =
            "there are no pictures (train/CLASS/*.jpg, val/CLASS/*.jpg; CLASS/*.jpg alone; or tar files of them)";
        return Err(Error::format(dir, format!("{what}. {}", remedy(name))));
    }
    let test = part(dir, &TEST)?.unwrap_or_default();
    if test.pictures.is_empty() {
        log::warn!("{}: no pictures of a folder or tar file val, so there is nothing to test with", dir.display());
    }
    let truth = Truth::find(dir)?;
    let classes = classes(&train, truth.as_ref())?;
    Ok(DataSet {
        name: name.into(),
        shape: size.shape(),
        maximum: u8::MAX,
        train: split(train, &classes, None, size)?,
        test: split(test, &classes, truth.as_ref(), size)?,
        classes,
    })
}

/// The pictures of a part: those of the folder of one of these names, else those of the tar files that have one in theirs.
fn part(dir: &Path, names: &[&str]) -> Result<Option<Found>> {
    if let Some(path) = names.iter().map(|name| dir.join(name)).find(|path| path.is_dir()) {
        return folder(&path).map(Some);
    }
    let (_, tars) = entries(dir)?;
    let called = |path: &PathBuf, name: &str| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        stem.split(|c: char| !c.is_alphabetic()).any(|word| word == name)
    };
    for name in names {
        let tars: Vec<PathBuf> = tars.iter().filter(|path| called(path, name)).cloned().collect();
        if !tars.is_empty() {
            return tars::read(&tars).map(Some);
        }
    }
    Ok(None)
}

/// The folders in a folder, and the tar files, by name. Links are followed: a set may be put together from them.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let read = || -> io::Result<_> {
        let (mut folders, mut tars) = (vec![], vec![]);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
            } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tar")) {
                tars.push(path);
            } else if fs::metadata(&path)?.is_dir() {
                folders.push(path);
            }
        }
        folders.sort();
        tars.sort();
        Ok((folders, tars))
    };
    read().map_err(|e| Error::io(folder, e))
}

/// The pictures of a part in its folder: in class folders, in tar files, or else by themselves.
fn folder(path: &Path) -> Result<Found> {
    let (folders, tars) = entries(path)?;
    if !tars.is_empty() {
        if let Some(folder) = folders.first() {
            let message = "there are tar files beside this folder: which have the pictures? Move the others away";
            return Err(Error::format(folder, message));
        }
        return tars::read(&tars);
    }
    let mut found = Found::default();
    if folders.is_empty() {
        found.add_folder(path, Class::Unknown)?;
    }
    for folder in folders {
        let name = folder.file_name().unwrap_or_default();
        let name = name.to_str().ok_or_else(|| Error::format(&folder, "the folder's name is not in UTF-8"))?;
        found.add_folder(&folder, Class::Named(name.to_owned()))?;
    }
    Ok(found)
}

/// The names of the classes: those of the training pictures, sorted, or all of the ground truth, if there is one; or numbers.
fn classes(train: &Found, truth: Option<&Truth>) -> Result<Vec<String>> {
    let mut names: BTreeSet<&str> = train.empty.iter().map(String::as_str).collect();
    let mut numbers = 0;
    for (picture, class) in &train.pictures {
        match class {
            Class::Named(name) => drop(names.insert(name)),
            Class::Number(number) => numbers = numbers.max(usize::from(*number) + 1),
            Class::Unknown => {
                let message = "nothing tells the class of this training picture: put those of a class into a folder";
                return Err(Error::format(picture.path(&train.shelves), message));
            }
        }
    }
    if numbers > 0 {
        return Ok((0..numbers).map(|class| class.to_string()).collect());
    }
    if let Some(truth) = truth {
        let listed: BTreeSet<&str> = truth.synsets().collect();
        if let Some(other) = names.difference(&listed).next() {
            let message = format!("the training pictures have a class {other}, which is not in this list");
            return Err(Error::format(truth.list(), message));
        }
        names = listed;
    }
    let most = usize::from(u16::MAX) + 1;
    if names.len() > most {
        return Err(Error::Invalid(format!("{} classes of pictures; {most} are the most", names.len())));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The pictures of a part with their labels: in the order of their classes, in a class in that of their names; where their classes are
/// told by numbers or by the ground truth, as they lie.
fn split(found: Found, classes: &[String], truth: Option<&Truth>, size: Size) -> Result<Split> {
    let number: HashMap<&str, usize> = classes.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let label = |picture: &Picture, class: &Class| -> Result<u16> {
        let bad = |message: String| Error::format(picture.path(&found.shelves), message);
        let of = |name: &str| {
            number.get(name).map(|i| *i as u16).ok_or_else(|| {
                bad(format!("this picture is of the class {name}, of which there is no training picture"))
            })
        };
        match class {
            Class::Named(name) => of(name),
            Class::Number(number) if usize::from(*number) < classes.len() => Ok(*number),
            Class::Number(number) => {
                Err(bad(format!("its class is number {number}, but the training pictures have {}", classes.len())))
            }
            Class::Unknown => {
                of(truth.ok_or_else(|| bad(Truth::MISSING.into()))?.synset(&picture.name).map_err(bad)?)
            }
        }
    };
    let labels = found.pictures.iter().map(|(picture, class)| label(picture, class));
    let labels = labels.collect::<Result<Vec<u16>>>()?;
    let named = |class: &Class| matches!(class, Class::Named(_));
    let mut all: Vec<_> = found.pictures.into_iter().zip(labels).collect();
    // Stable: what has no name of a class stays where it is.
    all.sort_by(|((a, class_a), label_a), ((b, class_b), label_b)| match (class_a, class_b) {
        (Class::Named(_), Class::Named(_)) => (label_a, &a.name).cmp(&(label_b, &b.name)),
        _ => named(class_a).cmp(&named(class_b)),
    });
    let (pictures, labels): (Vec<Picture>, Vec<u16>) = all.into_iter().map(|((p, _), label)| (p, label)).unzip();
    Ok(Split { images: Source::of_pictures(Pictures::new(size, found.shelves, pictures, labels.clone())), labels })
}
