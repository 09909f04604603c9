//! The time that the device spends on each command of a plan.
//!
//! Timestamps are written where the device has finished everything recorded before, so the time of a command includes
//! the barrier in front of it, and what of its neighbours could have overlapped is counted once: profiled commands run
//! one after the other. [`Runner::run`] is the undisturbed step to hold the sum against.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::adapter::Device;
use super::memory::Memory;
use super::runner::{Loaded, Runner};
use crate::error::Result;
use crate::plan::Elem;

/// Commands that one query set times: two timestamps each, and a set holds at most 4,096.
const CHUNK: usize = wgpu::QUERY_SET_MAX_QUERIES as usize / 2;

/// What tells the time of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Timestamps of the device around each command, all commands in one pass as in an undisturbed step.
    InsidePasses,
    /// Timestamps of the device where passes begin and end; each command is a pass of its own.
    PassBoundaries,
    /// The host's clock around a submit for each command and the wait for it: the cost of both is part of every time.
    Host,
}

impl Clock {
    /// The best that a device has.
    pub fn of(device: &Device) -> Clock {
        let features = device.device.features();
        if features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES) {
            Clock::InsidePasses
        } else if features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            Clock::PassBoundaries
        } else {
            Clock::Host
        }
    }

    /// In words, for the head of a table.
    pub fn describe(self) -> &'static str {
        match self {
            Clock::InsidePasses => "timestamps around each command",
            Clock::PassBoundaries => "timestamps around a pass for each command",
            Clock::Host => {
                "host clock around a submit for each command (the adapter has no timestamps): each time includes the cost of a submit"
            }
        }
    }
}

/// When a command ran, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its begin.
    pub begin: f64,
    /// Its end.
    pub end: f64,
}

impl Span {
    /// How long it took. A driver may put an end a tick before its begin.
    pub fn nanoseconds(self) -> f64 {
        (self.end - self.begin).max(0.0)
    }
}

/// Times commands of plans. Holds the query sets, so that repeated measurements allocate nothing.
pub struct Timer {
    pub(super) device: Arc<Device>,
    /// How it measures.
    pub clock: Clock,
    chunks: Vec<Queries>,
}

/// A query set and the buffer that its values are resolved into.
struct Queries {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

impl Timer {
    /// A timer with the best clock of the device.
    pub fn new(device: Arc<Device>) -> Timer {
        let clock = Clock::of(&device);
        Timer::with_clock(device, clock)
    }

    /// A timer with a clock that the device must have: [`Clock::of`] or one below it.
    pub fn with_clock(device: Arc<Device>, clock: Clock) -> Timer {
        Timer { device, clock, chunks: vec![] }
    }

    /// Runs a range of commands once, after everything submitted before, with the step block as it stands. The span of
    /// each command, in their order, from the begin of the first.
    ///
    /// # Errors
    /// What the device reports.
    pub fn spans(&mut self, runner: &mut Runner, loaded: &Loaded, range: Range<usize>) -> Result<Vec<Span>> {
        match self.clock {
            Clock::Host => spans_by_host(runner, loaded, range),
            _ => self.spans_by_device(runner, loaded, range),
        }
    }

    /// As [`Timer::spans`]: the nanoseconds of each command.
    ///
    /// # Errors
    /// What the device reports.
    pub fn each(&mut self, runner: &mut Runner, loaded: &Loaded, range: Range<usize>) -> Result<Vec<f64>> {
        Ok(self.spans(runner, loaded, range)?.into_iter().map(Span::nanoseconds).collect())
    }

    /// Runs a range of commands once as [`Runner::run_commands`] does, undisturbed, after everything submitted before.
    /// Nanoseconds from its begin to its end, by the device's clock where it has one.
    ///
    /// # Errors
    /// What the device reports.
    pub fn whole(&mut self, runner: &mut Runner, loaded: &Loaded, range: Range<usize>) -> Result<f64> {
        self.around(runner, |encoder| loaded.record(encoder, range))
    }

    /// Submits what `record` records, after everything submitted before. Nanoseconds from its begin to its end.
    ///
    /// # Errors
    /// What the device reports.
    pub(super) fn around(
        &mut self,
        runner: &mut Runner,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<f64> {
        runner.finish()?;
        let by_device = self.clock != Clock::Host;
        if by_device {
            self.reserve(1)?;
        }
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        if by_device {
            self.stamp(&mut encoder, &self.chunks[0].set, 0, false);
        }
        record(&mut encoder);
        if by_device {
            self.stamp(&mut encoder, &self.chunks[0].set, 1, true);
            self.chunks[0].resolve(&mut encoder, 1);
        }
        let commands = encoder.finish();
        let start = Instant::now();
        self.device.queue.submit([commands]);
        runner.finish()?;
        let elapsed = start.elapsed().as_nanos() as f64;
        Ok(if by_device { self.read(runner, &[1])?[0].nanoseconds() } else { elapsed })
    }

    fn spans_by_device(&mut self, runner: &mut Runner, loaded: &Loaded, range: Range<usize>) -> Result<Vec<Span>> {
        runner.finish()?;
        let commands: Vec<usize> = range.collect();
        self.reserve(commands.len().div_ceil(CHUNK))?;
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        for (part, queries) in commands.chunks(CHUNK).zip(&self.chunks) {
            let mut pass = None;
            for (slot, &i) in (0u32..).zip(part) {
                if loaded.is_transfer(i) {
                    drop(pass.take());
                    self.stamp(&mut encoder, &queries.set, 2 * slot, false);
                    loaded.transfer(&mut encoder, i);
                    self.stamp(&mut encoder, &queries.set, 2 * slot + 1, true);
                } else if self.clock == Clock::InsidePasses {
                    let begin = || encoder.begin_compute_pass(&Default::default()).forget_lifetime();
                    let pass = pass.get_or_insert_with(begin);
                    pass.write_timestamp(&queries.set, 2 * slot);
                    loaded.dispatch(pass, i);
                    pass.write_timestamp(&queries.set, 2 * slot + 1);
                } else {
                    let desc =
                        wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(queries.around(2 * slot)) };
                    loaded.dispatch(&mut encoder.begin_compute_pass(&desc), i);
                }
            }
            drop(pass);
            queries.resolve(&mut encoder, part.len());
        }
        self.device.queue.submit([encoder.finish()]);
        let counts: Vec<usize> = commands.chunks(CHUNK).map(<[usize]>::len).collect();
        self.read(runner, &counts)
    }

