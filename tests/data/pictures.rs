//! Pictures in files of their own. Those in `pictures/` were written by PIL 12: red and green above blue and white, 16x16.

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};
use tempfile::TempDir;
use weightproof::data::Shape;
use weightproof::data::picture::{find, read};

const COLOUR: Shape = Shape { channels: 3, height: 16, width: 16 };
const GREY: Shape = Shape { channels: 1, height: 4, width: 6 };

/// A picture of this folder.
fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name)
}

/// A folder with one picture.
fn saved(picture: impl Into<DynamicImage>, name: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(name);
    picture.into().save(&path).expect("a picture");
    (dir, path)
}

/// Bytes that differ from pixel to pixel.
fn byte(x: u32, y: u32, channel: u32) -> u8 {
    (29 * x + 53 * y + 101 * channel) as u8
}

#[test]
fn a_picture_of_the_size_of_the_input_is_taken_byte_for_byte() {
    let planes = |shape: Shape, value: &dyn Fn(u32, u32, u32) -> u8| -> Vec<u8> {
        let [c, h, w] = [shape.channels, shape.height, shape.width].map(|n| n as u32);
        (0..c)
            .flat_map(|c| (0..h).flat_map(move |y| (0..w).map(move |x| (x, y, c))))
            .map(|(x, y, c)| value(x, y, c))
            .collect()
    };
    let grey = planes(GREY, &|x, y, _| byte(x, y, 0));
    let of = |picture: DynamicImage, shape| {
        let (_dir, path) = saved(picture, "picture.png");
        read(&path, shape, None, 255).unwrap()
    };
    let [w, h] = [6, 4];
    assert_eq!(of(GrayImage::from_fn(w, h, |x, y| Luma([byte(x, y, 0)])).into(), GREY), grey);
    // 16 bits that say the same, opacity that says something else.
    let deep = ImageBuffer::from_fn(w, h, |x, y| Luma([257 * u16::from(byte(x, y, 0))]));
    assert_eq!(of(DynamicImage::ImageLuma16(deep), GREY), grey);
    let through = ImageBuffer::from_fn(w, h, |x, y| LumaA([byte(x, y, 0), byte(x, y, 1)]));
    assert_eq!(of(DynamicImage::ImageLumaA8(through), GREY), grey);
    // Of equal red, green and blue the luma is that, and a colour network sees grey three times.
    assert_eq!(of(RgbImage::from_fn(w, h, |x, y| Rgb([byte(x, y, 0); 3])).into(), GREY), grey);
    let colour = Shape { channels: 3, ..GREY };
    assert_eq!(of(GrayImage::from_fn(w, h, |x, y| Luma([byte(x, y, 0)])).into(), colour), grey.repeat(3));

    let rgb = planes(colour, &byte);
    let each = |x, y| [0, 1, 2].map(|c| byte(x, y, c));
    assert_eq!(of(RgbImage::from_fn(w, h, |x, y| Rgb(each(x, y))).into(), colour), rgb);
    let deep = ImageBuffer::from_fn(w, h, |x, y| Rgb(each(x, y).map(|b| 257 * u16::from(b))));
    assert_eq!(of(DynamicImage::ImageRgb16(deep), colour), rgb);
    let through = ImageBuffer::from_fn(w, h, |x, y| Rgba([byte(x, y, 0), byte(x, y, 1), byte(x, y, 2), byte(x, y, 7)]));
    assert_eq!(of(DynamicImage::ImageRgba8(through), colour), rgb);
}

#[test]
fn bytes_are_those_of_the_range_of_the_data_set() {
    // The digits go from 0 to 16.
    let (_dir, path) =
        saved(GrayImage::from_fn(17, 1, |x, _| Luma([(255.0 * x as f32 / 16.0).round() as u8])), "p.png");
    let shape = Shape { channels: 1, height: 1, width: 17 };
    assert_eq!(read(&path, shape, None, 16).unwrap(), (0..=16).collect::<Vec<u8>>());
}

#[test]
fn the_middle_of_another_size_is_resampled() {
    // Black, with a white square in the middle that is as high as the picture: of a wide and of a tall one the square is left.
    for [w, h] in [[40, 8], [8, 40], [41, 8], [8, 8]] {
        let inside = |x: u32, y: u32| x >= (w - 8) / 2 && x < (w + 9) / 2 && y >= (h - 8) / 2 && y < (h + 9) / 2;
        let picture = GrayImage::from_fn(w, h, |x, y| Luma([if inside(x, y) { 255 } else { 0 }]));
        let (_dir, path) = saved(picture, "picture.png");
        for [height, width] in [[4, 4], [16, 16]] {
            let pixels = read(&path, Shape { channels: 1, height, width }, None, 255).unwrap();
            assert!(pixels.iter().all(|p| *p == 255), "{w} x {h} to {width} x {height}: {pixels:?}");
        }
    }
    // A board of single pixels becomes grey, not one of its colours: the filter is as wide as the pixels of the result.
    let board = GrayImage::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 255 } else { 0 }]));
    let (_dir, path) = saved(board, "board.png");
    let pixels = read(&path, Shape { channels: 1, height: 4, width: 4 }, None, 255).unwrap();
    assert!(pixels.iter().all(|p| (120..136).contains(p)), "{pixels:?}");
}

