//! Average pooling.

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, default};
use super::pair::{Pair, PairOr};
use super::windows::{Padding, Windows};
use super::{Activation, Layer, Net};
use crate::error::Result;
use crate::kernels::avgpool;
use crate::kernels::parameters::Parameters;
use crate::kernels::pool::Geometry;
use crate::plan::View;
use crate::ranges::{Check, require};

/// `{ avgpool = SIZE, stride = SIZE, pad = 0, ceil = false, include_pad = false }` or `{ avgpool = "global" }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Rows and columns of a window, or the whole map.
    #[serde(rename = "avgpool")]
    pub window: Window,
    /// Step; the size of the window if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    /// Rows and columns of padding on every side.
    #[serde(default = "Pair::zero", skip_serializing_if = "Pair::is_zero")]
    pub pad: Pair,
    /// Whether a last window that reaches over the edge counts (as in Caffe).
    #[serde(default, skip_serializing_if = "default::no")]
    pub ceil: bool,
    /// Whether the padding counts as zeros in the mean.
    #[serde(default, skip_serializing_if = "default::no")]
    pub include_pad: bool,
    /// Name; `pool1`, `pool2`, ... if not given (numbered together with max pooling).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What an average-pooling layer averages over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The whole map: written `"global"`.
    Global,
    /// Windows of this size.
    Size(Pair),
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Window::Global => s.serialize_str("global"),
            Window::Size(pair) => pair.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        d.deserialize_any(PairOr { pair: Window::Size, word: Some(("global", Window::Global)) })
    }
}

impl Spec {
    /// The windows; none if it is the whole map.
    fn windows(&self) -> Option<Windows> {
        match self.window {
            Window::Global => None,
            Window::Size(kernel) => {
                let pad = Padding::Sides(self.pad);
                Some(Windows { kernel, stride: self.stride.unwrap_or(kernel), pad, ceil: self.ceil })
            }
        }
    }
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "avgpool", prefix: "pool", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        match self.windows() {
            Some(windows) => windows.check("avgpool"),
            None => {
                let alone = self.stride.is_none() && self.pad == Pair::ZERO && !self.ceil && !self.include_pad;
                require(alone, "avgpool", "\"global\"", "it takes no stride, pad, ceil or include_pad")
            }
        }
    }

    fn shape(&self, name: &str, input: [usize; 3], _: &mut Shaping) -> Result<Made> {
        let [h, w] = self.windows().map_or(Ok([1, 1]), |windows| windows.count(name, input))?;
        Ok(Made { output: [h, w, input[2]], ..Made::default() })
    }

    fn size(&self) -> String {
        self.windows().map_or_else(|| "global".into(), |windows| windows.size())
    }

    fn build(&self, shape: &LayerShape, _: &mut Build) -> Box<dyn Layer> {
        let [h, w, c] = shape.input;
        let whole = Pair([h, w]);
        let all = Windows { kernel: whole, stride: whole, pad: Padding::none(), ceil: false };
        let Windows { kernel, stride, ceil, .. } = self.windows().unwrap_or(all);
        let geometry = Geometry { n: 1, h, w, c, kernel: kernel.0, stride: stride.0, pad: self.pad.0, ceil };
        Box::new(AvgPool { name: shape.name.clone(), geometry, include_pad: self.include_pad })
    }
}

/// Mean over windows.
#[derive(Clone, Debug)]
pub struct AvgPool {
    /// Unique name.
    pub name: String,
    /// Shape for one sample: `n` is 1.
    pub geometry: Geometry,
    /// Whether the padding counts as zeros in the mean.
    pub include_pad: bool,
}

impl Layer for AvgPool {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, _: &mut Parameters, _: &Init) {}

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let g = Geometry { n: net.batch, ..self.geometry };
        let y = net.map(&self.name, [g.oh(), g.ow(), g.c]);
        avgpool::forward(net.b, &format!("{}.forward", self.name), &g, self.include_pad, x.view, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        if !want_dx {
            return Ok(None);
        }
        let g = Geometry { n: net.batch, ..self.geometry };
        let dx = net.gradient_map(&self.name, x.shape);
        avgpool::backward(net.b, &format!("{}.backward", self.name), &g, self.include_pad, dy, dx.view)?;
        Ok(Some(dx.view))
    }
}
