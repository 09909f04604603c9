//! Whole training steps on the adapter: against an independent implementation, against the twins after every command,
//! over a batch to memorise, and against themselves.

use std::sync::Arc;

use crate::common;
use crate::small;
use serde_json::Value;
use weightproof::check::{self, Sums, Worst};
use weightproof::error::Result;
use weightproof::gpu::{Device, Readback, Runner};
use weightproof::kernels::conv2d::FORWARD;
use weightproof::kernels::optimizer::{Adam, Method};
use weightproof::kernels::parameters::Tensor;
use weightproof::kernels::{relu, texels};
use weightproof::model::{Network, Placement};
use weightproof::plan::{AdapterClass, Builder, Dispatch, Elem, Plan, Role, Step, Target, TuningRow};
use weightproof::session::{Program, Session};

fn reference() -> Value {
    let text = include_str!("../reference/small_step.json");
    serde_json::from_str(text).expect("the reference is JSON")
}

pub(crate) fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(|n| n.as_f64().expect("a number")).collect()
}

/// The reference names layers by their weights; batch norm k belongs to the k-th of them.
const NAMES: [(&str, &str); 4] = [("conv1", "bn1"), ("conv2", "bn2"), ("fc1", "bn3"), ("fc2", "bn4")];

/// The inputs of the reference, by its formulae.
fn small_inputs(network: &Network) -> (Vec<f32>, Vec<u32>, Vec<f32>) {
    let images =
        (0..4 * 8 * 8 * 3u64).map(|i| (((i * 37 + i * i * 5 + 11) % 101) as f64 / 50.0 - 1.0) as f32).collect();
    let mut weights = vec![0.0; network.parameters.len()];
    for (layer, (name, bn)) in NAMES.iter().enumerate() {
        let l = layer as u64;
        let w = |i: u64| {
            let k = ((i * 53 + i * i * 13 + 13 * l + 3) % 97) as f64 - 48.0;
            (k / 97.0 * (0.3 + 0.05 * l as f64)) as f32
        };
        let gamma = |j: u64| (1.0 + (((j * 29 + 5 * l) % 13) as f64 - 6.0) / 40.0) as f32;
        let beta = |j: u64| ((((j * 31 + 11 * l + 1) % 17) as f64 - 8.0) / 40.0) as f32;
        let fills: [(String, &dyn Fn(u64) -> f32); 3] =
            [(format!("{name}.weight"), &w), (format!("{bn}.weight"), &gamma), (format!("{bn}.bias"), &beta)];
        for (name, f) in fills {
            let t = network.parameters.find(&name).expect("declared");
            for i in 0..t.len() {
                weights[t.offset + i] = f(i as u64);
            }
        }
    }
    (images, (0..4).collect(), weights)
}

pub(crate) struct Small {
    pub(crate) session: Session,
    pub(crate) program: Program,
}

