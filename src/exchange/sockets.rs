//! Messages between processes of one machine, over TCP on its loopback. Rank 0 opens a [`Meeting`] and invites the others; each says
//! who it is and where it listens, and is told where the rank above it does. Strangers do not know the meeting's word.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::throttle::Paced;
use super::{Arrived, Carrier, Message, Throttle, tree};
use crate::error::{Error, Result};

/// Bytes that are written or read at a time.
const PIECE: usize = 1 << 16;

/// How often somebody is looked for who wants to come in.
const LOOK: Duration = Duration::from_millis(10);

/// Bytes of a line of the meeting, at most.
const LINE: usize = 256;

/// What a rank that is started needs to come to the meeting: a text for its environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Invitation {
    /// Which rank it is to be.
    pub rank: usize,
    /// How many there are.
    pub ranks: usize,
    port: u16,
    word: String,
}

impl std::fmt::Display for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} {}", self.rank, self.ranks, self.port, self.word)
    }
}

impl std::str::FromStr for Invitation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Invitation> {
        let read = || {
            let [rank, ranks, port, word] = text.split(' ').collect::<Vec<_>>().try_into().ok()?;
            let (rank, ranks): (usize, usize) = (rank.parse().ok()?, ranks.parse().ok()?);
            let port = port.parse().ok()?;
            (0 < rank && rank < ranks && ranks.is_power_of_two()).then(|| Invitation {
                rank,
                ranks,
                port,
                word: word.into(),
            })
        };
        read().ok_or_else(|| Error::Invalid(format!("\"{text}\" is no invitation to a run over several ranks")))
    }
}

/// Where the ranks of a run meet.
pub struct Meeting {
    listener: TcpListener,
    ranks: usize,
    port: u16,
    word: String,
}

/// A failure of the network of the machine itself.
fn broken(e: std::io::Error) -> Error {
    Error::Rank(format!("the ranks cannot meet on this machine's loopback: {e}"))
}

fn listen() -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(broken)?;
    let port = listener.local_addr().map_err(broken)?.port();
    Ok((listener, port))
}

fn connect(port: u16, limit: Duration) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit).map_err(broken)?;
    stream.set_read_timeout(Some(limit)).map_err(broken)?;
    Ok(stream)
}

/// Reads a line and nothing behind it.
fn line(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![];
    let mut byte = [0];
    while bytes.len() < LINE {
        stream.read_exact(&mut byte)?;
        if byte == [b'\n'] {
            break;
        }
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))
}

/// Lets in whoever knows the word, until all of `wanted` are there: with the number and the port of each. `alive`: whether those
/// still missing can come.
fn let_in(
    listener: &TcpListener,
    word: &str,
    mut wanted: Vec<usize>,
    limit: Duration,
    mut alive: impl FnMut() -> Result<()>,
) -> Result<Vec<(usize, u16, TcpStream)>> {
    listener.set_nonblocking(true).map_err(broken)?;
    let begin = Instant::now();
    let mut here = vec![];
    while let Some(first) = wanted.first() {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                alive()?;
                if begin.elapsed() > limit {
                    return Err(Error::Rank(format!("rank {first} has not come within {} s", limit.as_secs_f64())));
                }
                sleep(LOOK);
                continue;
            }
            Err(e) => return Err(broken(e)),
        };
        // Where the listener's mode is inherited.
        stream.set_nonblocking(false).map_err(broken)?;
        stream.set_read_timeout(Some(limit)).map_err(broken)?;
        let said = line(&mut stream).unwrap_or_default();
        let known = said.strip_prefix(word).map(|rest| rest.split_whitespace().map(str::parse).collect::<Vec<_>>());
        if let Some([Ok(rank), Ok(port)]) = known.as_deref()
            && let Some(at) = wanted.iter().position(|w| w == rank)
        {
            wanted.remove(at);
            here.push((*rank, *port as u16, stream));
        }
    }
    Ok(here)
}

impl Meeting {
    /// Opens a meeting of so many ranks, a power of two.
    ///
    /// # Errors
    /// A machine without loopback.
    pub fn open(ranks: usize) -> Result<Meeting> {
        let (listener, port) = listen()?;
        // The standard library seeds these from the system, for hash maps.
        let random = || RandomState::new().build_hasher().finish();
        let word = format!("{:016x}{:016x}", random(), random());
        Ok(Meeting { listener, ranks, port, word })
    }

