//! Convolution. A linear layer is one, too: 1x1, over one row of `batch` pixels.

use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, check_channels, check_rates, default, product};
use super::pair::Pair;
use super::windows::{Padding, Windows};
use super::{Activation, Layer, Mode, Net, forward_and_sum};
use crate::error::{Error, Result};
use crate::kernels::bias;
use crate::kernels::conv2d::{self, Geometry, fused};
use crate::kernels::parameters::{self, Parameters};
use crate::plan::View;
use crate::ranges::Check;

/// `{ conv2d = OUT, kernel = 3, stride = 1, pad = 0, groups = 1, bias = false, rate = 1.0, bias_rate = RATE, output = false }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Output channels before `width` is applied.
    #[serde(rename = "conv2d")]
    pub out: usize,
    /// Rows and columns of the kernel.
    pub kernel: Pair,
    /// Step.
    #[serde(default = "Pair::one", skip_serializing_if = "Pair::is_one")]
    pub stride: Pair,
    /// Zeros around the input.
    #[serde(default = "Padding::none", skip_serializing_if = "Padding::is_none")]
    pub pad: Padding,
    /// Groups of channels.
    #[serde(default = "default::one", skip_serializing_if = "default::is_one")]
    pub groups: usize,
    /// Whether every output has a bias.
    #[serde(default, skip_serializing_if = "default::no")]
    pub bias: bool,
    /// Multiplies the learning rate of the weights.
    #[serde(default = "default::whole", skip_serializing_if = "default::is_whole")]
    pub rate: f64,
    /// Multiplies the learning rate of the bias; as `rate` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias_rate: Option<f64>,
    /// Whether its channels are the classes, which `width` leaves alone.
    #[serde(default, skip_serializing_if = "default::no")]
    pub output: bool,
    /// Name; `conv1`, `conv2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Spec {
    fn windows(&self) -> Windows {
        Windows { kernel: self.kernel, stride: self.stride, pad: self.pad, ceil: false }
    }

    /// The layer.
    pub(super) fn layer(&self, shape: &LayerShape, before_norm: bool) -> Conv2d {
        let ([h, w, c_in], c_out) = (shape.input, shape.output[2]);
        let (kernel, stride, [pad, extra]) = (self.kernel.0, self.stride.0, self.windows().padding([h, w]));
        Conv2d {
            name: shape.name.clone(),
            geometry: Geometry { n: 1, h, w, c_in, c_out, kernel, stride, pad, extra, groups: self.groups },
            flattens: None,
            rate: self.rate as f32,
            bias: self.bias.then(|| self.bias_rate.unwrap_or(self.rate) as f32),
            before_norm,
        }
    }
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "conv2d", prefix: "conv", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        check_channels("conv2d", self.out)?;
        self.windows().check("kernel")?;
        check_rates(self.bias, self.rate, self.bias_rate)?;
        check_channels("groups", self.groups)
    }

    fn shape(&self, name: &str, input: [usize; 3], shaping: &mut Shaping) -> Result<Made> {
        let (c, out, groups) = (input[2], shaping.scaled(name, self.out, self.output)?, self.groups);
        if c % groups != 0 || out % groups != 0 {
            return Err(Error::layer(
                name,
                format!(
                    "{groups} groups do not divide {c} input and {out} output channels (width {}); choose another width \
                     or number of groups",
                    shaping.width()
                ),
            ));
        }
        let [h, w] = self.windows().count(name, input)?;
        let weights = product([self.kernel.0[0], self.kernel.0[1], c / groups, out]);
        let multiply_adds = weights.saturating_mul(product([h, w, 1, 1]));
        Ok(Made { output: [h, w, out], weights, multiply_adds, ..Made::default() })
    }

    fn size(&self) -> String {
        let groups = if self.groups == 1 { String::new() } else { format!(" in {} groups", self.groups) };
        self.windows().size() + &groups
    }

    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer> {
        Box::new(self.layer(shape, build.before_norm))
    }
}

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
    /// Whether it takes an input that has yet to go through batch norm and ReLU, in the passes that the plan will have.
    ///
    /// # Errors
    /// A forced variant that does not exist.
    pub fn normalises(&self, net: &Net) -> Result<bool> {
        // The channels of a linear layer's input are those of every pixel of a map.
        let may = self.flattens.is_none() && !net.b.target.options.unfused;
        Ok(may && fused::normalises(&net.b.target, &self.batched(net.batch), net.mode == Mode::Train)?)
    }

    /// What it does besides, given where its output goes: it leaves the moments of that, if the plan wants them and it can.
    fn around(&self, net: &mut Net, x: Activation, skip: Option<View>, y: Activation) -> Result<fused::Around> {
        let around = fused::Around { table: x.table, skip, moments: None };
        let wanted = self.before_norm
            && self.bias.is_none()
            && self.flattens.is_none()
            && net.mode != Mode::Test
            && !net.b.target.options.unfused;
        let g = self.batched(net.batch);
        if !wanted || !fused::leaves_moments(net.b, &self.scope("forward"), &g, &around, x.view, y.view)? {
            return Ok(around);
        }
        let blocks = (g.n * g.oh() * g.ow()).div_ceil(fused::BLOCK);
        let moments = Some(net.b.transient(format!("{}.moments", self.name), &[blocks, 2, g.c_out]));
        Ok(fused::Around { moments, ..around })
    }

    fn batched(&self, batch: usize) -> Geometry {
        Geometry { n: batch, ..self.geometry }
    }

    /// Name of its weight.
    pub(super) fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    fn bias(&self) -> String {
        format!("{}.bias", self.name)
    }

    /// Appends the forward commands with the output of layer `output`, added to `skip` if there is one, through a ReLU if `relu`, which
    /// needs a bias.
    pub(super) fn forward_to(
        &self,
        net: &mut Net,
        x: Activation,
        skip: Option<View>,
        output: &str,
        relu: bool,
    ) -> Result<Activation> {
        let g = self.batched(net.batch);
        let w = net.weight(&self.weight());
        let y = net.map(output, [g.oh(), g.ow(), g.c_out]);
        let around = self.around(net, x, skip, y)?;
        fused::forward(net.b, &self.scope("forward"), &g, x.view, &around, w, y.view)?;
        if self.bias.is_some() {
            let bias = net.parameter(&self.bias());
            bias::forward(net.b, &self.scope("bias"), g.n * g.oh() * g.ow(), g.c_out, bias, relu, y.view)?;
        }
        Ok(Activation { moments: around.moments, ..y })
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

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        self.forward_to(net, x, None, &self.name, false)
    }

    fn forward_onto(&self, net: &mut Net, x: Activation, skip: Activation, block: &str) -> Result<Activation> {
        let may = self.bias.is_none() && self.flattens.is_none() && !net.b.target.options.unfused;
        if may && fused::adds(&net.b.target, &self.batched(net.batch), x.table.is_some())? {
            return self.forward_to(net, x, Some(skip.view), block, false);
        }
        // Nobody reads its output but the sum.
        forward_and_sum(&Conv2d { before_norm: false, ..self.clone() }, net, x, skip, block)
    }

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
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
