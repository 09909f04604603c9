//! Pictures in files of their own, PNG and JPEG, as images of the size that a data set has.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fast_image_resize::Resizer;

use super::Shape;
use super::decode::{MOST_BYTES, Pixels, Rectangle, cut, decode, resample};
use super::size::Size;
use crate::error::{Error, Result};

/// Ends of the names of pictures.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The files that paths name, in their order: those in folders and in the folders in these, by name, if they are called `.png`,
/// `.jpg` or `.jpeg`; other files there, and names that begin with a dot, are passed over. Links to folders are not followed
/// inside of folders.
///
/// Besides them the paths that name none, with the reason.
pub fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<(PathBuf, Error)>) {
    let (mut found, mut failed) = (vec![], vec![]);
    for path in paths {
        match of(path) {
            Ok(mut files) => found.append(&mut files),
            Err(e) => failed.push((path.clone(), e)),
        }
    }
    (found, failed)
}

/// The files that one path names.
fn of(path: &Path) -> Result<Vec<PathBuf>> {
    let kind = fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::format(path, "there is no such file or folder"),
        _ => Error::io(path, e),
    })?;
    if !kind.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut others) = (vec![], 0);
    walk(path, &mut found, &mut others)?;
    if found.is_empty() {
        let message = format!("no .{} file in this folder or below it", ENDINGS.join(", ."));
        return Err(Error::format(path, message));
    }
    if others > 0 {
        log::info!("{}: {} pictures; other files passed over: {others}", path.display(), found.len());
    }
    Ok(found)
}

/// Whether a file is one by its name.
pub(super) fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|e| ENDINGS.iter().any(|ending| e.eq_ignore_ascii_case(ending)))
}

pub(super) fn walk(folder: &Path, found: &mut Vec<PathBuf>, others: &mut usize) -> Result<()> {
    let read = || fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>();
    let mut entries = read().map_err(|e| Error::io(folder, e))?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(|e| Error::io(&path, e))?.is_dir() {
            walk(&path, found, others)?;
        } else if is_picture(&path) {
            found.push(path);
        } else {
            *others += 1;
        }
    }
    Ok(())
}

/// The picture at `path` as a data set would have it: bytes from 0 to `maximum`, `[channel][row][column]`, of one channel (luma
/// by Rec. 709) or three.
///
/// With a `size`, `shape` being that of its images, it is scaled and cut as the pictures of such a data set are to be tested. Else one
/// of another size than `shape` is cut to the largest part in its middle that has the proportions of that, and this is resampled (a
/// triangle filter, as wide as the pixels of the result); of the same size, every byte stays what it is. It is turned as its EXIF data
/// say. 16-bit numbers are rounded to 8, opacity and colour profiles are not looked at.
///
/// # Errors
/// A file that is no whole PNG or JPEG; one that claims pixels of more than 512 MiB, or more than its bytes can stand for: nothing is
/// allocated for these.
pub fn read(path: &Path, shape: Shape, size: Option<Size>, maximum: u8) -> Result<Vec<u8>> {
    if ![1, 3].contains(&shape.channels) {
        let message = format!("a picture becomes 1 or 3 channels, and {} are wanted", shape.channels);
        return Err(Error::format(path, message));
    }
    let (mut encoded, mut picture) = (vec![], Pixels::default());
    read_encoded(path, &mut encoded)?;
    decode(&encoded, &mut picture).map_err(|message| Error::format(path, message))?;
    let rgb = match size {
        Some(size) => size.image(&picture),
        None => sized(picture, shape),
    };
    let value = |pixel: usize, channel: usize| match shape.channels {
        1 => luma(&rgb[3 * pixel..][..3]),
        _ => rgb[3 * pixel + channel],
    };
    let plane = shape.height * shape.width;
    let scaled = |byte: u8| (f32::from(byte) * f32::from(maximum) / 255.0).round() as u8;
    Ok((0..shape.channels * plane).map(|at| scaled(value(at % plane, at / plane))).collect())
}

/// Reads the file `path` to `bytes`.
pub(super) fn read_encoded(path: &Path, bytes: &mut Vec<u8>) -> Result<()> {
    let io = |e| Error::io(path, e);
    bytes.clear();
    File::open(path).map_err(io)?.take(MOST_BYTES + 1).read_to_end(bytes).map_err(io)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::format(path, format!("the file has more than {MOST_BYTES} bytes, which no picture needs")));
    }
    Ok(())
}

/// Luma of red, green and blue by Rec. 709.
fn luma(rgb: &[u8]) -> u8 {
    let [r, g, b] = [0, 1, 2].map(|i| u32::from(rgb[i]));
    ((2126 * r + 7152 * g + 722 * b) / 10_000) as u8
}

/// The middle of a picture, resampled to the rows and columns of `shape`.
fn sized(picture: Pixels, shape: Shape) -> Vec<u8> {
    let (w, h) = (picture.width, picture.height);
    if (w, h) == (shape.width, shape.height) {
        return picture.rgb;
    }
    // w height against h width: which of the sides is too long.
    let long = (w * shape.height).min(h * shape.width) as f64;
    let part = |by: usize, most: usize| ((long / by as f64).round() as usize).clamp(1, most);
    let (columns, rows) = (part(shape.height, w), part(shape.width, h));
    let mut middle = Pixels { width: columns, height: rows, rgb: vec![] };
    cut(&picture, Rectangle::middle([rows, columns], [h, w]), &mut middle.rgb);
    let (sides, mut out) = ([shape.height, shape.width], vec![]);
    resample(&middle, sides, Rectangle::whole(sides), &mut Resizer::new(), &mut out);
    out
}
