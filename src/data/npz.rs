//! NumPy's archives (`np.savez`, `np.savez_compressed`): a zip file with an array in each entry `NAME.npy`.
//!
//! A zip file is its entries one after the other, each a header, a name and the content, plain or deflated, and then a table of
//! them, which is not needed: NumPy writes the lengths into the headers, those beyond 32 bits behind the name.
//!
//! An array is the bytes `\x93NUMPY`, the version, the length of a header as u16 or, from version 2 on, u32, the header as
//! the text of a Python dictionary, `{'descr': '|u1', 'fortran_order': False, 'shape': (3, 4), }`, and the numbers.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use flate2::CrcReader;
use flate2::read::DeflateDecoder;

use crate::files;

/// Entries of an archive, at most: those of data sets have three.
const MOST_ENTRIES: usize = 64;
/// Longest header of an array that is read: that of an array of numbers takes 128 bytes.
const MOST_HEADER: usize = 1 << 12;

type Parsed<T> = Result<T, String>;

/// An open archive.
pub(super) struct Npz {
    file: BufReader<File>,
    entries: Vec<Entry>,
}

struct Entry {
    name: Vec<u8>,
    deflated: bool,
    crc: u32,
    /// Where its content begins, and its bytes in the file and unpacked.
    at: u64,
    packed: u64,
    size: u64,
}

/// What is known of an array before its numbers are read.
pub(super) struct Header {
    /// Type of its numbers, e.g. `<i8`: order of bytes, kind, bytes.
    pub descr: String,
    /// Dimensions, the last innermost.
    pub shape: Vec<usize>,
    /// Where in the file the first number is, unless they are compressed.
    pub at: Option<u64>,
}

impl Npz {
    /// The archive in `file`, which has `length` bytes.
    ///
    /// # Errors
    /// Here as below in words, without the path, which the caller knows.
    pub fn new(file: File, length: u64) -> Parsed<Self> {
        let (mut file, mut entries, mut at) = (BufReader::new(file), vec![], 0);
        while let Some(entry) = entry(&mut file, at)? {
            at = entry.at.checked_add(entry.packed).filter(|end| *end <= length).ok_or_else(cut)?;
            entries.push(entry);
            if entries.len() > MOST_ENTRIES {
                return Err(format!("it has more than {MOST_ENTRIES} entries: this is no file of a known data set"));
            }
        }
        Ok(Npz { file, entries })
    }

