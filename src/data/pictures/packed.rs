//! Pictures scaled once, in one file, so that later epochs need not decode the large ones.
//!
//! The file is a magic word, the length of a header and the header in JSON ([`Header`]); a record for each picture, those of the
//! training set first; of each record where it is and its label; where that table begins, and the SHA-256 of header and table. A record
//! is a head ([`Head`]), the picture's name, and its bytes: a JPEG, or `[row][column][red, green, blue]`. Its checksum is looked at whenever it
//! is read. A picture that could not be decoded has a record without bytes: it keeps its place, and another stands in for it as in the folder.
//! All numbers are little endian.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::Crc;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Picture, Pictures, Shelf, Size, read_range};
use crate::data::decode::{Pixels, decode};
use crate::data::files::read_exact_at;
use crate::data::{DataSet, Source, Split};
use crate::error::{Error, Result};
use crate::files;

pub(super) const MAGIC: [u8; 8] = *b"wppict1\n";
/// Bytes of where the table begins and the checksum, which end the file.
const END: usize = 40;
/// Bytes of an entry of the table.
const ENTRY: usize = 14;

/// How pictures are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Three bytes for each pixel: the quickest to read.
    Raw,
    /// JPEGs of this quality, 1 to 100: a seventh of that at 95.
    Jpeg(u8),
}

/// What is the same for all pictures of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub short_side: usize,
    pub encoding: Encoding,
    pub classes: Vec<String>,
    /// Pictures to learn from and to be judged by.
    pub counts: [u64; 2],
}

impl Header {
    /// The first bytes of a file.
    pub fn bytes(&self) -> Vec<u8> {
        let text = serde_json::to_vec(self).expect("a header is JSON");
        [&MAGIC[..], &(text.len() as u32).to_le_bytes(), &text].concat()
    }
}

/// What stands before the name and the bytes of a picture.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// CRC-32 of all behind it: the rest of the head, the name and the bytes.
    pub checksum: u32,
    pub bytes: u32,
    pub width: u32,
    pub height: u32,
    /// Bytes of the name.
    pub name: u16,
}

impl Head {
    pub const BYTES: usize = 18;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [0; Self::BYTES];
        for (at, word) in [self.checksum, self.bytes, self.width, self.height].into_iter().enumerate() {
            out[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
        }
        out[16..].copy_from_slice(&self.name.to_le_bytes());
        out
    }

