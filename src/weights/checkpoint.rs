//! Checkpoints: safetensors files that carry a whole training state.
//!
//! The tensors are f32 and stand as PyTorch has them (see [`layout`](super::layout)), so that any reader of safetensors can use the
//! weights; a file for deployment has weights as bits instead (see [`packed`](super::packed)), and no state of the optimiser. The metadata holds the rest as strings (see [`key`]), with a format version and a SHA-256 over everything else. A file
//! is written beside the old one and renamed, so that there is always a whole one.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use safetensors::{Dtype, tensor::Metadata};
use sha2::{Digest, Sha256};

use super::packed::{Form, Packed};
use crate::error::{Error, Result};
use crate::files;

/// Version of the format of a file with packed weights, the newest. [`load`] reads this and older ones.
pub const VERSION: u32 = 2;
/// Version of the format of a file without.
const UNPACKED: u32 = 1;
/// Metadata key of the forms of packed tensors, as JSON by name.
const PACKED: &str = "packed";
/// Ends of the names of the two tensors that a packed one becomes in a file.
const SCALE: &str = ".scale";
const ROWS: &str = ".bits";
/// Metadata key of the format version: what makes a safetensors file a checkpoint.
const FORMAT: &str = "weightproof_checkpoint";
/// Metadata key of the checksum.
const CHECKSUM: &str = "sha256";
/// The safetensors key of the metadata itself, hence no name of a tensor.
const METADATA: &str = "__metadata__";
/// Longest header that readers of safetensors accept.
const MOST_HEADER: u64 = 100_000_000;

/// Keys of the metadata of a training run.
pub mod key {
    /// The resolved preset as TOML.
    pub const PRESET: &str = "preset";
    /// Steps done.
    pub const STEP: &str = "step";
    /// Epochs done.
    pub const EPOCH: &str = "epoch";
    /// Images of the current epoch that have been used.
    pub const POSITION: &str = "position";
    /// The seed.
    pub const SEED: &str = "seed";
    /// Variant and knobs of each kernel.
    pub const VARIANTS: &str = "variants";
    /// Error on the validation images, per cent; in the file of the best weights.
    pub const VALIDATION: &str = "validation_error";
    /// Adapter and driver.
    pub const ADAPTER: &str = "adapter";
    /// Rows, columns and channels of the images: `28x28x1`. Old checkpoints have none.
    pub const INPUT: &str = "input";
    /// Names of the classes, as a JSON array; in packed files.
    pub const CLASSES: &str = "classes";
    /// The projection that weights were packed under; in packed files.
    pub const PROJECTION: &str = "projection";
}

/// Path of the checkpoint of the run in `dir`.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("checkpoint.safetensors")
}

/// Path of the best weights by validation error of the run in `dir`, if it holds images out.
pub fn best(dir: &Path) -> PathBuf {
    dir.join("best.safetensors")
}

/// A named array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// Dimensions, as in PyTorch.
    pub shape: Vec<usize>,
    /// Elements, the last dimension innermost.
    pub data: Vec<f32>,
}

/// The content of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Weights, gamma and beta of batch norm, optimiser state. Moments are among them in a packed file and of an imported
    /// network only: else each evaluation computes its own.
    pub tensors: BTreeMap<String, Stored>,
    /// Those of `tensors` that the file holds as bits, by name.
    pub packed: BTreeMap<String, Packed>,
    /// The rest (see [`key`]); format version and checksum are not among them.
    pub meta: BTreeMap<String, String>,
}

impl Checkpoint {
    /// The metadata string `key`.
    ///
    /// # Errors
    /// There is none.
    pub fn text(&self, key: &str) -> Result<&str> {
        let missing = || Error::Invalid(format!("the checkpoint has no `{key}`: it is not one of a training run"));
        self.meta.get(key).map(String::as_str).ok_or_else(missing)
    }