    /// What rank `rank` is to be given.
    pub fn invitation(&self, rank: usize) -> Invitation {
        Invitation { rank, ranks: self.ranks, port: self.port, word: self.word.clone() }
    }

    /// Waits until all are there. `alive`: whether those still missing can come.
    ///
    /// # Errors
    /// A rank that does not come within the limit; that of `alive`.
    pub fn gather(
        self,
        limit: Duration,
        throttle: Option<Throttle>,
        alive: impl FnMut() -> Result<()>,
    ) -> Result<Arc<dyn Carrier>> {
        let Meeting { listener, ranks, word, .. } = self;
        let here = let_in(&listener, &word, (1..ranks).collect(), limit, alive)?;
        let ports: Vec<(usize, u16)> = here.iter().map(|(rank, port, _)| (*rank, *port)).collect();
        let mut links = vec![];
        for (rank, _, mut stream) in here {
            let above = tree::parent(rank).expect("only rank 0 has none");
            // 0: stay on this line.
            let port = ports.iter().find(|(rank, _)| *rank == above).map_or(0, |(_, port)| *port);
            stream.write_all(format!("{port}\n").as_bytes()).map_err(broken)?;
            if above == 0 {
                links.push((rank, stream));
            }
        }
        Sockets::of(0, ranks, links, throttle)
    }
}

impl Invitation {
    /// Goes to the meeting.
    ///
    /// # Errors
    /// A meeting that is over; ranks below this one that do not come within the limit.
    pub fn accept(&self, limit: Duration, throttle: Option<Throttle>) -> Result<Arc<dyn Carrier>> {
        let Invitation { rank, ranks, port, word } = self;
        let (listener, own) = listen()?;
        let hello = format!("{word} {rank} {own}\n");
        let greet = |port: u16| -> Result<TcpStream> {
            let mut stream = connect(port, limit)?;
            stream.write_all(hello.as_bytes()).map_err(broken)?;
            Ok(stream)
        };
        let mut stream = greet(*port)?;
        let above = line(&mut stream).map_err(broken)?;
        let above: u16 = above.parse().map_err(|e| broken(std::io::Error::new(ErrorKind::InvalidData, e)))?;
        if above != 0 {
            stream = greet(above)?;
        }
        let mut links = vec![(tree::parent(*rank).expect("only rank 0 has none"), stream)];
        let below = tree::children(*rank, *ranks).collect();
        let here = let_in(&listener, word, below, limit, || Ok(()))?;
        links.extend(here.into_iter().map(|(rank, _, stream)| (rank, stream)));
        Sockets::of(*rank, *ranks, links, throttle)
    }
}

/// Links to the neighbours in the tree, each with a thread that writes and one that reads.
struct Sockets {
    rank: usize,
    ranks: usize,
    links: Vec<(usize, Link)>,
    throttle: Option<Throttle>,
}

struct Link {
    stream: TcpStream,
    out: Sender<Message>,
    /// Messages that are not written yet.
    unsent: Arc<AtomicUsize>,
    inbox: Receiver<(Instant, Message)>,
    heard: Arc<AtomicU64>,
}

impl Sockets {
    fn of(
        rank: usize,
        ranks: usize,
        links: Vec<(usize, TcpStream)>,
        throttle: Option<Throttle>,
    ) -> Result<Arc<dyn Carrier>> {
        let link = |(to, stream): (usize, TcpStream)| Ok((to, Link::new(stream, throttle).map_err(broken)?));
        let links = links.into_iter().map(link).collect::<Result<_>>()?;
        Ok(Arc::new(Sockets { rank, ranks, links, throttle }))
    }

    fn link(&self, to: usize) -> &Link {
        &self.links.iter().find(|(rank, _)| *rank == to).expect("a neighbour in the tree").1
    }
}

