//! Images of another size than the published ones, in MNIST's form: every command takes their shape from one place.

use std::fs;
use std::path::Path;

use crate::Place;

/// Four idx files of `count` images of `height` x `width`, in which the class can be seen.
fn write(folder: &Path, count: u32, height: u32, width: u32) {
    fs::create_dir_all(folder).unwrap();
    let idx = |dims: &[u32], values: Vec<u8>| -> Vec<u8> {
        let dimensions = dims.iter().flat_map(|d| d.to_be_bytes());
        [0, 0, 8, dims.len() as u8].into_iter().chain(dimensions).chain(values).collect()
    };
    let pixel = |i: u32| {
        let (image, at) = (i / (height * width), i % (height * width));
        (if at % 10 == image % 10 { 255 } else { i.wrapping_mul(0x9E37_79B9) >> 27 }) as u8
    };
    for prefix in ["train", "t10k"] {
        let images = idx(&[count, height, width], (0..count * height * width).map(pixel).collect());
        fs::write(folder.join(format!("{prefix}-images-idx3-ubyte")), images).unwrap();
        let labels = idx(&[count], (0..count).map(|i| (i % 10) as u8).collect());
        fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte")), labels).unwrap();
    }
}

const SET: &str = "--set data.set=mnist --set width=0.125 --set batch=20 --set eval.every=0 --set eval.distort=[] \
                   --set layers=[{conv2d=64,kernel=3,stride=2},{batchnorm=true},{relu=true},{linear=10,output=true}]";

#[test]
fn images_of_56x28_are_trained_tested_swept_analysed_and_profiled() {
    let place = Place::new();
    // Among the data sets, and where torchvision puts them in a folder of its own.
    write(&place.path("mnist"), 60, 56, 28);
    write(&place.path("small/MNIST/raw"), 60, 28, 28);
    place.run(&format!("train demo/digits --out run {SET} --set steps=3")).ok();
    let one = place.run("eval run --distort none").ok();
    assert_eq!(place.run("eval run/checkpoint.safetensors --distort none").ok(), one);
    assert!(place.run("sweep run --distort none,sign").ok().contains("60 test images"));
    place.run("analyze run --bound +10 --draws 2").ok();
    place.run("profile run --steps 1").ok();
    place.run(&format!("profile demo/digits {SET} --data . --steps 1")).ok();
    assert!(place.run(&format!("show --preset demo/digits {SET}")).ok().contains("56x28x1"));
    place.run("train run --resume --set steps=6").ok();
    let plan = place.run(&format!("show --plan demo/digits {SET}")).ok();
    assert!(plan.contains("56, 28") || plan.contains("56x28"), "{plan}");

    // Where the files say nothing, the run does; where they say something else, nothing is read into them.
    fs::rename(place.path("mnist"), place.path("away")).unwrap();
    place.run("profile run --steps 1").ok();
    place.run("eval run --distort none").refused(&["mnist/train-images-idx3-ubyte", "missing"]);
    for command in ["eval run --distort none", "sweep run --distort sign", "train run --resume --set steps=9"] {
        place.run(&format!("{command} --data small")).refused(&["[56, 28, 1]", "[28, 28, 1]"]);
    }
    assert_eq!(place.run("eval run --distort none --data away").ok().lines().count(), one.lines().count());
}
