//! Steps of several ranks. Each computes a block of the shards; what of its step others need goes up the tree of the ranks, the
//! gradients in buckets as they get ready and then a note, and comes down as that of all. Then each updates by itself, so that weights
//! and the optimiser's state are the same everywhere.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, unbounded};
use sha2::{Digest, Sha256};

use super::timeline::{Span, Timeline};

use crate::data::{Part, Prepared};
use crate::error::{Error, Result};
use crate::exchange::{BUCKET, Exchange};
use crate::gpu::{Readback, Runner};
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

fn check_len(from: usize, own: usize, received: &[u32]) -> Result<()> {
    match received.len() == own {
        true => Ok(()),
        false => Err(out_of_step(from, &format!("{} gradients in the place of {own}", received.len()))),
    }
}

fn out_of_step(rank: usize, what: &str) -> Error {
    Error::Rank(format!("rank {rank} is not where the others are: it sends {what}"))
}

/// The part of a rank in the steps of a run.
pub(super) struct Ranks<'a> {
    pub exchange: &'a Exchange,
    sum: HostSum,
    /// The gradients of each group.
    groups: Vec<Readback>,
    /// Metrics and halt.
    rest: Readback,
    /// On rank 0 the metrics of all shards.
    metrics: Vec<u32>,
    /// Whether a step is behind it: the first compiles.
    warm: bool,
    /// What the steps spend on the exchange.
    pub timeline: Timeline,
}

/// Called when what is submitted makes the gradients of a group.
pub(super) type Ready<'a> = dyn FnMut(&mut Runner, usize) -> Result<()> + 'a;

/// Some of the gradients, from one of them on.
type Words = (usize, Vec<u32>);