impl Small {
    pub(crate) fn step(&mut self, block: &Step) {
        self.session.runner.run(&self.program.loaded, block).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u32> {
        self.program.read(&self.session.runner, name).unwrap()
    }
}

/// The small network under `projection`, loaded on the adapter with its inputs.
fn loaded(projection: &str, checked: bool) -> Small {
    planned(projection, checked, |target| target)
}

/// With batch norm, ReLU and pooling as separate kernels.
pub(crate) fn unfused(target: Target) -> Target {
    target.unfused()
}

/// With the variants for GPUs, and what convolutions do there for batch norms.
pub(crate) fn as_gpu(target: Target) -> Target {
    target.with(|a| a.class = AdapterClass::Gpu)
}

/// As [`loaded`], for a target made from the adapter's.
fn planned(projection: &str, checked: bool, change: impl Fn(Target) -> Target) -> Small {
    let network = small::network(projection);
    let (images, labels, weights) = small_inputs(&network);
    ready(common::device(checked), network, change, &weights, (&images, &labels))
}

/// A network with weights, images and labels, ready for step 0.
pub(crate) fn ready(
    device: Arc<Device>,
    network: Network,
    change: impl Fn(Target) -> Target,
    weights: &[f32],
    (images, labels): (&[f32], &[u32]),
) -> Small {
    let mut session = Session::new(device, Arc::new(network), 1);
    session.target = change(session.target);
    let program = session.training(&Placement::Uploaded, true).unwrap();
    session.set_weights(weights).unwrap();
    session.start(0).unwrap();
    session.runner.write("input", bytemuck::cast_slice(images)).unwrap();
    session.runner.write("label", labels).unwrap();
    Small { session, program }
}

pub(crate) fn step_block(number: u64) -> Step {
    let [bias1, bias2] = Adam::default().corrections(number + 1);
    Step {
        lr: 0.003,
        bias1: bias1 as f32,
        bias2: bias2 as f32,
        slot: number as u32,
        valid: 4,
        beta_u: 0.5,
        ..Step::at(1, number)
    }
}

pub(crate) fn floats(words: &[u32]) -> &[f32] {
    bytemuck::cast_slice(words)
}

/// Largest |got - want| must stay within `allowed`.
pub(crate) fn close(what: &str, got: &[f32], want: &[f64], allowed: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let diff = (f64::from(*g) - w).abs();
        assert!(diff <= allowed, "{what}[{i}]: got {g}, the reference says {w}; off by {diff:e}, allowed {allowed:e}");
    }
}

/// The reference's own f32 error, times four for another order of summation.
pub(crate) fn allowed(reference: &Value, what: &str) -> f64 {
    4.0 * reference["f32_error"][what].as_f64().expect("a number")
}

#[test]
fn three_steps_agree_with_an_independent_implementation() {
    three_steps(loaded("sign", true));
}

#[test]
fn three_steps_with_fused_convolutions_agree_with_an_independent_implementation() {
    let s = planned("sign", true, as_gpu);
    let fused = |c: &&Dispatch| c.kernel == FORWARD.name && !FORWARD.given(c.args.iter().map(|a| a.name)).is_empty();
    assert_eq!(s.program.plan.dispatches().filter(fused).count(), 2);
    three_steps(s);
}

fn three_steps(mut s: Small) {
    let r = reference();
    let parameters = s.session.network.parameters.clone();
    let check_parameters = |runner: &Runner, key: &str| {
        let words = runner.read("weight", parameters.len()).unwrap();
        for (name, bn) in NAMES {
            for (ours, theirs) in [
                (format!("{name}.weight"), "weight"),
                (format!("{bn}.weight"), "gamma"),
                (format!("{bn}.bias"), "beta"),
            ] {
                let t = parameters.find(&ours).unwrap();
                let got = &floats(&words)[t.offset..t.offset + t.len()];
                close(&format!("{key} {ours}"), got, &numbers(&r[key][name][theirs]), allowed(&r, key));
            }
        }
    };
    for number in 0..3u64 {
        s.step(&step_block(number));
        if number == 0 {
            close("logits", floats(&s.read("bn4.output")), &numbers(&r["first"]["logits"]), allowed(&r, "logits"));
            let grad = s.read("grad");
            for (name, bn) in NAMES {
                for (ours, theirs) in [
                    (format!("{name}.weight"), "weight"),
                    (format!("{bn}.weight"), "gamma"),
                    (format!("{bn}.bias"), "beta"),
                ] {
                    let t = parameters.find(&ours).unwrap();
                    assert_eq!(t.splits, 1, "a batch this small needs no partial sums");
                    let got = &floats(&grad)[t.grad_offset..t.grad_offset + t.len()];
                    let want = numbers(&r["first"]["grad"][name][theirs]);
                    close(&format!("gradient {ours}"), got, &want, allowed(&r, "grad"));
                }
            }
            check_parameters(&s.session.runner, "after_1");
        }
    }
    check_parameters(&s.session.runner, "after_3");
    let metrics = s.session.runner.read("metrics", 12).unwrap();
    let losses: Vec<f32> = floats(&metrics).chunks(4).map(|row| row[0]).collect();
    close("losses", &losses, &numbers(&r["losses"]), allowed(&r, "losses"));
}

