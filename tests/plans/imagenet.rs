//! The networks for ImageNet at their size: layers and weights, and plans of whole steps on adapters whose bindings are far smaller
//! than their largest arrays.

use weightproof::layers::LayerShape;
use weightproof::model::preset::Preset;
use weightproof::model::{Class, Placement};
use weightproof::plan::{Plan, Target, memory};
use weightproof::session::{self, memory::Planned};

use crate::windows::fits;
use crate::{gpu, lavapipe};

const INPUT: [usize; 3] = [227, 227, 3];

fn preset(name: &str, sets: &[&str]) -> Preset {
    let sets: Vec<String> = sets.iter().map(|s| s.to_string()).collect();
    Preset::load(name, &sets).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn weights(shapes: &[LayerShape]) -> u64 {
    shapes.iter().map(|l| l.weights).sum()
}

#[test]
fn alexnet_has_the_weights_and_maps_of_the_paper() {
    for name in ["tr-none-nc", "tr-none-c", "tr-stochm3-c", "bwn", "binaryconnect"] {
        let preset = preset(&format!("merolla2016/imagenet/{name}"), &[]);
        assert_eq!(preset.name, name);
        let shapes = preset.shapes(INPUT).unwrap();
        assert_eq!(weights(&shapes), 60_954_656);
        let map = |layer: &&str| shapes.iter().find(|l| l.name == **layer).unwrap_or_else(|| panic!("{layer}")).output;
        let layers = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool3"];
        let want = [[55, 96], [27, 96], [27, 256], [13, 256], [13, 384], [13, 384], [13, 256], [6, 256]];
        assert_eq!(layers.iter().map(map).collect::<Vec<_>>(), want.map(|[side, c]| [side, side, c]));
        assert_eq!(
            ["fc6", "fc7", "fc8"].iter().map(map).collect::<Vec<_>>(),
            [[1, 1, 4096], [1, 1, 4096], [1, 1, 1000]]
        );
    }
}

#[test]
fn a_narrow_alexnet_takes_other_images_and_classes() {
    let preset = preset("merolla2016/imagenet/tr-stochm3-c", &["width=0.125", "classes=10"]);
    let network = session::network_for(&preset, [128, 128, 3]).unwrap();
    assert_eq!(
        (network.classes, network.parameters.find("fc6.weight").unwrap().shape.clone()),
        (10, vec![4 * 32, 512])
    );
}

/// 64 k, 128 k, 256 k and 512 k channels, k = 2.5: 16 convolutions of 3 x 3, one before them and one behind.
#[test]
fn the_wide_residual_network_has_18_layers_and_widths_of_160_to_1280() {
    for bits in ["1bit", "32bit"] {
        let preset = preset(&format!("mcdonnell2018/imagenet/wrn-18-2.5-{bits}"), &[]);
        let stage = |from: u64, to: u64| 9 * (from * to + 3 * to * to);
        let want = 49 * 3 * 160 + stage(160, 160) + stage(160, 320) + stage(320, 640) + stage(640, 1280) + 1280 * 1000;
        let shapes = preset.shapes(INPUT).unwrap();
        assert_eq!(weights(&shapes), want);
        let network = session::network_for(&preset, INPUT).unwrap();
        let layers = network.parameters.tensors.iter().filter(|t| t.projected);
        assert_eq!(layers.count(), 18);
        assert!(network.parameters.find("bn9.weight").is_some(), "batch norm is learned");
    }
}

#[test]
fn whole_steps_of_the_paper_are_planned_for_small_adapters() {
    // Rows of 227 x 227 colours start unaligned but for every 64th; those of 224 x 224 do not.
    let presets = [
        ("merolla2016/imagenet/tr-stochm3-c", INPUT, 512),
        ("merolla2016/imagenet/bwn", INPUT, 512),
        ("mcdonnell2018/imagenet/wrn-18-2.5-1bit", [224, 224, 3], 125),
    ];
    for (name, input, batch) in presets {
        let network = session::network_for(&preset(name, &[]), input).unwrap();
        assert_eq!(network.batch, batch);
        for target in [Target::baseline(), lavapipe(), gpu()] {
            let target = target.with(|a| a.limits.max_buffer = (2 << 30) - 1);
            for plan in [network.train_plan(&target), network.moments_plan(&target), network.test_plan(&target, batch)]
            {
                fits(&plan.unwrap_or_else(|e| panic!("{name}: {e}")), &target);
            }
        }
    }
}

/// As lavapipe is: 128 MiB bindings in buffers of 2 GiB.
fn small_bindings() -> Target {
    lavapipe().with(|a| a.limits.max_buffer = (2 << 30) - 1)
}

fn planned(sets: &[&str]) -> Planned {
    let preset = preset("merolla2016/imagenet/tr-stochm3-c", sets);
    let network = session::network_for(&preset, INPUT).unwrap();
    session::memory::planned(&preset, &network, &small_bindings(), &Placement::Uploaded).unwrap()
}

#[test]
fn memory_is_planned_by_what_it_holds_and_shards_take_less() {
    let [whole, shards] = [&[][..], &["shards=8"]].map(planned);
    let flat = 4 * 60_954_656;
    for Planned { training, with_tests } in [&whole, &shards] {
        // Real and projected weights; the momentum; 22 thousand of 61 million parameters are of batch norm and biases.
        let of = |class, arrays: u64| {
            let bytes = training.of(class);
            assert!((arrays * flat..arrays * (flat + (1 << 20))).contains(&bytes), "{class:?}: {bytes} bytes");
        };
        of(Class::Weights, 2);
        of(Class::Optimizer, 1);
        assert_eq!(training.total(), Class::ALL.iter().map(|c| training.of(*c)).sum::<u64>());
        assert!(Class::ALL.iter().all(|c| with_tests.of(*c) >= training.of(*c)));
    }
    // Images of a pass, in bytes and as numbers.
    let images = |n: u64| 227 * 227 * 3 * 5 * n;
    for (planned, n) in [(&whole, 512), (&shards, 64)] {
        let bytes = planned.training.of(Class::Images);
        assert!((images(n)..images(n) + (1 << 20)).contains(&bytes), "{n}: {bytes} bytes");
    }
    let activations = [&whole, &shards].map(|p| p.training.of(Class::Activations));
    assert!(activations[0] > 7 * activations[1], "{activations:?}");
    // The gradient, its partial sums, and those of 1, 2 and 4 shards that wait for others.
    let gradients = shards.training.of(Class::Gradients);
    assert!((5 * flat..6 * flat).contains(&gradients), "{gradients}");
    assert!(shards.with_tests.total() < whole.with_tests.total() / 2, "{shards:?} {whole:?}");
}

/// One plan has the memory that its runner allocates.
#[test]
fn what_is_planned_is_what_plans_allocate() {
    let preset = preset("merolla2016/imagenet/tr-stochm3-c", &["batch=8"]);
    let network = session::network_for(&preset, INPUT).unwrap();
    let plan: Plan = network.train_plan(&small_bindings()).unwrap();
    assert_eq!(network.peak([&plan]).total(), memory::footprint(&plan) as u64);
}

#[test]
fn a_preset_that_does_not_fit_says_what_batch_and_what_shards_would() {
    let preset = preset("merolla2016/imagenet/tr-none-c", &["width=0.25"]);
    let network = session::network_for(&preset, INPUT).unwrap();
    let (target, placement) = (small_bindings(), Placement::Uploaded);
    let check = |batch: usize, shards: usize| {
        let preset = Preset { batch, shards, ..preset.clone() };
        let network = network.of(&preset).unwrap();
        session::memory::check_within(&preset, &network, &target, &placement, 1 << 30)
    };
    let message = check(512, 1).expect_err("too large for 1 GiB").to_string();
    let number = |before: &str| -> usize {
        let (_, behind) = message.split_once(before).unwrap_or_else(|| panic!("no \"{before}\" in: {message}"));
        behind.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    assert!(message.contains("activations ") && message.contains("there are 1024.0 MiB"), "{message}");
    let (batch, shards) = (number("the largest batch that fits is "), number("--set shards="));
    check(batch, 1).unwrap();
    check(batch + 1, 1).expect_err("one more");
    check(512, shards).unwrap();
    check(512, shards / 2).expect_err("half of the shards");
    // Arrays beyond the limits of the adapter.
    let rows = lavapipe().with(|a| a.limits.max_buffer = 32 << 20);
    let whole = session::memory::check_within(&preset, &network, &rows, &placement, u64::MAX);
    let message = whole.expect_err("a map of more than 32 MiB").to_string();
    assert!(
        message.contains("one buffer of this adapter holds 33554432") && message.contains("largest batch"),
        "{message}"
    );
    let none = session::memory::check_within(&preset, &network, &target, &placement, 1 << 20);
    assert!(none.expect_err("1 MiB").to_string().contains("no batch would fit"));
}
