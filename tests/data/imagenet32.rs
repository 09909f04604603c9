//! ImageNet32 in both published forms, as NumPy and pickle write them (`tests/reference/imagenet32.py`).

use std::fs;
use std::path::Path;

use weightproof::data::{self, DataSet};

use super::sets::{assert_says, complaint, content};

const SET: &str = "imagenet32";

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/imagenet32").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// How the names of fixtures end: npz, compressed, pickled.
const FORMS: [&str; 3] = [".npz", ".compressed.npz", ""];

/// A folder of the set: the batch of the fixture ten times, and its validation images.
fn folder(form: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(SET)).unwrap();
    let ending = if form.is_empty() { "" } else { ".npz" };
    let train = fixture(&format!("train_data_batch_1{form}"));
    let write =
        |name: &str, bytes: &[u8]| fs::write(dir.path().join(SET).join(format!("{name}{ending}")), bytes).unwrap();
    (1..=10).for_each(|i| write(&format!("train_data_batch_{i}"), &train));
    write("val_data", &fixture(&format!("val_data{form}")));
    dir
}

fn pixel(image: usize, i: usize) -> u8 {
    (31 * image + 50 * (i / 1024) + 2 * (i / 32 % 32) + 3 * (i % 32)) as u8
}

fn images(of: &[usize]) -> Vec<u8> {
    of.iter().flat_map(|image| (0..3072).map(|i| pixel(*image, i))).collect()
}

#[test]
fn both_published_forms_hold_the_same_images_and_labels_from_zero_on() {
    let opened = |form: &str| -> DataSet {
        let dir = folder(form);
        let set = data::open(SET, Some(dir.path())).unwrap();
        set.check().unwrap();
        // From the folder itself, too.
        let inner = data::open(SET, Some(&dir.path().join(SET))).unwrap();
        assert!(content(&inner) == content(&set));
        set
    };
    let train = ([0, 1, 2].repeat(10), [0, 999, 499].repeat(10));
    for form in FORMS {
        let set = opened(form);
        assert_eq!((set.shape.to_string().as_str(), set.classes.len(), set.maximum), ("3x32x32", 1000, 255));
        let [a, b] = content(&set);
        assert!(a == (images(&train.0), train.1.clone()) && b == (images(&[0, 1]), vec![6, 999]), "{form}");
        // What is compressed cannot be read image by image.
        assert_eq!(set.check_streamed().is_ok(), form != ".compressed.npz");
        assert_eq!(set.train.images.bytes_held(), if form == ".compressed.npz" { 30 * 3072 } else { 0 });
    }
    assert_says(
        &opened(".compressed.npz").check_streamed().unwrap_err().to_string(),
        &["npz files that are not compr"],
    );
}

/// One file of the set replaced; what is said of it.
fn with(form: &str, name: &str, bytes: &[u8]) -> String {
    let dir = folder(form);
    fs::write(dir.path().join(SET).join(name), bytes).unwrap();
    let said = complaint(SET, dir.path());
    assert_says(&said, &[name, "https://image-net.org/download-images", "--data DIR"]);
    said
}

/// An npz file of arrays with these headers and bytes.
fn npz(arrays: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut file = vec![];
    for (name, header, bytes) in arrays {
        let length = (header.len() as u16).to_le_bytes();
        let content = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        let (size, name) = ((content.len() as u32).to_le_bytes(), format!("{name}.npy"));
        // Version, no flags, stored, no time.
        file.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        file.extend([crc.sum().to_le_bytes(), size, size, [name.len() as u8, 0, 0, 0]].concat());
        file.extend([name.as_bytes(), &content].concat());
    }
    file.extend(b"PK\x01\x02 and the table of entries");
    file
}

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n")
}

