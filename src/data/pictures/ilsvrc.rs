//! ILSVRC's ground truth of the validation pictures, which lie in one folder or tar file without their classes.
//!
//! `ILSVRC2012_validation_ground_truth.txt` has a number for each picture, in the order of the numbers in their names: the
//! ILSVRC2012_ID of its synset, from 1. `synsets.txt` has the synsets in the order of that number, `n02119789 kit fox, ...`, which is not
//! the order of their names; so a class, the rank of its synset's name, is not the number less 1.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::data::files;
use crate::error::{Error, Result};

const TRUTH: &str = "ILSVRC2012_validation_ground_truth.txt";
const LIST: &str = "synsets.txt";
/// Where they are in a data folder: in it, or where the development kit has the ground truth.
const FOLDERS: [&str; 3] = ["", "ILSVRC2012_devkit_t12/data", "val"];

/// The classes of validation pictures.
#[derive(Debug)]
pub(super) struct Truth {
    list: PathBuf,
    /// In the order of ILSVRC2012_ID.
    synsets: Vec<String>,
    truth: PathBuf,
    /// Of each picture, the place of its class in `synsets`.
    ids: Vec<u16>,
}

impl Truth {
    /// What to say where there is none.
    pub const MISSING: &str = "nothing tells the class of this picture: put those of a class into a folder of its name, or into \
                               the data folder ILSVRC2012_validation_ground_truth.txt and synsets.txt (data/README.md)";

    /// The ground truth in a data folder, if there is one.
    ///
    /// # Errors
    /// A ground truth without the list of synsets; a file that cannot be read or is damaged.
    pub fn find(dir: &Path) -> Result<Option<Truth>> {
        let find = |name: &str| FOLDERS.iter().map(|folder| dir.join(folder).join(name)).find(|path| path.is_file());
        let Some(truth) = find(TRUTH) else { return Ok(None) };
        let Some(list) = find(LIST) else {
            let message = format!("the list of synsets in the order of this file's numbers is missing: {LIST}");
            return Err(Error::format(truth, format!("{message} (data/README.md)")));
        };
        let synsets = synsets(&list)?;
        let ids = ids(&truth, synsets.len())?;
        Ok(Some(Truth { list, synsets, truth, ids }))
    }

    /// The names of all classes.
    pub fn synsets(&self) -> impl Iterator<Item = &str> {
        self.synsets.iter().map(String::as_str)
    }

    /// The file that lists them.
    pub fn list(&self) -> &Path {
        &self.list
    }

    /// The class of the picture `name`, by the number that its name ends in: `ILSVRC2012_val_00000293.JPEG`.
    ///
    /// # Errors
    /// A name without a number; a number beyond the ground truth.
    pub fn synset(&self, name: &OsStr) -> std::result::Result<&str, String> {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        let digits = stem.len() - stem.bytes().rev().take_while(u8::is_ascii_digit).count();
        let count = self.ids.len();
        let id = stem[digits..].parse::<usize>().ok().and_then(|number| self.ids.get(number.checked_sub(1)?));
        let id = id.ok_or_else(|| {
            let truth = self.truth.display();
            format!("its name ends in no number from 1 to {count}, and {truth} has as many lines")
        })?;
        Ok(&self.synsets[usize::from(*id)])
    }
}

/// The first words of the lines of a file.
fn words(path: &Path) -> Result<Vec<String>> {
    let text = files::read_bounded(fs::File::open(path).map_err(|e| Error::io(path, e))?, path, 0)?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(|line| line.split_whitespace().next().unwrap_or_default().to_owned()).collect())
}

fn synsets(path: &Path) -> Result<Vec<String>> {
    let synsets = words(path)?;
    let mut sorted = synsets.clone();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|two| two[0] == two[1]) {
        return Err(Error::format(path, format!("{} is there twice", twice[0])));
    }
    if synsets.len() > usize::from(u16::MAX) {
        return Err(Error::format(path, format!("{} synsets are more than this program counts", synsets.len())));
    }
    if sorted == synsets && synsets.len() == 1000 {
        log::warn!(
            "{}: the synsets are in the order of their names; that of ILSVRC2012_ID, which the ground truth counts, is another",
            path.display()
        );
    }
    Ok(synsets)
}

fn ids(path: &Path, synsets: usize) -> Result<Vec<u16>> {
    let id = |(line, word): (usize, &String)| match word.parse::<u16>() {
        Ok(id) if id >= 1 && usize::from(id) <= synsets => Ok(id - 1),
        _ => {
            let message =
                format!("line {}: \"{word}\" is no number from 1 to {synsets}, of which there are synsets", line + 1);
            Err(Error::format(path, message))
        }
    };
    words(path)?.iter().enumerate().map(id).collect()
}
