//! Weights from elsewhere: a network that PyTorch trained and saved (`tests/reference/torch_digits.py`), and files that
//! are not what they should be.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::common;
use indicatif::ProgressBar;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use weightproof::data::{Batches, Part};
use weightproof::eval::{Evaluator, Moments, Progress, Test};
use weightproof::model::Placement;
use weightproof::model::preset::Preset;
use weightproof::plan::Step;
use weightproof::projection::Projection;
use weightproof::session::{Session, images};
use weightproof::weights::{self, TrainedNetwork};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

fn preset_path() -> String {
    fixture("torch_digits.toml").display().to_string()
}

fn opened(file: &Path, sets: &[&str]) -> Result<TrainedNetwork, String> {
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    weights::open(file, Some(preset_path().as_ref()), &sets, None).map_err(|e| e.to_string())
}

/// Logits of six test images and the error over all, under a projection of the weights, with the moments that the file
/// brings or with those of the training images.
#[test]
fn a_network_of_pytorch_gives_its_logits_here_whole_and_under_sign_with_moments_old_and_new() {
    const IMAGES: usize = 6;
    let reference: Value = serde_json::from_str(include_str!("../reference/torch_digits.json")).expect("JSON");
    let file = opened(&fixture("torch_digits.safetensors"), &[]).unwrap();
    assert_eq!((file.name.as_str(), file.step), ("torch_digits", 0));
    let (network, data) = (&file.network, file.data(None).unwrap());
    let mut session = Session::new(common::device(false), network.clone(), 1);
    let target = session.target.clone();
    let mut evaluator = Evaluator::new(&mut session, data.clone(), Part::Test, IMAGES, 0).unwrap();
    let (bar, stop) = (ProgressBar::hidden(), AtomicBool::new(false));
    let test = session.load(network.test_plan(&target, IMAGES).unwrap(), true).unwrap();
    session.set_weights(&file.weights).unwrap();
    images::upload(&mut session.runner, &data, Part::Test, &Placement::Uploaded).unwrap();
    for (projection, trained) in [("none", true), ("sign", true), ("none", false), ("sign", false)] {
        let distortion = Projection::parse(projection).unwrap().into();
        if trained {
            session.distort(&distortion, 1, 0).unwrap();
            for (name, values) in file.moments.as_ref().expect("running_mean and running_var") {
                session.runner.write(name, bytemuck::cast_slice(values)).unwrap();
            }
        } else {
            let test = Test { distortion: &distortion, seed: 1, draw: 0, moments: Moments::Recomputed };
            assert!(evaluator.prepare(&mut session, &test, Progress { bar: &bar, stop: &stop }).unwrap());
        }
        let runner = &mut session.runner;
        let batch = Batches::sequential(data.clone(), Part::Test, IMAGES).unwrap().next().unwrap().unwrap();
        runner.write(&network.uploads(&Placement::Uploaded, "test.input"), &batch.images).unwrap();
        runner.write("test.label", &batch.labels).unwrap();
        runner.run(&test.loaded, &Step { valid: IMAGES as u32, ..Step::at(1, 0) }).unwrap();
        let logits = test.read(runner, "fc1.output").unwrap();
        let logits: &[f32] = bytemuck::cast_slice(&logits);
        let want = &reference[if trained { "trained" } else { "recomputed" }][projection]["logits"];
        let want = want.as_array().expect("a list");
        assert_eq!(logits.len(), want.len());
        for (i, (got, want)) in logits.iter().zip(want).enumerate() {
            let want = want.as_f64().expect("a number");
            let off = (f64::from(*got) - want).abs();
            assert!(off <= 1e-4, "{projection}, trained {trained}, logit {i}: {got}, PyTorch has {want}");
        }
    }
}

/// A tensor of a file to be: name, type, shape, bytes.
type Stored = (String, Dtype, Vec<usize>, Vec<u8>);

/// The fixture, changed by `edit`, as a file.
fn edited(dir: &Path, edit: impl FnOnce(&mut Vec<Stored>)) -> PathBuf {
    let bytes = fs::read(fixture("torch_digits.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let stored = |(name, t): (String, TensorView)| (name, t.dtype(), t.shape().to_vec(), t.data().to_vec());
    let mut tensors: Vec<Stored> = file.tensors().into_iter().map(stored).collect();
    edit(&mut tensors);
    let views = tensors.iter().map(|(n, d, s, b)| (n.clone(), TensorView::new(*d, s.clone(), b).unwrap()));
    let path = dir.join("edited.safetensors");
    fs::write(&path, safetensors::serialize(views, None::<HashMap<String, String>>).unwrap()).unwrap();
    path
}

fn find<'a>(tensors: &'a mut [Stored], name: &str) -> &'a mut Stored {
    tensors.iter_mut().find(|t| t.0 == name).expect("in the fixture")
}

fn rename(tensors: &mut [Stored], from: &str, to: &str) {
    for (name, ..) in tensors {
        if let Some(leaf) = name.strip_prefix(from) {
            *name = format!("{to}{leaf}");
        }
    }
}

