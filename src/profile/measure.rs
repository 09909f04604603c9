//! Runs a pass of a network and measures it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::{About, Profile, Sample, StartTime, StepTime, quartiles};
use crate::data::{Batches, Part, Position, Prepared};
use crate::error::{Error, Result};
use crate::gpu::profile::{self as timing, Clock, Timer};
use crate::gpu::{AHEAD, Device, roofs};
use crate::kernels;
use crate::kernels::conv2d::stored::Bits;
use crate::model::{Network, Placement};
use crate::plan::{AdapterClass, Command, Plan, Step, Target, memory};
use crate::session::{Program, Session, images};

/// What a step is profiled of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pass {
    /// Projection and forward pass, as training has them.
    Forward,
    /// The whole training step.
    Step,
    /// The test pass, under weights that were projected before; of a packed file from its bits.
    Eval,
}

impl Pass {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Pass::Forward => "forward",
            Pass::Step => "step",
            Pass::Eval => "eval",
        }
    }

    /// The commands of the pass.
    ///
    /// # Errors
    /// A network that the target cannot hold.
    pub fn plan(self, network: &Network, target: &Target, eval_batch: usize) -> Result<Plan> {
        let mut plan = match self {
            Pass::Eval => return network.test_plan(target, eval_batch),
            Pass::Step | Pass::Forward => network.train_plan(target)?,
        };
        if self == Pass::Forward {
            let is_loss = |c: &Command| c.scope() == "loss" || c.scope().starts_with("loss.");
            plan.commands.truncate(plan.commands.iter().position(is_loss).unwrap_or(plan.commands.len()));
        }
        Ok(plan)
    }
}

/// Weights of which some are bits.
pub struct Packed {
    /// Which.
    pub bits: Bits,
    /// The arrays that the plan reads, by name, as words.
    pub arrays: Vec<(String, Vec<u32>)>,
}

/// What is to be profiled.
pub struct Request {
    /// The network, with the projection.
    pub network: Arc<Network>,
    /// Its weights.
    pub weights: Vec<f32>,
    /// What a test pass reads in their place, where it reads bits.
    pub packed: Option<Packed>,
    /// Seed of the draws.
    pub seed: u64,
    /// Which part of a step.
    pub pass: Pass,
    /// Images of a test pass.
    pub eval_batch: usize,
    /// The data set; absent: random images.
    pub data: Option<Arc<Prepared>>,
}

/// A loaded pass that can be run step by step.
pub struct Stepper {
    /// The network on the device.
    pub session: Session,
    /// The pass.
    pub program: Program,
    request: Request,
    batches: Option<Batches>,
    images: Vec<u32>,
    labels: Vec<u32>,
    step: u64,
}

impl Stepper {
    /// Loads the pass and writes weights, projections, and images.
    ///
    /// # Errors
    /// What the device refuses.
    pub fn start(device: Arc<Device>, request: Request, plan: Plan) -> Result<Stepper> {
        let network = request.network.clone();
        let mut session = Session::new(device, network.clone(), request.seed);
        let program = session.load(plan, false)?;
        match request.packed() {
            Some(packed) => {
                packed.arrays.iter().try_for_each(|(name, words)| session.runner.write(name, words))?;
            }
            None => session.set_weights(&request.weights)?,
        }
        let batch = request.batch();
        let placement = request.placement();
        let images = images::made_up(&mut session.runner, &network, &placement, batch)?;
        if let Some(data) = &request.data {
            images::upload(&mut session.runner, data, Part::Train, &placement)?;
        }
        let labels = (0..batch).map(|i| (i * 7 % network.classes) as u32).collect();
        session.set_projection(&network.projection)?;
        let mut stepper = Stepper { session, program, request, batches: None, images, labels, step: 0 };
        stepper.feed()?;
        Ok(stepper)
    }

    /// What projects once, before the first step: the largest magnitudes for a pass that projects, the projected weights
    /// for one that does not. Not part of the pass.
    ///
    /// # Errors
    /// What the device reports.
    pub fn prepare(&mut self) -> Result<()> {
        match self.request.pass {
            Pass::Eval if self.request.packed.is_some() => {}
            Pass::Eval => {
                let distortion = self.request.network.projection.clone();
                self.session.distort(&distortion, self.request.seed, self.step)?;
            }
            Pass::Forward | Pass::Step => self.session.start(self.step)?,
        }
        self.session.runner.finish()
    }

