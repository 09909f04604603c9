//! Pictures in files of their own, PNG and JPEG, as images of the size that a data set has.

use std::error::Error as _;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::Shape;
use crate::error::{Error, Result};

/// Ends of the names of pictures.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Bytes of a file and of its pixels, at most.
const MOST_BYTES: u64 = 1 << 30;
const MOST_PIXELS: u64 = 1 << 29;

/// Bytes of pixels that a byte of a file can stand for, at most: of a PNG 1,032, what deflate can make of a byte; of a JPEG, a
/// bit for a block of 64 pixels in each of three channels, 1,536.
const MOST_PER_BYTE: u64 = 2048;

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

fn walk(folder: &Path, found: &mut Vec<PathBuf>, others: &mut usize) -> Result<()> {
    let read = || fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>();
    let mut entries = read().map_err(|e| Error::io(folder, e))?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(|e| Error::io(&path, e))?.is_dir() {
            walk(&path, found, others)?;
        } else if path.extension().is_some_and(|e| ENDINGS.iter().any(|ending| e.eq_ignore_ascii_case(ending))) {
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
/// A picture of another size is cut to the largest part in its middle that has the proportions of `shape`, and this is resampled
/// (a triangle filter, as wide as the pixels of the result); of the same size, every byte stays what it is. It is turned
/// as its EXIF data say. 16-bit numbers are rounded to 8, opacity and colour profiles are not looked at.
///
/// # Errors
/// A file that is no whole PNG or JPEG; one that claims pixels of more than 512 MiB, or more than its bytes can stand for: nothing is
/// allocated for these.
pub fn read(path: &Path, shape: Shape, maximum: u8) -> Result<Vec<u8>> {
    let picture = decode(path)?;
    let pixels = match shape.channels {
        1 => sized(DynamicImage::ImageLuma8(picture.into_luma8()), shape).into_bytes(),
        3 => sized(DynamicImage::ImageRgb8(picture.into_rgb8()), shape).into_bytes(),
        n => return Err(Error::format(path, format!("a picture becomes 1 or 3 channels, and {n} are wanted"))),
    };
    let (channels, plane) = (shape.channels, shape.height * shape.width);
    let scaled = |byte: u8| (f32::from(byte) * f32::from(maximum) / 255.0).round() as u8;
    Ok((0..channels * plane).map(|at| scaled(pixels[at % plane * channels + at / plane])).collect())
}

/// The middle of a picture, resampled to the rows and columns of `shape`.
fn sized(picture: DynamicImage, shape: Shape) -> DynamicImage {
    let [width, height] = [shape.width, shape.height].map(|n| n as u32);
    let (w, h) = (picture.width(), picture.height());
    if (w, h) == (width, height) {
        return picture;
    }
    // w height against h width: which of the sides is too long.
    let (across, down) = (u64::from(w) * u64::from(height), u64::from(h) * u64::from(width));
    let part = |long: u64, by: u32| ((long as f64 / f64::from(by)).round() as u32).max(1);
    let (cut_w, cut_h) = (part(across.min(down), height).min(w), part(across.min(down), width).min(h));
    let middle = picture.crop_imm((w - cut_w) / 2, (h - cut_h) / 2, cut_w, cut_h);
    middle.resize_exact(width, height, FilterType::Triangle)
}

/// Decodes a PNG or JPEG file, and turns it as it says.
fn decode(path: &Path) -> Result<DynamicImage> {
    let io = |e| Error::io(path, e);
    let bad = |message: String| Error::format(path, message);
    let mut bytes = vec![];
    File::open(path).map_err(io)?.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    let length = bytes.len() as u64;
    if length > MOST_BYTES {
        return Err(bad(format!("the file has more than {MOST_BYTES} bytes, which no picture needs")));
    }
    let format = match image::guess_format(&bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        Ok(other) => {
            let name = other.extensions_str().first().copied().unwrap_or("other").to_uppercase();
            return Err(bad(format!("this is a picture in the format {name}; convert it to PNG or JPEG")));
        }
        Err(_) => return Err(bad("the content is no PNG and no JPEG, whatever the name says".into())),
    };
    let name = if format == ImageFormat::Png { "PNG" } else { "JPEG" };
    let refused = |e: ImageError| {
        let why = match &e {
            ImageError::Limits(_) => {
                return bad(format!("the {name} claims more pixels than are decoded; make it smaller"));
            }
            ImageError::Decoding(e) => e.source().map_or_else(|| e.to_string(), ToString::to_string),
            other => other.to_string(),
        };
        bad(format!("the {name} cannot be decoded ({}); is the file whole?", why.trim().trim_matches('"')))
    };
    let mut decoder = ImageReader::with_format(Cursor::new(&bytes), format).into_decoder().map_err(refused)?;
    let ((w, h), needs) = (decoder.dimensions(), decoder.total_bytes());
    if needs > MOST_PIXELS || needs > length.saturating_mul(MOST_PER_BYTE) {
        let most = if needs > MOST_PIXELS {
            format!("more than the {} MiB that are decoded: make it smaller", MOST_PIXELS >> 20)
        } else {
            format!("more than its {length} bytes can hold: it is damaged")
        };
        return Err(bad(format!("the {name} claims {w} x {h} pixels, {most}")));
    }
    let orientation = decoder.orientation().map_err(refused)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    // What is missing of a JPEG would be grey.
    if format == ImageFormat::Jpeg && !ends(&bytes) {
        return Err(bad("the JPEG ends in the middle; get the whole file".into()));
    }
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Whether the marker that ends a JPEG stands behind its first scan; one before that may be of a preview in its EXIF data.
fn ends(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while let Some([0xFF, marker, high, low]) = jpeg.get(at..at + 4) {
        match marker {
            // A byte of filling.
            0xFF => at += 1,
            // The first scan. In what is compressed 0xFF stands before 0 or the number of a restart.
            0xDA => return jpeg[at..].windows(2).any(|two| two == [0xFF, 0xD9]),
            _ => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
        }
    }
    false
}
