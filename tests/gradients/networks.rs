//! Whole small networks: the gradients that a training plan leaves against central differences of the loss that its own
//! forward part computes.
//!
//! A gradient is one with respect to the projected weights, whatever the projection, so these are moved; the update then
//! has to move the real-valued ones by it.

use std::collections::BTreeSet;
use std::ops::Range;

use weightproof::cpu::Runner;
use weightproof::kernels::case::Fill;
use weightproof::kernels::parameters::Tensor;
use weightproof::kernels::{KERNELS, metric, project};
use weightproof::layers::{self, Mode, Net, Stored};
use weightproof::model::Network;
use weightproof::model::preset::Preset;
use weightproof::plan::{AdapterClass, Builder, Command, Elem, Plan, Role, Step, Target, TuningRow, View};
use weightproof::session::projector;

/// Steps of the differences. Two of them make one whose error, rounding aside, goes with the fourth power; where they
/// disagree, there is a kink between the points (a ReLU, the largest of a window, the margin of the hinge).
const STEPS: [f64; 2] = [2e-5, 1e-5];
/// How far the two may disagree, as a share of the largest gradient of the tensor: their own error, h^2, is far below.
const SMOOTH: f64 = 1e-6;
/// Largest difference relative to the gradient, and relative to the largest one of the tensor, by which rounding goes.
const TOLERANCE: [f64; 2] = [5e-8, 5e-9];
/// Elements of a parameter tensor, and of the images, that are moved, each alone: all if there are no more.
const ELEMENTS: [usize; 2] = [24, 60];
/// Random directions in which all parameters are moved together.
const DIRECTIONS: usize = 8;
/// Share of the comparisons that no kink may spoil.
const ACCEPTED: f64 = 0.95;

const SOFTMAX: &str = "softmax_ce";
const HINGE: &str = "square_hinge";

const CLASSES: usize = 4;

/// A network and a batch of images of noise.
#[derive(Clone, Copy)]
struct Case {
    layers: &'static str,
    /// Rows, columns, channels of an image.
    input: [usize; 3],
    loss: &'static str,
    projection: &'static str,
    batch: usize,
    /// Images of the batch that are no padding.
    valid: u32,
}

impl Case {
    const fn new(input: [usize; 3], layers: &'static str) -> Self {
        Case { layers, input, loss: SOFTMAX, projection: "none", batch: 3, valid: 3 }
    }

    /// Plain gradient descent of rate 1, so that the update takes a weight by its gradient.
    fn network(&self) -> Network {
        let text = format!(
            "name = \"gradients\"\nbatch = {}\nepochs = 1\nprojection = \"{}\"\nloss = \"{}\"\ndata.set = \"none\"\n\
             optimizer = {{ kind = \"sgd\" }}\nlr = {{ kind = \"constant\", initial = 1 }}\n\
             batch_norm.epsilon = 1e-2\nlayers = [{}]",
            self.batch, self.projection, self.loss, self.layers
        );
        let preset = Preset::from_toml(&text).unwrap_or_else(|e| panic!("{e}"));
        Network::new(&preset, self.input, CLASSES).unwrap_or_else(|e| panic!("{e}"))
    }

    fn step(&self) -> Step {
        Step { lr: 1.0, valid: self.valid, beta_u: 0.5, ..Step::at(7, 2) }
    }

    fn images(&self) -> Vec<f64> {
        uniform("input", self.batch * self.input.iter().product::<usize>())
    }
}

fn uniform(name: &str, len: usize) -> Vec<f64> {
    Fill::Uniform(1.0).values(name, len).into_iter().map(f64::from).collect()
}

fn fused() -> Target {
    Target::baseline()
}

fn unfused() -> Target {
    Target::baseline().unfused()
}

/// A GPU's, where convolutions normalise their input and leave the moments of their output.
fn gpu() -> Target {
    Target::baseline().with(|a| a.class = AdapterClass::Gpu)
}

/// That of a driver on the CPU, where Winograd's algorithm goes before all others.
fn winograd() -> Target {
    let row =
        |pass: &str| TuningRow { kernel: format!("conv2d.{pass}"), variant: "winograd".into(), ..TuningRow::default() };
    let mut target = Target::baseline().with(|a| a.subgroup = Some(8));
    target.options.rows = ["forward", "grad_input", "grad_weight"].map(row).into();
    target
}