    /// Waits for the next batch and hands it to the queue.
    fn feed(&mut self) -> Result<()> {
        let (input, label) = match self.request.pass {
            Pass::Eval => ("test.input", "test.label"),
            Pass::Forward | Pass::Step => ("input", "label"),
        };
        if let Some(data) = &self.request.data {
            let next = match &mut self.batches {
                Some(batches) => batches.next(),
                None => None,
            };
            let batch = match next {
                Some(batch) => batch?,
                None => {
                    let (batch, seed) = (self.request.batch(), self.request.seed);
                    let mut batches = match self.request.pass {
                        Pass::Eval => Batches::sequential(data.clone(), Part::Test, batch)?,
                        _ => {
                            let form = images::form(&self.request.placement(), seed, 0);
                            Batches::train_in(form, data.clone(), batch, seed, Position { step: self.step })?
                        }
                    };
                    let first = batches.next();
                    self.batches = Some(batches);
                    first.ok_or_else(|| Error::layer("data", "the data set does not fill a batch"))??
                }
            };
            self.images.clone_from(&batch.images);
            self.labels.clone_from(&batch.labels);
        }
        let buffer = self.request.network.uploads(&self.request.placement(), input);
        self.session.runner.write(&buffer, &self.images)?;
        if self.session.runner.has(label) {
            self.session.runner.write(label, &self.labels)?;
        }
        Ok(())
    }

    /// The step block. The learning rate is 0: every step has the same work on the same weights.
    fn block(&self) -> Step {
        Step { valid: self.request.batch() as u32, ..self.session.block(self.step) }
    }

    /// Puts the next step block where the shaders see it, without running anything.
    ///
    /// # Errors
    /// What the device reports.
    pub fn next_block(&mut self) -> Result<()> {
        self.step += 1;
        let words = self.block().words();
        if self.session.runner.has("step") { self.session.runner.write("step", &words) } else { Ok(()) }
    }

    /// Runs the next step. Returns the time that its images took.
    ///
    /// # Errors
    /// What the device reports.
    pub fn run(&mut self) -> Result<Duration> {
        let begin = Instant::now();
        self.feed()?;
        let fed = begin.elapsed();
        self.step += 1;
        let block = self.block();
        self.session.runner.run(&self.program.loaded, &block)?;
        Ok(fed)
    }

    /// Runs the next step and waits for it. Milliseconds.
    ///
    /// # Errors
    /// What the device reports.
    pub fn run_and_wait(&mut self) -> Result<f64> {
        self.session.runner.finish()?;
        let begin = Instant::now();
        self.run()?;
        self.session.runner.finish()?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }
}

impl Request {
    /// A training step on random images.
    pub fn step(network: Arc<Network>, weights: Vec<f32>, seed: u64) -> Request {
        let eval_batch = network.batch;
        Request { network, weights, packed: None, seed, pass: Pass::Step, eval_batch, data: None }
    }

    /// The commands of the pass.
    ///
    /// # Errors
    /// A network that the target cannot hold.
    pub fn plan(&self, target: &Target) -> Result<Plan> {
        match self.packed() {
            Some(packed) => self.network.test_plan_from(target, self.eval_batch, &self.placement(), Some(&packed.bits)),
            None => self.pass.plan(&self.network, target, self.eval_batch),
        }
    }

    /// The weights of a test pass that reads bits.
    fn packed(&self) -> Option<&Packed> {
        self.packed.as_ref().filter(|_| self.pass == Pass::Eval)
    }

    /// Images of a step.
    pub fn batch(&self) -> usize {
        if self.pass == Pass::Eval { self.eval_batch } else { self.network.batch }
    }

    /// Where the images of a step are.
    fn placement(&self) -> Placement {
        if self.pass == Pass::Eval { Placement::Uploaded } else { self.network.sent() }
    }
}

