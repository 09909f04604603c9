//! A network on a device, ready to step. Training, tests, profiles, the search for a value that is not finite, and
//! `check --bisect` all begin here.

mod data;
pub mod host_sum;
pub mod images;
pub mod memory;
pub mod projector;
mod training;

use std::sync::Arc;

pub use data::{input, load_data, network, network_for, open_data, picture_size, preparation, settled};
pub use projector::Projector;
pub use training::Training;

use crate::data::Batch;
use crate::error::Result;
use crate::gpu::{Device, Loaded, Runner};
use crate::kernels::project;
use crate::model::{INDEX, Network, Placement, TEST_INDEX};
use crate::plan::{Plan, Step, Target};
use crate::projection;
use crate::projection::distortion::Distortion;

/// A network on a device.
pub struct Session {
    /// Holds the buffers.
    pub runner: Runner,
    /// The network.
    pub network: Arc<Network>,
    /// What the plans of training, moments and tests are made for: the device's, unless it is changed before the first is
    /// loaded. Distortions take the device's.
    pub target: Target,
    /// Seed of the draws of training.
    pub seed: u64,
    projector: Projector,
}

/// A plan and what the device made of it.
pub struct Program {
    /// The plan.
    pub plan: Plan,
    /// What a runner runs.
    pub loaded: Loaded,
}

impl Program {
    /// Content of a buffer of the plan, transients included where the plan was loaded with `separate`.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// If the plan has no buffer of this name.
    pub fn read(&self, runner: &Runner, name: &str) -> Result<Vec<u32>> {
        let buffer = self.plan.find(name).unwrap_or_else(|| panic!("plan {} has no buffer {name}", self.plan.name));
        runner.read_buffer(&self.loaded, buffer.0 as usize)
    }
}

impl Session {
    /// A network without weights: [`Session::set_weights`], then [`Session::start`].
    pub fn new(device: Arc<Device>, network: Arc<Network>, seed: u64) -> Session {
        let (target, projector) = (device.target.clone(), Projector::new(network.parameters.clone()));
        Session { runner: Runner::new(device), network, target, seed, projector }
    }

    /// Loads a plan; `separate` as in [`crate::gpu::lower::lower`].
    ///
    /// # Errors
    /// What the device refuses.
    pub fn load(&mut self, plan: Plan, separate: bool) -> Result<Program> {
        let loaded = self.runner.load(&plan, separate)?;
        Ok(Program { plan, loaded })
    }

    /// Loads the training step in one plan, of a network with shards that of one of them, with the images where `placement` says.
    ///
    /// # Errors
    /// A network that the target cannot hold; what the device refuses.
    pub fn training(&mut self, placement: &Placement, separate: bool) -> Result<Program> {
        self.load(self.network.train_plan_from(&self.target, placement)?, separate)
    }

    /// Writes the flat array of all parameters.
    ///
    /// # Errors
    /// An array of another length; what the device reports.
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<()> {
        self.projector.set_weights(&mut self.runner, weights)
    }

    /// Prepares the loaded training step for step `number` (0-based) with the weights now in `weight`: clears `halt`,
    /// computes the maxima behind alpha, sets the projection of training; what moves in it stands as at the start.
    ///
    /// # Errors
    /// What the device reports.
    pub fn start(&mut self, number: u64) -> Result<()> {
        if self.runner.has("halt") {
            self.runner.write("halt", &[0, 0])?;
        }
        self.projector.maxima(&mut self.runner, &Step::at(self.seed, number))?;
        let projection = self.network.projection.clone();
        self.set_projection(&projection)
    }

    /// Sets the projections that loaded plans apply, one for each layer at most; needed again after an evaluation, which
    /// leaves its own.
    ///
    /// # Errors
    /// What the device reports.
    pub fn set_projection(&mut self, training: &Distortion) -> Result<()> {
        if !self.runner.has("projections") {
            return Ok(());
        }
        self.runner.write("projections", &project::table(&self.network.parameters, training))
    }

    /// Leaves the distorted weights in `projected`: draw `number` of `seed`.
    ///
    /// # Errors
    /// A pattern that matches no layer; a file of a user's own projection; what the device reports.
    pub fn distort(&mut self, distortion: &Distortion, seed: u64, number: u64) -> Result<()> {
        let distortion = self.network.read(distortion)?;
        self.projector.apply(&mut self.runner, &distortion, seed, number)
    }

    /// The step block of step `number` (0-based) without a schedule: learning rate 0, corrections 1.
    pub fn block(&self, number: u64) -> Step {
        Step {
            bias1: 1.0,
            bias2: 1.0,
            beta_u: projection::beta_draw(self.seed, number),
            slot: (number * self.network.shards as u64 % self.network.metric_slots() as u64) as u32,
            valid: self.network.images_per_step() as u32,
            ..Step::at(self.seed, number)
        }
    }

    /// Hands a batch to a plan over training images of this placement.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed(&mut self, placement: &Placement, batch: &Batch) -> Result<()> {
        self.feed_shard(placement, batch, [0, 1])
    }

    /// Hands shard `i` of `of` of a batch to a plan over training images of this placement.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed_shard(&mut self, placement: &Placement, batch: &Batch, shard: [usize; 2]) -> Result<()> {
        images::feed(&mut self.runner, &self.network, placement, ["input", INDEX], batch, shard)?;
        let labels = images::part(&batch.labels, shard);
        if self.runner.has("label") { self.runner.write("label", labels) } else { Ok(()) }
    }

    /// Hands a batch to a plan over test images of this placement.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed_test(&mut self, placement: &Placement, batch: &Batch) -> Result<()> {
        images::feed(&mut self.runner, &self.network, placement, ["test.input", TEST_INDEX], batch, [0, 1])?;
        self.runner.write("test.label", &batch.labels)
    }
}
