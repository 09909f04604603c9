//! A residual block with an identity skip.

use super::init::Init;
use super::{Layer, Layers, Net, Tensor, backward, forward};
use crate::error::{Error, Result};
use crate::kernels::add;
use crate::kernels::parameters::Parameters;
use crate::plan::View;

/// y = x + body(x). The body keeps the shape.
pub struct Residual {
    /// Unique name.
    pub name: String,
    /// The layers of the body.
    pub body: Layers,
}

impl Layer for Residual {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, batch: usize, parameters: &mut Parameters, init: &Init) {
        for layer in &self.body {
            layer.declare(batch, parameters, init);
        }
    }

    fn forward(&self, net: &mut Net, x: Tensor) -> Result<Tensor> {
        let all = forward(&self.body, net, x)?;
        let body = all[all.len() - 1];
        if body.shape != x.shape {
            let message =
                format!("the body turns {:?} into {:?}; an identity skip needs equal shapes", x.shape, body.shape);
            return Err(Error::layer(&self.name, message));
        }
        let y = net.map(&self.name, x.shape);
        add::forward(net.b, &format!("{}.forward", self.name), net.batch, x.view, body.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Tensor, _y: Tensor, dy: View, want_dx: bool) -> Result<Option<View>> {
        let mut all = vec![x];
        for layer in &self.body {
            all.push(layer.output(net, all[all.len() - 1])?);
        }
        let through = backward(&self.body, net, &all, dy, want_dx)?;
        if !want_dx {
            return Ok(None);
        }
        let through = through.expect("asked for");
        let dx = net.gradient_map(&self.name, x.shape);
        add::forward(net.b, &format!("{}.backward", self.name), net.batch, dy, through, dx.view)?;
        Ok(Some(dx.view))
    }
}
