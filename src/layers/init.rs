//! Initial weights, drawn on the host from Philox so that every adapter starts from the same bits.

use crate::kernels::parameters::{Parameters, Tensor};
use crate::philox::{self, stream};

/// How weights are drawn. Glorot and Bengio 2010 (Merolla et al. 2016), He et al. 2015 (McDonnell 2018).
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Init {
    /// Uniform in [-b, b], b = sqrt(6 / (fan_in + fan_out)).
    #[default]
    GlorotUniform,
    /// Normal with standard deviation sqrt(2 / fan_in).
    HeNormal,
    /// Normal with a stated standard deviation.
    Gaussian(f64),
}

impl Init {
    /// Standard deviation of the drawn weights: what the clip factor scales.
    pub fn std(&self, fan_in: usize, fan_out: usize) -> f64 {
        match self {
            Init::GlorotUniform => (2.0 / (fan_in + fan_out) as f64).sqrt(),
            Init::HeNormal => (2.0 / fan_in as f64).sqrt(),
            Init::Gaussian(std) => *std,
        }
    }

    /// Draws a tensor: element i from counter (i / 2, layer), so values depend on seed, layer and element alone.
    fn draw(&self, tensor: &Tensor, seed: u64) -> Vec<f32> {
        let key = philox::key(seed, stream::INIT);
        let word = |i: usize, k: usize| {
            let c = philox::philox4x32([(i / 2) as u32, tensor.layer, 0, 0], key);
            f64::from(philox::uniform01(c[(i % 2) * 2 + k]))
        };
        (0..tensor.len())
            .map(|i| match self {
                Init::GlorotUniform => {
                    let bound = 3f64.sqrt() * f64::from(tensor.init_std);
                    ((2.0 * word(i, 0) - 1.0) * bound) as f32
                }
                // Box-Muller in f64 on the host; one normal per pair of words.
                Init::HeNormal | Init::Gaussian(_) => {
                    let r = (-2.0 * word(i, 0).ln()).sqrt();
                    (r * (std::f64::consts::TAU * word(i, 1)).cos() * f64::from(tensor.init_std)) as f32
                }
            })
            .collect()
    }

    /// The flat array of all parameters at step 0: weights drawn, gammas 1, betas 0, padding 0.
    pub fn weights(&self, parameters: &Parameters, seed: u64) -> Vec<f32> {
        let mut flat = vec![0.0; parameters.len()];
        for t in &parameters.tensors {
            let part = &mut flat[t.offset..t.offset + t.len()];
            if t.init_std > 0.0 {
                part.copy_from_slice(&self.draw(t, seed));
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
        assert_eq!(Init::Gaussian(0.01).std(1, 1), 0.01);
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
