//! The same pictures in other layouts: ILSVRC's flat validation folder, tar files.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use weightproof::data::{self, DataSet};

use super::folders::{open, photograph, save, three_classes, wanted};
use super::sets::assert_says;

/// Everything that two sets have.
fn assert_same(a: &DataSet, b: &DataSet) {
    assert_eq!(a.classes, b.classes);
    for (a, b) in [(&a.train, &b.train), (&a.test, &b.test)] {
        assert_eq!(a.labels, b.labels);
        assert!(a.images.values().unwrap() == b.images.values().unwrap());
    }
}

/// The files in a folder and below, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.append(&mut files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// A tar of `(name, content)`.
fn tar(path: &Path, files: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let mut tar = tar::Builder::new(File::create(path).unwrap());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &content[..]).unwrap();
    }
    tar.finish().unwrap();
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// [`three_classes`] with the validation pictures in one folder, and their ground truth. The classes are listed in another order than that of their names.
fn flat() -> TempDir {
    let dir = three_classes();
    let val = dir.path().join("val");
    for (number, class) in ["cat", "ant", "bee"].into_iter().enumerate() {
        let old = val.join(class).join(format!("{class}_4.JPEG"));
        fs::rename(old, val.join(format!("ILSVRC2012_val_{:08}.JPEG", number + 1))).unwrap();
        fs::remove_dir(val.join(class)).unwrap();
    }
    fs::write(dir.path().join("synsets.txt"), "bee an insect\ncat, purrs\nant\n".replace(',', " ")).unwrap();
    fs::write(dir.path().join("ILSVRC2012_validation_ground_truth.txt"), "2\n3\n1\n").unwrap();
    dir
}

#[test]
fn the_ground_truth_of_a_flat_folder_counts_the_listed_synsets() {
    let (folders, dir) = (three_classes(), flat());
    let set = open("imagenet", dir.path()).held().unwrap();
    // Pictures 1, 2, 3 are a cat, an ant and a bee: the ranks of these names.
    assert_eq!(set.test.labels, [2, 0, 1]);
    let want = open("imagenet", folders.path());
    let order = [2, 0, 1].map(|i| want.test.images.slice(i..i + 1).values().unwrap()).concat();
    assert!(set.test.images.values().unwrap() == order);
    assert_eq!((&set.classes, &set.train.labels), (&want.classes, &want.train.labels));
    // The same in a tar, with that of pictures whose classes nobody tells beside it.
    tar(&dir.path().join("ILSVRC2012_img_test.tar"), [("1.JPEG".to_owned(), vec![])]);
    let val = dir.path().join("val");
    let content = files(&val).into_iter().map(|path| (name(&path), fs::read(&path).unwrap()));
    tar(&dir.path().join("ILSVRC2012_img_val.tar"), content.collect::<Vec<_>>());
    fs::remove_dir_all(val).unwrap();
    let packed = open("imagenet", dir.path());
    assert_same(&packed, &set);
}

#[test]
fn a_wrong_ground_truth_says_where() {
    let dir = flat();
    let said = || data::open(wanted("imagenet"), Some(dir.path())).unwrap_err().to_string();
    let [truth, list] = ["ILSVRC2012_validation_ground_truth.txt", "synsets.txt"].map(|name| dir.path().join(name));
    for (file, text, words) in [
        (&truth, "2\n4\n1\n", &["line 2", "\"4\"", "1 to 3"][..]),
        (&truth, "2\n0\n1\n", &["line 2", "\"0\""]),
        (&truth, "2\n", &["ILSVRC2012_val_00000002.JPEG", "no number from 1 to 1"]),
        (&list, "bee\ncat\nbee\n", &["synsets.txt", "bee is there twice"]),
        (&list, "bee\ncat\ndog\n", &["synsets.txt", "class ant"]),
    ] {
        let before = fs::read(file).unwrap();
        fs::write(file, text).unwrap();
        assert_says(&said(), words);
        fs::write(file, before).unwrap();
    }
    fs::remove_file(list).unwrap();
    assert_says(&said(), &["ground_truth.txt", "synsets.txt"]);
    fs::remove_file(truth).unwrap();
    assert_says(&said(), &["ILSVRC2012_val_00000001.JPEG", "nothing tells the class"]);
}

#[test]
fn shards_in_the_naming_of_webdataset_are_read_where_they_are() {
    let folders = three_classes();
    let dir = tempfile::tempdir().unwrap();
    let want = open("folder", folders.path());
    for (part, name) in [("train", "set-train-00000"), ("val", "set-val-0")] {
        // One after the other of each class, as if shuffled; the class before or behind its picture.
        let mut all = files(&folders.path().join(part));
        let split = if part == "train" { 7 } else { 3 };
        all.sort_by_key(|path| {
            path.file_name().unwrap().to_owned().into_encoded_bytes().into_iter().rev().collect::<Vec<_>>()
        });
        for (shard, files) in all.chunks(split).enumerate() {
            let entries = files.iter().enumerate().flat_map(|(i, path)| {
                let class = ["ant", "bee", "cat"].iter().position(|c| path.to_str().unwrap().contains(c)).unwrap();
                let picture = (format!("./{shard}/{i:04}.jpg"), fs::read(path).unwrap());
                let class = (format!("./{shard}/{i:04}.cls"), format!("{class}\n").into_bytes());
                let other = (format!("./{shard}/{i:04}.json"), b"{}".to_vec());
                if i % 2 == 0 { [picture, class, other] } else { [class, other, picture] }
            });
            tar(&dir.path().join(format!("{name}{shard}.tar")), entries);
        }
    }
    for _ in 0..2 {
        let set = open("folder", dir.path());
        assert_eq!(set.classes, ["0", "1", "2"]);
        assert_eq!((set.train.labels.len(), set.test.labels.len()), (12, 3));
        // The same pictures with the same labels, in another order.
        let sorted = |set: &DataSet| {
            let read = |i: usize| set.train.images.slice(i..i + 1).values().unwrap();
            let mut all: Vec<_> = set.train.labels.iter().enumerate().map(|(i, label)| (*label, read(i))).collect();
            all.sort();
            all
        };
        assert!(sorted(&set) == sorted(&want));
        // The second time by the index.
        assert!(dir.path().join("set-train-000001.tar.index").is_file());
    }
    // A picture without a class.
    let path = dir.path().join("set-val-00.tar");
    tar(&path, [("a.jpg", ""), ("b.jpg", ""), ("b.cls", "1")].map(|(n, c)| (n.to_owned(), c.into())));
    let said = || data::open(wanted("folder"), Some(dir.path())).unwrap_err().to_string();
    assert_says(&said(), &["set-val-00.tar", "a.jpg", "a.cls"]);
    tar(&path, [("b.cls", "one")].map(|(n, c)| (n.to_owned(), c.into())));
    assert_says(&said(), &["set-val-00.tar", "b.cls", "no number"]);
    tar(&path, [("b.jpg", ""), ("b.cls", "3")].map(|(n, c)| (n.to_owned(), c.into())));
    assert_says(&said(), &["b.jpg", "number 3", "have 3"]);
}

