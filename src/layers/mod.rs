//! Layers, a file each: how a preset writes it, what shapes it makes, its parameters, and the commands of its forward and
//! its backward pass.
//!
//! There is no autograd: each layer appends its own backward commands; `tests/gradients/networks.rs` holds those of
//! whole networks against differences in f64, `tests/gradients/kernels.rs` those of single kernels.

pub mod avgpool;
pub mod batchnorm;
pub mod build;
pub mod conv2d;
mod conv_relu;
pub mod dropout;
pub mod init;
pub mod kind;
pub mod linear;
pub mod maxpool;
mod norm_relu;
pub mod pad_channels;
mod pair;
pub mod relu;
mod repeat;
pub mod residual;
mod spec;
pub mod windows;

pub use avgpool::AvgPool;
pub use batchnorm::BatchNorm;
pub use conv_relu::ConvRelu;
pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub use kind::{Build, Entry, LayerShape};
pub use maxpool::MaxPool;
pub use norm_relu::NormRelu;
pub use pad_channels::PadChannels;
pub use pair::Pair;
pub use relu::Relu;
pub use repeat::Repeat;
pub use residual::Residual;
pub use spec::Spec;

use crate::error::{Error, Result};
use crate::kernels::add;
use crate::kernels::conv2d::Weight;
use crate::kernels::conv2d::stored::{self, Bits, SCALE, SIGNS, ZEROS};
use crate::kernels::parameters::{self, Parameters};
use crate::plan::{Builder, Elem, Role, View};

/// A batch of activations, `[batch, h, w, c]`.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    /// Where it lies.
    pub view: View,
    /// Height, width, channels of one sample.
    pub shape: [usize; 3],
    /// Present: what lies there has yet to go through batch norm and ReLU, by this table, while it is read. Only a
    /// convolution that said so ([`Conv2d::normalises`]) gets such a tensor.
    pub table: Option<View>,
    /// Present: the moments of its blocks of rows, which the convolution that wrote it left.
    pub moments: Option<View>,
}

impl Activation {
    /// Activations that are what lies in `view`.
    pub fn new(view: View, shape: [usize; 3]) -> Self {
        Activation { view, shape, table: None, moments: None }
    }

    /// Elements of one sample.
    pub fn sample(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What a forward pass is for; only batch norm and dropout care.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Batch statistics, dropout, everything kept for the backward pass.
    Train,
    /// Batch statistics, left in the place of the averages, which the host makes of those of many batches.
    Moments,
    /// The averages take the place of batch statistics.
    Test,
}

/// Where the parameters of a plan lie.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'a> {
    /// In a flat array, f32: what a projection left.
    Projected(View),
    /// In an array for each tensor; as bits where these say so, else f32.
    Packed(&'a Bits),
}

/// The plan under construction, as layers see it.
pub struct Net<'a> {
    /// The plan.
    pub b: &'a mut Builder,
    /// Samples per batch.
    pub batch: usize,
    /// What the pass is for.
    pub mode: Mode,
    /// The table of parameter tensors.
    pub parameters: &'a Parameters,
    /// Where the parameters lie.
    pub stored: Stored<'a>,
    /// The flat array of gradients; its part of a tensor holds `splits` partial sums.
    pub grad: Option<View>,
    /// Layers whose output is that of the network, the logits, which are f32 always: the last, and before it as long as the
    /// next is the identity in some mode.
    pub last: &'a [String],
}

