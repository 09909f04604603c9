//! What a distortion does to the weights themselves. No data are needed.

use std::sync::Arc;

use super::statistics::{self, Bins, Energy};
use super::{Bits, Distance, Filter, Histogram, LayerBits};
use crate::error::{Error, Result};
use crate::kernels::parameters::Tensor;
use crate::model::Network;
use crate::projection::EVALUATION;
use crate::projection::distortion::{self, Distortion};
use crate::session::Session;

/// A trained network on a device, and the projection that its forward passes run with.
pub struct Specimen<'a> {
    /// Holds the weights, in `weight`.
    pub session: &'a mut Session,
    /// The network.
    pub network: Arc<Network>,
    /// The flat array of its parameters.
    pub weights: &'a [f32],
    /// Seed of every draw.
    pub seed: u64,
}

/// The layers with weights that are projected, in order, by name, with their tensors.
pub fn weighted(network: &Network) -> impl Iterator<Item = (&str, &Tensor)> {
    network.parameters.tensors.iter().filter(|t| t.projected).map(|t| (distortion::layer(&t.name), t))
}

/// One layer of a distorted network.
struct Layer<'a> {
    name: &'a str,
    tensor: &'a Tensor,
    before: &'a [f32],
    after: &'a [f32],
    alpha: f32,
}

impl<'a> Specimen<'a> {
    /// Writes the weights to the device.
    ///
    /// # Errors
    /// What the device refuses.
    pub fn new(session: &'a mut Session, weights: &'a [f32], seed: u64) -> Result<Self> {
        session.set_weights(weights)?;
        let network = session.network.clone();
        Ok(Specimen { session, network, weights, seed })
    }

    /// The flat array of projected parameters, as the device makes it.
    ///
    /// # Errors
    /// A distortion that names no layer of the network; what the device reports.
    pub fn project(&mut self, distortion: &Distortion, draw: u32) -> Result<Vec<f32>> {
        self.session.distort(distortion, self.seed, EVALUATION + u64::from(draw))?;
        Ok(bytemuck::cast_slice(&self.session.runner.read("projected", self.weights.len())?).to_vec())
    }

    /// Effective bits per weight under each distortion; the noise is the mean over its draws.
    ///
    /// # Errors
    /// As [`Specimen::project`].
    pub fn bits(&mut self, distortions: &[Distortion]) -> Result<Vec<Bits>> {
        let all = |d: &Distortion| {
            let mut layers: Vec<Vec<Energy>> = vec![];
            for draw in 0..d.draws {
                let after = self.project(d, draw)?;
                let of = |l: Layer| Energy::of(l.before, l.after, l.alpha);
                layers.push(self.layers(&after).map(of).collect());
            }
            let sizes: Vec<f64> = weighted(&self.network).map(|(_, t)| t.len() as f64).collect();
            let mean = |l: usize| Energy::mean(layers.iter().map(|draw| (1.0, draw[l])));
            let means: Vec<Energy> = (0..sizes.len()).map(mean).collect();
            let by_layer = weighted(&self.network).zip(&means);
            Ok(Bits {
                distortion: d.single_draw().to_string(),
                bits: Energy::mean(sizes.into_iter().zip(means.iter().copied())).bits(),
                by_layer: by_layer.map(|((layer, _), m)| LayerBits { layer: layer.into(), bits: m.bits() }).collect(),
                draws: d.draws,
                seed: self.seed,
            })
        };
        distortions.iter().map(all).collect()
    }

    /// Mean |W - P(W)| of each layer under each distortion, over its draws (Merolla et al. 2016, figure 1C: Sign).
    ///
    /// # Errors
    /// As [`Specimen::project`].
    pub fn distance(&mut self, distortions: &[Distortion]) -> Result<Vec<Distance>> {
        let mut out = vec![];
        for d in distortions {
            let mut sums = vec![0.0; weighted(&self.network).count()];
            for draw in 0..d.draws {
                let after = self.project(d, draw)?;
                for (sum, l) in sums.iter_mut().zip(self.layers(&after)) {
                    *sum += statistics::distance(l.before, l.after) / f64::from(d.draws);
                }
            }
            for (mean_abs, l) in sums.into_iter().zip(self.layers(self.weights)) {
                let alpha = f64::from(l.alpha);
                let mean_abs_over_alpha = if alpha == 0.0 { 0.0 } else { mean_abs / alpha };
                let (distortion, layer) = (d.single_draw().to_string(), l.name.to_owned());
                out.push(Distance { distortion, layer, mean_abs, mean_abs_over_alpha });
            }
        }
        Ok(out)
    }

    /// Histograms of some layers under each distortion, of its first draw (figures 1A and 2D).
    ///
    /// # Errors
    /// As [`Specimen::project`]; an unknown layer.
    pub fn histograms(&mut self, layers: &[String], distortions: &[Distortion]) -> Result<Vec<Histogram>> {
        let mut out = vec![];
        for d in distortions {
            let after = self.project(d, 0)?;
            for name in layers {
                let l = self.layer(name, &after)?;
                let Bins { edges, counts } = Bins::count(l.after, l.alpha);
                let (layer, distortion) = (name.clone(), d.single_draw().to_string());
                out.push(Histogram { layer, distortion, edges, counts, alpha: l.alpha.into() });
            }
        }
        Ok(out)
    }

    /// Single filters of a layer under each distortion, of its first draw (figure 1B, insets).
    ///
    /// # Errors
    /// As [`Specimen::project`]; an unknown layer; a filter that it has not.
    pub fn filters(&mut self, layer: &str, filters: &[usize], distortions: &[Distortion]) -> Result<Vec<Filter>> {
        let mut out = vec![];
        for d in distortions {
            let after = self.project(d, 0)?;
            let l = self.layer(layer, &after)?;
            let Some((&count, dims)) = l.tensor.shape.split_last() else { continue };
            // [kh, kw, c_in, c_out], or [in, out].
            let shape = match *dims {
                [rows, columns, channels] => [rows, columns, channels],
                _ => [1, 1, dims.iter().product()],
            };
            for &filter in filters {
                if filter >= count {
                    let message = format!("filter {filter}: it has {count}, from 0 to {}", count - 1);
                    return Err(Error::layer(layer, message));
                }
                let weights = l.after[filter..].iter().step_by(count).copied().collect();
                let distortion = d.single_draw().to_string();
                out.push(Filter { layer: layer.into(), filter, shape, weights, distortion });
            }
        }
        Ok(out)
    }

    fn layers<'b>(&'b self, after: &'b [f32]) -> impl Iterator<Item = Layer<'b>> {
        weighted(&self.network).map(move |(name, tensor)| {
            let part = tensor.offset..tensor.offset + tensor.len();
            let before = &self.weights[part.clone()];
            Layer { name, tensor, before, after: &after[part], alpha: statistics::alpha(before) }
        })
    }

    fn layer<'b>(&'b self, name: &str, after: &'b [f32]) -> Result<Layer<'b>> {
        self.layers(after).find(|l| l.name == name).ok_or_else(|| {
            let near = crate::error::suggest(name, weighted(&self.network).map(|(name, _)| name));
            Error::Invalid(format!("no layer \"{name}\" has weights to project.{near}"))
        })
    }
}
