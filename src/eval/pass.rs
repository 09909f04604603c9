//! A pass of an evaluation over batches, alone or with the other ranks of a run: of N ranks each runs every N-th batch, and all of
//! them get the numbers of all batches, in the order of these. So what is made of the numbers has the same bits on any number of ranks.

use std::iter::StepBy;
use std::ops::Range;

use super::Progress;
use crate::data::{Batch, Batches};
use crate::error::{Error, Result};
use crate::exchange::Exchange;
use crate::gpu::Readback;
use crate::session::Session;

/// Batches that a device has before it beyond the one whose numbers are waited for.
const AHEAD: usize = 2;

/// A pass over the batches `0..count`.
pub(super) struct Pass<'a> {
    pub count: usize,
    /// None of a process alone.
    pub exchange: Option<&'a Exchange>,
    pub progress: Progress<'a>,
}

impl Pass<'_> {
    /// The numbers of the batches that this rank runs.
    pub fn own(&self) -> StepBy<Range<usize>> {
        let (rank, ranks) = self.exchange.map_or((0, 1), |e| (e.rank(), e.ranks()));
        (rank..self.count.max(rank)).step_by(ranks)
    }

    /// Takes `batches`, which are [`Pass::own`], to the device by `run`, with a snapshot for `readback` behind each. The snapshots of
    /// all batches go to `each` in the order of these. False if a rank was told to stop on the way: then all stop at the same batch.
    ///
    /// # Errors
    /// A batch that cannot be read; those of `run`; what the device reports; another rank's end.
    pub fn run(
        &self,
        session: &mut Session,
        mut batches: Batches,
        readback: &mut Readback,
        mut run: impl FnMut(&mut Session, &Batch, &mut Readback) -> Result<()>,
        mut each: impl FnMut(&[u32]),
    ) -> Result<bool> {
        let ranks = self.exchange.map_or(1, Exchange::ranks);
        let mut running = 0;
        for first in (0..self.count).step_by(ranks) {
            let begun = self.progress.bar.elapsed();
            // Whether to stop, and then the snapshot, if a batch of this round is this rank's.
            let mut said = vec![u32::from(self.progress.stopped())];
            if said == [0] {
                while running <= AHEAD
                    && let Some(batch) = batches.next()
                {
                    run(session, &batch?, readback)?;
                    running += 1;
                }
                let parts = session.runner.take(readback, true)?;
                running -= usize::from(parts.is_some());
                said.extend(parts.into_iter().flatten().flatten());
            }
            let all = self.exchange.map_or(Ok(said.clone()), |exchange| gathered(exchange, said))?;
            if all[0] != 0 {
                return Ok(false);
            }
            let (words, round) = (readback.words(), ranks.min(self.count - first));
            if all.len() != 1 + round * words {
                let what = format!(
                    "the ranks send {} numbers of {round} batches in the place of {}",
                    all.len() - 1,
                    round * words
                );
                return Err(Error::Rank(format!("the ranks are not at the same batch of a test: {what}")));
            }
            all[1..].chunks_exact(words).for_each(&mut each);
            self.progress.bar.inc(round as u64);
            self.progress.say(begun);
        }
        Ok(true)
    }
}

/// What all ranks say, in their order, behind the first word, which is 0 if it is with all of them.
fn gathered(exchange: &Exchange, own: Vec<u32>) -> Result<Vec<u32>> {
    let all = exchange.up(own, |from, own, received| {
        let (stop, words) = received
            .split_first()
            .ok_or_else(|| Error::Rank(format!("rank {from} sends nothing in the place of the numbers of a test")))?;
        own[0] |= stop;
        own.extend_from_slice(words);
        Ok(())
    })?;
    exchange.down(all)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::Meeting;

    #[test]
    fn all_ranks_get_the_numbers_of_all_in_their_order_and_stop_if_one_does() {
        const RANKS: usize = 4;
        let limit = Duration::from_secs(60);
        let meeting = Meeting::open(RANKS).unwrap();
        // Rank 3 has no batch in the first round, rank 2 is told to stop in the second.
        let said = |rank: u32| {
            [if rank < 3 { vec![0, 10 * rank, 10 * rank + 1] } else { vec![0] }, vec![u32::from(rank == 2)]]
        };
        let ends = |exchange: &Exchange| said(exchange.rank() as u32).map(|own| gathered(exchange, own).unwrap());
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..RANKS).map(|rank| meeting.invitation(rank)).collect();
            let threads: Vec<_> = others
                .into_iter()
                .map(|i| scope.spawn(move || ends(&Exchange::new(i.accept(limit, None).unwrap(), limit))))
                .collect();
            let first = ends(&Exchange::new(meeting.gather(limit, None, || Ok(())).unwrap(), limit));
            assert_eq!(first, [vec![0, 0, 1, 10, 11, 20, 21], vec![1]]);
            for thread in threads {
                assert_eq!(thread.join().unwrap(), first);
            }
        });
    }
}
