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
