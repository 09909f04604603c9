//! Pixels of a PNG or JPEG, whatever it is called and however its colours are stored; and their resampling.

use std::any::Any;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Bytes of a file, at most: no picture needs more.
pub(super) const MOST_BYTES: u64 = 1 << 30;

/// Bytes of pixels, at most.
pub(super) const MOST_PIXELS: u64 = 1 << 29;

/// Bytes of pixels that a byte of a file can stand for, at most: of a PNG 1,032, what deflate can make of a byte; of a JPEG, a
/// bit for a block of 64 pixels in each of three channels, 1,536.
const MOST_PER_BYTE: u64 = 2048;

/// A decoded picture. Its memory serves the next one, too.
#[derive(Debug, Default)]
pub(super) struct Pixels {
    pub width: usize,
    pub height: usize,
    /// `[row][column][red, green, blue]`
    pub rgb: Vec<u8>,
}

/// Decodes a PNG or JPEG, and turns it as its EXIF data say. Grey becomes three equal channels, CMYK red, green and blue; 16-bit
/// numbers are rounded to 8, opacity and colour profiles are not looked at. Of a JPEG with damage in the middle the decoder makes what it can.
///
/// # Errors
/// What is no whole PNG or JPEG; one that claims pixels of more than 512 MiB, or more than its bytes can stand for: nothing is
/// allocated for these. The text ends in what to do.
pub(super) fn decode(bytes: &[u8], pixels: &mut Pixels) -> Result<(), String> {
    // A flaw of a decoder costs a picture, not the run.
    let made = catch_unwind(AssertUnwindSafe(|| by_content(bytes, pixels)));
    made.unwrap_or_else(|panic| Err(format!("its decoder fails ({})", text(&*panic))))
}

/// What a panic says.
fn text(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("")
}

fn by_content(bytes: &[u8], pixels: &mut Pixels) -> Result<(), String> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg(bytes, pixels),
        Ok(ImageFormat::Png) => png(bytes, pixels),
        Ok(other) => {
            let name = other.extensions_str().first().copied().unwrap_or("other").to_uppercase();
            Err(format!("this is a picture in the format {name}; convert it to PNG or JPEG"))
        }
        Err(_) if bytes.is_empty() => Err("the file is empty: it is no PNG and no JPEG".into()),
        Err(_) => Err("the content is no PNG and no JPEG, whatever the name says".into()),
    }
}

fn jpeg(bytes: &[u8], pixels: &mut Pixels) -> Result<(), String> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let refused = |e: &dyn std::fmt::Display| refused("JPEG", e);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| refused(&e))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| refused(&"it has no size"))?;
    check_claim("JPEG", [width, height], 3, bytes.len())?;
    pixels.rgb.resize(width * height * 3, 0);
    (pixels.width, pixels.height) = (width, height);
    decoder.decode_into(&mut pixels.rgb).map_err(|e| refused(&e))?;
    // What is missing would be grey.
    if !ends(bytes) {
        return Err("the JPEG ends in the middle; get the whole file".into());
    }
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    turn(pixels, orientation.unwrap_or(Orientation::NoTransforms));
    Ok(())
}

fn png(bytes: &[u8], pixels: &mut Pixels) -> Result<(), String> {
    let refused = |e: ImageError| match e {
        ImageError::Limits(_) => "the PNG claims more pixels than are decoded; make it smaller".to_owned(),
        ImageError::Decoding(e) => match std::error::Error::source(&e) {
            Some(source) => refused("PNG", &source),
            None => refused("PNG", &e),
        },
        other => refused("PNG", &other),
    };
    let reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let per_pixel = u64::from(decoder.color_type().bytes_per_pixel());
    check_claim("PNG", [width as usize, height as usize], per_pixel, bytes.len())?;
    let orientation = decoder.orientation().map_err(refused)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(refused)?.into_rgb8();
    (pixels.width, pixels.height) = (width as usize, height as usize);
    pixels.rgb = picture.into_raw();
    turn(pixels, orientation);
    Ok(())
}

fn refused(format: &str, e: &dyn std::fmt::Display) -> String {
    let why = e.to_string();
    let why = why.lines().next().unwrap_or("").trim().trim_matches('"');
    format!("the {format} cannot be decoded ({why}); is the file whole?")
}

