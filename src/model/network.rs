//! From a preset to plans: the training step, the projection of stored weights, the re-computation of batch-norm
//! moments, the test pass.

mod cut;
mod images;

pub use cut::{Cut, GRADIENT, Group};
pub use images::{AFFINE, COMPONENTS, INDEX, LEVELS, MEAN, Placement};

use super::preset::own::{self, Texts};
use super::preset::{Augment, Loss, MomentsAverage, Preset};
use crate::error::{Error, Result};
use crate::kernels::conv2d::stored::Bits;
use crate::kernels::optimizer::{self, Optimizer};
use crate::kernels::parameters::Parameters;
use crate::kernels::project::Kinds;
use crate::kernels::{crops, loss, matrices, metric, project, quantile, softmax_ce, square_hinge, statistics};
use crate::layers::init::Init;
use crate::layers::kind::totals;
use crate::layers::{self, Build, LayerShape, Layers, Mode, Net, Stored};
use crate::plan::{BufferId, Builder, Elem, Options, Plan, Precision, Role, Target, View};
use crate::projection::distortion::Distortion;

/// Rows of the metrics buffer, at least: passes between two reads by the host.
const METRIC_SLOTS: usize = 256;

/// Elements of a flat array, at most: shaders index them with 32 bits, and no adapter holds 8 GiB in a buffer.
const MOST_ELEMENTS: usize = 1 << 31;

/// Buffer of the images that [`Network::forward_plan`] reads.
pub const FORWARD: &str = "forward.input";
/// Buffer of the places of the images of a test batch among the resident ones.
pub const TEST_INDEX: &str = "test.index";

/// A network ready to be planned: what a preset, the shape of the images and the number of classes determine.
pub struct Network {
    /// The layers.
    pub layers: Layers,
    /// The table of parameter tensors, with clip bounds and weight decay.
    pub parameters: Parameters,
    /// The projections of training, at most one for each layer.
    pub projection: Distortion,
    /// Texts of users' own projections.
    texts: Texts,
    /// How convolutions and linear layers compute.
    pub precision: Precision,
    /// Height, width, channels of an image.
    pub input: [usize; 3],
    /// Where images come to the device as bytes, which [`LEVELS`] turns into numbers: how many values a byte can have. None
    /// from [`Network::new`]: they come as f32.
    pub byte_values: Option<usize>,
    /// Number of classes.
    pub classes: usize,
    /// Images of a training pass: those of a shard.
    pub batch: usize,
    /// Passes whose gradients make a step.
    pub shards: usize,
    /// Crops of a picture that a test asks, and whose answers it takes together: 1 or 10.
    pub crops: usize,
    init: Init,
    /// Whether a mean is subtracted from images that come as bytes.
    centred: bool,
    augment: Augment,
    /// Whether augmentation fills pixels with random ones of [`LEVELS`].
    fills_at_random: bool,
    loss: Loss,
    optimizer: Optimizer,
    /// The epsilon of the deviations sqrt(variance + epsilon) of batches that are averaged in the place of the variances, if they
    /// are.
    pub deviation_epsilon: Option<f32>,
    /// Batch-norm layers with their channels.
    normalised: Vec<(String, usize)>,
    /// The first batch-norm layer that sees one value per channel in a training batch.
    single_valued: Option<String>,
    /// For every linear layer's weight: height, width, channels of the map that it flattens.
    flattened: Vec<(String, [usize; 3])>,
    /// Layers whose output is that of the network.
    last: Vec<String>,
}

