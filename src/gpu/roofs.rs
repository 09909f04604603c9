//! What the adapter at hand can do at best, measured: the roofs that the profile holds kernels against.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::adapter::Device;
use super::profile::{Timer, cpu};
use super::runner::Runner;
use crate::error::Result;
use crate::kernels::case::Fill;
use crate::kernels::{self, matrices, roof};
use crate::plan::{AdapterClass, Builder, Elem, Role};

/// How long each roof is measured. The best repetition counts, and a GPU needs a while to raise its clock.
const WARM: Duration = Duration::from_millis(250);

/// The same for drivers on the CPU, whose clock follows at once.
const WARM_SOFTWARE: Duration = Duration::from_millis(80);

/// Empty dispatches in a row.
const DISPATCHES: usize = 256;

/// What an adapter can do at best. Rates are per second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofs {
    /// f32 operations in registers.
    pub f32_flop: f64,
    /// The same per second of CPU time, of drivers on the CPU, where the system tells.
    pub f32_flop_cpu: Option<f64>,
    /// Operations of products of cooperative matrices in registers, f16 operands, f32 sums, where the adapter has them.
    pub matrix_flop: Option<f64>,
    /// Bytes that a copy command reads and writes.
    pub copy_command: f64,
    /// Bytes that a copying kernel reads and writes.
    pub copy_kernel: f64,
    /// Nanoseconds of a dispatch that does nothing, between others that it need not wait for.
    pub dispatch_ns: f64,
    /// Nanoseconds of a dispatch that does nothing, behind a barrier.
    pub barrier_ns: f64,
}

impl Roofs {
    /// Bytes per second: the better copy.
    pub fn memory(&self) -> f64 {
        self.copy_command.max(self.copy_kernel)
    }
}

/// Measures the roofs of a device; takes a second or two.
///
/// # Errors
/// What the device reports.
pub fn measure(device: &Arc<Device>) -> Result<Roofs> {
    let mut timer = Timer::new(device.clone());
    let software = device.target.adapter.class == AdapterClass::Software;
    let (f32_flop, f32_flop_cpu) = rate(device, &mut timer, |b, rounds| {
        let len = roof::WIDE * if software { 512 } else { 8192 };
        let (x, y) = (b.buffer("x", Elem::F32, &[len], Role::State), b.transient("y", &[len]));
        roof::fma(b, "fma", rounds, 0.5, 1.0, x, y)
    })?;
    let matrix_flop = match device.target.adapter.matrices {
        Some(m) if matrices::offered(&device.target).is_ok() => Some(
            rate(device, &mut timer, |b, rounds| {
                let size = m.size as usize;
                let left = b.buffer("a", Elem::F32, &[2, size, size], Role::State);
                let right = b.buffer("b", Elem::F32, &[4, size, size], Role::State);
                let c = b.transient("c", &[roof::MATRICES * if software { 16 } else { 1024 }, size, size]);
                // No row chooses it on a driver on the CPU, where a precision may still ask for its like.
                b.target.options.forced.push((roof::MATRIX.name.into(), "coop".into()));
                roof::matrix(b, "matrix", size, rounds, left, right, c)
            })?
            .0,
        ),
        _ => None,
    };
    let (copy_command, copy_kernel) = copies(device, &mut timer)?;
    Ok(Roofs {
        f32_flop,
        f32_flop_cpu,
        matrix_flop,
        copy_command,
        copy_kernel,
        dispatch_ns: dispatches(device, &mut timer, DISPATCHES)?,
        barrier_ns: dispatches(device, &mut timer, 1)?,
    })
}

