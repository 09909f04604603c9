//! From a preset to plans: the training step, the projection of stored weights, the re-computation of batch-norm
//! moments, the test pass.

use super::preset::{self, Loss, Optimizer, Preset};
use crate::error::{Error, Result};
use crate::kernels::conv2d::Geometry;
use crate::kernels::parameters::Parameters;
use crate::kernels::projections::Projection;
use crate::kernels::pool;
use crate::kernels::{metric, optimizer, project, softmax_ce, square_hinge};
use crate::layers::init::Init;
use crate::layers::{self, AvgPool, BatchNorm, Conv2d, Dropout, Layers, MaxPool, Mode, Net, Relu, Residual, Tensor};
use crate::plan::{Builder, Elem, Plan, Role, Target, View};

/// Rows of the metrics buffer: the steps between two reads by the host.
const METRIC_SLOTS: usize = 256;

/// A network ready to be planned: what a preset, the shape of the images and the number of classes determine.
pub struct Network {
    /// The layers.
    pub layers: Layers,
    /// The table of parameter tensors, with clip bounds and weight decay.
    pub parameters: Parameters,
    /// The projection of training.
    pub projection: Projection,
    /// Height, width, channels of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Training batch.
    pub batch: usize,
    init: Init,
    loss: Loss,
    optimizer: Optimizer,
    /// Batch-norm layers with their channels.
    normalised: Vec<(String, usize)>,
    /// For every linear layer's weight: height, width, channels of the map that it flattens.
    flattened: Vec<(String, [usize; 3])>,
}

impl Network {
    /// The network of a preset for images `[h, w, c]`.
    ///
    /// # Errors
    /// Layers whose shapes do not fit, an output that has not `classes` values, an unknown projection.
    pub fn new(preset: &Preset, input: [usize; 3], classes: usize) -> Result<Network> {
        let shapes = preset.shapes(input)?;
        let last = shapes.last().map_or(input, |l| l.output);
        if last != [1, 1, classes] {
            let name = shapes.last().map_or("layers", |l| l.name.as_str());
            let message = format!("the last layer gives {last:?}; {} has {classes} classes: [1, 1, {classes}]", preset.data.set);
            return Err(Error::layer(name, message));
        }
        let mut network = Network {
            layers: vec![],
            parameters: Parameters::default(),
            projection: Projection::parse(&preset.projection)?,
            input,
            classes,
            batch: preset.batch,
            init: match preset.init {
                preset::Init::GlorotUniform => Init::GlorotUniform,
                preset::Init::HeNormal => Init::HeNormal,
                preset::Init::Gaussian { std } => Init::Gaussian(std),
            },
            loss: preset.loss,
            optimizer: preset.optimizer.clone(),
            normalised: vec![],
            flattened: vec![],
        };
        network.layers = network.build(preset, &preset.layers, &mut shapes.iter())?;
        for layer in &network.layers {
            layer.declare(preset.batch, &mut network.parameters, &network.init);
        }
        let decay = match network.optimizer {
            Optimizer::Sgd { weight_decay, .. } => weight_decay as f32,
            Optimizer::Adam { .. } => 0.0,
        };
        for t in network.parameters.tensors.iter_mut().filter(|t| t.projected) {
            t.clip = (preset.clip.factor * f64::from(t.init_std)) as f32;
            t.decay = decay;
        }
        Ok(network)
    }

