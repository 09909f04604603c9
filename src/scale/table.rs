//! A forecast for people, and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Forecast;

/// A line for each number of ranks, and how many pay.
pub fn table(f: &Forecast) -> String {
    let model = &f.model;
    let mut out = format!(
        "{}: batch {} in {} shards of {}, {:.2} GFLOP a step, {:.2} MB of gradients\n",
        f.name,
        model.images,
        model.shards,
        model.images / model.shards,
        f.flop / 1e9,
        model.gradient_bytes() as f64 / 1e6
    );
    let one = model.seconds.step(model.shards, model.shards);
    let _ = writeln!(out, "a rank: {:.2} GFLOP/s, {}", f.flop / one / 1e9, f.source);
    let _ = writeln!(out, "{}\n", model.link.say(model.gradient_bytes()));
    out += "ranks  shards    ms/step  exchange %    images/s  speed-up  efficiency %  MiB/rank\n";
    for (row, memory) in &f.rows {
        let _ = writeln!(
            out,
            "{:>5}  {:>6}  {:>9.2}  {:>10.1}  {:>10.1}  {:>8.2}  {:>12.1}  {:>8.1}",
            row.ranks,
            row.shards,
            1e3 * row.step,
            100.0 * row.share(),
            row.images_per_s,
            row.speedup,
            100.0 * row.efficiency,
            *memory as f64 / f64::from(1 << 20)
        );
    }
    for ranks in &f.impossible {
        let _ = writeln!(out, "{ranks:>5}  impossible: the batch has {} shards", model.shards);
    }
    out.push('\n');
    if let Some(ranks) = f.impossible.first() {
        let batch = ranks * (model.images / model.shards);
        let _ = writeln!(
            out,
            "{ranks} ranks need a larger batch, or smaller shards: e.g. --set batch={batch} --set shards={ranks}"
        );
    }
    out += &match f.stops() {
        Some(ranks) => {
            format!("it stops paying at {ranks} ranks: they are less than half as fast as {ranks} times one rank\n")
        }
        None => "all of these pay: each is at least half as fast as so many times one rank\n".into(),
    };
    out
}

/// The same as one object.
pub fn json(f: &Forecast) -> Value {
    let (model, link) = (&f.model, f.model.link);
    let row = |(row, memory): &(super::Row, u64)| {
        json!({
            "ranks": row.ranks,
            "shards": row.shards,
            "ms_per_step": 1e3 * row.step,
            "compute_ms": 1e3 * row.compute,
            "exchange_ms": 1e3 * row.exchange,
            "hidden_ms": 1e3 * row.hidden,
            "exchange_share": row.share(),
            "images_per_s": row.images_per_s,
            "speedup": row.speedup,
            "efficiency": row.efficiency,
            "device_bytes": memory,
        })
    };
    let s = &model.seconds;
    json!({
        "name": f.name,
        "batch": model.images,
        "shards": model.shards,
        "flop": f.flop,
        "gradient_bytes": model.gradient_bytes(),
        "source": f.source,
        "seconds": {"project": s.project, "shard": s.shard, "left": s.left, "sums": s.sums, "update": s.update},
        "bandwidth_gbs": link.bandwidth / 1e9,
        "latency_us": 1e6 * link.latency,
        "rows": f.rows.iter().map(row).collect::<Vec<_>>(),
        "impossible": f.impossible,
        "stops_paying": f.stops(),
    })
}
