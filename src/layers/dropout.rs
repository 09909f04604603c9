//! Dropout.

use super::init::Init;
use super::{Layer, Mode, Net, Tensor};
use crate::error::Result;
use crate::kernels::dropout;
use crate::kernels::parameters::Parameters;
use crate::plan::View;

/// Zeroes each activation with probability `p` in training and divides the others by 1 - p; the identity in testing.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Unique name.
    pub name: String,
    /// Probability of zero, in [0, 1).
    pub p: f64,
    /// Number of the layer in the network: part of the counter of its random draws.
    pub layer: u32,
}

impl Layer for Dropout {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Tensor) -> Result<Tensor> {
        if net.mode != Mode::Train {
            return Ok(x);
        }
        let y = net.map(&self.name, x.shape);
        let scope = format!("{}.forward", self.name);
        dropout::apply(net.b, &scope, net.batch, self.p, self.layer, x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Tensor, _y: Tensor, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        // The mask is drawn again: the map is linear, so backward is forward applied to dy.
        let dx = net.gradient_map(&self.name, x.shape);
        let scope = format!("{}.backward", self.name);
        dropout::apply(net.b, &scope, net.batch, self.p, self.layer, dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
