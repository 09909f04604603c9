//! Augmentation in training runs: the same wherever images are kept and after a stop, and in tests only for the moments.

use std::fs;

use crate::{Place, SMALL};

/// Every augmentation of the digits, 8x8x1.
const ALL: &str = "--set augment.flip=0.5 --set augment.crop=2 --set augment.cutout=3";

#[test]
fn augmented_runs_are_the_same_wherever_the_images_are_and_after_a_stop_in_mid_epoch() {
    let place = Place::new();
    // As bytes, and as the numbers that normalisation made of them, filled with 0.
    for (kind, more) in [("bytes", ""), ("numbers", "--set data.gcn=10")] {
        let set = format!("{ALL} {more} --set eval.distort=[\"sign\"]");
        let run = |name: &str| format!("{kind}-{name}");
        place.trained(&run("sent"), &format!("{set} --set steps=23 --set data.resident=false"));
        place.trained(&run("there"), &format!("{set} --set steps=23 --set data.resident=true"));
        place.assert_same(&run("there"), &run("sent"));
        place.trained(&run("parts"), &format!("{set} --set steps=14 --set data.resident=true"));
        place.run(&format!("train {} --resume --set steps=23 --set data.resident=false", run("parts"))).ok();
        place.assert_same_tensors(&run("parts"), &run("sent"));
        place.trained(&run("plain"), &format!("{more} --set steps=23"));
        assert!(place.tensors(&run("plain")) != place.tensors(&run("sent")), "augmentation changes nothing");
    }
    let text = fs::read_to_string(place.path("bytes-sent/run.json")).unwrap();
    let info: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(info["variants"]["augment.apply"], "naive levels=1");
}

#[test]
fn moments_see_augmented_images_unless_the_preset_says_otherwise() {
    let place = Place::new();
    let set = format!("{ALL} --set steps=20");
    place.trained("run", &set);
    let eval = |more: &str| place.run(&format!("eval run --distort none {more}")).ok();
    let loss = |out: &str| out.split_whitespace().last().map(str::to_owned);
    let [augmented, plain] = ["", "--set augment.moments=false"].map(eval);
    assert_ne!(loss(&augmented), loss(&plain), "{augmented}\n{plain}");
    // Without augmentation the test is that of the same weights on plain moments: test images are never augmented.
    let none = eval("--set augment.flip=false --set augment.crop=false --set augment.cutout=false");
    assert_eq!(loss(&plain), loss(&none), "{plain}\n{none}");
    // The same draws every time.
    assert_eq!(augmented, eval(""));
}

#[test]
fn colour_images_of_cifar_10_are_augmented() {
    let place = Place::new();
    for (i, file) in fs::read_dir(crate::files::cifar10(&place)).unwrap().enumerate() {
        let byte =
            |at: usize| if at.is_multiple_of(3073) { (at / 3073 + i) % 10 } else { (at * at / 7 + i * at) % 256 };
        fs::write(file.unwrap().path(), (0..3 * 3073).map(|at| byte(at) as u8).collect::<Vec<_>>()).unwrap();
    }
    let train = |run: &str, more: &str| {
        let set = "--set width=0.0625 --set batch=5 --set steps=3 --set data.zca=false --set eval.distort=[\"sign\"]";
        let augment = "--set augment.flip=0.5 --set augment.crop=4 --set augment.cutout=18";
        place.run(&format!("train merolla2016/cifar10/tr-sign-c --data data --out {run} {set} {augment} {more}"))
    };
    for (name, more) in [("bytes", "--set data.gcn=false"), ("numbers", "")] {
        train(&format!("{name}-sent"), &format!("{more} --set data.resident=false")).ok();
        train(&format!("{name}-there"), &format!("{more} --set data.resident=true")).ok();
        train(&format!("{name}-read"), &format!("{more} --set data.stream=true --workers 2")).ok();
        place.assert_same(&format!("{name}-sent"), &format!("{name}-there"));
        place.assert_same(&format!("{name}-sent"), &format!("{name}-read"));
    }
    train("x", "--set augment.fill=random").refused(&["augment.fill", "no bytes any more", "zero"]);
}