    /// The metadata string `key` as a number.
    ///
    /// # Errors
    /// There is none, or it is no number.
    pub fn number<T: FromStr>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        text.parse().map_err(|_| Error::Invalid(format!("`{key}` of the checkpoint is \"{text}\", not a number")))
    }

    /// Rows, columns and channels of the images that it was trained on, if it says.
    ///
    /// # Errors
    /// It says something else.
    pub fn input(&self) -> Result<Option<[usize; 3]>> {
        let Some(text) = self.meta.get(key::INPUT) else { return Ok(None) };
        let sides: Option<Vec<usize>> = text.split('x').map(|n| n.parse().ok()).collect();
        let wrong =
            || Error::Invalid(format!("`{}` of the checkpoint is \"{text}\", not ROWSxCOLUMNSxCHANNELS", key::INPUT));
        sides.and_then(|sides| sides.try_into().ok()).map(Some).ok_or_else(wrong)
    }

    /// What stands in the file, in its order: behind each other all f32 tensors, then bytes.
    fn entries(&self) -> Vec<Entry<'_>> {
        let f32s = self.tensors.iter().filter(|(name, _)| !self.packed.contains_key(*name));
        let mut all: Vec<Entry> = f32s
            .map(|(name, t)| Entry { name: name.clone(), shape: t.shape.clone(), data: Data::F32(&t.data) })
            .collect();
        for (name, p) in &self.packed {
            let (name, shape) = (format!("{name}{SCALE}"), vec![p.scale.len()]);
            all.push(Entry { name, shape, data: Data::F32(&p.scale) });
        }
        for (name, p) in &self.packed {
            let row = p.form.row().unwrap_or(0);
            let shape = vec![p.rows.len() / row.max(1), row];
            all.push(Entry { name: format!("{name}{ROWS}"), shape, data: Data::U8(&p.rows) });
        }
        all
    }

    /// The metadata in the file without version and checksum.
    fn metadata(&self) -> BTreeMap<String, String> {
        let mut meta = self.meta.clone();
        if !self.packed.is_empty() {
            let forms: BTreeMap<&String, &Form> = self.packed.iter().map(|(name, p)| (name, &p.form)).collect();
            meta.insert(PACKED.into(), serde_json::json!(forms).to_string());
        }
        meta
    }

    fn version(&self) -> u32 {
        if self.packed.is_empty() { UNPACKED } else { VERSION }
    }

    /// SHA-256 over the metadata and the tensors, every part preceded by its length.
    fn checksum(&self, version: u32) -> String {
        let mut hash = Sha256::new();
        let count = |hash: &mut Sha256, n: usize| hash.update((n as u64).to_le_bytes());
        let text = |hash: &mut Sha256, s: &str| {
            count(hash, s.len());
            hash.update(s);
        };
        text(&mut hash, &version.to_string());
        let meta = self.metadata();
        count(&mut hash, meta.len());
        for (key, value) in &meta {
            text(&mut hash, key);
            text(&mut hash, value);
        }
        let entries = self.entries();
        count(&mut hash, entries.len());
        for entry in &entries {
            text(&mut hash, &entry.name);
            count(&mut hash, entry.shape.len());
            entry.shape.iter().for_each(|n| count(&mut hash, *n));
            let Ok(()) = entry.data.bytes(|part| {
                hash.update(part);
                Ok::<(), std::convert::Infallible>(())
            });
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The whole header: length, JSON, spaces up to a multiple of eight.
    fn header(&self, path: &Path) -> Result<Vec<u8>> {
        let fail = |message: String| Err(Error::format(path, format!("cannot be written: {message}")));
        let mut meta = serde_json::Map::new();
        meta.insert(FORMAT.into(), self.version().to_string().into());
        for (key, value) in self.metadata() {
            if [FORMAT, CHECKSUM].contains(&key.as_str()) || key == PACKED && self.packed.is_empty() {
                return fail(format!("the metadata key `{key}` is reserved"));
            }
            meta.insert(key, value.into());
        }
        meta.insert(CHECKSUM.into(), self.checksum(self.version()).into());
        let mut header = serde_json::Map::new();
        header.insert(METADATA.into(), meta.into());
        let mut start = 0;
        for Entry { name, shape, data } in self.entries() {
            let (elements, size, dtype) = match data {
                Data::F32(data) => (data.len(), 4 * data.len(), "F32"),
                Data::U8(data) => (data.len(), data.len(), "U8"),
            };
            if shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)) != Some(elements) || name == METADATA {
                return fail(format!("tensor {name} of shape {shape:?} has {elements} elements"));
            }
            let info = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, start + size] });
            if header.insert(name.clone(), info).is_some() {
                return fail(format!("two tensors would be called {name}"));
            }
            start += size;
        }
        let mut json = serde_json::Value::from(header).to_string().into_bytes();
        json.resize(json.len().next_multiple_of(8), b' ');
        if json.len() as u64 > MOST_HEADER {
            return fail(format!("names and metadata take {} bytes, readers accept {MOST_HEADER}", json.len()));
        }
        Ok([&(json.len() as u64).to_le_bytes(), json.as_slice()].concat())
    }
}

/// A tensor of a file.
struct Entry<'a> {
    name: String,
    shape: Vec<usize>,
    data: Data<'a>,
}

enum Data<'a> {
    F32(&'a [f32]),
    U8(&'a [u8]),
}

impl Data<'_> {
    /// Hands on the elements, little-endian, some at a time.
    fn bytes<E>(&self, mut take: impl FnMut(&[u8]) -> std::result::Result<(), E>) -> std::result::Result<(), E> {
        match self {
            Data::F32(data) => data.chunks(CHUNK).try_for_each(|part| {
                let bytes: Vec<u8> = part.iter().flat_map(|x| x.to_le_bytes()).collect();
                take(&bytes)
            }),
            Data::U8(data) => take(data),
        }
    }
}

