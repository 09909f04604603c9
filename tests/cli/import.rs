//! Networks that others published, as runs that every command takes.

use std::fs;

use serde_json::Value;

use crate::{Place, tensors};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/mcdonnell.mat");

/// A place with the run `net`, and images of the formula of `tests/reference/mcdonnell.py` as CIFAR-10, twenty in each file.
fn place() -> Place {
    let place = Place::new();
    let value = |image: usize, channel: usize, row: usize, column: usize| {
        (29 * image + 5 * row + 3 * column + 50 * channel + image * row * column) as u8
    };
    let record = |image: usize| {
        let pixels = (0..3072).map(move |i| value(image, i / 1024, i / 32 % 32, i % 32));
        std::iter::once((image % 10) as u8).chain(pixels)
    };
    let folder = place.path("cifar-10-batches-bin");
    fs::create_dir(&folder).expect("a new folder");
    let images: Vec<u8> = (0..20).flat_map(record).collect();
    for name in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        fs::write(folder.join(format!("{name}.bin")), &images).expect("a file");
    }
    let said = place.run(&format!("import --from mcdonnell {FILE} -o net")).ok();
    assert!(said.contains("wrn-8-0.25-1bit for cifar10: 4876 weights") && said.contains("run: net"), "{said}");
    place
}

fn eval(place: &Place, net: &str, more: &str) -> Value {
    serde_json::from_str(&place.run(&format!("eval {net} --json --set batch=20 {more}")).ok()).unwrap()
}

#[test]
fn a_published_network_is_tested_with_its_own_moments_unless_others_are_asked_for() {
    let place = place();
    let reference: Value = serde_json::from_str(include_str!("../reference/mcdonnell.json")).unwrap();
    let tested = eval(&place, "net", "--distort none,he-sign");
    assert_eq!(tested["moments"], "trained");
    for distortion in ["none", "he-sign"] {
        let loss = tested["losses"][distortion].as_f64().unwrap();
        // Four decimals are printed.
        assert!((loss - reference["loss"].as_f64().unwrap()).abs() < 6e-5, "{loss}");
        assert_eq!(tested["errors"][distortion], reference["error"]);
    }
    let again = eval(&place, "net", "--distort none --moments recomputed");
    assert_ne!(again["losses"]["none"], tested["losses"]["none"]);

    place.run("export net --format packed -o net.wp1").ok();
    let packed = eval(&place, "net.wp1", "--distort none");
    assert_eq!(packed["losses"]["none"], tested["losses"]["none"]);
    assert_eq!(packed["moments"], "trained");
    let bits = tensors(&place.path("net.wp1")).keys().filter(|name| name.ends_with(".bits")).count();
    assert_eq!(bits, 8);
}

#[test]
fn every_command_takes_an_imported_run() {
    let place = place();
    let record: Value = serde_json::from_str(&fs::read_to_string(place.path("net/run.json")).unwrap()).unwrap();
    assert!(record["command"].as_str().unwrap().contains("import") && record["init"]["file"] == FILE, "{record}");
    assert_eq!(record["init"]["sha256"].as_str().unwrap().len(), 64);
    let small = "--set batch=20";
    assert!(place.run(&format!("sweep net --distort bitflip:0,bitflip:0.2 {small}")).ok().contains("bitflip:0.2"));
    place.run(&format!("analyze net --json {small}")).ok();
    place.run("report net --out page").ok();
    place.run("distort net/checkpoint.safetensors --with bitflip:0.5 -o plain.safetensors").ok();
    fs::write(place.path("same.toml"), record["preset_toml"].as_str().unwrap()).unwrap();
    place.run(&format!("train same.toml --init net --out more {small} --set steps=1 --set eval.distort=[]")).ok();
    assert!(place.path("more/checkpoint.safetensors").exists());

    place.run("train net --resume").refused(&["checkpoint.safetensors", "no state of training", "--init"]);
    place.run(&format!("import --from mcdonnell {FILE} -o net")).refused(&["holds a run already"]);
    place.run("import --from mcdonnell net/run.json -o other").refused(&["run.json", "no MATLAB file"]);
    assert!(!place.path("other").exists());
}