/// That a file of so many bytes can have the pixels that its header claims.
fn check_claim(format: &str, [w, h]: [usize; 2], per_pixel: u64, length: usize) -> Result<(), String> {
    let needs = (w as u64).saturating_mul(h as u64).saturating_mul(per_pixel);
    let most = if needs > MOST_PIXELS {
        format!("more than the {} MiB that are decoded: make it smaller", MOST_PIXELS >> 20)
    } else if needs > (length as u64).saturating_mul(MOST_PER_BYTE) {
        format!("more than its {length} bytes can hold: it is damaged")
    } else if needs == 0 {
        "none at all: it is damaged".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("the {format} claims {w} x {h} pixels, {most}"))
}

fn turn(pixels: &mut Pixels, orientation: Orientation) {
    if orientation == Orientation::NoTransforms {
        return;
    }
    let (w, h) = (pixels.width as u32, pixels.height as u32);
    let picture = RgbImage::from_raw(w, h, std::mem::take(&mut pixels.rgb)).expect("three bytes for each pixel");
    let mut picture = DynamicImage::from(picture);
    picture.apply_orientation(orientation);
    (pixels.width, pixels.height) = (picture.width() as usize, picture.height() as usize);
    pixels.rgb = picture.into_rgb8().into_raw();
}

/// Whether the marker that ends a JPEG stands behind its first scan; one before that may be of a preview in its EXIF data.
fn ends(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while let Some([0xFF, marker, high, low]) = jpeg.get(at..at + 4) {
        match marker {
            // A byte of filling.
            0xFF => at += 1,
            // The first scan. In what is compressed 0xFF stands before 0 or the number of a restart.
            0xDA => return jpeg[at..].windows(2).rev().any(|two| two == [0xFF, 0xD9]),
            _ => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
        }
    }
    false
}

/// A part of a picture, in pixels from its left upper corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// Columns before it.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

impl Rectangle {
    /// All of a picture of so many rows and columns.
    pub fn whole([height, width]: [usize; 2]) -> Rectangle {
        Rectangle { left: 0, top: 0, width, height }
    }

    /// The middle `height` rows and `width` columns of a larger picture; of an odd rest, one more lies right and below.
    pub fn middle([height, width]: [usize; 2], of: [usize; 2]) -> Rectangle {
        Rectangle { left: (of[1] - width) / 2, top: (of[0] - height) / 2, width, height }
    }
}

/// Copies a part of a picture to `out`.
pub(super) fn cut(pixels: &Pixels, part: Rectangle, out: &mut Vec<u8>) {
    out.clear();
    for row in pixels.rgb.chunks_exact(3 * pixels.width).skip(part.top).take(part.height) {
        out.extend_from_slice(&row[3 * part.left..][..3 * part.width]);
    }
}

/// Resamples a picture to `rows` and `columns`, and writes `part` of that to `out`: a triangle filter, as wide as the pixels of the
/// result or, where that has more, of the picture.
pub(super) fn resample(
    pixels: &Pixels,
    [rows, columns]: [usize; 2],
    part: Rectangle,
    resizer: &mut Resizer,
    out: &mut Vec<u8>,
) {
    // Rounded down to so few bits that all places in the picture are exact: a part has the weights of the whole, except for the
    // number of bits that they are rounded to.
    const STEPS: f64 = (1u64 << 35) as f64;
    let per = |of: usize, sides: usize| (of as f64 / sides as f64 * STEPS).floor() / STEPS;
    let [across, down] = [per(pixels.width, columns), per(pixels.height, rows)];
    let [left, width] = [part.left, part.width].map(|n| n as f64 * across);
    let [top, height] = [part.top, part.height].map(|n| n as f64 * down);
    out.resize(part.height * part.width * 3, 0);
    let (w, h) = (pixels.width as u32, pixels.height as u32);
    let source = ImageRef::new(w, h, &pixels.rgb, PixelType::U8x3).expect("three bytes for each pixel");
    let (part_w, part_h) = (part.width as u32, part.height as u32);
    let mut target = Image::from_slice_u8(part_w, part_h, out, PixelType::U8x3).expect("resized above");
    let algorithm = ResizeAlg::Convolution(FilterType::Bilinear);
    let options = ResizeOptions::new().resize_alg(algorithm).crop(left, top, width, height);
    resizer.resize(&source, &mut target, &options).expect("a part of the picture");
}
