//! Messages over MPI. One thread owns it: it sends, asks for what has come and receives, and never waits for another rank, so that a
//! rank that hangs holds nobody up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use mpi::Threading;
use mpi::request::{Request, StaticScope};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Destination, Equivalence, Source};

use super::{Arrived, Carrier, Message};
use crate::error::{Error, Result};

/// Bytes of a piece of a message, at most: a multiple of a word's. Over TCP so few go without a handshake, which would wait behind all
/// that is on its way in both directions.
const PIECE: usize = 1 << 15;

/// Messages that are on their way to a rank at a time: one goes while MPI prepares the next. Of many none may be whole before the last,
/// since MPI may send parts of all by turns.
const AT_ONCE: usize = 2;

/// How often it is looked for what comes, while somebody waits for it or something is on its way, and else.
const SOON: Duration = Duration::from_micros(50);
const IDLE: Duration = Duration::from_millis(1);

/// How long the end of MPI may take.
const ENDS: Duration = Duration::from_secs(60);

/// The number of a kind of message; a tag is that of a message, and [`MORE`] if another piece follows.
const WORDS: i32 = 0;
const TEXT: i32 = 1;
const FAILED: i32 = 2;
const ALIVE: i32 = 3;
const MORE: i32 = 4;

/// What the other threads ask for.
enum Order {
    Send(usize, Message),
    /// To look at once: somebody waits.
    Look,
    /// Ends all ranks.
    Abort,
    /// Ends MPI, and says so.
    End(Sender<()>),
}

/// The world of a process that a launcher of MPI has started.
pub struct World {
    /// To all its ranks.
    pub carrier: Arc<dyn Carrier>,
    /// The number of this rank among those of its machine.
    pub local: usize,
    /// Which MPI this program is linked with.
    pub library: String,
}

impl World {
    /// Starts MPI, once in a process, and waits for the other ranks, so long at most.
    ///
    /// # Errors
    /// Ranks that do not come; an MPI for programs of one thread.
    pub fn join(limit: Duration) -> Result<World> {
        let (here, come) = bounded(1);
        std::thread::spawn(move || {
            let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled).expect("once in a process");
            if threading < Threading::Funneled {
                return;
            }
            let world = universe.world();
            let (rank, ranks) = (world.rank() as usize, world.size() as usize);
            let local = world.split_shared(world.rank()).rank() as usize;
            let (orders, queue) = unbounded();
            let (boxes, inboxes): (Vec<_>, Vec<_>) = (0..ranks).map(|_| unbounded()).unzip();
            let heard: Arc<[AtomicU64]> = (0..ranks).map(|_| AtomicU64::new(0)).collect();
            let shared = Arc::new(Shared::default());
            let peers = boxes.into_iter().map(Peer::new).collect();
            let thread = Thread { world, queue, peers, heard: heard.clone(), shared: shared.clone() };
            let carrier = Arc::new(Mpi { rank, ranks, orders, inboxes, heard, shared });
            // Whoever has given up waiting ends the process.
            let _ = here.send(World { carrier, local, library: library() });
            let ended = thread.run();
            drop(universe);
            drop(ended);
        });
        come.recv_timeout(limit).map_err(|e| {
            Error::Rank(match e {
                RecvTimeoutError::Timeout => {
                    format!("MPI has not brought all ranks together within {} s", limit.as_secs_f64())
                }
                RecvTimeoutError::Disconnected => {
                    format!("{} is for programs of one thread: take another MPI", library())
                }
            })
        })
    }
}