/// `tests/reference/nin_step.py`: biases with and without ReLU behind them, poolings that reach over the edge, no batch
/// norm, softmax cross-entropy, SGD with momentum and with weight decay on the weights alone.
#[test]
fn three_steps_with_biases_agree_with_an_independent_implementation() {
    let r: Value = serde_json::from_str(include_str!("../reference/nin_step.json")).expect("the reference is JSON");
    for unfused in [false, true] {
        let network = small::nin();
        let image = |i: u64| (((i * 37 + i * i * 5 + 11) % 101) as f64 / 50.0 - 1.0) as f32;
        let images: Vec<f32> = (0..4 * 8 * 8 * 3).map(image).collect();
        let mut weights = vec![0.0; network.parameters.len()];
        for (t, k) in network.parameters.tensors.iter().zip((0..5u64).flat_map(|k| [k, k])) {
            for i in 0..t.len() as u64 {
                let weight =
                    || (((i * 53 + i * i * 13 + 13 * k + 3) % 97) as f64 - 48.0) / 97.0 * (0.4 + 0.1 * k as f64);
                let bias = || (((i * 29 + 5 * k + 4) % 13) as f64 - 3.0) / 20.0;
                weights[t.offset + i as usize] = if t.projected { weight() } else { bias() } as f32;
            }
        }
        let change = |target: Target| if unfused { target.unfused() } else { target };
        let mut s = ready(common::device(true), network, change, &weights, (&images, &[3, 1, 4, 1]));
        let single = s.program.plan.dispatches().filter(|c| c.kernel == "relu.forward").count();
        assert_eq!(single, if unfused { 4 } else { 0 });
        let network = s.session.network.clone();
        let tensors = |words: &[u32], key: &Value, at: fn(&Tensor) -> usize, allowed: f64| {
            for t in &network.parameters.tensors {
                let (layer, what) = t.name.split_once('.').expect("layer and kind");
                let got = &floats(words)[at(t)..at(t) + t.len()];
                close(&t.name, got, &numbers(&key[layer][what]), allowed);
            }
        };
        for number in 0..3 {
            let step = Step { lr: 0.1, slot: number as u32, valid: 4, ..Step::at(1, number) };
            s.step(&step);
            if number == 0 {
                close("logits", floats(&s.read("fc1.output")), &numbers(&r["first"]["logits"]), allowed(&r, "logits"));
                tensors(&s.read("grad"), &r["first"]["grad"], |t| t.grad_offset, allowed(&r, "grad"));
            }
        }
        let words = s.session.runner.read("weight", network.parameters.len()).unwrap();
        tensors(&words, &r["after_3"], |t| t.offset, allowed(&r, "after_3"));
        let metrics = s.session.runner.read("metrics", 12).unwrap();
        let losses: Vec<f32> = floats(&metrics).chunks(4).map(|row| row[0]).collect();
        close("losses", &losses, &numbers(&r["losses"]), allowed(&r, "losses"));
    }
}

/// Loads a training step and all that it reads the first time.
pub(crate) fn first_step(device: &Arc<Device>, network: Network, change: impl Fn(Target) -> Target) -> Small {
    let (images, labels, _) = small_inputs(&small::network("sign"));
    let weights = network.initial_weights(7);
    let mut s = ready(device.clone(), network, change, &weights, (&images, &labels));
    s.session.runner.write("step", &step_block(0).words()).unwrap();
    s
}

