//! A residual block with an identity skip.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::build::layers;
use super::init::Init;
use super::kind::{Build, Called, Entry, Kind, LayerShape, Made, Shaping, show, totals};
use super::{Activation, Layer, Layers, Net, backward, forward};
use crate::error::{Error, Result};
use crate::kernels::add;
use crate::kernels::parameters::Parameters;
use crate::plan::View;
use crate::ranges::{Check, require};

/// `{ residual = [ LAYERS ] }`: the input is added to what the body makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec<L> {
    /// The layers of the body; its output has the shape of its input.
    #[serde(rename = "residual")]
    pub body: Vec<L>,
    /// Name; `res1`, `res2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl<L: Entry + Serialize + Clone + Debug + Send + Sync + 'static> Kind for Spec<L> {
    fn called(&self) -> Called<'_> {
        Called { key: "residual", prefix: "res", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        require(!self.body.is_empty(), "residual", "[]", "the body needs at least one layer")?;
        let check = |(i, layer): (usize, &L)| {
            layer.check().map_err(|failure| failure.under(format!("[{i}]")).under("residual"))
        };
        self.body.iter().enumerate().try_for_each(check)
    }

    fn shape(&self, name: &str, input: [usize; 3], shaping: &mut Shaping) -> Result<Made> {
        let body = shaping.layers(&self.body, input)?;
        let output = body.last().map_or(input, |l| l.output);
        if output != input {
            let (made, of) = (show(output), show(input));
            let message =
                format!("the body makes {made} of {of}, but its output is added to its input; make them equal");
            return Err(Error::layer(name, message));
        }
        let (weights, multiply_adds) = totals(&body);
        Ok(Made { output, weights, multiply_adds, body })
    }

    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer> {
        Box::new(Residual { name: shape.name.clone(), body: layers(&shape.body, build) })
    }
}

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

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
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

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
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
