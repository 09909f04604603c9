//! Max and average pooling.

use super::init::Init;
use super::{Layer, Net, Tensor};
use crate::error::Result;
use crate::kernels::parameters::Parameters;
use crate::kernels::pool::Geometry;
use crate::kernels::{avgpool, maxpool};
use crate::plan::{Elem, Role, View};

/// Maximum over windows.
#[derive(Clone, Debug)]
pub struct MaxPool {
    /// Unique name.
    pub name: String,
    /// Shape for one sample: `n` is 1.
    pub geometry: Geometry,
}

impl MaxPool {
    /// Where each output's maximum stands, kept for the backward pass.
    pub(super) fn index(&self) -> String {
        format!("{}.index", self.name)
    }

    /// The shape for a whole batch.
    pub(super) fn batched(&self, net: &Net) -> Geometry {
        Geometry { n: net.batch, ..self.geometry }
    }
}

impl Layer for MaxPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Tensor) -> Result<Tensor> {
        let g = self.batched(net);
        let y = net.map(&self.name, [g.oh(), g.ow(), g.c]);
        let index = net.b.buffer(self.index(), Elem::U32, &[g.n, g.oh(), g.ow(), g.c], Role::Transient);
        maxpool::forward(net.b, &format!("{}.forward", self.name), &g, x.view, y.view, index)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Tensor, _y: Tensor, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let g = self.batched(net);
        let dx = net.gradient_map(&self.name, x.shape);
        let index = net.b.view(&self.index());
        maxpool::backward(net.b, &format!("{}.backward", self.name), &g, dy, index, dx.view)?;
        Ok(Some(dx.view))
    }
}

/// Mean over windows.
#[derive(Clone, Debug)]
pub struct AvgPool {
    /// Unique name.
    pub name: String,
    /// Shape for one sample: `n` is 1.
    pub geometry: Geometry,
    /// Whether the padding counts as zeros in the mean.
    pub include_pad: bool,
}

impl Layer for AvgPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Tensor) -> Result<Tensor> {
        let g = Geometry { n: net.batch, ..self.geometry };
        let y = net.map(&self.name, [g.oh(), g.ow(), g.c]);
        avgpool::forward(net.b, &format!("{}.forward", self.name), &g, self.include_pad, x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Tensor, _y: Tensor, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let g = Geometry { n: net.batch, ..self.geometry };
        let dx = net.gradient_map(&self.name, x.shape);
        avgpool::backward(net.b, &format!("{}.backward", self.name), &g, self.include_pad, dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