/// A network with fused convolutions of every kind, as its single layers train.
#[test]
fn fused_convolutions_train_as_the_single_layers_do() {
    let device = common::device(false);
    let mut fused = first_step(&device, small::normalised(), as_gpu);
    compare(&mut fused).unwrap_or_else(|e| panic!("{e}"));
    let mut single = first_step(&device, small::normalised(), |target| unfused(as_gpu(target)));
    single.session.runner.run_commands(&single.program.loaded, single.program.loaded.all()).unwrap();
    let (a, b) = (fused.read("grad"), single.read("grad"));
    let size = floats(&b).iter().fold(0.0, |m: f32, v| m.max(v.abs()));
    for (i, (a, b)) in floats(&a).iter().zip(floats(&b)).enumerate() {
        assert!((a - b).abs() <= 2e-6 * size, "grad[{i}]: {a} fused, {b} not, largest {size}");
    }
    // The passes that compute moments anew, and that test with them.
    let moments = |s: &mut Small| -> Vec<Vec<u32>> {
        let (network, target, runner) = (s.session.network.clone(), &s.session.target, &mut s.session.runner);
        let accumulate = runner.load(&network.moments_plan(target).unwrap(), false).unwrap();
        let test = runner.load(&network.test_plan(target, 4).unwrap(), false).unwrap();
        let (images, labels, _) = small_inputs(&small::network("sign"));
        runner.write("test.input", bytemuck::cast_slice(&images)).unwrap();
        runner.write("test.label", &labels).unwrap();
        runner.run_commands(&accumulate, accumulate.all()).unwrap();
        runner.run(&test, &step_block(1)).unwrap();
        let of = |(name, c): &(String, usize)| runner.read(name, *c).unwrap();
        let metrics = runner.read("metrics", 8).unwrap();
        network.moments().iter().map(of).chain([metrics]).collect()
    };
    for (a, b) in moments(&mut fused).iter().zip(&moments(&mut single)) {
        for (a, b) in floats(a).iter().zip(floats(b)) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} fused, {b} not");
        }
    }
}

/// A step on a software driver takes Winograd's algorithm in all passes of every convolution but the first, where there are
/// subgroups of eight lanes. It differs from the direct form by roundings.
#[test]
fn convolutions_by_winograd_train_as_the_direct_ones_do() {
    let device = common::device(false);
    let step = |rows: &[TuningRow]| {
        let change = |target: Target| {
            let mut target = target.with(|a| a.class = AdapterClass::Software);
            target.options.rows = rows.to_vec();
            target
        };
        let mut s = first_step(&device, small::by_winograd(), change);
        s.session.runner.run_commands(&s.program.loaded, s.program.loaded.all()).unwrap();
        let grad = s.read("grad");
        (s.program.plan, grad, s.session.runner.read("metrics", 4).unwrap())
    };
    let (direct, a, loss) = step(&small::direct_rows());
    let (plan, b, own) = step(&[]);
    let of = |plan: &Plan, kernel: &str| plan.dispatches().filter(|c| c.kernel == kernel).count();
    let kernels = ["weights", "input", "multiply", "input_rows", "grad_rows", "accumulate", "grad_weight"];
    let lanes = device.target.adapter.subgroup == Some(8) && texels::readable(&device.target).is_ok();
    let taken = if lanes { [4, 4, 4, 2, 2, 2, 2] } else { [0; 7] };
    assert_eq!(kernels.map(|k| of(&plan, &format!("winograd.{k}"))), taken);
    assert_eq!(kernels.map(|k| of(&direct, &format!("winograd.{k}"))), [0; 7]);
    let size = floats(&a).iter().fold(0.0, |m: f32, v| m.max(v.abs()));
    let off = floats(&a).iter().zip(floats(&b)).fold(0.0, |m: f32, (a, b)| m.max((a - b).abs()));
    assert!(off <= 2e-5 * size, "gradients differ by {off}, the largest is {size}");
    assert!((floats(&loss)[0] - floats(&own)[0]).abs() <= 1e-5 * floats(&loss)[0]);
}

