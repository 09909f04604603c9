//! `predict`: images in, classes out.

use std::fs;
use std::path::Path;

use image::{GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;
use weightproof::data::{self, DataSet};

use crate::Place;

/// Writes the first `count` test images of a set as PNG to `folder`: `000.png`, ...
fn write_pictures(set: &DataSet, count: usize, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let [w, h] = [set.shape.width, set.shape.height].map(|n| n as u32);
    let mut bytes = vec![0; set.shape.features()];
    for i in 0..count {
        set.test.images.read(i, &mut bytes).unwrap();
        let at = |x: u32, y: u32, c: u32| {
            (255.0 * f32::from(bytes[((c * h + y) * w + x) as usize]) / f32::from(set.maximum)).round() as u8
        };
        let path = folder.join(format!("{i:03}.png"));
        match set.shape.channels {
            1 => GrayImage::from_fn(w, h, |x, y| Luma([at(x, y, 0)])).save(path).unwrap(),
            _ => RgbImage::from_fn(w, h, |x, y| Rgb([0, 1, 2].map(|c| at(x, y, c)))).save(path).unwrap(),
        }
    }
}

fn json(place: &Place, args: &str) -> Value {
    serde_json::from_str(&place.run(args).ok()).unwrap()
}

/// The share of wrong first classes, per cent.
fn error(predicted: &Value, set: &DataSet) -> f64 {
    let images = predicted["images"].as_array().unwrap();
    let wrong = images.iter().zip(&set.test.labels).filter(|(p, label)| p["classes"][0]["index"] != u64::from(**label));
    100.0 * wrong.count() as f64 / images.len() as f64
}

#[test]
fn test_images_as_pictures_get_the_classes_that_eval_counts_from_a_run_and_from_its_bits() {
    let place = Place::new();
    let digits = data::load("digits", None).unwrap();
    write_pictures(&digits, 50, &place.path("pictures"));
    for (run, more, distort) in [
        ("hinge", "", "stochm:0.5"),
        ("softmax", "--set loss=softmax_ce --set projection=sign --set data.gcn=10", "sign"),
    ] {
        place.trained(run, &format!("--set steps=20 {more}"));
        let eval = json(&place, &format!("eval {run} --distort {distort} --json"));
        let predicted = json(&place, &format!("predict {run} pictures --json"));
        assert_eq!(predicted["images"].as_array().unwrap().len(), 50);
        assert_eq!(error(&predicted, &digits), eval["errors"][distort], "{run}");
        assert_eq!(predicted["errors"], Value::Array(vec![]));
        // In batches of another size: 7 batches of 8 at most.
        let batches = json(&place, &format!("predict {run} pictures --json --batch 8"));
        assert_eq!(error(&batches, &digits), eval["errors"][distort]);

        place.run(&format!("export {run} --format packed --with sign -o {run}.wp1")).ok();
        let packed = json(&place, &format!("predict {run}.wp1 pictures --json"));
        let eval = json(&place, &format!("eval {run}.wp1 --distort none --json"));
        assert_eq!(error(&packed, &digits), eval["errors"]["none"], "{run}, packed");
        if distort == "sign" {
            assert_eq!(packed["images"], predicted["images"]);
        }
    }
}

#[test]
fn probabilities_sum_to_one_and_square_hinge_has_scores() {
    let place = Place::new();
    place.trained("softmax", "--set steps=20 --set loss=softmax_ce");
    place.given("hinge");
    write_pictures(&data::load("digits", None).unwrap(), 3, &place.path("pictures"));
    let all = json(&place, "predict softmax pictures --json --top 99");
    for image in all["images"].as_array().unwrap() {
        let classes = image["classes"].as_array().unwrap();
        assert_eq!(classes.len(), 10, "of ten classes all");
        let p: Vec<f64> = classes.iter().map(|c| c["probability"].as_f64().unwrap()).collect();
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9 && p.is_sorted_by(|a, b| a >= b), "{p:?}");
        assert!(classes.iter().all(|c| c["class"].as_str() == Some(c["index"].to_string().as_str())));
    }
    let one = json(&place, "predict hinge pictures/001.png --json --top 1");
    let class = &one["images"][0]["classes"];
    assert!(class[0]["score"].is_f64() && class[0]["probability"].is_null() && class[1].is_null(), "{one}");
    assert_eq!(one["images"][0]["path"], "pictures/001.png");

    let table = place.run("predict softmax pictures --top 2").ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("image ") && lines[0].contains('%'), "{table}");
    assert!(lines[1].starts_with("pictures/000.png  "), "{table}");
    assert_eq!(lines[1].split_whitespace().count(), 5);
    assert!(lines[1..].iter().all(|line| line.len() == lines[1].len()), "{table}");
    assert!(place.run("predict hinge pictures").ok().lines().next().unwrap().contains("score"));
}

