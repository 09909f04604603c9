//! What an entry of `layers` can be: a line each in the two tables below.

use serde::{Deserialize, Serialize, Serializer};

use super::kind::{Entry, StandsFor};
use super::{Repeat, avgpool, batchnorm, conv2d, dropout, linear, maxpool, pad_channels, relu, residual};

/// One entry of `layers`: a layer of any kind, by the key that names it, or layers that are repeated.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename = "Layer", rename_all = "lowercase")]
pub enum Spec {
    /// 2-D convolution.
    Conv2d(conv2d::Spec),
    /// Linear layer; flattens its input.
    Linear(linear::Spec),
    /// Batch normalisation per channel.
    BatchNorm(batchnorm::Spec),
    /// max(0, x).
    Relu(relu::Spec),
    /// Maximum over windows.
    MaxPool(maxpool::Spec),
    /// Mean over windows or over the whole map.
    AvgPool(avgpool::Spec),
    /// Zeroes activations at random, in training only.
    Dropout(dropout::Spec),
    /// Channels of zeros behind those that there are.
    #[serde(rename = "pad_channels")]
    PadChannels(pad_channels::Spec),
    /// shortcut(x) + body(x).
    Residual(residual::Spec<Spec>),
    /// Layers that are repeated.
    Repeat(Repeat<Spec>),
}

impl Entry for Spec {
    fn stands_for(&self) -> StandsFor<'_, Spec> {
        StandsFor::Layer(match self {
            Spec::Conv2d(s) => s,
            Spec::Linear(s) => s,
            Spec::BatchNorm(s) => s,
            Spec::Relu(s) => s,
            Spec::MaxPool(s) => s,
            Spec::AvgPool(s) => s,
            Spec::Dropout(s) => s,
            Spec::PadChannels(s) => s,
            Spec::Residual(s) => s,
            Spec::Repeat(s) => return StandsFor::Repeat(s.times, &s.layers),
        })
    }
}

impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        match self.stands_for() {
            StandsFor::Layer(kind) => kind.toml().serialize(s),
            StandsFor::Repeat(times, layers) => Repeat { times, layers: layers.to_vec() }.serialize(s),
        }
    }
}