impl Link {
    fn new(stream: TcpStream, throttle: Option<Throttle>) -> std::io::Result<Link> {
        stream.set_read_timeout(None)?;
        stream.set_nodelay(true)?;
        let (out, queue) = unbounded::<Message>();
        let (deliver, inbox) = unbounded();
        let (unsent, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let (mut writer, waiting) = (stream.try_clone()?, unsent.clone());
        std::thread::spawn(move || {
            let mut paced = Paced::new(throttle);
            let mut works = true;
            for message in queue {
                // To a rank that has ended the rest is lost; it is the reader that notices.
                works = works && write(&mut writer, &message, &mut paced).is_ok();
                waiting.fetch_sub(1, Ordering::SeqCst);
            }
        });
        let (mut reader, counter) = (stream.try_clone()?, heard.clone());
        std::thread::spawn(move || {
            while let Ok(message) = read(&mut reader, &counter) {
                if message != Message::Alive && deliver.send((Instant::now(), message)).is_err() {
                    return;
                }
            }
        });
        Ok(Link { stream, out, unsent, inbox, heard })
    }
}

/// Numbers of the kinds of messages on the line.
const WORDS: u8 = 0;
const TEXT: u8 = 1;
const FAILED: u8 = 2;
const ALIVE: u8 = 3;

fn write(stream: &mut TcpStream, message: &Message, paced: &mut Paced) -> std::io::Result<()> {
    let (kind, bytes): (u8, &[u8]) = match message {
        Message::Words(words) => (WORDS, bytemuck::cast_slice(words)),
        Message::Text(text) => (TEXT, text.as_bytes()),
        Message::Failed(text) => (FAILED, text.as_bytes()),
        Message::Alive => (ALIVE, &[]),
    };
    let mut head = [kind; 9];
    head[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    paced.wait(head.len());
    stream.write_all(&head)?;
    for piece in bytes.chunks(PIECE) {
        paced.wait(piece.len());
        stream.write_all(piece)?;
    }
    Ok(())
}

fn read(stream: &mut TcpStream, heard: &AtomicU64) -> std::io::Result<Message> {
    let mut fill = |bytes: &mut [u8]| -> std::io::Result<()> {
        for piece in bytes.chunks_mut(PIECE) {
            stream.read_exact(piece)?;
            heard.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    };
    let mut head = [0; 9];
    fill(&mut head)?;
    let len = u64::from_le_bytes(head[1..].try_into().expect("eight of nine")) as usize;
    if head[0] == WORDS {
        let mut words = vec![0u32; len / 4];
        fill(bytemuck::cast_slice_mut(&mut words))?;
        return Ok(Message::Words(words));
    }
    let mut bytes = vec![0; len];
    fill(&mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))?;
    match head[0] {
        TEXT => Ok(Message::Text(text)),
        FAILED => Ok(Message::Failed(text)),
        ALIVE => Ok(Message::Alive),
        kind => Err(std::io::Error::new(ErrorKind::InvalidData, format!("message of kind {kind}"))),
    }
}

impl Carrier for Sockets {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn send(&self, to: usize, message: Message) {
        let link = self.link(to);
        link.unsent.fetch_add(1, Ordering::SeqCst);
        link.out.send(message).expect("its thread waits for it");
    }

    fn receive(&self, from: usize, wait: Duration) -> Arrived {
        match self.link(from).inbox.recv_timeout(wait) {
            Ok((at, message)) => {
                if let Some(Throttle { delay, .. }) = self.throttle {
                    sleep((at + delay).saturating_duration_since(Instant::now()));
                }
                Arrived::Message(message)
            }
            Err(RecvTimeoutError::Timeout) => Arrived::Nothing,
            Err(RecvTimeoutError::Disconnected) => Arrived::Gone,
        }
    }

    fn heard(&self, from: usize) -> u64 {
        self.link(from).heard.load(Ordering::SeqCst)
    }

    fn flush(&self, wait: Duration) {
        let begin = Instant::now();
        while self.links.iter().any(|(_, link)| link.unsent.load(Ordering::SeqCst) > 0) && begin.elapsed() < wait {
            sleep(LOOK);
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        // The threads hold the lines, too.
        for (_, link) in &self.links {
            let _ = link.stream.shutdown(std::net::Shutdown::Write);
        }
    }
}