    fn build(
        &mut self,
        preset: &Preset,
        specs: &[preset::Layer],
        shapes: &mut std::slice::Iter<preset::LayerShape>,
    ) -> Result<Layers> {
        let mut out: Layers = vec![];
        for spec in specs {
            // A residual block stands behind the layers of its body.
            if let preset::Layer::Residual(l) = spec {
                let body = self.build(preset, &l.body, shapes)?;
                let name = shapes.next().expect("one shape per layer").name.clone();
                out.push(Box::new(Residual { name, body }));
                continue;
            }
            let shape = shapes.next().expect("one shape per layer");
            let (name, [h, w, c]) = (shape.name.clone(), shape.input);
            out.push(match spec {
                preset::Layer::Conv2d(l) => Box::new(Conv2d {
                    name,
                    geometry: Geometry {
                        n: 1,
                        h,
                        w,
                        c_in: c,
                        c_out: shape.output[2],
                        kernel: l.kernel.0,
                        stride: l.stride.0,
                        pad: l.pad.0,
                        groups: l.groups,
                    },
                    flattens: None,
                }),
                preset::Layer::Linear(_) => {
                    self.flattened.push((format!("{name}.weight"), shape.input));
                    Box::new(Conv2d::linear(&name, shape.input, shape.output[2]))
                }
                preset::Layer::BatchNorm(l) => {
                    self.normalised.push((name.clone(), c));
                    let learned = l.learned.unwrap_or(preset.batch_norm.learned);
                    Box::new(BatchNorm { name, channels: c, epsilon: preset.batch_norm.epsilon as f32, learned })
                }
                preset::Layer::Relu(_) => Box::new(Relu { name }),
                preset::Layer::MaxPool(l) => {
                    let (kernel, stride) = (l.kernel.0, l.stride.unwrap_or(l.kernel).0);
                    let geometry = pool::Geometry { n: 1, h, w, c, kernel, stride, pad: l.pad.0, ceil: l.ceil };
                    Box::new(MaxPool { name, geometry })
                }
                preset::Layer::AvgPool(l) => {
                    let kernel = match l.window {
                        preset::Window::Global => [h, w],
                        preset::Window::Size(size) => size.0,
                    };
                    let (stride, pad) = (l.stride.map_or(kernel, |s| s.0), l.pad.0);
                    let geometry = pool::Geometry { n: 1, h, w, c, kernel, stride, pad, ceil: l.ceil };
                    Box::new(AvgPool { name, geometry, include_pad: l.include_pad })
                }
                preset::Layer::Dropout(l) => {
                    // Its number in the network: a draw counter that no other layer shares.
                    let layer = shapes.len() as u32;
                    Box::new(Dropout { name, p: l.p, layer })
                }
                preset::Layer::Residual(_) => unreachable!("handled above"),
            });
        }
        Ok(out)
    }

