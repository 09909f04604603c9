//! Batches, gathered by a thread that runs a few ahead of the network.
//!
//! Which images are in a batch is a pure function of the seed and the batch's number. So a run that is resumed at batch
//! k sees exactly what it would have seen without the interruption.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Part, Prepared};
use crate::error::{Error, Result};
use crate::philox::{key, philox4x32, stream};

/// Batches that may wait for the consumer.
const DEPTH: usize = 4;

/// Where a run stands in its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Batches already taken since the start of the run, over all epochs: the number, from 0, of the next one.
    pub step: u64,
}

/// Some images and their labels. When it is dropped its memory goes back to the thread that fills the next ones.
#[derive(Debug)]
pub struct Batch {
    /// `[batch][row][column][channel]`; zero where there is no image. Empty from [`Batches::train_chosen`] and
    /// [`Batches::sequential_chosen`].
    pub images: Vec<f32>,
    /// Which images they are, by their place in the split: `valid` of them.
    pub chosen: Vec<u32>,
    /// `[batch]`; zero where there is no image.
    pub labels: Vec<u32>,
    /// How many of the images are real: all, except in the last batch of a sequential pass.
    pub valid: usize,
    /// Which batch this is. A run that stops after it resumes at `step + 1`.
    pub position: Position,
    home: Sender<Buffers>,
}

type Buffers = (Vec<f32>, Vec<u32>, Vec<u32>);

/// What goes into batches.
#[derive(Clone, Copy)]
struct Take {
    part: Part,
    batch: usize,
    /// Whether the images themselves are taken along.
    gather: bool,
}

impl Drop for Batch {
    fn drop(&mut self) {
        // If the thread has ended, or has enough of them, the memory is freed as usual.
        let [labels, chosen] = [&mut self.labels, &mut self.chosen].map(std::mem::take);
        let _ = self.home.try_send((std::mem::take(&mut self.images), labels, chosen));
    }
}

/// An iterator of [`Batch`]es. Dropping it ends its thread.
#[derive(Debug)]
pub struct Batches {
    // An option, so that `drop` can hang up before it waits for the thread.
    ready: Option<Receiver<Batch>>,
    thread: Option<JoinHandle<()>>,
    per_epoch: u64,
}

impl Batches {
    /// Endless batches of `batch` training images from `start` on, each epoch in an order of its own
    /// ([`permutation`]). The images left over at the end of an epoch, fewer than a batch, sit that epoch out.
    ///
    /// # Errors
    /// A batch of 0, or of more images than there are.
    pub fn train(prepared: Arc<Prepared>, batch: usize, seed: u64, start: Position) -> Result<Self> {
        Self::shuffled(prepared, batch, seed, start, true)
    }

    /// The same batches without their images, only which they are: for images that are resident on a device.
    ///
    /// # Errors
    /// As [`Batches::train`].
    pub fn train_chosen(prepared: Arc<Prepared>, batch: usize, seed: u64, start: Position) -> Result<Self> {
        Self::shuffled(prepared, batch, seed, start, false)
    }

    fn shuffled(prepared: Arc<Prepared>, batch: usize, seed: u64, start: Position, gather: bool) -> Result<Self> {
        let count = prepared.train.labels.len();
        if batch == 0 || batch > count {
            return Err(Error::Invalid(format!(
                "a batch of {batch} images cannot be taken from {count} training images: choose 1 to {count}"
            )));
        }
        let per_epoch = (count / batch) as u64;
        let mut order = (None, Vec::new());
        let choose = move |step: u64, chosen: &mut Vec<u32>| {
            let epoch = step / per_epoch;
            if order.0 != Some(epoch) {
                order = (Some(epoch), permutation(count, seed, epoch));
            }
            let first = (step % per_epoch) as usize * batch;
            chosen.extend_from_slice(&order.1[first..first + batch]);
        };
        let take = Take { part: Part::Train, batch, gather };
        Ok(Self::spawn(prepared, take, per_epoch, start.step..u64::MAX, choose))
    }

