//! Pictures that are not what their names say, or no pictures at all.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{GrayImage, Luma};
use tempfile::TempDir;
use weightproof::data::pictures::Scratch;
use weightproof::data::prepare::prepare_in;
use weightproof::data::{Batches, Position, Prepared, Preprocessing};

use super::folders::{open, photograph, save, three_classes};
use super::random_bytes;
use super::sets::assert_says;

/// A picture of the folder `pictures`.
fn stored(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures").join(name)).unwrap()
}

/// A JPEG.
fn jpeg(number: u32) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path().join("a.jpg"), &photograph(70, 50, number));
    fs::read(dir.path().join("a.jpg")).unwrap()
}

#[test]
fn what_can_be_decoded_is_taken_however_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("train/a");
    fs::create_dir_all(&folder).unwrap();
    // Red, green, blue and white, as PIL wrote them; a PNG is called JPEG as in ImageNet.
    for (at, name) in ["cmyk.jpg", "palette.png", "progressive.jpg", "turned.jpg"].into_iter().enumerate() {
        fs::write(folder.join(format!("{at}.JPEG")), stored(name)).unwrap();
    }
    GrayImage::from_fn(50, 50, |x, _| Luma([5 * x as u8])).save(folder.join("5.jpg")).unwrap();
    let set = open("folder", dir.path());
    let mut image = vec![0; 3072];
    for at in 0..4 {
        set.train.images.read(at, &mut image).unwrap();
        for (place, want) in
            [([8, 8], [255, 0, 0]), ([24, 8], [0, 255, 0]), ([8, 24], [0, 0, 255]), ([24, 24], [255; 3])]
        {
            let got = [0, 1, 2].map(|channel| image[1024 * channel + 32 * place[1] + place[0]]);
            assert!(got.iter().zip(want).all(|(g, w): (&u8, u8)| g.abs_diff(w) <= 3), "{at}: {got:?}, not {want:?}");
        }
    }
    set.train.images.read(4, &mut image).unwrap();
    assert!(image[..1024] == image[1024..2048] && image[..1024] == image[2048..] && image[0] < image[31]);
}

/// Three classes of eleven pictures, of which some are bad: which they are, and their folder.
pub fn with_bad_ones() -> (TempDir, [usize; 6]) {
    let dir = tempfile::tempdir().unwrap();
    for class in 0..3u32 {
        for i in 0..11u32 {
            let path = dir.path().join(format!("train/{class}/{i:02}.JPEG"));
            save(path, &photograph(40 + i, 50, 11 * class + i));
        }
        save(dir.path().join(format!("val/{class}/0.png")), &photograph(33, 33, class));
    }
    let good = jpeg(1);
    let bad: [&[u8]; 6] = [
        b"",
        b"not found",
        &good[..good.len() / 2],
        &stored("palette.png")[..60],
        b"GIF89a\x10\0\x10\0\0\0\0",
        &good[..3],
    ];
    // The last of a class is followed by its first.
    let places = [3, 4, 10, 11, 27, 32];
    for (place, bytes) in places.into_iter().zip(bad) {
        fs::write(dir.path().join(format!("train/{}/{:02}.JPEG", place / 11, place % 11)), bytes).unwrap();
    }
    (dir, places)
}

