//! The training step cut into plans, for batches in shards: each shard has a pass of its own, and the gradients of all of them make
//! one update.

use std::ops::Range;

use super::{Network, Placement};
use crate::error::Result;
use crate::kernels::parameters::{Parameters, Tensor};
use crate::kernels::{add, optimizer};
use crate::plan::{Builder, Command, Plan, Role, Target, View};

/// Flat array of the gradients that an update takes.
pub const GRADIENT: &str = "gradient";

/// Elements of a row of the flat arrays, where they are cut into windows: what aligns the start of a view on every adapter.
const ROW: usize = 64;

/// The plans of a training step over a block of shards, all of them or an aligned part. With S shards in the block they run in this
/// order: `project`; for shard i = 0, 1, ... S - 2 of the block `gradient` and then `sums[t]`, t the number of trailing ones of i in
/// binary; for the last shard `gradient`, in its midst or behind it the plans of `last`; `update`.
///
/// The gradients of the shards are added in a binary tree, ((0 + 1) + (2 + 3)) + ..., whatever computes them: a machine with an
/// aligned block of the shards has in [`GRADIENT`] what the tree has for the block.
pub struct Cut {
    /// Projects the weights.
    pub project: Plan,
    /// Forward and backward pass of a shard.
    pub gradient: Plan,
    /// `sums[t]` adds the gradient of a shard to those of the 2^t - 1 shards before it that lie in its block of 2^t, and leaves the
    /// sum for later. As many as S has bits behind the first.
    pub sums: Vec<Plan>,
    /// Behind the last shard, in the order in which its backward pass comes to them: each makes the sum of the block of some tensors.
    pub last: Vec<Group>,
    /// Updates by what is in [`GRADIENT`].
    pub update: Plan,
}

/// Neighbouring tensors whose gradients are ready together.
pub struct Group {
    /// Commands of [`Cut::gradient`] behind which they are.
    pub after: usize,
    /// Their elements in the flat arrays.
    pub elements: Range<usize>,
    /// Leaves the sum of the block in these elements of [`GRADIENT`].
    pub plan: Plan,
}

impl Cut {
    /// All of them: project, gradient, sums, those of the groups, update.
    pub fn into_plans(self) -> Vec<Plan> {
        let Cut { project, gradient, sums, last, update } = self;
        let groups = last.into_iter().map(|group| group.plan);
        [project, gradient].into_iter().chain(sums).chain(groups).chain([update]).collect()
    }
}

impl Network {
    /// The training step over a block of so many shards in plans, with the images of a shard where `placement` says. Gradients are
    /// those of the mean loss over the whole batch, so those of the shards add up to those of a step in one pass, but for batch norm,
    /// whose moments are those of a shard. With one shard the plans are [`Network::train_plan_from`], bit for bit.
    ///
    /// The tensors are divided into [groups](Cut::last) of `least` elements or more, but for one; none: they are one group.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn cut_plans(&self, target: &Target, placement: &Placement, block: usize, least: Option<usize>) -> Result<Cut> {
        let target = Target { ternary: self.is_ternary(), ..self.target(target)? };
        let mut b = Builder::new("project", target.clone());
        self.project(&mut b)?;
        let project = b.finish()?;
        let mut b = Builder::new("gradient", target.clone());
        let grad = self.parameters.grad(&mut b, Role::State);
        self.backward(&mut b, placement, grad)?;
        let gradient = b.finish()?;
        let (last, all) = (block.ilog2(), 0..self.parameters.tensors.len());
        let sums = (0..last).map(|ones| self.sum_plan(&target, ones, last, all.clone())).collect::<Result<_>>()?;
        let groups = match least {
            None => vec![(gradient.commands.len(), all)],
            Some(least) => self.groups(&gradient, least),
        };
        let group = |(after, tensors): (usize, Range<usize>)| {
            let elements = self.parameters.elements(&tensors);
            Ok(Group { after, elements, plan: self.sum_plan(&target, last, last, tensors)? })
        };
        let last = groups.into_iter().map(group).collect::<Result<_>>()?;
        let mut b = Builder::new("update", target);
        let summed = self.parameters.summed();
        let sum = summed.flat(&mut b, GRADIENT);
        self.update(&mut b, &summed, sum)?;
        Ok(Cut { project, gradient, sums, last, update: b.finish()? })
    }

    /// The plans that a training run steps by: one, or where the batch is in shards those of [`Cut`].
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn training_plans(&self, target: &Target, placement: &Placement) -> Result<Vec<Plan>> {
        if self.shards == 1 {
            return Ok(vec![self.train_plan_from(target, placement)?]);
        }
        Ok(self.cut_plans(target, placement, self.shards, None)?.into_plans())
    }

    /// Neighbouring tensors in groups of `least` elements or more, but for one, from the last to the first, as a backward pass comes to
    /// them; with the commands of it behind which their gradients are there.
    fn groups(&self, gradient: &Plan, least: usize) -> Vec<(usize, Range<usize>)> {
        let grad = gradient.find(Parameters::GRAD).expect("where a backward pass leaves its gradients");
        let ready = |t: &Tensor| {
            let part = t.grad_offset..t.grad_offset + t.splits * t.len();
            let writes = |c: &Command| {
                let mut written = c.args().iter().filter(|a| a.access.writes() && a.view.buffer == grad);
                written.any(|a| a.view.offset < part.end && part.start < a.view.offset + a.view.len)
            };
            gradient.commands.iter().rposition(writes).map_or(0, |last| last + 1)
        };
        let mut groups = vec![];
        let (mut end, mut after) = (self.parameters.tensors.len(), 0);
        for (i, t) in self.parameters.tensors.iter().enumerate().rev() {
            after = after.max(ready(t));
            if i == 0 || self.parameters.elements(&(i..end)).len() >= least {
                groups.push((after, i..end));
                end = i;
            }
        }
        groups
    }

    /// The plan behind the pass of a shard whose number has so many trailing ones in binary, of some neighbouring tensors; `last`: those
    /// of the last shard of the block.
    fn sum_plan(&self, target: &Target, ones: u32, last: u32, tensors: Range<usize>) -> Result<Plan> {
        let mut builder = Builder::new(&format!("sum{ones}"), target.clone());
        let b = &mut builder;
        let elements = self.parameters.elements(&tensors);
        let outer = elements.len() / ROW;
        let flat = |b: &mut Builder, name: &str| self.parameters.flat(b, name).slice(elements.clone());
        let waiting = |b: &mut Builder, ones: u32| flat(b, &format!("{GRADIENT}.{ones}"));
        let to = if ones == last { flat(b, GRADIENT) } else { waiting(b, ones) };
        let sum = if ones == 0 { to } else { flat(b, GRADIENT) };
        let grad = self.parameters.grad(b, Role::State);
        let all = View { offset: 0, len: self.parameters.len(), ..sum };
        optimizer::sum(b, "gradient.sum", &self.parameters.of(tensors), grad, all)?;
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