impl Net<'_> {
    /// The values of a parameter tensor that is f32: any but a weight, and each in a plan with a backward pass.
    ///
    /// # Panics
    /// If no layer declared it.
    pub fn parameter(&mut self, name: &str) -> View {
        let t = self.tensor(name);
        match self.stored {
            Stored::Projected(flat) => t.part(flat),
            Stored::Packed(_) => {
                let shape = t.shape.clone();
                self.b.shared(name, Elem::F32, &shape, Role::State)
            }
        }
    }

    /// The weights of a convolution or linear layer, however they are stored.
    ///
    /// # Panics
    /// If no layer declared them.
    pub fn weight(&mut self, name: &str) -> Weight {
        let Stored::Packed(bits) = self.stored else { return self.parameter(name).into() };
        let Some(bits) = bits.get(name) else { return self.parameter(name).into() };
        let (rows, channels) = (self.tensor(name).fan_in(), self.tensor(name).filters());
        let mut array = |ending: &str, elem, len| self.b.shared(&format!("{name}{ending}"), elem, &[len], Role::State);
        let words = stored::words(rows, channels);
        Weight::Bits {
            signs: array(SIGNS, Elem::U32, words),
            zeros: (*bits == 2).then(|| array(ZEROS, Elem::U32, words)),
            scale: array(SCALE, Elem::F32, stored::scales(channels)),
        }
    }

    /// The gradient of a parameter tensor, with its number of partial sums.
    ///
    /// # Panics
    /// If no layer declared it or the plan has no backward pass.
    pub fn gradient(&self, name: &str) -> (View, usize) {
        let (grad, t) = (self.grad.expect("a backward pass has gradients"), self.tensor(name));
        (t.grad_part(grad), t.splits)
    }

    /// The activation called `name`.
    ///
    /// # Panics
    /// If there is none: a bug of the layer.
    pub fn found(&self, name: &str) -> Activation {
        let view = self.b.view(name);
        let shape = <[usize; 3]>::try_from(&self.b.shape(view)[1..]).expect("an activation has four dimensions");
        Activation::new(view, shape)
    }

    fn tensor(&self, name: &str) -> &parameters::Tensor {
        self.parameters.find(name).unwrap_or_else(|| panic!("no layer declared {name}"))
    }

    /// The output `[batch, h, w, c]` of the forward pass of a layer, `LAYER.output`: of what the target stores
    /// [activations](crate::plan::Target::activations) as.
    pub fn map(&mut self, layer: &str, shape: [usize; 3]) -> Activation {
        let [h, w, c] = shape;
        let elem = if self.last.iter().any(|l| l == layer) { Elem::F32 } else { self.b.target.activations() };
        let view = self.b.buffer(format!("{layer}.output"), elem, &[self.batch, h, w, c], Role::Transient);
        Activation::new(view, shape)
    }

    /// The gradient `[batch, h, w, c]` with respect to the input of a layer, `LAYER.grad_input`: f32.
    pub fn gradient_map(&mut self, layer: &str, shape: [usize; 3]) -> Activation {
        let [h, w, c] = shape;
        Activation::new(self.b.transient(format!("{layer}.grad_input"), &[self.batch, h, w, c]), shape)
    }
}

/// One layer of a network. The name is unique and prefixes its parameters (`conv1.weight`), its scopes
/// (`conv1.forward`) and its activations (`conv1.output`).
pub trait Layer: Send + Sync {
    /// The unique name.
    fn name(&self) -> &str;

    /// Appends the layer's parameter tensors, for batches of `batch` samples.
    fn declare(&self, batch: usize, parameters: &mut Parameters, init: &init::Init);

    /// Appends the forward commands.
    ///
    /// # Errors
    /// What the kernels refuse, with the layer's scope.
    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation>;

    /// As [`Layer::forward`] of the last layer of the body of the residual block `block`, whose output, in the map of the block, is
    /// added to that of the shortcut. Here by a command of its own.
    ///
    /// # Errors
    /// As [`Layer::forward`].
    fn forward_onto(&self, net: &mut Net, x: Activation, skip: Activation, block: &str) -> Result<Activation> {
        forward_and_sum(self, net, x, skip, block)
    }

    /// The output of the forward pass for the input `x`, found again in the plan.
    ///
    /// # Errors
    /// As [`Layer::forward`].
    fn output(&self, net: &Net, _x: Activation) -> Result<Activation> {
        Ok(net.found(&format!("{}.output", self.name())))
    }

