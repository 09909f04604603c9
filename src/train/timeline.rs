//! Where the time of rank 0's steps goes, and how much of the exchange runs beside the backward pass.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::Result;
use crate::files;

/// Steps of a trace.
const STEPS: usize = 20;

/// A piece of work, for a group of tensors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub group: usize,
    pub from: Instant,
    pub to: Instant,
}

/// What a step did.
struct Done {
    begin: Instant,
    /// The device computes, until the gradients of a group are there.
    device: Vec<Span>,
    /// The gradients of a group go up the tree and are added.
    exchange: Vec<Span>,
    /// All ranks have all sums.
    end: Instant,
}

/// The time line of a rank.
#[derive(Default)]
pub(super) struct Timeline {
    begin: Option<Instant>,
    /// Time in which only the exchange went on.
    waited: Duration,
    trace: Option<Trace>,
}

struct Trace {
    path: PathBuf,
    /// What is in each group.
    groups: Vec<String>,
    steps: Vec<Done>,
}

impl Timeline {
    /// Has the next steps written to a file, in the trace format of Chrome. `groups`: what is in each.
    pub fn trace(&mut self, path: &Path, groups: Vec<String>) {
        self.trace = Some(Trace { path: path.to_path_buf(), groups, steps: vec![] });
    }

    /// A step begins.
    pub fn begin(&mut self) {
        self.begin = Some(Instant::now());
    }

    /// A step has all sums. `device`: until the gradients of each group were there; `exchange`: while they went up the tree.
    pub fn end(&mut self, device: Vec<Span>, exchange: Vec<Span>) -> Result<()> {
        let end = Instant::now();
        let done = Done { begin: self.begin.unwrap_or(end), device, exchange, end };
        self.waited += end - done.computed();
        let Some(trace) = &mut self.trace else { return Ok(()) };
        trace.steps.push(done);
        if trace.steps.len() < STEPS { Ok(()) } else { self.write() }
    }

    /// Time since this was asked last in which only the exchange went on.
    pub fn waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    /// Writes the trace, if there is one that is not written yet.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&mut self) -> Result<()> {
        let Some(trace) = self.trace.take().filter(|trace| !trace.steps.is_empty()) else { return Ok(()) };
        files::replace(&trace.path, |w| writeln!(w, "{}", trace.json()))?;
        let [exchange, beside] = trace.means().map(|t| 1e3 * t.as_secs_f64());
        log::info!(
            "trace of {} steps: {} (open it at https://ui.perfetto.dev). Exchange: {exchange:.1} ms a step, {beside:.1} of them beside \
             the backward pass",
            trace.steps.len(),
            trace.path.display()
        );
        Ok(())
    }
}

impl Done {
    /// When the device had done all but the update.
    fn computed(&self) -> Instant {
        self.device.last().map_or(self.end, |span| span.to)
    }

    /// The time of the exchange, and how much of it the device computed beside: spans do not overlap, and behind the last one sums go
    /// down.
    fn exchange(&self) -> [Duration; 2] {
        let down = self.exchange.last().map(|last| Span { from: last.to, to: self.end, ..*last });
        let spans = || self.exchange.iter().copied().chain(down);
        let computed = self.computed();
        [
            spans().map(|span| span.to - span.from).sum(),
            spans().map(|span| span.to.min(computed).saturating_duration_since(span.from)).sum(),
        ]
    }
}

impl Trace {
    fn means(&self) -> [Duration; 2] {
        let all = self.steps.iter().map(Done::exchange);
        let sums = all.fold([Duration::ZERO; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
        sums.map(|sum| sum / self.steps.len() as u32)
    }

    fn json(&self) -> Value {
        let named = |what: &str, track: usize, name: &str| json!({ "ph": "M", "pid": 1, "tid": track, "name": what, "args": { "name": name } });
        let mut events = vec![
            named("process_name", 0, "rank 0"),
            named("thread_name", 1, "device, until gradients are there"),
            named("thread_name", 2, "exchange"),
        ];
        let origin = self.steps[0].begin;
        let us = |t: Duration| (1e7 * t.as_secs_f64()).round() / 10.0;
        let mut slice = |track: usize, name: &str, step: usize, from: Instant, to: Instant| {
            events.push(json!({
                "ph": "X", "pid": 1, "tid": track, "name": name, "ts": us(from - origin), "dur": us(to - from),
                "args": { "step": step },
            }));
        };
        for (i, step) in self.steps.iter().enumerate() {
            for span in &step.device {
                slice(1, &self.groups[span.group], i, span.from, span.to);
            }
            for span in &step.exchange {
                slice(2, &format!("up: {}", self.groups[span.group]), i, span.from, span.to);
            }
            if let Some(last) = step.exchange.last() {
                slice(2, "down", i, last.to, step.end);
            }
        }
        let [exchange, beside] = self.means().map(|t| us(t) / 1e3);
        json!({
            "displayTimeUnit": "ms",
            "otherData": { "exchange_ms": exchange, "beside_the_backward_pass_ms": beside },
            "traceEvents": events,
        })
    }
}
