//! Where the time of a step goes, shader by shader.
//!
//! [`measure`] runs a plan and gives a [`Profile`]: plain numbers. Everything else is a function of it: the sums by scope
//! and by kernel ([`rows`]), the table ([`table`]), JSON lines and the comparison with earlier ones ([`json`]), a trace
//! ([`trace`]) and the roofline figure ([`roofline`]).

pub mod json;
pub mod measure;
pub mod projections;
pub mod roofline;
pub mod rows;
pub mod table;
pub mod trace;

use serde::{Deserialize, Serialize};

use crate::gpu::roofs::Roofs;
use crate::kernels::Work;

/// What was profiled, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Version of the program.
    pub version: String,
    /// The preset's name with what was changed in it, or the run folder.
    pub preset: String,
    /// `forward`, `step` or `eval`.
    pub pass: String,
    /// The projection as it is written.
    pub projection: String,
    /// Images of a step.
    pub batch: usize,
    /// `data set`, or `random numbers`.
    pub images: String,
    /// The adapter's name and kind.
    pub adapter: String,
    /// Its driver and version.
    pub driver: String,
    /// What told the time of a command.
    pub clock: String,
}

/// One command of the plan, with the times of its repetitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `conv2.forward`.
    pub scope: String,
    /// `conv2d.forward`.
    pub kernel: String,
    /// Variant with the knobs that differ from its defaults.
    pub variant: String,
    /// Whether its products are made by matrix units.
    pub matrix: bool,
    /// Counted work.
    pub work: Work,
    /// Begin and end in each repetition, nanoseconds from the begin of the first command.
    pub spans: Vec<(f64, f64)>,
    /// CPU nanoseconds of the process, where the adapter is a driver on the CPU and the system tells.
    pub cpu: Vec<f64>,
}

impl Sample {
    /// Nanoseconds of each repetition.
    pub fn nanoseconds(&self) -> impl Iterator<Item = f64> + '_ {
        self.spans.iter().map(|(begin, end)| (end - begin).max(0.0))
    }
}

/// Milliseconds of a step, as it runs when nobody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// From step to step, the host ahead of the device: median.
    pub wall: f64,
    /// Half the distance between the quartiles of the same.
    pub spread: f64,
    /// The host, per step: recording commands.
    pub encode: f64,
    /// Handing them to the queue.
    pub submit: f64,
    /// Waiting for the device, because it is behind.
    pub wait: f64,
    /// Waiting for images and handing them to the queue.
    pub data: f64,
}

/// Milliseconds until the first step is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StartTime {
    /// From the start of the program to a plan: adapter opened, preset read, plan built.
    pub plan: f64,
    /// Pipelines compiled, memory allocated.
    pub load: f64,
    /// The first step, with what a driver compiles late.
    pub first: f64,
    /// Pipelines.
    pub pipelines: usize,
}

/// Everything that was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// What and where.
    pub about: About,
    /// What the adapter can do at best.
    pub roofs: Roofs,
    /// The undisturbed step.
    pub step: StepTime,
    /// Until the first step.
    pub start: StartTime,
    /// Bytes of device memory that the plan needs.
    pub memory: usize,
    /// Every command in order.
    pub samples: Vec<Sample>,
}

/// Quartiles of some numbers: the first, the median, the third; zeros of none.
pub fn quartiles(values: impl IntoIterator<Item = f64>) -> [f64; 3] {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    [0.25, 0.5, 0.75].map(|q| match sorted.len() {
        0 => 0.0,
        n => {
            let at = q * (n - 1) as f64;
            let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
            below + (above - below) * at.fract()
        }
    })
}

#[cfg(test)]
mod tests;