    /// A timestamp between passes.
    fn stamp(&self, encoder: &mut wgpu::CommandEncoder, set: &wgpu::QuerySet, index: u32, end: bool) {
        if self.device.device.features().contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS) {
            return encoder.write_timestamp(set, index);
        }
        // An empty pass for the sake of the boundary that faces what is timed.
        drop(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: set,
                beginning_of_pass_write_index: end.then_some(index),
                end_of_pass_write_index: (!end).then_some(index),
            }),
        }));
    }

    /// Makes sure that there are `count` query sets.
    fn reserve(&mut self, count: usize) -> Result<()> {
        while self.chunks.len() < count {
            let d = &self.device.device;
            let queries = self.device.scoped("timestamps", || Queries {
                set: d.create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("timestamps"),
                    ty: wgpu::QueryType::Timestamp,
                    count: 2 * CHUNK as u32,
                }),
                resolved: d.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("timestamps"),
                    size: 16 * CHUNK as u64,
                    usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                }),
            })?;
            self.chunks.push(queries);
        }
        Ok(())
    }

    /// Reads `counts[k]` pairs of chunk `k`, in nanoseconds from the first of all.
    fn read(&self, runner: &Runner, counts: &[usize]) -> Result<Vec<Span>> {
        let period = f64::from(self.device.queue.get_timestamp_period());
        let mut ticks = vec![];
        for (queries, &count) in self.chunks.iter().zip(counts) {
            let words =
                runner.download("timestamps", &Memory::Buffer(queries.resolved.clone()), Elem::U32, 4 * count)?;
            ticks.extend(words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32));
        }
        let first = ticks.first().copied().unwrap_or(0);
        let at = |tick: u64| tick.wrapping_sub(first) as i64 as f64 * period;
        Ok(ticks.chunks_exact(2).map(|pair| Span { begin: at(pair[0]), end: at(pair[1]) }).collect())
    }
}

impl Queries {
    /// Timestamps `first` and `first + 1` at the begin and the end of a pass.
    fn around(&self, first: u32) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    fn resolve(&self, encoder: &mut wgpu::CommandEncoder, pairs: usize) {
        encoder.resolve_query_set(&self.set, 0..2 * pairs as u32, &self.resolved, 0);
    }
}

fn spans_by_host(runner: &mut Runner, loaded: &Loaded, range: Range<usize>) -> Result<Vec<Span>> {
    runner.finish()?;
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as f64;
    let one = |i| {
        let begin = now();
        runner.run_commands(loaded, i..i + 1)?;
        runner.finish()?;
        Ok(Span { begin, end: now() })
    };
    range.map(one).collect()
}

/// Runs a range of commands `repeats` times with the step block as it stands, and once before, unmeasured. Nanoseconds
/// by command, then by repeat.
///
/// # Errors
/// What the device reports.
pub fn time(runner: &mut Runner, loaded: &Loaded, range: Range<usize>, repeats: usize) -> Result<Vec<Vec<f64>>> {
    let mut timer = Timer::new(runner.device.clone());
    let mut out = vec![vec![]; range.len()];
    timer.each(runner, loaded, range.clone())?;
    for _ in 0..repeats {
        for (all, one) in out.iter_mut().zip(timer.each(runner, loaded, range.clone())?) {
            all.push(one);
        }
    }
    Ok(out)
}

/// CPU nanoseconds of the process for each command, each with a submit of its own and the wait for it: what a driver
/// that runs on the CPU spends, whatever else the machine does. None where the system does not tell.
///
/// # Errors
/// What the device reports.
pub fn cpu(runner: &mut Runner, loaded: &Loaded, range: Range<usize>) -> Result<Option<Vec<f64>>> {
    runner.finish()?;
    let mut out = vec![];
    for i in range {
        let Some(begin) = process_time() else { return Ok(None) };
        runner.run_commands(loaded, i..i + 1)?;
        runner.finish()?;
        let Some(end) = process_time() else { return Ok(None) };
        out.push(end - begin);
    }
    Ok(Some(out))
}

/// CPU nanoseconds of all threads of this process.
#[cfg(unix)]
pub fn process_time() -> Option<f64> {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(t.tv_sec as f64 * 1e9 + t.tv_nsec as f64)
}

/// CPU nanoseconds of all threads of this process: the system does not tell.
#[cfg(not(unix))]
pub fn process_time() -> Option<f64> {
    None
}
