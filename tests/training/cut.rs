//! Steps in several plans: the same bits as in one, and gradients that shards of a batch make together.

use std::ops::Range;
use std::sync::Arc;

use weightproof::error::Result;
use weightproof::kernels::optimizer::{Adam, Method};
use weightproof::model::preset::Preset;
use weightproof::model::{GRADIENT, Network, Placement};
use weightproof::plan::Step;
use weightproof::session::{Session, Training};

use crate::steps::floats;
use crate::{common, small};

/// A network with weights, ready for step 0, and its step in one plan or in several.
struct Machine {
    session: Session,
    training: Training,
}

impl Machine {
    fn new(network: Network, cut: bool) -> Machine {
        let load = if cut { Training::load_cut } else { Training::load };
        Machine::by(network, |session| load(session, &Placement::Uploaded, false))
    }

    /// With a block of the shards.
    fn of_block(network: Network, block: Range<usize>, least: Option<usize>) -> Machine {
        Machine::by(network, |session| Training::load_block(session, &Placement::Uploaded, false, block, least))
    }

    fn by(network: Network, load: impl FnOnce(&mut Session) -> Result<Training>) -> Machine {
        let weights = network.initial_weights(7);
        let mut session = Session::new(common::device(false), Arc::new(network), 1);
        let training = load(&mut session).unwrap();
        session.set_weights(&weights).unwrap();
        session.start(0).unwrap();
        Machine { session, training }
    }

    /// Hands it images `first ..` of an endless set.
    fn feed(&mut self, first: usize) {
        let (batch, pixels) = (self.session.network.batch, 8 * 8 * 3);
        let pixel = |i: usize| ((i * i * 5 + i * 37) % 101) as f32 / 50.0 - 1.0;
        let images: Vec<f32> = (first * pixels..(first + batch) * pixels).map(pixel).collect();
        let labels: Vec<u32> = (first..first + batch).map(|n| (n * n % 10) as u32).collect();
        self.session.runner.write("input", bytemuck::cast_slice(&images)).unwrap();
        self.session.runner.write("label", &labels).unwrap();
    }

    fn block(&self, number: u64) -> Step {
        let [bias1, bias2] = Adam::default().corrections(number + 1).map(|c| c as f32);
        Step { lr: 0.02, bias1, bias2, ..self.session.block(number) }
    }

    /// Runs a step on images `first ..` but for its last plan.
    fn begin(&mut self, first: usize, block: &Step) {
        for part in &self.training.parts().to_vec()[..self.training.parts().len() - 1] {
            if let Some(shard) = part.takes() {
                self.feed(first + shard * self.session.network.batch);
            }
            self.training.run(&mut self.session.runner, *part, block).unwrap();
        }
        if self.training.parts().len() == 1 {
            self.feed(first);
        }
    }

    fn end(&mut self, block: &Step) {
        self.session.runner.run(self.training.last(), block).unwrap();
    }

    fn step(&mut self, first: usize, number: u64) {
        let block = self.block(number);
        self.begin(first, &block);
        self.end(&block);
    }

    fn flat(&self, name: &str) -> Vec<f32> {
        floats(&self.session.runner.read(name, self.session.network.parameters.len()).unwrap()).to_vec()
    }

    /// Loss, counts of the first and the first five, images: the sums of the rows of a step.
    fn metrics(&self, number: u64) -> [f32; 4] {
        let network = &self.session.network;
        let words = self.session.runner.read("metrics", network.metric_slots() * 4).unwrap();
        let first = self.session.block(number).slot as usize;
        let rows = floats(&words)[first * 4..(first + network.shards) * 4].chunks(4);
        rows.fold([0.0; 4], |sums, row| std::array::from_fn(|i| sums[i] + row[i]))
    }
}