#[test]
fn numbers_that_make_no_sense_are_refused_by_their_key() {
    let place = Place::new();
    for (set, words) in [
        ("augment.flip=0", vec!["augment.flip: 0 is out of range", "false to switch it off"]),
        ("augment.flip=1.5", vec!["augment.flip", "probability"]),
        ("augment.crop=0", vec!["augment.crop", "whole number"]),
        ("augment.crop=2.5", vec!["augment.crop: 2.5", "whole number"]),
        ("augment.crop=true", vec!["augment.crop", "a number or false"]),
        // The digits have eight rows and columns.
        ("augment.crop=8", vec!["augment.crop: 8 is too large for images of 8x8", "nothing of the image"]),
        ("augment.cutout=0", vec!["augment.cutout: 0", "whole number"]),
        ("augment.cutout=9", vec!["augment.cutout: 9 is too large for images of 8x8", "hide all of the image"]),
        ("augment.stretch=0.6", vec!["augment.stretch: 0.6", "from 0", "0.5"]),
        ("augment.stretch=true", vec!["augment.stretch", "a number or false"]),
        ("augment.color=0.1", vec!["augment.color: 0.1", "augment.stretch"]),
        ("augment.stretch=0.1 --set augment.color=-1", vec!["augment.color: -1", "above 0"]),
        ("augment.stretch=0.1 --set augment.color=0.1", vec!["augment.color", "three channels", "have 1"]),
        ("augment.stretch=0.1 --set data.gcn=10", vec!["augment.stretch", "data.gcn"]),
        ("augment.stretch=0.1 --set data.resident=true", vec!["data.resident", "not kept on the device"]),
        ("data.mean=[1,2,3]", vec!["data.mean", "three channels", "1x8x8"]),
        ("data.mean=[1,2]", vec!["data.mean"]),
        ("data.mean=[1,2,256]", vec!["data.mean", "0 to 255"]),
        ("data.mean=measrued", vec!["data.mean", "measured"]),
        ("data.components=[[1,2,3],[4,5,6],[7,8,999]]", vec!["data.components", "-255 to 255"]),
        ("augment.fill=blue", vec!["augment.fill", "blue"]),
        ("augment.crpo=2", vec!["augment.crpo", "crop"]),
    ] {
        place.run(&format!("train demo/digits --out x {SMALL} --set {set}")).refused(&words);
    }
}

#[test]
fn images_can_be_looked_at_as_they_are_and_augmented() {
    let place = Place::new();
    let show = |name: &str, more: &str| {
        place.run(&format!("data show demo/digits -o {name} {SMALL} {more}")).ok();
        let sheet = fs::read(place.path(name)).unwrap();
        assert!(sheet.starts_with(b"\x89PNG\r\n"));
        sheet
    };
    let plain = show("plain.png", "");
    assert_ne!(show("augmented.png", ALL), plain);
    assert_eq!(show("again.png", ""), plain);
    assert_ne!(show("other.png", "--step 1"), plain);
}

/// Files of CIFAR-10 with 12 + 12 images of smooth colours.
fn colourful(place: &Place) {
    for (i, file) in fs::read_dir(crate::files::cifar10(place)).unwrap().enumerate() {
        let byte = |at: usize| {
            let (image, value) = (at / 3073 + 3 * i, at % 3073);
            match value.checked_sub(1) {
                None => image % 10,
                Some(pixel) => (3 * (pixel % 32) + 2 * (pixel / 32 % 32) + 40 * (pixel / 1024) + 17 * image) % 256,
            }
        };
        fs::write(file.unwrap().path(), (0..3 * 3073).map(|at| byte(at) as u8).collect::<Vec<_>>()).unwrap();
    }
}

/// A small network on these files, with training crops.
const CROPS: &str = "--data data --set width=0.0625 --set batch=5 --set data.zca=false --set data.gcn=false --set data.scale=raw \
                     --set data.mean=measured --set augment.flip=0.5 --set augment.stretch=0.1 --set augment.color=0.1";

#[test]
fn training_crops_are_the_same_for_every_number_of_workers_and_after_a_stop_in_mid_epoch() {
    let place = Place::new();
    colourful(&place);
    let train = |run: &str, more: &str| {
        let distort = "--set eval.distort=[\"none\"]";
        place.run(&format!("train merolla2016/cifar10/tr-sign-c --out {run} {CROPS} {distort} {more}")).ok();
    };
    train("one", "--set steps=4 --workers 1");
    train("five", "--set steps=4 --workers 5");
    place.assert_same("one", "five");
    train("read", "--set steps=4 --set data.stream=true --workers 2");
    place.assert_same("one", "read");
    train("parts", "--set steps=2 --workers 2");
    place.run("train parts --resume --set steps=4 --data data").ok();
    place.assert_same_tensors("parts", "one");
    for (what, more) in [("stretch", "--set augment.stretch=0"), ("color", "--set augment.color=false")] {
        train(what, &format!("--set steps=4 {more}"));
        assert!(place.tensors(what) != place.tensors("one"), "{what} changes nothing");
    }
}