    /// The header of the array `name`, and its numbers if it has no more than `most` bytes of them and `wants` them.
    ///
    /// # Errors
    /// No such array; one in a column-major order; a damaged entry; more or fewer bytes than the header says.
    pub fn array(&mut self, name: &str, most: usize, wants: impl FnOnce(&Header) -> bool) -> Parsed<(Header, Vec<u8>)> {
        let named = |entry: &&Entry| entry.name.strip_suffix(b".npy") == Some(name.as_bytes());
        let found = self.entries.iter().find(named).ok_or_else(|| format!("there is no array `{name}` in it"))?;
        let (first, size) = (Some(found.at).filter(|_| !found.deflated), found.size);
        self.file.seek(SeekFrom::Start(found.at)).map_err(|e| e.to_string())?;
        let content = (&mut self.file).take(found.packed);
        let content: &mut dyn Read = if found.deflated { &mut DeflateDecoder::new(content) } else { &mut { content } };
        let mut entry = CrcReader::new(content);
        let (text, length) = header(&mut entry).map_err(|e| format!("`{name}`: {e}"))?;
        let bad =
            || format!("`{name}` has the header {text:?}, which is none of an array of numbers in row-major order");
        let descr =
            field(&text, "descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next()).ok_or_else(bad)?;
        let rows_first = field(&text, "fortran_order").is_some_and(|rest| rest.starts_with("False"));
        let shape: Option<Vec<usize>> = field(&text, "shape").and_then(|rest| {
            let inside = rest.strip_prefix('(')?.split(')').next()?;
            inside.split(',').map(str::trim).filter(|n| !n.is_empty()).map(|n| n.parse().ok()).collect()
        });
        let shape = shape.filter(|_| rows_first).ok_or_else(bad)?;
        let width = descr.get(2..).and_then(|n| n.parse::<usize>().ok()).ok_or_else(bad)?;
        let bytes = shape.iter().try_fold(width, |n, side| n.checked_mul(*side));
        let bytes = bytes.filter(|n| (*n as u64).checked_add(length as u64) == Some(size));
        let bytes = bytes
            .ok_or_else(|| format!("`{name}` of {shape:?} {descr} does not take the {size} bytes of its entry"))?;
        if bytes > most {
            return Err(format!("`{name}` takes {bytes} bytes, more than {most}"));
        }
        let header = Header { descr: descr.to_owned(), shape, at: first.map(|at| at + length as u64) };
        let mut numbers = vec![];
        if wants(&header) {
            let read = entry.by_ref().take(bytes as u64 + 1).read_to_end(&mut numbers);
            read.map_err(|e| format!("`{name}` is damaged or truncated ({e})"))?;
            if numbers.len() != bytes || files::differ(entry.crc().sum(), found.crc) {
                return Err(format!("`{name}` is damaged: its length or its checksum is another"));
            }
        }
        Ok((header, numbers))
    }
}

fn cut() -> String {
    "this is no sound npz file: it is truncated, damaged or another kind of file".into()
}

/// The entry that begins at byte `at`; none where the table of entries does.
fn entry(file: &mut (impl Read + Seek), at: u64) -> Parsed<Option<Entry>> {
    let mut head = [0; 30];
    file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string())?;
    file.read_exact(&mut head[..4]).map_err(|_| cut())?;
    match &head[..4] {
        b"PK\x03\x04" => file.read_exact(&mut head[4..]).map_err(|_| cut())?,
        b"PK\x01\x02" | b"PK\x05\x06" => return Ok(None),
        _ => return Err(cut()),
    }
    let number = |at: usize, n: usize| head[at..at + n].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (flags, method, crc) = (number(6, 2), number(8, 2), number(14, 4) as u32);
    // Bit 0: encrypted; bit 3: the lengths stand behind the content.
    if flags & 9 != 0 || !matches!(method, 0 | 8) {
        return Err(
            "it is encrypted, of an unknown compression, or was written to a pipe: save it again with np.savez".into(),
        );
    }
    let mut rest = vec![0; number(26, 2) as usize + number(28, 2) as usize];
    file.read_exact(&mut rest).map_err(|_| cut())?;
    let extra = rest.split_off(number(26, 2) as usize);
    let begin = at + 30 + (rest.len() + extra.len()) as u64;
    let (mut packed, mut size) = (number(18, 4), number(22, 4));
    let mut long = long_lengths(&extra);
    for length in [&mut size, &mut packed] {
        if *length == u64::from(u32::MAX) {
            *length = long.next().ok_or_else(cut)?;
        }
    }
    Ok(Some(Entry { name: rest, deflated: method == 8, crc, at: begin, packed, size }))
}

/// The lengths of 64 bits in the records behind a name, each a kind and a length as u16, and a content.
fn long_lengths(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut found: &[u8] = &[];
    while let Some(([a, b, c, d], rest)) = extra.split_first_chunk() {
        let (content, after) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes([*c, *d]))));
        if [*a, *b] == [1, 0] {
            found = content;
        }
        extra = after;
    }
    found.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The text of an array's header, and the bytes up to the numbers.
fn header(entry: &mut impl Read) -> Parsed<(String, usize)> {
    let mut take = |n: usize| {
        let mut bytes = vec![0; n];
        entry.read_exact(&mut bytes).map(|()| bytes).map_err(|e| format!("it ends within its header ({e})"))
    };
    let start = take(8)?;
    let wide = match start[..] {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _] => 2,
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _] => 4,
        _ => return Err("it is no array of NumPy's format 1 to 3".into()),
    };
    let length = take(wide)?.iter().rev().fold(0, |n, byte| n << 8 | *byte as usize);
    if length > MOST_HEADER {
        return Err(format!("it claims a header of {length} bytes; at most {MOST_HEADER} are known"));
    }
    let text = String::from_utf8(take(length)?).map_err(|_| "its header is no text".to_owned())?;
    Ok((text, 8 + wide + length))
}

/// What follows a key of a header.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

/// The numbers of an array of integers.
///
/// # Errors
/// A type that is none.
pub(super) fn integers(descr: &str, bytes: &[u8]) -> Parsed<Vec<i64>> {
    let number: fn(&[u8]) -> i64 = match descr.trim_start_matches(['<', '|']) {
        "u1" => |b| b[0].into(),
        "i1" => |b| (b[0] as i8).into(),
        "u2" => |b| u16::from_le_bytes([b[0], b[1]]).into(),
        "i2" => |b| i16::from_le_bytes([b[0], b[1]]).into(),
        "u4" => |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
        "i4" => |b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]).into(),
        // Beyond i64 it is no label either.
        "u8" | "i8" => |b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        _ => return Err(format!("type {descr}; little-endian integers are expected")),
    };
    let width = descr.chars().next_back().and_then(|n| n.to_digit(10)).map_or(1, |n| n as usize);
    Ok(bytes.chunks_exact(width).map(number).collect())
}
