//! A network in the form of those that McDonnell 2018 published (`tests/reference/mcdonnell.py`), and files that are not what they
//! should be.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::Value;
use weightproof::data::{self, Batches, DataSet, Part, Preprocessing, Shape, Source, Split};
use weightproof::model;
use weightproof::plan::Step;
use weightproof::projection::Projection;
use weightproof::session::{Session, images};
use weightproof::weights::{self, checkpoint, mcdonnell};

use crate::common;

const IMAGES: usize = 20;

fn fixture() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/mcdonnell.mat")).expect("a fixture")
}

/// The images of the reference, as a data set.
fn set() -> DataSet {
    let value = |i: usize| {
        let (image, channel, row, column) = (i / 3072, i / 1024 % 3, i / 32 % 32, i % 32);
        (29 * image + 5 * row + 3 * column + 50 * channel + image * row * column) as u8
    };
    let images = Source::memory(3072, (0..3072 * IMAGES).map(value).collect());
    let split = Split { images, labels: vec![0; IMAGES] };
    DataSet {
        name: "cifar10".into(),
        shape: Shape { channels: 3, height: 32, width: 32 },
        classes: (0..10).map(|class| class.to_string()).collect(),
        maximum: 255,
        train: split.clone(),
        test: split,
    }
}

#[test]
fn a_published_network_gives_its_logits_here_as_it_is_and_under_he_sign() {
    let reference: Value = serde_json::from_str(include_str!("../reference/mcdonnell.json")).expect("JSON");
    let dir = tempfile::tempdir().expect("a folder");
    let (file, run) = (dir.path().join("net.mat"), dir.path().join("net.safetensors"));
    fs::write(&file, fixture()).expect("a file");
    let published = mcdonnell::read(&file).unwrap();
    assert_eq!((published.preset.name.as_str(), published.preset.data.set.as_str()), ("wrn-8-0.25-1bit", "cifar10"));
    checkpoint::save(&run, &published.checkpoint).unwrap();
    let trained = weights::open(&run, None, &[], None).unwrap();
    let network = &trained.network;
    assert_eq!(network.moments().len(), 2 * 9);

    let mut session = Session::new(common::device(false), network.clone(), 1);
    let test = session.load(network.test_plan(&session.target.clone(), IMAGES).unwrap(), true).unwrap();
    session.set_weights(&trained.weights).unwrap();
    for (name, values) in trained.moments.as_ref().expect("moments come with it") {
        session.runner.write(name, bytemuck::cast_slice(values)).unwrap();
    }
    let data = Arc::new(data::prepare(&set(), &Preprocessing::RAW, None).unwrap());
    images::upload(&mut session.runner, &data, Part::Test, &model::Placement::Uploaded).unwrap();
    let batch = Batches::sequential(data, Part::Test, IMAGES).unwrap().next().unwrap().unwrap();
    let mut logits = vec![];
    for projection in ["none", "he-sign"] {
        session.distort(&Projection::parse(projection).unwrap().into(), 1, 0).unwrap();
        let runner = &mut session.runner;
        runner.write(&network.uploads(&model::Placement::Uploaded, "test.input"), &batch.images).unwrap();
        runner.write("test.label", &batch.labels).unwrap();
        runner.run(&test.loaded, &Step { valid: IMAGES as u32, ..Step::at(1, 0) }).unwrap();
        logits.push(test.read(runner, "pool3.output").unwrap());
    }
    assert_eq!(logits[0], logits[1], "the weights are those that the projection leaves, to the bit");
    let want = reference["logits"].as_array().expect("a list").iter().flat_map(|row| row.as_array().expect("a list"));
    let got: &[f32] = bytemuck::cast_slice(&logits[0]);
    assert_eq!(got.len(), want.clone().count());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let want = want.as_f64().expect("a number");
        assert!((f64::from(*got) - want).abs() <= 1e-4, "logit {i}: {got}, NumPy has {want}");
    }
}

/// The arrays of a file, unpacked, and the file that they make.
fn unpacked(file: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &file[128..];
    let mut all = vec![];
    while !rest.is_empty() {
        let end = 8 + u32::from_le_bytes(rest[4..8].try_into().expect("four bytes")) as usize;
        let mut member = vec![];
        ZlibDecoder::new(&rest[8..end]).read_to_end(&mut member).expect("scipy compresses every array");
        all.push(member);
        rest = &rest[end..];
    }
    all
}

fn packed(arrays: &[Vec<u8>]) -> Vec<u8> {
    let mut file = fixture()[..128].to_vec();
    for array in arrays {
        let mut member = ZlibEncoder::new(vec![], Compression::default());
        member.write_all(array).expect("memory");
        let member = member.finish().expect("memory");
        file.extend([15u32.to_le_bytes(), (member.len() as u32).to_le_bytes()].concat());
        file.extend(member);
    }
    file
}

/// Where the array `name` is among `arrays`.
fn find(arrays: &[Vec<u8>], name: &str) -> usize {
    let is = |array: &Vec<u8>| array[..120.min(array.len())].windows(name.len()).any(|text| text == name.as_bytes());
    arrays.iter().rposition(is).unwrap_or_else(|| panic!("no {name}"))
}

fn refused(dir: &Path, file: &[u8]) -> String {
    let path: PathBuf = dir.join("bad.mat");
    fs::write(&path, file).expect("a file");
    mcdonnell::read(&path).err().expect("a bad file is taken").to_string()
}

/// What is done to the file of an array: its bytes from the tag of the matrix on, with the flags at 16 and the dimensions at 32.
type Edit = fn(&mut Vec<u8>);

