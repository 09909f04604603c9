//! Reading the published layouts, and what damaged files are told.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use weightproof::data::{self, DataSet, Shape};

use super::pickles::{pickled, pickled_lists, python_folder};
use super::random_bytes;

pub const BATCHES: [&str; 6] =
    ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];

/// `count` labels and images of a CIFAR-10 batch.
pub fn cifar_batch(count: usize, seed: u32) -> (Vec<u8>, Vec<u8>) {
    (random_bytes(count, seed).iter().map(|b| b % 10).collect(), random_bytes(3072 * count, seed + 100))
}

/// The binary layout.
fn binary(labels: &[u8], pixels: &[u8]) -> Vec<u8> {
    labels.iter().zip(pixels.chunks(3072)).flat_map(|(label, image)| [&[*label], image].concat()).collect()
}

/// A folder with the binary layout, three images per file.
fn binary_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("cifar-10-batches-bin")).unwrap();
    for (seed, name) in BATCHES.iter().enumerate() {
        let (labels, pixels) = cifar_batch(3, seed as u32);
        let file = dir.path().join("cifar-10-batches-bin").join(format!("{name}.bin"));
        fs::write(file, binary(&labels, &pixels)).unwrap();
    }
    dir
}

/// What `load` says about CIFAR-10 or MNIST in `dir`.
pub fn complaint(name: &str, dir: &Path) -> String {
    data::load(name, Some(dir)).unwrap_err().to_string()
}

/// The images and labels of both splits.
pub fn content(set: &DataSet) -> [(Vec<u8>, Vec<u16>); 2] {
    [&set.train, &set.test].map(|split| (split.images.values().unwrap(), split.labels.clone()))
}

pub fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "\"{text}\" does not say \"{word}\"");
    }
}

