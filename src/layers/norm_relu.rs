//! Batch norm and ReLU in a row, with the max pooling before them if there is one: layers whose kernels are fused.

use super::init::Init;
use super::{Activation, BatchNorm, Conv2d, Layer, MaxPool, Net, Relu, backward_and_sum};
use crate::error::Result;
use crate::kernels::norm_relu;
use crate::kernels::parameters::Parameters;
use crate::plan::View;

/// y = relu(norm(pool(x))). Where the convolution behind it [normalises](Conv2d::normalises) its input, y is not stored: the
/// output is the input of the batch norm with the table of what has yet to be done. It computes what its layers compute, and with their names: parameters, moments and the output
/// are those of the layers. Where the target says [`unfused`](crate::plan::Target::unfused), it is these layers.
#[derive(Clone, Debug)]
pub struct NormRelu {
    /// The pooling before the batch norm; its windows [tile](crate::kernels::pool::Geometry::tiles) the image.
    pub pool: Option<MaxPool>,
    /// The batch norm.
    pub norm: BatchNorm,
    /// The ReLU, whose name and output are those of the whole.
    pub relu: Relu,
    /// The only reader of the output, if that is a convolution.
    pub reader: Option<Conv2d>,
}

impl NormRelu {
    /// The input of the batch norm in the backward pass: what the forward pass of the pooling left, or `x`.
    fn normalised(&self, net: &Net, x: Activation) -> Activation {
        match &self.pool {
            Some(pool) => net.found(&format!("{}.output", pool.name)),
            None => x,
        }
    }

    fn table(&self) -> String {
        format!("{}.table", self.norm.name)
    }

    /// What the reader gets, where it normalises: the input of the batch norm, and the table.
    fn left_to_reader(&self, net: &Net, x: Activation) -> Result<Option<Activation>> {
        match &self.reader {
            Some(reader) if reader.normalises(net)? => {
                Ok(Some(Activation { table: Some(net.b.view(&self.table())), ..Activation::new(x.view, x.shape) }))
            }
            _ => Ok(None),
        }
    }

    /// `skip` where there is no pooling.
    fn backward_fused(
        &self,
        net: &mut Net,
        x: Activation,
        dy: View,
        skip: Option<View>,
        want_dx: bool,
    ) -> Result<Option<View>> {
        let pooled = self.normalised(net, x);
        let (c, rows) = (self.norm.channels, self.norm.rows(net, pooled));
        let (dgamma, dbeta) = self.norm.gradients(net);
        let of = norm_relu::Backward { x: pooled.view, dy, table: net.b.view(&self.table()), dgamma, dbeta };
        let scope = format!("{}.backward", self.norm.name);
        norm_relu::sums(net.b, &scope, rows, c, &of)?;
        if !want_dx {
            return Ok(None);
        }
        let first = self.pool.as_ref().map_or(&self.norm.name, |pool| &pool.name);
        let dx = net.gradient_map(first, x.shape);
        match &self.pool {
            Some(pool) => {
                let index = net.b.view(&pool.index());
                norm_relu::backward_pool(net.b, &scope, &pool.batched(net), &of, index, dx.view)?;
            }
            None => norm_relu::backward(net.b, &scope, [rows, c], &of, skip, dx.view)?,
        }
        Ok(Some(dx.view))
    }

    fn backward_of_parts(
        &self,
        net: &mut Net,
        x: Activation,
        y: Activation,
        dy: View,
        want_dx: bool,
    ) -> Result<Option<View>> {
        let pooled = self.normalised(net, x);
        let between = Activation::new(net.b.view(&format!("{}.output", self.norm.name)), y.shape);
        let dz = self.relu.backward(net, between, y, dy, true)?.expect("asked for");
        let dx = self.norm.backward(net, pooled, between, dz, want_dx)?;
        match (&self.pool, dx) {
            (Some(pool), Some(dp)) => pool.backward(net, x, pooled, dp, want_dx),
            (_, dx) => Ok(dx),
        }
    }
}

impl Layer for NormRelu {
    fn name(&self) -> &str {
        &self.relu.name
    }

    fn declare(&self, batch: usize, parameters: &mut Parameters, init: &Init) {
        self.norm.declare(batch, parameters, init);
    }

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let x = match &self.pool {
            Some(pool) => pool.forward(net, x)?,
            None => x,
        };
        if net.b.target.options.unfused {
            let between = self.norm.forward(net, x)?;
            return self.relu.forward(net, between);
        }
        let (c, rows) = (self.norm.channels, self.norm.rows(net, x));
        let (channels, beta) = self.norm.channels(net, x)?;
        let table = net.b.transient(self.table(), &[norm_relu::TABLE, c]);
        let scope = format!("{}.forward", self.norm.name);
        norm_relu::table(net.b, &scope, c, &channels, beta, table)?;
        if let Some(left) = self.left_to_reader(net, x)? {
            return Ok(left);
        }
        let y = net.map(&self.relu.name, x.shape);
        norm_relu::forward(net.b, &scope, rows, c, x.view, table, y.view)?;
        Ok(y)
    }

    fn output(&self, net: &Net, x: Activation) -> Result<Activation> {
        let left = self.left_to_reader(net, self.normalised(net, x))?;
        Ok(left.unwrap_or_else(|| net.found(&format!("{}.output", self.relu.name))))
    }

    fn backward(&self, net: &mut Net, x: Activation, y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        if net.b.target.options.unfused {
            return self.backward_of_parts(net, x, y, dy, want_dx);
        }
        self.backward_fused(net, x, dy, None, want_dx)
    }

    fn backward_onto(&self, net: &mut Net, [x, y]: [Activation; 2], dy: View, skip: View, block: &str) -> Result<View> {
        if net.b.target.options.unfused || self.pool.is_some() {
            return backward_and_sum(self, net, [x, y], dy, skip, block);
        }
        Ok(self.backward_fused(net, x, dy, Some(skip), true)?.expect("asked for"))
    }
}