/// Writes the number that is so many from the end.
fn write_float(array: &mut [u8], back: usize, value: f32) {
    let at = array.len() - 4 * back;
    array[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn an_array_that_is_not_as_published_is_named_with_what_is_expected() {
    let dir = tempfile::tempdir().expect("a folder");
    let arrays = unpacked(&fixture());
    assert_eq!(arrays.len(), 17);
    let cases: [(&str, Edit, &[&str]); 12] = [
        ("conv2d_3", |a| a[16] = 6, &["`conv2d_3` is double [1, 3, 3, 4, 8]", "uint8 [1, 3, 3, 4, 8] is expected"]),
        ("normalization_v1_9", |a| a[16] = 6, &["`batch_normalization_v1_9` is double", "single [2, 4] is expected"]),
        ("conv2d_3", |a| a[16] = 1, &["`conv2d_3` is no array of real numbers"]),
        ("conv2d_3", |a| a.swap(44, 48), &["`conv2d_3` is uint8 [1, 3, 3, 8, 4]; uint8 [1, 3, 3, 4, 8]"]),
        ("conv2d_3", |a| a[44] = 5, &["`conv2d_3` is no array of real numbers that its dimensions say"]),
        ("conv2d_7", |a| a.swap(44, 48), &["`conv2d_7` is of [1, 1, 1, 10, 16]", "10 or 100 classes"]),
        ("normalization_v1_7", |a| a.swap(32, 36), &["`batch_normalization_v1_7` is single [3, 4]; single [4, 3]"]),
        (
            "conv2d_5",
            |a| {
                let end = a.len() - 8;
                a[end..].fill(2);
            },
            &["`conv2d_5`: element", "is 2; a bit is 0 or 1"],
        ),
        (
            "normalization_v1_9",
            |a| write_float(a, 1, -1.0),
            &["`batch_normalization_v1_9`: row 1, channel 3 is -1", "variance"],
        ),
        ("normalization_v1_9", |a| write_float(a, 2, f32::NAN), &["row 0, channel 3 is NaN", "a finite number"]),
        ("normalization_v1_7", |a| write_float(a, 3, f32::INFINITY), &["_7`: row 1, channel 2 is inf"]),
        ("conv2d_3", |a| a.truncate(60), &["truncated or damaged"]),
    ];
    for (name, edit, words) in cases {
        let mut bad = arrays.clone();
        edit(&mut bad[find(&arrays, name)]);
        let said = refused(dir.path(), &packed(&bad));
        for word in words {
            assert!(said.contains(word) && said.contains("bad.mat"), "\"{word}\" is not in: {said}");
        }
    }
}

#[test]
fn arrays_that_are_missing_double_or_others_and_a_damaged_file_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let arrays = unpacked(&fixture());
    let without = |name: &str| {
        let mut left = arrays.clone();
        left.remove(find(&arrays, name));
        packed(&left)
    };
    let renamed = |from: &str, to: &str| {
        let mut all = arrays.clone();
        let array = &mut all[find(&arrays, from)];
        let at = array.windows(from.len()).position(|text| text == from.as_bytes()).expect("its name");
        array[at..at + to.len()].copy_from_slice(to.as_bytes());
        packed(&all)
    };
    let whole = fixture();
    let damaged = |at: usize| {
        let mut file = whole.clone();
        file[at] ^= 0x55;
        file
    };
    for (file, words) in [
        (without("conv2d_3"), "`conv2d_4` does not follow `conv2d_2`"),
        (without("conv2d_7"), "7 convolutions and 9 batch norms; a wide residual network has 6n + 2"),
        (without("normalization_v1_7"), "8 convolutions and 8 batch norms"),
        (renamed("conv2d_3", "conv2d_4"), "does not follow"),
        (renamed("conv2d_3", "dense2_3"), "`dense2_3` is neither a convolution"),
        (whole[..whole.len() - 40].to_vec(), "truncated or damaged"),
        (damaged(126), "no MATLAB file"),
        (damaged(400), "damaged"),
        (damaged(whole.len() - 1), "damaged"),
        (whole[..128].to_vec(), "0 convolutions"),
    ] {
        let said = refused(dir.path(), &file);
        assert!(said.contains(words), "\"{words}\" is not in: {said}");
    }
}

#[test]
fn a_network_of_a_hundred_classes_is_one_of_cifar100() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut arrays = unpacked(&fixture());
    // Ten times the classes, in both arrays of the last layer; lengths stand before what they count.
    let grow = |array: &mut Vec<u8>, dim: usize, content: usize, times: usize| {
        array[dim] = 100;
        let numbers = array[content + 8..].to_vec();
        let length = u32::from_le_bytes(array[content + 4..content + 8].try_into().expect("four bytes")) as usize;
        array.truncate(content + 8);
        let more: Vec<u8> = numbers[..length].repeat(times);
        array[content + 4..content + 8].copy_from_slice(&(more.len() as u32).to_le_bytes());
        array.extend(&more);
        array.resize(array.len().next_multiple_of(8), 0);
        let all = (array.len() - 8) as u32;
        array[4..8].copy_from_slice(&all.to_le_bytes());
    };
    // Tag, flags; dimensions (five and two); name; numbers.
    let (conv, norm) = (find(&arrays, "conv2d_7"), find(&arrays, "normalization_v1_15"));
    grow(&mut arrays[conv], 48, 8 + 16 + 32 + 16, 10);
    grow(&mut arrays[norm], 36, 8 + 16 + 16 + 8 + 32, 10);
    let path = dir.path().join("net.mat");
    fs::write(&path, packed(&arrays)).expect("a file");
    let published = mcdonnell::read(&path).unwrap();
    assert_eq!(published.preset.data.set, "cifar100");
    assert_eq!(published.checkpoint.tensors["conv8.weight"].shape, [100, 16, 1, 1]);
}
