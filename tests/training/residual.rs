//! Residual blocks with every shortcut, grouped convolutions and biases against PyTorch's own layers and optimiser
//! (`tests/reference/resnet_step.py`).

use serde_json::Value;
use weightproof::kernels::parameters::Tensor;
use weightproof::plan::{Step, Target};

use crate::steps::{allowed, as_gpu, close, floats, numbers, ready, unfused};
use crate::{common, small};

/// Tensor `k` of the reference, by its formulae.
fn values(k: u64, t: &Tensor) -> Vec<f32> {
    let (ramp, fan_in) = (|i: u64| ((i * 53 + i * i * 13 + 13 * k + 3) % 97) as f64 - 48.0, t.fan_in() as f64);
    let weight = |i: u64| ramp(i) / 97.0 * 3.0 / fan_in.sqrt();
    let gamma = |i: u64| 1.0 + (((i * 29 + 5 * k) % 13) as f64 - 6.0) / 20.0;
    let shift = |i: u64| (((i * 31 + 11 * k + 1) % 17) as f64 - 8.0) / 40.0;
    let value = |i: u64| match t.name.rsplit_once('.') {
        Some((_, "weight")) if t.projected => weight(i),
        Some((_, "weight")) => gamma(i),
        _ => shift(i),
    };
    (0..t.len() as u64).map(|i| value(i) as f32).collect()
}

#[test]
fn three_steps_through_every_shortcut_agree_with_pytorch() {
    let r: Value = serde_json::from_str(include_str!("../reference/resnet_step.json")).expect("the reference is JSON");
    let image = |i: u64| (((i * 37 + i * i * 5 + 11) % 101) as f64 / 50.0 - 1.0) as f32;
    let images: Vec<f32> = (0..4 * 8 * 8 * 3).map(image).collect();
    for change in [|target: Target| target, unfused, as_gpu] {
        let network = small::resnet();
        let parameters = network.parameters.clone();
        let mut weights = vec![0.0; parameters.len()];
        for (k, t) in parameters.tensors.iter().enumerate() {
            weights[t.offset..t.offset + t.len()].copy_from_slice(&values(k as u64, t));
        }
        let mut s = ready(common::device(true), network, change, &weights, (&images, &[3, 1, 4, 1]));
        for number in 0..3 {
            s.step(&Step { lr: 0.05, slot: number as u32, valid: 4, ..Step::at(1, number) });
            if number > 0 {
                continue;
            }
            close("logits", floats(&s.read("fc1.output")), &numbers(&r["logits"]), allowed(&r, "logits"));
            let grad = s.read("grad");
            for t in &parameters.tensors {
                let parts = &floats(&grad)[t.grad_offset..t.grad_offset + t.splits * t.len()];
                let sum = |i| parts.iter().skip(i).step_by(t.len()).sum();
                let got: Vec<f32> = (0..t.len()).map(sum).collect();
                close(&t.name, &got, &numbers(&r["grad"][&t.name]), allowed(&r, "grad"));
            }
        }
        let after = s.session.runner.read("weight", parameters.len()).unwrap();
        for t in &parameters.tensors {
            let got = &floats(&after)[t.offset..t.offset + t.len()];
            close(&t.name, got, &numbers(&r["after_3"][&t.name]), allowed(&r, "after_3"));
        }
        let metrics = s.session.runner.read("metrics", 12).unwrap();
        let losses: Vec<f32> = floats(&metrics).chunks(4).map(|row| row[0]).collect();
        close("losses", &losses, &numbers(&r["losses"]), allowed(&r, "losses"));
    }
}
