//! Sums of samples: by scope and by kernel, with what binds each.

use serde::Serialize;

use super::{Profile, Sample, quartiles};
use crate::gpu::roofs::Roofs;
use crate::kernels::Work;

/// What bounds the time of some commands from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// f32 arithmetic.
    F32,
    /// Matrix units.
    Matrix,
    /// Bytes through memory.
    Memory,
    /// The cost of dispatches.
    Latency,
}

impl Bound {
    /// As the table says it.
    pub fn name(self) -> &'static str {
        match self {
            Bound::F32 => "f32",
            Bound::Matrix => "matrix",
            Bound::Memory => "memory",
            Bound::Latency => "latency",
        }
    }
}

/// Some commands together. Times in nanoseconds per step.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The scope, or the kernel.
    pub name: String,
    /// `kernel/variant` of each kind of command, in order of first appearance.
    pub kernels: Vec<String>,
    /// Commands per step.
    pub calls: usize,
    /// Quartiles over the repetitions.
    pub ns: [f64; 3],
    /// CPU time, where it was measured: median.
    pub cpu_ns: Option<f64>,
    /// Part of the sum of all medians.
    pub share: f64,
    /// Counted work.
    pub work: Work,
    /// What bounds it.
    pub bound: Bound,
    /// The least time that this bound allows, as a part of the median.
    pub roof: f64,
}

impl Row {
    /// Billions of operations per second.
    pub fn gflops(&self) -> f64 {
        ratio(self.work.flop, self.ns[1])
    }

    /// Billions of bytes per second.
    pub fn gbs(&self) -> f64 {
        ratio(self.work.bytes, self.ns[1])
    }

    /// Operations per byte.
    pub fn intensity(&self) -> f64 {
        ratio(self.work.flop, self.work.bytes)
    }

    /// Billions of operations per second of one core.
    pub fn gflop_per_cpu_second(&self) -> Option<f64> {
        self.cpu_ns.map(|ns| ratio(self.work.flop, ns))
    }

    /// Half the distance between the quartiles, as a part of the median.
    pub fn spread(&self) -> f64 {
        ratio(self.ns[2] - self.ns[0], 2.0 * self.ns[1])
    }
}

/// a / b, 0 where b is.
pub fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// One row per scope, in the order of the plan.
pub fn by_scope(profile: &Profile) -> Vec<Row> {
    rows(profile, |s| s.scope.clone())
}

/// One row per kernel and variant, the dearest first.
pub fn by_kernel(profile: &Profile) -> Vec<Row> {
    let mut all = rows(profile, label);
    all.sort_by(|a, b| b.ns[1].total_cmp(&a.ns[1]));
    all
}

/// One row per family of kernels (`conv2d`, `batchnorm`), the dearest first.
pub fn by_family(profile: &Profile) -> Vec<Row> {
    let mut all = rows(profile, |s| family(&s.kernel).to_owned());
    all.sort_by(|a, b| b.ns[1].total_cmp(&a.ns[1]));
    all
}

/// The rows of the kinds of commands in one scope.
pub fn parts(profile: &Profile, scope: &str) -> Vec<Row> {
    let total = total(&by_scope(profile));
    let samples: Vec<&Sample> = profile.samples.iter().filter(|s| s.scope == scope).collect();
    grouped(&samples, &profile.roofs, total, label)
}

/// Everything as one row.
pub fn sum(profile: &Profile) -> Row {
    let mut all = rows(profile, |_| "sum".to_owned());
    match all.pop() {
        Some(row) => row,
        None => row("sum".into(), &[], &profile.roofs),
    }
}

/// `conv2d` of `conv2d.forward`.
pub fn family(kernel: &str) -> &str {
    kernel.split('.').next().unwrap_or(kernel)
}

/// `kernel/variant`.
pub fn label(s: &Sample) -> String {
    match s.variant.is_empty() {
        true => s.kernel.clone(),
        false => format!("{}/{}", s.kernel, s.variant),
    }
}

fn rows(profile: &Profile, key: impl Fn(&Sample) -> String) -> Vec<Row> {
    let samples: Vec<&Sample> = profile.samples.iter().collect();
    let mut all = grouped(&samples, &profile.roofs, 0.0, key);
    let total = total(&all);
    all.iter_mut().for_each(|r| r.share = ratio(r.ns[1], total));
    all
}

fn total(rows: &[Row]) -> f64 {
    rows.iter().map(|r| r.ns[1]).sum()
}

fn grouped(samples: &[&Sample], roofs: &Roofs, total: f64, key: impl Fn(&Sample) -> String) -> Vec<Row> {
    let mut groups: Vec<(String, Vec<&Sample>)> = vec![];
    for s in samples {
        let key = key(s);
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, group)) => group.push(s),
            None => groups.push((key, vec![s])),
        }
    }
    let mut all: Vec<Row> = groups.into_iter().map(|(name, group)| row(name, &group, roofs)).collect();
    all.iter_mut().for_each(|r| r.share = ratio(r.ns[1], total));
    all
}

fn row(name: String, samples: &[&Sample], roofs: &Roofs) -> Row {
    let mut kernels: Vec<String> = vec![];
    let (mut work, mut matrix) = (Work::default(), 0.0);
    let mut least = Least::default();
    for s in samples {
        let label = label(s);
        if !kernels.contains(&label) {
            kernels.push(label);
        }
        work.flop += s.work.flop;
        work.bytes += s.work.bytes;
        if s.matrix {
            matrix += s.work.flop;
        }
        least.add(s, roofs);
    }
    let repeats = samples.iter().map(|s| s.spans.len()).min().unwrap_or(0);
    let ns = quartiles((0..repeats).map(|r| samples.iter().map(|s| (s.spans[r].1 - s.spans[r].0).max(0.0)).sum()));
    let cpu = samples.iter().map(|s| s.cpu.len()).min().unwrap_or(0);
    let cpu_ns = (cpu > 0).then(|| quartiles((0..cpu).map(|r| samples.iter().map(|s| s.cpu[r]).sum()))[1]);
    let (bound, bound_ns) = least.most();
    let bound = if bound == Bound::F32 && matrix > work.flop / 2.0 { Bound::Matrix } else { bound };
    Row { name, kernels, calls: samples.len(), ns, cpu_ns, share: 0.0, work, bound, roof: ratio(bound_ns, ns[1]) }
}

/// The least nanoseconds that each roof allows, summed over commands that run one after the other.
#[derive(Default)]
struct Least {
    arithmetic: f64,
    memory: f64,
    latency: f64,
}

impl Least {
    fn add(&mut self, s: &Sample, roofs: &Roofs) {
        let flop = if s.matrix { roofs.matrix_flop.unwrap_or(roofs.f32_flop) } else { roofs.f32_flop };
        self.arithmetic += ratio(s.work.flop, flop) * 1e9;
        self.memory += ratio(s.work.bytes, roofs.memory()) * 1e9;
        self.latency += roofs.barrier_ns;
    }

    fn most(&self) -> (Bound, f64) {
        let all = [(Bound::F32, self.arithmetic), (Bound::Memory, self.memory), (Bound::Latency, self.latency)];
        all.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((Bound::Latency, 0.0))
    }
}