/// Elements that are converted at a time.
const CHUNK: usize = 1 << 14;

/// Writes `checkpoint` to `path`: whole, or not at all.
///
/// # Errors
/// A full disk or missing folder (what was at `path` stays as it was); a tensor whose shape does not match its data.
pub fn save(path: impl AsRef<Path>, checkpoint: &Checkpoint) -> Result<()> {
    let path = path.as_ref();
    let header = checkpoint.header(path)?;
    files::replace(path, |w: &mut dyn Write| {
        w.write_all(&header)?;
        checkpoint.entries().iter().try_for_each(|entry| entry.data.bytes(|part| w.write_all(part)))
    })
}

/// Reads the checkpoint at `path`.
///
/// # Errors
/// A file that cannot be read; that is truncated, altered, or no safetensors file; a plain file of weights; a checkpoint
/// of a newer format.
pub fn load(path: impl AsRef<Path>) -> Result<Checkpoint> {
    let path = path.as_ref();
    let io = |e| Error::io(path, e);
    let file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    read(&mut BufReader::with_capacity(1 << 20, file), length, path)
}

/// Whether the safetensors file at `path` says that it is a checkpoint: else it is weights from elsewhere.
///
/// # Errors
/// A file that cannot be read, or that is no safetensors file.
pub fn is_one(path: &Path) -> Result<bool> {
    Ok(remarks(path)?.contains_key(FORMAT))
}

/// The bytes of the safetensors file at `path`, with f32 in the place of packed weights.
///
/// # Errors
/// As [`load`], of packed weights; else a file that cannot be read.
pub fn unpacked(path: &Path) -> Result<Vec<u8>> {
    let is_packed = remarks(path).is_ok_and(|remarks| remarks.contains_key(FORMAT) && remarks.contains_key(PACKED));
    if !is_packed {
        return std::fs::read(path).map_err(|e| Error::io(path, e));
    }
    let checkpoint = Checkpoint { packed: BTreeMap::new(), ..load(path)? };
    let mut bytes = checkpoint.header(path)?;
    for entry in checkpoint.entries() {
        let Ok(()) = entry.data.bytes(|part| {
            bytes.extend(part);
            Ok::<(), std::convert::Infallible>(())
        });
    }
    Ok(bytes)
}

/// The metadata of a safetensors file.
fn remarks(path: &Path) -> Result<HashMap<String, String>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let length = file.metadata().map_err(|e| Error::io(path, e))?.len();
    let (metadata, _) = header(&mut BufReader::new(file), length, path)?;
    Ok(metadata.metadata().clone().unwrap_or_default())
}

/// The header of a safetensors file of `length` bytes, and how many bytes it takes. Nothing is allocated that the file
/// has not the bytes for.
fn header(file: &mut impl Read, length: u64, path: &Path) -> Result<(Metadata, u64)> {
    let fail = |message: String| Error::format(path, message);
    let mut word = [0; 8];
    if length < 8 {
        return Err(fail(format!("{length} bytes are no checkpoint; the file is truncated or another kind of file")));
    }
    file.read_exact(&mut word).map_err(|e| unread(e, path))?;
    let header = u64::from_le_bytes(word);
    if header > MOST_HEADER || header > length - 8 {
        return Err(fail(format!(
            "a header of {header} bytes in a file of {length}: the file is truncated, or no safetensors file"
        )));
    }
    let mut json = vec![0; header as usize];
    file.read_exact(&mut json).map_err(|e| unread(e, path))?;
    let metadata: Metadata = serde_json::from_slice(&json).map_err(|e| {
        fail(format!("the header is no safetensors header ({e}); the file is altered or of another kind"))
    })?;
    Ok((metadata, header))
}

/// The error of reading `path`.
fn unread(e: io::Error, path: &Path) -> Error {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => Error::format(path, "the file ends in the middle; use another checkpoint"),
        _ => Error::io(path, e),
    }
}

