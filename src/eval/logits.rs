//! What a network makes of images: its logits.

use std::sync::Arc;

use crate::data::{Batches, Levels, Part, Prepared};
use crate::error::Result;
use crate::gpu::Loaded;
use crate::kernels::conv2d::stored::Bits;
use crate::model::{FORWARD, Placement};
use crate::plan::Step;
use crate::session::{Session, images};
use crate::weights::{NamedMoments, TrainedNetwork, packed};

/// A forward pass, loaded, for the weights of a session: those in `projected`, or bits.
pub struct Logits {
    loaded: Loaded,
    /// Buffer of the logits.
    buffer: usize,
    batch: usize,
}

impl Logits {
    /// Loads the plan, for up to `batch` images at a time. `levels` is what bytes become, where images are bytes
    /// ([`Prepared::levels`]).
    ///
    /// # Errors
    /// What the device refuses.
    pub fn new(session: &mut Session, batch: usize, levels: Option<&Levels>) -> Result<Self> {
        Self::load(session, batch, levels, None)
    }

    /// As [`Logits::new`], for the weights of a packed file as they are: they are read as bits, and nowhere in f32.
    ///
    /// # Errors
    /// What the device refuses.
    pub fn from_bits(
        session: &mut Session,
        batch: usize,
        levels: Option<&Levels>,
        trained: &TrainedNetwork,
    ) -> Result<Self> {
        let logits = Self::load(session, batch, levels, Some(&packed::bits(&trained.packed)))?;
        for (name, words) in packed::arrays(&trained.network, &trained.weights, &trained.packed) {
            session.runner.write(&name, &words)?;
        }
        Ok(logits)
    }

    fn load(session: &mut Session, batch: usize, levels: Option<&Levels>, bits: Option<&Bits>) -> Result<Self> {
        let (plan, buffer) = session.network.forward_plan(&session.target, batch, bits)?;
        let loaded = session.runner.load(&plan, false)?;
        if let Some(levels) = levels {
            images::write_levels(&mut session.runner, levels, session.network.input[2])?;
        }
        Ok(Logits { loaded, buffer: buffer.0 as usize, batch })
    }

    /// Takes these for the moments of batch normalisation.
    ///
    /// # Errors
    /// Moments of another network.
    pub fn set_moments(&self, session: &mut Session, moments: &NamedMoments) -> Result<()> {
        moments.iter().try_for_each(|(name, values)| session.runner.write(name, bytemuck::cast_slice(values)))
    }

    /// The logits `[count, classes]` of `count` images, as a device reads them ([`Prepared::words`] each).
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// If they are more than a batch.
    pub fn of(&self, session: &mut Session, images: &[u32], count: usize) -> Result<Vec<f32>> {
        assert!(count <= self.batch, "{count} images in a batch of {}", self.batch);
        if count == 0 {
            return Ok(vec![]);
        }
        session.runner.write(&session.network.uploads(&Placement::Uploaded, FORWARD), images)?;
        session.runner.run(&self.loaded, &Step::default())?;
        let words = session.runner.read_buffer(&self.loaded, self.buffer)?;
        Ok(bytemuck::cast_slice(&words[..count * session.network.classes]).to_vec())
    }

    /// The logits `[count, classes]` of all images of a split.
    ///
    /// # Errors
    /// A file that cannot be read; what the device reports.
    pub fn of_split(&self, session: &mut Session, data: &Arc<Prepared>, part: Part) -> Result<Vec<f32>> {
        let mut all = vec![];
        for batch in Batches::sequential(data.clone(), part, self.batch)? {
            let batch = batch?;
            all.append(&mut self.of(session, &batch.images, batch.valid)?);
        }
        Ok(all)
    }
}

/// The probabilities of classes by their logits: e^o / sum of e^o.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().fold(f32::NEG_INFINITY, |a, o| a.max(*o));
    let powers: Vec<f64> = logits.iter().map(|o| (f64::from(*o) - f64::from(most)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

/// The classes by their logits, greatest first; of equal ones the lower first.
pub fn ranked(logits: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_sum_to_one_however_large_the_logits_are() {
        for logits in [[1.0, 3.0, 2.0], [1e4, -1e4, 0.0], [f32::MAX, f32::MAX, f32::MIN]] {
            let p = softmax(&logits);
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{logits:?}: {p:?}");
        }
        let p = softmax(&[1.0, 3.0, 2.0]);
        assert!((p[1] - 1.0 / (1.0 + (-1f64).exp() + (-2f64).exp())).abs() < 1e-15);
    }

    #[test]
    fn of_equal_logits_the_lower_class_comes_first() {
        assert_eq!(ranked(&[1.0, 3.0, -2.0, 3.0]), [1, 3, 0, 2]);
    }
}
