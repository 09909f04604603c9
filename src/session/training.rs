//! The training step on a device: one plan, or where the batch is in shards, the plans of [`crate::model::Cut`] in their
//! order.

use std::ops::Range;

use super::{Program, Session};
use crate::data::Batch;
use crate::error::Result;
use crate::gpu::{Loaded, Runner};
use crate::model::Placement;
use crate::plan::{Plan, Step};

/// A loaded training step.
pub struct Training {
    programs: Vec<Program>,
    parts: Vec<Part>,
    /// The shards that it computes, of those of the batch.
    block: Range<usize>,
    /// The elements of each group of tensors whose gradients are ready together.
    groups: Vec<Range<usize>>,
}

/// A run of a plan within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of the plans.
    program: usize,
    /// The shard that it is of, if it is of one.
    shard: Option<usize>,
    /// Images of a shard.
    images: usize,
    /// The first of the commands, and the one behind the last.
    commands: [usize; 2],
    /// The group whose gradients are ready behind it.
    group: Option<usize>,
}

impl Part {
    /// The commands of its plan.
    pub fn commands(&self) -> Range<usize> {
        self.commands[0]..self.commands[1]
    }

    /// The shard whose images it takes, if it takes any.
    pub fn takes(&self) -> Option<usize> {
        self.shard.filter(|_| self.commands[0] == 0)
    }

    /// The step block of the part, given that of the step: the row of the metrics of its shard, and the place of its images.
    pub fn block(&self, step: &Step) -> Step {
        let shard = self.shard.unwrap_or(0);
        Step { slot: step.slot + shard as u32, first_image: step.first_image + (shard * self.images) as u32, ..*step }
    }
}

impl Training {
    /// Loads the step of the session's network, in one plan or where it has shards in several; `separate` as in
    /// [`crate::gpu::lower::lower`].
    ///
    /// # Errors
    /// A network that the target cannot hold; what the device refuses.
    pub fn load(session: &mut Session, placement: &Placement, separate: bool) -> Result<Training> {
        if session.network.shards > 1 {
            return Training::load_cut(session, placement, separate);
        }
        let program = session.training(placement, separate)?;
        let commands = [0, program.plan.commands.len()];
        let part = Part { program: 0, shard: Some(0), images: session.network.batch, commands, group: None };
        Ok(Training { programs: vec![program], parts: vec![part], block: 0..1, groups: vec![] })
    }

    /// As [`Training::load`], in several plans whether there are shards or not.
    ///
    /// # Errors
    /// As [`Training::load`].
    pub fn load_cut(session: &mut Session, placement: &Placement, separate: bool) -> Result<Training> {
        Training::load_block(session, placement, separate, 0..session.network.shards, None)
    }

    /// As [`Training::load_cut`], of an aligned block of the shards: before its last part the gradients are those of the block. They
    /// get ready in groups of `least` elements or more ([`Network::cut_plans`](crate::model::Network::cut_plans)).
    ///
    /// # Errors
    /// As [`Training::load`].
    pub fn load_block(
        session: &mut Session,
        placement: &Placement,
        separate: bool,
        block: Range<usize>,
        least: Option<usize>,
    ) -> Result<Training> {
        let cut = session.network.cut_plans(&session.target, placement, block.len(), least)?;
        let (first_group, ready): (usize, Vec<usize>) =
            (2 + cut.sums.len(), cut.last.iter().map(|g| g.after).collect());
        let groups = cut.last.iter().map(|g| g.elements.clone()).collect();
        let load = |plan: Plan| session.load(plan, separate);
        let programs = cut.into_plans().into_iter().map(load).collect::<Result<Vec<_>>>()?;
        let some =
            |program, shard, commands| Part { program, shard, images: session.network.batch, commands, group: None };
        let all = |program: usize, shard| some(program, shard, [0, programs[program].plan.commands.len()]);
        let mut parts = vec![all(0, None)];
        let last = block.len() - 1;
        for (i, shard) in block.clone().take(last).enumerate() {
            parts.extend([all(1, Some(shard)), all(2 + i.trailing_ones() as usize, None)]);
        }
        let mut done = 0;
        for (group, after) in ready.into_iter().enumerate() {
            if after > done {
                parts.push(some(1, Some(block.start + last), [done, after]));
                done = after;
            }
            parts.push(Part { group: Some(group), ..all(first_group + group, None) });
        }
        let whole = programs[1].plan.commands.len();
        if done < whole {
            parts.push(some(1, Some(block.start + last), [done, whole]));
        }
        parts.push(all(programs.len() - 1, None));
        Ok(Training { programs, parts, block, groups })
    }

    /// Its plans.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.programs.iter().map(|p| &p.plan)
    }

    /// The runs of plans that make a step, in order. The last updates, by the step block as it is.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The plan of a part.
    pub fn program(&self, part: Part) -> &Program {
        &self.programs[part.program]
    }

    /// The plan that updates.
    pub fn last(&self) -> &Loaded {
        &self.programs[self.programs.len() - 1].loaded
    }

    /// The shards that it computes, of those of the batch.
    pub fn block(&self) -> Range<usize> {
        self.block.clone()
    }

    /// The elements of each group of tensors whose gradients are ready together, in the order in which they are.
    pub fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    /// Hands over the images of a part, if it takes any, from those of the block.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed(&self, session: &mut Session, part: Part, placement: &Placement, batch: &Batch) -> Result<()> {
        match part.takes() {
            Some(shard) => session.feed_shard(placement, batch, [shard - self.block.start, self.block.len()]),
            None => Ok(()),
        }
    }

    /// Runs all of a step but its last part, whose images are handed over: [`Training::last`] is to be run behind it. Calls `ready` with
    /// the number of each group when what is submitted makes its gradients.
    ///
    /// # Errors
    /// What the device reports; those of `ready`.
    pub fn begin(
        &self,
        session: &mut Session,
        placement: &Placement,
        batch: &Batch,
        step: &Step,
        mut ready: impl FnMut(&mut Runner, usize) -> Result<()>,
    ) -> Result<()> {
        for (i, part) in self.parts.iter().enumerate() {
            self.feed(session, *part, placement, batch)?;
            if i + 1 < self.parts.len() {
                self.run(&mut session.runner, *part, step)?;
            }
            part.group.map_or(Ok(()), |group| ready(&mut session.runner, group))?;
        }
        Ok(())
    }

    /// Runs a part, whose images are handed over.
    ///
    /// # Errors
    /// What the device reports.
    pub fn run(&self, runner: &mut Runner, part: Part, step: &Step) -> Result<()> {
        runner.run_some(&self.program(part).loaded, part.commands(), &part.block(step))
    }
}
