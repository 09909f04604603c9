//! Batch normalisation over all but the channels.

use serde::{Deserialize, Serialize};

use super::init::Init;
use super::kind::{Build, Called, Kind, LayerShape, Made, Shaping, check_flag};
use super::{Activation, Layer, Mode, Net};
use crate::error::Result;
use crate::kernels::batchnorm;
use crate::kernels::conv2d::fused;
use crate::kernels::parameters::{self, Parameters};
use crate::plan::{Elem, Role, View};
use crate::ranges::Check;

/// `{ batchnorm = true }`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Always true.
    pub batchnorm: bool,
    /// Whether gamma and beta are learned, if not as `batch_norm.learned` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<bool>,
    /// Name; `bn1`, `bn2`, ... if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Spec {
    /// The layer.
    pub(super) fn layer(&self, shape: &LayerShape, build: &mut Build) -> BatchNorm {
        let (name, [h, w, channels]) = (shape.name.clone(), shape.input);
        build.normalised.push((name.clone(), channels, [h, w] == [1, 1]));
        BatchNorm { name, channels, epsilon: build.epsilon, learned: self.learned.unwrap_or(build.learned) }
    }
}

impl Kind for Spec {
    fn called(&self) -> Called<'_> {
        Called { key: "batchnorm", prefix: "bn", name: self.name.as_deref() }
    }

    fn check(&self) -> Check {
        check_flag("batchnorm", self.batchnorm)
    }

    fn shape(&self, _: &str, input: [usize; 3], _: &mut Shaping) -> Result<Made> {
        Ok(Made { output: input, ..Made::default() })
    }

    fn build(&self, shape: &LayerShape, build: &mut Build) -> Box<dyn Layer> {
        Box::new(self.layer(shape, build))
    }
}

/// y = (x - mean) / sqrt(var + epsilon) * gamma + beta, moments per channel: of the batch in training, the averages over
/// the training data in testing (`{name}.running_mean`, `{name}.running_var`).
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Unique name.
    pub name: String,
    /// Channels.
    pub channels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether gamma and beta are learned; else they are 1 and 0.
    pub learned: bool,
}

struct Affine {
    gamma: View,
    beta: View,
}

impl BatchNorm {
    fn affine(&self, net: &mut Net) -> Affine {
        if self.learned {
            return Affine {
                gamma: net.parameter(&format!("{}.weight", self.name)),
                beta: net.parameter(&format!("{}.bias", self.name)),
            };
        }
        let mut table = |name: &str, value: f32| {
            let name = format!("{}.{name}", self.name);
            net.b.shared_constant(&name, Elem::F32, vec![value.to_bits(); self.channels])
        };
        Affine { gamma: table("ones", 1.0), beta: table("zeros", 0.0) }
    }

    pub(super) fn rows(&self, net: &Net, x: Activation) -> usize {
        net.batch * x.sample() / self.channels
    }

    /// Appends what the mode asks for about the moments of x; returns the moments to normalise with, gamma and epsilon,
    /// and beta.
    pub(super) fn channels(&self, net: &mut Net, x: Activation) -> Result<(batchnorm::Channels, View)> {
        let (c, rows) = (self.channels, self.rows(net, x));
        let (names, role) = match net.mode {
            Mode::Train => (["mean", "var"], Role::Transient),
            Mode::Moments | Mode::Test => (["running_mean", "running_var"], Role::State),
        };
        let [mean, var] = names.map(|what| net.b.shared(&format!("{}.{what}", self.name), Elem::F32, &[c], role));
        if net.mode != Mode::Test {
            let scope = format!("{}.moments", self.name);
            match x.moments {
                Some(blocks) => batchnorm::combine(net.b, &scope, rows, c, fused::BLOCK, blocks, [mean, var])?,
                None => batchnorm::batch_moments(net.b, &scope, rows, c, x.view, mean, var)?,
            }
        }
        let Affine { gamma, beta } = self.affine(net);
        Ok((batchnorm::Channels { mean, var, gamma, eps: self.epsilon }, beta))
    }

    /// Where the gradients of gamma and beta go. They are sums that dx needs in any case.
    pub(super) fn gradients(&self, net: &mut Net) -> (View, View) {
        let mut of = |parameter: &str, scratch: &str| match self.learned {
            true => net.gradient(&format!("{}.{parameter}", self.name)).0,
            false => net.b.transient(format!("{}.{scratch}", self.name), &[self.channels]),
        };
        (of("weight", "grad_gamma"), of("bias", "grad_beta"))
    }
}

impl Layer for BatchNorm {
    fn name(&self) -> &str {
        &self.name
    }

    fn declare(&self, _: usize, parameters: &mut Parameters, _: &Init) {
        if self.learned {
            for (what, initial) in [("weight", 1.0), ("bias", 0.0)] {
                let tensor = parameters::Tensor::new(format!("{}.{what}", self.name), &[self.channels]);
                parameters.push(parameters::Tensor { initial, ..tensor });
            }
        }
    }

    fn forward(&self, net: &mut Net, x: Activation) -> Result<Activation> {
        let (channels, beta) = self.channels(net, x)?;
        let y = net.map(&self.name, x.shape);
        let (scope, rows) = (format!("{}.forward", self.name), self.rows(net, x));
        let shape = batchnorm::Shape { rows, c: self.channels };
        batchnorm::forward(net.b, &scope, shape, x.view, &channels, beta, y.view)?;
        Ok(y)
    }

    fn backward(&self, net: &mut Net, x: Activation, _y: Activation, dy: View, want_dx: bool) -> Result<Option<View>> {
        let (c, rows) = (self.channels, self.rows(net, x));
        let (mean, var) = (net.b.view(&format!("{}.mean", self.name)), net.b.view(&format!("{}.var", self.name)));
        let gamma = self.affine(net).gamma;
        let (dgamma, dbeta) = self.gradients(net);
        let dx = want_dx.then(|| net.gradient_map(&self.name, x.shape).view);
        let channels = batchnorm::Channels { mean, var, gamma, eps: self.epsilon };
        let scope = format!("{}.backward", self.name);
        let gradients = batchnorm::Gradients { dgamma, dbeta, dx };
        batchnorm::backward(net.b, &scope, batchnorm::Shape { rows, c }, x.view, dy, &channels, &gradients)?;
        Ok(dx)
    }
}
