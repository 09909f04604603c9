//! Preprocessed images on disk, under a name derived from all that determines them.
//!
//! A file is the key (32 bytes), the training images, the test images (f32, byte order of the machine, which is part of
//! the key) and the SHA-256 of all that. It is written beside its name and renamed, so that a name always stands for a
//! whole file; what is damaged nevertheless is noticed by the checksum and computed again. The images rather than the
//! whitening matrix are kept because the product with the matrix is most of the work.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::hex;
use crate::error::{Error, Result};
use crate::files;

/// Bytes moved and hashed at a time: small enough to be still in the processor's cache for the second of the two.
const STRIDE: usize = 1 << 20;

/// Identifies what a file holds.
pub(super) type Key = [u8; 32];

/// The file for `key` of the data set `set`.
pub(super) fn path(dir: &Path, set: &str, key: &Key) -> PathBuf {
    dir.join(format!("{set}-{}.images", &hex(key)[..16]))
}

/// The two arrays, `lengths` values long, that were stored in `path` under `key`; `None` if there is no such file.
///
/// # Errors
/// Unreadable, truncated, damaged or of another key.
pub(super) fn read(path: &Path, key: &Key, lengths: [usize; 2]) -> io::Result<Option<[Vec<f32>; 2]>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let invalid = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let expected = 32 + 4 * lengths.iter().sum::<usize>() as u64 + 32;
    if file.metadata()?.len() != expected {
        return invalid("its length is not what its images need");
    }
    let mut stored = [0; 32];
    file.read_exact(&mut stored)?;
    if stored != *key {
        return invalid("it holds other images");
    }
    let mut digest = Sha256::new_with_prefix(stored);
    let mut arrays = lengths.map(|n| vec![0f32; n]);
    for array in &mut arrays {
        for part in bytemuck::cast_slice_mut::<f32, u8>(array).chunks_mut(STRIDE) {
            file.read_exact(part)?;
            digest.update(part);
        }
    }
    let mut checksum = [0; 32];
    file.read_exact(&mut checksum)?;
    if checksum[..] != digest.finalize()[..] {
        return invalid("its checksum does not fit");
    }
    Ok(Some(arrays))
}

/// Stores `arrays` in `path` under `key`, all or nothing. Several processes may be at it at once: the last one wins.
///
/// # Errors
/// Whatever the file system says, e.g. that it is full or read-only; nothing is left behind.
pub(super) fn write(path: &Path, key: &Key, arrays: [&[f32]; 2]) -> Result<()> {
    let folder = path.parent().expect("the path has a folder");
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    files::replace(path, |file| write_to(file, key, arrays))
}

fn write_to(file: &mut dyn Write, key: &Key, arrays: [&[f32]; 2]) -> io::Result<()> {
    let mut digest = Sha256::new_with_prefix(key);
    file.write_all(key)?;
    for array in arrays {
        for part in bytemuck::cast_slice::<f32, u8>(array).chunks(STRIDE) {
            digest.update(part);
            file.write_all(part)?;
        }
    }
    file.write_all(&digest.finalize())
}
