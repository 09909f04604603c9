//! Dropout.

use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping};
use super::{Activation, Layer, Mode, Net};
use crate::error::Result;
use crate::kernels::dropout;
use crate::kernels::parameters::Parameters;
use crate::plan::View;
use crate::ranges::{Check, Number, require};

/// `{ dropout = P }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Probability of a zero.
    #[serde(rename = "dropout")]
    pub p: f64,
    /// Name; `dropout1`, `dropout2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "dropout", prefix: "dropout", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        // The device draws whole numbers below 2^32.
        let ok = self.p == 0.0 || (2f64.powi(-32)..1.0).contains(&self.p);
        let must = "give a probability from 0 up to, but not, 1; the least above 0 is 2.4e-10";
        require(ok, "dropout", Number(self.p), must)
    }

    fn shape(&self, _: &str, input: [usize; 3], _: &mut Shaping) -> Result<Made> {
        Ok(Made { output: input, ..Made::default() })
    }

    fn size(&self) -> String {
        self.p.to_string()
    }

    fn only_trains(&self) -> bool {
        true
    }

    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer> {
        build.dropouts += 1;
        Box::new(Dropout { name: shape.name.clone(), p: self.p, layer: build.dropouts })
    }
}

/// Zeroes each activation with probability `p` in training and divides the others by 1 - p; the identity in testing.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Unique name.
    pub name: String,
    /// Probability of zero, in [0, 1).
    pub p: f64,
    /// Number of the layer in the network: part of the counter of its random draws.
    pub layer: u32,
}

impl Layer for Dropout {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        if net.mode != Mode::Train {
            return Ok(x);
        }
        let y = net.map(&self.name, x.shape);
        let scope = format!("{}.forward", self.name);
        dropout::apply(net.b, &scope, net.batch, self.p, self.layer, x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        // The mask is drawn again: the map is linear, so backward is forward applied to dy.
        let dx = net.gradient_map(&self.name, x.shape);
        let scope = format!("{}.backward", self.name);
        dropout::apply(net.b, &scope, net.batch, self.p, self.layer, dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
