//! Training on folders of pictures.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use weightproof::data;
use weightproof::philox::philox4x32;

use crate::Place;

/// A network for ten classes in 32x32.
pub const PRESET: &str = r#"
name = "tiny"
seed = 3
batch = 6
epochs = 100
projection = "sign"
loss = "square_hinge"
layers = [
  { conv2d = 8, kernel = 5, stride = 3 }, { batchnorm = true }, { relu = true },
  { maxpool = 2 }, { linear = 10, output = true },
]
[optimizer]
kind = "adam"
[lr]
kind = "constant"
initial = 0.01
[data]
set = "folder"
crop = 32
[eval]
distort = ["none"]
every = 1
"#;

/// JPEGs of several sizes of three classes: eight to train with, of which two are none, and two to test with.
fn write_jpegs(dir: &Path) {
    for class in 0..3u32 {
        for i in 0..10u32 {
            let wave = |at: u32, period: u32| (127.5 + 120.0 * ((at + 5 * i) as f32 / period as f32).sin()) as u8;
            let periods = [[3, 9, 5], [8, 4, 11], [13, 6, 3]][class as usize];
            let pixel = |x, y| Rgb([wave(x, periods[0]), wave(y, periods[1]), wave(x + y, periods[2])]);
            let picture = RgbImage::from_fn(34 + 5 * i, 60 - 2 * i, pixel);
            let folder = dir.join(if i < 8 { "train" } else { "val" }).join(["ant", "bee", "cat"][class as usize]);
            fs::create_dir_all(&folder).expect("a folder");
            let path = folder.join(format!("{i}.jpg"));
            picture.save(&path).expect("a picture");
            if class == 1 && (i == 2 || i == 7) {
                fs::write(path, "no picture").expect("a file");
            }
        }
    }
}

fn place() -> Place {
    let place = Place::new();
    fs::write(place.path("tiny.toml"), PRESET).expect("a preset");
    write_jpegs(&place.path("set"));
    place
}

#[test]
fn a_run_on_a_folder_of_jpegs_has_the_same_bits_with_any_number_of_workers_and_resumed_in_mid_epoch() {
    let place = place();
    let train = |run: &str, more: &str| {
        let ran = place.run(&format!("train tiny.toml --data set --out {run} {more}"));
        assert!(ran.code == Some(0), "{}", ran.err);
        ran.err
    };
    // Four steps an epoch.
    let said = train("held", "--set steps=11 --set data.stream=false");
    for words in
        ["3 classes, but the network tells 10 apart", "2.jpg", "7.jpg", "the next picture of its class", "2 of 24"]
    {
        assert!(said.contains(words), "\"{words}\" is not in: {said}");
    }
    for workers in [1, 2, 5] {
        let run = format!("streamed-{workers}");
        train(&run, &format!("--set steps=11 --set data.stream=true --workers {workers}"));
        place.assert_same(&run, "held");
    }
    train("half", "--set steps=6 --set data.stream=true --workers 5");
    train("half", "--set steps=9 --set data.stream=false --resume");
    train("half", "--set steps=11 --set data.stream=true --workers 2 --resume");
    place.assert_same_tensors("half", "held");
    // From a packed file, too, whose crops are the same to rounding.
    place.run("data pack folder --data set --out set.pictures --short-side 36 --quiet").ok();
    for run in ["packed", "packed-again"] {
        place.run(&format!("train tiny.toml --data set.pictures --out {run} --quiet --set steps=11")).ok();
    }
    place.assert_same("packed", "packed-again");
    place.run("eval packed --data set --distort sign").ok();
    let rates = place.run("bench --preset tiny.toml --pictures set --steps 3 --json").ok();
    assert!(rates.lines().count() == 3 && rates.contains("images_per_s"), "{rates}");
}

