//! What the adapter can do at best.

use super::Stage;
use super::journal::Lines;
use super::summary::{Section, number};
use super::work::{Came, Work};
use crate::error::Result;
use crate::gpu::roofs::{self, Roofs};

/// The item.
pub(super) const ROOFS: &str = "roofs";

pub(super) fn run(work: &Work) -> Result<()> {
    let measure = || {
        // As for the network, whatever its width will be: with all threads of a driver on the CPU.
        let (preset, _) = work.network(&["width=1".into()])?;
        Ok(Came::Found(roofs::measure(&(work.open)(Some(&preset))?)?))
    };
    work.item(ROOFS, measure).map(|_| ())
}

pub(super) fn section(lines: &Lines) -> Section {
    let Some(r) = lines.result::<Roofs>(Stage::Roofs, ROOFS) else { return Section::default() };
    let mut text = "Measured in registers and by copies; a copy reads and writes.\n\n| | |\n|---|---:|\n".to_owned();
    let mut row = |name: &str, value: f64, unit: &str| text += &format!("| {name} | {} {unit} |\n", number(value));
    row("f32", r.f32_flop / 1e9, "GFLOP/s");
    if let Some(rate) = r.f32_flop_cpu {
        row("f32, per second of CPU time", rate / 1e9, "GFLOP/s");
    }
    if let Some(rate) = r.matrix_flop {
        row("matrices, f16 to f32", rate / 1e9, "GFLOP/s");
    }
    row("memory, copy command", r.copy_command / 1e9, "GB/s");
    row("memory, copying kernel", r.copy_kernel / 1e9, "GB/s");
    row("empty dispatch", r.dispatch_ns / 1e3, "µs");
    row("empty dispatch behind a barrier", r.barrier_ns / 1e3, "µs");
    Section { text, missing: vec![] }
}
