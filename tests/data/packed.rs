//! Packed pictures are those of the folder that they were packed from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use indicatif::ProgressBar;
use tempfile::TempDir;
use weightproof::data::pictures::{Encoding, Scratch, pack};
use weightproof::data::{self, DataSet};
use weightproof::error::Result;

use super::bad_pictures::with_bad_ones;
use super::folders::{open, photograph, save, three_classes, wanted};
use super::sets::assert_says;

fn packed(set: &DataSet, encoding: Encoding, out: &Path) -> Result<bool> {
    pack(set, encoding, out, &ProgressBar::hidden(), &AtomicBool::new(false))
}

/// A set with bad pictures, and the file that it was packed into.
fn packed_set(encoding: Encoding) -> (TempDir, DataSet, PathBuf) {
    let (dir, _) = with_bad_ones();
    let (set, out) = (open("folder", dir.path()), dir.path().join("set.pictures"));
    assert!(packed(&set, encoding, &out).unwrap());
    assert!(!dir.path().join("set.pictures.part").exists());
    (dir, set, out)
}

#[test]
fn raw_pictures_are_those_of_the_folder_to_rounding() {
    let (_dir, folder, file) = packed_set(Encoding::Raw);
    let set = open("folder", &file);
    assert_eq!((&set.name, &set.classes, set.shape), (&folder.name, &folder.classes, folder.shape));
    for (got, want) in [(&set.train, &folder.train), (&set.test, &folder.test)] {
        assert_eq!(got.labels, want.labels);
        // Those that could not be decoded are stood in for by the same ones.
        let [got_values, want_values] = [got, want].map(|split| split.images.values().unwrap());
        assert!(got_values.iter().zip(&want_values).all(|(a, b)| a.abs_diff(*b) <= 1));
        // The whole pictures are equal: it is the rounding of a part that is scaled by itself.
        let [mut a, mut b] = [Scratch::default(), Scratch::default()];
        for i in 0..got.labels.len() {
            let [got, want] = [got, want].map(|split| split.images.pictures().unwrap());
            assert_eq!(got.scaled(i, &mut a).unwrap(), want.scaled(i, &mut b).unwrap());
        }
    }
    // What is packed can be packed again.
    let again = file.with_extension("again");
    packed(&set, Encoding::Raw, &again).unwrap();
    assert!(fs::read(again).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn jpegs_of_high_quality_are_nearly_the_same() {
    let (_dir, folder, file) = packed_set(Encoding::Jpeg(95));
    let set = open("folder", &file);
    assert_eq!(set.train.labels, folder.train.labels);
    let [got, want] = [set, folder].map(|set| set.train.images.values().unwrap());
    let off: u64 = got.iter().zip(&want).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!(off < 3 * got.len() as u64, "{off} of {}", got.len());
}

#[test]
fn a_part_is_gone_on_with_wherever_it_ends() {
    let (dir, set, file) = packed_set(Encoding::Raw);
    let whole = fs::read(&file).unwrap();
    let (out, part) = (dir.path().join("again"), dir.path().join("again.part"));
    // Stopped before anything was packed.
    assert!(!pack(&set, Encoding::Raw, &out, &ProgressBar::hidden(), &AtomicBool::new(true)).unwrap());
    assert!(part.is_file() && !out.exists());
    for end in [0, 5, 60, 300, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        fs::write(&part, &whole[..end]).unwrap();
        assert!(packed(&set, Encoding::Raw, &out).unwrap());
        assert!(fs::read(&out).unwrap() == whole, "{end}");
    }
    // The part was damaged: what comes from there on is packed again.
    let mut damaged = whole[..whole.len() / 2].to_vec();
    damaged[whole.len() / 3] ^= 1;
    fs::write(&part, damaged).unwrap();
    assert!(packed(&set, Encoding::Raw, &out).unwrap());
    assert!(fs::read(&out).unwrap() == whole);
    // A part of something else.
    for other in [&b"something else"[..], &[0; 5000]] {
        fs::write(&part, other).unwrap();
        assert_says(&packed(&set, Encoding::Raw, &out).unwrap_err().to_string(), &["again.part", "another set"]);
    }
    fs::write(&part, &whole[..whole.len() / 2]).unwrap();
    assert_says(&packed(&set, Encoding::Jpeg(90), &out).unwrap_err().to_string(), &["again.part", "another way"]);
    // Images that are no pictures.
    let said = packed(&data::open("digits", None).unwrap(), Encoding::Raw, &out).unwrap_err().to_string();
    assert_says(&said, &["digits", "nothing to pack"]);
}

#[test]
fn damage_is_noticed() {
    let dir = three_classes();
    // Of the size wanted, so that its bytes are those in the file.
    save(dir.path().join("train/ant/0.png"), &photograph(36, 36, 77));
    let (set, file) = (open("folder", dir.path()), dir.path().join("set.pictures"));
    packed(&set, Encoding::Raw, &file).unwrap();
    let whole = fs::read(&file).unwrap();
    let said = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        data::open(wanted("folder"), Some(&file)).unwrap_err().to_string()
    };
    for end in [0, 7, 12, 40, 200, whole.len() / 2, whole.len() - 1] {
        assert_says(&said(&whole[..end]), &["set.pictures", "pack"]);
    }
    for at in [0, 8, 9, 30, whole.len() - 1, whole.len() - 33, whole.len() - 36, whole.len() - 50, whole.len() - 200] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x80;
        assert_says(&said(&bytes), &["set.pictures", "pack"]);
    }
    // A bit of a picture: the next one of its class.
    let pixels = photograph(36, 36, 77).into_raw();
    let at = whole.windows(pixels.len()).position(|bytes| bytes == pixels).unwrap();
    let name = at - "ant/0.png".len();
    assert_eq!(&whole[name..at], b"ant/0.png");
    for change in [at, at + 3000, name, name - 18, name - 14, name - 10, name - 2, name - 1] {
        let mut bytes = whole.clone();
        bytes[change] ^= 4;
        fs::write(&file, bytes).unwrap();
        let images = open("folder", &file).train.images;
        let [mut got, mut want] = [vec![0; 3072], vec![0; 3072]];
        images.read(0, &mut got).unwrap();
        set.train.images.read(1, &mut want).unwrap();
        assert!(got == want, "{change}");
    }
}
