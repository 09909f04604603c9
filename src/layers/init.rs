//! Initial weights, drawn on the host from Philox so that every adapter starts from the same bits.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kernels::parameters::{Parameters, Tensor};
use crate::philox::{self, stream};

/// Elements that a thread draws at a time; even, because a counter gives two.
const CHUNK: usize = 1 << 14;

/// `[init]`: how weights are drawn. Glorot and Bengio 2010 (Merolla et al. 2016), He et al. 2015 (McDonnell 2018).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Init {
    /// Uniform in [-b, b], b = sqrt(6 / (fan_in + fan_out)).
    #[default]
    GlorotUniform,
    /// Normal with standard deviation sqrt(2 / fan_in).
    HeNormal,
    /// Normal.
    Gaussian {
        /// Standard deviation.
        std: f64,
    },
}

impl Init {
    /// Standard deviation of the drawn weights: what the clip factor scales.
    pub fn std(&self, fan_in: usize, fan_out: usize) -> f64 {
        match self {
            Init::GlorotUniform => (2.0 / (fan_in + fan_out) as f64).sqrt(),
            Init::HeNormal => (2.0 / fan_in as f64).sqrt(),
            Init::Gaussian { std } => *std,
        }
    }

    /// Draws a tensor: element i from counter (i / 2, layer), so values depend on seed, layer and element alone, however
    /// the work is split over threads.
    fn draw(&self, tensor: &Tensor, seed: u64, out: &mut [f32]) {
        let key = philox::key(seed, stream::INIT);
        let value = |a: u32, b: u32| {
            let [a, b] = [a, b].map(|word| f64::from(philox::uniform01(word)));
            match self {
                Init::GlorotUniform => {
                    let bound = 3f64.sqrt() * f64::from(tensor.init_std);
                    ((2.0 * a - 1.0) * bound) as f32
                }
                // Box-Muller in f64 on the host; one normal per pair of words.
                Init::HeNormal | Init::Gaussian { .. } => {
                    let r = (-2.0 * a.ln()).sqrt();
                    (r * (std::f64::consts::TAU * b).cos() * f64::from(tensor.init_std)) as f32
                }
            }
        };
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(n, part)| {
            for (i, pair) in part.chunks_mut(2).enumerate() {
                let words = philox::philox4x32([(n * CHUNK / 2 + i) as u32, tensor.layer, 0, 0], key);
                for (k, element) in pair.iter_mut().enumerate() {
                    *element = value(words[2 * k], words[2 * k + 1]);
                }
            }
        });
    }

    /// The flat array of all parameters at step 0: weights drawn, gammas 1, betas 0, padding 0.
    pub fn weights(&self, parameters: &Parameters, seed: u64) -> Vec<f32> {
        let mut flat = vec![0.0; parameters.len()];
        for t in &parameters.tensors {
            let part = &mut flat[t.offset..t.offset + t.len()];
            if t.init_std > 0.0 {
                self.draw(t, seed, part);
            } else {
                part.fill(t.initial);
            }
        }
        flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_is_that_of_the_papers() {
        let fan = (3 * 3 * 128, 3 * 3 * 256);
        assert!((Init::GlorotUniform.std(fan.0, fan.1) - (2.0f64 / (1152.0 + 2304.0)).sqrt()).abs() < 1e-15);
        assert!((Init::HeNormal.std(fan.0, fan.1) - (2.0f64 / 1152.0).sqrt()).abs() < 1e-15);
        assert_eq!(Init::Gaussian { std: 0.01 }.std(1, 1), 0.01);
    }

    /// Threads take parts of a tensor; what an element is depends on its index alone.
    #[test]
    fn an_element_is_drawn_from_its_own_counter_whatever_the_length_of_the_tensor() {
        let draw = |len: usize| {
            let mut p = Parameters::default();
            p.push(Tensor { init_std: 0.05, ..Tensor::new("a", &[len]) });
            Init::GlorotUniform.weights(&p, 7)[..len].to_vec()
        };
        let (long, short) = (draw(3 * CHUNK + 5), draw(CHUNK + 1));
        assert_eq!(short[..], long[..=CHUNK]);
        for i in [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 4] {
            let words = philox::philox4x32([i as u32 / 2, 0, 0, 0], philox::key(7, stream::INIT));
            let uniform = f64::from(philox::uniform01(words[i % 2 * 2]));
            assert_eq!(long[i], ((2.0 * uniform - 1.0) * 3f64.sqrt() * f64::from(0.05f32)) as f32, "element {i}");
        }
    }

    /// 100,000 weights: mean and standard deviation within five standard errors of what was asked for (one false alarm in
    /// a million), other layers and seeds draw others, a uniform draw stays inside its bound.
    #[test]
    fn drawn_weights_have_the_deviation_asked_for() {
        let mut p = Parameters::default();
        for name in ["a", "b"] {
            p.push(Tensor { init_std: 0.05, ..Tensor::new(name, &[100_000]) });
        }
        p.push(Tensor { initial: 1.0, ..Tensor::new("gamma", &[3]) });
        for init in [Init::GlorotUniform, Init::HeNormal] {
            let flat = init.weights(&p, 7);
            let [a, b] = [0, 1].map(|t| &flat[p.tensors[t].offset..][..100_000]);
            let n = a.len() as f64;
            let mean = a.iter().map(|w| f64::from(*w)).sum::<f64>() / n;
            let std = (a.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>() / n).sqrt();
            assert!(mean.abs() < 5.0 * 0.05 / n.sqrt(), "{init:?}: mean {mean}");
            // Of a normal; that of a uniform is smaller.
            assert!((std - 0.05).abs() < 5.0 * 0.05 / (2.0 * n).sqrt(), "{init:?}: deviation {std}");
            assert!(a != b && a != &init.weights(&p, 8)[..100_000]);
            assert_eq!(flat[p.tensors[2].offset..][..3], [1.0; 3]);
        }
        let bound = 3f32.sqrt() * 0.05;
        assert!(Init::GlorotUniform.weights(&p, 7)[..100_000].iter().all(|w| w.abs() <= bound));
    }
}
