//! What the processes of a run say to each other: each is a *rank*, 0 to N - 1, N a power of two. Messages go from rank to rank, in
//! order, along the edges of one binary tree; a [`Carrier`] takes them there, and this module notices whoever dies or hangs.
//!
//! Rank r hands up to the rank with its lowest bit cleared: of eight ranks 1, 2 and 4 to 0, 3 to 2, 5 and 6 to 4, 7 to 6. So what has
//! gone up k levels is of an aligned block of 2^k ranks, and sums are added as ((0 + 1) + (2 + 3)) + ..., whatever the number of ranks.

#[cfg(feature = "mpi")]
pub mod mpi;
mod sockets;
#[cfg(test)]
mod tests;
mod throttle;
mod tree;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

pub use sockets::{Invitation, Meeting};
pub use throttle::Throttle;

use crate::error::{Error, Result};

/// Words of the gradients that go up and down the tree at a time.
pub const BUCKET: usize = 1 << 16;

/// How often a rank that waits looks around.
const LOOK: Duration = Duration::from_millis(100);

/// Time between two signs of life, at most.
const BEAT: Duration = Duration::from_secs(1);

/// What goes from one rank to another.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Numbers, as the bits of the machine.
    Words(Vec<u32>),
    /// Text.
    Text(String),
    /// Why the run ends.
    Failed(String),
    /// Nothing but that the rank lives.
    Alive,
}

/// What a [`Carrier`] brings.
#[derive(Debug)]
pub enum Arrived {
    /// A message, which is not [`Message::Alive`].
    Message(Message),
    /// Nothing yet.
    Nothing,
    /// Nothing ever more: the rank has ended.
    Gone,
}

/// Takes messages from rank to rank. Those from one rank to another stay in order.
pub trait Carrier: Send + Sync {
    /// The number of this rank.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// Hands over a message, which is sent while the caller goes on. To a rank that has ended it is lost.
    fn send(&self, to: usize, message: Message);

    /// The oldest message from a rank; waits for it so long at most.
    fn receive(&self, from: usize, wait: Duration) -> Arrived;

    /// A number that changes whenever something comes from a rank, signs of life too.
    fn heard(&self, from: usize) -> u64;

    /// Waits until what was handed over is on its way, so long at most.
    fn flush(&self, wait: Duration);

    /// Ends the processes of all ranks at once, this one too, where nobody else does; else it does nothing.
    fn abort(&self) {}
}

/// One rank's part in a run.
///
/// Whoever waits for another ends with an error that names it if that is gone, or has not been heard of for the time limit. A rank
/// that reads data, compiles, tests, saves or waits for others itself gives signs of life; one that computes a step
/// ([`Exchange::computes`]) gives none, so that a device that hangs is noticed like a process that was stopped.
pub struct Exchange {
    carrier: Arc<dyn Carrier>,
    limit: Duration,
    computes: Arc<AtomicBool>,
    /// Whether another has said why the run ends.
    told: AtomicBool,
    /// Why this one has failed, and what [`Exchange::fail`] returned.
    failed: OnceLock<String>,
    heard: OnceLock<bool>,
    /// Dropped to end the thread that beats.
    ends: Option<Sender<()>>,
    beats: Option<JoinHandle<()>>,
}

