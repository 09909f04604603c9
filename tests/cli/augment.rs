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
