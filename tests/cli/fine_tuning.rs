//! Training that begins with the weights of another run, or of PyTorch.

use std::fs;

use serde_json::{Value, json};

use crate::{Place, Tensors, tensors};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

/// `train` of the network of tests/reference/torch_digits.py, or of another with the text `layers` replaced.
fn train(place: &Place, run: &str, layers: [&str; 2], more: &str) -> crate::Ran {
    let preset = fs::read_to_string(format!("{REFERENCE}/torch_digits.toml")).unwrap();
    fs::write(place.path("net.toml"), preset.replace(layers[0], layers[1])).unwrap();
    place.run(&format!("train net.toml --out {run} --set eval.distort=[] {more}"))
}

/// One step with a learning rate that changes no weight.
const STILL: &str = "--set steps=1 --set lr.initial=1e-30";

fn init(place: &Place, run: &str) -> Value {
    let text = fs::read_to_string(place.path(run).join("run.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["init"].clone()
}

/// The tensors of one layer: `weight`, `bias`.
fn layer(of: &Tensors, name: &str) -> Tensors {
    let leaf = |tensor: &str| tensor.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
    let all: Tensors = of.iter().filter_map(|(tensor, content)| Some((leaf(tensor)?, content.clone()))).collect();
    assert!(!all.is_empty(), "no tensor of {name}");
    all
}

#[test]
fn a_file_of_pytorch_is_trained_further_and_resumed_bit_for_bit() {
    let place = Place::new();
    let same = ["", ""];
    let file = format!("--init {REFERENCE}/torch_digits.safetensors");
    train(&place, "still", same, &format!("{file} {STILL}")).ok();
    let (got, want) = (place.tensors("still"), tensors(format!("{REFERENCE}/torch_digits.safetensors").as_ref()));
    for (name, theirs) in [("conv1", "0"), ("bn1", "1"), ("conv2", "4"), ("fc1", "7")] {
        let want = layer(&want, theirs);
        for (leaf, got) in layer(&got, name) {
            assert!(got == want[&leaf], "{name}.{leaf}");
        }
    }
    let record = init(&place, "still");
    let sum = record["sha256"].as_str().unwrap();
    assert!(record["file"].as_str().unwrap().ends_with("torch_digits.safetensors") && sum.len() == 64, "{record}");
    assert_eq!((&record["step"], &record["drawn"]), (&Value::Null, &json!([])));

    train(&place, "half", same, &format!("{file} --set steps=10")).ok();
    place.run("train half --resume --set steps=20").ok();
    train(&place, "whole", same, &format!("{file} --set steps=20")).ok();
    place.assert_same("half", "whole");
    train(&place, "drawn", same, "--set steps=20").ok();
    assert!(place.tensors("drawn") != place.tensors("whole"));
    assert_eq!(init(&place, "drawn"), Value::Null);
}

#[test]
fn layers_that_are_excepted_are_drawn_and_may_have_another_shape() {
    let place = Place::new();
    let file = format!("{STILL} --init {REFERENCE}/torch_digits.safetensors");
    let wider = ["conv2d = 8", "conv2d = 12"];
    train(&place, "refused", wider, &file).refused(&[
        "4.weight (conv2.weight here): shape [8, 6, 3, 3]; [12, 6, 3, 3] is expected",
        "fc1.weight",
        "nothing is loaded",
        "--init-except",
    ]);
    assert!(!place.path("refused").exists());
    train(&place, "drawn", wider, STILL).ok();
    train(&place, "part", wider, &format!("{file} --init-except conv2 fc*")).ok();
    train(&place, "whole", ["", ""], &file).ok();
    let [drawn, part, whole] = ["drawn", "part", "whole"].map(|run| place.tensors(run));
    for (name, from) in [("conv1", &whole), ("bn1", &whole), ("conv2", &drawn), ("fc1", &drawn)] {
        // A bias that is drawn is 0, and no step is too small to change that.
        assert!(layer(&part, name)["weight"] == layer(from, name)["weight"], "{name}");
    }
    assert_eq!(init(&place, "part")["drawn"], json!(["conv2.weight", "conv2.bias", "fc1.weight", "fc1.bias"]));
    // A layer that the file lacks, and one that the network lacks.
    let two = ["{ linear = 10", "{ linear = 16, bias = true }, { relu = true }, { linear = 10"];
    train(&place, "two", two, &file).refused(&["linear layers in the file: 1 (7), in the network: 2 (fc1, fc2)"]);
    train(&place, "two", two, &format!("{file} --init-except fc* 7")).ok();
    let none = ["{ conv2d = 8, kernel = 3, pad = 1, bias = true }, { relu = true },", ""];
    train(&place, "none", none, &format!("{file} --init-except 4 fc1")).ok();
    assert!(layer(&place.tensors("none"), "conv1") == layer(&whole, "conv1"));
}

#[test]
fn a_run_gives_its_weights_and_not_the_state_of_its_optimiser() {
    let place = Place::new();
    place.given("run");
    place.run("distort run/checkpoint.safetensors --with none -o plain.safetensors").ok();
    for (run, file) in [("a", "run"), ("b", "run/checkpoint.safetensors"), ("c", "plain.safetensors")] {
        place.trained(run, &format!("--set steps=5 --init {file}"));
    }
    place.assert_same("a", "b");
    place.assert_same("a", "c");
    place.trained("drawn", "--set steps=5");
    assert!(place.tensors("a") != place.tensors("drawn"));
    assert_eq!((&init(&place, "a")["step"], &init(&place, "c")["step"]), (&json!(20), &Value::Null));
}

#[test]
fn what_cannot_be_begun_with_is_refused() {
    let place = Place::new();
    place.given("run");
    for (args, words) in [
        ("--init gone", &["gone", "no such file or folder"][..]),
        ("--init run --init-except fcc1", &["\"fcc1\"", "no layer", "fc1"]),
        ("--init run --init-except *", &["leaves no layer"]),
        ("--init-except fc1", &["--init"]),
        ("--init run --resume", &["--init", "--resume"]),
    ] {
        place.train("new", args).refused(words);
        assert!(!place.path("new").exists(), "{args}");
    }
}
