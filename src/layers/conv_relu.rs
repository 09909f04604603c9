//! A convolution or linear layer with a bias and the ReLU behind it: one pass adds and cuts.

use super::init::Init;
use super::{Activation, Conv2d, Layer, Net, Relu};
use crate::error::Result;
use crate::kernels::parameters::Parameters;
use crate::plan::View;

/// y = relu(conv(x) + bias). It computes what its layers compute, and with their names: parameters and the output are
/// those of the layers. Where the target says [`unfused`](crate::plan::Target::unfused), it is these layers.
#[derive(Clone, Debug)]
pub struct ConvRelu {
    /// The convolution, which has a bias.
    pub conv: Conv2d,
    /// The ReLU, whose name and output are those of the whole.
    pub relu: Relu,
}

impl Layer for ConvRelu {
    fn name(&self) -> &str {
        &self.relu.name
    }

    fn declare(&self, batch: usize, parameters: &mut Parameters, init: &Init) {
        self.conv.declare(batch, parameters, init);
    }

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        if net.b.target.options.unfused {
            let between = self.conv.forward(net, x)?;
            return self.relu.forward(net, between);
        }
        self.conv.forward_to(net, x, None, &self.relu.name, true)
    }

    fn backward(&self, net: &mut Net, x: Activation, y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        // Input and output of the ReLU have one shape, and its gradient asks for the output alone.
        let dz = self.relu.backward(net, y, y, dy, true)?.expect("asked for");
        self.conv.backward(net, x, y, dz, want_dx)
    }
}