    pub fn of_bytes(bytes: &[u8; Self::BYTES]) -> Head {
        let [checksum, length, width, height] =
            [0, 4, 8, 12].map(|at| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
        Head { checksum, bytes: length, width, height, name: u16::from_le_bytes([bytes[16], bytes[17]]) }
    }

    /// Bytes of the record.
    pub fn record(&self) -> u64 {
        Self::BYTES as u64 + u64::from(self.name) + u64::from(self.bytes)
    }

    /// Of the head without the checksum, and what follows it.
    pub fn sum(&self, parts: [&[u8]; 2]) -> u32 {
        let mut crc = Crc::new();
        crc.update(&self.to_bytes()[4..]);
        parts.into_iter().for_each(|part| crc.update(part));
        crc.sum()
    }
}

/// Entries of the table, and what ends the file.
pub(super) fn end(header: &[u8], table_at: u64, entries: &[(Range<u64>, u16)]) -> Vec<u8> {
    let entry = |(at, label): &(Range<u64>, u16)| {
        let length = (at.end - at.start) as u32;
        [&at.start.to_le_bytes()[..], &length.to_le_bytes(), &label.to_le_bytes()].concat()
    };
    let table: Vec<u8> = entries.iter().flat_map(entry).collect();
    let sum = Sha256::new_with_prefix(header).chain_update(&table).finalize();
    [&table[..], &table_at.to_le_bytes(), &sum].concat()
}

/// An open file.
#[derive(Debug)]
pub(super) struct Packed {
    pub path: PathBuf,
    file: File,
    encoding: Encoding,
}

/// Opens the file `path` as the set `name`.
///
/// # Errors
/// A file that is none of these, or that is cut or damaged outside of its pictures.
pub(super) fn open(name: &str, path: &Path, size: Size) -> Result<DataSet> {
    let io = |e| Error::io(path, e);
    let bad = |what: &str| Error::format(path, format!("{what}: pack the set again (`weightproof data pack`)"));
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut start = [0; 12];
    file.by_ref().take(12).read_exact(&mut start).map_err(|_| bad("this is no file of packed pictures"))?;
    if start[..8] != MAGIC {
        return Err(bad("this is no file of packed pictures"));
    }
    let text = u64::from(u32::from_le_bytes(start[8..].try_into().expect("four bytes")));
    let records = 12 + text;
    let cut = || bad("the file is cut or damaged");
    let table_end = length.checked_sub(END as u64).filter(|end| records <= *end).ok_or_else(cut)?;
    let mut header = start.to_vec();
    file.by_ref().take(text).read_to_end(&mut header).map_err(io)?;
    let Header { short_side, encoding, classes, counts } =
        serde_json::from_slice(&header[12..]).map_err(|_| bad("its header is damaged"))?;
    let mut end = vec![];
    read_range(&file, &(table_end..length), &mut end).map_err(io)?;
    let table_at = u64::from_le_bytes(end[..8].try_into().expect("eight bytes"));
    let count = counts[0].checked_add(counts[1]).ok_or_else(cut)?;
    let fits = count.checked_mul(ENTRY as u64).and_then(|bytes| bytes.checked_add(table_at));
    if table_at < records || fits != Some(table_end) {
        return Err(cut());
    }
    let mut table = vec![];
    read_range(&file, &(table_at..table_end), &mut table).map_err(io)?;
    if files::differ(&Sha256::new_with_prefix(&header).chain_update(&table).finalize()[..], &end[8..]) {
        return Err(bad("its checksum does not fit"));
    }
    if short_side != size.short_side {
        log::warn!(
            "{}: the short side of its pictures has {short_side} pixels and becomes {} (data.short_side), which blurs more than doing so at once",
            path.display(),
            size.short_side
        );
    }
    let mut all = table.chunks_exact(ENTRY).map(|entry| {
        let start = u64::from_le_bytes(entry[..8].try_into().expect("eight bytes"));
        let length = u32::from_le_bytes(entry[8..12].try_into().expect("four bytes"));
        let (at, label) = (start..start.saturating_add(u64::from(length)), u16::from_le_bytes([entry[12], entry[13]]));
        let sound = at.start >= records && at.end <= table_at && usize::from(label) < classes.len();
        if sound { Ok((Picture { shelf: 0, name: Default::default(), at }, label)) } else { Err(cut()) }
    });
    let mut split = |count: u64| -> Result<Split> {
        let both = all.by_ref().take(count as usize).collect::<Result<Vec<_>>>()?;
        let (pictures, labels): (Vec<Picture>, Vec<u16>) = both.into_iter().unzip();
        let packed = Packed { path: path.to_owned(), file: file.try_clone().map_err(io)?, encoding };
        let pictures = Pictures::new(size, vec![Shelf::Packed(packed)], pictures, labels.clone());
        Ok(Split { images: Source::of_pictures(pictures), labels })
    };
    let [train, test] = [split(counts[0])?, split(counts[1])?];
    Ok(DataSet { name: name.into(), shape: size.shape(), classes, maximum: u8::MAX, train, test })
}

impl Packed {
    /// Reads the picture at `at`; what is wrong with it as text.
    ///
    /// # Errors
    /// What the file system says.
    pub fn read(
        &self,
        at: &Range<u64>,
        encoded: &mut Vec<u8>,
        decoded: &mut Pixels,
    ) -> std::io::Result<std::result::Result<(), String>> {
        let Some((head, name)) = self.head(at)? else { return Ok(Err("its record is damaged".into())) };
        let bytes = if self.encoding == Encoding::Raw { &mut decoded.rgb } else { &mut *encoded };
        bytes.resize(head.bytes as usize, 0);
        read_exact_at(&self.file, bytes, at.end - u64::from(head.bytes))?;
        if files::differ(head.sum([&name, bytes]), head.checksum) {
            return Ok(Err("its checksum does not fit: the file is damaged, pack the set again".into()));
        }
        if bytes.is_empty() {
            return Ok(Err("it could not be decoded when the set was packed".into()));
        }
        if self.encoding != Encoding::Raw {
            return Ok(decode(encoded, decoded));
        }
        let [width, height] = [head.width, head.height].map(|n| n as usize);
        if width.checked_mul(height).and_then(|n| n.checked_mul(3)) != Some(bytes.len()) {
            return Ok(Err(format!("{} bytes are not {width} x {height} pixels", bytes.len())));
        }
        (decoded.width, decoded.height) = (width, height);
        Ok(Ok(()))
    }

    /// The name of the picture at `at`; none if its record is damaged.
    pub fn name(&self, at: &Range<u64>) -> Option<String> {
        let (_, name) = self.head(at).ok()??;
        Some(String::from_utf8_lossy(&name).into_owned())
    }

    /// The head of a record and the name behind it; none if the record has another length.
    fn head(&self, at: &Range<u64>) -> std::io::Result<Option<(Head, Vec<u8>)>> {
        let mut head = [0; Head::BYTES];
        if at.end - at.start < Head::BYTES as u64 {
            return Ok(None);
        }
        read_exact_at(&self.file, &mut head, at.start)?;
        let head = Head::of_bytes(&head);
        if head.record() != at.end - at.start {
            return Ok(None);
        }
        let mut name = vec![0; usize::from(head.name)];
        read_exact_at(&self.file, &mut name, at.start + Head::BYTES as u64)?;
        Ok(Some((head, name)))
    }
}
