//! Convolution and linear layers: both record `kernels::conv2d`, a linear layer as a 1x1 convolution over one row of
//! `batch` pixels.

use super::init::Init;
use super::{Layer, Mode, Net, Tensor};
use crate::error::Result;
use crate::kernels::bias;
use crate::kernels::conv2d::{self, Geometry, fused};
use crate::kernels::parameters::{self, Parameters};
use crate::plan::View;

/// A convolution, with a bias or without: the beta of a batch norm that follows is one.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// Unique name.
    pub name: String,
    /// Shape for one sample: `n` is 1.
    pub geometry: Geometry,
    /// Height, width, channels of the input of a linear layer, which flattens it; absent: a convolution.
    pub flattens: Option<[usize; 3]>,
    /// Multiplies the learning rate of the weights.
    pub rate: f32,
    /// Where each output channel has a bias, which starts at 0 and is neither projected, clipped nor decayed: what
    /// multiplies its learning rate.
    pub bias: Option<f32>,
    /// Whether the next layer is a batch norm, which wants the moments of the output.
    pub before_norm: bool,
}

impl Conv2d {
    /// A linear layer without bias from an input of the given shape to `out` features, weights `[h w c, out]`.
    pub fn linear(name: &str, input: [usize; 3], out: usize) -> Self {
        let geometry = Geometry::linear(1, input.iter().product(), out);
        Conv2d { name: name.into(), geometry, flattens: Some(input), rate: 1.0, bias: None, before_norm: false }
    }

    /// Whether it takes an input that has yet to go through batch norm and ReLU, in the passes that the plan will have.
    ///
    /// # Errors
    /// A forced variant that does not exist.
    pub fn normalises(&self, net: &Net) -> Result<bool> {
        // The channels of a linear layer's input are those of every pixel of a map.
        let may = self.flattens.is_none() && !net.b.target.unfused;
        Ok(may && fused::normalises(&net.b.target, &self.batched(net.batch), net.mode == Mode::Train)?)
    }

    /// Where it leaves the moments of its output, if the plan wants them and it can.
    fn moments(&self, net: &mut Net, x: Tensor, y: Tensor) -> Result<Option<View>> {
        let (g, scope) = (self.batched(net.batch), self.scope("forward"));
        let wanted = self.before_norm
            && self.bias.is_none()
            && self.flattens.is_none()
            && net.mode != Mode::Test
            && !net.b.target.unfused;
        if !wanted || !fused::leaves_moments(net.b, &scope, &g, x.table.is_some(), x.view, y.view)? {
            return Ok(None);
        }
        let blocks = (g.n * g.oh() * g.ow()).div_ceil(fused::BLOCK);
        Ok(Some(net.b.transient(format!("{}.moments", self.name), &[blocks, 2, g.c_out])))
    }

    fn batched(&self, batch: usize) -> Geometry {
        Geometry { n: batch, ..self.geometry }
    }

    fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    fn bias(&self) -> String {
        format!("{}.bias", self.name)
    }

    /// Appends the forward commands with the output of layer `output`, through a ReLU if `relu`, which needs a bias.
    pub(super) fn forward_to(&self, net: &mut Net, x: Tensor, output: &str, relu: bool) -> Result<Tensor> {
        let g = self.batched(net.batch);
        let w = net.parameter(&self.weight());
        let y = net.map(output, [g.oh(), g.ow(), g.c_out]);
        let around = fused::Around { table: x.table, moments: self.moments(net, x, y)? };
        fused::forward(net.b, &self.scope("forward"), &g, x.view, &around, w, y.view)?;
        if self.bias.is_some() {
            let bias = net.parameter(&self.bias());
            bias::forward(net.b, &self.scope("bias"), g.n * g.oh() * g.ow(), g.c_out, bias, relu, y.view)?;
        }
        Ok(Tensor { moments: around.moments, ..y })
    }

    fn scope(&self, pass: &str) -> String {
        format!("{}.{pass}", self.name)
    }
}

impl Layer for Conv2d {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, batch: usize, parameters: &mut Parameters, init: &Init) {
        let g = self.batched(batch);
        let [kh, kw] = g.kernel;
        let taps = kh * kw;
        let (fan_in, fan_out) = (taps * g.c_in / g.groups, taps * g.c_out / g.groups);
        let shape = match self.flattens {
            Some(_) => vec![g.c_in, g.c_out],
            None => vec![kh, kw, g.c_in / g.groups, g.c_out],
        };
        let init_std = init.std(fan_in, fan_out) as f32;
        let tensor = parameters::Tensor::new(self.weight(), &shape);
        parameters.push(parameters::Tensor {
            splits: g.splits(),
            init_std,
            projected: true,
            rate: self.rate,
            ..tensor
        });
        if let Some(rate) = self.bias {
            parameters.push(parameters::Tensor { rate, ..parameters::Tensor::new(self.bias(), &[g.c_out]) });
        }
    }

    fn forward(&self, net: &mut Net, x: Tensor) -> Result<Tensor> {
        self.forward_to(net, x, &self.name, false)
    }

    fn backward(&self, net: &mut Net, x: Tensor, _y: Tensor, dy: View, want_dx: bool) -> Result<Option<View>> {
        let g = self.batched(net.batch);
        // Both read dy and write different buffers: adjacent, they overlap on the device.
        let (dw, splits) = net.gradient(&self.weight());
        let input = conv2d::Input { x: x.view, table: x.table };
        conv2d::grad_weight_of(net.b, &self.scope("grad_weight"), &g, input, dy, dw, splits)?;
        if self.bias.is_some() {
            let (db, _) = net.gradient(&self.bias());
            bias::grad(net.b, &self.scope("grad_bias"), g.n * g.oh() * g.ow(), g.c_out, dy, db)?;
        }
        if !want_dx {
            return Ok(None);
        }
        let w = net.parameter(&self.weight());
        let dx = net.gradient_map(&self.name, x.shape);
        conv2d::grad_input(net.b, &self.scope("grad_input"), &g, dy, w, dx.view)?;
        Ok(Some(dx.view))
    }
}