/// With bindings of 16 KiB, fewer than the weights of [`WIDE`] take.
fn narrow() -> Target {
    Target::baseline().with(|a| a.limits.max_binding = 16 << 10)
}

/// Weights as they are drawn for training, biases and shifts in [-0.5, 0.5], scales in [0.5, 1.5].
fn weights(network: &Network) -> Vec<f64> {
    let mut all: Vec<f64> = network.initial_weights(5).into_iter().map(f64::from).collect();
    for t in network.parameters.tensors.iter().filter(|t| !t.projected) {
        for (to, u) in all[t.offset..].iter_mut().zip(uniform(&t.name, t.len())) {
            *to = f64::from(t.initial) + 0.5 * u;
        }
    }
    all
}

/// Compares as it goes, and keeps count.
#[derive(Default)]
struct Tally {
    compared: usize,
    kinks: usize,
    /// The largest error as a share of what is allowed.
    worst: f64,
    /// The largest error relative to the gradient, of gradients that are at least a hundredth of the largest.
    relative: f64,
}

impl Tally {
    /// `loss` at a distance from where it stands, along a line on which `gradient` is its derivative; `largest` sets the
    /// scale.
    fn compare(&mut self, what: &str, gradient: f64, largest: f64, mut loss: impl FnMut(f64) -> f64) {
        let [coarse, fine] = STEPS.map(|h| (loss(h) - loss(-h)) / (2.0 * h));
        if (coarse - fine).abs() > SMOOTH * largest {
            self.kinks += 1;
            return;
        }
        let numeric = (4.0 * fine - coarse) / 3.0;
        let (error, allowed) = ((numeric - gradient).abs(), TOLERANCE[0] * gradient.abs() + TOLERANCE[1] * largest);
        self.compared += 1;
        self.worst = self.worst.max(error / allowed);
        if gradient.abs() > 0.01 * largest {
            self.relative = self.relative.max(error / gradient.abs());
        }
        assert!(error <= allowed, "{what}: backward gives {gradient}, differences give {numeric}");
    }

    fn finish(&self) {
        let Tally { compared, kinks, worst, relative } = self;
        println!("{compared} gradients, {kinks} at a kink; worst {relative:.1e}, {worst:.2} of what is allowed");
        let share = *compared as f64 / (compared + kinks) as f64;
        assert!(share >= ACCEPTED, "kinks leave {compared} of {} comparisons", compared + kinks);
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, v| a.max(v.abs()))
}

/// Indices of up to `count` of `len` elements, spread and in no pattern.
fn sample(name: &str, len: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let keys = uniform(name, len);
    order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    order.truncate(count);
    order
}

/// A direction of length 1 in all parameters.
fn direction(network: &Network, number: usize) -> Vec<f64> {
    let mut d = vec![0.0; network.parameters.len()];
    for t in &network.parameters.tensors {
        let part = t.offset..t.offset + t.len();
        d[part].copy_from_slice(&uniform(&format!("{} {number}", t.name), t.len()));
    }
    let length = d.iter().map(|v| v * v).sum::<f64>().sqrt();
    d.iter().map(|v| v / length).collect()
}

/// Commands of a plan whose scope is `scope`, as the range from the first to behind the last.
fn commands(plan: &Plan, scope: &str) -> Range<usize> {
    let is = |c: &Command| c.scope() == scope || c.scope().starts_with(&format!("{scope}."));
    let first = plan.commands.iter().position(is).unwrap_or_else(|| panic!("{scope} is no part of the plan"));
    first..plan.commands.iter().rposition(is).expect("there is one") + 1
}

/// The gradient of a tensor: its partial sums added up.
fn gradient(grad: &[f64], t: &Tensor) -> Vec<f64> {
    let part = |i| (0..t.splits).map(|s| grad[t.grad_offset + s * t.len() + i]).sum();
    (0..t.len()).map(part).collect()
}

