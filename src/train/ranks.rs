//! Steps of several ranks. Each computes a block of the shards; what of its step others need goes up the tree of the ranks, a note and
//! then the gradients in buckets, and comes down as that of all. Then each updates by itself, so that weights and the optimiser's state
//! are the same everywhere.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::data::{Part, Prepared};
use crate::error::{Error, Result};
use crate::exchange::{BUCKET, Exchange};
use crate::gpu::Readback;
use crate::kernels::metric;
use crate::model::GRADIENT;
use crate::plan::Step;
use crate::session::host_sum::HostSum;
use crate::session::{Session, Training};

/// How a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    /// With the next step.
    On = 0,
    /// It ends behind this step.
    Stop = 1,
    /// It has ended.
    Ended = 2,
}

impl Now {
    /// Behind a step, where the run is told to stop or not.
    pub fn of(stop: bool) -> Now {
        if stop { Now::Stop } else { Now::On }
    }
}

/// What ranks say of a step beside its gradients: these words, and behind them on the way up the rows of the metrics of their shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Note {
    /// The step, 0-based: low and high word.
    step: [u32; 2],
    /// A [`Now`].
    now: u32,
    /// As [`metric::record`] leaves it: whether a step was not sound, and which.
    halt: [u32; 2],
}

const NOTE: usize = size_of::<Note>() / size_of::<u32>();

impl Note {
    fn words(&self) -> Vec<u32> {
        bytemuck::cast_slice(std::slice::from_ref(self)).to_vec()
    }

    fn step(&self) -> u64 {
        u64::from(self.step[1]) << 32 | u64::from(self.step[0])
    }

    /// The note in a message, and what is behind it.
    fn split(from: usize, words: &[u32]) -> Result<(Note, &[u32])> {
        let (note, rest) = words.split_at_checked(NOTE).ok_or_else(|| out_of_step(from, "a message of no step"))?;
        Ok((bytemuck::cast_slice::<u32, Note>(note)[0], rest))
    }
}

fn check_len(from: usize, own: &[u32], received: &[u32]) -> Result<()> {
    match received.len() == own.len() {
        true => Ok(()),
        false => Err(out_of_step(from, &format!("{} gradients in the place of {}", received.len(), own.len()))),
    }
}

fn out_of_step(rank: usize, what: &str) -> Error {
    Error::Rank(format!("rank {rank} is not where the others are: it sends {what}"))
}

/// The part of a rank in the steps of a run.
pub(super) struct Ranks<'a> {
    pub exchange: &'a Exchange,
    sum: HostSum,
    /// Gradients, metrics and halt.
    readback: Readback,
    /// On rank 0 the metrics of all shards.
    metrics: Vec<u32>,
    /// Whether a step is behind it: the first compiles.
    warm: bool,
    /// Time in exchange, waiting for others among it.
    pub spent: Duration,
}