#[test]
fn digits_are_all_there_and_both_parts_have_all_classes() {
    let digits = data::load("digits", None).unwrap();
    assert_eq!(digits.shape, Shape { channels: 1, height: 8, width: 8 });
    assert_eq!((digits.train.labels.len(), digits.test.labels.len()), (1437, 360));
    digits.check().unwrap();
    // Facts of the published set.
    let pixels = content(&digits).into_iter().flat_map(|(images, _)| images);
    assert_eq!(pixels.map(u32::from).sum::<u32>(), 561_718);
    let count = |labels: &[u16], class| labels.iter().filter(|l| **l == class).count();
    let per_class: Vec<usize> =
        (0..10).map(|c| count(&digits.train.labels, c) + count(&digits.test.labels, c)).collect();
    assert_eq!(per_class, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    assert!((0..10).all(|c| (20..=55).contains(&count(&digits.test.labels, c))));
}

#[test]
fn an_unknown_data_set_names_the_nearest() {
    assert_says(&complaint("cifar", Path::new("x")), &["no data set is called \"cifar\"", "\"cifar10\""]);
}

#[test]
fn cifar10_is_the_same_from_both_layouts_and_from_folder_or_parent() {
    let (bin, py) = (binary_folder(), python_folder());
    let first = data::load("cifar10", Some(bin.path())).unwrap();
    assert_eq!((first.train.labels.len(), first.test.labels.len()), (15, 3));
    let (labels, pixels) = cifar_batch(3, 0);
    let labels: Vec<u16> = labels.into_iter().map(u16::from).collect();
    let [(train, _), _] = content(&first);
    assert_eq!((&first.train.labels[..3], &train[..3 * 3072]), (&labels[..], &pixels[..]));
    let folders = [bin.path().join("cifar-10-batches-bin"), py.path().into(), py.path().join("cifar-10-batches-py")];
    for folder in folders {
        let other = data::load("cifar10", Some(&folder)).unwrap();
        assert!(content(&other) == content(&first));
    }
}

/// Two files of unlike length, coarse and fine labels before each image; the fine ones are the classes.
#[test]
fn cifar100_is_the_same_from_both_layouts_and_has_the_fine_labels() {
    let dir = tempfile::tempdir().unwrap();
    let [bin, py] = ["cifar-100-binary", "cifar-100-python"].map(|folder| dir.path().join(folder));
    [&bin, &py].iter().for_each(|folder| fs::create_dir(folder).unwrap());
    for (seed, (name, count)) in [("train", 5usize), ("test", 2)].into_iter().enumerate() {
        let (coarse, pixels) = cifar_batch(count, seed as u32);
        let fine: Vec<u8> = (0..count as u8).map(|i| 99 - 7 * i).collect();
        let records = coarse.iter().zip(&fine).zip(pixels.chunks(3072));
        let records: Vec<u8> = records.flat_map(|((c, f), image)| [&[*c, *f], image].concat()).collect();
        fs::write(bin.join(format!("{name}.bin")), records).unwrap();
        fs::write(py.join(name), pickled_lists(&[("coarse_labels", &coarse), ("fine_labels", &fine)], &pixels, 3072))
            .unwrap();
    }
    let [first, other] = [&bin, &py].map(|folder| data::load("cifar100", Some(folder)).unwrap());
    assert!(content(&other) == content(&first));
    assert_eq!(
        (first.train.labels.as_slice(), first.test.labels.as_slice()),
        (&[99, 92, 85, 78, 71][..], &[99, 92][..])
    );
    assert_eq!((first.classes.len(), first.classes[99].as_str(), first.shape.features()), (100, "worm", 3072));
    // A label that is none, in the second image of the test part; and a file that ends in an image.
    let test = bin.join("test.bin");
    let whole = fs::read(&test).unwrap();
    let mut bad = whole.clone();
    bad[3074 + 1] = 100;
    fs::write(&test, bad).unwrap();
    assert_says(
        &complaint("cifar100", dir.path()),
        &["test.bin", "image 1 has label 100", "0 to 99", "data fetch cifar100"],
    );
    fs::write(&test, &whole[..whole.len() - 1]).unwrap();
    assert_says(&complaint("cifar100", dir.path()), &["test.bin", "1 images and 3073 bytes"]);
}

#[test]
fn svhn_is_read_as_scipy_writes_it() {
    let dir = tempfile::tempdir().unwrap();
    let [train, test] = ["train_32x32.mat", "test_32x32.mat"].map(|name| dir.path().join("svhn").join(name));
    fs::create_dir(dir.path().join("svhn")).unwrap();
    fs::write(&train, include_bytes!("../reference/svhn_train.mat")).unwrap();
    fs::write(&test, include_bytes!("../reference/svhn_test.mat")).unwrap();
    let set = data::load("svhn", Some(dir.path())).unwrap();
    set.check().unwrap();
    let inside = data::load("svhn", Some(&dir.path().join("svhn"))).unwrap();
    assert!(content(&set) == content(&inside));
    assert_eq!(set.train.labels, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]);
    assert_eq!((set.test.labels.len(), set.classes[0].as_str()), (11, "0"));
    // The formula of tests/reference/svhn.py.
    let [(train, _), _] = content(&set);
    for (at, pixel) in train.iter().enumerate() {
        let (image, channel, row, column) = (at / 3072, at / 1024 % 3, at / 32 % 32, at % 32);
        let want = (2 * row + 3 * column + 50 * channel + 7 * image) % 256;
        assert_eq!(usize::from(*pixel), want, "image {image}, channel {channel}, row {row}, column {column}");
    }
    let whole = fs::read(&test).unwrap();
    for cut in [100, 130, whole.len() / 2, whole.len() - 1] {
        fs::write(&test, &whole[..cut]).unwrap();
        assert_says(&complaint("svhn", dir.path()), &["test_32x32.mat", "truncated"]);
    }
    fs::remove_file(&test).unwrap();
    assert_says(&complaint("svhn", dir.path()), &["test_32x32.mat", "missing", "data fetch svhn"]);
}

#[test]
fn a_missing_batch_is_named_with_the_remedy() {
    let dir = binary_folder();
    fs::remove_file(dir.path().join("cifar-10-batches-bin/data_batch_3.bin")).unwrap();
    let said = complaint("cifar10", dir.path());
    assert_says(&said, &["data_batch_3.bin", "missing", "weightproof data fetch cifar10", "--data"]);
    let empty = tempfile::tempdir().unwrap();
    assert_says(&complaint("cifar10", empty.path()), &["cifar-10-batches-bin", "data_batch_1.bin", "missing"]);
}

#[test]
fn a_truncated_batch_is_named() {
    let dir = binary_folder();
    let file = dir.path().join("cifar-10-batches-bin/data_batch_2.bin");
    let whole = fs::read(&file).unwrap();
    for part in [&whole[..whole.len() - 1], &whole[..100], &[]] {
        fs::write(&file, part).unwrap();
        assert_says(&complaint("cifar10", dir.path()), &["data_batch_2.bin", "truncated", "data fetch cifar10"]);
    }
}

