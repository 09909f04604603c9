//! Steps cut between backward and update: the same bits as whole steps, and gradients that parts of a batch make together.

use std::sync::Arc;

use weightproof::kernels::optimizer::{Adam, Method};
use weightproof::model::{GRADIENT, Network, Placement};
use weightproof::plan::Step;
use weightproof::session::{Program, Session};

use crate::steps::floats;
use crate::{common, small};

/// A network with weights, ready for step 0, and its step in one plan or in two.
struct Machine {
    session: Session,
    plans: Vec<Program>,
}

impl Machine {
    fn new(network: Network, cut: bool) -> Machine {
        let weights = network.initial_weights(7);
        let mut session = Session::new(common::device(false), Arc::new(network), 1);
        let plans = match cut {
            true => session.training_cut(&Placement::Uploaded).unwrap().into(),
            false => vec![session.training(&Placement::Uploaded, false).unwrap()],
        };
        session.set_weights(&weights).unwrap();
        session.start(0).unwrap();
        Machine { session, plans }
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

    fn run(&mut self, plan: usize, number: u64) {
        let [bias1, bias2] = Adam::default().corrections(number + 1).map(|c| c as f32);
        let step = Step { lr: 0.02, bias1, bias2, ..self.session.block(number) };
        self.session.runner.run(&self.plans[plan].loaded, &step).unwrap();
    }

    fn flat(&self, name: &str) -> Vec<f32> {
        floats(&self.session.runner.read(name, self.session.network.parameters.len()).unwrap()).to_vec()
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
            for machine in [&mut whole, &mut cut] {
                machine.feed(number as usize);
                (0..machine.plans.len()).for_each(|plan| machine.run(plan, number));
            }
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

/// Two machines with half of the batch each: means over halves make the mean over the batch. Without batch norm, whose moments
/// are those of a half.
#[test]
fn halves_of_a_batch_train_as_the_whole_does() {
    let mut whole = Machine::new(small::nin(), true);
    let mut halves = [0, 1].map(|_| Machine::new(small::nin_of(2), true));
    for number in 0..3u64 {
        let first = 4 * number as usize;
        whole.feed(first);
        whole.run(0, number);
        let mut sum = vec![0.0; whole.session.network.parameters.len()];
        for (half, first) in halves.iter_mut().zip([first, first + 2]) {
            half.feed(first);
            half.run(0, number);
            sum.iter_mut().zip(half.flat(GRADIENT)).for_each(|(sum, g)| *sum += 0.5 * g);
        }
        let gradient = whole.flat(GRADIENT);
        let size = gradient.iter().fold(0.0, |m: f32, g| m.max(g.abs()));
        for (i, (a, b)) in gradient.iter().zip(&sum).enumerate() {
            assert!(
                (a - b).abs() <= 2e-6 * size,
                "step {number}, gradient[{i}]: {a} whole, {b} of halves, largest {size}"
            );
        }
        for half in &mut halves {
            half.session.runner.write(GRADIENT, bytemuck::cast_slice(&sum)).unwrap();
            half.run(1, number);
        }
        whole.run(1, number);
    }
    let [a, b] = [0, 1].map(|i| halves[i].flat("weight"));
    assert!(a == b, "the machines part");
    for (i, (a, b)) in whole.flat("weight").iter().zip(&b).enumerate() {
        assert!((a - b).abs() <= 1e-6, "weight[{i}]: {a} whole, {b} of halves");
    }
}