impl<'a> Ranks<'a> {
    /// For a session whose training step is loaded.
    pub fn new(exchange: &'a Exchange, session: &mut Session, training: &Training) -> Result<Ranks<'a>> {
        let rows = session.network.metric_slots() * metric::ROW;
        let groups = training.groups().iter().map(|elements| Readback::part(GRADIENT, elements.clone())).collect();
        let rest = Readback::new(&[("metrics", rows), ("halt", 2)]);
        let sum = HostSum::like(&mut session.runner)?;
        let timeline = Timeline::default();
        Ok(Ranks { exchange, sum, groups, rest, metrics: vec![0; rows], warm: false, timeline })
    }

    /// Runs step `number`, whose step block is `block`, but for its last part: leaves on the device the gradients and `halt` of all
    /// shards, on rank 0 the metrics, too. `begin` runs the plans of this rank's shards. While they compute the gradients of a group of
    /// tensors, those of the groups before go up the tree, and their sums come down. `stop`: this rank is told to stop.
    pub fn step(
        &mut self,
        session: &mut Session,
        training: &Training,
        block: &Step,
        number: u64,
        stop: &AtomicBool,
        begin: impl FnOnce(&mut Session, &mut Ready) -> Result<()>,
    ) -> Result<Now> {
        let Ranks { exchange, sum, .. } = *self;
        let (groups, first) = (training.groups(), exchange.rank() == 0);
        self.timeline.begin();
        exchange.computes(self.warm);
        let (hand, handed) = unbounded();
        let (give, sums) = unbounded();
        // Whatever fails ends what waits beside it.
        let fail = |error: &Error| {
            exchange.fail(error);
        };
        let (computed, upward, downward) = std::thread::scope(|scope| {
            let (up, down) = (give.clone(), give);
            let upward = scope.spawn(move || upward(exchange, sum, handed, &up).inspect_err(fail));
            let downward = scope.spawn(move || match first {
                true => Ok(()),
                false => downward(exchange, groups, &down).inspect_err(fail),
            });
            let computed = self.compute(session, training, begin, hand).inspect_err(fail);
            exchange.computes(false);
            (computed, upward.join().expect("no panic"), downward.join().expect("no panic"))
        });
        let (device, metrics, halt) = computed?;
        let upward = upward?;
        downward?;
        let (step, now) = ([number as u32, (number >> 32) as u32], Now::of(stop.load(Ordering::SeqCst)) as u32);
        let own = Note { step, now, halt: [halt[0], halt[1]] };
        let from = block.slot as usize + training.block().start;
        let rows = from * metric::ROW..(from + training.block().len()) * metric::ROW;
        let joined = exchange.up([&own.words(), &metrics[rows]].concat(), join_notes)?;
        let note = match joined {
            Some(joined) => {
                let (all, rows) = Note::split(0, &joined)?;
                let at = block.slot as usize * metric::ROW;
                self.metrics[at..at + rows.len()].copy_from_slice(rows);
                session.runner.write("metrics", &self.metrics)?;
                exchange.down(Some(all.words()))?;
                all
            }
            None => Note::split(0, &exchange.down(None)?)?.0,
        };
        if note.step() != number {
            return Err(out_of_step(0, &format!("step {}, and rank {} is at {number}", note.step(), exchange.rank())));
        }
        for (at, sum) in sums {
            session.runner.write_at(GRADIENT, at, &sum)?;
        }
        session.runner.write("halt", &note.halt)?;
        self.warm = true;
        self.timeline.end(device, upward)?;
        Ok(Now::of(note.now == Now::Stop as u32))
    }

    /// Runs the plans and hands over the gradients of each group as they arrive; returns when they did, the metrics, and `halt`.
    fn compute(
        &mut self,
        session: &mut Session,
        training: &Training,
        begin: impl FnOnce(&mut Session, &mut Ready) -> Result<()>,
        hand: Sender<Words>,
    ) -> Result<(Vec<Span>, Vec<u32>, Vec<u32>)> {
        let (last, begun) = (training.last(), Instant::now());
        let mut arrived: Vec<Span> = vec![];
        // Hands over what has arrived; waits for the groups before `wait`.
        let mut hand_over = |runner: &mut Runner, groups: &mut [Readback], wait: usize| -> Result<()> {
            while let Some(readback) = groups.get_mut(arrived.len()) {
                let group = arrived.len();
                let Some(mut parts) = runner.take(readback, group < wait)? else { break };
                let from = arrived.last().map_or(begun, |span| span.to);
                arrived.push(Span { group, from, to: Instant::now() });
                // Where nobody takes them, the run ends.
                let _ = hand.send((training.groups()[group].start, parts.pop().expect("one part")));
            }
            Ok(())
        };
        begin(session, &mut |runner, group| {
            runner.read_later(last, &mut self.groups[group])?;
            // A device goes on with this group meanwhile; a driver that computes within the submit has done it.
            hand_over(runner, &mut self.groups, group)
        })?;
        session.runner.read_later(last, &mut self.rest)?;
        let all = self.groups.len();
        hand_over(&mut session.runner, &mut self.groups, all)?;
        let rest = session.runner.take(&mut self.rest, true)?.expect("it was asked for");
        let [metrics, halt] = <[Vec<u32>; 2]>::try_from(rest).expect("two parts were asked for");
        Ok((arrived, metrics, halt))
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

    /// Compares the weights of all ranks, which have done so many steps.
    ///
    /// # Errors
    /// Two ranks whose weights differ; as [`Exchange::receive`]; what the device reports.
    pub fn same_weights(&self, session: &Session, steps: u64) -> Result<()> {
        let weights = session.runner.read("weight", session.network.parameters.len())?;
        let digest = Sha256::digest(bytemuck::cast_slice::<u32, u8>(&weights));
        let what = format!(
            "weights after step {steps}: a device, a driver or a memory errs; these weights are not saved, --resume goes on from those \
             saved before"
        );
        self.exchange.same(bytemuck::pod_collect_to_vec(&digest[..]), &what)
    }

    /// Gives all ranks the words of rank 0.
    pub fn share(&self, words: Vec<u32>) -> Result<Vec<u32>> {
        self.exchange.down(Some(words))
    }
}

/// Takes gradients up the tree, bucket by bucket; on rank 0 the sums go down at once.
fn upward(exchange: &Exchange, sum: HostSum, handed: Receiver<Words>, sums: &Sender<Words>) -> Result<Vec<Span>> {
    let mut spans = vec![];
    for (start, gradients) in handed {
        let from = Instant::now();
        for (at, bucket) in (start..).step_by(BUCKET).zip(gradients.chunks(BUCKET)) {
            let add = |from, own: &mut Vec<u32>, received: Vec<u32>| {
                check_len(from, own.len(), &received)?;
                sum.add(own, &received);
                Ok(())
            };
            if let Some(sum) = exchange.up(bucket.to_vec(), add)? {
                let _ = sums.send((at, exchange.down(Some(sum))?));
            }
        }
        spans.push(Span { group: spans.len(), from, to: Instant::now() });
    }
    Ok(spans)
}

/// On a rank but the first: takes the sums of the groups, which come down.
fn downward(exchange: &Exchange, groups: &[Range<usize>], sums: &Sender<Words>) -> Result<()> {
    for elements in groups {
        for at in elements.clone().step_by(BUCKET) {
            let sum = exchange.down(None)?;
            check_len(0, BUCKET.min(elements.end - at), &sum)?;
            let _ = sums.send((at, sum));
        }
    }
    Ok(())
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
