//! Images that are streamed from their files are those that are held in memory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weightproof::data::prepare::prepare_in;
use weightproof::data::{self, Batches, DataSet, Part, Position, Prepared, Preprocessing, Scale};

use super::random_bytes;
use super::sets::{assert_says, content};

/// Three ways to prepare images: by a table, one by one, all together.
const WAYS: [Preprocessing; 3] = [
    Preprocessing::UNIT,
    Preprocessing { scale: Scale::Raw, mean: None, gcn: Some(55.0), zca: None },
    Preprocessing { scale: Scale::Raw, mean: None, gcn: Some(55.0), zca: Some(0.1) },
];

/// A folder with unpacked idx files of `train` + `test` images of 4x3, and their images' file of training.
fn folder(train: usize, test: usize) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for (prefix, count) in [("train", train), ("t10k", test)] {
        let n = (count as u32).to_be_bytes();
        let images =
            [&[0, 0, 8, 3][..], &n, &[0, 0, 0, 4, 0, 0, 0, 3], &random_bytes(12 * count, count as u32)].concat();
        let labels =
            [&[0, 0, 8, 1][..], &n, &random_bytes(count, 5).iter().map(|b| b % 10).collect::<Vec<_>>()].concat();
        fs::write(dir.path().join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        fs::write(dir.path().join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
    let images = dir.path().join("train-images-idx3-ubyte");
    (dir, images)
}

fn opened(dir: &Path) -> DataSet {
    let set = data::open("mnist", Some(dir)).unwrap();
    set.check_streamed().unwrap();
    set
}

fn prepared(set: &DataSet, way: &Preprocessing, cache: &Path, workers: usize) -> Arc<Prepared> {
    let mut prepared = prepare_in(set, way, Some(70), Some(cache)).unwrap();
    prepared.hold_out(20).unwrap();
    prepared.workers = workers;
    Arc::new(prepared)
}

/// What a network sees: images, labels and places of the next batches.
type Seen = Vec<(Vec<u32>, Vec<u32>, Vec<u32>, u64)>;

fn take(batches: Batches, count: usize) -> Seen {
    let batches = batches.take(count).map(Result::unwrap);
    batches.map(|b| (b.images.clone(), b.labels.clone(), b.chosen.clone(), b.position.step)).collect()
}

#[test]
fn streamed_batches_are_those_held_in_memory_for_any_number_of_workers_and_from_any_step() {
    let (dir, _) = folder(80, 33);
    let set = opened(dir.path());
    for way in &WAYS {
        let cache = tempfile::tempdir().unwrap();
        // First what is streamed, so that it finds no cache, then what is held, with a cache of its own.
        let streamed = prepared(&set, way, cache.path(), 1);
        let held = prepared(&set.clone().held().unwrap(), way, tempfile::tempdir().unwrap().path(), 1);
        assert!(streamed.is_streamed() && !held.is_streamed());
        // Seven batches an epoch.
        let whole = take(Batches::train(held.clone(), 7, 3, Position::default()).unwrap(), 23);
        for workers in [1, 2, 5] {
            for set in [&set, &set.clone().held().unwrap()] {
                let data = prepared(set, way, cache.path(), workers);
                for step in [0, 4, 7, 13] {
                    let batches = Batches::train(data.clone(), 7, 3, Position { step }).unwrap();
                    assert!(take(batches, 23 - step as usize) == whole[step as usize..], "{way:?}, {workers}, {step}");
                }
                for part in [Part::Train, Part::Validation, Part::Test] {
                    let [a, b] = [&data, &held].map(|d| Batches::sequential(d.clone(), part, 8).unwrap());
                    assert_eq!(a.per_epoch(), b.per_epoch());
                    assert!(take(a, 100) == take(b, 100), "{way:?}, {workers}, {part:?}");
                    assert_eq!(data.all_words(part).unwrap(), held.all_words(part).unwrap());
                }
            }
        }
    }
}

#[test]
fn a_streamed_set_holds_no_images_however_large_it_is() {
    for count in [80, 800] {
        let (dir, _) = folder(count, 33);
        let (set, cache) = (opened(dir.path()), tempfile::tempdir().unwrap());
        for way in &WAYS {
            let streamed = prepared(&set, way, cache.path(), 3);
            let held = prepared(&set.clone().held().unwrap(), way, cache.path(), 3);
            let bytes = |p: &Prepared| [Part::Train, Part::Validation, Part::Test].map(|s| p.split(s).bytes_held());
            assert_eq!(bytes(&streamed), [0; 3]);
            assert!(bytes(&held).into_iter().all(|bytes| bytes >= 33 * 12));
        }
    }
}

#[test]
fn a_file_that_becomes_shorter_ends_the_batches_with_its_name_and_the_place() {
    for workers in [1, 2, 5] {
        let (dir, file) = folder(80, 33);
        let data = prepared(&opened(dir.path()), &WAYS[0], dir.path(), workers);
        let mut batches = Batches::train(data.clone(), 7, 3, Position::default()).unwrap();
        batches.next().unwrap().unwrap();
        File::options().write(true).open(&file).unwrap().set_len(16).unwrap();
        // What was read before comes; then the error, then nothing more.
        let said = batches.find_map(Result::err).unwrap().to_string();
        assert_says(&said, &[file.to_str().unwrap(), "image ", "12 bytes from byte ", "shorter"]);
        assert!(batches.next().is_none());
        drop(batches);
        assert_eq!(Arc::strong_count(&data), 1);
    }
}

#[test]
fn a_file_that_is_removed_is_read_on() {
    let (dir, file) = folder(80, 33);
    let data = prepared(&opened(dir.path()), &WAYS[0], dir.path(), 2);
    let whole = data.values(Part::Train).unwrap();
    // Where an open file cannot be removed, there is nothing to show.
    let _ = fs::remove_file(file);
    assert_eq!(data.values(Part::Train).unwrap(), whole);
}

#[test]
fn a_consumer_that_stops_early_waits_for_nobody() {
    let (dir, _) = folder(80, 33);
    let data = prepared(&opened(dir.path()), &WAYS[1], dir.path(), 5);
    let start = Instant::now();
    for taken in 0..40 {
        let batches = Batches::train(data.clone(), 1, 3, Position::default()).unwrap();
        take(batches, taken);
        assert_eq!(Arc::strong_count(&data), 1, "every thread has ended");
    }
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn whitened_images_are_streamed_from_the_cache_and_from_nowhere_else() {
    let (dir, file) = folder(80, 33);
    let (set, cache) = (opened(dir.path()), tempfile::tempdir().unwrap());
    let said = prepare_in(&set, &WAYS[2], None, None).unwrap_err().to_string();
    assert_says(&said, &["cache folder", "WEIGHTPROOF_CACHE", "data.stream=false"]);
    let said = prepare_in(&set, &WAYS[2], None, Some(&file)).unwrap_err().to_string();
    assert_says(&said, &[file.to_str().unwrap()]);
    let first = prepare_in(&set, &WAYS[2], None, Some(cache.path())).unwrap();
    let written = fs::read_dir(cache.path()).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&written).unwrap();
    // The same file as of a set in memory. A damaged one is replaced.
    let other = tempfile::tempdir().unwrap();
    prepare_in(&set.clone().held().unwrap(), &WAYS[2], None, Some(other.path())).unwrap();
    assert!(fs::read(other.path().join(written.file_name().unwrap())).unwrap() == bytes);
    let first = first.values(Part::Train).unwrap();
    let mut damaged = bytes.clone();
    damaged[1000] ^= 1;
    fs::write(&written, damaged).unwrap();
    let again = prepare_in(&set, &WAYS[2], None, Some(cache.path())).unwrap();
    assert!(again.values(Part::Train).unwrap() == first);
    assert!(fs::read(&written).unwrap() == bytes);
    // A file of images that ends while it is whitened.
    File::options().write(true).open(&file).unwrap().set_len(100).unwrap();
    let said = prepare_in(&set, &WAYS[2], None, Some(cache.path())).unwrap_err().to_string();
    assert_says(&said, &[file.to_str().unwrap(), "shorter"]);
}

#[test]
fn sets_that_are_read_whole_cannot_be_streamed() {
    let digits = data::open("digits", None).unwrap();
    assert!(content(&digits) == content(&data::load("digits", None).unwrap()));
    assert_says(
        &digits.check_streamed().unwrap_err().to_string(),
        &["data.stream", "digits", "one by one", "\"auto\""],
    );
    let dir = super::pickles::python_folder();
    let said = data::open("cifar10", Some(dir.path())).unwrap().check_streamed().unwrap_err().to_string();
    assert_says(&said, &["data.stream", "cifar10", "only the binary layout"]);
}