#[test]
fn palettes_cmyk_and_pictures_on_their_side_show_what_viewers_show() {
    for name in ["palette.png", "cmyk.jpg", "progressive.jpg", "turned.jpg"] {
        let pixels = read(&stored(name), COLOUR, None, 255).unwrap();
        for (at, want) in [([4, 4], [255, 0, 0]), ([12, 4], [0, 255, 0]), ([4, 12], [0, 0, 255]), ([12, 12], [255; 3])]
        {
            let [x, y]: [usize; 2] = at;
            let got = [0, 1, 2].map(|c| pixels[c * 256 + y * 16 + x]);
            let near = got.iter().zip(want).all(|(g, w): (&u8, u8)| g.abs_diff(w) <= 3);
            assert!(near, "{name} has {got:?} at {at:?}, not {want:?}");
        }
    }
}

#[test]
fn what_is_no_whole_picture_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: &[u8], words: &[&str]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let said = read(&path, COLOUR, None, 255).unwrap_err().to_string();
        for word in [name].iter().chain(words) {
            assert!(said.contains(word), "\"{word}\" is not in: {said}");
        }
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    let [png, jpeg] = ["palette.png", "turned.jpg"].map(|name| fs::read(stored(name)).unwrap());
    refused("text.png", b"a list of things to do", &["no PNG and no JPEG"]);
    refused("empty.jpg", b"", &["no PNG and no JPEG"]);
    refused("animal.png", b"GIF89a\x10\x00\x10\x00\x00\x00\x00", &["GIF", "convert"]);
    for length in [10, 40, png.len() - 20] {
        refused("cut.png", &png[..length], &["PNG"]);
    }
    for length in [3, 30, 300, jpeg.len() - 2] {
        refused("cut.jpg", &jpeg[..length], &["JPEG"]);
    }
    let mut altered = png.clone();
    altered[20] ^= 1;
    refused("altered.png", &altered, &["PNG"]);

    // Headers that claim more than the file can hold, with the checksum that belongs to them.
    for side in [20_000u32, 2_000_000_000] {
        let mut header = [b"IHDR", &side.to_be_bytes()[..], &side.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        header.extend(crc(&header).to_be_bytes());
        let claims = [&png[..8], &[0, 0, 0, 13], &header, &png[33..]].concat();
        refused("claims.png", &claims, &["PNG"]);
    }
    let size = jpeg.windows(2).position(|two| two == [0xFF, 0xC0]).expect("a baseline JPEG") + 5;
    let mut claims = jpeg.clone();
    claims[size..size + 4].copy_from_slice(&[0x20, 0, 0x20, 0]);
    refused("claims.jpg", &claims, &["8192 x 8192", "can hold"]);
    claims[size..size + 4].fill(0xFF);
    refused("claims.jpg", &claims, &["65535 x 65535", "512 MiB"]);
}

/// The checksum of a chunk of a PNG: CRC-32 of ISO 3309.
fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    !sum
}

#[test]
fn folders_give_their_pictures_by_name_and_pass_others_over() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["b", "b/deep", "none", ".hidden"] {
        fs::create_dir(at(folder)).unwrap();
    }
    for file in ["c.JPG", "a.png", "notes.txt", "b/2.jpeg", "b/deep/1.png", ".a.png", ".hidden/x.png", "none/notes.txt"]
    {
        fs::write(at(file), "").unwrap();
    }
    let (found, failed) = find(&[dir.path().to_owned(), at("notes.txt"), at("gone.png"), at("none")]);
    let names: Vec<PathBuf> = found.iter().map(|f| f.strip_prefix(dir.path()).unwrap().to_owned()).collect();
    // What is named is taken, whatever it is called.
    assert_eq!(names, ["a.png", "b/2.jpeg", "b/deep/1.png", "c.JPG", "notes.txt"].map(PathBuf::from));
    let said: Vec<String> = failed.iter().map(|(_, e)| e.to_string()).collect();
    assert!(said[0].contains("gone.png") && said[0].contains("no such file"), "{said:?}");
    assert!(said[1].contains("none") && said[1].contains("no .png, .jpg, .jpeg file"), "{said:?}");
    assert_eq!(said.len(), 2);
}
