//! Preprocessed images on disk, and the whitening that made them, under a name derived from all that determines them.
//!
//! A file is the key (32 bytes), two lists of rows of one length (the training images and the test images, f32; or the mean and
//! the rows of the whitening matrix, f64; byte order of the machine, which is part of the key) and the SHA-256 of all that. It is written beside its name and renamed, so that a name always stands for a
//! whole file; what is damaged nevertheless is noticed by the checksum and computed again. The images rather than the
//! whitening matrix are kept because the product with the matrix is most of the work.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytemuck::Pod;
use sha2::{Digest, Sha256};

use super::files::hex;
use super::source::{Records, Source};
use crate::error::{Error, Result};
use crate::files;

/// Bytes moved and hashed at a time: small enough to be still in the processor's cache for the second of the two.
const STRIDE: usize = 1 << 20;

/// Identifies what a file holds.
pub(super) type Key = [u8; 32];

/// The file for `key` of the data set `set`: of its `images` or its `whitening`.
pub(super) fn path(dir: &Path, set: &str, key: &Key, what: &str) -> PathBuf {
    dir.join(format!("{set}-{}.{what}", &hex(key)[..16]))
}

/// The rows of `features` values, so `many` in either list, that were stored in `path` under `key`: left there if they are to be
/// `streamed`, else in memory; `None` if there is no such file.
///
/// # Errors
/// Unreadable, truncated, damaged or of another key.
pub(super) fn read<T: Pod + Send + Sync>(
    path: &Path,
    key: &Key,
    features: usize,
    many: [usize; 2],
    streamed: bool,
) -> io::Result<Option<[Source<T>; 2]>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let invalid = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let lengths = many.map(|count| size_of::<T>() * features * count);
    if file.metadata()?.len() != (32 + lengths[0] + lengths[1] + 32) as u64 {
        return invalid("its length is not what it should hold");
    }
    let mut stored = [0; 32];
    file.read_exact(&mut stored)?;
    if stored != *key {
        return invalid("it was made of other images");
    }
    let mut digest = Sha256::new_with_prefix(stored);
    let mut images = [vec![], vec![]];
    for (array, length) in images.iter_mut().zip(lengths) {
        array.resize(if streamed { STRIDE.min(length) } else { length } / size_of::<T>(), T::zeroed());
        let bytes = bytemuck::cast_slice_mut::<T, u8>(array);
        for first in (0..length).step_by(STRIDE) {
            let at = if streamed { 0 } else { first };
            let part = &mut bytes[at..at + STRIDE.min(length - first)];
            file.read_exact(part)?;
            digest.update(part);
        }
    }
    let mut checksum = [0; 32];
    file.read_exact(&mut checksum)?;
    if checksum[..] != digest.finalize()[..] {
        return invalid("its checksum does not fit");
    }
    if !streamed {
        return Ok(Some(images.map(|images| Source::memory(features, images))));
    }
    let records = Records::new(path, file, [32, size_of::<T>() * features], many[0] + many[1]);
    let all = Source::files(features, vec![records]);
    Ok(Some([all.slice(0..many[0]), all.slice(many[0]..many[0] + many[1])]))
}

/// Stores in `path` under `key`, all or nothing, the rows that `give` hands to its argument part by part, the first list first. Several processes may be at it at once: the last one wins.
///
/// # Errors
/// Whatever the file system says, e.g. that it is full or read-only, and whatever `give` returns; nothing is left behind.
pub(super) fn write<T: Pod>(
    path: &Path,
    key: &Key,
    give: impl FnOnce(&mut dyn FnMut(&[T]) -> Result<()>) -> Result<()>,
) -> Result<()> {
    let folder = path.parent().expect("the path has a folder");
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    files::replace(path, |file| {
        let mut digest = Sha256::new_with_prefix(key);
        file.write_all(key)?;
        give(&mut |rows| {
            for part in bytemuck::cast_slice::<T, u8>(rows).chunks(STRIDE) {
                digest.update(part);
                file.write_all(part).map_err(|e| Error::io(path, e))?;
            }
            Ok(())
        })
        .map_err(io::Error::other)?;
        file.write_all(&digest.finalize())
    })
}