#[test]
fn a_run_is_saved_with_its_colours_and_tested_by_them_whatever_is_measured_later() {
    let place = Place::new();
    colourful(&place);
    let eval = || place.run("eval run --data data --distort none").ok();
    let args = format!("{CROPS} --set steps=2 --set eval.distort=[\"none\"]");
    let ran = place.run(&format!("train merolla2016/cifar10/tr-sign-c --out run {args}"));
    assert!(ran.err.contains("data prepare cifar10") && ran.err.contains("ILSVRC 2012"), "{}", ran.err);
    ran.ok();
    let before = eval();
    let said = place.run("data prepare cifar10 --data data").ok();
    assert!(said.contains("mean = [") && said.contains("components = ["), "{said}");
    assert_eq!(eval(), before);
    let mean = |run: &str| {
        let text = fs::read_to_string(place.path(run).join("run.json")).unwrap();
        let info: serde_json::Value = serde_json::from_str(&text).unwrap();
        let preset: toml::Table = info["preset_toml"].as_str().unwrap().parse().unwrap();
        preset["data"]["mean"].clone()
    };
    let published = toml::Value::from([123.68, 116.779, 103.939].map(toml::Value::Float).to_vec());
    assert_eq!(mean("run"), published);
    // The preset asks for measured colours, and the run has its own.
    place.run(&format!("train merolla2016/cifar10/tr-sign-c --out run --resume {args} --set steps=4")).ok();
    assert_eq!(mean("run"), published);
    // A new one takes what was measured.
    place.run(&format!("train merolla2016/cifar10/tr-sign-c --out new {args}")).ok();
    let measured: toml::Table = said.parse().unwrap();
    assert_eq!(mean("new"), measured["mean"]);
    assert_ne!(mean("new"), published);
}

#[test]
fn moments_see_training_crops_unless_the_preset_says_otherwise_and_test_images_never_are_cut() {
    let place = Place::new();
    let set = "--set augment.stretch=0.3 --set steps=20";
    place.trained("run", set);
    let eval = |more: &str| place.run(&format!("eval run --distort none {more}")).ok();
    let loss = |out: &str| out.split_whitespace().last().map(str::to_owned);
    let [cut, plain] = ["", "--set augment.moments=false"].map(eval);
    assert_ne!(loss(&cut), loss(&plain), "{cut}\n{plain}");
    let none = eval("--set augment.stretch=false");
    assert_eq!(loss(&plain), loss(&none), "{plain}\n{none}");
    assert_eq!(cut, eval(""));
}

/// Two classes of six training and three test pictures of several sizes.
fn pictures(place: &Place) {
    for (class, part, number) in (0..18u32).map(|i| (i % 2, if i < 12 { "train" } else { "val" }, i)) {
        let [w, h] = [[40, 36], [37, 52], [36, 36]][number as usize % 3];
        let wave = |x: u32, period: u32| (127.5 + 120.0 * ((x + 7 * number) as f32 / period as f32).sin()) as u8;
        let picture = image::RgbImage::from_fn(w, h, |x, y| {
            image::Rgb([wave(x, 5 + 3 * class), wave(y, 7), wave(x + 2 * y, 9 + class)])
        });
        let folder = place.path("pictures").join(part).join(["ant", "bee"][class as usize]);
        fs::create_dir_all(&folder).unwrap();
        picture.save(folder.join(format!("{number:02}.png"))).unwrap();
    }
}

/// A small network on these.
const FOLDER: &str = "--data pictures --set data.set=folder --set data.crop=32 --set data.short_side=36 --set width=0.0625 \
                      --set batch=5 --set data.zca=false --set data.gcn=false --set augment.stretch=0.1 --set augment.flip=0.5 \
                      --set augment.color=0.1 --set data.mean=measured --set steps=5";

#[test]
fn a_folder_of_pictures_is_trained_on_alike_by_any_number_of_workers_and_after_a_stop_and_tested_by_one_crop_or_ten() {
    let place = Place::new();
    pictures(&place);
    place.run("data prepare folder --data pictures --crop 32").ok();
    let train = |run: &str, more: &str| {
        let set = "--set eval.distort=[\"none\"] --set loss=softmax_ce";
        place.run(&format!("train merolla2016/cifar10/tr-sign-c --out {run} {FOLDER} {set} {more}")).ok();
    };
    train("one", "--workers 1");
    train("five", "--workers 5");
    place.assert_same("one", "five");
    train("parts", "--set steps=3 --workers 2");
    place.run("train parts --resume --set steps=5 --data pictures").ok();
    place.assert_same_tensors("parts", "one");
    let eval = |more: &str| place.run(&format!("eval one --data pictures --distort none {more}")).ok();
    let [one, ten] = ["", "--set eval.crops=10"].map(eval);
    assert_ne!(one, ten, "ten crops say what one says");
    // Two pictures at a time are one after the other.
    assert_eq!(ten, eval("--set eval.crops=10 --set eval.batch=20"));
    assert_eq!(ten, eval("--set eval.crops=10 --set eval.batch=1"));
    place.train("x", "--set eval.crops=10").refused(&["eval.crops = 10", "pictures"]);
    place.train("x", "--set eval.crops=5").refused(&["eval.crops: 5", "give 1"]);
}