#[test]
fn a_tar_of_a_tar_for_each_class_is_the_folders_that_it_was_made_of() {
    let (folders, dir) = (three_classes(), tempfile::tempdir().unwrap());
    let train = folders.path().join("train");
    let mut classes = vec![];
    // Neither the classes nor their pictures in the order of their names.
    for class in ["cat", "ant", "bee"] {
        let path = dir.path().join(format!("{class}.tar"));
        let mut pictures = files(&train.join(class));
        pictures.reverse();
        tar(&path, pictures.iter().map(|path| (name(path), fs::read(path).unwrap())));
        classes.push((name(&path), fs::read(&path).unwrap()));
        fs::remove_file(path).unwrap();
    }
    let want = open("imagenet", folders.path());
    tar(&dir.path().join("ILSVRC2012_img_train.tar"), classes.clone());
    fs::rename(folders.path().join("val"), dir.path().join("val")).unwrap();
    let check = || {
        let set = open("imagenet", dir.path());
        assert_eq!((&set.classes, &set.train.labels), (&want.classes, &want.train.labels));
        assert!(set.train.images.values().unwrap() == want.train.images.values().unwrap());
    };
    check();
    check();
    // The tars of the classes by themselves; and a tar of class folders.
    fs::remove_file(dir.path().join("ILSVRC2012_img_train.tar")).unwrap();
    fs::create_dir(dir.path().join("train")).unwrap();
    for (name, content) in classes {
        fs::write(dir.path().join("train").join(name), content).unwrap();
    }
    check();
    fs::create_dir(dir.path().join("train/dog")).unwrap();
    let said = data::open(wanted("imagenet"), Some(dir.path())).unwrap_err().to_string();
    assert_says(&said, &["train/dog", "tar files beside"]);
    fs::remove_dir_all(dir.path().join("train")).unwrap();
    let below = |path: &PathBuf| path.strip_prefix(folders.path()).unwrap().to_str().unwrap().to_owned();
    tar(&dir.path().join("train.tar"), files(&train).iter().map(|path| (below(path), fs::read(path).unwrap())));
    check();
}

#[test]
fn a_damaged_tar_is_refused_and_an_old_index_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let picture = |number| {
        save(dir.path().join("a.png"), &photograph(36, 36, number));
        fs::read(dir.path().join("a.png")).unwrap()
    };
    let path = dir.path().join("train.tar");
    let entries = |first| [("a/1.png", picture(first)), ("a/2.png", picture(2))].map(|(n, c)| (n.to_owned(), c));
    tar(&path, entries(1));
    let read = || open("folder", dir.path()).train.images.values().unwrap();
    let first = read();
    // Another tar of the same length under the same name.
    let bytes = fs::read(&path).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    tar(&path, entries(3));
    assert!(read() != first);
    // An index that speaks of what is not there.
    let index = dir.path().join("train.tar.index");
    let text = fs::read_to_string(&index).unwrap();
    assert!(text.contains("a/2.png"));
    for text in [text.replace("\"end\":", "\"end\":9"), text[..text.len() / 2].to_owned(), "{}".into()] {
        fs::write(&index, text).unwrap();
        assert!(read() != first);
    }
    let said = |bytes: &[u8]| {
        File::create(&path).unwrap().write_all(bytes).unwrap();
        data::open(wanted("folder"), Some(dir.path())).unwrap_err().to_string()
    };
    assert_says(&said(&bytes[..bytes.len() - 1500]), &["train.tar", "damaged or cut"]);
    assert_says(&said(&bytes[..700]), &["train.tar", "damaged or cut"]);
    let mut claims = bytes.clone();
    // A size of 8 GiB in the header of the first entry, with its checksum.
    claims[124..136].copy_from_slice(b"77777777777\0");
    claims[148..156].fill(b' ');
    let sum: u32 = claims[..512].iter().map(|byte| u32::from(*byte)).sum();
    claims[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_says(&said(&claims), &["train.tar", "a/1.png", "beyond its end"]);
    assert_says(&said(b"no tar at all"), &["train.tar"]);
    // The path of a tar in a tar stands before those of all its files.
    tar(&path, [(format!("{}b.tar", "a/".repeat(3000)), bytes)]);
    assert_says(&said(&fs::read(&path).unwrap()), &["train.tar", "a path of 6005 bytes"]);
}