/// The name and version of the MPI that this program is linked with.
fn library() -> String {
    let version = mpi::environment::library_version().unwrap_or_default();
    version.split([',', '\n']).next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What all threads count.
#[derive(Default)]
struct Shared {
    /// Messages that are not sent yet.
    unsent: AtomicUsize,
    /// Threads that wait for a message.
    waiting: AtomicUsize,
}

/// The hold that the other threads have of MPI.
struct Mpi {
    rank: usize,
    ranks: usize,
    orders: Sender<Order>,
    inboxes: Vec<Receiver<Message>>,
    heard: Arc<[AtomicU64]>,
    shared: Arc<Shared>,
}

impl Carrier for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn send(&self, to: usize, message: Message) {
        self.shared.unsent.fetch_add(1, Ordering::SeqCst);
        // Where the thread has ended, that is noticed by whoever receives.
        let _ = self.orders.send(Order::Send(to, message));
    }

    fn receive(&self, from: usize, wait: Duration) -> Arrived {
        if let Ok(message) = self.inboxes[from].try_recv() {
            return Arrived::Message(message);
        }
        self.shared.waiting.fetch_add(1, Ordering::SeqCst);
        let _ = self.orders.send(Order::Look);
        let arrived = self.inboxes[from].recv_timeout(wait);
        self.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        match arrived {
            Ok(message) => Arrived::Message(message),
            Err(RecvTimeoutError::Timeout) => Arrived::Nothing,
            Err(RecvTimeoutError::Disconnected) => Arrived::Gone,
        }
    }

    fn heard(&self, from: usize) -> u64 {
        self.heard[from].load(Ordering::SeqCst)
    }

    fn flush(&self, wait: Duration) {
        let begin = Instant::now();
        while self.shared.unsent.load(Ordering::SeqCst) > 0 && begin.elapsed() < wait {
            sleep(IDLE);
        }
    }

    fn abort(&self) {
        // The launcher ends the others when this process has ended, if the thread cannot.
        if self.orders.send(Order::Abort).is_ok() {
            sleep(ENDS);
        }
        std::process::abort();
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        // MPI ends where all ranks end it: the others would wait for one that panics.
        if std::thread::panicking() {
            log::error!("rank {} panicked", self.rank);
            self.abort();
        }
        let (ends, ended) = bounded(0);
        let _ = self.orders.send(Order::End(ends));
        if ended.recv_timeout(ENDS) == Err(RecvTimeoutError::Timeout) {
            log::warn!("rank {}: MPI has not ended within {} s", self.rank, ENDS.as_secs());
        }
    }
}

/// Words that are being sent or received. They are MPI's until all requests are complete.
struct Flight {
    words: *mut [u32],
    requests: Vec<Request<'static, [u8]>>,
}

impl Flight {
    /// `start` begins requests for the bytes.
    fn new(words: Vec<u32>, start: impl FnOnce(&'static mut [u8]) -> Vec<Request<'static, [u8]>>) -> Flight {
        let words = Box::into_raw(words.into_boxed_slice());
        // SAFETY: the pointer is that of a box which nobody else has, and which is not freed before the requests are complete.
        let bytes = bytemuck::cast_slice_mut(unsafe { &mut *words });
        Flight { words, requests: start(bytes) }
    }

    /// Whether it is over.
    fn lands(&mut self) -> bool {
        let flying = std::mem::take(&mut self.requests);
        self.requests = flying.into_iter().filter_map(|request| request.test().err()).collect();
        self.requests.is_empty()
    }

    /// The words of one that is over.
    fn words(self) -> Vec<u32> {
        assert!(self.requests.is_empty(), "a message is still on its way");
        // SAFETY: with the requests went the last reference to the box of `new`, which comes back here, once.
        unsafe { Box::from_raw(self.words) }.into_vec()
    }
}

/// What goes to a rank and comes from it.
struct Peer {
    /// Messages that wait, each with its kind and its bytes, and those on their way.
    outbox: VecDeque<(i32, usize, Vec<u32>)>,
    sends: Vec<Flight>,
    inbox: Sender<Message>,
    /// Pieces in order, each with its tag and its bytes.
    flights: VecDeque<(i32, usize, Flight)>,
    /// The pieces before them, of a message that is not whole.
    words: Vec<u32>,
    bytes: usize,
}

impl Peer {
    fn new(inbox: Sender<Message>) -> Peer {
        Peer { outbox: VecDeque::new(), sends: vec![], inbox, flights: VecDeque::new(), words: vec![], bytes: 0 }
    }

    /// Whether a message waits or is on its way to the rank.
    fn sends(&self) -> bool {
        !self.outbox.is_empty() || !self.sends.is_empty()
    }

    /// Drops what is sent, and sends what waits; how many messages went either way.
    fn give(&mut self, process: &impl Destination) -> (usize, usize) {
        let before = self.sends.len();
        for mut flight in std::mem::take(&mut self.sends) {
            if flight.lands() {
                drop(flight.words());
            } else {
                self.sends.push(flight);
            }
        }
        let sent = before - self.sends.len();
        let mut begun = 0;
        while self.sends.len() < AT_ONCE {
            let Some((kind, bytes, words)) = self.outbox.pop_front() else { break };
            self.sends.push(Flight::new(words, |all| {
                let all: &'static [u8] = &all[..bytes];
                let last = bytes.div_ceil(PIECE).max(1) - 1;
                let piece = |i: usize| &all[i * PIECE..bytes.min((i + 1) * PIECE)];
                let tag = |i: usize| if i < last { kind | MORE } else { kind };
                (0..=last).map(|i| process.immediate_send_with_tag(StaticScope, piece(i), tag(i))).collect()
            }));
            begun += 1;
        }
        (sent, begun)
    }

