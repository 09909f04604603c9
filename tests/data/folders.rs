//! Folders of pictures, a folder for each class.

use std::fs;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use weightproof::data::pictures::{Rectangle, Scratch, Size};
use weightproof::data::{self, DataSet, Shape, Wanted, picture};

use super::sets::assert_says;

/// A photograph of a kind: waves of colours, of another phase for each number.
pub fn photograph(width: u32, height: u32, number: u32) -> RgbImage {
    let wave = |x: u32, period: u32| (127.5 + 120.0 * (x as f32 / period as f32 + number as f32).sin()) as u8;
    RgbImage::from_fn(width, height, |x, y| Rgb([wave(x, 11), wave(y, 7), wave(x + 2 * y, 13)]))
}

/// Writes a picture, in the format that its name says, into a folder that is made.
pub fn save(path: impl AsRef<Path>, picture: &RgbImage) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let name = path.extension().unwrap().to_str().unwrap();
    let format = if name == "png" { ImageFormat::Png } else { ImageFormat::Jpeg };
    picture.save_with_format(path, format).unwrap();
}

/// Three classes of four training pictures and a validation picture each, of several sizes, as JPEG.
pub fn three_classes() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (class, name) in ["ant", "bee", "cat"].into_iter().enumerate() {
        for i in 0..5u32 {
            let [w, h] = [[60, 40], [40, 61], [48, 48], [20, 12], [36, 50]][i as usize];
            let part = if i == 4 { "val" } else { "train" };
            let picture = photograph(w, h, 10 * class as u32 + i);
            save(dir.path().join(part).join(name).join(format!("{name}_{i}.JPEG")), &picture);
        }
    }
    dir
}

/// Asks for crops of 32 from a short side of 36.
pub fn wanted(set: &str) -> Wanted<'_> {
    Wanted { set, crop: Some(32), short_side: Some(36) }
}

pub fn open(set: &str, dir: &Path) -> DataSet {
    data::open(wanted(set), Some(dir)).unwrap()
}