/// Profiles a pass. `about` is completed with what the device says; `steps` absent: as many as fit a few seconds;
/// `begun` is when the program started.
///
/// # Errors
/// What the device reports.
pub fn measure(
    device: &Arc<Device>,
    request: Request,
    about: About,
    steps: Option<usize>,
    begun: Instant,
) -> Result<Profile> {
    let target = device.target.clone();
    let plan = request.plan(&target)?;
    let millis = |d: Duration| d.as_secs_f64() * 1e3;
    let planned = millis(begun.elapsed());
    let load = Instant::now();
    let mut stepper = Stepper::start(device.clone(), request, plan)?;
    stepper.session.runner.finish()?;
    let load = millis(load.elapsed());
    let pipelines = stepper.session.runner.pipelines();
    stepper.prepare()?;
    let first = stepper.run_and_wait()?;
    let start = StartTime { plan: planned, load, first, pipelines };
    stepper.run_and_wait()?;
    let once = stepper.run_and_wait()?;
    let steps = steps.unwrap_or_else(|| ((3e3 / once).ceil() as usize).clamp(3, 30));

    let step = undisturbed(&mut stepper, steps)?;
    let mut timer = Timer::new(device.clone());
    let commands = stepper.program.plan.commands.len();
    let mut samples: Vec<Sample> = stepper.program.plan.commands.iter().map(sample).collect::<Result<_>>()?;
    timer.spans(&mut stepper.session.runner, &stepper.program.loaded, 0..commands)?;
    for _ in 0..steps {
        stepper.next_block()?;
        let spans = timer.spans(&mut stepper.session.runner, &stepper.program.loaded, 0..commands)?;
        samples.iter_mut().zip(spans).for_each(|(s, span)| s.spans.push((span.begin, span.end)));
    }
    if target.adapter.class == AdapterClass::Software {
        for _ in 0..steps.min(3) {
            let Some(times) = timing::cpu(&mut stepper.session.runner, &stepper.program.loaded, 0..commands)? else {
                break;
            };
            samples.iter_mut().zip(times).for_each(|(s, ns)| s.cpu.push(ns));
        }
    }
    let roofs = roofs::measure(device)?;
    let about = About {
        version: env!("CARGO_PKG_VERSION").into(),
        batch: stepper.request.batch(),
        adapter: format!("{} ({}, {})", device.info.name, device.info.backend, device.info.kind),
        driver: device.info.driver.clone(),
        clock: Clock::of(device).describe().into(),
        ..about
    };
    let memory = memory::footprint(&stepper.program.plan);
    Ok(Profile { about, roofs, step, start, memory, samples })
}

/// What is known of a command before it runs.
fn sample(c: &Command) -> Result<Sample> {
    let (kernel, variant) = match c {
        Command::Dispatch(d) => (d.kernel, d.way()),
        Command::Copy { .. } => ("copy", "to texture".into()),
    };
    Ok(Sample {
        scope: c.scope().into(),
        kernel: kernel.into(),
        matrix: variant.starts_with("coop"),
        variant,
        work: kernels::work(c)?,
        spans: vec![],
        cpu: vec![],
    })
}

/// Steps as in training: the host ahead of the device, nothing read.
fn undisturbed(stepper: &mut Stepper, steps: usize) -> Result<StepTime> {
    stepper.session.runner.finish()?;
    let mut data = Duration::ZERO;
    // The first calls return at once; from then on each waits for the oldest step, so that calls are steps apart.
    for _ in 0..=AHEAD {
        stepper.run()?;
    }
    stepper.session.runner.start_clock();
    let mut between = vec![];
    for _ in 0..steps {
        let begin = Instant::now();
        data += stepper.run()?;
        between.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let host = stepper.session.runner.host_time();
    stepper.session.runner.finish()?;
    let [low, median, high] = quartiles(between);
    let per_step = |d: Duration| d.as_secs_f64() * 1e3 / steps as f64;
    Ok(StepTime {
        wall: median,
        spread: (high - low) / 2.0,
        encode: per_step(host.encode),
        submit: per_step(host.submit),
        wait: per_step(host.wait),
        data: per_step(data),
    })
}