/// Runs the training plan of a network, and holds every gradient it leaves against differences of its loss.
fn check_training(case: Case, target: &Target, tally: &mut Tally) {
    let network = case.network();
    let plan = network.train_plan(target).unwrap_or_else(|e| panic!("{e}"));
    let projecting = commands(&plan, "project");
    let forward = projecting.end..commands(&plan, "loss").end;
    let mut runner = Runner::new(plan);
    let before = weights(&network);
    let labels: Vec<u32> = (0..case.batch).map(|i| (3 * i % CLASSES) as u32).collect();
    runner.write("weight", &before);
    runner.write_u32("projections", &project::table(&network.parameters, &network.projection));
    runner.write_u32("label", &labels);
    runner.write("input", &case.images());
    runner.write("maxima", &maxima(&network, &before));
    runner.run(&case.step());
    let (projected, grad) = (runner.read("projected").to_vec(), runner.read("grad").to_vec());
    let after = runner.read("weight").to_vec();
    let gradients: Vec<Vec<f64>> = network.parameters.tensors.iter().map(|t| gradient(&grad, t)).collect();

    let mut loss = |projected: &[f64]| {
        runner.write("projected", projected);
        forward.clone().for_each(|i| runner.run_command(i));
        runner.read("metrics")[metric::ROW * case.step().slot as usize]
    };
    let mut moved = projected.clone();
    for (t, gradient) in network.parameters.tensors.iter().zip(&gradients) {
        let largest = largest(gradient);
        assert!(largest > 1e-4, "the gradient of {} vanishes: the test shows nothing", t.name);
        for i in sample(&t.name, t.len(), ELEMENTS[0]) {
            let at = t.offset + i;
            // All that the update adds is the rounding of the weight.
            let (what, step) = (format!("{}[{i}]", t.name), before[at] - after[at]);
            assert!((step - gradient[i]).abs() <= 1e-14, "{what} moved by {step}, not by {}", gradient[i]);
            tally.compare(&what, gradient[i], largest, |h| {
                moved[at] = projected[at] + h;
                let loss = loss(&moved);
                moved[at] = projected[at];
                loss
            });
        }
    }
    let norm = gradients.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
    for number in 0..DIRECTIONS {
        let d = direction(&network, number);
        let parts = network.parameters.tensors.iter().zip(&gradients);
        let along = parts.flat_map(|(t, g)| d[t.offset..].iter().zip(g)).map(|(d, g)| d * g).sum();
        tally.compare(&format!("direction {number}"), along, norm, |h| {
            let moved: Vec<f64> = projected.iter().zip(&d).map(|(p, d)| p + h * d).collect();
            loss(&moved)
        });
    }
}

/// Holds the gradient with respect to the images, which training has no use for, against differences of the output times
/// a random cotangent.
fn check_input(case: Case, target: &Target, tally: &mut Tally) {
    let network = case.network();
    let mut b = Builder::new("input", target.clone());
    let [h, w, c] = case.input;
    let x = layers::Activation::new(b.buffer("input", Elem::F32, &[case.batch, h, w, c], Role::Input), case.input);
    let dy = b.buffer("dy", Elem::F32, &[case.batch, CLASSES], Role::Input);
    let projected = network.parameters.arrays(&mut b).projected;
    let grad = Some(network.parameters.grad(&mut b, Role::Transient));
    let (batch, mode, parameters) = (case.batch, Mode::Train, &network.parameters);
    let stored = Stored::Projected(projected);
    let mut net = Net { b: &mut b, batch, mode, parameters, stored, grad, last: &[] };
    let all = layers::forward(&network.layers, &mut net, x).unwrap_or_else(|e| panic!("{e}"));
    let dx = layers::backward(&network.layers, &mut net, &all, dy, true).unwrap_or_else(|e| panic!("{e}"));
    let plan = b.finish().unwrap_or_else(|e| panic!("{e}"));
    let name = |view: View| plan.buffer(view.buffer).name.clone();
    let (y, dx) = (name(all[all.len() - 1].view), name(dx.expect("asked for")));

    let (mut runner, images) = (Runner::new(plan), case.images());
    let cotangent = uniform("dy", case.batch * CLASSES);
    runner.write("projected", &weights(&network));
    runner.write("dy", &cotangent);
    let mut run = |images: &[f64]| {
        runner.write("input", images);
        runner.run(&case.step());
        let objective: f64 = runner.read(&y).iter().zip(&cotangent).map(|(y, dy)| y * dy).sum();
        (objective, runner.read(&dx).to_vec())
    };
    let (_, gradient) = run(&images);
    let (mut moved, largest) = (images.clone(), largest(&gradient));
    assert!(largest > 1e-4, "the gradient of the images vanishes: the test shows nothing");
    for i in sample("images", images.len(), ELEMENTS[1]) {
        tally.compare(&format!("input[{i}]"), gradient[i], largest, |h| {
            moved[i] = images[i] + h;
            let (objective, _) = run(&moved);
            moved[i] = images[i];
            objective
        });
    }
}

