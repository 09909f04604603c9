//! Arrays that exceed what can be bound: activations in windows of images, weights in windows of their rows.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use weightproof::check::{self, Sums};
use weightproof::gpu::{Device, Runner};
use weightproof::kernels::case::{Case, CaseBuilder};
use weightproof::kernels::conv2d::{self, Geometry};
use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::{AdapterClass, Step, Target};
use weightproof::train::{self, Options, Outcome, Resume};
use weightproof::weights::checkpoint;

use crate::common;
use crate::small;
use crate::steps::{Small, compare, first_step, floats, ready, step_block};

fn narrow(max_binding: usize) -> impl Fn(Target) -> Target {
    move |target| target.with(|a| a.limits.max_binding = max_binding)
}

/// The gradient of a tensor: its partial sums added up.
fn gradient(s: &Small, name: &str) -> Vec<f64> {
    let words = s.read("grad");
    let t = s.session.network.parameters.find(name).expect("declared");
    let parts = &floats(&words)[t.grad_offset..t.grad_offset + t.splits * t.len()];
    (0..t.len()).map(|i| parts.iter().skip(i).step_by(t.len()).map(|p| f64::from(*p)).sum()).collect()
}

/// The gradients of a weight are sums of the same products in another order.
fn assert_same_gradients(whole: &Small, windowed: &Small) {
    for t in &whole.session.network.parameters.tensors {
        let (a, b) = (gradient(whole, &t.name), gradient(windowed, &t.name));
        let size = a.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        for (i, (a, b)) in a.iter().zip(&b).enumerate() {
            assert!((a - b).abs() <= 1e-5 * size, "{}[{i}]: {a} whole, {b} in windows, largest {size}", t.name);
        }
    }
}

