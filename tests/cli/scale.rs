//! `scale`: what a step would take on more ranks, from its plans.

use std::fs;

use serde_json::Value;

use crate::{Place, SMALL};

fn forecast(place: &Place, more: &str) -> Value {
    let out = place.run(&format!("scale demo/digits {SMALL} --set shards=4 --json {more}")).ok();
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

fn near(a: &Value, b: f64) {
    let a = a.as_f64().unwrap();
    assert!((a - b).abs() <= 1e-9 * b.abs(), "{a} is not {b}");
}

#[test]
fn the_time_of_a_step_follows_from_bytes_and_operations() {
    let place = Place::new();
    let f = forecast(&place, "--ranks 1..16 --bandwidth 0.5 --latency 100 --flops 2");
    let (rows, s) = (f["rows"].as_array().unwrap(), &f["seconds"]);
    assert_eq!(
        (rows.len(), &f["impossible"], &f["batch"], &f["shards"]),
        (3, &serde_json::json!([8, 16]), &20.into(), &4.into())
    );
    // Gradients of 3x3x1x16 weights and 16 x 10 outputs of 4x4, with what pads each to a row.
    let bytes = f["gradient_bytes"].as_f64().unwrap();
    assert!((4.0 * (144.0 + 2560.0)..8.0 * (144.0 + 2560.0)).contains(&bytes), "{bytes}");
    let second = |name: &str| s[name].as_f64().unwrap();
    let sums: Vec<f64> = s["sums"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let fixed = second("project") + second("update");
    near(&rows[0]["ms_per_step"], 1e3 * (fixed + 4.0 * second("shard") + 2.0 * sums[0] + sums[1] + sums[2]));
    near(&rows[0]["ms_per_step"], f["flop"].as_f64().unwrap() / 2e6);
    near(&rows[1]["compute_ms"], 1e3 * (fixed + 2.0 * second("shard") + sums[0] + sums[1]));
    for (row, levels) in rows.iter().zip([0.0, 1.0, 2.0]) {
        // All of the gradients are one bucket.
        near(&row["exchange_ms"], 2.0 * levels * (0.1 + bytes / 0.5e6));
        near(&row["images_per_s"], 20.0 / (1e-3 * row["ms_per_step"].as_f64().unwrap()));
    }
    // By the images of one rank.
    let g = forecast(&place, "--ranks 1..4 --bandwidth 0.5 --latency 100 --images-per-second 50");
    near(&g["rows"][0]["ms_per_step"], 20.0 / 50.0 * 1e3);
    // A rank with a part of the shards needs less memory than one with all, and one that shares none of them has no sums wait.
    let memory = |row: usize| rows[row]["device_bytes"].as_u64().unwrap();
    assert!(memory(2) < memory(1), "{f}");
}

#[test]
fn what_is_ready_early_goes_beside_the_backward_pass() {
    let place = Place::new();
    let row = |bandwidth: &str| {
        let sets = "--set width=0.25 --set batch=16 --set shards=4 --ranks 2 --latency 0 --flops 10 --json";
        let out = place.run(&format!("scale merolla2016/cifar10/tr-sign-c {sets} --bandwidth {bandwidth}")).ok();
        let row = serde_json::from_str::<Value>(&out).unwrap()["rows"][0].clone();
        ["exchange_ms", "hidden_ms", "ms_per_step", "compute_ms"].map(|name| row[name].as_f64().unwrap())
    };
    let [exchange, hidden, step, compute] = row("1");
    assert!(hidden > 0.5 * exchange && hidden < exchange, "{hidden} of {exchange}");
    assert!((step - compute - exchange + hidden).abs() < 1e-9 * step);
    // A slow network has more to carry than the pass has time for.
    let [exchange, slow, ..] = row("0.001");
    assert!(slow > hidden && slow < 0.1 * exchange, "{slow} of {exchange}");
}

#[test]
fn what_does_not_pay_and_what_cannot_be_is_said_and_drawn() {
    let place = Place::new();
    let command = format!("scale demo/digits {SMALL} --set shards=4 --ranks 1..8 --latency 5");
    let slow = place.run(&format!("{command} --bandwidth 0.001 --flops 10 --figure a.svg --figure a.png")).ok();
    assert!(
        slow.contains("it stops paying at 2 ranks") && slow.contains("    8  impossible: the batch has 4 shards"),
        "{slow}"
    );
    assert!(
        slow.contains("8 ranks need a larger batch, or smaller shards: e.g. --set batch=40 --set shards=8"),
        "{slow}"
    );
    let fast = place.run(&format!("{command} --bandwidth 1000 --images-per-second 1")).ok();
    assert!(fast.contains("all of these pay"), "{fast}");
    let svg = fs::read_to_string(place.path("a.svg")).unwrap();
    for words in ["images a second", "exchange, % of the step", "without loss", "batch 20 in 4 shards"] {
        assert!(svg.contains(words), "{words}: {svg}");
    }
    assert_eq!(&fs::read(place.path("a.png")).unwrap()[1..4], b"PNG");
    let measured = place.run(&format!("{command} --bandwidth 1")).ok();
    assert!(measured.contains("GFLOP/s, measured on ") && measured.lines().count() > 8, "{measured}");
}

#[test]
fn what_cannot_be_forecast_is_refused() {
    let place = Place::new();
    for (more, words) in [
        ("--ranks 5..7 --bandwidth 1 --latency 1", vec!["--ranks", "power of two"]),
        ("--ranks 0..4 --bandwidth 1 --latency 1", vec!["LO..HI"]),
        ("--ranks 4..1 --bandwidth 1 --latency 1", vec!["LO..HI"]),
        ("--bandwidth 0 --latency 1", vec!["--bandwidth", "above 0"]),
        ("--bandwidth 1 --latency -1", vec!["--latency"]),
        ("--bandwidth 1 --latency 1 --flops x", vec!["--flops", "measured"]),
        ("--bandwidth 1 --latency 1 --flops 1 --images-per-second 1", vec!["--images-per-second"]),
        ("--bandwidth 1 --latency 1 --flops 1 --ranks 8..16", vec!["no more than 1 ranks", "--set shards"]),
        ("--bandwidth 1 --latency 1 --flops 1 --figure a.gif", vec![".svg or .png"]),
        ("--latency 1", vec!["--bandwidth"]),
    ] {
        place.run(&format!("scale demo/digits {more}")).refused(&words);
    }
}