    /// The flat array of all parameters at step 0.
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        self.init.weights(&self.parameters, seed)
    }

    /// Rows of the metrics buffer.
    pub fn metric_slots(&self) -> usize {
        METRIC_SLOTS
    }

    /// Names of the optimiser's flat arrays.
    pub fn optimizer_state(&self) -> &'static [&'static str] {
        match self.optimizer {
            Optimizer::Adam { .. } => &["adam_m", "adam_v"],
            Optimizer::Sgd { .. } => &["momentum"],
        }
    }

    /// Whether it has batch-norm moments to re-compute.
    pub fn has_moments(&self) -> bool {
        !self.normalised.is_empty()
    }

    /// The state buffers of the averaged moments with their lengths.
    pub fn moments(&self) -> Vec<(String, usize)> {
        let both = |(name, c): &(String, usize)| [(format!("{name}.running_mean"), *c), (format!("{name}.running_var"), *c)];
        self.normalised.iter().flat_map(both).collect()
    }

    /// For a linear layer's weight, height, width, channels of the map that it flattens.
    pub fn flattens(&self, weight: &str) -> Option<[usize; 3]> {
        self.flattened.iter().find(|(name, _)| name == weight).map(|(_, shape)| *shape)
    }

    /// The training step: project, forward, loss and its gradient, backward, update. Reads `input`, `label`,
    /// `projections`, `step`; changes `weight` and the optimiser's state; writes `metrics`.
    ///
    /// # Errors
    /// A network that the target cannot hold.
    pub fn train_plan(&self, target: &Target) -> Result<Plan> {
        let mut b = Builder::new("train", target.clone());
        let arrays = self.parameters.arrays(&mut b);
        if self.projection.needs_median() {
            project::median(&mut b, "project.median", &self.parameters, &arrays)?;
        }
        project::apply(&mut b, "project", &self.parameters, &arrays)?;
        let grad = self.parameters.grad(&mut b);
        let x = self.images(&mut b, "input", self.batch);
        let (net, all) = self.forward(&mut b, self.batch, Mode::Train, arrays.projected, Some(grad), x)?;
        let halt = net.b.shared("halt", Elem::U32, &[2], Role::State);
        let dlogits = self.loss(net.b, "label", self.batch, all[all.len() - 1].view, halt)?;
        let mut net = net;
        layers::backward(&self.layers, &mut net, &all, dlogits, false)?;
        match self.optimizer {
            Optimizer::Adam { beta1, beta2, epsilon } => {
                optimizer::adam(&mut b, "update", &self.parameters, &arrays, grad, halt, [beta1, beta2, epsilon])?;
            }
            Optimizer::Sgd { momentum, nesterov, .. } => {
                optimizer::sgd(&mut b, "update", &self.parameters, &arrays, grad, halt, momentum, nesterov)?;
            }
        }
        b.finish()
    }

    /// Leaves the largest magnitudes of freshly written weights in `maxima`; what an update does for the next step.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn maxima_plan(&self, target: &Target) -> Result<Plan> {
        let mut b = Builder::new("maxima", target.clone());
        let arrays = self.parameters.arrays(&mut b);
        project::maxima(&mut b, "project.maxima", &self.parameters, &arrays)?;
        b.finish()
    }

    /// Projects the stored weights under whatever `projections` says.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn project_plan(&self, target: &Target) -> Result<Plan> {
        let mut b = Builder::new("project", target.clone());
        let arrays = self.parameters.arrays(&mut b);
        project::maxima(&mut b, "project.maxima", &self.parameters, &arrays)?;
        project::median(&mut b, "project.median", &self.parameters, &arrays)?;
        project::apply(&mut b, "project", &self.parameters, &arrays)?;
        b.finish()
    }

    /// A forward pass over a training batch in `input` under the projected weights, which adds each batch-norm layer's
    /// moments, divided by `batches`, to its averages (zeroed by the host before the first batch).
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn moments_plan(&self, target: &Target, batches: usize) -> Result<Plan> {
        let mut b = Builder::new("moments", target.clone());
        let projected = self.parameters.arrays(&mut b).projected;
        let x = self.images(&mut b, "input", self.batch);
        let mode = Mode::Moments { weight: (1.0 / batches as f64) as f32 };
        self.forward(&mut b, self.batch, mode, projected, None, x)?;
        b.finish()
    }

    /// A forward pass over `test.input` and `test.label` with the averaged moments; writes `metrics`.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn test_plan(&self, target: &Target, batch: usize) -> Result<Plan> {
        let mut b = Builder::new("test", target.clone());
        let projected = self.parameters.arrays(&mut b).projected;
        let x = self.images(&mut b, "test.input", batch);
        let (net, all) = self.forward(&mut b, batch, Mode::Test, projected, None, x)?;
        // Its own flag: a distortion that overflows must not stop the training that goes on afterwards.
        let halt = net.b.shared("test.halt", Elem::U32, &[2], Role::State);
        self.loss(&mut b, "test.label", batch, all[all.len() - 1].view, halt)?;
        b.finish()
    }

    fn images(&self, b: &mut Builder, name: &str, batch: usize) -> Tensor {
        let [h, w, c] = self.input;
        Tensor { view: b.shared(name, Elem::F32, &[batch, h, w, c], Role::Input), shape: self.input }
    }

    fn forward<'a>(
        &'a self,
        b: &'a mut Builder,
        batch: usize,
        mode: Mode,
        projected: View,
        grad: Option<View>,
        x: Tensor,
    ) -> Result<(Net<'a>, Vec<Tensor>)> {
        let mut net = Net { b, batch, mode, parameters: &self.parameters, projected, grad };
        let all = layers::forward(&self.layers, &mut net, x)?;
        Ok((net, all))
    }

    /// Loss, its gradient and the counts; returns the gradient with respect to the output of the network.
    fn loss(&self, b: &mut Builder, labels: &str, batch: usize, logits: View, halt: View) -> Result<View> {
        let labels = b.shared(labels, Elem::U32, &[batch], Role::Input);
        let dlogits = b.transient("loss.grad_input", &[batch, self.classes]);
        let rows = b.transient("loss.rows", &[batch, 3]);
        let metrics = b.shared("metrics", Elem::F32, &[METRIC_SLOTS, metric::ROW], Role::Output);
        let record = match self.loss {
            Loss::SquareHinge => square_hinge::record,
            Loss::SoftmaxCe => softmax_ce::record,
        };
        record(b, "loss", batch, self.classes, logits, labels, dlogits, rows)?;
        metric::record(b, "loss.metrics", batch, rows, metrics, halt)?;
        Ok(dlogits)
    }
}
