//! `distort`: a projection applied to weights from anywhere.

use std::collections::HashMap;
use std::fs;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::Place;

/// Numbers between -1 and 1 that are exact in every type here.
fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + 11) % 64) as f32 / 32.0 - 0.96875).collect()
}

fn bytes_of(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
        Dtype::BF16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        Dtype::F64 => values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}

fn floats(t: &TensorView) -> Vec<f32> {
    let pairs = || t.data().chunks_exact(2).map(|b| [b[0], b[1]]);
    match t.dtype() {
        Dtype::F16 => pairs().map(|b| f16::from_le_bytes(b).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
        Dtype::F64 => t.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        _ => t.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    }
}

/// A file of `(name, type, shape, bytes)`.
fn write(place: &Place, name: &str, tensors: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) {
    let views = tensors.iter().map(|(n, d, s, b)| (n.to_string(), TensorView::new(*d, s.clone(), b).unwrap()));
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    fs::write(place.path(name), safetensors::serialize(views, Some(metadata)).unwrap()).unwrap();
}

fn float(name: &'static str, dtype: Dtype, shape: &[usize]) -> (&'static str, Dtype, Vec<usize>, Vec<u8>) {
    (name, dtype, shape.to_vec(), bytes_of(&numbers(shape.iter().product()), dtype))
}

#[test]
fn sign_leaves_one_magnitude_per_tensor_and_the_rest_of_the_file_as_it_was() {
    let place = Place::new();
    let integers: Vec<u8> = (0..32).collect();
    let file = [
        float("conv.weight", Dtype::F32, &[4, 2, 3, 3]),
        float("half.weight", Dtype::F16, &[3, 5]),
        float("brain.weight", Dtype::BF16, &[2, 7]),
        float("double.weight", Dtype::F64, &[2, 3, 2]),
        float("conv.bias", Dtype::F32, &[4]),
        ("ids", Dtype::I64, vec![2, 2], integers),
    ];
    write(&place, "in.safetensors", &file);
    let out = place.run("distort in.safetensors --with sign -o out.safetensors").ok();
    assert_eq!(out.lines().count(), 4, "a line per projected tensor: {out}");
    let bytes = fs::read(place.path("out.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let remarks = header.metadata().as_ref().unwrap();
    assert_eq!(remarks["format"], "pt");
    assert!(remarks["distortion"].contains("sign"));
    let result = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(result.len(), file.len());
    for (name, dtype, shape, before) in &file {
        let after = result.tensor(name).unwrap();
        assert_eq!((after.dtype(), after.shape()), (*dtype, shape.as_slice()), "{name}");
        if !name.ends_with(".weight") {
            assert_eq!(after.data(), before, "{name} is copied");
            continue;
        }
        let before = floats(&TensorView::new(*dtype, shape.clone(), before).unwrap());
        let alpha = before.iter().fold(0f32, |a, w| a.max(w.abs()));
        let want: Vec<f32> = before.iter().map(|w| alpha.copysign(*w)).collect();
        assert_eq!(floats(&after), want, "{name}");
    }
}

#[test]
fn a_checkpoint_can_be_distorted_and_a_draw_repeated() {
    let place = Place::new();
    place.trained("run", "--set steps=5");
    let draw = |out: &str, more: &str| {
        place.run(&format!("distort run/checkpoint.safetensors --with addnorm:0.3 -o {out} {more}")).ok();
        crate::tensors(&place.path(out))
    };
    let (a, again, other) = (draw("a", ""), draw("b", ""), draw("c", "--draw 1"));
    assert!(a.keys().all(|name| !name.starts_with("optimizer.")), "{:?}", a.keys());
    let before = place.tensors("run");
    assert_eq!(a["bn1.weight"], before["bn1.weight"]);
    assert_eq!(a["conv1.weight"].0, before["conv1.weight"].0);
    assert_ne!(a["conv1.weight"].1, before["conv1.weight"].1);
    assert_eq!(a, again);
    assert_ne!(a["conv1.weight"], other["conv1.weight"]);
    // What comes out has no training state, and says so.
    place.run("eval a").refused(&["plain file of weights"]);
}

#[test]
fn a_chain_of_some_layers_leaves_the_others_as_they_are() {
    let place = Place::new();
    let file = [
        float("features.0.weight", Dtype::F32, &[4, 2, 3, 3]),
        float("features.3.weight", Dtype::F32, &[3, 8]),
        float("classifier.weight", Dtype::F32, &[2, 7]),
    ];
    write(&place, "in.safetensors", &file);
    let distort = |with: &str, out: &str| {
        let mut command = place.command(&format!("distort in.safetensors -o {out}"));
        crate::Ran::of(command.args(["--with", with]).output().unwrap())
    };
    distort("sign+features.3:round except classifier", "out").ok();
    let (before, after) = (crate::tensors(&place.path("in.safetensors")), crate::tensors(&place.path("out")));
    assert_eq!(after["classifier.weight"], before["classifier.weight"]);
    for name in ["features.0.weight", "features.3.weight"] {
        let values =
            |t: &[u8]| -> Vec<f32> { t.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect() };
        let (stored, got) = (values(&before[name].1), values(&after[name].1));
        let alpha = stored.iter().fold(0f32, |a, w| a.max(w.abs()));
        assert_eq!(got, stored.iter().map(|w| alpha.copysign(*w)).collect::<Vec<_>>(), "{name}");
    }
    distort("addnorm:0.3 x4", "y").refused(&["x4", "--draw"]);
    distort("features.1:sign", "y").refused(&["classifier, features.0, features.3"]);
}

#[test]
fn weights_that_are_no_numbers_and_files_that_are_no_weights_are_refused() {
    let place = Place::new();
    let nan = bytes_of(&[1.0, f32::NAN, 2.0, 3.0], Dtype::F32);
    write(&place, "nan", &[("fc.weight", Dtype::F32, vec![2, 2], nan)]);
    write(&place, "bias", &[float("fc.bias", Dtype::F32, &[4])]);
    fs::write(place.path("text"), "this is no safetensors file").unwrap();
    fs::write(place.path("empty"), "").unwrap();
    for (file, word) in [
        ("nan", "fc.weight: element 1 is NaN"),
        ("bias", "no floating-point tensor"),
        ("text", "no sound safetensors file"),
        ("empty", "no sound safetensors file"),
        ("gone", "No such file"),
    ] {
        let word = if cfg!(unix) || file != "gone" { word } else { "gone" };
        place.run(&format!("distort {file} --with sign -o out")).refused(&[file, word]);
        assert!(!place.path("out").exists());
    }
}

#[test]
fn a_type_that_cannot_be_projected_is_named() {
    let place = Place::new();
    let eight = |name| (name, Dtype::F8_E4M3, vec![2, 2], vec![0x38, 0xb8, 0x30, 0xb0]);
    write(&place, "mixed", &[float("a.weight", Dtype::F32, &[4, 2]), eight("b.weight"), eight("c.weight")]);
    let ran = place.run("distort mixed --with sign -o out");
    assert!(ran.err.contains("b.weight (F8_E4M3), c.weight (F8_E4M3)"), "{}", ran.err);
    assert!(ran.err.contains("copied as they are"), "{}", ran.err);
    assert_eq!(ran.ok().lines().count(), 1);
    let (before, after) = (crate::tensors(&place.path("mixed")), crate::tensors(&place.path("out")));
    assert_eq!(before["b.weight"], after["b.weight"]);
    assert_ne!(before["a.weight"], after["a.weight"]);
    write(&place, "eight", &[eight("b.weight")]);
    place.run("distort eight --with sign -o none").refused(&["eight", "b.weight (F8_E4M3)", "f64"]);
    assert!(!place.path("none").exists());
}

#[test]
fn a_layer_that_is_left_alone_keeps_every_bit_of_f64() {
    let place = Place::new();
    let fine: Vec<u8> = (1..=8).flat_map(|i| (1.0 / f64::from(i)).to_le_bytes()).collect();
    let layer = |name| (name, Dtype::F64, vec![2, 4], fine.clone());
    write(&place, "in", &[layer("a.weight"), layer("b.weight")]);
    let mut command = place.command("distort in -o out");
    crate::Ran::of(command.args(["--with", "addnorm:0.3 except b"]).output().unwrap()).ok();
    let after = crate::tensors(&place.path("out"));
    assert_eq!(after["b.weight"].1, fine);
    assert_ne!(after["a.weight"].1, fine);
    let huge = [1e300, 1.0, 1.0, 1.0].iter().flat_map(|v: &f64| v.to_le_bytes()).collect();
    write(&place, "huge", &[("a.weight", Dtype::F64, vec![2, 2], huge)]);
    place.run("distort huge --with sign -o none").refused(&["a.weight: element 0 is inf as f32"]);
}

#[test]
fn a_result_that_its_type_cannot_hold_is_refused_and_nothing_is_written() {
    let place = Place::new();
    // Near the end of each type.
    for (dtype, most, name) in
        [(Dtype::F16, 65504.0, "F16"), (Dtype::BF16, 3.38e38, "BF16"), (Dtype::F32, 3.4e38, "F32")]
    {
        write(&place, "in", &[("a.weight", dtype, vec![4, 16], bytes_of(&[most; 64], dtype))]);
        let e = place
            .run("distort in --with addnorm:0.5 -o out")
            .refused(&["in: a.weight: element ", "nothing was written"]);
        assert!(e.contains(&format!("which {name} cannot hold")), "{e}");
        assert!(!place.path("out").exists());
        // What it can hold is written, and read again.
        place.run("distort in --with round -o whole").ok();
        place.run("distort whole --with sign -o again").ok();
    }
}

#[test]
fn more_tensors_than_draws_tell_apart_are_refused() {
    let place = Place::new();
    let many = |n: usize| -> Vec<(String, Dtype, Vec<usize>, Vec<u8>)> {
        (0..n).map(|i| (format!("t{i}.weight"), Dtype::F32, vec![1, 1], vec![0, 0, 128, 63])).collect()
    };
    let tensors = many(65_537);
    let views = tensors.iter().map(|(n, d, s, b)| (n.clone(), TensorView::new(*d, s.clone(), b).unwrap()));
    fs::write(place.path("many"), safetensors::serialize(views, None).unwrap()).unwrap();
    place.run("distort many --with sign -o out").refused(&["many: 65537 tensors are more than 65536"]);
    assert!(!place.path("out").exists());
}

/// PyTorch's layout: the filters are the first dimension, also of a convolution in groups and of a linear layer.
#[test]
fn statistics_of_filters_are_of_the_first_dimension_of_a_file() {
    let place = Place::new();
    let shapes: [(&str, &[usize]); 3] =
        [("conv.weight", &[6, 2, 2, 4]), ("grouped.weight", &[4, 1, 4, 2]), ("fc.weight", &[5, 32])];
    write(&place, "in", &shapes.map(|(name, shape)| float(name, Dtype::F32, shape)));
    let sign = |w: f32, alpha: f32| if w >= 0.0 { alpha } else { -alpha };
    let most = |filter: &[f32]| filter.iter().fold(0f32, |a, w| a.max(w.abs()));
    // Multiples of 1/32 and powers of two to a filter: the mean is exact.
    let mean = |filter: &[f32]| filter.iter().map(|w| w.abs()).sum::<f32>() / filter.len() as f32;
    type Twin<'a> = &'a dyn Fn(&[f32]) -> Vec<f32>;
    let twins: [(&str, Twin); 4] = [
        ("bwn", &|f| f.iter().map(|w| sign(*w, mean(f))).collect()),
        ("sign:filter", &|f| f.iter().map(|w| sign(*w, most(f))).collect()),
        ("round:filter", &|f| {
            f.iter().map(|w| if 2.0 * w.abs() < most(f) { 0.0 } else { sign(*w, most(f)) }).collect()
        }),
        ("quant:4,filter", &|f| f.iter().map(|w| (7.0 * w / most(f)).round() * most(f) / 7.0).collect()),
    ];
    for (with, twin) in twins {
        place.run(&format!("distort in --with {with} -o out")).ok();
        let (bytes, exact) = (fs::read(place.path("out")).unwrap(), !with.starts_with("quant"));
        let result = SafeTensors::deserialize(&bytes).unwrap();
        for (name, shape) in shapes {
            let weights = numbers(shape.iter().product());
            let want: Vec<f32> = weights.chunks(weights.len() / shape[0]).flat_map(twin).collect();
            for (i, (got, want)) in floats(&result.tensor(name).unwrap()).iter().zip(&want).enumerate() {
                let off = (got - want).abs();
                assert!(if exact { off == 0.0 } else { off < 1e-6 }, "{with}: {name}[{i}] is {got}, not {want}");
            }
        }
    }
}