pub(crate) fn compare(s: &mut Small) -> Result<Worst> {
    check::compare(&mut s.session.runner, &s.program.plan, &s.program.loaded, Sums::OneSign)
}

#[test]
fn every_command_of_a_step_agrees_with_its_twin() {
    for projection in [
        "sign",
        "round",
        "power:0..2",
        "stoch",
        "stochm:0.5",
        "stochm3:0.5",
        "addnorm:0.1",
        "multunif:0.5",
        "bitflip:0.1",
        "stuck:0.1,0.1",
        "quant:3",
        "drift:0.06,3600",
        "prune:0.5",
        "conv*:bwn+fc*:quant:4,filter",
    ] {
        let mut s = loaded(projection, false);
        s.session.runner.write("step", &step_block(0).words()).unwrap();
        let worst = compare(&mut s).unwrap_or_else(|e| panic!("{projection}: {e}"));
        eprintln!("{projection}: worst {:.2} of its budget at {}", worst.share, worst.place);
    }
}

/// Snapshots are copied behind their step, in its submit: whenever they are taken, they hold what that step left.
#[test]
fn numbers_taken_steps_later_are_those_that_each_step_left() {
    const STEPS: u64 = 10;
    let Small { session, program } = loaded("stochm:0.5", false);
    let (mut runner, loaded) = (session.runner, program.loaded);
    let mut readback = Readback::new(&[("metrics", STEPS as usize * 4), ("halt", 2)]);
    assert_eq!(runner.take(&mut readback, true).unwrap(), None, "nothing is under way");
    for number in 0..STEPS {
        runner.run_and_read(&loaded, &step_block(number), &mut readback).unwrap();
    }
    runner.read_later(&loaded, &mut readback).unwrap();
    let all = runner.read("metrics", STEPS as usize * 4).unwrap();
    for done in 1..=STEPS {
        let parts = runner.take(&mut readback, true).unwrap().expect("a snapshot per step");
        let (now, rest) = parts[0].split_at(done as usize * 4);
        assert!(now == &all[..now.len()] && rest.iter().all(|&word| word == 0), "after {done} steps: {:?}", parts[0]);
        assert_eq!(parts[1], [0, 0]);
    }
    assert_eq!(runner.take(&mut readback, true).unwrap().expect("the one without a step")[0], all);
    assert_eq!(runner.take(&mut readback, false).unwrap(), None);
    let mut unknown = Readback::new(&[("metrix", 4)]);
    assert!(runner.read_later(&loaded, &mut unknown).unwrap_err().to_string().contains("metrix"));
}

#[test]
fn an_array_uploaded_in_pieces_arrives_whole() {
    const LEN: usize = (5 << 20) + 3;
    let mut runner = Runner::new(common::device(false));
    let mut b = Builder::new("upload", runner.device.target.clone());
    let x = b.buffer("x", Elem::F32, &[LEN], Role::Input);
    let y = b.transient("y", &[LEN]);
    relu::forward(&mut b, "relu", LEN, x, y).unwrap();
    let _loaded = runner.load(&b.finish().unwrap(), false).unwrap();
    let words: Vec<u32> = (0..LEN as u32).map(|i| i.wrapping_mul(2_654_435_761)).collect();
    runner.upload("x", &words).unwrap();
    assert!(runner.read("x", LEN).unwrap() == words);
    let error = runner.upload("x", &vec![0; LEN + 64]).unwrap_err().to_string();
    assert!(error.contains("words do not fit"), "{error}");
}

