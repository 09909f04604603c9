//! MATLAB's files of version 5 (`save -v6`, `-v7`, scipy's `savemat`): real numeric arrays by name, each plain or compressed.
//!
//! A header of 128 bytes, then elements: type and length as u32, then the content, up to a multiple of eight except after a
//! compressed one. Up to four bytes may stand in the tag itself. A matrix is an element that holds four: flags, dimensions,
//! name, numbers.

use std::fs::File;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::files::{LARGEST, read_bounded};
use crate::error::{Error, Result};

const HEADER: usize = 128;
/// Types of elements.
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// The classes of numbers, from 6 on.
const CLASSES: [&str; 10] =
    ["double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"];

/// A numeric array. Its numbers need not be of the type that it had in MATLAB: whole ones are stored as small as they fit.
pub(crate) struct Array {
    /// The type that it had in MATLAB: `uint8`, `single`, ...
    pub class: &'static str,
    /// Rows, columns, ... The first is innermost.
    pub dims: Vec<usize>,
    /// Type of the stored numbers.
    kind: u32,
    bytes: Vec<u8>,
}

impl Array {
    /// The numbers, the first dimension innermost.
    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        let number: fn(&[u8]) -> f64 = match self.kind {
            1 => |b| f64::from(b[0] as i8),
            2 => |b| f64::from(b[0]),
            3 => |b| f64::from(i16::from_le_bytes([b[0], b[1]])),
            4 => |b| f64::from(u16::from_le_bytes([b[0], b[1]])),
            5 => |b| f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            6 => |b| f64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            7 => |b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            _ => |b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        };
        self.bytes.chunks_exact(size(self.kind).unwrap_or(1)).map(number)
    }

    /// The numbers as bytes.
    ///
    /// # Errors
    /// The first number that is no whole one from 0 to 255.
    pub fn into_bytes(self) -> std::result::Result<Vec<u8>, String> {
        if self.kind == 2 {
            return Ok(self.bytes);
        }
        let byte = |(at, v): (usize, f64)| {
            let whole = (0.0..=255.0).contains(&v) && v.fract() == 0.0;
            if whole { Ok(v as u8) } else { Err(format!("element {at} is {v}, not a whole number from 0 to 255")) }
        };
        self.numbers().enumerate().map(byte).collect()
    }
}

/// Bytes of a number of a type; none for what is no number.
fn size(kind: u32) -> Option<usize> {
    Some(match kind {
        1 | 2 => 1,
        3 | 4 => 2,
        5..=7 => 4,
        9 => 8,
        _ => return None,
    })
}

/// The arrays called `names` in `bytes`, the content of `path`; others are passed over.
///
/// # Errors
/// A file of another kind or version; one that is cut or damaged; an array that is missing, or not real and numeric.
pub(super) fn read<const N: usize>(bytes: &[u8], names: [&str; N], path: &Path) -> Result<[Array; N]> {
    let mut found = [const { None }; N];
    each(bytes, path, |name, array| {
        if let Some(at) = names.iter().position(|n| n.as_bytes() == name) {
            found[at] = Some(array.ok_or_else(|| unreal(name, path))?);
        }
        Ok(())
    })?;
    if let Some(missing) = names.iter().zip(&found).find(|(_, array)| array.is_none()) {
        return Err(Error::format(path, format!("there is no array `{}` in it", missing.0)));
    }
    Ok(found.map(|array| array.expect("all were found")))
}

/// All arrays of the file `path` with their names, in its order.
///
/// # Errors
/// As [`read`]; anything else in the file than numeric arrays; more than 256 MiB of them.
pub(crate) fn load(path: &Path) -> Result<Vec<(String, Array)>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let (mut all, mut held) = (vec![], 0);
    each(&read_bounded(file, path, 0)?, path, |name, array| {
        let array = array.ok_or_else(|| unreal(name, path))?;
        held += array.bytes.len() as u64;
        if held > LARGEST {
            return Err(Error::format(path, format!("its arrays take more than {LARGEST} bytes")));
        }
        all.push((String::from_utf8_lossy(name).into_owned(), array));
        Ok(())
    })?;
    Ok(all)
}

