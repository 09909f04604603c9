//! The commands on a time line, in the trace format of Chrome that Perfetto opens (<https://ui.perfetto.dev>).

use serde_json::{Value, json};

use super::rows::{family, label, ratio};
use super::{Profile, Sample};

/// The trace: one track per family of kernels, a slice per command, as many steps in a row as were measured.
pub fn trace(profile: &Profile) -> Value {
    let mut families: Vec<&str> = vec![];
    for s in &profile.samples {
        if !families.contains(&family(&s.kernel)) {
            families.push(family(&s.kernel));
        }
    }
    let mut events = vec![named("process_name", 0, &format!("{}: {}", profile.about.adapter, profile.about.preset))];
    for (track, name) in families.iter().enumerate() {
        events.push(named("thread_name", track + 1, name));
        events.push(json!({
            "ph": "M", "pid": 1, "tid": track + 1, "name": "thread_sort_index", "args": { "sort_index": track + 1 },
        }));
    }
    let steps = profile.samples.iter().map(|s| s.spans.len()).min().unwrap_or(0);
    // Between two steps the host read the timestamps: they are put end to end.
    let mut start = 0.0;
    for step in 0..steps {
        for s in &profile.samples {
            let track = families.iter().position(|f| *f == family(&s.kernel)).unwrap_or(0) + 1;
            events.push(slice(s, step, track, start));
        }
        start += profile.samples.iter().map(|s| s.spans[step].1).fold(0.0, f64::max);
    }
    json!({
        "displayTimeUnit": "ms",
        "otherData": { "about": profile.about, "roofs": profile.roofs, "step_ms": profile.step },
        "traceEvents": events,
    })
}

fn named(what: &str, track: usize, name: &str) -> Value {
    json!({ "ph": "M", "pid": 1, "tid": track, "name": what, "args": { "name": name } })
}

fn slice(s: &Sample, step: usize, track: usize, start: f64) -> Value {
    let (begin, end) = s.spans[step];
    let ns = (end - begin).max(0.0);
    let round = |v: f64| (v * 1e3).round() / 1e3;
    json!({
        "ph": "X", "pid": 1, "tid": track,
        "name": s.scope,
        "cat": family(&s.kernel),
        "ts": round((start + begin) / 1e3),
        "dur": round(ns / 1e3),
        "args": {
            "kernel": label(s),
            "step": step,
            "GFLOP/s": round(ratio(s.work.flop, ns)),
            "GB/s": round(ratio(s.work.bytes, ns)),
            "MFLOP": round(s.work.flop / 1e6),
            "MB": round(s.work.bytes / 1e6),
        },
    })
}