impl Network {
    /// The network of a preset for images `[h, w, c]`.
    ///
    /// # Errors
    /// Layers whose shapes do not fit, an output that has not `classes` values, an unknown projection.
    pub fn new(preset: &Preset, input: [usize; 3], classes: usize) -> Result<Network> {
        preset.augment.fits(input)?;
        if preset.data.mean.is_some() && input[2] != 3 {
            let message = format!("the images of {} have {}", preset.data.set, input[2]);
            return Err(Error::layer("data.mean", format!("a colour has three channels, and {message}; give false")));
        }
        let shapes = preset.shapes(input)?;
        let last = shapes.last().map_or(input, |l| l.output);
        if last != [1, 1, classes] {
            let name = shapes.last().map_or("layers", |l| l.name.as_str());
            let message =
                format!("the last layer gives {last:?}; {} has {classes} classes: [1, 1, {classes}]", preset.data.set);
            return Err(Error::layer(name, message));
        }
        // Before anything counts elements one by one.
        let (weights, _) = totals(&shapes);
        if weights > MOST_ELEMENTS as u64 {
            let message =
                format!("{weights} weights are more than {MOST_ELEMENTS}; use a smaller width (--set width=X)");
            return Err(Error::layer(&preset.name, message));
        }
        let norm = &preset.batch_norm;
        let mut build = Build { epsilon: norm.epsilon as f32, learned: norm.learned, ..Build::default() };
        let layers = layers::build::layers(&shapes, &mut build);
        let Build { normalised, flattened, .. } = build;
        let single = normalised.iter().find(|(.., single)| *single).map(|(name, ..)| name.clone());
        let mut network = Network {
            layers,
            parameters: Parameters::default(),
            projection: own::read(&Distortion::parse(&preset.projection)?, &preset.wgsl)?,
            texts: preset.wgsl.clone(),
            precision: preset.precision,
            input,
            byte_values: None,
            classes,
            batch: preset.shard(),
            shards: preset.shards,
            crops: preset.eval.crops,
            init: preset.init,
            centred: preset.data.mean.is_some(),
            augment: preset.augment.clone(),
            fills_at_random: preset.augment.fills_at_random(preset.data.is_scaled_bytes()),
            loss: preset.loss,
            optimizer: preset.optimizer.clone(),
            deviation_epsilon: (preset.eval.moments_average == MomentsAverage::Deviation)
                .then_some(norm.epsilon as f32),
            normalised: normalised.into_iter().map(|(name, channels, _)| (name, channels)).collect(),
            single_valued: single.filter(|_| preset.shard() == 1),
            flattened,
            last: last_layers(&shapes),
        };
        for layer in &network.layers {
            layer.declare(preset.shard(), &mut network.parameters, &network.init);
        }
        network.parameters.check().map_err(|e| Error::layer(&preset.name, e.to_string()))?;
        project::check_training(&network.parameters, &network.projection)?;
        let (weights, gradients) = (network.parameters.len(), network.parameters.grad_len());
        if weights.max(gradients) > MOST_ELEMENTS {
            let message = format!(
                "{weights} parameters with {gradients} partial sums of their gradients are more than {MOST_ELEMENTS}; \
                 use a smaller width (--set width=X)"
            );
            return Err(Error::layer(&preset.name, message));
        }
        let decay = network.optimizer.method().weight_decay() as f32;
        let factor = preset.clip.factor;
        for t in network.parameters.tensors.iter_mut().filter(|t| t.projected) {
            t.clip = (factor * f64::from(t.init_std)) as f32;
            if factor.is_finite() && !t.clip.is_normal() {
                let what = if t.clip < 1.0 { "0" } else { "infinity" };
                let message =
                    format!("clip.factor {factor:e} gives the clip bound {what} in 32 bits; give another factor");
                return Err(Error::layer(&t.name, message));
            }
            t.decay = decay;
        }
        Ok(network)
    }

