//! The only block of numbers that changes from step to step.

use bytemuck::{Pod, Zeroable};

/// The `Step` uniform of `shaders/common/step.wgsl`: 16 words, written by the host before each step.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Step {
    /// Low word of the seed.
    pub seed_lo: u32,
    /// High word of the seed.
    pub seed_hi: u32,
    /// Low word of the step number (of the draw number in evaluation).
    pub step_lo: u32,
    /// High word of the step number.
    pub step_hi: u32,
    /// Learning rate.
    pub lr: f32,
    /// ADAM: 1 / (1 - beta1^t), computed in f64.
    pub bias1: f32,
    /// ADAM: 1 / sqrt(1 - beta2^t), computed in f64.
    pub bias2: f32,
    /// Multiplies every clip bound c_k (Merolla et al. 2016: raised while AlexNet trains).
    pub clip_scale: f32,
    /// Uniform draw in (0, 1) of this step, from which a ranged Power takes its beta.
    pub beta_u: f32,
    /// Row of the metrics buffer that this step writes.
    pub slot: u32,
    /// Valid samples of the whole batch, over which the loss is a mean. In a pass over all of it, the rest is padding.
    pub valid: u32,
    /// Place of the first image of the pass in the whole batch: that of a shard.
    pub first_image: u32,
    /// Zero.
    pub reserved: [u32; 4],
}

impl Step {
    /// Words of the block.
    pub const WORDS: usize = 16;

    /// The block as words, as a buffer holds it.
    pub fn words(&self) -> [u32; Self::WORDS] {
        bytemuck::cast(*self)
    }

    /// The inverse of [`Step::words`].
    pub fn from_words(words: [u32; Self::WORDS]) -> Self {
        bytemuck::cast(words)
    }

    /// Seed as one number.
    pub fn seed(&self) -> u64 {
        u64::from(self.seed_lo) | u64::from(self.seed_hi) << 32
    }

    /// Sets seed and step number.
    pub fn at(seed: u64, step: u64) -> Self {
        Step {
            seed_lo: seed as u32,
            seed_hi: (seed >> 32) as u32,
            step_lo: step as u32,
            step_hi: (step >> 32) as u32,
            clip_scale: 1.0,
            ..Step::default()
        }
    }
}
