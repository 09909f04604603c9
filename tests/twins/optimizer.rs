//! The optimisers against closed forms, by twins.

use weightproof::cpu;
use weightproof::kernels::optimizer::{self, Adam, Lion, Method, Sgd, Update};
use weightproof::kernels::parameters::{Parameters, Tensor};
use weightproof::plan::{Builder, Step, Target, View};

/// One tensor under an optimiser.
struct Bench {
    runner: cpu::Runner,
    parameters: Parameters,
}

impl Bench {
    fn new(method: &dyn Method, tensor: Tensor, weights: &[f64]) -> Self {
        let mut parameters = Parameters::default();
        parameters.push(tensor);
        let p = &parameters;
        let mut b = Builder::new("test", Target::baseline());
        let arrays = p.arrays(&mut b);
        let grad = b.buffer("grad", weightproof::plan::Elem::F32, &[p.grad_len()], weightproof::plan::Role::Input);
        let u = Update { grad, weight: arrays.weight, maxima: arrays.maxima, halt: optimizer::halt(&mut b) };
        let state: Vec<View> = method.state().iter().map(|name| p.flat(&mut b, name)).collect();
        method.record(&mut b, "update", p, &u, &state).unwrap();
        let mut runner = cpu::Runner::new(b.finish().unwrap());
        let mut flat = vec![0.0; parameters.len()];
        flat[..weights.len()].copy_from_slice(weights);
        runner.write("weight", &flat);
        Bench { runner, parameters }
    }

    /// One step with these partial sums.
    fn step(&mut self, grad: &[f64], t: i32, lr: f32) {
        let mut flat = vec![0.0; self.parameters.grad_len()];
        flat[..grad.len()].copy_from_slice(grad);
        self.runner.write("grad", &flat);
        let step = Step {
            lr,
            bias1: (1.0 / (1.0 - 0.9f64.powi(t))) as f32,
            bias2: (1.0 / (1.0 - 0.999f64.powi(t)).sqrt()) as f32,
            ..Step::at(1, t as u64)
        };
        self.runner.run(&step);
    }

    fn weights(&self) -> &[f64] {
        &self.runner.read("weight")[..self.parameters.tensors[0].len()]
    }
}

fn close(got: &[f64], want: &[f64], tolerance: f64) {
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance, "got {got:?} want {want:?}");
    }
}

const LR: f32 = 0.0625;

#[test]
fn adam_moves_by_the_learning_rate_while_the_gradient_stays_the_same() {
    // The corrected means are g and g^2 at every step, so each changes w by lr g / (|g| + eps).
    let grads = [3.0, -0.001, 1e3, 0.0];
    let mut bench = Bench::new(&Adam::default(), Tensor::new("w", &[4]), &[1.0; 4]);
    for t in 1..=20 {
        bench.step(&grads, t, LR);
        let want = grads.map(|g: f64| 1.0 - f64::from(LR) * f64::from(t) * g / (g.abs() + 1e-8));
        close(bench.weights(), &want, 2e-5);
    }
}

#[test]
fn adam_with_a_changing_gradient_follows_the_textbook() {
    let tensor = Tensor { decay: 0.25, ..Tensor::new("w", &[1]) };
    let mut bench = Bench::new(&Adam::default(), tensor, &[0.5]);
    let (mut w, mut m, mut v) = (0.5f64, 0.0f64, 0.0f64);
    for t in 1..=50 {
        let g = (f64::from(t) * 0.7).sin();
        bench.step(&[g], t, LR);
        let g = g + 0.25 * w;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        let (mean, square) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
        w -= f64::from(LR) * mean / (square.sqrt() + 1e-8);
        close(bench.weights(), &[w], 1e-5);
    }
}

#[test]
fn lion_moves_by_the_learning_rate_whatever_the_size_of_the_gradient() {
    // Of a gradient of 0 the sign is 0.
    let grads = [3.0, -1e-6, 1e30, 0.0];
    let mut bench = Bench::new(&Lion::default(), Tensor::new("w", &[4]), &[1.0; 4]);
    for t in 1..=20 {
        bench.step(&grads, t, LR);
        let moved = f64::from(LR) * f64::from(t);
        close(bench.weights(), &[1.0 - moved, 1.0 + moved, 1.0 - moved, 1.0], 0.0);
    }
}