/// Forward, the fused kernels apply the same operations to each element, but the moments that a convolution leaves are summed in another
/// order; backward, a compiler may join operations of one expression differently: all agree to a few roundings.
#[test]
fn fused_layers_train_as_the_single_layers_do() {
    let run = |unfused: bool| {
        let change = |t: Target| if unfused { t.unfused() } else { t };
        let mut s = planned("stochm:0.5", false, change);
        let fused = s.program.plan.dispatches().filter(|c| c.kernel.starts_with("norm_relu")).count();
        let single = s.program.plan.dispatches().filter(|c| c.kernel.starts_with("relu")).count();
        assert_eq!((fused == 0, single == 0), (unfused, !unfused), "{fused} fused commands, {single} of ReLU");
        s.step(&step_block(0));
        let grad = s.read("grad");
        let (network, target) = (s.session.network.clone(), s.session.target.clone());
        let runner = &mut s.session.runner;
        let moments = runner.load(&network.moments_plan(&target).unwrap(), false).unwrap();
        runner.run_commands(&moments, moments.all()).unwrap();
        let averages: Vec<Vec<u32>> =
            network.moments().iter().map(|(name, c)| runner.read(name, *c).unwrap()).collect();
        for number in 1..20 {
            s.step(&step_block(number));
        }
        (grad, averages, s.session.runner.read("metrics", 80).unwrap())
    };
    let (fused, single) = (run(false), run(true));
    let agree = |what: &str, fused: &[u32], single: &[u32]| {
        let size = floats(single).iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        for (i, (a, b)) in floats(fused).iter().zip(floats(single)).enumerate() {
            assert!((a - b).abs() <= 1e-6 * size, "{what}[{i}]: {a} fused, {b} not, largest {size}");
        }
    };
    agree("first loss", &fused.2[..1], &single.2[..1]);
    assert_eq!(fused.2[1..4], single.2[1..4], "what the first step counts");
    agree("grad", &fused.0, &single.0);
    assert_eq!(fused.1.len(), 8, "mean and variance of four layers");
    for (fused, single) in fused.1.iter().zip(&single.1) {
        agree("moments under the weights of the first step", fused, single);
    }
    for (a, b) in floats(&fused.2).iter().zip(floats(&single.2)).step_by(4) {
        assert!((a - b).abs() <= 2e-3 * b, "loss {a} fused, {b} not");
    }
}

#[test]
fn a_batch_is_memorised() {
    let mut s = loaded("none", false);
    for number in 0..200 {
        s.step(&Step { lr: 0.03, ..step_block(number) });
    }
    let metrics = s.session.runner.read("metrics", 4 * 200).unwrap();
    let rows: Vec<&[f32]> = floats(&metrics).chunks(4).collect();
    let (first, last) = (rows[0], rows[199]);
    assert!(last[0] < 0.05 * first[0], "loss {} after {}", last[0], first[0]);
    assert_eq!(last[1], 4.0, "all four are recognised");
}

/// One golden curve: the loss of the first steps under a stochastic projection. A change of the sixth digit is rounding
/// on another adapter; anything more is a change of the algorithm.
#[test]
fn the_loss_curve_is_the_golden_one() {
    let run = || {
        let mut s = loaded("stochm:0.5", false);
        let network = s.session.network.clone();
        s.session.set_weights(&network.initial_weights(7)).unwrap();
        s.session.start(0).unwrap();
        for number in 0..20 {
            s.step(&step_block(number));
        }
        let weights = s.session.runner.read("weight", network.parameters.len()).unwrap();
        (s.session.runner.read("metrics", 80).unwrap(), weights)
    };
    let (metrics, weights) = run();
    let (again, same) = run();
    assert!(metrics == again && weights == same, "two runs with one seed differ");
    let losses: Vec<f32> = floats(&metrics).chunks(4).map(|row| row[0]).collect();
    let text: String = losses.iter().map(|l| format!("{l:.6}\n")).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/small_curve.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).expect("tests/golden/small_curve.txt; make bless writes it");
    for (i, (got, want)) in losses.iter().zip(golden.lines()).enumerate() {
        let want: f32 = want.parse().unwrap();
        assert!((got - want).abs() <= 2e-3 * want, "step {i}: loss {got}, golden {want}");
    }
    assert_eq!(golden.lines().count(), losses.len());
}
