//! Batches, made by threads that run a few ahead of the network.
//!
//! Which images are in a batch is a pure function of the seed and the batch's number. So a run that is resumed at batch
//! k sees exactly what it would have seen without the interruption, whatever the number of threads: of N threads, each makes
//! every N-th batch, and they are taken in turn.

use std::any::Any;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::crops::{Draws, TEN};
use super::{Part, Prepared};
use crate::error::{Error, Result};
use crate::philox::{key, philox4x32, stream};

/// Batches that may wait for the consumer; of many threads one each.
const DEPTH: usize = 4;

/// Where a run stands in its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Batches already taken since the start of the run, over all epochs: the number, from 0, of the next one.
    pub step: u64,
}

/// Some images and their labels. When it is dropped its memory goes back to the thread that made it.
#[derive(Debug)]
pub struct Batch {
    /// `[batch][words]`, see [`Form::Whole`] and [`Form::Frames`]; zero where there is no image. Empty in the form [`Form::Named`].
    pub images: Vec<u32>,
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

type Buffers = (Vec<u32>, Vec<u32>, Vec<u32>);

/// What a batch has of its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The images, [`Prepared::words`] each.
    Whole,
    /// Ten crops of each image's picture, one after the other, [`Prepared::words`] each.
    TenCrops,
    /// Nothing but which they are: for images that are resident on a device.
    Named,
    /// Rectangles of pictures to be resampled, [`Prepared::frame_words`] each, drawn by this seed. The step of batch n is `first` + n.
    Frames {
        /// The seed.
        seed: u64,
        /// The step of batch 0.
        first: u64,
    },
}

/// What goes into batches.
#[derive(Clone, Copy)]
struct Take {
    part: Part,
    batch: usize,
    /// The place of the first image in a larger batch, of which this is a block.
    first_place: usize,
    form: Form,
}

impl Drop for Batch {
    fn drop(&mut self) {
        // If the thread has ended, or has enough of them, the memory is freed as usual.
        let [labels, chosen] = [&mut self.labels, &mut self.chosen].map(std::mem::take);
        let _ = self.home.try_send((std::mem::take(&mut self.images), labels, chosen));
    }
}

/// An iterator of [`Batch`]es, or of the error of one that could not be read, after which there are no more. Dropping it
/// ends its threads.
#[derive(Debug)]
pub struct Batches {
    /// One for each thread. Emptied by `drop`, which hangs up before it waits for the threads.
    ready: Vec<Receiver<Result<Batch>>>,
    threads: Vec<JoinHandle<()>>,
    /// Batches taken.
    taken: usize,
    per_epoch: u64,
}

impl Batches {
    /// Endless batches of `batch` training images from `start` on, each epoch in an order of its own
    /// ([`permutation`]). The images left over at the end of an epoch, fewer than a batch, sit that epoch out.
    ///
    /// # Errors
    /// A batch of 0, or of more images than there are.
    pub fn train(prepared: Arc<Prepared>, batch: usize, seed: u64, start: Position) -> Result<Self> {
        Self::train_in(Form::Whole, prepared, batch, seed, start)
    }

    /// The same batches in another form.
    ///
    /// # Errors
    /// As [`Batches::train`].
    pub fn train_in(form: Form, prepared: Arc<Prepared>, batch: usize, seed: u64, start: Position) -> Result<Self> {
        Self::train_block(form, prepared, batch, 0..batch, seed, start)
    }

    /// Of the same batches of `batch` images those at the places of `block`.
    ///
    /// # Errors
    /// As [`Batches::train`].
    pub fn train_block(
        form: Form,
        prepared: Arc<Prepared>,
        batch: usize,
        block: Range<usize>,
        seed: u64,
        start: Position,
    ) -> Result<Self> {
        let count = prepared.train.labels.len();
        if batch == 0 || batch > count {
            return Err(Error::Invalid(format!(
                "a batch of {batch} images cannot be taken from {count} training images: choose 1 to {count}"
            )));
        }
        let per_epoch = (count / batch) as u64;
        let take = Take { part: Part::Train, batch: block.len(), first_place: block.start, form };
        let orders = Orders { count, seed, recent: Mutex::default() };
        let choose = move |step: u64, chosen: &mut Vec<u32>| {
            let order = orders.of(step / per_epoch);
            let first = (step % per_epoch) as usize * batch;
            chosen.extend_from_slice(&order[first..first + batch][block.clone()]);
        };
        Ok(Self::spawn(prepared, take, per_epoch, start.step..u64::MAX, choose))
    }

    /// One pass over the images of `part` in order, `batch` at a time; the last batch is padded with zeros.
    ///
    /// # Errors
    /// A batch of 0.
    pub fn sequential(prepared: Arc<Prepared>, part: Part, batch: usize) -> Result<Self> {
        let count = prepared.split(part).labels.len().div_ceil(batch.max(1));
        Self::sequential_in(Form::Whole, prepared, part, batch, 0..count)
    }