/// Reads a checkpoint of `length` bytes from anywhere; errors name `path`. Nothing is allocated that the file has not the
/// bytes for.
///
/// # Errors
/// As [`load`].
pub fn read(file: &mut impl Read, length: u64, path: &Path) -> Result<Checkpoint> {
    let fail = |message: String| Error::format(path, message);
    let (metadata, header) = header(file, length, path)?;
    let mut meta: BTreeMap<String, String> = metadata.metadata().clone().unwrap_or_default().into_iter().collect();
    let version = meta.remove(FORMAT).ok_or_else(|| {
        fail("this is a plain file of weights, not a checkpoint: it has no training state; give a file that `train` wrote".into())
    })?;
    let altered = |what: &str| fail(format!("{what}: the file is altered or damaged; use another checkpoint"));
    let version: u32 = version.parse().map_err(|_| altered(&format!("format version \"{version}\"")))?;
    if version > VERSION {
        return Err(fail(format!(
            "checkpoint format {version}, this program reads up to {VERSION}: it was written by a newer one; update"
        )));
    }
    let checksum = meta.remove(CHECKSUM).ok_or_else(|| altered("no checksum"))?;

    let present = length - 8 - header;
    if metadata.data_len() as u64 != present {
        let listed = metadata.data_len();
        let what = if present > listed as u64 { "too long" } else { "truncated" };
        return Err(fail(format!(
            "{present} bytes of tensors, the header lists {listed}: the file is {what} or damaged; use another checkpoint"
        )));
    }
    let forms: BTreeMap<String, Form> = match meta.remove(PACKED).filter(|_| version > UNPACKED) {
        Some(json) => serde_json::from_str(&json).map_err(|e| altered(&format!("the list of packed tensors: {e}")))?,
        None => BTreeMap::new(),
    };
    let mut checkpoint = Checkpoint { tensors: BTreeMap::new(), packed: BTreeMap::new(), meta };
    let mut bytes = BTreeMap::new();
    let mut buffer = vec![0; CHUNK * 4];
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { return Err(altered(&format!("tensor {name}"))) };
        let mut left = info.data_offsets.1 - info.data_offsets.0;
        let of = name.strip_suffix(ROWS).filter(|of| forms.contains_key(*of));
        match (info.dtype, of) {
            (Dtype::F32, None) => {
                let mut data = Vec::with_capacity(left / 4);
                while left > 0 {
                    let part = &mut buffer[..left.min(CHUNK * 4)];
                    file.read_exact(part).map_err(|e| unread(e, path))?;
                    data.extend(part.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)));
                    left -= part.len();
                }
                checkpoint.tensors.insert(name, Stored { shape: info.shape.clone(), data });
            }
            (Dtype::U8, Some(of)) => {
                let mut rows = vec![0; left];
                file.read_exact(&mut rows).map_err(|e| unread(e, path))?;
                bytes.insert(of.to_owned(), rows);
            }
            (dtype, _) => return Err(altered(&format!("tensor {name} has type {dtype:?}"))),
        }
    }
    for (name, form) in forms {
        let scale = checkpoint.tensors.remove(&format!("{name}{SCALE}"));
        let (Some(scale), Some(rows)) = (scale, bytes.remove(&name)) else {
            return Err(altered(&format!("{name}{SCALE} or {name}{ROWS} is missing")));
        };
        checkpoint.packed.insert(name, Packed { form, scale: scale.data, rows });
    }
    if files::differ(checkpoint.checksum(version), checksum) {
        return Err(altered("the checksum does not match"));
    }
    for (name, packed) in &checkpoint.packed {
        if checkpoint.tensors.contains_key(name) {
            return Err(altered(&format!("two tensors {name}")));
        }
        let data =
            packed.unpack().map_err(|e| fail(format!("{name}: {e}; the file is damaged or was not written here")))?;
        checkpoint.tensors.insert(name.clone(), Stored { shape: packed.form.shape.clone(), data });
    }
    Ok(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        read(&mut &*bytes, bytes.len() as u64, Path::new("x.safetensors")).unwrap_err().to_string()
    }

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn a_header_that_claims_more_than_the_file_has_is_refused_before_anything_is_allocated() {
        assert!(refused(&u64::MAX.to_le_bytes()).starts_with("x.safetensors: a header of 18446744073709551615 bytes"));
        let claim = |n: u64, end: u64| {
            format!(
                r#"{{"__metadata__":{{"weightproof_checkpoint":"1","sha256":""}},
                "a":{{"dtype":"F32","shape":[{n}],"data_offsets":[0,{end}]}}}}"#
            )
        };
        assert!(refused(&file(&claim(1 << 40, 1 << 42), &[])).contains("0 bytes of tensors, the header lists"));
        assert!(refused(&file(&claim(u64::MAX, 4), &[0; 4])).contains("header"));
        assert!(refused(&file(&claim(1, 4), &[0; 4])).contains("the checksum does not match"));
    }

    #[test]
    fn foreign_and_future_files_say_what_they_are() {
        assert!(
            refused(&file(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, &[0; 4])).contains("plain file")
        );
        assert!(refused(&file(r#"{"__metadata__":{"weightproof_checkpoint":"3"}}"#, &[])).contains("newer"));
        assert!(refused(&file(r#"{"__metadata__":{"weightproof_checkpoint":"-"}}"#, &[])).contains("altered"));
        assert!(refused(b"PK\x03\x04 is a zip file, not safetensors").contains("no safetensors file"));
        assert!(refused(b"").contains("0 bytes"));
    }
}
