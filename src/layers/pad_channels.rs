//! Channels of zeros, for shortcuts: a map with more channels and no weights.

use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, check_channels};
use super::{Activation, Layer, Net};
use crate::error::{Error, Result};
use crate::kernels::pad_channels;
use crate::kernels::parameters::Parameters;
use crate::plan::View;
use crate::ranges::Check;

/// `{ pad_channels = OUT }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Output channels before `width` is applied.
    #[serde(rename = "pad_channels")]
    pub out: usize,
    /// Name; `pad1`, `pad2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "pad_channels", prefix: "pad", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        check_channels("pad_channels", self.out)
    }

    fn shape(&self, name: &str, [h, w, c]: [usize; 3], shaping: &mut Shaping) -> Result<Made> {
        let out = shaping.scaled(name, self.out, false)?;
        if out < c {
            let message = format!(
                "its input has {c} channels, more than the {out} that it shall have (width {}); give at least as many",
                shaping.width()
            );
            return Err(Error::layer(name, message));
        }
        Ok(Made { output: [h, w, out], ..Made::default() })
    }

    fn build(&self, shape: &LayerShape, _: &mut Build) -> Box<dyn Layer> {
        Box::new(PadChannels { name: shape.name.clone(), channels: shape.output[2] })
    }
}

/// The channels of the input, then zeros.
#[derive(Clone, Debug)]
pub struct PadChannels {
    /// Unique name.
    pub name: String,
    /// Channels of the output.
    pub channels: usize,
}

impl Layer for PadChannels {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let [h, w, c] = x.shape;
        let y = net.map(&self.name, [h, w, self.channels]);
        let scope = format!("{}.forward", self.name);
        pad_channels::apply(net.b, &scope, net.batch, [c, self.channels], x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let dx = net.gradient_map(&self.name, x.shape);
        let scope = format!("{}.backward", self.name);
        pad_channels::apply(net.b, &scope, net.batch, [self.channels, x.shape[2]], dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
