//! Max pooling.

use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, default};
use super::pair::Pair;
use super::windows::{Padding, Windows};
use super::{Activation, Layer, Net};
use crate::error::Result;
use crate::kernels::maxpool;
use crate::kernels::parameters::Parameters;
use crate::kernels::pool::Geometry;
use crate::plan::{Elem, Role, View};
use crate::ranges::Check;

/// `{ maxpool = SIZE, stride = SIZE, pad = 0, ceil = false }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Rows and columns of a window.
    #[serde(rename = "maxpool")]
    pub kernel: Pair,
    /// Step; the size of the window if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    /// Rows and columns of padding on every side, never the maximum.
    #[serde(default = "Pair::zero", skip_serializing_if = "Pair::is_zero")]
    pub pad: Pair,
    /// Whether a last window that reaches over the edge counts (as in Caffe).
    #[serde(default, skip_serializing_if = "default::no")]
    pub ceil: bool,
    /// Name; `pool1`, `pool2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Spec {
    fn windows(&self) -> Windows {
        let stride = self.stride.unwrap_or(self.kernel);
        Windows { kernel: self.kernel, stride, pad: Padding::Sides(self.pad), ceil: self.ceil }
    }

    /// The layer.
    pub(super) fn layer(&self, shape: &LayerShape) -> MaxPool {
        let (Windows { kernel, stride, ceil, .. }, [h, w, c]) = (self.windows(), shape.input);
        let geometry = Geometry { n: 1, h, w, c, kernel: kernel.0, stride: stride.0, pad: self.pad.0, ceil };
        MaxPool { name: shape.name.clone(), geometry }
    }
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "maxpool", prefix: "pool", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        self.windows().check("maxpool")
    }

    fn shape(&self, name: &str, input: [usize; 3], _: &mut Shaping) -> Result<Made> {
        let [h, w] = self.windows().count(name, input)?;
        Ok(Made { output: [h, w, input[2]], ..Made::default() })
    }

    fn size(&self) -> String {
        self.windows().size()
    }

    fn build(&self, shape: &LayerShape, _: &mut Build) -> Box<dyn Layer> {
        Box::new(self.layer(shape))
    }
}

/// Maximum over windows.
#[derive(Clone, Debug)]
pub struct MaxPool {
    /// Unique name.
    pub name: String,
    /// Shape for one sample: `n` is 1.
    pub geometry: Geometry,
}

impl MaxPool {
    /// Where each output's maximum stands, kept for the backward pass.
    pub(super) fn index(&self) -> String {
        format!("{}.index", self.name)
    }

    /// The shape for a whole batch.
    pub(super) fn batched(&self, net: &Net) -> Geometry {
        Geometry { n: net.batch, ..self.geometry }
    }
}

impl Layer for MaxPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let g = self.batched(net);
        let y = net.map(&self.name, [g.oh(), g.ow(), g.c]);
        let index = net.b.buffer(self.index(), Elem::U32, &[g.n, g.oh(), g.ow(), g.c], Role::Transient);
        maxpool::forward(net.b, &format!("{}.forward", self.name), &g, x.view, y.view, index)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let g = self.batched(net);
        let dx = net.gradient_map(&self.name, x.shape);
        let index = net.b.view(&self.index());
        maxpool::backward(net.b, &format!("{}.backward", self.name), &g, dy, index, dx.view)?;
        Ok(Some(dx.view))
    }
}
