//! What all readers share: whole files with one clear error each, and digests.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// No file of a known data set comes near this size; a larger one, or one that unpacks to more, is not read.
const LARGEST: u64 = 1 << 28;

/// What to do about a missing or damaged file of the data set `set`.
pub(super) fn remedy(set: &str) -> String {
    format!("Get the set with `weightproof data fetch {set}`, or name the folder that holds it with --data DIR")
}

/// The content of the file `path` of the data set `set`.
pub(super) fn read(path: &Path, set: &str) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::format(path, format!("the file is missing. {}", remedy(set))),
        _ => Error::io(path, e),
    })?;
    let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
    read_bounded(file, path, size.min(LARGEST) as usize)
}

/// All that `source` (the content of `path`) has to give, with room for `expected` bytes from the start.
pub(super) fn read_bounded(source: impl Read, path: &Path, expected: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(expected);
    source.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| match e.kind() {
        // What flate2 says about a damaged or cut stream.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            Error::format(path, format!("the compressed file is damaged or truncated ({e})"))
        }
        _ => Error::io(path, e),
    })?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::format(path, format!("more than {LARGEST} bytes: this is no file of a known data set")));
    }
    Ok(bytes)
}

/// `bytes` in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
        text
    })
}

/// The SHA-256 of the file `path`, in hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    let (mut digest, mut block) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block).map_err(|e| Error::io(path, e))? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&block[..n]),
        }
    }
}