#[test]
fn the_next_picture_of_its_class_stands_in_for_one_that_cannot_be_decoded() {
    let (dir, places) = with_bad_ones();
    let set = open("folder", dir.path());
    let images = set.train.images;
    let read = |i: usize| {
        let mut image = vec![0; 3072];
        images.read(i, &mut image).unwrap();
        image
    };
    let all: Vec<Vec<u8>> = (0..33).map(read).collect();
    for (bad, next) in places.into_iter().zip([5, 5, 0, 12, 28, 22]) {
        assert!(all[bad] == all[next], "{bad}");
    }
    assert!((0..33).all(|i| places.contains(&i) || (0..i).all(|j| places.contains(&j) || all[i] != all[j])));
    // Of a part of the split, only what is in it: what is held out stays out.
    let mut image = vec![0; 3072];
    for (range, next) in [(0..5, 0), (3..9, 5), (2..5, 2)] {
        let at = 4 - range.start;
        images.slice(range).read(at, &mut image).unwrap();
        assert!(image == all[next]);
    }
    let said = images.slice(3..5).read(0, &mut image).unwrap_err().to_string();
    assert_says(&said, &["03.JPEG", "none of the pictures of its class"]);
    // Each thread may find them in its own order.
    assert!(set.train.labels.len() == 33 && images.values().unwrap() == all.concat());
}

type Seen = Vec<(Vec<u32>, Vec<u32>, u64)>;

fn take(data: &Arc<Prepared>, step: u64, count: usize) -> Seen {
    let batches = Batches::train(data.clone(), 7, 3, Position { step }).unwrap().take(count).map(Result::unwrap);
    batches.map(|b| (b.images.clone(), b.labels.clone(), b.position.step)).collect()
}

#[test]
fn batches_are_the_same_whatever_the_threads_and_wherever_a_run_goes_on() {
    let (dir, _) = with_bad_ones();
    let prepared = |held: bool, workers: usize| {
        // Opened anew each time: nothing is known of bad pictures.
        let set = open("folder", dir.path());
        let set = if held { set.held().unwrap() } else { set };
        let mut prepared = prepare_in(&set, &Preprocessing::UNIT, Some(30), None).unwrap();
        prepared.workers = workers;
        Arc::new(prepared)
    };
    let whole = take(&prepared(true, 1), 0, 14);
    for workers in [1, 2, 5] {
        for step in [0, 2, 4, 9] {
            assert!(
                take(&prepared(false, workers), step, 14 - step as usize) == whole[step as usize..],
                "{workers} {step}"
            );
        }
    }
}

#[test]
fn too_many_bad_pictures_end_the_reading() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..13 {
        save(dir.path().join(format!("train/a/{i:02}.jpg")), &photograph(33, 33, i));
    }
    for i in 0..11 {
        fs::write(dir.path().join(format!("train/a/{i:02}.jpg")), "").unwrap();
    }
    let images = open("folder", dir.path()).train.images;
    let mut image = vec![0; 3072];
    images.read(1, &mut image).unwrap();
    let said = images.read(0, &mut image).unwrap_err().to_string();
    assert_says(&said, &["00.jpg", "empty", "number 11 of 13", "10 are let pass"]);
    // What cannot be read at all is no bad picture: the disk may be gone.
    let dir = three_classes();
    let images = open("folder", dir.path()).train.images;
    fs::remove_file(dir.path().join("train/ant/ant_0.JPEG")).unwrap();
    let said = images.read(0, &mut image).unwrap_err().to_string();
    assert_says(&said, &["ant_0.JPEG"]);
}

#[test]
fn damage_never_ends_more_than_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("train/a");
    save(folder.join("good.png"), &photograph(40, 40, 1));
    let sources = [jpeg(2), stored("progressive.jpg"), stored("cmyk.jpg"), stored("palette.png")];
    let mut scratch = Scratch::default();
    for (at, source) in sources.iter().enumerate() {
        for round in 0..60 {
            let mut bytes = source.clone();
            let noise = random_bytes(24, 100 * at as u32 + round);
            for change in noise.chunks(4) {
                let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
                bytes[place] = change[2];
            }
            bytes.truncate(bytes.len() - usize::from(noise[3]) % bytes.len() * (round as usize % 2));
            fs::write(folder.join("damaged.jpg"), bytes).unwrap();
            // Itself, or the other.
            let images = open("folder", dir.path()).train.images;
            let image = images.pictures().unwrap().scaled(0, &mut scratch).unwrap();
            assert_eq!(image.pixels.len(), 3 * image.height * image.width);
        }
    }
}