/// An adapter whose bindings hold a quarter of the largest activations, which are cut into windows.
#[test]
fn a_step_in_windows_agrees_with_its_twins_and_with_the_whole_step() {
    const BATCH: usize = 128;
    let device = common::device(false);
    let step = Step { valid: BATCH as u32, ..step_block(0) };
    let prepared = |max_binding: usize| {
        let network = small::wide();
        let images: Vec<f32> =
            (0..BATCH * 8 * 8 * 3).map(|i| ((i * i * 5 + i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let labels: Vec<u32> = (0..BATCH as u32).map(|n| n * n % 10).collect();
        let weights = network.initial_weights(7);
        let mut s = ready(device.clone(), network, narrow(max_binding), &weights, (&images, &labels));
        s.session.runner.write("step", &step.words()).unwrap();
        s
    };
    let mut whole = prepared(1 << 27);
    let mut windowed = prepared(small::NARROW);
    let (few, many) = (whole.program.plan.commands.len(), windowed.program.plan.commands.len());
    assert!(many > few + 20, "{many} commands in windows, {few} without");
    compare(&mut windowed).unwrap_or_else(|e| panic!("{e}"));
    whole.session.runner.run_commands(&whole.program.loaded, 0..few).unwrap();
    assert_same_gradients(&whole, &windowed);
}

#[test]
fn a_step_with_weights_in_windows_agrees_with_its_twins_and_with_the_whole_step() {
    for class in [AdapterClass::Software, AdapterClass::Gpu] {
        let device = common::device(false);
        let of_class = |target: Target| target.with(|a| a.class = class);
        let mut whole = first_step(&device, small::large_weights(), of_class);
        let mut windowed =
            first_step(&device, small::large_weights(), |t| narrow(small::LESS_THAN_WEIGHTS)(of_class(t)));
        let scopes = |s: &Small| -> Vec<String> {
            let unfolds = s.program.plan.dispatches().filter(|c| ["conv2d.unfold", "conv2d.fold"].contains(&c.kernel));
            unfolds.map(|c| c.scope.clone()).collect()
        };
        let passes = ["forward", "grad_weight", "grad_input"];
        let in_windows = scopes(&windowed);
        for scope in ["conv2", "fc1"].iter().flat_map(|layer| passes.map(|pass| format!("{layer}.{pass}"))) {
            assert!(in_windows.iter().filter(|s| **s == scope).count() > 1, "{scope} among {in_windows:?}");
        }
        assert!(scopes(&whole).is_empty());
        compare(&mut windowed).unwrap_or_else(|e| panic!("{e}"));
        whole.session.runner.run_commands(&whole.program.loaded, whole.program.loaded.all()).unwrap();
        assert_same_gradients(&whole, &windowed);
    }
}

/// Forward pass and both gradients.
fn passes(c: &mut CaseBuilder, g: &Geometry) -> weightproof::error::Result<()> {
    let (x, w) = (c.operand("x", &[g.n, g.x_len()]), c.operand("w", &[g.w_len()]));
    let dy = c.operand("dy", &[g.n, g.y_len()]);
    let (y, dx) = (c.output("y", &[g.n, g.y_len()]), c.output("dx", &[g.n, g.x_len()]));
    let dw = c.output("dw", &[g.w_len()]);
    conv2d::forward(&mut c.b, "forward", g, x, w, y)?;
    conv2d::grad_input(&mut c.b, "grad_input", g, dy, w, dx)?;
    conv2d::grad_weight(&mut c.b, "grad_weight", g, x, dy, dw, 1)
}

/// Each command against its twin, and the results: integers bit for bit with those of weights that are bound whole, other
/// numbers within a few roundings of the largest.
#[test]
fn weights_in_windows_give_what_weights_do_that_are_bound_whole() {
    let device = common::device(false);
    let conv = Geometry { n: 2, h: 5, w: 4, c_in: 24, c_out: 32, ..Geometry::linear(1, 1, 1) };
    let conv = Geometry { kernel: [3, 3], stride: [2, 1], pad: [1, 1], ..conv };
    // Bytes that a binding may have.
    let shapes = [
        (Geometry::linear(5, 300, 64), 16 << 10),
        (Geometry::linear(3, 130, 36), 10 << 10),
        (Geometry::linear(4, 1024, 10), 20 << 10),
        (conv, 9 << 10),
        (Geometry { groups: 2, ..conv }, 9 << 10),
    ];
    for (g, limit) in shapes {
        for class in [AdapterClass::Software, AdapterClass::Gpu] {
            for case in [Case::exact("integers", move |c| passes(c, &g)), Case::new("any", move |c| passes(c, &g))] {
                let results = |max_binding: usize| {
                    let target = narrow(max_binding)(device.target.with(|a| a.class = class));
                    let built = case.build(&target).unwrap_or_else(|e| panic!("{g:?}: {e}"));
                    let mut runner = Runner::new(device.clone());
                    let loaded = runner.load(&built.plan, true).unwrap();
                    for (name, words) in &built.data {
                        runner.write(name, words).unwrap();
                    }
                    let sums = if case.exact { Sums::Exact } else { Sums::Mixed };
                    check::compare(&mut runner, &built.plan, &loaded, sums).unwrap_or_else(|e| panic!("{g:?}: {e}"));
                    let read = |name: &&str| {
                        let len = built.data.iter().find(|(n, _)| n == name).expect("an output").1.len();
                        runner.read(name, len).unwrap()
                    };
                    (["y", "dx", "dw"].iter().map(read).collect::<Vec<_>>(), built.plan)
                };
                let ((whole, _), (windowed, plan)) = (results(1 << 27), results(limit));
                let unfolds = plan.dispatches().filter(|c| c.kernel == "conv2d.unfold").count();
                assert!(unfolds >= 4, "{g:?}: {unfolds}");
                for (name, (a, b)) in ["y", "dx", "dw"].iter().zip(whole.iter().zip(&windowed)) {
                    if case.exact {
                        // A sum of nothing may be + 0 or - 0.
                        let same = floats(a).iter().zip(floats(b)).all(|(a, b)| a == b || a.is_nan() && b.is_nan());
                        assert!(same, "{g:?} {name}");
                        continue;
                    }
                    let finite = floats(a).iter().filter(|v| v.is_finite());
                    let size = finite.fold(0.0, |m: f32, v| m.max(v.abs()));
                    let off = |(a, b): (&f32, &f32)| (a - b).abs() > 2e-6 * size;
                    assert!(!floats(a).iter().zip(floats(b)).any(off), "{g:?} {name}, largest {size}");
                }
            }
        }
    }
}

#[test]
fn a_row_of_weights_that_cannot_be_bound_is_refused_with_sizes() {
    let case = Case::new("a long row", |c| passes(c, &Geometry::linear(1, 8, 4096)));
    let e = case.build(&narrow(8 << 10)(Target::baseline())).err().expect("16 KiB in 8").to_string();
    assert!(e.contains("16384 bytes") && e.contains("8192 bytes"), "{e}");
}

/// AlexNet at half of its width, on small images: convolutions in groups, poolings that overlap, and linear layers whose weights are
/// cut, too. Without batch norm, whose moments are sums in another order then: the passes forward have the same bits, and no ReLU opens
/// that was shut.
#[test]
fn alexnet_in_windows_has_the_gradients_of_the_whole() {
    const BATCH: usize = 64;
    let sets =
        ["width=0.5", "classes=10", "batch=64", "augment.flip=false", "init={kind=\"he_normal\"}"].map(String::from);
    let with_norms = Preset::load("merolla2016/imagenet/tr-none-c", &sets).unwrap().to_toml();
    let preset = Preset::from_toml(&with_norms.replace("  { batchnorm = true },\n", "")).unwrap();
    let device = common::device(false);
    let prepared = |max_binding: usize| {
        let network = Network::new(&preset, [72, 72, 3], 10).unwrap();
        let weights = network.initial_weights(7);
        let images: Vec<f32> =
            (0..BATCH * 72 * 72 * 3).map(|i| ((i * i % 1009 + i * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let labels: Vec<u32> = (0..BATCH as u32).map(|n| n * n % 10).collect();
        let mut s = ready(device.clone(), network, narrow(max_binding), &weights, (&images, &labels));
        s.session.runner.write("step", &Step { valid: BATCH as u32, ..step_block(0) }.words()).unwrap();
        s.session.runner.run_commands(&s.program.loaded, s.program.loaded.all()).unwrap();
        s
    };
    // Half of the images.
    let (whole, windowed) = (prepared(1 << 27), prepared(2 << 20));
    for layer in ["conv1.forward", "conv1.grad_weight", "pool1.backward", "fc7.forward", "fc7.grad_input"] {
        let count = |s: &Small| s.program.plan.commands.iter().filter(|c| c.scope() == layer).count();
        assert!(count(&windowed) > count(&whole), "{layer}");
    }
    assert_same_gradients(&whole, &windowed);
}

/// A run on a device whose bindings hold so many bytes.
fn run(max_binding: usize, dir: &Path, steps: u64, resume: bool) -> Outcome {
    let layers = "layers=[{conv2d=16,kernel=3,pad=1},{relu=true},{linear=384},{relu=true},{linear=10,output=true}]";
    let sets = [layers, "projection=stochm:0.5", "batch=20", "data.train=200", "data.test=60", "eval.every=0"];
    let distort = "eval.distort=[\"none\",\"sign\",\"bwn\",\"prune:0.5\",\"sign+addnorm:0.2\"]";
    let sets =
        sets.into_iter().chain([distort, "lr.initial=0.002"]).map(String::from).chain([format!("steps={steps}")]);
    let preset = Preset::load("demo/digits", &sets.collect::<Vec<_>>()).unwrap();
    let mut device: Arc<Device> = common::open(false);
    Arc::get_mut(&mut device).expect("not shared yet").target.adapter.limits.max_binding = max_binding;
    let options = Options {
        data: None,
        out: Some(dir.to_owned()),
        workers: None,
        resume: resume.then(|| Resume::open(dir).unwrap()),
        init: None,
        command: String::new(),
        stop: &AtomicBool::new(false),
        quiet: true,
        exchange: None,
        trace: None,
        started: Instant::now(),
    };
    train::train(&preset, device, options).unwrap_or_else(|e| panic!("{e}"))
}

/// Weights of 1.6 MB on bindings of 256 KiB: trained, saved, resumed, distorted and tested in windows.
#[test]
fn runs_whose_weights_cannot_be_bound_are_saved_resumed_and_tested() {
    let dir = tempfile::tempdir().unwrap();
    let [parts, windowed, whole] = ["parts", "windowed", "whole"].map(|name| dir.path().join(name));
    run(256 << 10, &parts, 7, false);
    let resumed = run(256 << 10, &parts, 12, true);
    let (narrow, wide) = (run(256 << 10, &windowed, 12, false), run(1 << 27, &whole, 12, false));
    let [parts, windowed, whole] =
        [parts, windowed, whole].map(|dir| checkpoint::load(checkpoint::path(&dir)).unwrap().tensors);
    assert!(parts == windowed, "resumed in windows");
    let size = |values: &[f32]| values.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
    for (name, t) in whole.iter().filter(|(name, _)| name.ends_with(".weight")) {
        let (most, other) = (size(&t.data), &windowed[name].data);
        let off = t.data.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= 1e-3 * most, "{name}: {off} of {most}");
    }
    let losses = |o: Outcome| -> Vec<f64> { o.scores.unwrap().iter().map(|d| d.loss().mean).collect() };
    let [resumed, narrow, wide] = [resumed, narrow, wide].map(losses);
    assert_eq!(resumed, narrow);
    for (a, b) in narrow.iter().zip(&wide) {
        assert!((a - b).abs() <= 1e-3 * b, "losses {narrow:?} in windows, {wide:?} whole");
    }
}
