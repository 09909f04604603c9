//! Rectified linear unit.

use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, check_flag};
use super::{Activation, Layer, Net};
use crate::error::Result;
use crate::kernels::parameters::Parameters;
use crate::kernels::relu;
use crate::plan::View;
use crate::ranges::Check;

/// `{ relu = true }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Always true.
    pub relu: bool,
    /// Name; `relu1`, `relu2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "relu", prefix: "relu", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        check_flag("relu", self.relu)
    }

    fn shape(&self, _: &str, input: [usize; 3], _: &mut Shaping) -> Result<Made> {
        Ok(Made { output: input, ..Made::default() })
    }

    fn build(&self, shape: &LayerShape, _: &mut Build) -> Box<dyn Layer> {
        Box::new(Relu { name: shape.name.clone() })
    }
}

/// y = max(x, 0).
#[derive(Clone, Debug)]
pub struct Relu {
    /// Unique name.
    pub name: String,
}

impl Layer for Relu {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let y = net.map(&self.name, x.shape);
        relu::forward(net.b, &format!("{}.forward", self.name), net.batch, x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Activation, y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let dx = net.gradient_map(&self.name, x.shape);
        relu::backward(net.b, &format!("{}.backward", self.name), net.batch, y.view, dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