#[test]
fn what_does_not_fit_is_named_with_what_is_expected_and_nothing_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |sets: &[&str], words: &[&str], edit: &dyn Fn(&mut Vec<Stored>)| {
        let path = edited(dir.path(), edit);
        let e = opened(&path, sets).err().expect("refused");
        for word in ["edited.safetensors", "nothing is loaded"].iter().chain(words) {
            assert!(e.contains(word), "\"{word}\" is not in: {e}");
        }
    };
    refused(&[], &["conv2.bias: missing; f32 of shape [8] is expected"], &|t| t.retain(|t| t.0 != "4.bias"));
    refused(&[], &["bn1.running_var: missing", "[6]"], &|t| t.retain(|t| t.0 != "1.running_var"));
    refused(&[], &["7.weight (fc1.weight here): shape [10, 64]; [10, 128] is expected"], &|t| {
        *find(t, "7.weight") = ("7.weight".into(), Dtype::F32, vec![10, 64], vec![0; 4 * 640]);
    });
    // Two things at once: both are said.
    refused(
        &[],
        &["7.bias (fc1.bias here): type F64", "F32 is expected", "0.bias (conv1.bias here)", "no such"],
        &|t| {
            *find(t, "7.bias") = ("7.bias".into(), Dtype::F64, vec![10], vec![0; 80]);
            t.push(("0.bias".into(), Dtype::F32, vec![6], vec![0; 24]));
        },
    );
    refused(&[], &["element 3 is NaN"], &|t| find(t, "0.weight").3[12..16].copy_from_slice(&f32::NAN.to_le_bytes()));
    refused(&[], &["1.running_var (bn1.running_var here): element 2 is -0.5; a variance is not negative"], &|t| {
        find(t, "1.running_var").3[8..12].copy_from_slice(&(-0.5f32).to_le_bytes());
    });
    refused(&[], &["linear layers in the file: 2 (7, 9), in the network: 1 (fc1)", "[names]"], &|t| {
        t.push(("9.weight".into(), Dtype::F32, vec![10, 10], vec![0; 400]));
    });
    refused(&["width=0.5"], &["0.weight (conv1.weight here): shape [6, 1, 3, 3]; [3, 1, 3, 3] is expected"], &|_| {});
    refused(&[], &["stem.weight: the network has no such tensor", "conv1.weight: missing"], &|t| {
        rename(t, "0.", "stem.");
        rename(t, "7.", "fc1.");
    });

    // A damaged file, a run without a preset of its own, and one with.
    let bytes = fs::read(fixture("torch_digits.safetensors")).unwrap();
    for cut in [0, 7, 100, bytes.len() - 1] {
        let path = dir.path().join("cut.safetensors");
        fs::write(&path, &bytes[..cut]).unwrap();
        assert!(opened(&path, &[]).is_err_and(|e| e.contains("cut.safetensors")), "cut after {cut} bytes");
    }
    let plain = weights::open(&fixture("torch_digits.safetensors"), None, &[], None).err().unwrap().to_string();
    assert!(plain.contains("--preset"), "{plain}");
}

#[test]
fn names_that_differ_are_matched_by_the_table_of_the_preset_or_by_order() {
    let dir = tempfile::tempdir().unwrap();
    let weights = opened(&fixture("torch_digits.safetensors"), &[]).unwrap().weights;
    let moved = |t: &mut Vec<Stored>| {
        for (from, to) in [("0.", "body.10."), ("1.", "norm."), ("4.", "body.9."), ("7.", "fc1.")] {
            rename(t, from, to);
        }
    };
    let path = edited(dir.path(), moved);
    let with = |table: &str| {
        let preset = dir.path().join("named.toml");
        fs::write(&preset, format!("extends = '{}'\n[names]\n{table}", preset_path())).unwrap();
        weights::open(&path, Some(preset.as_path()), &[], None).map_err(|e| e.to_string())
    };
    let table = "\"body.10\" = 'conv1'\nnorm = 'bn1'\n\"body.9.weight\" = 'conv2.weight'\n";
    assert!(with(table).is_err_and(|e| e.contains("body.9.bias: the network has no such tensor")));
    let table = format!("{table}\"body.9.bias\" = 'conv2.bias'\n");
    let named = with(&table).unwrap();
    assert!(named.weights == weights);
    assert_eq!(Preset::from_toml(&named.preset.to_toml()).unwrap().names, named.preset.names);
    let e = with(&format!("{table}bode = 'fc1'")).err().unwrap();
    assert!(e.contains("\"bode\"") && e.contains("no such tensor or module"), "{e}");

    // By order 9 comes before 10 and 4, 7 of the other kinds do not matter: the shapes tell that the order is wrong.
    let path = edited(dir.path(), |t| {
        moved(t);
        rename(t, "fc1.", "classifier.1.");
    });
    assert!(opened(&path, &[]).is_err_and(|e| e.contains("body.9.weight (conv1.weight here)")));
    let path = edited(dir.path(), |t| {
        for (from, to) in [("0.", "body.9."), ("1.", "norm."), ("4.", "body.10."), ("7.", "classifier.1.")] {
            rename(t, from, to);
        }
    });
    assert!(opened(&path, &[]).unwrap().weights == weights);
}