#[test]
fn more_classes_than_outputs_are_refused_with_both_numbers() {
    let place = place();
    let refused = |more: &str, words: &[&str]| {
        place.run(&format!("train tiny.toml --data set --out run {more}")).refused(words);
        assert!(!place.path("run").exists());
    };
    fs::write(place.path("tiny.toml"), PRESET.replace("linear = 10", "linear = 2")).expect("a preset");
    refused("", &["2]", "3 classes"]);
    fs::write(place.path("tiny.toml"), PRESET.replace("crop = 32\n", "")).expect("a preset");
    refused("", &["data.crop"]);
    refused("--set data.crop=0", &["data.crop"]);
    refused("--set data.crop=32 --set data.short_side=31", &["data.crop", "data.short_side"]);
    refused("--set data.set=cifar10 --set data.crop=32", &["data.crop", "cifar10"]);
}

#[test]
fn cifar_as_folders_of_png_is_cifar_in_the_order_of_the_folders() {
    let place = Place::new();
    fs::write(place.path("tiny.toml"), PRESET.replace("crop = 32", "crop = 32\nshort_side = 32")).expect("a preset");
    let classes = data::list().iter().find(|set| set.name == "cifar10").expect("a set").classes;
    let folder = place.path("cifar-10-batches-bin");
    fs::create_dir(&folder).expect("a folder");
    // A record of CIFAR, and the same as a picture of its class.
    let image = |part: &str, label: usize, number: u32| -> Vec<u8> {
        let planes: Vec<u8> = (0..3072).map(|i| philox4x32([i, number, 0, 0], [7, 0])[0] as u8).collect();
        let pixel = |x: u32, y: u32| Rgb([0, 1, 2].map(|c| planes[(1024 * c + 32 * y + x) as usize]));
        let folder = place.path("png").join(part).join(classes[label]);
        fs::create_dir_all(&folder).expect("a folder");
        RgbImage::from_fn(32, 32, pixel).save(folder.join(format!("{number:03}.png"))).expect("a picture");
        [&[label as u8][..], &planes].concat()
    };
    // Sixty a file: the classes one after the other, thirty of each.
    for batch in 0..5usize {
        let records = (0..60).flat_map(|i| image("train", 2 * batch + i / 30, (60 * batch + i) as u32));
        fs::write(folder.join(format!("data_batch_{}.bin", batch + 1)), records.collect::<Vec<_>>()).expect("a file");
    }
    let records = (0..60).flat_map(|i| image("val", i / 6, 300 + i as u32)).collect::<Vec<_>>();
    fs::write(folder.join("test_batch.bin"), records).expect("a file");

    for (name, more) in [("bytes", ""), ("contrast", "--set data.gcn=55")] {
        let train = |run: &str, data: &str| {
            let common = "--quiet --set steps=60 --set batch=20";
            place.run(&format!("train tiny.toml --out {name}-{run} {common} {more} {data}")).ok()
        };
        fs::write(place.path("cifar.toml"), PRESET.replace("set = \"folder\"\ncrop = 32", "set = \"cifar10\""))
            .expect("a preset");
        let binary =
            format!("train cifar.toml --out {name}-binary --quiet --set steps=60 --set batch=20 {more} --data .");
        place.run(&binary).ok();
        train("png", "--data png");
        place.assert_same_tensors(&format!("{name}-png"), &format!("{name}-binary"));
    }
}

#[test]
fn a_reproduction_on_pictures_finds_what_it_trained_with_the_same_colours() {
    let place = place();
    let layers = "[{conv2d=4,kernel=5,stride=3},{batchnorm=true},{relu=true},{maxpool=2},{linear=10,output=true}]";
    let reproduce = || {
        place.run(&format!(
            "reproduce merolla2016-figure3 --data set --out all --set data.crop=32 --set width=1 --set layers={layers} \
             --set batch=6 --set steps=2 --set epochs=1 --set eval.every_steps=0 --set eval.moments_batches=1"
        ))
    };
    reproduce().ok();
    let log = || fs::read(place.path("all/tr-stochm3-c/log.jsonl")).expect("a log");
    let before = log();
    reproduce().ok();
    assert_eq!(log(), before);
}
