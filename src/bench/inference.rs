//! Inference from bits beside inference from f32: the network of a packed file, on one driver, by turns.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::compare::Ratio;
use super::measure::{on_cpu, work};
use crate::error::{Error, Result};
use crate::gpu::Device;
use crate::gpu::profile as timing;
use crate::kernels::conv2d::stored::Bits;
use crate::model::Placement;
use crate::plan::{Plan, Role, Step, memory};
use crate::profile::quartiles;
use crate::projection::Projection;
use crate::projection::distortion::Distortion;
use crate::session::{Program, Session, images};
use crate::weights::{TrainedNetwork, packed};

/// How long a side runs in a round, milliseconds, where the number of batches is not given.
const ROUND: f64 = 1500.0;

/// What was measured of one side, a line of `bench --inference --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// `inference`.
    pub bench: &'static str,
    /// The file, the size of the batch, and where weights are read from.
    pub name: String,
    /// Images per second: median of the rounds.
    pub images_per_s: f64,
    /// Milliseconds of a batch: median of the rounds.
    pub ms_per_batch: f64,
    /// Billions of operations per second, those of the direct form.
    pub gflops: f64,
    /// Billions of operations per second of CPU time, where the driver runs on the CPU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gflop_per_cpu_s: Option<f64>,
    /// Bytes that the commands read and write for an image, every argument once, in millions.
    pub mb_per_image: f64,
    /// Device memory of weights, batch norm and what else outlives a batch, MiB.
    pub kept_mib: f64,
    /// Device memory of images, maps and transformed arrays, MiB.
    pub transient_mib: f64,
    /// Adapter and driver.
    pub adapter: String,
}

struct Loaded {
    program: Program,
    /// Milliseconds of a batch, one for each round, and nanoseconds of CPU time.
    ms: Vec<f64>,
    cpu: Vec<f64>,
}

/// Measures the test pass of a packed network from its bits and from f32 in `rounds` rounds, `batches` batches of `batch` images each
/// (absent: as many as fit about a second), and the speed from bits as a multiple of that from f32.
///
/// # Errors
/// A network that is not from a packed file; what the device reports.
pub fn measure(
    device: &Arc<Device>,
    trained: &TrainedNetwork,
    batch: usize,
    batches: Option<usize>,
    rounds: usize,
) -> Result<([Side; 2], Ratio)> {
    if trained.packed.is_empty() {
        let message = "this is no packed file; `weightproof export RUN --format packed -o NET.wp1` writes one";
        return Err(Error::format(&trained.source, message));
    }
    let network = &trained.network;
    let mut session = Session::new(device.clone(), network.clone(), 1);
    let bits = packed::bits(&trained.packed);
    let plan = |bits: Option<&Bits>| network.test_plan_from(&device.target, batch, &Placement::Uploaded, bits);
    let mut load = |bits: Option<&Bits>| -> Result<Loaded> {
        Ok(Loaded { program: session.load(plan(bits)?, false)?, ms: vec![], cpu: vec![] })
    };
    let mut sides = [load(Some(&bits))?, load(None)?];
    for (name, words) in packed::arrays(network, &trained.weights, &trained.packed) {
        session.runner.write(&name, &words)?;
    }
    session.set_weights(&trained.weights)?;
    session.distort(&Distortion::from(Projection::NONE), 1, 1)?;
    for (name, values) in trained.moments.iter().flatten() {
        session.runner.write(name, bytemuck::cast_slice(values))?;
    }
    let made_up = images::made_up(&mut session.runner, network, &Placement::Uploaded, batch)?;
    session.runner.write(&network.uploads(&Placement::Uploaded, "test.input"), &made_up)?;
    session.runner.write("test.label", &vec![0; batch])?;
    // The first batch compiles, the second says how long one takes.
    let mut once = 0f64;
    for side in &sides {
        run(&mut session, side, batch, 1)?;
        once = once.max(run(&mut session, side, batch, 1)?.0);
    }
    let batches = batches.unwrap_or((ROUND / once).ceil().clamp(1.0, 200.0) as usize);
    for round in 0..rounds {
        // Who begins takes turns.
        for i in [round % 2, 1 - round % 2] {
            let (ms, cpu) = run(&mut session, &sides[i], batch, batches)?;
            sides[i].ms.push(ms);
            sides[i].cpu.extend(cpu);
        }
    }
    let direct = work(&network.test_plan(&device.target.forcing("*", "naive"), batch)?)?.0;
    let made = |side: &Loaded, from: &str| -> Result<Side> {
        let ms = quartiles(side.ms.iter().copied())[1];
        let [kept, transient] = held(&side.program.plan);
        let cpu = quartiles(side.cpu.iter().copied())[1];
        Ok(Side {
            bench: "inference",
            name: format!("{}, batch {batch}, from {from}", trained.name),
            images_per_s: batch as f64 / ms * 1e3,
            ms_per_batch: ms,
            gflops: direct / ms / 1e6,
            gflop_per_cpu_s: (on_cpu(device) && cpu > 0.0).then(|| direct / cpu),
            mb_per_image: work(&side.program.plan)?.1 / batch as f64 / 1e6,
            kept_mib: kept,
            transient_mib: transient,
            adapter: device.info.to_string(),
        })
    };
    // Of speeds: times change places.
    let ratio = Ratio::of_rounds(&format!("{}, batch {batch}", trained.name), &sides[0].ms, &sides[1].ms);
    Ok(([made(&sides[0], "bits")?, made(&sides[1], "f32")?], ratio))
}

/// Milliseconds and nanoseconds of CPU time of one of `count` batches.
fn run(session: &mut Session, side: &Loaded, batch: usize, count: usize) -> Result<(f64, Option<f64>)> {
    session.runner.finish()?;
    let (begin, cpu) = (Instant::now(), timing::process_time());
    for _ in 0..count {
        session.runner.run(&side.program.loaded, &Step { valid: batch as u32, ..Step::default() })?;
    }
    session.runner.finish()?;
    let cpu = timing::process_time().zip(cpu).map(|(end, begin)| (end - begin) / count as f64);
    Ok((begin.elapsed().as_secs_f64() * 1e3 / count as f64, cpu))
}

/// MiB of what outlives a batch, and of the rest.
fn held(plan: &Plan) -> [f64; 2] {
    let kept = plan.buffers.iter().filter(|b| b.role == Role::State).map(|b| b.bytes()).sum::<usize>();
    [kept, memory::footprint(plan) - kept].map(|bytes| bytes as f64 / f64::from(1 << 20))
}

/// The table that people read.
pub fn table(sides: &[Side; 2], ratio: &Ratio) -> String {
    let mut out = format!(
        "{:<32} {:>10} {:>11} {:>9} {:>9} {:>12} {:>10} {:>10}\n",
        "", "images/s", "ms/batch", "GFLOP/s", "per CPU s", "MB per image", "kept MiB", "other MiB"
    );
    for s in sides {
        let cpu = s.gflop_per_cpu_s.map_or("-".to_owned(), |v| format!("{v:.1}"));
        out += &format!(
            "{:<32} {:>10.2} {:>11.2} {:>9.1} {cpu:>9} {:>12.2} {:>10.2} {:>10.2}\n",
            s.name, s.images_per_s, s.ms_per_batch, s.gflops, s.mb_per_image, s.kept_mib, s.transient_mib
        );
    }
    out + &format!("from bits {:.2} +- {:.2} times as fast, {} rounds\n", ratio.ratio, ratio.spread, ratio.rounds)
}
