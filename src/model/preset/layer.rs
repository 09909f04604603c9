//! The kinds of layer that a preset can name. Each stands on one line, e.g. `{ conv2d = 128, kernel = 3, pad = 1 }`:
//! the key that names the kind holds its main number, the other keys are optional.

use serde::{Deserialize, Serialize, Serializer};

use super::value::{Pair, Window};

/// One entry of `layers`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// 2-D convolution.
    Conv2d(Conv2d),
    /// Linear layer; flattens its input.
    Linear(Linear),
    /// Batch normalisation per channel.
    BatchNorm(BatchNorm),
    /// max(0, x).
    Relu(Relu),
    /// Maximum over windows.
    MaxPool(MaxPool),
    /// Mean over windows or over the whole map.
    AvgPool(AvgPool),
    /// Zeroes activations at random, in training only.
    Dropout(Dropout),
    /// x + body(x).
    Residual(Residual),
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Layer::Conv2d(l) => l.serialize(s),
            Layer::Linear(l) => l.serialize(s),
            Layer::BatchNorm(l) => l.serialize(s),
            Layer::Relu(l) => l.serialize(s),
            Layer::MaxPool(l) => l.serialize(s),
            Layer::AvgPool(l) => l.serialize(s),
            Layer::Dropout(l) => l.serialize(s),
            Layer::Residual(l) => l.serialize(s),
        }
    }
}

fn one() -> usize {
    1
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

fn whole() -> f64 {
    1.0
}

fn is_whole(x: &f64) -> bool {
    *x == 1.0
}

fn no(flag: &bool) -> bool {
    !*flag
}

/// `{ conv2d = OUT, kernel = 3, stride = 1, pad = 0, groups = 1, bias = false, rate = 1.0, bias_rate = RATE, output = false }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Output channels before `width` is applied.
    #[serde(rename = "conv2d")]
    pub out: usize,
    /// Rows and columns of the kernel.
    pub kernel: Pair,
    /// Step.
    #[serde(default = "Pair::one", skip_serializing_if = "Pair::is_one")]
    pub stride: Pair,
    /// Rows of zeros above and below, columns left and right.
    #[serde(default = "Pair::zero", skip_serializing_if = "Pair::is_zero")]
    pub pad: Pair,
    /// Groups of channels.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: usize,
    /// Whether every output has a bias.
    #[serde(default, skip_serializing_if = "no")]
    pub bias: bool,
    /// Multiplies the learning rate of the weights.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub rate: f64,
    /// Multiplies the learning rate of the bias; as `rate` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias_rate: Option<f64>,
    /// Whether its channels are the classes, which `width` leaves alone.
    #[serde(default, skip_serializing_if = "no")]
    pub output: bool,
    /// Name; `conv1`, `conv2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ linear = OUT, bias = false, rate = 1.0, bias_rate = RATE, output = false }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Output features before `width` is applied.
    #[serde(rename = "linear")]
    pub out: usize,
    /// Whether every output has a bias.
    #[serde(default, skip_serializing_if = "no")]
    pub bias: bool,
    /// Multiplies the learning rate of the weights.
    #[serde(default = "whole", skip_serializing_if = "is_whole")]
    pub rate: f64,
    /// Multiplies the learning rate of the bias; as `rate` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias_rate: Option<f64>,
    /// Whether its features are the classes, which `width` leaves alone.
    #[serde(default, skip_serializing_if = "no")]
    pub output: bool,
    /// Name; `fc1`, `fc2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ batchnorm = true }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// Always true.
    pub batchnorm: bool,
    /// Whether gamma and beta are learned, if not as `batch_norm.learned` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<bool>,
    /// Name; `bn1`, `bn2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ relu = true }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {
    /// Always true.
    pub relu: bool,
    /// Name; `relu1`, `relu2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ maxpool = SIZE, stride = SIZE, pad = 0, ceil = false }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaxPool {
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
    #[serde(default, skip_serializing_if = "no")]
    pub ceil: bool,
    /// Name; `pool1`, `pool2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ avgpool = SIZE, stride = SIZE, pad = 0, ceil = false, include_pad = false }` or `{ avgpool = "global" }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPool {
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
    #[serde(default, skip_serializing_if = "no")]
    pub ceil: bool,
    /// Whether the padding counts as zeros in the mean.
    #[serde(default, skip_serializing_if = "no")]
    pub include_pad: bool,
    /// Name; `pool1`, `pool2`, ... if not given (numbered together with max pooling).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ dropout = P }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Probability of a zero.
    #[serde(rename = "dropout")]
    pub p: f64,
    /// Name; `dropout1`, `dropout2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `{ residual = [ LAYERS ] }`: the input is added to what the body makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// The layers of the body; its output has the shape of its input.
    #[serde(rename = "residual")]
    pub body: Vec<Layer>,
    /// Name; `res1`, `res2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Layer {
    /// The key that names the kind in a preset.
    pub fn kind(&self) -> &'static str {
        match self {
            Layer::Conv2d(_) => "conv2d",
            Layer::Linear(_) => "linear",
            Layer::BatchNorm(_) => "batchnorm",
            Layer::Relu(_) => "relu",
            Layer::MaxPool(_) => "maxpool",
            Layer::AvgPool(_) => "avgpool",
            Layer::Dropout(_) => "dropout",
            Layer::Residual(_) => "residual",
        }
    }

    /// What numbered names begin with.
    pub(super) fn prefix(&self) -> &'static str {
        match self {
            Layer::Conv2d(_) => "conv",
            Layer::Linear(_) => "fc",
            Layer::BatchNorm(_) => "bn",
            Layer::Relu(_) => "relu",
            Layer::MaxPool(_) | Layer::AvgPool(_) => "pool",
            Layer::Dropout(_) => "dropout",
            Layer::Residual(_) => "res",
        }
    }

    /// The name that the preset gives it.
    pub(super) fn given_name(&self) -> Option<&str> {
        match self {
            Layer::Conv2d(l) => l.name.as_deref(),
            Layer::Linear(l) => l.name.as_deref(),
            Layer::BatchNorm(l) => l.name.as_deref(),
            Layer::Relu(l) => l.name.as_deref(),
            Layer::MaxPool(l) => l.name.as_deref(),
            Layer::AvgPool(l) => l.name.as_deref(),
            Layer::Dropout(l) => l.name.as_deref(),
            Layer::Residual(l) => l.name.as_deref(),
        }
    }
}