    /// Takes in the pieces that have landed; how many.
    fn take(&mut self) -> u64 {
        let mut pieces = 0;
        while self.flights.front_mut().is_some_and(|(_, _, flight)| flight.lands()) {
            let (tag, bytes, flight) = self.flights.pop_front().expect("it is there");
            pieces += 1;
            self.bytes += bytes;
            let words = flight.words();
            if self.words.is_empty() {
                self.words = words;
            } else {
                self.words.extend_from_slice(&words);
            }
            if tag & MORE == 0 {
                let (words, bytes) = (std::mem::take(&mut self.words), std::mem::take(&mut self.bytes));
                let text = || String::from_utf8_lossy(&bytemuck::cast_slice(&words)[..bytes]).into_owned();
                let message = match tag {
                    WORDS => Message::Words(words),
                    TEXT => Message::Text(text()),
                    FAILED => Message::Failed(text()),
                    _ => continue,
                };
                // At the end nobody listens any more.
                let _ = self.inbox.send(message);
            }
        }
        pieces
    }
}

/// The thread that MPI belongs to.
struct Thread {
    world: SimpleCommunicator,
    queue: Receiver<Order>,
    peers: Vec<Peer>,
    heard: Arc<[AtomicU64]>,
    shared: Arc<Shared>,
}

impl Thread {
    /// Carries messages until it is told to end. What it returns is dropped when MPI has ended.
    fn run(mut self) -> Sender<()> {
        let ended = loop {
            let moved = self.look();
            let flying = self.peers.iter().any(|peer| peer.sends() || !peer.flights.is_empty());
            let pause = match () {
                () if moved => Duration::ZERO,
                () if flying || self.shared.waiting.load(Ordering::SeqCst) > 0 => SOON,
                () => IDLE,
            };
            match self.queue.recv_timeout(pause) {
                Ok(Order::Send(to, message)) => self.send(to, message),
                Ok(Order::Abort) => self.world.abort(1),
                Ok(Order::End(ended)) => break ended,
                Ok(Order::Look) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("it ends by an order"),
            }
        };
        // What others have sent is received before MPI ends.
        let mut barrier = Some(self.world.immediate_barrier());
        while barrier.is_some() || self.peers.iter().any(Peer::sends) {
            barrier = barrier.and_then(|barrier| barrier.test().err());
            if !self.look() {
                sleep(SOON);
            }
        }
        ended
    }

    fn send(&mut self, to: usize, message: Message) {
        let padded = |text: String| {
            let mut words = vec![0; text.len().div_ceil(size_of::<u32>())];
            bytemuck::cast_slice_mut(&mut words)[..text.len()].copy_from_slice(text.as_bytes());
            (text.len(), words)
        };
        let (kind, (bytes, words)) = match message {
            Message::Words(words) => (WORDS, (size_of_val(&words[..]), words)),
            Message::Text(text) => (TEXT, padded(text)),
            Message::Failed(text) => (FAILED, padded(text)),
            Message::Alive => (ALIVE, (0, vec![])),
        };
        self.peers[to].outbox.push_back((kind, bytes, words));
    }

    /// Sends what waits and takes in what has come. Whether there was any.
    fn look(&mut self) -> bool {
        let mut moved = false;
        for (rank, peer) in self.peers.iter_mut().enumerate() {
            let (sent, begun) = peer.give(&self.world.process_at_rank(rank as i32));
            self.shared.unsent.fetch_sub(sent, Ordering::SeqCst);
            moved |= sent + begun > 0;
        }
        while let Some((message, status)) = self.world.any_process().immediate_matched_probe() {
            let bytes = status.count(u8::equivalent_datatype()) as usize;
            let flight = Flight::new(vec![0; bytes.div_ceil(size_of::<u32>())], |all| {
                vec![message.immediate_matched_receive_into(StaticScope, &mut all[..bytes])]
            });
            let rank = status.source_rank() as usize;
            self.peers[rank].flights.push_back((status.tag(), bytes, flight));
            self.heard[rank].fetch_add(1, Ordering::SeqCst);
            moved = true;
        }
        for (peer, heard) in self.peers.iter_mut().zip(&*self.heard) {
            let pieces = peer.take();
            heard.fetch_add(pieces, Ordering::SeqCst);
            moved |= pieces > 0;
        }
        moved
    }
}