#[test]
fn a_batch_that_is_too_long_is_called_so_and_named() {
    for (name, at) in [("test_batch", 5), ("data_batch_1", 0), ("data_batch_4", 3)] {
        let dir = binary_folder();
        let file = dir.path().join(format!("cifar-10-batches-bin/{name}.bin"));
        let whole = fs::read(&file).unwrap();
        let (labels, pixels) = cifar_batch(4, at);
        for (more, words) in [(&[0][..], "3 images and 1 bytes"), (&binary(&labels, &pixels)[..3073], "4 images")] {
            fs::write(&file, [&whole, more].concat()).unwrap();
            let said = complaint("cifar10", dir.path());
            assert_says(&said, &[name, words, "the other files have 3", "too long"]);
            assert!(!said.contains("truncated"), "{said}");
        }
    }
    // The python layout: a batch of one image more.
    let dir = python_folder();
    let (labels, pixels) = cifar_batch(4, 0);
    fs::write(dir.path().join("cifar-10-batches-py/test_batch"), pickled(&labels, &pixels, 3072)).unwrap();
    assert_says(&complaint("cifar10", dir.path()), &["test_batch", "4 images", "too long"]);
}

#[test]
fn a_label_out_of_range_is_named() {
    let dir = binary_folder();
    let (mut labels, pixels) = cifar_batch(3, 0);
    labels[1] = 10;
    fs::write(dir.path().join("cifar-10-batches-bin/test_batch.bin"), binary(&labels, &pixels)).unwrap();
    assert_says(&complaint("cifar10", dir.path()), &["test_batch.bin", "image 1 has label 10"]);
}

/// An idx file.
fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let dimensions = dims.iter().flat_map(|d| d.to_be_bytes());
    [0, 0, 8, dims.len() as u8].into_iter().chain(dimensions).chain(values.iter().copied()).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes six training and two test digits to `dir`; `name(stem, rank)` makes the file names.
fn write_mnist(dir: &Path, name: impl Fn(&str, usize) -> String) {
    for (prefix, count) in [("train", 6), ("t10k", 2)] {
        let images = idx(&[count, 28, 28], &random_bytes(count as usize * 784, count));
        let labels = idx(&[count], &(0..count as u8).collect::<Vec<_>>());
        for (kind, rank, bytes) in [("images", 3, images), ("labels", 1, labels)] {
            let name = name(&format!("{prefix}-{kind}"), rank);
            let bytes = if name.ends_with(".gz") { gzipped(&bytes) } else { bytes };
            fs::write(dir.join(name), bytes).unwrap();
        }
    }
}

#[test]
fn mnist_is_the_same_plain_or_gzipped_under_all_its_names_and_in_torchvisions_folders() {
    let mut sets = Vec::new();
    for (separator, extension) in [("-", ""), (".", ""), ("-", ".gz"), (".", ".gz")] {
        for (folder, seen_from) in [("mnist", ["", "mnist"]), ("MNIST/raw", ["", "MNIST"])] {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            write_mnist(&dir.path().join(folder), |stem, rank| format!("{stem}{separator}idx{rank}-ubyte{extension}"));
            for from in seen_from {
                let from = dir.path().join(from);
                let set = data::load("mnist", Some(&from)).unwrap();
                assert_eq!(set.shape, Shape { channels: 1, height: 28, width: 28 });
                assert_eq!(data::shape("mnist", Some(&from)).unwrap(), set.shape);
                sets.push(content(&set));
                // The same files are compared, and differ.
                let said = data::verify("mnist", Some(&from)).unwrap_err().to_string();
                for kind in ["train-images", "train-labels", "t10k-images", "t10k-labels"] {
                    let rank = if kind.ends_with("images") { 3 } else { 1 };
                    let file = dir.path().join(folder).join(format!("{kind}{separator}idx{rank}-ubyte{extension}"));
                    assert_says(&said, &[&format!("{} differs", file.display())]);
                }
            }
        }
    }
    assert_eq!(sets[0][0].1, [0, 1, 2, 3, 4, 5]);
    assert!(sets.iter().all(|set| *set == sets[0]));
}

#[test]
fn files_of_two_folders_are_not_mixed() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["mnist", "MNIST/raw"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
        write_mnist(&dir.path().join(folder), |stem, rank| format!("{stem}-idx{rank}-ubyte"));
    }
    fs::remove_file(dir.path().join("mnist/t10k-labels-idx1-ubyte")).unwrap();
    assert_says(&complaint("mnist", dir.path()), &["mnist/t10k-labels-idx1-ubyte", "missing"]);
}