fn unreal(name: &[u8], path: &Path) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::format(path, format!("`{name}` is no array of real numbers that its dimensions say"))
}

/// Hands on name and content of each array in `bytes`, the content of `path`; none of one that is not real and numeric.
fn each(bytes: &[u8], path: &Path, mut take: impl FnMut(&[u8], Option<Array>) -> Result<()>) -> Result<()> {
    let bad = |message: &str| Error::format(path, message);
    let head = bytes.get(..HEADER).ok_or_else(|| bad("shorter than the header of a MATLAB file: it is truncated"))?;
    match (&head[124..126], &head[126..]) {
        ([0, 1], b"IM") => {}
        ([0, 2], b"IM") => return Err(bad("a MATLAB file of version 7.3: save it with -v7")),
        (_, b"MI") => return Err(bad("a MATLAB file of a big-endian machine: save it again on this one")),
        _ => return Err(bad("this is no MATLAB file")),
    }
    let mut rest = &bytes[HEADER..];
    while !rest.is_empty() {
        let cut = || bad("the file is truncated or damaged");
        let (kind, content, after) = element(rest).ok_or_else(cut)?;
        let unpacked;
        let content = match kind {
            MATRIX => content,
            COMPRESSED => {
                unpacked = read_bounded(ZlibDecoder::new(content), path, 4 * content.len())?;
                let Some((MATRIX, content, _)) = element(&unpacked) else { return Err(cut()) };
                content
            }
            _ => return Err(cut()),
        };
        let (name, array) = matrix(content).ok_or_else(cut)?;
        take(name, array)?;
        rest = after;
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Type and content of the first element, and what follows.
fn element(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let tag = word(bytes, 0)?;
    if tag >> 16 != 0 {
        let content = bytes.get(4..4 + (tag >> 16) as usize).filter(|c| c.len() <= 4)?;
        return Some((tag & 0xffff, content, bytes.get(8..)?));
    }
    let length = word(bytes, 4)? as usize;
    let content = bytes.get(8..)?.get(..length)?;
    let end = 8 + if tag == COMPRESSED { length } else { length.next_multiple_of(8) };
    // A writer may leave out the last padding.
    Some((tag, content, bytes.get(end..).unwrap_or_default()))
}

/// Name and array of a matrix; no array if it is none of real numbers.
fn matrix(bytes: &[u8]) -> Option<(&[u8], Option<Array>)> {
    let (_, flags, rest) = element(bytes)?;
    let (_, dims, rest) = element(rest)?;
    let (_, name, rest) = element(rest)?;
    let flags = word(flags, 0)?;
    let dims: Option<Vec<usize>> =
        dims.chunks_exact(4).map(|d| usize::try_from(i32::from_le_bytes(d.try_into().ok()?)).ok()).collect();
    let dims = dims?;
    let class = (flags as usize & 0xff).checked_sub(6).and_then(|class| CLASSES.get(class));
    // A bit says that imaginary parts follow.
    let Some(class) = class.filter(|_| flags >> 11 & 1 == 0) else {
        return Some((name, None));
    };
    let (kind, content, _) = element(rest)?;
    let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let fits = size(kind).is_some_and(|size| count.and_then(|n| n.checked_mul(size)) == Some(content.len()));
    Some((name, fits.then(|| Array { class, dims, kind, bytes: content.to_vec() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(kind: u32, content: &[u8]) -> Vec<u8> {
        let mut out = [kind.to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
        out.extend(content);
        out.resize(out.len().next_multiple_of(8), 0);
        out
    }

    fn file(class: u32, dims: &[i32], kind: u32, numbers: &[u8]) -> Vec<u8> {
        let mut out = vec![b' '; 124];
        out.extend([0, 1, b'I', b'M']);
        let dims: Vec<u8> = dims.iter().flat_map(|d| d.to_le_bytes()).collect();
        // A name of one letter stands in its tag.
        let name = [1, 0, 1, 0, b'y', 0, 0, 0].to_vec();
        let flags = [class.to_le_bytes(), [0; 4]].concat();
        let content = [tagged(6, &flags), tagged(5, &dims), name, tagged(kind, numbers)].concat();
        out.extend(tagged(MATRIX, &content));
        out
    }

    fn bytes(file: &[u8]) -> std::result::Result<Vec<u8>, String> {
        let [y] = read(file, ["y"], Path::new("f.mat")).map_err(|e| e.to_string())?;
        y.into_bytes()
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        let numbers: [(u32, Vec<u8>); 8] = [
            (1, vec![7, 0, 9]),
            (2, vec![7, 0, 9]),
            (3, [7i16, 0, 9].map(i16::to_le_bytes).concat()),
            (4, [7u16, 0, 9].map(u16::to_le_bytes).concat()),
            (5, [7i32, 0, 9].map(i32::to_le_bytes).concat()),
            (6, [7u32, 0, 9].map(u32::to_le_bytes).concat()),
            (7, [7f32, 0.0, 9.0].map(f32::to_le_bytes).concat()),
            (9, [7f64, 0.0, 9.0].map(f64::to_le_bytes).concat()),
        ];
        for (kind, numbers) in numbers {
            assert_eq!(bytes(&file(6, &[3, 1], kind, &numbers)), Ok(vec![7, 0, 9]), "type {kind}");
        }
    }

    #[test]
    fn what_is_no_such_file_is_told_what_it_is() {
        let good = file(6, &[3, 1], 2, &[1, 2, 3]);
        let with = |at: usize, b: u8| {
            let mut file = good.clone();
            file[at] = b;
            file
        };
        for (file, words) in [
            (vec![0; 20], "truncated"),
            (vec![0; 200], "no MATLAB file"),
            (with(125, 2), "-v7"),
            (with(126, b'M'), "no MATLAB file"),
            (good[..HEADER + 30].to_vec(), "truncated or damaged"),
            (good[..HEADER].to_vec(), "no array `y`"),
            (with(good.len() - 20, b'z'), "no array `y`"),
            (file(6, &[4, 1], 2, &[1, 2, 3]), "real numbers"),
            (file(6, &[-3, 1], 2, &[1, 2, 3]), "truncated or damaged"),
            (file(6, &[i32::MAX, i32::MAX, i32::MAX, i32::MAX], 9, &[0; 8]), "real numbers"),
            (file(4, &[3, 1], 2, &[1, 2, 3]), "real numbers"),
            (file(6 | 1 << 11, &[3, 1], 2, &[1, 2, 3]), "real numbers"),
            (file(6, &[1, 1], 3, &300i16.to_le_bytes()), "element 0 is 300"),
            (file(6, &[1, 1], 9, &0.5f64.to_le_bytes()), "element 0 is 0.5"),
            (file(6, &[1, 1], 9, &f64::NAN.to_le_bytes()), "element 0 is NaN"),
        ] {
            let said = bytes(&file).unwrap_err();
            assert!(said.contains(words), "\"{said}\" does not say \"{words}\"");
        }
    }

    #[test]
    fn a_matrix_that_stands_in_its_tag_is_damage() {
        let mut file = file(6, &[3, 1], 2, &[1, 2, 3]);
        for length in 1..=4 {
            file.truncate(HEADER);
            file.extend([MATRIX as u8, 0, length, 0, 0, 0, 0, 0]);
            assert!(bytes(&file).unwrap_err().contains("truncated or damaged"), "{length} bytes");
        }
    }

    #[test]
    fn damage_anywhere_ends_in_no_panic() {
        let good = file(6, &[3, 1], 2, &[1, 2, 3]);
        for at in HEADER..good.len() {
            for value in [0, 1, 14, 15, 127, 255] {
                let mut file = good.clone();
                file[at] = value;
                let _ = bytes(&file);
            }
            let _ = bytes(&good[..at]);
        }
    }
}
