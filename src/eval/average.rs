//! The average of the moments of many batches (Merolla et al. 2016; McDonnell 2018).

use crate::error::Result;
use crate::model::Network;
use crate::session::Session;

/// The averages of [`Network::moments`]: sums in f32, batch by batch.
pub(super) struct Average {
    arrays: Vec<Array>,
    /// 1 / batches.
    weight: f32,
}

struct Array {
    name: String,
    sums: Vec<f32>,
    /// Of variances in whose place the deviations sqrt(variance + epsilon) are averaged.
    epsilon: Option<f32>,
}

impl Average {
    /// Of so many batches, none of which is there yet.
    pub fn new(network: &Network, batches: usize) -> Average {
        let array = |(name, channels): (String, usize)| {
            let epsilon = network.deviation_epsilon.filter(|_| name.ends_with("running_var"));
            Array { name, sums: vec![0.0; channels], epsilon }
        };
        Average { arrays: network.moments().into_iter().map(array).collect(), weight: (1.0 / batches as f64) as f32 }
    }

    /// The arrays of a snapshot of a batch, with their lengths.
    pub fn parts(&self) -> Vec<(&str, usize)> {
        self.arrays.iter().map(|array| (array.name.as_str(), array.sums.len())).collect()
    }

    /// Adds the share of the next batch, whose snapshot this is.
    pub fn add(&mut self, snapshot: &[u32]) {
        let mut moments = snapshot.iter().map(|bits| f32::from_bits(*bits));
        for Array { sums, epsilon, .. } in &mut self.arrays {
            for (sum, moment) in sums.iter_mut().zip(&mut moments) {
                *sum += self.weight * epsilon.map_or(moment, |epsilon| (moment + epsilon).sqrt());
            }
        }
    }

    /// Writes the averages. Those of deviations become variances: a test divides by sqrt(variance + epsilon) again.
    ///
    /// # Errors
    /// What the device reports.
    pub fn write(self, session: &mut Session) -> Result<()> {
        for Array { name, mut sums, epsilon } in self.arrays {
            if let Some(epsilon) = epsilon {
                for sum in &mut sums {
                    let variance = sum.powi(2) - epsilon;
                    *sum = if variance < 0.0 { 0.0 } else { variance }; // NaN stays.
                }
            }
            session.runner.write(&name, bytemuck::cast_slice(&sums))?;
        }
        Ok(())
    }
}