    /// The network of another preset for the same images and classes.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn of(&self, preset: &Preset) -> Result<Network> {
        let network = Network::new(preset, self.input, self.classes)?;
        Ok(Network { byte_values: self.byte_values, ..network })
    }

    /// The network of a preset for images `[h, w, c]`, with as many classes as its last layer gives: for looking at
    /// plans without the data.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn without_data(preset: &Preset, input: [usize; 3]) -> Result<Network> {
        let classes = preset.shapes(input)?.last().map_or(0, |l| l.output[2]);
        Network::new(preset, input, classes)
    }

    /// A distortion with users' own projections: by the texts of the preset, else by files.
    ///
    /// # Errors
    /// As [`own::read`].
    pub fn read(&self, distortion: &Distortion) -> Result<Distortion> {
        own::read(distortion, &self.texts)
    }

    /// Sets its projection to what that is when the part `done` of training is over; returns what it was.
    pub fn trained(&mut self, done: f64) -> Distortion {
        let then = self.projection.at(done);
        std::mem::replace(&mut self.projection, then)
    }

    /// The flat array of all parameters at step 0.
    pub fn initial_weights(&self, seed: u64) -> Vec<f32> {
        self.init.weights(&self.parameters, seed)
    }

    /// Whether the projected weights of training are 0 or + - one magnitude, layer by layer.
    pub fn is_ternary(&self) -> bool {
        project::is_ternary(&self.parameters, &self.projection)
    }

    /// Images of a training step.
    pub fn images_per_step(&self) -> usize {
        self.batch * self.shards
    }

    /// Rows of the metrics buffer. A training step writes one for each shard.
    pub fn metric_slots(&self) -> usize {
        METRIC_SLOTS.max(self.shards)
    }

    /// Names of the optimiser's flat arrays.
    pub fn optimizer_state(&self) -> &'static [&'static str] {
        self.optimizer.method().state()
    }

    /// Whether it has batch-norm moments to re-compute.
    pub fn has_moments(&self) -> bool {
        !self.normalised.is_empty()
    }

    /// That the moments of a training batch say something of every batch-norm layer. Those of one value are the value
    /// itself and 0: normalised it is 0 whatever the image, and nothing before it learns; in a test, what is divided by
    /// that deviation is beyond all bounds.
    ///
    /// # Errors
    /// A layer that sees one value per channel.
    pub fn check_batch_moments(&self) -> Result<()> {
        match &self.single_valued {
            None => Ok(()),
            Some(name) => Err(Error::layer(
                name,
                "this batch norm sees one value per channel, since the batch, or a shard of it, is 1 and its map has one \
                 pixel: its mean is the value, its variance 0, and nothing can be learned or tested; use --set batch=2 or \
                 more for each shard",
            )),
        }
    }

    /// The state buffers of the averaged moments with their lengths.
    pub fn moments(&self) -> Vec<(String, usize)> {
        let both =
            |(name, c): &(String, usize)| [(format!("{name}.running_mean"), *c), (format!("{name}.running_var"), *c)];
        self.normalised.iter().flat_map(both).collect()
    }

    /// For a linear layer's weight, height, width, channels of the map that it flattens.
    pub fn flattens(&self, weight: &str) -> Option<[usize; 3]> {
        self.flattened.iter().find(|(name, _)| name == weight).map(|(_, shape)| *shape)
    }

    /// The training step, of a network with shards that of one of them: project, forward, loss and its gradient, backward,
    /// update. Reads the images that the host uploads, `label`, `projections`, `step`; changes `weight` and the optimiser's state; writes `metrics`.
    ///
    /// # Errors
    /// A network that the target cannot hold; a precision that it does not offer.
    pub fn train_plan(&self, target: &Target) -> Result<Plan> {
        self.train_plan_from(target, &self.sent())
    }

    /// As [`Network::train_plan`], with the images of the batch where `placement` says.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn train_plan_from(&self, target: &Target, placement: &Placement) -> Result<Plan> {
        let mut b = Builder::new("train", Target { ternary: self.is_ternary(), ..self.target(target)? });
        self.project(&mut b)?;
        let grad = self.parameters.grad(&mut b, Role::Transient);
        self.backward(&mut b, placement, grad)?;
        self.update(&mut b, &self.parameters, grad)?;
        b.finish()
    }

    /// Appends the projection of the weights.
    fn project(&self, b: &mut Builder) -> Result<()> {
        b.set_own(self.projection.own());
        let arrays = self.parameters.arrays(b);
        if self.projection.needs_quantile() {
            quantile::quantile(b, "project.quantile", &self.parameters, &arrays)?;
        }
        let kinds = Kinds::of(&project::table(&self.parameters, &self.projection));
        statistics::record(b, "project", &self.parameters, &arrays, kinds.statistics())?;
        project::apply(b, "project", &self.parameters, &arrays, kinds)
    }

    /// Appends all of a training step between projection and update: leaves the partial sums of the gradients in `grad`.
    fn backward(&self, b: &mut Builder, placement: &Placement, grad: View) -> Result<()> {
        let arrays = self.parameters.arrays(b);
        let x = self.training_images(b, placement)?;
        let mode = Mode::Train;
        let (batch, stored, grads) = (self.batch, Stored::Projected(arrays.projected), Some(grad));
        let mut net = Net { b, batch, mode, parameters: &self.parameters, stored, grad: grads, last: &self.last };
        let all = layers::forward(&self.layers, &mut net, x)?;
        let halt = optimizer::halt(net.b);
        let dlogits = self.loss(net.b, "label", self.batch, all[all.len() - 1].view, halt)?;
        layers::backward(&self.layers, &mut net, &all, dlogits, false).map(drop)
    }

    /// Appends the update of the tensors of `parameters` by their gradients.
    fn update(&self, b: &mut Builder, parameters: &Parameters, grad: View) -> Result<()> {
        let arrays = parameters.arrays(b);
        let halt = optimizer::halt(b);
        let update = optimizer::Update { weight: arrays.weight, grad, maxima: arrays.maxima, halt };
        let state: Vec<View> = self.optimizer_state().iter().map(|name| parameters.flat(b, name)).collect();
        self.optimizer.method().record(b, "update", parameters, &update, &state)
    }

    /// The target with the precision of the network.
    fn target(&self, target: &Target) -> Result<Target> {
        let needs = match self.precision {
            Precision::F16 if !target.adapter.float16 => {
                "whose shaders can hold 16-bit floats (the feature SHADER_F16)"
            }
            Precision::Split if matrices::added(target).is_err() => {
                "with matrices of f16, 8 x 8 x 8 or 16 x 16 x 16, that sum in f32 and can be added"
            }
            _ => {
                let options = Options { precision: self.precision, ..target.options.clone() };
                return Ok(Target { options, ..target.clone() });
            }
        };
        Err(Error::Invalid(format!(
            "precision = \"{}\" needs an adapter {needs}, and this one offers none; use --set precision=f32 or another --device",
            self.precision.name()
        )))
    }

    /// A forward pass over an uploaded training batch under the projected weights, which leaves the moments of its batch in
    /// [`Network::moments`], of which the host makes averages.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn moments_plan(&self, target: &Target) -> Result<Plan> {
        self.moments_plan_from(target, &self.sent(), None)
    }

    /// As [`Network::moments_plan`], with the images of the batch where `placement` says, and where `bits` are given, with the weights as
    /// [`Stored::Packed`] has them.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn moments_plan_from(&self, target: &Target, placement: &Placement, bits: Option<&Bits>) -> Result<Plan> {
        let mut b = Builder::new("moments", self.target(target)?);
        let placement = &self.moments_placement(*placement);
        let stored = self.stored(&mut b, bits);
        let x = match self.augment.moments {
            true => self.training_images(&mut b, placement)?,
            false => self.images(&mut b, placement, ["input", INDEX], self.batch)?,
        };
        let mode = Mode::Moments;
        let mut net = Net {
            b: &mut b,
            batch: self.batch,
            mode,
            parameters: &self.parameters,
            stored,
            grad: None,
            last: &self.last,
        };
        layers::forward(&self.layers, &mut net, x)?;
        b.finish()
    }

    /// A forward pass over uploaded images and `test.label` with the averaged moments; writes `metrics`.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn test_plan(&self, target: &Target, batch: usize) -> Result<Plan> {
        self.test_plan_from(target, batch, &Placement::Uploaded, None)
    }

    /// As [`Network::test_plan`], with images and weights as [`Network::moments_plan_from`] has them.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn test_plan_from(
        &self,
        target: &Target,
        batch: usize,
        placement: &Placement,
        bits: Option<&Bits>,
    ) -> Result<Plan> {
        self.test_of(target, [batch, 1], placement, bits)
    }

    /// As [`Network::test_plan_from`], of so many pictures by [`Network::crops`] each, whose images the host uploads one after the other.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn crops_plan(&self, target: &Target, pictures: usize, bits: Option<&Bits>) -> Result<Plan> {
        self.test_of(target, [pictures, self.crops], &Placement::Uploaded, bits)
    }

    fn test_of(
        &self,
        target: &Target,
        [pictures, crops]: [usize; 2],
        placement: &Placement,
        bits: Option<&Bits>,
    ) -> Result<Plan> {
        let mut b = Builder::new("test", self.target(target)?);
        let mut logits = self.tested(&mut b, placement, ["test.input", TEST_INDEX], pictures * crops, bits)?;
        if crops > 1 {
            let of_crops = logits;
            logits = b.transient("crops", &[pictures, self.classes]);
            let softmax = self.loss == Loss::SoftmaxCe;
            crops::mean(&mut b, "crops", [pictures, crops, self.classes], softmax, of_crops, logits)?;
        }
        // Its own flag: a distortion that overflows must not stop the training that goes on afterwards.
        let halt = b.shared("test.halt", Elem::U32, &[2], Role::State);
        self.loss(&mut b, "test.label", pictures, logits, halt)?;
        b.finish()
    }

    /// A forward pass over images uploaded for [`FORWARD`] with the averaged moments, and nothing behind it; with the buffer of the
    /// logits, `[batch, classes]`, which nothing overwrites.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn forward_plan(&self, target: &Target, batch: usize, bits: Option<&Bits>) -> Result<(Plan, BufferId)> {
        let mut b = Builder::new("forward", self.target(target)?);
        let logits = self.tested(&mut b, &Placement::Uploaded, [FORWARD, INDEX], batch, bits)?;
        Ok((b.finish()?, logits.buffer))
    }

    /// Appends a forward pass with the averaged moments over images where `placement` says; returns its logits.
    fn tested(
        &self,
        b: &mut Builder,
        placement: &Placement,
        images: [&str; 2],
        batch: usize,
        bits: Option<&Bits>,
    ) -> Result<View> {
        let stored = self.stored(b, bits);
        let x = self.images(b, placement, images, batch)?;
        let mode = Mode::Test;
        let mut net = Net { b, batch, mode, parameters: &self.parameters, stored, grad: None, last: &self.last };
        let all = layers::forward(&self.layers, &mut net, x)?;
        Ok(all[all.len() - 1].view)
    }

    /// Where the parameters of a plan without a backward pass lie.
    fn stored<'a>(&self, b: &mut Builder, bits: Option<&'a Bits>) -> Stored<'a> {
        bits.map_or_else(|| Stored::Projected(self.parameters.arrays(b).projected), Stored::Packed)
    }

    /// Loss, its gradient and the counts; returns the gradient with respect to the output of the network.
    fn loss(&self, b: &mut Builder, labels: &str, batch: usize, logits: View, halt: View) -> Result<View> {
        let labels = b.shared(labels, Elem::U32, &[batch], Role::Input);
        let dlogits = b.transient("loss.grad_input", &[batch, self.classes]);
        let rows = b.transient("loss.rows", &[batch, 3]);
        let metrics = b.shared("metrics", Elem::F32, &[self.metric_slots(), metric::ROW], Role::Output);
        let kernel = match self.loss {
            Loss::SquareHinge => &square_hinge::FORWARD_BACKWARD,
            Loss::SoftmaxCe => &softmax_ce::FORWARD_BACKWARD,
        };
        let arrays = loss::Arrays { logits, labels, dlogits, rows };
        loss::record(b, "loss", kernel, [batch, self.classes], &arrays)?;
        let maxima = self.parameters.maxima(b);
        metric::record(b, "loss.metrics", batch, rows, maxima, metrics, halt)?;
        Ok(dlogits)
    }
}

/// The last layer, and those before it as long as what comes behind them is the identity in a test.
fn last_layers(shapes: &[LayerShape]) -> Vec<String> {
    let behind = shapes.iter().rev().take_while(|s| s.kind.only_trains()).count();
    shapes.iter().rev().take(behind + 1).map(|s| s.name.clone()).collect()
}
