//! What all readers share: whole files with one clear error each, unpacking, and digests.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::{GzDecoder, MultiGzDecoder};
use sha2::{Digest, Sha256};

use super::{Info, Origin, info};
use crate::error::{Error, Result};

/// No file of a known data set that is read whole comes near this size; a larger one, or one that unpacks to more, is not.
pub(super) const LARGEST: u64 = 1 << 28;

/// What to do about a missing or damaged file of the data set `set`.
pub(super) fn remedy(set: &str) -> String {
    if let Ok(Info { origin: Origin::Login(how), .. }) = info(set) {
        return format!("To get the set, {how}; or name the folder that holds it with --data DIR");
    }
    format!("Get the set with `weightproof data fetch {set}`, or name the folder that holds it with --data DIR")
}

/// The file `path` of the data set `set`, and how many bytes it has.
pub(super) fn open(path: &Path, set: &str) -> Result<(File, u64)> {
    let file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::format(path, format!("the file is missing. {}", remedy(set))),
        _ => Error::io(path, e),
    })?;
    let size = file.metadata().map_err(|e| Error::io(path, e))?.len();
    Ok((file, size))
}

/// The content of the file `path` of the data set `set`.
pub(super) fn read(path: &Path, set: &str) -> Result<Vec<u8>> {
    let (file, size) = open(path, set)?;
    read_bounded(file, path, size.min(LARGEST) as usize)
}

/// All that `source` (the content of `path`) has to give, with room for `expected` bytes from the start.
pub(super) fn read_bounded(source: impl Read, path: &Path, expected: usize) -> Result<Vec<u8>> {
    read_at_most(source, path, expected, LARGEST)
}

/// As [`read_bounded`], for a file of up to `most` bytes.
pub(super) fn read_at_most(source: impl Read, path: &Path, expected: usize, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(expected);
    source.take(most + 1).read_to_end(&mut bytes).map_err(|e| match e.kind() {
        // What flate2 says about a damaged or cut stream.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            Error::format(path, format!("the compressed file is damaged or truncated ({e})"))
        }
        _ => Error::io(path, e),
    })?;
    if bytes.len() as u64 > most {
        return Err(too_large(path, most));
    }
    Ok(bytes)
}

fn too_large(path: &Path, most: u64) -> Error {
    Error::format(path, format!("more than {most} bytes: this is no file of a known data set"))
}

/// What the gzip file `bytes`, the content of `path`, unpacks to: all of its members, one after the other, as gzip itself
/// does. Zeros after the last one are padding.
pub(super) fn gunzip(bytes: &[u8], path: &Path) -> Result<Vec<u8>> {
    let (mut rest, mut out) = (bytes, vec![]);
    loop {
        let room = LARGEST.saturating_sub(out.len() as u64);
        let mut member = GzDecoder::new(rest);
        out.append(&mut read_bounded((&mut member).take(room + 1), path, rest.len())?);
        if out.len() as u64 > LARGEST {
            return Err(too_large(path, LARGEST));
        }
        rest = member.into_inner();
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(out);
        }
        if !rest.starts_with(&[0x1f, 0x8b]) {
            let message = format!("the file is too long: {} bytes follow the end of what is compressed", rest.len());
            return Err(Error::format(path, message));
        }
    }
}

/// Whether a file is gzipped, by its name.
pub(super) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "gz")
}

/// The first `count` bytes of the file `path`, unpacked if it is gzipped; fewer, if it has no more.
pub(super) fn head(path: &Path, count: usize) -> Result<Vec<u8>> {
    let file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    let count = count as u64;
    match is_gzip(path) {
        true => read_bounded(MultiGzDecoder::new(file).take(count), path, 0),
        false => read_bounded(file.take(count), path, 0),
    }
}

/// See [`Member::content`].
pub(super) type Content = Box<dyn Fn(&Path) -> Result<Vec<u8>>>;

/// A file of a data set.
pub(super) struct Member {
    /// Where it is, or where it should be.
    pub path: PathBuf,
    /// Its line in the list of checksums.
    pub published: String,
    /// Reads `path` as the bytes of the published file, in whatever form it is.
    pub content: Content,
}

/// `bytes` in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all that is written");
        text
    })
}

/// The SHA-256 of the file `path`, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    let (mut digest, mut block) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block).map_err(|e| Error::io(path, e))? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&block[..n]),
        }
    }
}

/// Fills `out` with what the file has from byte `at` on. Several threads may do so at once.
#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, out: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, at)
}

#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, mut out: &mut [u8], mut at: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => (out, at) = (&mut out[n..], at + n as u64),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