impl<'a> Ranks<'a> {
    /// For a session whose training step is loaded.
    pub fn new(exchange: &'a Exchange, session: &mut Session) -> Result<Ranks<'a>> {
        let (parameters, rows) = (session.network.parameters.len(), session.network.metric_slots() * metric::ROW);
        let readback = Readback::new(&[(GRADIENT, parameters), ("metrics", rows), ("halt", 2)]);
        let sum = HostSum::like(&mut session.runner)?;
        Ok(Ranks { exchange, sum, readback, metrics: vec![0; rows], warm: false, spent: Duration::ZERO })
    }

    /// Before the plans of a step run.
    pub fn begin(&self) {
        self.exchange.computes(self.warm);
    }

    /// Behind the plans of the block of step `number`, whose step block is `block`: makes gradients and `halt` on the device those of
    /// all shards, on rank 0 the metrics, too. `stop`: this rank was told to stop.
    pub fn add(
        &mut self,
        session: &mut Session,
        training: &Training,
        block: &Step,
        number: u64,
        stop: bool,
    ) -> Result<Now> {
        session.runner.read_later(training.last(), &mut self.readback)?;
        let parts = session.runner.take(&mut self.readback, true)?.expect("it was asked for");
        let [mut gradient, metrics, halt] = <[Vec<u32>; 3]>::try_from(parts).expect("three parts were asked for");
        self.exchange.computes(false);
        let begin = Instant::now();
        let first = block.slot as usize + training.block().start;
        let rows = first * metric::ROW..(first + training.block().len()) * metric::ROW;
        let step = [number as u32, (number >> 32) as u32];
        let own = Note { step, now: Now::of(stop) as u32, halt: [halt[0], halt[1]] };
        let (exchange, sum) = (self.exchange, self.sum);
        let joined = exchange.up([&own.words(), &metrics[rows]].concat(), join_notes)?;
        let first = joined.is_some();
        let mut note = own;
        if let Some(joined) = joined {
            let (all, rows) = Note::split(0, &joined)?;
            let at = block.slot as usize * metric::ROW;
            self.metrics[at..at + rows.len()].copy_from_slice(rows);
            session.runner.write("metrics", &self.metrics)?;
            exchange.down(Some(all.words()))?;
            note = all;
        }
        // The sum of a bucket goes down while the next one comes up.
        for bucket in gradient.chunks_mut(BUCKET) {
            let add = |from, own: &mut Vec<u32>, received: Vec<u32>| {
                check_len(from, own, &received)?;
                sum.add(own, &received);
                Ok(())
            };
            if let Some(sum) = exchange.up(bucket.to_vec(), add)? {
                bucket.copy_from_slice(&exchange.down(Some(sum))?);
            }
        }
        if !first {
            note = Note::split(0, &exchange.down(None)?)?.0;
            if note.step() != number {
                let what = format!("step {}, and rank {} is at {number}", note.step(), exchange.rank());
                return Err(out_of_step(0, &what));
            }
            for bucket in gradient.chunks_mut(BUCKET) {
                let sum = exchange.down(None)?;
                check_len(0, bucket, &sum)?;
                bucket.copy_from_slice(&sum);
            }
        }
        session.runner.write(GRADIENT, &gradient)?;
        session.runner.write("halt", &note.halt)?;
        self.warm = true;
        self.spent += begin.elapsed();
        Ok(Now::of(note.now == Now::Stop as u32))
    }

    /// On rank 0: lets the others end.
    pub fn end(&self) -> Result<()> {
        let note = Note { step: [u32::MAX; 2], now: Now::Ended as u32, halt: [0; 2] };
        self.exchange.down(Some(note.words())).map(drop)
    }

    /// On the others: waits for rank 0 to end.
    pub fn wait_for_end(&self) -> Result<()> {
        let note = self.exchange.down(None)?;
        let (note, _) = Note::split(0, &note)?;
        if note.now == Now::Ended as u32 { Ok(()) } else { Err(out_of_step(0, &format!("step {}", note.step()))) }
    }

    /// Compares what must be the same on all ranks: `(what, value)`. Returns when all have.
    ///
    /// # Errors
    /// On the rank that differs: what does.
    pub fn compare(&self, facts: &[(&str, String)]) -> Result<()> {
        let own: Vec<String> =
            facts.iter().map(|(what, value)| format!("{what}: {}", value.replace('\n', " "))).collect();
        let theirs = self.exchange.down_text(Some(&own.join("\n")))?;
        if let Some((own, theirs)) = own.iter().zip(theirs.lines()).find(|(own, theirs)| own != theirs) {
            return Err(Error::Rank(format!(
                "rank {} differs from rank 0: it has {own}; rank 0 has {theirs}",
                self.exchange.rank()
            )));
        }
        self.exchange.all_here()
    }

    /// Gives all ranks the words of rank 0.
    pub fn share(&self, words: Vec<u32>) -> Result<Vec<u32>> {
        self.exchange.down(Some(words))
    }
}

/// The note of a block of ranks, of those of its halves.
fn join_notes(from: usize, own: &mut Vec<u32>, received: Vec<u32>) -> Result<()> {
    let (a, _) = Note::split(from, own)?;
    let (b, rows) = Note::split(from, &received)?;
    if a.step != b.step {
        return Err(out_of_step(from, &format!("step {}, and others are at {}", b.step(), a.step())));
    }
    let halt = if a.halt[0] != 0 { a.halt } else { b.halt };
    let joined = Note { now: a.now.max(b.now), halt, ..a };
    own[..NOTE].copy_from_slice(&joined.words());
    own.extend_from_slice(rows);
    Ok(())
}

/// A digest of what a rank trains on and tests: all labels, and some of the images.
///
/// # Errors
/// An image that cannot be read.
pub(super) fn digest(data: &Prepared) -> Result<String> {
    // Of each part.
    const IMAGES: usize = 16;
    let (mut hash, mut count) = (Sha256::new(), 0);
    for part in [Part::Train, Part::Validation, Part::Test] {
        let labels = &data.split(part).labels;
        let some: Vec<u32> = (0..labels.len() as u32).step_by(labels.len().div_ceil(IMAGES).max(1)).collect();
        let mut images = vec![];
        data.gather(part, &some, &mut images)?;
        hash.update(bytemuck::cast_slice(labels));
        hash.update(bytemuck::cast_slice(&images));
        count += labels.len();
    }
    Ok(format!("{count} images, digest {}", hex(hash)))
}

/// A digest of the program that runs.
pub(super) fn program() -> String {
    let bytes = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(bytes);
    format!("weightproof {}, digest {}", env!("CARGO_PKG_VERSION"), hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
