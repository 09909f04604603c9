//! Rectified linear unit.

use super::init::Init;
use super::{Layer, Net, Tensor};
use crate::error::Result;
use crate::kernels::parameters::Parameters;
use crate::kernels::relu;
use crate::plan::View;

/// y = max(x, 0).
#[derive(Clone, Debug)]
pub struct Relu {
    /// Unique name.
    pub name: String,
}

impl Layer for Relu {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Tensor) -> Result<Tensor> {
        let y = net.map(&self.name, x.shape);
        relu::forward(net.b, &format!("{}.forward", self.name), net.batch, x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Tensor, y: Tensor, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let dx = net.gradient_map(&self.name, x.shape);
        relu::backward(net.b, &format!("{}.backward", self.name), net.batch, y.view, dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
