//! Speed: of whole training steps, of every dispatch of a step, of the test cases of a kernel; and comparisons with
//! earlier results, another build, other frameworks.
//!
//! A measurement is an [`Entry`]; a file of results is one JSON object per line. Comparisons are ratios of medians.

pub mod compare;
pub mod convolution;
pub mod inference;
pub mod measure;
pub mod peers;
pub mod pictures;
pub mod tune;

use serde::{Deserialize, Serialize};

/// One measurement, and a line of `bench --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `step`, `kernel` (a dispatch of a preset's step) or `case` (of a kernel's test table).
    pub bench: String,
    /// The preset with what was changed in it; the kernel with its constants; the kernel with the name of the case.
    pub name: String,
    /// Variant with the knobs that differ from its defaults.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Scopes of the step that run it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Images per second, from the median step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images_per_s: Option<f64>,
    /// Milliseconds of a step: median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms_per_step: Option<f64>,
    /// Microseconds of a dispatch or case: median.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub us: Option<f64>,
    /// First and third quartile of the same.
    pub quartiles: [f64; 2],
    /// Measurements that these are quartiles of.
    pub runs: usize,
    /// Billions of operations in all; those of the direct form, whatever algorithm ran.
    pub gflop: f64,
    /// Billions of operations per second.
    pub gflops: f64,
    /// Billions of operations per second of CPU time of the process; where the driver runs on the CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflop_per_cpu_s: Option<f64>,
    /// Billions of bytes per second, every argument once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gbs: Option<f64>,
    /// Largest resident memory of the process, MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_mib: Option<f64>,
    /// Device memory of the plan, MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_mib: Option<f64>,
    /// Adapter and driver.
    pub adapter: String,
    /// Version of the program.
    pub version: String,
}

impl Entry {
    /// Microseconds: quartiles.
    pub fn times(&self) -> [f64; 3] {
        let (median, unit) = match (self.us, self.ms_per_step) {
            (Some(us), _) => (us, 1.0),
            (None, ms) => (ms.unwrap_or(0.0), 1e3),
        };
        [self.quartiles[0] * unit, median * unit, self.quartiles[1] * unit]
    }

    /// What it is compared by. Another variant of the same dispatch is the same thing done otherwise; cases are measured
    /// once per variant.
    pub fn key(&self) -> String {
        let variant = if self.bench == "case" { self.variant.as_str() } else { "" };
        format!("{} {} {variant}", self.bench, self.name)
    }
}

/// The lines of `--json`.
pub fn lines(entries: &[Entry]) -> String {
    let line = |e: &Entry| serde_json::to_string(e).expect("an entry is JSON") + "\n";
    entries.iter().map(line).collect()
}

/// Reads what [`lines`] wrote.
///
/// # Errors
/// What is wrong, with its line.
pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty());
    let entry = |(i, l): (usize, &str)| {
        serde_json::from_str(l).map_err(|e| format!("line {}: {e}; `bench --json` writes such files", i + 1))
    };
    let entries = lines.map(entry).collect::<Result<Vec<Entry>, String>>()?;
    if entries.is_empty() { Err("no results in it".into()) } else { Ok(entries) }
}

/// The table that people read.
pub fn table(entries: &[Entry]) -> String {
    let mut out = String::new();
    let per_cpu = |e: &Entry| e.gflop_per_cpu_s.map_or(String::new(), |v| format!("{v:.2}"));
    for e in entries.iter().filter(|e| e.bench == "step") {
        let (ms, images) = (e.ms_per_step.unwrap_or(0.0), e.images_per_s.unwrap_or(0.0));
        out += &format!(
            "{}: {images:.2} images/s, {ms:.2} ms per step (quartiles {:.2} to {:.2}, {} steps), {:.1} GFLOP/s",
            e.name, e.quartiles[0], e.quartiles[1], e.runs, e.gflops
        );
        if e.gflop_per_cpu_s.is_some() {
            out += &format!(", {} GFLOP per CPU second", per_cpu(e));
        }
        if let Some(mib) = e.device_mib {
            out += &format!(", {mib:.0} MiB of device memory");
        }
        if let Some(mib) = e.peak_mib {
            out += &format!(", at most {mib:.0} MiB resident");
        }
        out += "\n";
    }
    let rest: Vec<&Entry> = entries.iter().filter(|e| e.bench != "step").collect();
    if !rest.is_empty() {
        out += &format!(
            "{:>12} {:>7} {:>9} {:>9} {:>8}  {:<10} what\n",
            "us", "+-%", "GFLOP/s", "per cpu s", "GB/s", "variant"
        );
    }
    for e in rest {
        let [low, median, high] = e.times();
        let spread = if median > 0.0 { 50.0 * (high - low) / median } else { 0.0 };
        let gbs = e.gbs.map_or(String::new(), |v| format!("{v:.2}"));
        let calls = if e.scopes.len() > 1 { format!("  ({} times a step)", e.scopes.len()) } else { String::new() };
        let (cpu, variant, name) = (per_cpu(e), &e.variant, &e.name);
        out +=
            &format!("{median:>12.1} {spread:>7.1} {:>9.2} {cpu:>9} {gbs:>8}  {variant:<10} {name}{calls}\n", e.gflops);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn entry(name: &str, us: f64) -> Entry {
        Entry { bench: "kernel".into(), name: name.into(), us: Some(us), quartiles: [us, us], ..Entry::default() }
    }

    #[test]
    fn what_is_written_is_read_again_and_a_broken_line_is_named() {
        let step = Entry { bench: "step".into(), ms_per_step: Some(2.5), quartiles: [2.0, 3.0], ..Entry::default() };
        let all = vec![entry("a", 1.5), step];
        assert_eq!(parse(&lines(&all)).unwrap(), all);
        assert_eq!(all[1].times(), [2000.0, 2500.0, 3000.0]);
        assert!(parse(&format!("{}\n{{\n", lines(&all))).unwrap_err().starts_with("line 4"));
        assert!(parse("\n").is_err());
    }

    #[test]
    fn the_table_has_a_line_for_every_entry() {
        let text = table(&[entry("conv2d.forward n=1", 1.5), entry("relu.forward n=2", 20.0)]);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("conv2d.forward n=1") && text.contains("20.0"), "{text}");
    }
}
