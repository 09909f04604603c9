//! Linear layers: convolutions over images of one pixel.

use serde::{Deserialize, Serialize};

use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, check_channels, check_rates, default, product};
use super::{Conv2d, Layer};
use crate::error::Result;
use crate::kernels::conv2d::Geometry;
use crate::ranges::Check;

/// `{ linear = OUT, bias = false, rate = 1.0, bias_rate = RATE, output = false }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Output features before `width` is applied.
    #[serde(rename = "linear")]
    pub out: usize,
    /// Whether every output has a bias.
    #[serde(default, skip_serializing_if = "default::no")]
    pub bias: bool,
    /// Multiplies the learning rate of the weights.
    #[serde(default = "default::whole", skip_serializing_if = "default::is_whole")]
    pub rate: f64,
    /// Multiplies the learning rate of the bias; as `rate` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias_rate: Option<f64>,
    /// Whether its features are the classes, which `width` leaves alone.
    #[serde(default, skip_serializing_if = "default::no")]
    pub output: bool,
    /// Name; `fc1`, `fc2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Spec {
    /// The layer: weights `[h w c, out]`.
    pub(super) fn layer(&self, shape: &LayerShape) -> Conv2d {
        Conv2d {
            name: shape.name.clone(),
            geometry: Geometry::linear(1, shape.input.iter().product(), shape.output[2]),
            flattens: Some(shape.input),
            rate: self.rate as f32,
            bias: self.bias.then(|| self.bias_rate.unwrap_or(self.rate) as f32),
            before_norm: false,
        }
    }
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "linear", prefix: "fc", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        check_rates(self.bias, self.rate, self.bias_rate)?;
        check_channels("linear", self.out)
    }

    fn shape(&self, name: &str, [h, w, c]: [usize; 3], shaping: &mut Shaping) -> Result<Made> {
        let out = shaping.scaled(name, self.out, self.output)?;
        let weights = product([h, w, c, out]);
        Ok(Made { output: [1, 1, out], weights, multiply_adds: weights, ..Made::default() })
    }

    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer> {
        let layer = self.layer(shape);
        build.flattened.push((layer.weight(), shape.input));
        Box::new(layer)
    }
}