    /// Of the same batches those of these numbers, in another form.
    ///
    /// # Errors
    /// As [`Batches::sequential`].
    pub fn sequential_in(
        form: Form,
        prepared: Arc<Prepared>,
        part: Part,
        batch: usize,
        numbers: impl Iterator<Item = usize> + Clone + Send + 'static,
    ) -> Result<Self> {
        if batch == 0 {
            return Err(Error::Invalid("a batch of 0 images never comes to an end: choose at least 1".into()));
        }
        let count = prepared.split(part).labels.len();
        let per_epoch = count.div_ceil(batch) as u64;
        let choose = move |step: u64, chosen: &mut Vec<u32>| {
            let first = step as usize * batch;
            chosen.extend(first as u32..count.min(first + batch) as u32);
        };
        let take = Take { part, batch, first_place: 0, form };
        Ok(Self::spawn(prepared, take, per_epoch, numbers.map(|number| number as u64), choose))
    }

    /// Batches in one pass over the split.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch
    }

    /// Starts the threads; `choose(step, chosen)` appends the images of batch `step` to the empty `chosen`.
    fn spawn(
        prepared: Arc<Prepared>,
        take: Take,
        per_epoch: u64,
        steps: impl Iterator<Item = u64> + Clone + Send + 'static,
        choose: impl Fn(u64, &mut Vec<u32>) + Send + Sync + 'static,
    ) -> Self {
        let workers = prepared.workers.max(1);
        let (depth, choose) = (DEPTH.div_ceil(workers), Arc::new(choose));
        let mut batches = Self { ready: vec![], threads: vec![], taken: 0, per_epoch };
        for worker in 0..workers {
            let (send, ready) = bounded(depth);
            // One more set of buffers is with the consumer, one with the thread.
            let (home, used) = bounded::<Buffers>(depth + 2);
            let (prepared, steps, choose) = (prepared.clone(), steps.clone(), choose.clone());
            let work = move || {
                for step in steps.skip(worker).step_by(workers) {
                    let mut buffers = used.try_recv().unwrap_or_default();
                    let made = fill(&prepared, take, step, |chosen| choose(step, chosen), &mut buffers).map(|()| {
                        let ((images, labels, chosen), position) = (buffers, Position { step });
                        Batch { valid: chosen.len(), images, chosen, labels, position, home: home.clone() }
                    });
                    let failed = made.is_err();
                    // An error of sending: the consumer has hung up.
                    if send.send(made).is_err() || failed {
                        return;
                    }
                }
            };
            batches.ready.push(ready);
            batches.threads.push(thread::spawn(work));
        }
        batches
    }
}

/// Makes batch `number` in `buffers`.
fn fill(
    prepared: &Prepared,
    Take { part, batch, first_place, form }: Take,
    number: u64,
    choose: impl FnOnce(&mut Vec<u32>),
    (images, labels, chosen): &mut Buffers,
) -> Result<()> {
    images.clear();
    labels.clear();
    chosen.clear();
    choose(chosen);
    match form {
        Form::Named => {}
        Form::Whole => {
            prepared.gather(part, chosen, images)?;
            images.resize(batch * prepared.words(), 0);
        }
        Form::TenCrops => {
            prepared.gather_crops(part, chosen, images)?;
            images.resize(batch * TEN * prepared.words(), 0);
        }
        Form::Frames { seed, first } => {
            prepared.gather_frames(part, chosen, Draws { seed, step: first + number }, first_place, images)?;
            images.resize(batch * prepared.frame_words(), 0);
        }
    }
    let of = &prepared.split(part).labels;
    labels.extend(chosen.iter().map(|i| u32::from(of[*i as usize])));
    labels.resize(batch, 0);
    Ok(())
}

impl Batches {
    /// Waits for the threads, which end at their next send; with what they panicked.
    fn end(&mut self) -> impl Iterator<Item = Box<dyn Any + Send>> {
        self.ready.clear();
        self.threads.drain(..).filter_map(|thread| thread.join().err())
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    /// The next batch; waits for it if need be.
    fn next(&mut self) -> Option<Result<Batch>> {
        let Ok(batch) = self.ready.get(self.taken % self.ready.len().max(1))?.recv() else {
            // It has made its last batch, or has panicked.
            match self.end().next() {
                Some(panic) => resume_unwind(panic),
                None => return None,
            }
        };
        self.taken += 1;
        if batch.is_err() {
            self.ready.clear();
        }
        Some(batch)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // Had one panicked, its message would be on stderr already.
        self.end().for_each(drop);
    }
}

/// The orders of the epochs that the threads are in, each computed once: of two, where an epoch ends.
struct Orders {
    count: usize,
    seed: u64,
    recent: Mutex<Vec<(u64, Arc<Vec<u32>>)>>,
}

impl Orders {
    /// The order of an epoch.
    fn of(&self, epoch: u64) -> Arc<Vec<u32>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = recent.iter().find(|(of, _)| *of == epoch) {
            return order.clone();
        }
        let order = Arc::new(permutation(self.count, self.seed, epoch));
        recent.truncate(1);
        recent.insert(0, (epoch, order.clone()));
        order
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
