//! The training step on a device: one plan, or where the batch is in shards, the plans of [`crate::model::Cut`] in their
//! order.

use std::ops::Range;

use super::{Program, Session};
use crate::data::Batch;
use crate::error::Result;
use crate::gpu::Loaded;
use crate::model::Placement;
use crate::plan::{Plan, Step};

/// A loaded training step.
pub struct Training {
    programs: Vec<Program>,
    parts: Vec<Part>,
    /// The shards that it computes, of those of the batch.
    block: Range<usize>,
}

/// A run of a plan within a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which of the plans.
    program: usize,
    /// The shard whose images it takes, if it takes any.
    pub shard: Option<usize>,
    /// Images of a shard.
    images: usize,
}

impl Part {
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
        let programs = vec![session.training(placement, separate)?];
        Ok(Training {
            programs,
            parts: vec![Part { program: 0, shard: Some(0), images: session.network.batch }],
            block: 0..1,
        })
    }

    /// As [`Training::load`], in several plans whether there are shards or not.
    ///
    /// # Errors
    /// As [`Training::load`].
    pub fn load_cut(session: &mut Session, placement: &Placement, separate: bool) -> Result<Training> {
        Training::load_block(session, placement, separate, 0..session.network.shards)
    }

    /// As [`Training::load_cut`], of an aligned block of the shards: before its last part the gradients are those of the block.
    ///
    /// # Errors
    /// As [`Training::load`].
    pub fn load_block(
        session: &mut Session,
        placement: &Placement,
        separate: bool,
        block: Range<usize>,
    ) -> Result<Training> {
        let plans = session.network.cut_plans(&session.target, placement, block.len())?.into_plans();
        let programs = plans.into_iter().map(|plan| session.load(plan, separate)).collect::<Result<Vec<_>>>()?;
        let part = |program, shard| Part { program, shard, images: session.network.batch };
        let mut parts = vec![part(0, None)];
        for (i, shard) in block.clone().enumerate() {
            parts.extend([part(1, Some(shard)), part(2 + i.trailing_ones() as usize, None)]);
        }
        parts.push(part(programs.len() - 1, None));
        Ok(Training { programs, parts, block })
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

    /// Hands over the images of a part, if it takes any, from those of the block.
    ///
    /// # Errors
    /// What the device reports.
    pub fn feed(&self, session: &mut Session, part: Part, placement: &Placement, batch: &Batch) -> Result<()> {
        match part.shard {
            Some(shard) => session.feed_shard(placement, batch, [shard - self.block.start, self.block.len()]),
            None => Ok(()),
        }
    }

    /// Runs all of a step but its last part, whose images are handed over: [`Training::last`] is to be run behind it.
    ///
    /// # Errors
    /// What the device reports.
    pub fn begin(&self, session: &mut Session, placement: &Placement, batch: &Batch, step: &Step) -> Result<()> {
        for (i, part) in self.parts.iter().enumerate() {
            self.feed(session, *part, placement, batch)?;
            if i + 1 < self.parts.len() {
                session.runner.run(&self.program(*part).loaded, &part.block(step))?;
            }
        }
        Ok(())
    }
}
