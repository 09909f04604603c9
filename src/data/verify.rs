//! Whether the files of a data set are, byte for byte, the published ones.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::{hex, remedy, sha256};
use super::{default_dir, digits, info};
use crate::error::{Error, Result};

/// Checksums in the form of `sha256sum`; paths are relative to the data folder.
const SUMS: &str = include_str!("../../data/sha256sums");

/// Path and SHA-256 of the published files in `folder`.
pub(super) fn published(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    SUMS.lines()
        .filter_map(|line| line.split_once("  "))
        .filter(move |(_, path)| Path::new(path).parent() == Some(Path::new(folder)))
        .map(|(sum, path)| (path, sum))
}

/// Compares the files of the data set `name` in `dir` (`None`: [`default_dir`]) with their published checksums and
/// returns the files that were compared. `dir` is the folder with the files, or its parent. Of CIFAR-10 this is the
/// binary layout; a file of MNIST counts whether it is plain or gzipped.
///
/// # Errors
/// An unknown set; or one error that names every file that is missing or differs.
pub fn verify(name: &str, dir: Option<&Path>) -> Result<Vec<PathBuf>> {
    let folder = match info(name)?.name {
        "digits" => return verify_digits(),
        "cifar10" => "cifar-10-batches-bin",
        other => other,
    };
    let dir = dir.map_or_else(default_dir, Path::to_path_buf);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (path, sum) in published(folder).filter(|(path, _)| !path.ends_with(".gz")) {
        let packed = format!("{path}.gz");
        let packed_sum = published(folder).find(|(path, _)| *path == packed).map(|(_, sum)| sum);
        let forms = [Some((path, sum)), packed_sum.map(|sum| (&packed[..], sum))];
        let found = forms.into_iter().flatten().find_map(|(path, sum)| {
            let name = Path::new(path).file_name().expect("each path in the list names a file");
            let file = [dir.join(path), dir.join(name)].into_iter().find(|file| file.is_file())?;
            Some((file, sum))
        });
        match found {
            None => bad.push(format!("{path} is missing")),
            Some((file, sum)) if sha256(&file)? == sum => good.push(file),
            Some((file, _)) => bad.push(format!("{} differs from the published file", file.display())),
        }
    }
    if bad.is_empty() {
        return Ok(good);
    }
    Err(Error::format(dir, format!("{}. {}", bad.join("; "), remedy(name))))
}

/// The embedded set against its own line of the list.
fn verify_digits() -> Result<Vec<PathBuf>> {
    let sum = hex(&Sha256::digest(digits::PACKED));
    match published("").any(|line| line == (digits::PACKED_NAME, sum.as_str())) {
        true => Ok(vec![PathBuf::from(digits::PACKED_NAME)]),
        false => Err(Error::format(digits::PACKED_NAME, "the program file is damaged: build or install it again")),
    }
}