#[test]
fn what_cannot_be_read_is_a_line_each_and_the_others_are_predicted() {
    let place = Place::new();
    place.given("run");
    write_pictures(&data::load("digits", None).unwrap(), 2, &place.path("pictures"));
    let whole = fs::read(place.path("pictures/000.png")).unwrap();
    fs::write(place.path("cut.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(place.path("text.png"), "no picture").unwrap();
    fs::create_dir(place.path("empty")).unwrap();
    let args = "predict run cut.png pictures/001.png text.png gone.png empty pictures/000.png -q";
    let ran = place.run(args);
    let (out, err) = (ran.out.clone(), ran.refused(&["cut.png", "text.png", "gone.png", "empty"]));
    assert_eq!(err.lines().count(), 4, "{err}");
    assert!(err.lines().all(|line| line.starts_with("error: ")), "{err}");
    let names: Vec<&str> = out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["pictures/001.png", "pictures/000.png"]);

    let ran = place.run(&format!("{args} --json"));
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    ran.refused(&["text.png"]);
    let paths = |key: &str| -> Vec<String> {
        document[key].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(paths("images"), ["pictures/001.png", "pictures/000.png"]);
    let mut failed = paths("errors");
    failed.sort();
    assert_eq!(failed, ["cut.png", "empty", "gone.png", "text.png"]);

    // Nothing at all to predict.
    let ran = place.run("predict run empty --json");
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["images"], Value::Array(vec![]));
    ran.refused(&["empty"]);
    place.run("predict run").refused(&["IMAGE"]);
    place.run("predict nowhere pictures").refused(&["nowhere"]);
}

/// CIFAR's layout, 40 images a file: a colour for each class, with noise.
fn write_colours(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let names = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    for (file, name) in names.iter().enumerate() {
        let record = |i: usize| {
            let label = (i + file) % 10;
            let value = move |at: usize| {
                let noise = (at * 7919 + i * 104_729 + file * 31) % 64;
                (60 * (label >> (at / 1024) & 1) + 40 * (label >> 3) + noise + 30) as u8
            };
            std::iter::once(label as u8).chain((0..3072).map(value))
        };
        fs::write(folder.join(format!("{name}.bin")), (0..40).flat_map(record).collect::<Vec<u8>>()).unwrap();
    }
}

#[test]
fn a_network_of_colour_images_names_the_classes_and_a_packed_file_needs_no_data() {
    let place = Place::new();
    write_colours(&place.path("data/cifar-10-batches-bin"));
    let layers = "[{conv2d=8,kernel=3,stride=4},{batchnorm=true},{relu=true},{linear=10,output=true},{batchnorm=true}]";
    place.trained(
        "run",
        &format!("--set steps=30 --set projection=sign --set data.set=cifar10 --set data.test=20 --set layers={layers} --data data"),
    );
    let set = data::load("cifar10", Some(&place.path("data"))).unwrap();
    write_pictures(&set, 20, &place.path("pictures"));
    let eval = json(&place, "eval run --distort sign --json --data data");
    let predicted = json(&place, "predict run pictures --json --data data");
    assert_eq!(error(&predicted, &set), eval["errors"]["sign"]);
    let first = &predicted["images"][0]["classes"][0];
    assert_eq!(first["class"], set.classes[first["index"].as_u64().unwrap() as usize]);

    place.run("predict run pictures").refused(&["moments", "--data"]);
    place.run("export run --format packed -o net.wp1 --data data").ok();
    fs::remove_dir_all(place.path("data")).unwrap();
    assert_eq!(json(&place, "predict net.wp1 pictures --json")["images"], predicted["images"]);
}

#[test]
fn whitened_images_need_the_training_images_once() {
    let place = Place::new();
    crate::stream::write_images(place.dir.path());
    let set = data::load("mnist", Some(place.dir.path())).unwrap();
    place.trained(
        "run",
        "--set steps=20 --set projection=sign --set data.set=mnist --set data.gcn=10 --set data.zca=0.1 --data .",
    );
    write_pictures(&set, 50, &place.path("pictures"));
    let eval = json(&place, "eval run --distort sign --json --data .");
    let predicted = json(&place, "predict run pictures --json --data .");
    assert_eq!(error(&predicted, &set), eval["errors"]["sign"]);
    place.run("export run --format packed -o net.wp1 --data .").ok();
    assert_eq!(json(&place, "predict net.wp1 pictures --json --data .")["images"], predicted["images"]);
    fs::create_dir(place.path("elsewhere")).unwrap();
    place.run("predict net.wp1 pictures --data elsewhere").refused(&["whitening", "--data"]);
}
