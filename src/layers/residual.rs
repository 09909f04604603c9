//! A residual block: what its body makes of the input, added to what its shortcut makes of it, mostly the input itself.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::build::layers;
use super::init::Init;
use super::kind::{Build, Called, Entry, Kind, LayerShape, Made, Shaping, check_layers, show, totals};
use super::{Activation, Layer, Layers, Net, backward, forward};
use crate::error::{Error, Result};
use crate::kernels::parameters::Parameters;
use crate::plan::View;
use crate::ranges::{Check, require};

/// `{ residual = [ LAYERS ], shortcut = [ LAYERS ] }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec<L> {
    /// The layers of the body.
    #[serde(rename = "residual")]
    pub body: Vec<L>,
    /// The layers of the shortcut, whose output has the shape of the body's; none: the identity.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub shortcut: Vec<L>,
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
        check_layers("residual", &self.body)?;
        check_layers("shortcut", &self.shortcut)
    }

    fn shape(&self, name: &str, input: [usize; 3], shaping: &mut Shaping) -> Result<Made> {
        let (body, shortcut) = (shaping.layers(&self.body, input)?, shaping.layers(&self.shortcut, input)?);
        let made = |layers: &[LayerShape]| layers.last().map_or(input, |l| l.output);
        let (output, added) = (made(&body), made(&shortcut));
        if output != added {
            let (output, added, input) = (show(output), show(added), show(input));
            let message = if shortcut.is_empty() {
                format!(
                    "the body makes {output} of {input}, but its output is added to its input; make them equal, or give \
                     the block a shortcut that makes {output}, e.g. of a 1x1 convolution: shortcut = [ LAYERS ]"
                )
            } else {
                format!(
                    "the body makes {output} of {input}, but the shortcut, which is added, makes {added}; make them \
                     equal by the strides and channels of their layers"
                )
            };
            return Err(Error::layer(name, message));
        }
        let [(weights, multiply_adds), (of_shortcut, adds_of_shortcut)] = [totals(&body), totals(&shortcut)];
        let weights = weights.saturating_add(of_shortcut);
        let multiply_adds = multiply_adds.saturating_add(adds_of_shortcut);
        Ok(Made { output, weights, multiply_adds, body, shortcut })
    }

    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer> {
        // What comes after the block reads the sum.
        let body = layers(&shape.body, build);
        build.before_norm = false;
        let shortcut = layers(&shape.shortcut, build);
        Box::new(Residual { name: shape.name.clone(), body, shortcut })
    }
}

/// y = shortcut(x) + body(x).
pub struct Residual {
    /// Unique name.
    pub name: String,
    /// The layers of the body.
    pub body: Layers,
    /// The layers of the shortcut; none: the identity.
    pub shortcut: Layers,
}

/// What `layers` made of `x` in the forward pass, layer by layer, with `x` before it.
fn outputs(layers: &[Box<dyn Layer>], net: &Net, x: Activation) -> Result<Vec<Activation>> {
    let mut all = vec![x];
    for layer in layers {
        all.push(layer.output(net, all[all.len() - 1])?);
    }
    Ok(all)
}

impl Layer for Residual {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, batch: usize, parameters: &mut Parameters, init: &Init) {
        for layer in self.body.iter().chain(&self.shortcut) {
            layer.declare(batch, parameters, init);
        }
    }

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let shortcut = forward(&self.shortcut, net, x)?;
        let (last, rest) = self.body.split_last().expect("a body has a layer");
        let body = forward(rest, net, x)?;
        last.forward_onto(net, body[body.len() - 1], shortcut[shortcut.len() - 1], &self.name)
    }

    fn backward(&self, net: &mut Net, x: Activation, y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        let (last, rest) = self.body.split_last().expect("a body has a layer");
        let (mut body, shortcut) = (outputs(rest, net, x)?, outputs(&self.shortcut, net, x)?);
        // A last layer that added its output to that of the shortcut left the sum alone, and does not ask for more.
        let stored = net.b.has(&format!("{}.output", last.name()));
        body.push(if stored { last.output(net, body[body.len() - 1])? } else { y });
        let around = backward(&self.shortcut, net, &shortcut, dy, want_dx)?;
        let Some(around) = around else {
            return backward(&self.body, net, &body, dy, want_dx);
        };
        let (first, rest) = self.body.split_first().expect("a body has a layer");
        let dy = backward(rest, net, &body[1..], dy, true)?.expect("asked for");
        Ok(Some(first.backward_onto(net, [body[0], body[1]], dy, around, &self.name)?))
    }
}
