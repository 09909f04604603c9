//! Steps in shards: runs, resumptions, images on the device, what diverges, and what memory they take.

use std::fs;

use serde_json::Value;

use crate::Place;

const SHARDS: &str =
    "--set shards=4 --set augment={flip=0.5,crop=1} --set eval.every=1 --set eval.distort=[\"none\",\"sign\"]";

#[test]
fn a_run_in_shards_gives_the_same_bits_in_parts_and_with_its_images_on_the_device() {
    let place = Place::new();
    place.trained("whole", &format!("{SHARDS} --set steps=23 --set data.resident=false"));
    place.trained("there", &format!("{SHARDS} --set steps=23 --set data.resident=true"));
    place.assert_same("there", "whole");
    place.trained("parts", &format!("{SHARDS} --set steps=14"));
    place.run("train parts --resume --set steps=23").ok();
    place.assert_same_tensors("parts", "whole");
    assert_eq!(place.log("parts").last(), place.log("whole").last(), "the test at the end");
    // The number of shards is a part of the recipe: the moments are those of a shard.
    place.run("train parts --resume --set steps=30 --set shards=2").refused(&["shards = 2 (was 4)"]);
    place.trained("one", &format!("{SHARDS} --set shards=1 --set steps=23 --set data.resident=false"));
    assert!(place.tensors("one") != place.tensors("whole"));
    let last = |run: &str| place.log(run).iter().rev().find_map(|l| l["loss"].as_f64()).expect("a loss");
    assert!((last("one") / last("whole") - 1.0).abs() < 0.5, "{} in one, {} in shards", last("one"), last("whole"));
}

#[test]
fn a_loss_that_is_not_finite_in_shards_names_where_it_began() {
    let place = Place::new();
    place
        .train("run", "--set shards=2 --set steps=20 --set lr.initial=1e37 --set lr.final=1e37")
        .refused(&["step ", "lr.initial"]);
    place.train("other", "--set shards=8").refused(&["shards: 8 is out of range", "the batch of 20, e.g. 4"]);
}

#[test]
fn the_memory_of_training_is_told_before_any_is_taken() {
    let place = Place::new();
    let total = |set: &str| -> f64 {
        let out = place.run(&format!("show --plan merolla2016/cifar10/tr-sign-c --memory {set}")).ok();
        for word in ["weights", "optimiser state", "gradients", "activations", "images", "textures", "other"] {
            assert!(out.contains(word), "{out}");
        }
        let total = out.lines().find_map(|l| l.strip_prefix("total")).expect("a total");
        total.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (one, two) = (total("--set batch=256"), total("--set batch=256 --set shards=2"));
    assert!(two < 0.8 * one, "{one} MiB in one, {two} in shards");
    // An adapter whose buffers hold 64 MiB.
    let mut devices: Value = serde_json::from_str(&place.run("show --devices --json").ok()).unwrap();
    for device in devices.as_array_mut().unwrap() {
        device["adapter"]["limits"]["max_buffer"] = (64 << 20).into();
    }
    fs::write(place.path("small.json"), devices.to_string()).unwrap();
    let sets = "--set batch=512 --set width=0.5 --target small.json";
    place.run(&format!("show --plan merolla2016/cifar10/tr-sign-c --memory {sets}")).refused(&[
        "out of device memory",
        "the largest batch that fits is ",
        "--set shards=",
    ]);
}
