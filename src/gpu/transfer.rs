//! What moves between host and device beside the steps. Small results that are read while steps go on: copied behind a
//! step in the step's own submit, mapped when the device gets there, taken some steps later; nothing waits unless it is
//! told to. And large arrays that are written once.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use super::halves;
use super::runner::{Loaded, REPORTED, Runner, Shared};
use crate::error::{Error, Result};
use crate::plan::{Elem, Step};

/// Parts of some shared buffers, read together: a snapshot of what they hold after one submit.
pub struct Readback {
    /// Name and words of each.
    parts: Vec<(String, Range<usize>)>,
    /// Copies under way, oldest first.
    waiting: VecDeque<Copy>,
    /// Staging buffers between two uses.
    free: Vec<wgpu::Buffer>,
}

struct Copy {
    staging: wgpu::Buffer,
    submit: wgpu::SubmissionIndex,
    mapped: Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

impl Readback {
    /// The first so many words of the shared buffers of these names.
    pub fn new(parts: &[(&str, usize)]) -> Self {
        let parts = parts.iter().map(|(name, words)| ((*name).to_owned(), 0..*words)).collect();
        Readback { parts, waiting: VecDeque::new(), free: vec![] }
    }

    /// These words of a shared buffer.
    pub fn part(name: &str, words: Range<usize>) -> Self {
        Readback { parts: vec![(name.to_owned(), words)], waiting: VecDeque::new(), free: vec![] }
    }

    /// Words of a snapshot.
    pub fn words(&self) -> usize {
        self.parts.iter().map(|(_, words)| words.len()).sum()
    }

    fn scope(&self) -> String {
        self.parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Words written at a time: what the host holds twice meanwhile.
const PIECE: usize = 4 << 20;

impl Runner {
    /// As [`Runner::write`], piece by piece, each when the device has the one before: for an array so large that a second
    /// copy of it on the host would hurt.
    ///
    /// # Errors
    /// As [`Runner::write`]; what the device reported.
    pub fn upload(&mut self, name: &str, words: &[u32]) -> Result<()> {
        let Shared { buffer, elem } = self.shared_buffer(name)?.clone();
        let words = halves::packed(elem, words);
        if words.len() as u64 * 4 > buffer.size() {
            return Err(Error::layer(name, format!("{} words do not fit {} bytes", words.len(), buffer.size())));
        }
        for (i, piece) in words.chunks(PIECE).enumerate() {
            let queue = &self.device.queue;
            queue.write_buffer(&buffer, (i * PIECE * 4) as u64, bytemuck::cast_slice(piece));
            let submit = queue.submit([]);
            self.wait(Some(submit))?;
        }
        self.device.take_error(name)
    }

    /// As [`Runner::run`], with a snapshot for `readback` taken behind the last command, in the same submit.
    ///
    /// # Errors
    /// As [`Runner::run`]; a part that no loaded plan has.
    pub fn run_and_read(&mut self, loaded: &Loaded, step: &Step, readback: &mut Readback) -> Result<()> {
        self.write_step(step);
        self.submit_and_read(loaded, loaded.all(), readback)
    }

    /// A snapshot for `readback` of what everything submitted so far leaves, in a submit of its own.
    ///
    /// # Errors
    /// As [`Runner::run_and_read`].
    pub fn read_later(&mut self, loaded: &Loaded, readback: &mut Readback) -> Result<()> {
        self.submit_and_read(loaded, 0..0, readback)
    }

    fn submit_and_read(&mut self, loaded: &Loaded, commands: Range<usize>, readback: &mut Readback) -> Result<()> {
        let mut sources = vec![];
        for (name, words) in &readback.parts {
            let Shared { buffer, elem } = self.shared_buffer(name)?;
            if *elem == Elem::F16 {
                return Err(Error::layer(name, "16-bit floats are not read behind a step; use Runner::read"));
            }
            if words.end as u64 * 4 > buffer.size() {
                return Err(Error::layer(name, format!("words {words:?}, the buffer has {} bytes", buffer.size())));
            }
            sources.push((buffer.clone(), words.start as u64 * 4, words.len() as u64 * 4));
        }
        let staging = match readback.free.pop() {
            Some(staging) => staging,
            None => {
                let scope = readback.scope();
                let desc = wgpu::BufferDescriptor {
                    label: Some(&scope),
                    size: readback.words() as u64 * 4,
                    usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                };
                self.device.scoped(&scope, || self.device.device.create_buffer(&desc))?
            }
        };
        let target = staging.clone();
        let submit = self.submit(loaded, commands, |encoder| {
            let mut at = 0;
            for (buffer, from, bytes) in &sources {
                encoder.copy_buffer_to_buffer(buffer, *from, &target, at, *bytes);
                at += bytes;
            }
        })?;
        let (send, mapped) = channel();
        staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            // Nobody listens any more where the readback was dropped.
            let _ = send.send(result);
        });
        readback.waiting.push_back(Copy { staging, submit, mapped });
        Ok(())
    }

    /// The oldest snapshot, one array per part; none if it has not arrived, or none is under way. `wait`: until it has.
    ///
    /// # Errors
    /// What the device reported.
    pub fn take(&mut self, readback: &mut Readback, wait: bool) -> Result<Option<Vec<Vec<u32>>>> {
        let Some(oldest) = readback.waiting.front() else { return Ok(None) };
        match wait {
            true => self.wait(Some(oldest.submit.clone()))?,
            false => self.poll()?,
        }
        let fail = |message: String| Error::Device { scope: format!("read {}", readback.scope()), message };
        let arrived = match wait {
            true => oldest.mapped.recv_timeout(REPORTED).map_err(|e| e.to_string()),
            false => match oldest.mapped.try_recv() {
                Err(TryRecvError::Empty) => return Ok(None),
                other => other.map_err(|e| e.to_string()),
            },
        };
        match arrived {
            Ok(Ok(())) => {}
            Ok(Err(e)) => {
                self.device.take_error("read")?;
                return Err(fail(e.to_string()));
            }
            Err(e) => return Err(fail(e)),
        }
        let range = oldest.staging.slice(..).get_mapped_range().map_err(|e| fail(e.to_string()))?;
        let words: &[u32] = bytemuck::cast_slice(&range);
        let mut rest = words;
        let mut out = vec![];
        for (_, words) in &readback.parts {
            let (part, behind) = rest.split_at(words.len());
            out.push(part.to_vec());
            rest = behind;
        }
        drop(range);
        let copy = readback.waiting.pop_front().expect("looked at above");
        copy.staging.unmap();
        readback.free.push(copy.staging);
        Ok(Some(out))
    }
}