/// Differences of two arrays are roundings of the largest element.
fn assert_near(what: &str, a: &[f32], b: &[f32], allowed: f32) {
    let size = a.iter().fold(0.0, |m: f32, g| m.max(g.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!((a - b).abs() <= allowed * size, "{what}[{i}]: {a} whole, {b} of parts, largest {size}");
    }
}

#[test]
fn a_step_cut_before_its_update_has_the_bits_of_the_whole() {
    for network in [|| small::network("stochm:0.5"), small::nin, || small::wide()] {
        let [mut whole, mut cut] = [false, true].map(|cut| Machine::new(network(), cut));
        if whole.session.network.batch == 128 {
            let parts = whole.session.network.parameters.tensors.iter().map(|t| t.splits).max();
            assert!(parts > Some(1), "no gradient is in parts: the test shows little");
        }
        for number in 0..3 {
            whole.step(number as usize, number);
            cut.step(number as usize, number);
        }
        let state = whole.session.network.optimizer_state();
        for name in state.iter().copied().chain(["weight"]) {
            let [a, b] =
                [&whole, &cut].map(|m| m.session.runner.read(name, m.session.network.parameters.len()).unwrap());
            assert!(a == b, "{name} differs");
        }
        for (name, words) in [("metrics", 12), ("halt", 2), ("maxima", whole.session.network.parameters.chunks().len())]
        {
            let [a, b] = [&whole, &cut].map(|m| m.session.runner.read(name, words).unwrap());
            assert!(a == b, "{name} differs");
        }
    }
}

/// Two machines with half of the batch each: what both leave is summed between their last plans. Without batch norm, whose moments
/// are those of a half.
#[test]
fn halves_of_a_batch_train_as_the_whole_does() {
    let mut whole = Machine::new(small::nin(), true);
    let mut halves = [0, 1].map(|_| Machine::new(small::nin_of(2), true));
    for number in 0..3u64 {
        let first = 4 * number as usize;
        let block = whole.block(number);
        whole.begin(first, &block);
        let mut sum = vec![0.0; whole.session.network.parameters.len()];
        for (half, first) in halves.iter_mut().zip([first, first + 2]) {
            half.begin(first, &block);
            sum.iter_mut().zip(half.flat(GRADIENT)).for_each(|(sum, g)| *sum += g);
        }
        assert_near("gradient", &whole.flat(GRADIENT), &sum, 2e-6);
        for half in &mut halves {
            half.session.runner.write(GRADIENT, bytemuck::cast_slice(&sum)).unwrap();
            half.end(&block);
        }
        whole.end(&block);
    }
    let [a, b] = [0, 1].map(|i| halves[i].flat("weight"));
    assert!(a == b, "the machines part");
    assert_near("weight", &whole.flat("weight"), &b, 2e-6);
}

/// A network for batches of 16 images, which are augmented and whose activations are dropped; no batch norm unless it is asked for.
fn augmented(batch: usize, shards: usize, norm: bool) -> Network {
    let norm = if norm { "{ batchnorm = true }, " } else { "" };
    let text = format!(
        r#"
name = "shards"
batch = {batch}
shards = {shards}
epochs = 1
projection = "stochm:0.5"
loss = "softmax_ce"
optimizer = {{ kind = "sgd", momentum = 0.9, weight_decay = 0.01 }}
lr = {{ kind = "constant", initial = 0.1 }}
data.set = "cifar10"
augment = {{ flip = 0.5, crop = 2, cutout = 3, fill = "zero" }}
layers = [
  {{ conv2d = 8, kernel = 3, pad = 1, bias = true }}, {norm}{{ relu = true }}, {{ maxpool = 2 }}, {{ dropout = 0.3 }},
  {{ linear = 15, bias = true }}, {norm}{{ relu = true }}, {{ dropout = 0.5 }},
  {{ linear = 10, bias = true, output = true }},
]
"#
    );
    let preset = Preset::from_toml(&text).unwrap_or_else(|e| panic!("{e}"));
    Network::new(&preset, [8, 8, 3], 10).unwrap_or_else(|e| panic!("{e}"))
}

/// Means are over the whole batch, and draws of augmentation and dropout go by the place of an image in it: any number of shards
/// gives what one pass gives, to rounding.
#[test]
fn shards_of_a_batch_make_the_step_of_the_whole() {
    for shards in [2, 4, 8] {
        let mut whole = Machine::new(augmented(16, 1, false), true);
        let mut parts = Machine::new(augmented(16, shards, false), true);
        assert_eq!((parts.session.network.batch, parts.session.network.images_per_step()), (16 / shards, 16));
        for number in 0..3u64 {
            for machine in [&mut whole, &mut parts] {
                let block = machine.block(number);
                machine.begin(16 * number as usize, &block);
            }
            assert_near("gradient", &whole.flat(GRADIENT), &parts.flat(GRADIENT), 2e-6);
            let [a, b] = [&whole, &parts].map(|m| m.metrics(number));
            assert!((a[0] - b[0]).abs() <= 1e-6 * a[0], "a loss of {} and {}", a[0], b[0]);
            assert_eq!((&a[1..], b[3]), (&b[1..], 16.0), "counts");
            for machine in [&mut whole, &mut parts] {
                let block = machine.block(number);
                machine.end(&block);
            }
        }
        assert_near("weight", &whole.flat("weight"), &parts.flat("weight"), 2e-6);
    }
}

/// What machines with blocks of the shards leave, added by the host, is what one with all of them has, whatever the groups in which
/// their gradients get ready.
#[test]
fn blocks_of_shards_add_up_to_the_tree_of_all() {
    let mut whole = Machine::new(augmented(16, 4, true), true);
    for blocks in [2, 4] {
        let shards = 4 / blocks;
        let block = whole.block(0);
        whole.begin(0, &block);
        let mut level: Vec<Vec<f32>> = vec![];
        for i in 0..blocks {
            let block_of = i * shards..(i + 1) * shards;
            let mut part = Machine::of_block(augmented(16, 4, true), block_of, [Some(1), Some(600), None][i % 3]);
            let (groups, tensors) = (part.training.groups().len(), part.session.network.parameters.tensors.len());
            assert!([groups == tensors, 1 < groups && groups < tensors, groups == 1][i % 3], "{groups} groups");
            part.begin(0, &block);
            level.push(part.flat(GRADIENT));
            let rows = |machine: &Machine| machine.session.runner.read("metrics", 16).unwrap();
            let own = i * shards * 4..(i + 1) * shards * 4;
            assert_eq!(rows(&part)[own.clone()], rows(&whole)[own], "metrics of block {i}");
        }
        while level.len() > 1 {
            let add = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).map(|(a, b)| a + b).collect();
            level = level.chunks(2).map(add).collect();
        }
        assert!(whole.flat(GRADIENT) == level[0], "{blocks} blocks");
    }
}

/// Of networks with batch norm: what the shards leave one by one, added by hand in the tree.
#[test]
fn gradients_of_shards_are_added_in_one_tree() {
    for shards in [2usize, 4, 8] {
        let mut step = Machine::new(augmented(16, shards, true), false);
        let mut single = Machine::new(augmented(16 / shards, 1, true), true);
        for number in 0..2u64 {
            let block = step.block(number);
            let first = 16 * number as usize;
            let mut level: Vec<Vec<f32>> = vec![];
            for shard in 0..shards {
                let images = 16 / shards;
                single.begin(first + shard * images, &Step { first_image: (shard * images) as u32, ..block });
                level.push(single.flat(GRADIENT));
            }
            while level.len() > 1 {
                let add = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).map(|(a, b)| a + b).collect();
                level = level.chunks(2).map(add).collect();
            }
            step.begin(first, &block);
            assert!(step.flat(GRADIENT) == level[0], "{shards} shards, step {number}");
            step.end(&block);
            single.session.runner.write(GRADIENT, bytemuck::cast_slice(&level[0])).unwrap();
            single.end(&block);
        }
        assert!(step.flat("weight") == single.flat("weight"), "{shards} shards");
    }
}
