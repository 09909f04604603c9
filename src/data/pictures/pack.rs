//! Packing a set of pictures: what [`super::packed`] opens is written here, record by record, and goes on where it was stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::packed::{self, Encoding, Head, Header};
use super::{Pictures, Rgb, Scratch};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::files::Lock;

/// Pictures that are decoded at a time.
const TOGETHER: usize = 64;

/// Writes the pictures of `set`, scaled to its short side, to the file `out`; into `out.part` until it is whole, from which a later
/// call goes on. `bar` counts pictures. False if `stop` was set before the end.
///
/// # Errors
/// A set of images that are no pictures; a picture that cannot be read, or too many that cannot be decoded; a part of another set;
/// a full disk: the part is then kept.
pub fn pack(set: &DataSet, encoding: Encoding, out: &Path, bar: &ProgressBar, stop: &AtomicBool) -> Result<bool> {
    let splits = [&set.train, &set.test];
    let pictures: Vec<&Pictures> = splits.iter().filter_map(|split| split.images.pictures()).collect();
    let [train, test] = pictures[..] else {
        return Err(Error::Invalid(format!(
            "{}: its images are of one size already: there is nothing to pack",
            set.name
        )));
    };
    let counts = [train, test].map(|p| p.len() as u64);
    let header = Header { short_side: train.size().short_side, encoding, classes: set.classes.clone(), counts }.bytes();
    let with = |ending: &str| {
        let mut path = out.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let part = with(".part");
    let _lock = Lock::take(&with(".lock"), out)?;
    let disk = |e| Error::io(&part, e);
    let all: Vec<(&Pictures, usize)> =
        [train, test].into_iter().flat_map(|p| (0..p.len()).map(move |i| (p, i))).collect();
    let labels = splits.iter().flat_map(|split| split.labels.iter().copied());
    let (mut file, mut places) = resume(&part, &header, &all)?;
    bar.set_length(all.len() as u64);
    bar.set_position(places.len() as u64);
    let mut at = places.last().map_or(header.len() as u64, |place: &Range<u64>| place.end);
    for some in all[places.len()..].chunks(TOGETHER) {
        if stop.load(Ordering::SeqCst) {
            file.flush().map_err(disk)?;
            return Ok(false);
        }
        let records: Vec<Vec<u8>> = some
            .par_iter()
            .map_init(Scratch::default, |scratch, (pictures, i)| record(pictures, *i, encoding, scratch))
            .collect::<Result<_>>()?;
        for record in records {
            file.write_all(&record).map_err(disk)?;
            places.push(at..at + record.len() as u64);
            at += record.len() as u64;
            bar.inc(1);
        }
    }
    let entries: Vec<(Range<u64>, u16)> = places.into_iter().zip(labels).collect();
    file.write_all(&packed::end(&header, at, &entries)).map_err(disk)?;
    file.into_inner().map_err(|e| disk(e.into_error()))?.sync_all().map_err(disk)?;
    fs::rename(&part, out).map_err(|e| Error::io(out, e))?;
    Ok(true)
}

/// The record of a picture.
fn record(pictures: &Pictures, i: usize, encoding: Encoding, scratch: &mut Scratch) -> Result<Vec<u8>> {
    let name = title(pictures, i);
    let mut head = Head { checksum: 0, bytes: 0, width: 0, height: 0, name: name.len() as u16 };
    let mut bytes = vec![];
    if let Some(Rgb { height, width, pixels }) = pictures.scaled_or_none(i, scratch)? {
        match encoding {
            Encoding::Raw => bytes.extend_from_slice(pixels),
            Encoding::Jpeg(quality) => {
                let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
                let encoded = encoder.encode(pixels, width as u32, height as u32, ExtendedColorType::Rgb8);
                encoded.map_err(|e| Error::format(&name, format!("it cannot be a JPEG of {width} x {height}: {e}")))?;
            }
        }
        (head.bytes, head.width, head.height) = (bytes.len() as u32, width as u32, height as u32);
    }
    head.checksum = head.sum([name.as_bytes(), &bytes]);
    Ok([&head.to_bytes()[..], name.as_bytes(), &bytes].concat())
}

/// The name of a picture in the file.
fn title(pictures: &Pictures, i: usize) -> String {
    let mut name = pictures.title(i);
    // Whole characters.
    let end = (0..=name.len().min(usize::from(u16::MAX))).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or(0));
    name
}

/// The file `part` ready for what is missing in it, and where the records are that it has; a new one if there is none.
///
/// # Errors
/// A part of another set, or of the same in another form.
fn resume(part: &Path, header: &[u8], all: &[(&Pictures, usize)]) -> Result<(BufWriter<File>, Vec<Range<u64>>)> {
    let io = |e| Error::io(part, e);
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(part).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut places = vec![];
    let mut end = header.len() as u64;
    let mut reader = BufReader::new(&file);
    let mut stored = vec![];
    (&mut reader).take(end).read_to_end(&mut stored).map_err(io)?;
    if stored != header[..stored.len()] || (stored.len() < header.len() && length > stored.len() as u64) {
        let message = "this is a part of another set, or packed in another way: remove it, or choose another name";
        return Err(Error::format(part, message));
    }
    for (pictures, i) in all.iter().take_while(|_| stored.len() == header.len()) {
        let Some(record) = next(&mut reader, length - end, &title(pictures, *i)).map_err(io)? else { break };
        places.push(end..end + record);
        end += record;
    }
    drop(reader);
    let mut file = file;
    if places.is_empty() {
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        file.write_all(header).map_err(io)?;
    } else {
        log::info!("{}: going on behind {} pictures", part.display(), places.len());
        file.set_len(end).map_err(io)?;
        file.seek(SeekFrom::Start(end)).map_err(io)?;
    }
    Ok((BufWriter::with_capacity(1 << 20, file), places))
}

/// The bytes of the next record, which is then behind the reader; none if it is not whole, or not of the picture `name`.
fn next(reader: &mut BufReader<&File>, left: u64, name: &str) -> io::Result<Option<u64>> {
    let mut head = [0; Head::BYTES];
    if left < head.len() as u64 {
        return Ok(None);
    }
    reader.read_exact(&mut head)?;
    let head = Head::of_bytes(&head);
    if head.record() > left || usize::from(head.name) != name.len() {
        return Ok(None);
    }
    let mut stored = vec![0; name.len()];
    reader.read_exact(&mut stored)?;
    let mut bytes = vec![0; head.bytes as usize];
    reader.read_exact(&mut bytes)?;
    let sound = stored == name.as_bytes() && head.sum([&stored, &bytes]) == head.checksum;
    Ok(sound.then(|| head.record()))
}