impl Exchange {
    /// Over a carrier; `limit`: how long a rank may be silent that is waited for.
    pub fn new(carrier: Arc<dyn Carrier>, limit: Duration) -> Exchange {
        let computes = Arc::new(AtomicBool::new(false));
        let (ends, ended) = bounded(0);
        let (beating, silent, every) = (carrier.clone(), computes.clone(), BEAT.min(limit / 5));
        let beats = std::thread::spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if !silent.load(Ordering::SeqCst) {
                    tree::neighbours(beating.rank(), beating.ranks()).for_each(|n| beating.send(n, Message::Alive));
                }
            }
        });
        Exchange {
            carrier,
            limit,
            computes,
            told: AtomicBool::new(false),
            failed: OnceLock::new(),
            heard: OnceLock::new(),
            ends: Some(ends),
            beats: Some(beats),
        }
    }

    /// The number of this rank.
    pub fn rank(&self) -> usize {
        self.carrier.rank()
    }

    /// How many there are.
    pub fn ranks(&self) -> usize {
        self.carrier.ranks()
    }

    /// Whether this rank computes a step from now on: then it gives no sign of life but what it sends.
    pub fn computes(&self, does: bool) {
        self.computes.store(does, Ordering::SeqCst);
    }

    /// Hands over words, which are sent while the caller goes on.
    pub fn send(&self, to: usize, words: Vec<u32>) {
        self.carrier.send(to, Message::Words(words));
    }

    /// The next words of a rank.
    ///
    /// # Errors
    /// [`Error::Rank`]: the rank has ended, is silent, sends something else, or says why the run ends.
    pub fn receive(&self, from: usize) -> Result<Vec<u32>> {
        match self.wait(from)? {
            Message::Words(words) => Ok(words),
            other => Err(self.out_of_step(from, &other)),
        }
    }

    fn receive_text(&self, from: usize) -> Result<String> {
        match self.wait(from)? {
            Message::Text(text) => Ok(text),
            other => Err(self.out_of_step(from, &other)),
        }
    }

    fn out_of_step(&self, from: usize, message: &Message) -> Error {
        let what = if let Message::Words(words) = message { format!("{} words", words.len()) } else { "text".into() };
        Error::Rank(format!("rank {from} is not where rank {} is: it sends {what}", self.rank()))
    }

    fn wait(&self, from: usize) -> Result<Message> {
        let (mut heard, mut silence) = (self.carrier.heard(from), Duration::ZERO);
        loop {
            if let Some(why) = self.failed.get() {
                return Err(Error::Rank(why.clone()));
            }
            let begin = Instant::now();
            match self.carrier.receive(from, LOOK.min(self.limit)) {
                Arrived::Message(Message::Failed(why)) => {
                    self.told.store(true, Ordering::SeqCst);
                    return Err(Error::Rank(why));
                }
                Arrived::Message(message) => return Ok(message),
                Arrived::Gone => {
                    return Err(Error::Rank(format!("rank {from} has ended without a word: was it killed?")));
                }
                Arrived::Nothing => {}
            }
            let now = self.carrier.heard(from);
            // Time in which this process itself was stopped is no silence of others.
            silence = if now == heard { silence + begin.elapsed().min(2 * LOOK) } else { Duration::ZERO };
            heard = now;
            if silence > self.limit {
                let limit = self.limit.as_secs_f64();
                return Err(Error::Rank(format!(
                    "rank {from} has been silent for {limit} s: its process is stopped, its device hangs, or its machine is out of \
                     reach (--rank-timeout S waits longer)"
                )));
            }
        }
    }

    /// Tells the others why this rank ends, once; whoever waits for them on another thread ends with it. False if that may never come to
    /// rank 0, which says it to people.
    pub fn fail(&self, error: &Error) -> bool {
        let why = self.failed.get_or_init(|| match error {
            Error::Rank(why) => why.clone(),
            other => format!("rank {}: {other}", self.rank()),
        });
        self.computes(false);
        *self.heard.get_or_init(|| {
            for neighbour in tree::neighbours(self.rank(), self.ranks()) {
                self.carrier.send(neighbour, Message::Failed(why.clone()));
            }
            self.carrier.flush(BEAT);
            self.told.load(Ordering::SeqCst) || tree::parent(self.rank()).is_some_and(|parent| self.hears(parent))
        })
    }

    /// Ends all ranks, as [`Carrier::abort`]. Behind [`Exchange::fail`]: a rank but the first waits before it as long as the one
    /// above lives, since rank 0 saves, says what went wrong, and ends all itself. `last`: what to do if it does not.
    pub fn abort(&self, last: impl FnOnce()) {
        if let Some(parent) = tree::parent(self.rank()) {
            let (mut heard, mut since) = (self.carrier.heard(parent), Instant::now());
            while since.elapsed() < self.limit {
                std::thread::sleep(LOOK);
                let now = self.carrier.heard(parent);
                if now != heard {
                    (heard, since) = (now, Instant::now());
                }
            }
        }
        last();
        self.carrier.abort();
    }

    /// Whether a rank has heard that the run ends or may still hear it. Loses what it sent.
    fn hears(&self, rank: usize) -> bool {
        loop {
            match self.carrier.receive(rank, Duration::ZERO) {
                Arrived::Message(Message::Failed(_)) | Arrived::Nothing => return true,
                Arrived::Message(_) => {}
                Arrived::Gone => return false,
            }
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.ends.take();
        if let Some(beats) = self.beats.take() {
            // It panics never.
            let _ = beats.join();
        }
        // Whoever does not listen any more is not waited for twice.
        if self.failed.get().is_none() && !std::thread::panicking() {
            self.carrier.flush(self.limit);
        }
    }
}