/// What an update leaves for the projections of the next step.
fn maxima(network: &Network, weights: &[f64]) -> Vec<f64> {
    let mut runner = Runner::new(projector::maxima_plan(&network.parameters, &Target::baseline()).expect("a plan"));
    runner.write("weight", weights);
    runner.run(&Step::default());
    runner.read("maxima").to_vec()
}

/// Under both losses, with layers that share kernels, without, and as GPUs have it.
fn check(case: Case) {
    let mut tally = Tally::default();
    for target in [fused(), unfused(), gpu()] {
        for loss in [SOFTMAX, HINGE] {
            check_training(Case { loss, ..case }, &target, &mut tally);
        }
        check_input(case, &target, &mut tally);
    }
    tally.finish();
}

const BIASED: Case = Case::new(
    [7, 5, 3],
    "{ conv2d = 5, kernel = 3, stride = 2, pad = 1, bias = true }, { relu = true },
     { conv2d = 4, kernel = [2, 3], pad = [1, 0], bias = true },
     { linear = 6, bias = true }, { relu = true },
     { linear = 4, bias = true, output = true }",
);

/// Padded by an even and by an odd number of rows, with kernels of even sizes and with strides beyond them, as a body of a block too.
const SAME: Case = Case::new(
    [7, 6, 3],
    "{ conv2d = 4, kernel = 3, stride = 2, pad = \"same\", bias = true }, { relu = true },
     { residual = [ { batchnorm = true }, { relu = true }, { conv2d = 4, kernel = [4, 2], pad = \"same\", groups = 2 } ] },
     { conv2d = 6, kernel = [1, 3], stride = [2, 2], pad = \"same\" }, { batchnorm = true }, { relu = true },
     { linear = 4, output = true }",
);

const GROUPED: Case = Case::new(
    [5, 7, 4],
    "{ conv2d = 6, kernel = [3, 2], stride = [1, 2], pad = [0, 1], groups = 2 }, { relu = true },
     { conv2d = 9, kernel = [1, 3], stride = [2, 1], groups = 3, bias = true },
     { linear = 4, output = true }",
);

const NORMALISED: Case = Case::new(
    [7, 5, 3],
    "{ conv2d = 4, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
     { conv2d = 8, kernel = 3, pad = 1 }, { batchnorm = true }, { relu = true },
     { conv2d = 4, kernel = 1 }, { batchnorm = true }, { relu = true },
     { linear = 6 }, { batchnorm = true }, { relu = true },
     { linear = 4, output = true }, { batchnorm = true }",
);

const NORMS_ALONE: Case = Case::new(
    [5, 5, 3],
    "{ batchnorm = true }, { conv2d = 4, kernel = 3, pad = 1 }, { batchnorm = true, learned = false },
     { conv2d = 5, kernel = 2, stride = 2 }, { relu = true }, { batchnorm = true },
     { linear = 4, output = true }",
);

const POOLED: Case = Case::new(
    [9, 7, 3],
    "{ conv2d = 4, kernel = 2 }, { maxpool = 2 }, { batchnorm = true }, { relu = true },
     { conv2d = 5, kernel = 3, pad = 2 }, { maxpool = 3, stride = 2, pad = 1, ceil = true }, { batchnorm = true },
     { relu = true }, { maxpool = 2, stride = 1 },
     { linear = 4, output = true }",
);

const AVERAGED: Case = Case::new(
    [9, 7, 3],
    "{ avgpool = 2, stride = 1 }, { conv2d = 4, kernel = 3, pad = 1, bias = true }, { relu = true },
     { avgpool = 3, stride = 2, ceil = true }, { conv2d = 6, kernel = 1 }, { relu = true },
     { avgpool = 3, stride = 1, pad = 1, include_pad = true }, { avgpool = [2, 1], pad = [1, 0] },
     { conv2d = 4, kernel = 1, output = true }, { avgpool = \"global\" }",
);

/// Blocks whose body keeps the shape all the way and those whose body goes through another one, one block in another,
/// and one at the beginning.
const RESIDUAL: Case = Case::new(
    [5, 7, 4],
    "{ residual = [ { conv2d = 4, kernel = 3, pad = 1, bias = true }, { relu = true } ] },
     { residual = [
       { batchnorm = true }, { relu = true }, { conv2d = 6, kernel = [1, 2] }, { batchnorm = true }, { relu = true },
       { conv2d = 4, kernel = [3, 2], pad = 1 }, { avgpool = 3, stride = 1, pad = 1 },
     ] },
     { batchnorm = true }, { relu = true },
     { residual = [
       { residual = [ { conv2d = 4, kernel = 1 }, { batchnorm = true } ] },
       { maxpool = 3, stride = 1, pad = 1 }, { relu = true },
     ] },
     { linear = 4, output = true }",
);

/// Blocks with every shortcut: the identity, the mean with zeros behind its channels of McDonnell 2018, 1x1 convolutions alone and
/// with a batch norm (options A and B of ResNet too); bodies with groups and biases.
const SHORTCUTS: Case = Case::new(
    [7, 6, 3],
    "{ conv2d = 4, kernel = 3, pad = 1, bias = true },
     { residual = [
       { batchnorm = true }, { relu = true }, { conv2d = 4, kernel = 3, pad = 1, groups = 2, bias = true },
     ] },
     { residual = [
       { batchnorm = true }, { relu = true }, { conv2d = 8, kernel = 3, stride = 2, pad = 1, groups = 4 },
       { batchnorm = true }, { relu = true }, { conv2d = 8, kernel = 3, pad = 1 },
     ], shortcut = [ { avgpool = 3, stride = 2, pad = 1 }, { pad_channels = 8 } ] },
     { residual = [ { conv2d = 6, kernel = [2, 1], bias = true }, { relu = true } ],
       shortcut = [ { conv2d = 6, kernel = 1, bias = true }, { maxpool = [2, 1], stride = 1 } ] },
     { residual = [
       { conv2d = 9, kernel = 3, stride = 2, pad = 1, groups = 3 }, { batchnorm = true }, { relu = true },
     ], shortcut = [ { conv2d = 9, kernel = 1, stride = 2, groups = 3 }, { batchnorm = true } ] },
     { residual = [ { conv2d = 10, kernel = 1 } ], shortcut = [ { avgpool = 1 }, { pad_channels = 10 } ] },
     { linear = 4, bias = true, output = true }",
);

const DROPPED: Case = Case::new(
    [5, 5, 3],
    "{ dropout = 0.2 }, { conv2d = 6, kernel = 3, bias = true }, { relu = true }, { dropout = 0.3 },
     { residual = [ { conv2d = 6, kernel = 1 }, { dropout = 0.5 } ] },
     { linear = 8 }, { relu = true }, { dropout = 0.5 },
     { linear = 4, bias = true, output = true }, { dropout = 0.1 }",
);

/// With as many channels and pixels as Winograd's algorithm takes.
const BY_WINOGRAD: Case = Case {
    batch: 2,
    valid: 2,
    ..Case::new(
        [9, 15, 2],
        "{ conv2d = 32, kernel = 1, bias = true }, { relu = true }, { conv2d = 32, kernel = 3, pad = 1 },
         { avgpool = \"global\" }, { linear = 4, output = true }",
    )
};

/// The same with the sum of a residual block, and lines of pixels so that its moments come with it.
const BLOCK_BY_WINOGRAD: Case = Case {
    batch: 2,
    valid: 2,
    ..Case::new(
        [8, 8, 2],
        "{ conv2d = 32, kernel = 1, bias = true }, { residual = [ { conv2d = 32, kernel = 3, pad = 1 } ] },
         { batchnorm = true }, { relu = true }, { avgpool = \"global\" }, { linear = 4, output = true }",
    )
};

/// With sums so long that GPUs make them in parts.
const LONG: Case =
    Case::new([21, 13, 4], "{ linear = 8, bias = true }, { relu = true }, { linear = 4, output = true }");

/// With weights of 35 KiB behind another layer, which exceed everything else of a step.
const WIDE: Case = Case::new(
    [21, 13, 3],
    "{ conv2d = 4, kernel = 1, bias = true }, { relu = true }, { linear = 8 }, { relu = true }, { linear = 4, output = true }",
);

const ALL: [Case; 13] = [
    BIASED,
    SAME,
    GROUPED,
    NORMALISED,
    NORMS_ALONE,
    POOLED,
    AVERAGED,
    RESIDUAL,
    SHORTCUTS,
    DROPPED,
    BY_WINOGRAD,
    BLOCK_BY_WINOGRAD,
    LONG,
];

#[test]
fn convolutions_and_linear_layers_with_biases_have_the_gradients_of_the_loss() {
    check(BIASED);
}

#[test]
fn a_network_padded_as_tensorflow_does_passes_its_gradients() {
    check(SAME);
}

#[test]
fn convolutions_in_groups_with_oblong_kernels_have_the_gradients_of_the_loss() {
    check(GROUPED);
}

#[test]
fn batch_norms_between_convolutions_have_the_gradients_of_the_loss() {
    check(NORMALISED);
}

#[test]
fn batch_norms_without_a_relu_or_without_scale_and_shift_have_the_gradients_of_the_loss() {
    check(NORMS_ALONE);
}

#[test]
fn max_pools_before_and_behind_other_layers_have_the_gradients_of_the_loss() {
    check(POOLED);
}

#[test]
fn average_pools_have_the_gradients_of_the_loss() {
    check(AVERAGED);
}

#[test]
fn residual_blocks_have_the_gradients_of_the_loss() {
    check(RESIDUAL);
}

#[test]
fn residual_blocks_with_every_shortcut_have_the_gradients_of_the_loss() {
    check(SHORTCUTS);
}

#[test]
fn dropout_has_the_gradients_of_the_loss_under_the_masks_of_the_step() {
    check(DROPPED);
}

#[test]
fn winograds_algorithm_has_the_gradients_of_the_loss() {
    let mut tally = Tally::default();
    check_training(BY_WINOGRAD, &winograd(), &mut tally);
    check_training(BLOCK_BY_WINOGRAD, &winograd(), &mut tally);
    tally.finish();
}

#[test]
fn sums_made_in_parts_have_the_gradients_of_the_loss() {
    check(LONG);
}

#[test]
fn weights_in_windows_have_the_gradients_of_the_loss() {
    let mut tally = Tally::default();
    check_training(WIDE, &narrow(), &mut tally);
    check_input(WIDE, &narrow(), &mut tally);
    tally.finish();
}

#[test]
fn a_padded_batch_has_the_gradients_of_the_loss_of_its_valid_images() {
    let mut tally = Tally::default();
    for case in [BIASED, NORMALISED] {
        for loss in [SOFTMAX, HINGE] {
            check_training(Case { loss, batch: 5, valid: 3, ..case }, &fused(), &mut tally);
        }
    }
    tally.finish();
}

#[test]
fn real_valued_weights_move_by_the_gradients_of_the_projected_ones() {
    let mut tally = Tally::default();
    for projection in ["sign", "round", "power:2", "stochm:0.5", "addnorm:0.3", "conv*:sign", "bwn"] {
        check_training(Case { projection, ..NORMALISED }, &fused(), &mut tally);
    }
    check_training(Case { projection: "sign", loss: HINGE, ..RESIDUAL }, &gpu(), &mut tally);
    tally.finish();
}

/// Kernels with no part in a step by SGD, on images from the host, under a projection that asks for the largest |w| of a layer.
const OTHERS: [&str; 19] = [
    "add.assign",
    "augment.apply",
    "augment.resample",
    "batch.gather",
    "batch.gather_bytes",
    "crops.mean",
    "optimizer.adam",
    "optimizer.lion",
    "optimizer.sum",
    "project.combine",
    "project.maxima",
    "project.partial",
    "project.quantile_begin",
    "project.quantile_count",
    "project.quantile_pick",
    "roof.copy",
    "roof.dispatch",
    "roof.fma",
    "roof.matrix",
];

#[test]
fn every_kernel_of_a_training_step_is_part_of_one_of_these_networks() {
    let mut ran = BTreeSet::new();
    let mut runs = |case: Case, target: &Target| {
        let plan = case.network().train_plan(target).unwrap_or_else(|e| panic!("{e}"));
        ran.extend(plan.dispatches().flat_map(|c| c.args.iter().map(|a| (c.kernel, a.name))));
    };
    for (case, loss) in ALL.iter().flat_map(|case| [SOFTMAX, HINGE].map(|loss| (case, loss))) {
        for target in [fused(), unfused(), gpu(), winograd()] {
            runs(Case { loss, ..*case }, &target);
        }
    }
    runs(WIDE, &narrow());
    // Every argument too: some are optional. Weights are bits in tests alone (tests/training/bits.rs).
    let known = KERNELS.iter().filter(|k| !OTHERS.contains(&k.name));
    let all: BTreeSet<_> = known
        .flat_map(|k| k.args.iter().map(|a| (k.name, a.name)))
        .filter(|(_, argument)| !["bits", "zeros", "scale"].contains(argument))
        .collect();
    let missing: Vec<_> = all.difference(&ran).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
