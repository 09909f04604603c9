//! Whether the files of a data set hold, byte for byte, what was published.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::{Member, hex, remedy};
use super::{Origin, default_dir, digits, info};
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

/// Name and SHA-256 of the published files in `folder`, which is where a download puts them.
pub(super) fn files_of(folder: &str) -> Vec<(String, String)> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    published(folder).map(|(path, sum)| (name(path), sum.to_owned())).collect()
}

/// Compares the files of the data set `name` in `dir` (`None`: [`default_dir`]) with the published ones, and returns the
/// files that were compared: those that [`super::open`] opens. What counts is what they hold, whether it is gzipped, or in
/// the python layout of a CIFAR set.
///
/// # Errors
/// An unknown set, or one without published checksums; or one error that names every file that is missing or differs.
pub fn verify(name: &str, dir: Option<&Path>) -> Result<Vec<PathBuf>> {
    let set = info(name)?;
    let members = match (set.members, set.origin) {
        (Some(members), _) => members,
        (None, Origin::Program) => return verify_digits(),
        (None, _) => return Err(Error::Invalid(format!("{name}: its publisher gives no checksums to compare with"))),
    };
    let dir = dir.map_or_else(default_dir, Path::to_path_buf);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for Member { path, published, content } in members(&dir) {
        if !path.is_file() {
            bad.push(format!("{published} is missing"));
            continue;
        }
        match content(&path) {
            Ok(bytes) if sum_of(&published) == Some(&hex(&Sha256::digest(&bytes))) => good.push(path),
            Ok(_) => bad.push(format!("{} differs from the published file", path.display())),
            Err(e) => bad.push(format!("{} differs from the published file ({e})", path.display())),
        }
    }
    if bad.is_empty() {
        return Ok(good);
    }
    Err(Error::format(dir, format!("{}. {}", bad.join("; "), remedy(name))))
}

/// The SHA-256 of the published file `path`.
fn sum_of(path: &str) -> Option<&'static str> {
    SUMS.lines().filter_map(|line| line.split_once("  ")).find(|(_, listed)| *listed == path).map(|(sum, _)| sum)
}

/// The embedded set against its own line of the list.
fn verify_digits() -> Result<Vec<PathBuf>> {
    let sum = hex(&Sha256::digest(digits::PACKED));
    match sum_of(digits::PACKED_NAME) == Some(&sum) {
        true => Ok(vec![PathBuf::from(digits::PACKED_NAME)]),
        false => Err(Error::format(digits::PACKED_NAME, "the program file is damaged: build or install it again")),
    }
}
