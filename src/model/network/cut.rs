//! The training step cut into plans, for batches in shards: each shard has a pass of its own, and the gradients of all of them make
//! one update.

use super::{Network, Placement};
use crate::error::Result;
use crate::kernels::{add, optimizer};
use crate::plan::{Builder, Plan, Role, Target};

/// Flat array of the gradients that an update takes.
pub const GRADIENT: &str = "gradient";

/// Elements of a row of the flat arrays, where they are cut into windows: what aligns the start of a view on every adapter.
const ROW: usize = 64;

/// The plans of a training step over a block of shards, all of them or an aligned part. With S shards in the block they run in this
/// order: `project`; for shard i = 0, 1, ... S - 1 of the block `gradient` and then `sums[t]`, t the number of trailing ones of i in
/// binary; `update`.
///
/// The gradients of the shards are added in a binary tree, ((0 + 1) + (2 + 3)) + ..., whatever computes them: a machine with an
/// aligned block of the shards has in [`GRADIENT`] what the tree has for the block.
pub struct Cut {
    /// Projects the weights.
    pub project: Plan,
    /// Forward and backward pass of a shard.
    pub gradient: Plan,
    /// `sums[t]` adds the gradient of a shard to those of the 2^t - 1 shards before it that lie in its block of 2^t, and leaves the
    /// sum for later, the last of them in [`GRADIENT`]. One more than S has bits behind the first.
    pub sums: Vec<Plan>,
    /// Updates by what is in [`GRADIENT`].
    pub update: Plan,
}

impl Cut {
    /// All of them: project, gradient, sums, update.
    pub fn into_plans(self) -> Vec<Plan> {
        let Cut { project, gradient, sums, update } = self;
        [project, gradient].into_iter().chain(sums).chain([update]).collect()
    }
}

impl Network {
    /// The training step over a block of so many shards in plans, with the images of a shard where `placement` says. Gradients are
    /// those of the mean loss over the whole batch, so those of the shards add up to those of a step in one pass, but for batch norm,
    /// whose moments are those of a shard. With one shard the plans are [`Network::train_plan_from`], bit for bit.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn cut_plans(&self, target: &Target, placement: &Placement, block: usize) -> Result<Cut> {
        let target = Target { ternary: self.is_ternary(), ..self.target(target)? };
        let mut b = Builder::new("project", target.clone());
        self.project(&mut b)?;
        let project = b.finish()?;
        let mut b = Builder::new("gradient", target.clone());
        let grad = self.parameters.grad(&mut b, Role::State);
        self.backward(&mut b, placement, grad)?;
        let gradient = b.finish()?;
        let last = block.ilog2();
        let sums = (0..=last).map(|ones| self.sum_plan(&target, ones, last)).collect::<Result<_>>()?;
        let mut b = Builder::new("update", target);
        let summed = self.parameters.summed();
        let sum = summed.flat(&mut b, GRADIENT);
        self.update(&mut b, &summed, sum)?;
        Ok(Cut { project, gradient, sums, update: b.finish()? })
    }

    /// The plans that a training run steps by: one, or where the batch is in shards those of [`Cut`].
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn training_plans(&self, target: &Target, placement: &Placement) -> Result<Vec<Plan>> {
        if self.shards == 1 {
            return Ok(vec![self.train_plan_from(target, placement)?]);
        }
        Ok(self.cut_plans(target, placement, self.shards)?.into_plans())
    }

    /// The plan behind the pass of a shard whose number has so many trailing ones in binary; `last`: those of the last shard of
    /// the block.
    fn sum_plan(&self, target: &Target, ones: u32, last: u32) -> Result<Plan> {
        let mut builder = Builder::new(&format!("sum{ones}"), target.clone());
        let b = &mut builder;
        let outer = self.parameters.len() / ROW;
        let waiting = |b: &mut Builder, ones: u32| self.parameters.flat(b, &format!("{GRADIENT}.{ones}"));
        let to = if ones == last { self.parameters.flat(b, GRADIENT) } else { waiting(b, ones) };
        let sum = if ones == 0 { to } else { self.parameters.flat(b, GRADIENT) };
        let grad = self.parameters.grad(b, Role::State);
        optimizer::sum(b, "gradient.sum", &self.parameters, grad, sum)?;
        for earlier in 0..ones {
            let earlier_sum = waiting(b, earlier);
            let scope = format!("gradient.add{}", 2 << earlier);
            if earlier + 1 == ones && ones < last {
                add::forward(b, &scope, outer, earlier_sum, sum, to)?;
            } else {
                add::assign(b, &scope, outer, earlier_sum, sum)?;
            }
        }
        builder.finish()
    }
}