    /// One pass over the images of `part` in order, `batch` at a time; the last batch is padded with zeros.
    ///
    /// # Errors
    /// A batch of 0.
    pub fn sequential(prepared: Arc<Prepared>, part: Part, batch: usize) -> Result<Self> {
        Self::in_order(prepared, part, batch, true)
    }

    /// The same batches without their images, only which they are: for images that are resident on a device.
    ///
    /// # Errors
    /// As [`Batches::sequential`].
    pub fn sequential_chosen(prepared: Arc<Prepared>, part: Part, batch: usize) -> Result<Self> {
        Self::in_order(prepared, part, batch, false)
    }

    fn in_order(prepared: Arc<Prepared>, part: Part, batch: usize, gather: bool) -> Result<Self> {
        if batch == 0 {
            return Err(Error::Invalid("a batch of 0 images never comes to an end: choose at least 1".into()));
        }
        let count = prepared.split(part).labels.len();
        let per_epoch = count.div_ceil(batch) as u64;
        let choose = move |step: u64, chosen: &mut Vec<u32>| {
            let first = step as usize * batch;
            chosen.extend(first as u32..count.min(first + batch) as u32);
        };
        let take = Take { part, batch, gather };
        Ok(Self::spawn(prepared, take, per_epoch, 0..per_epoch, choose))
    }

    /// Batches in one pass over the split.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch
    }

    /// Starts the thread; `choose(step, chosen)` appends the images of batch `step` to the empty `chosen`.
    fn spawn(
        prepared: Arc<Prepared>,
        take: Take,
        per_epoch: u64,
        steps: std::ops::Range<u64>,
        mut choose: impl FnMut(u64, &mut Vec<u32>) + Send + 'static,
    ) -> Self {
        let (send, ready) = bounded(DEPTH);
        // One more set of buffers is with the consumer, one with the thread.
        let (home, used) = bounded::<Buffers>(DEPTH + 2);
        let thread = thread::spawn(move || {
            let Take { part, batch, gather } = take;
            let (examples, features) = (prepared.split(part), prepared.shape.features());
            for step in steps {
                let (mut images, mut labels, mut chosen) = used.try_recv().unwrap_or_default();
                images.clear();
                labels.clear();
                chosen.clear();
                choose(step, &mut chosen);
                if gather {
                    for i in &chosen {
                        images.extend_from_slice(&examples.images[*i as usize * features..][..features]);
                    }
                    images.resize(batch * features, 0.0);
                }
                labels.extend(chosen.iter().map(|i| u32::from(examples.labels[*i as usize])));
                labels.resize(batch, 0);
                let (valid, position) = (chosen.len(), Position { step });
                if send.send(Batch { images, chosen, labels, valid, position, home: home.clone() }).is_err() {
                    // The consumer has hung up.
                    return;
                }
            }
        });
        Self { ready: Some(ready), thread: Some(thread), per_epoch }
    }
}

impl Iterator for Batches {
    type Item = Batch;

    /// The next batch; waits for it if need be.
    fn next(&mut self) -> Option<Batch> {
        self.ready.as_ref()?.recv().ok()
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.ready = None;
        if let Some(thread) = self.thread.take() {
            // It ends at its next send. Had it panicked, its message would be on stderr already.
            let _ = thread.join();
        }
    }
}

/// The order of `count` images in `epoch`: a Fisher-Yates shuffle, a pure function of the three arguments.
///
/// Swap i draws from 64 random bits, of which a multiply and shift takes one of i + 1 places: uneven by less than 2^-32
/// for any count that fits u32.
///
/// # Panics
/// If `count` does not fit u32.
pub fn permutation(count: usize, seed: u64, epoch: u64) -> Vec<u32> {
    let count = u32::try_from(count).expect("a data set has fewer than 2^32 images");
    let key = key(seed, stream::SHUFFLE);
    let mut order: Vec<u32> = (0..count).collect();
    for i in (1..count).rev() {
        let [low, high, ..] = philox4x32([i, 0, epoch as u32, (epoch >> 32) as u32], key);
        let bits = u64::from(high) << 32 | u64::from(low);
        let j = (u128::from(bits) * (u128::from(i) + 1)) >> 64;
        order.swap(i as usize, j as usize);
    }
    order
}