#[test]
fn class_folders_are_a_set_whose_classes_are_the_ranks_of_their_names() {
    let dir = three_classes();
    fs::write(dir.path().join("train/bee/notes.txt"), "").unwrap();
    for name in ["imagenet", "folder"] {
        let set = open(name, dir.path());
        set.check().unwrap();
        assert_eq!(set.classes, ["ant", "bee", "cat"]);
        assert_eq!(set.shape, Shape { channels: 3, height: 32, width: 32 });
        assert_eq!(set.train.labels, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(set.test.labels, [0, 1, 2]);
        set.check_streamed().unwrap();
        // What is held is what is read one by one.
        let [streamed, held] = [set.clone(), set.held().unwrap()].map(|set| set.train.images.slice(2..9));
        assert_eq!(streamed.values().unwrap(), held.values().unwrap());
        assert_eq!([streamed.bytes_held(), held.bytes_held()], [0, 12 * 3072]);
    }
    // A set of another name in the folder above.
    fs::rename(dir.path().join("train"), dir.path().join("other")).unwrap();
    let set = open("folder", &dir.path().join("other"));
    assert_eq!((set.train.labels.len(), set.test.labels.len()), (12, 0));
}

#[test]
fn pictures_are_scaled_by_their_short_side_and_cut_from_the_middle() {
    let dir = three_classes();
    let set = open("folder", dir.path());
    let pictures = set.train.images.pictures().unwrap();
    let (files, _) = picture::find(&[dir.path().join("train")]);
    let mut scratch = Scratch::default();
    let mut other = Scratch::default();
    for (i, [height, width]) in [[36, 54], [55, 36], [36, 36], [36, 60]].into_iter().enumerate() {
        let whole = pictures.scaled(i, &mut scratch).unwrap();
        assert_eq!([whole.height, whole.width], [height, width]);
        let pixel = |x: usize, y: usize| &whole.pixels[3 * (y * width + x)..][..3];
        // Any part is what lies there in the whole.
        for part in [
            Rectangle { left: 0, top: 0, width: 7, height: 9 },
            Rectangle { left: width - 5, top: height - 30, width: 5, height: 30 },
            Rectangle { left: 3, top: 2, width: 32, height: 1 },
            Rectangle::middle([32, 32], [height, width]),
        ] {
            let got = pictures.part(i, &mut other, |sides| {
                assert_eq!(sides, [height, width]);
                part
            });
            let got = got.unwrap();
            assert_eq!([got.height, got.width], [part.height, part.width]);
            for (at, rgb) in got.pixels.chunks(3).enumerate() {
                let want = pixel(part.left + at % part.width, part.top + at / part.width);
                let near = rgb.iter().zip(want).all(|(a, b)| a.abs_diff(*b) <= 1);
                assert!(near, "picture {i}, {part:?}: {rgb:?} at {at}, not {want:?}");
            }
        }
        let mut planes = vec![0; 3072];
        set.train.images.read(i, &mut planes).unwrap();
        let middle = Rectangle::middle([32, 32], [height, width]);
        let got = pictures.part(i, &mut other, |_| middle).unwrap().pixels;
        assert!((0..3072).all(|at| planes[at] == got[at % 1024 * 3 + at / 1024]));
        // So is the image of the picture by itself.
        let shape = Shape { channels: 3, height: 32, width: 32 };
        let size = Size::new(32, None).unwrap();
        assert_eq!(picture::read(&files[i], shape, Some(size), 255).unwrap(), planes);
    }
}

#[test]
fn a_picture_of_the_size_wanted_is_taken_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let picture = photograph(32, 32, 3);
    save(dir.path().join("train/a/1.png"), &picture);
    save(dir.path().join("val/a/1.png"), &picture);
    let set = data::open(Wanted { set: "folder", crop: Some(32), short_side: Some(32) }, Some(dir.path())).unwrap();
    let mut planes = vec![0; 3072];
    set.train.images.read(0, &mut planes).unwrap();
    assert!((0..3072).all(|at| planes[at] == picture.as_raw()[at % 1024 * 3 + at / 1024]));
}

#[test]
fn sizes_follow_from_the_crop() {
    for (crop, short) in [(227, 256), (224, 253), (64, 72), (128, 144)] {
        assert_eq!(Size::new(crop, None).unwrap(), Size { crop, short_side: short });
    }
    let size = Size::new(227, None).unwrap();
    assert_eq!(size.scaled([375, 500]), [256, 341]);
    assert_eq!(size.scaled([500, 375]), [341, 256]);
    assert_eq!(size.scaled([10, 10]), [256, 256]);
    assert_eq!(size.scaled([1, 1000]), [256, 256_000]);
    for (crop, short) in [(0, None), (32, Some(31))] {
        assert_says(&Size::new(crop, short).unwrap_err().to_string(), &["data.crop", "data.short_side"]);
    }
    let shape = data::shape("imagenet", None).unwrap();
    assert_eq!([shape.height, shape.width], [227, 227]);
    assert_says(&data::shape("folder", None).unwrap_err().to_string(), &["data.crop"]);
    let said = data::shape(wanted("cifar10"), None).unwrap_err().to_string();
    assert_says(&said, &["data.crop", "cifar10", "one size"]);
}

#[test]
fn a_folder_that_is_no_set_says_what_is_missing() {
    let said = |dir: &Path| data::open(wanted("folder"), Some(dir)).unwrap_err().to_string();
    let dir = tempfile::tempdir().unwrap();
    assert_says(&said(dir.path()), &["there are no pictures", "train/CLASS"]);
    fs::create_dir_all(dir.path().join("train/a")).unwrap();
    assert_says(&said(dir.path()), &["there are no pictures"]);
    save(dir.path().join("train/a/1.jpg"), &photograph(9, 9, 1));
    save(dir.path().join("val/b/1.jpg"), &photograph(9, 9, 1));
    assert_says(&said(dir.path()), &["val/b/1.jpg", "class b", "no training picture"]);
}