/// Operations per second of the command that `build` appends, and per second of CPU time, on random operands. Rounds are added until a dispatch takes so long that
/// its start does not count.
fn rate(
    device: &Arc<Device>,
    timer: &mut Timer,
    build: impl Fn(&mut Builder, usize) -> Result<()>,
) -> Result<(f64, Option<f64>)> {
    let mut rounds = 16;
    loop {
        let mut b = Builder::new("roof", device.target.clone());
        build(&mut b, rounds)?;
        let plan = b.finish()?;
        let work = kernels::work(&plan.commands[0])?;
        let mut runner = Runner::new(device.clone());
        let loaded = runner.load(&plan, false)?;
        for b in plan.buffers.iter().filter(|b| b.role == Role::State) {
            runner.write(&b.name, bytemuck::cast_slice(&Fill::Uniform(1.0).values(&b.name, b.len())))?;
        }
        // Compiles, on drivers that do so at the first dispatch.
        timer.whole(&mut runner, &loaded, 0..1)?;
        let once = timer.whole(&mut runner, &loaded, 0..1)?;
        if once < 4e6 && rounds < 1 << 20 {
            rounds *= 4;
            continue;
        }
        let second = |ns: f64| work.flop / ns * 1e9;
        let fastest = best(warm(device), || timer.whole(&mut runner, &loaded, 0..1))?;
        let on_cpu = device.target.adapter.class == AdapterClass::Software;
        let cpu = if on_cpu { cpu(&mut runner, &loaded, 0..1)?.map(|all| all[0]) } else { None };
        return Ok((second(fastest), cpu.map(second)));
    }
}

/// Bytes per second through a copy command and through a copying kernel; a copy reads and writes.
fn copies(device: &Arc<Device>, timer: &mut Timer) -> Result<(f64, f64)> {
    let software = device.target.adapter.class == AdapterClass::Software;
    // Larger than the caches of a GPU; a software adapter shares its memory with the host.
    let wanted = if software { 64 << 20 } else { 256 << 20 };
    let limits = device.target.adapter.limits;
    let bytes = wanted.min(limits.max_binding).min(limits.max_buffer) / 1024 * 1024;
    let mut b = Builder::new("roof", device.target.clone());
    let x = b.buffer("x", Elem::F32, &[bytes / 4], Role::State);
    let y = b.buffer("y", Elem::F32, &[bytes / 4], Role::State);
    roof::copy(&mut b, "copy", x, y)?;
    let mut runner = Runner::new(device.clone());
    let loaded = runner.load(&b.finish()?, false)?;
    timer.whole(&mut runner, &loaded, 0..1)?;
    let kernel = best(warm(device), || timer.whole(&mut runner, &loaded, 0..1))?;
    let (from, to) = (runner.shared_buffer("x")?.buffer.clone(), runner.shared_buffer("y")?.buffer.clone());
    let command = best(warm(device), || {
        timer.around(&mut runner, |encoder| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes as u64))
    })?;
    let rate = |ns: f64| 2.0 * bytes as f64 / ns * 1e9;
    Ok((rate(command), rate(kernel)))
}

/// Nanoseconds of one of many empty dispatches that write `arrays` arrays in turn: with one array each waits for the one
/// before it.
fn dispatches(device: &Arc<Device>, timer: &mut Timer, arrays: usize) -> Result<f64> {
    let mut b = Builder::new("roof", device.target.clone());
    let views: Vec<_> = (0..arrays).map(|i| b.transient(format!("y{i}"), &[1])).collect();
    for i in 0..DISPATCHES {
        roof::dispatch(&mut b, "dispatch", views[i % arrays])?;
    }
    let mut runner = Runner::new(device.clone());
    let loaded = runner.load(&b.finish()?, true)?;
    timer.whole(&mut runner, &loaded, 0..DISPATCHES)?;
    Ok(best(warm(device), || timer.whole(&mut runner, &loaded, 0..DISPATCHES))? / DISPATCHES as f64)
}

/// How long each roof of a device is measured.
fn warm(device: &Device) -> Duration {
    if device.target.adapter.class == AdapterClass::Software { WARM_SOFTWARE } else { WARM }
}

/// The least of repeated measurements.
fn best(warm: Duration, mut once: impl FnMut() -> Result<f64>) -> Result<f64> {
    let start = Instant::now();
    let (mut best, mut count) = (f64::INFINITY, 0);
    while count < 3 || start.elapsed() < warm {
        best = best.min(once()?);
        count += 1;
    }
    // A clock too coarse to see it: a nanosecond is the least that can be told.
    Ok(best.max(1.0))
}