    /// Appends the backward commands: the gradients of the parameters and, if `want_dx`, of the input. `x` and `y` are
    /// the input and output of the forward pass, `dy` has the length of `y`.
    ///
    /// # Errors
    /// As [`Layer::forward`].
    fn backward(&self, net: &mut Net, x: Activation, y: Activation, dy: View, want_dx: bool) -> Result<Option<View>>;

    /// As [`Layer::backward`] of the first layer of the body of the residual block `block`: to the gradient of the input, that
    /// of the shortcut is added. Here by a command of its own.
    ///
    /// # Errors
    /// As [`Layer::forward`].
    fn backward_onto(&self, net: &mut Net, [x, y]: [Activation; 2], dy: View, skip: View, block: &str) -> Result<View> {
        backward_and_sum(self, net, [x, y], dy, skip, block)
    }
}

/// [`Layer::forward_onto`] in two passes: [`Layer::forward`], then the sum.
fn forward_and_sum<L: Layer + ?Sized>(
    layer: &L,
    net: &mut Net,
    x: Activation,
    skip: Activation,
    block: &str,
) -> Result<Activation> {
    let body = layer.forward(net, x)?;
    if body.shape != skip.shape {
        let message = format!("the body makes {:?}, the shortcut {:?}; make them equal", body.shape, skip.shape);
        return Err(Error::layer(block, message));
    }
    let y = net.map(block, body.shape);
    add::forward(net.b, &format!("{block}.forward"), net.batch, skip.view, body.view, y.view)?;
    Ok(y)
}

/// [`Layer::backward_onto`] in two passes: [`Layer::backward`], then the sum.
fn backward_and_sum<L: Layer + ?Sized>(
    layer: &L,
    net: &mut Net,
    [x, y]: [Activation; 2],
    dy: View,
    skip: View,
    block: &str,
) -> Result<View> {
    let through = layer.backward(net, x, y, dy, true)?.expect("asked for");
    sum(net, block, x.shape, [skip, through])
}

/// Appends the sum of the gradients with respect to the input of a residual block: of its shortcut and its body.
fn sum(net: &mut Net, block: &str, shape: [usize; 3], [skip, through]: [View; 2]) -> Result<View> {
    let dx = net.gradient_map(block, shape);
    add::forward(net.b, &format!("{block}.backward"), net.batch, skip, through, dx.view)?;
    Ok(dx.view)
}

/// A stack of layers.
pub type Layers = Vec<Box<dyn Layer>>;

/// Appends the forward passes of all layers; returns the input followed by every layer's output.
///
/// # Errors
/// What a layer refuses.
pub fn forward(layers: &[Box<dyn Layer>], net: &mut Net, x: Activation) -> Result<Vec<Activation>> {
    let mut all = vec![x];
    for layer in layers {
        all.push(layer.forward(net, all[all.len() - 1])?);
    }
    Ok(all)
}

/// Appends the backward passes of all layers. `activations` is what [`forward`] returned. No gradient is computed below
/// the first layer that has parameters unless `want_dx`.
///
/// # Errors
/// What a layer refuses.
pub fn backward(
    layers: &[Box<dyn Layer>],
    net: &mut Net,
    activations: &[Activation],
    dy: View,
    want_dx: bool,
) -> Result<Option<View>> {
    let has_parameters = |l: &dyn Layer| {
        let mut p = Parameters::default();
        l.declare(1, &mut p, &init::Init::default());
        !p.tensors.is_empty()
    };
    let first = layers.iter().position(|l| has_parameters(l.as_ref())).unwrap_or(layers.len());
    let mut dy = dy;
    for (i, layer) in layers.iter().enumerate().rev() {
        if !want_dx && i < first {
            return Ok(None);
        }
        match layer.backward(net, activations[i], activations[i + 1], dy, want_dx || i > first)? {
            Some(dx) => dy = dx,
            None => return Ok(None),
        }
    }
    Ok(Some(dy))
}