#[test]
fn lion_with_a_changing_gradient_follows_algorithm_2() {
    let tensor = Tensor { decay: 0.25, ..Tensor::new("w", &[1]) };
    let mut bench = Bench::new(&Lion::default(), tensor, &[0.5]);
    let (mut w, mut m) = (0.5f64, 0.0f64);
    let mut turned = 0;
    for t in 1..=50 {
        let g = (f64::from(t) * 0.3).sin();
        bench.step(&[g], t, LR);
        let c = 0.9 * m + 0.1 * g;
        w -= f64::from(LR) * (c.signum() + 0.25 * w);
        m = 0.99 * m + 0.01 * g;
        turned += i32::from(c * g < 0.0);
        close(bench.weights(), &[w], 1e-5);
        close(bench.runner.read("m"), &[m], 1e-6);
    }
    assert!(turned > 0, "the mean never outweighed the gradient");
}

#[test]
fn the_decay_of_lion_gives_no_direction() {
    // As a part of the gradient it would move each weight by the learning rate.
    let tensor = Tensor { decay: 0.5, ..Tensor::new("w", &[2]) };
    let mut bench = Bench::new(&Lion::default(), tensor, &[1.0, -2.0]);
    for t in 1..=10 {
        bench.step(&[0.0, 0.0], t, LR);
        let factor = (1.0 - 0.5 * f64::from(LR)).powi(t);
        close(bench.weights(), &[factor, -2.0 * factor], 1e-7);
    }
    assert!(bench.runner.read("m").iter().all(|m| *m == 0.0));
}

#[test]
fn sgd_with_a_constant_gradient_follows_the_geometric_series() {
    let (mu, lr, g) = (0.9f64, f64::from(LR), 0.5f64);
    for nesterov in [false, true] {
        let method = Sgd { momentum: mu, nesterov, weight_decay: 0.0 };
        let mut bench = Bench::new(&method, Tensor::new("w", &[1]), &[0.0]);
        for t in 1..=30 {
            bench.step(&[g], t, LR);
            // v_t = -lr g (1 - mu^t) / (1 - mu); w_t = sum v_1..v_t, with Nesterov v_2..v_(t+1).
            let v = |t: i32| -lr * g * (1.0 - mu.powi(t)) / (1.0 - mu);
            let shift = i32::from(nesterov);
            let want: f64 = (1 + shift..=t + shift).map(v).sum();
            close(bench.weights(), &[want], 1e-5);
            close(bench.runner.read("momentum"), &[v(t)], 1e-6);
        }
    }
}

#[test]
fn weight_decay_without_momentum_shrinks_geometrically() {
    let method = Sgd::default();
    let tensor = Tensor { decay: 0.5, ..Tensor::new("w", &[2]) };
    let mut bench = Bench::new(&method, tensor, &[1.0, -2.0]);
    for t in 1..=10 {
        bench.step(&[0.0, 0.0], t, LR);
        let factor = (1.0 - 0.5 * f64::from(LR)).powi(t);
        close(bench.weights(), &[factor, -2.0 * factor], 1e-9);
    }
}

#[test]
fn the_partial_sums_of_a_gradient_are_added() {
    let method = Sgd::default();
    let tensor = Tensor { splits: 3, ..Tensor::new("w", &[2]) };
    let mut bench = Bench::new(&method, tensor, &[0.0, 0.0]);
    bench.step(&[1.0, 10.0, 2.0, 20.0, 4.0, 40.0], 1, 1.0);
    close(bench.weights(), &[-7.0, -70.0], 0.0);
}

#[test]
fn the_clip_holds_weights_in_their_box_and_the_maxima_say_so() {
    let method = Sgd::default();
    let tensor = Tensor { clip: 0.25, ..Tensor::new("w", &[3]) };
    let mut bench = Bench::new(&method, tensor, &[0.2, -0.2, 0.1]);
    bench.step(&[-5.0, 5.0, 0.0], 1, 1.0);
    close(bench.weights(), &[0.25, -0.25, f64::from(0.1f32)], 1e-8);
    assert_eq!(bench.runner.read("maxima"), [0.25]);
}

#[test]
fn a_halted_update_changes_nothing() {
    let sgd = Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.0 };
    for method in [&Adam::default() as &dyn Method, &Lion::default(), &sgd] {
        let mut bench = Bench::new(method, Tensor::new("w", &[2]), &[1.0, 2.0]);
        bench.runner.write_u32("halt", &[1, 0]);
        bench.step(&[f64::NAN, 1.0], 1, LR);
        assert_eq!(bench.weights(), [1.0, 2.0]);
    }
}
