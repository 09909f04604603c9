//! What a run reads of its steps while they go on: the losses, and the flags of a step that went wrong. The numbers are
//! copied behind a step and read when they have arrived, a few steps later, so that the device never waits for the host.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

use crate::error::Result;
use crate::gpu::{Loaded, Readback, Runner};
use crate::kernels::metric;
use crate::model::Network;
use crate::plan::Step;

/// What the numbers say of some steps.
pub(super) enum Seen {
    /// Every loss and update was finite.
    Sound {
        /// The steps, 0-based.
        steps: Range<u64>,
        /// Mean loss.
        loss: f64,
        /// Time since the steps before were seen.
        seconds: f64,
    },
    /// The first step whose loss or update was not finite.
    Unsound(u64),
}

/// Reads the steps of a run in order, each once.
pub(super) struct Watch {
    readback: Readback,
    /// The steps of each snapshot under way.
    asked: VecDeque<Range<u64>>,
    /// The first step that no snapshot covers yet.
    next: u64,
    since: Instant,
    /// Steps whose metrics are kept, and the rows of each, one for a shard.
    kept: u64,
    shards: usize,
}

impl Watch {
    /// Watches from step `first` on.
    pub fn new(network: &Network, first: u64) -> Self {
        let (slots, shards) = (network.metric_slots(), network.shards);
        let parts = [("metrics", slots * metric::ROW), ("maxima", network.parameters.chunks().len()), ("halt", 2)];
        let (asked, kept) = (VecDeque::new(), (slots / shards) as u64);
        Watch { readback: Readback::new(&parts), asked, next: first, since: Instant::now(), kept, shards }
    }

    /// After a pause in which other plans ran: the time begins anew. Every snapshot was taken before.
    pub fn restart_clock(&mut self) {
        assert!(self.asked.is_empty(), "a pause with numbers under way");
        self.since = Instant::now();
    }

    /// Whether the metrics hold no row for another step until they are read, when `done` steps are done.
    pub fn is_full(&self, done: u64) -> bool {
        done - self.next == self.kept
    }

    /// Runs the step and asks for the numbers of all steps up to it: `done` is their number.
    ///
    /// # Errors
    /// What the device reported.
    pub fn run(&mut self, runner: &mut Runner, plan: &Loaded, step: &Step, done: u64) -> Result<()> {
        runner.run_and_read(plan, step, &mut self.readback)?;
        self.asked.push_back(self.next..done);
        self.next = done;
        Ok(())
    }

    /// Asks for the numbers of the steps that ran without, if there are any.
    ///
    /// # Errors
    /// What the device reported.
    pub fn ask(&mut self, runner: &mut Runner, plan: &Loaded, done: u64) -> Result<()> {
        if self.next < done {
            runner.read_later(plan, &mut self.readback)?;
            self.asked.push_back(self.next..done);
            self.next = done;
        }
        Ok(())
    }

    /// The oldest numbers asked for; none if they have not arrived, or none are under way. `wait`: until they have.
    ///
    /// # Errors
    /// What the device reported.
    pub fn take(&mut self, runner: &mut Runner, wait: bool) -> Result<Option<Seen>> {
        let Some(parts) = runner.take(&mut self.readback, wait)? else { return Ok(None) };
        let steps = self.asked.pop_front().expect("one range per snapshot");
        let [metrics, maxima, halt] = &parts[..] else { unreachable!("three parts were asked for") };
        if let Some(bad) = first_unsound(&steps, maxima, halt) {
            return Ok(Some(Seen::Unsound(bad)));
        }
        let rows = |s: u64| ((s % self.kept) as usize * self.shards..).take(self.shards);
        let sum: f64 = steps.clone().flat_map(rows).map(|r| f64::from(f32::from_bits(metrics[r * metric::ROW]))).sum();
        let loss = sum / (steps.end - steps.start) as f64;
        let seconds = self.since.elapsed().as_secs_f64();
        self.since = Instant::now();
        Ok(Some(Seen::Sound { steps, loss, seconds }))
    }
}

/// The first of `steps` whose loss or update was not finite, if any.
fn first_unsound(steps: &Range<u64>, maxima: &[u32], halt: &[u32]) -> Option<u64> {
    let flagged = maxima.iter().any(|&m| !f32::from_bits(m).is_finite());
    if halt[0] == 0 {
        // The update of the last step; the next would have halted.
        return flagged.then(|| steps.end - 1);
    }
    let bad = steps.clone().find(|s| *s as u32 == halt[1]).unwrap_or(steps.start);
    // The step that halted only noticed a flag that the update of the step before had left.
    Some(if flagged { bad.saturating_sub(1) } else { bad })
}