#[test]
fn a_gzip_file_of_several_members_is_read_whole() {
    let whole = tempfile::tempdir().unwrap();
    write_mnist(whole.path(), |stem, rank| format!("{stem}-idx{rank}-ubyte.gz"));
    let one = data::load("mnist", Some(whole.path())).unwrap();
    let file = whole.path().join("train-images-idx3-ubyte.gz");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&fs::read(&file).unwrap()[..]).read_to_end(&mut bytes).unwrap();
    let members = [&bytes[..7], &[], &bytes[7..3000], &bytes[3000..]].map(gzipped).concat();
    for padding in [0, 512] {
        fs::write(&file, [&members[..], &vec![0; padding]].concat()).unwrap();
        let several = data::load("mnist", Some(whole.path())).unwrap();
        assert!(content(&several) == content(&one));
        assert_eq!(data::shape("mnist", Some(whole.path())).unwrap(), one.shape);
    }
    fs::write(&file, [&members[..], b"abc"].concat()).unwrap();
    assert_says(&complaint("mnist", whole.path()), &["train-images-idx3-ubyte.gz", "too long", "3 bytes follow"]);
    fs::write(&file, &members[..members.len() - 1]).unwrap();
    assert_says(&complaint("mnist", whole.path()), &["train-images-idx3-ubyte.gz", "truncated"]);
}

#[test]
fn the_shape_is_that_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    assert_says(&data::shape("stl10", Some(dir.path())).unwrap_err().to_string(), &["stl10"]);
    let shape = |channels, height, width| Shape { channels, height, width };
    assert_eq!(data::shape("mnist", Some(dir.path())).unwrap(), shape(1, 28, 28));
    assert_eq!(data::shape("cifar10", Some(dir.path())).unwrap(), shape(3, 32, 32));
    fs::write(dir.path().join("train-images.idx3-ubyte"), idx(&[1, 56, 28], &[0; 56 * 28])).unwrap();
    assert_eq!(data::shape("mnist", Some(dir.path())).unwrap(), shape(1, 56, 28));
    fs::write(dir.path().join("train-images.idx3-ubyte"), b"\0\0\x08\x03\0").unwrap();
    let said = data::shape("mnist", Some(dir.path())).unwrap_err().to_string();
    assert_says(&said, &["train-images.idx3-ubyte", "no idx file"]);
}

#[test]
fn a_damaged_mnist_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_mnist(dir.path(), |stem, rank| format!("{stem}-idx{rank}-ubyte"));
    let images = dir.path().join("train-images-idx3-ubyte");
    let labels = dir.path().join("train-labels-idx1-ubyte");
    let (good_images, good_labels) = (fs::read(&images).unwrap(), fs::read(&labels).unwrap());
    let cases = [
        (&images, good_images[..good_images.len() - 1].to_vec(), "truncated"),
        // A header that claims 2^92 bytes.
        (&images, idx(&[u32::MAX, u32::MAX, u32::MAX], &[]), "truncated"),
        (&images, [&good_images[..], &[0]].concat(), "too long"),
        (&labels, [&good_labels[..], &[0]].concat(), "too long"),
        (&images, good_labels.clone(), "no idx file of bytes with 3"),
        (&images, vec![], "no idx file"),
        (&labels, idx(&[5], &[0; 5]), "5 labels for the 6 images"),
        (&labels, idx(&[6], &[0, 1, 2, 3, 4, 10]), "image 5 has label 10"),
    ];
    for (path, bytes, words) in cases {
        fs::write(path, bytes).unwrap();
        assert_says(&complaint("mnist", dir.path()), &[path.to_str().unwrap(), words, "data fetch mnist"]);
        fs::write(&images, &good_images).unwrap();
        fs::write(&labels, &good_labels).unwrap();
    }
    fs::remove_file(&labels).unwrap();
    assert_says(&complaint("mnist", dir.path()), &["train-labels-idx1-ubyte", "missing"]);
}

#[test]
fn a_cut_gzip_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write_mnist(dir.path(), |stem, rank| format!("{stem}-idx{rank}-ubyte.gz"));
    let file = dir.path().join("t10k-images-idx3-ubyte.gz");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert_says(&complaint("mnist", dir.path()), &["t10k-images-idx3-ubyte.gz", "damaged or truncated"]);
}

#[test]
fn verify_accepts_the_embedded_set_and_names_every_file_that_is_wrong() {
    assert_eq!(data::verify("digits", None).unwrap().len(), 1);
    let dir = binary_folder();
    fs::remove_file(dir.path().join("cifar-10-batches-bin/test_batch.bin")).unwrap();
    let said = data::verify("cifar10", Some(dir.path())).unwrap_err().to_string();
    assert_says(&said, &["data_batch_1.bin differs", "data_batch_5.bin differs", "test_batch.bin is missing"]);
    let said = data::verify("cifar10", Some(python_folder().path())).unwrap_err().to_string();
    assert_says(&said, &["cifar-10-batches-py/data_batch_1 differs", "cifar-10-batches-py/test_batch differs"]);
    assert!(data::verify("stl10", None).is_err());
}