#[test]
fn an_array_that_is_not_as_published_says_what_it_is() {
    let (data, labels) = (header("|u1", "2, 3072"), header("<i8", "2,"));
    let (pixels, numbers) = (images(&[0, 1]), [5u64, 6].map(u64::to_le_bytes).concat());
    let says = |arrays: &[(&str, &str, &[u8])], words: &[&str]| {
        assert_says(&with(".npz", "val_data.npz", &npz(arrays)), words)
    };
    let of_data =
        |header: &str, words: &[&str]| says(&[("data", header, &pixels), ("labels", &labels, &numbers)], words);
    of_data(&header("|u1", "2, 3073"), &["`data` of [2, 3073] |u1 does not take the", "bytes of its entry"]);
    of_data(&header("|u1", "6144,"), &["`data` is |u1 [6144]; |u1 [images, 3072] is expected"]);
    of_data(&header("|u1", "4, 1536"), &["2 labels and 4 images of 1536 values"]);
    of_data(&header("<f4", "2, 768"), &["`data` is <f4"]);
    of_data(&header("|u1", "18446744073709551615, 18446744073709551615"), &["does not take"]);
    of_data(&data.replace("False", "True"), &["none of an array of numbers in row-major order"]);
    of_data(&header("|O", "2, 3072"), &["`data` has the header"]);
    of_data("{}", &["`data` has the header"]);
    of_data(&" ".repeat(5000), &["claims a header of 5000 bytes"]);
    says(&[("data", &data, &pixels)], &["there is no array `labels`"]);
    says(&[("labels", &labels, &numbers)], &["there is no array `data`"]);
    let of_labels = |header: &str, bytes: &[u8], words: &[&str]| {
        says(&[("data", &data, &pixels), ("labels", header, bytes)], words)
    };
    of_labels(&header("<i8", "1,"), &numbers[..8], &["1 labels and 2 images"]);
    of_labels(
        &header("<i8", "2,"),
        &[0u64, 6].map(u64::to_le_bytes).concat(),
        &["image 0 has label 0, but the labels are 1 to 1000"],
    );
    of_labels(&header("<i2", "2,"), &[6i16, 1001].map(i16::to_le_bytes).concat(), &["image 1 has label 1001"]);
    of_labels(&header("|i1", "2,"), &[6, 0xff], &["image 1 has label -1"]);
    of_labels(&header("<f8", "2,"), &numbers, &["`labels`: type <f8; little-endian integers"]);
    of_labels(&header(">i8", "2,"), &numbers, &["`labels`: type >i8; little-endian integers"]);
}

#[test]
fn damaged_and_missing_files_are_named_with_where_to_get_the_set() {
    let whole = fixture("train_data_batch_1.npz");
    let name = "train_data_batch_7.npz";
    assert_says(&with(".npz", name, &whole[..whole.len() - 1000]), &["no sound npz file"]);
    assert_says(&with(".npz", name, b"PK"), &["no sound npz file"]);
    assert_says(&with(".npz", name, b""), &["no sound npz file"]);
    let packed = fixture("train_data_batch_1.compressed.npz");
    let labels = packed.windows(10).position(|text| text == b"labels.npy").unwrap();
    for at in [60, 200, labels + 50] {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x55;
        with(".compressed.npz", name, &damaged);
    }
    let pickle = fixture("train_data_batch_1");
    assert_says(&with("", "train_data_batch_7", &pickle[..pickle.len() - 10]), &["the pickle is truncated"]);
    let dir = folder(".npz");
    fs::remove_file(dir.path().join(SET).join(name)).unwrap();
    assert_says(&complaint(SET, dir.path()), &[name, "is missing", "log in at https://image-net.org/download-images"]);
    let fetched = data::get(SET, dir.path(), true).unwrap_err().to_string();
    assert_says(
        &fetched,
        &["imagenet32 cannot be fetched by a program: log in at", "the folder imagenet32 of the data folder"],
    );
    assert_says(&data::verify(SET, Some(dir.path())).unwrap_err().to_string(), &["no checksums"]);
}

#[test]
fn damage_anywhere_in_a_small_file_ends_in_no_panic() {
    let (data, labels) = (header("|u1", "1, 3072"), header("<i8", "1,"));
    let whole = npz(&[("labels", &labels, &1u64.to_le_bytes()), ("data", &data, &images(&[0]))]);
    let dir = folder(".npz");
    let path = dir.path().join(SET).join("val_data.npz");
    // All but the pixels: the headers of both arrays, and the end.
    let bytes = (0..280).chain(whole.len() - 30..whole.len());
    for (at, value) in bytes.flat_map(|at| [0, 0xff].map(|value| (at, value))) {
        let mut damaged = whole.clone();
        damaged[at] = value;
        fs::write(&path, damaged).unwrap();
        let _ = data::load(SET, Some(dir.path()));
    }
}
