//! Everything that is made of measurements, on made-up ones.

use serde_json::Value;

use super::rows::{self, Bound};
use super::*;
use crate::profile::{json, roofline, table, trace};

/// A roof of 100 GFLOP/s, 10 GB/s, 1 microsecond a dispatch.
fn roofs() -> Roofs {
    Roofs {
        f32_flop: 100e9,
        f32_flop_cpu: Some(60e9),
        matrix_flop: None,
        copy_command: 10e9,
        copy_kernel: 8e9,
        dispatch_ns: 500.0,
        barrier_ns: 1000.0,
    }
}

/// A command that takes these nanoseconds, one number a repetition, `gap` nanoseconds after the command before.
fn sample(scope: &str, kernel: &str, flop: f64, bytes: f64, begin: f64, ns: &[f64]) -> Sample {
    Sample {
        scope: scope.into(),
        kernel: kernel.into(),
        variant: "naive".into(),
        matrix: false,
        work: Work { flop, bytes },
        spans: ns.iter().map(|ns| (begin, begin + ns)).collect(),
        cpu: vec![],
    }
}

fn profile() -> Profile {
    let samples = vec![
        sample("project", "project.apply", 1e3, 8e6, 0.0, &[1_000_000.0, 1_000_000.0, 4_000_000.0]),
        sample("conv1.forward", "conv2d.forward", 80e6, 1e6, 1_100_000.0, &[1_600_000.0, 1_500_000.0, 1_600_000.0]),
        sample("conv1.forward", "conv2d.forward", 80e6, 1e6, 2_800_000.0, &[1_600_000.0, 1_700_000.0, 1_600_000.0]),
        sample("bn1.moments", "batchnorm.partial", 1e6, 4e6, 4_500_000.0, &[790_000.0, 790_000.0, 790_000.0]),
        sample("bn1.moments", "batchnorm.combine", 1e2, 4e2, 5_300_000.0, &[10_000.0, 10_000.0, 10_000.0]),
        sample("relu1.forward", "relu.forward", 10.0, 80.0, 5_400_000.0, &[4_000.0, 2_000.0, 6_000.0]),
        sample("conv1.grad_weight", "conv2d.grad_weight", 160e6, 2e6, 5_500_000.0, &[2e6, 2e6, 2e6]),
        sample("conv1.grad_input", "conv2d.grad_input", 160e6, 2e6, 7_600_000.0, &[2e6, 2e6, 2e6]),
    ];
    let about = About {
        version: "0.1.0".into(),
        preset: "demo/digits".into(),
        pass: "step".into(),
        projection: "stochm:0.5".into(),
        batch: 50,
        images: "random images".into(),
        adapter: "made up (None, Cpu)".into(),
        driver: "1.0".into(),
        clock: "timestamps around each command".into(),
    };
    Profile {
        about,
        roofs: roofs(),
        step: StepTime { wall: 9.0, spread: 0.5, encode: 0.1, submit: 0.05, wait: 8.0, data: 0.2 },
        start: StartTime { plan: 10.0, load: 200.0, first: 20.0, pipelines: 6 },
        memory: 3 << 20,
        samples,
    }
}

fn row(name: &str) -> rows::Row {
    rows::by_scope(&profile()).into_iter().find(|r| r.name == name).unwrap()
}

#[test]
fn quartiles_interpolate_and_the_order_of_the_numbers_does_not_matter() {
    assert_eq!(quartiles([3.0, 1.0, 2.0, 5.0, 4.0]), [2.0, 3.0, 4.0]);
    assert_eq!(quartiles([1.0, 2.0]), [1.25, 1.5, 1.75]);
    assert_eq!(quartiles([7.0]), [7.0; 3]);
    assert_eq!(quartiles([]), [0.0; 3]);
}

#[test]
fn the_commands_of_a_scope_are_summed_within_each_repetition() {
    // Repetitions of 3.2, 3.2, 3.2 ms: the halves vary, the whole does not.
    let conv = row("conv1.forward");
    assert_eq!((conv.calls, conv.ns), (2, [3_200_000.0; 3]));
    assert_eq!(conv.kernels, ["conv2d.forward/naive"]);
    assert_eq!((conv.work.flop, conv.work.bytes), (160e6, 2e6));
    assert_eq!((conv.gflops(), conv.intensity(), conv.spread()), (50.0, 80.0, 0.0));
    assert_eq!(row("bn1.moments").kernels, ["batchnorm.partial/naive", "batchnorm.combine/naive"]);
    // One slow repetition of three moves no median.
    assert_eq!(row("project").ns, [1_000_000.0, 1_000_000.0, 2_500_000.0]);
}

#[test]
fn shares_of_scopes_kernels_and_families_sum_to_one_and_parts_to_their_scope() {
    let p = profile();
    for all in [rows::by_scope(&p), rows::by_kernel(&p), rows::by_family(&p)] {
        assert!((all.iter().map(|r| r.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(all.iter().map(|r| r.calls).sum::<usize>(), p.samples.len());
        let work: f64 = all.iter().map(|r| r.work.flop).sum();
        assert_eq!(work, p.samples.iter().map(|s| s.work.flop).sum::<f64>());
    }
    let scopes: Vec<String> = rows::by_scope(&p).into_iter().map(|r| r.name).collect();
    let plan = ["project", "conv1.forward", "bn1.moments", "relu1.forward", "conv1.grad_weight", "conv1.grad_input"];
    assert_eq!(scopes, plan, "in the order of the plan");
    let kernels = rows::by_kernel(&p);
    assert!(kernels.windows(2).all(|w| w[0].ns[1] >= w[1].ns[1]), "the dearest first");
    let parts = rows::parts(&p, "bn1.moments");
    assert_eq!(parts.len(), 2);
    let share: f64 = parts.iter().map(|r| r.share).sum();
    assert!((share - row("bn1.moments").share).abs() < 1e-12);
}

#[test]
fn the_roof_that_allows_the_longest_least_time_binds() {
    // 160 MFLOP at 100 GFLOP/s are 1.6 ms of 3.2; 2 MB at 10 GB/s only 0.2.
    let conv = row("conv1.forward");
    assert_eq!(conv.bound, Bound::F32);
    assert!((conv.roof - 0.5).abs() < 1e-12);
    // 8 MB at 10 GB/s are 0.8 ms of 1.
    let project = row("project");
    assert_eq!(project.bound, Bound::Memory);
    assert!((project.roof - 0.8).abs() < 1e-12);
    // A dispatch of 1 microsecond against 0.008 for 80 bytes.
    let relu = row("relu1.forward");
    assert_eq!(relu.bound, Bound::Latency);
    assert!((relu.roof - 0.25).abs() < 1e-12);
    // Matrix units: 160 MFLOP at 1,000 GFLOP/s are 0.16 ms, less than the 0.2 of memory.
    let mut p = profile();
    p.roofs.matrix_flop = Some(1000e9);
    p.samples.iter_mut().for_each(|s| s.matrix = s.kernel.starts_with("conv2d"));
    let conv = |p: &Profile| rows::by_scope(p)[1].clone();
    assert_eq!(conv(&p).bound, Bound::Memory);
    p.roofs.matrix_flop = Some(400e9);
    assert_eq!(conv(&p).bound, Bound::Matrix);
    assert!((conv(&p).roof - 0.125).abs() < 1e-12);
}

#[test]
fn nothing_measured_gives_zeros_and_no_nan() {
    let mut p = profile();
    p.samples.iter_mut().for_each(|s| s.spans.clear());
    for r in rows::by_scope(&p) {
        assert_eq!((r.share, r.gflops(), r.spread(), r.roof), (0.0, 0.0, 0.0, 0.0), "{}", r.name);
    }
    p.samples.clear();
    assert_eq!(rows::sum(&p).calls, 0);
    let text = table::table(&p) + &json::lines(&p);
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    assert!(roofline::figure(&p).svg().contains("</svg>"));
}

#[test]
fn the_table_has_a_line_per_scope_aligned_and_the_kernels_of_scopes_with_several() {
    let text = table::table(&profile());
    for words in [
        "demo/digits: training step, batch 50, projection stochm:0.5",
        "f32 100 GFLOP/s (60.0 per cpu-second), memory 10.0 GB/s (copy command 10.0, kernel 8.00), ridge 10.0 FLOP/B",
        "9.00 ms undisturbed (±6%): 5,556 images/s",
        "230 ms to the end of the first step: plan 10.0, 6 pipelines and memory 200, first step 20.0",
        "3.0 MiB",
        "by family: conv2d 80.0%",
    ] {
        assert!(text.contains(words), "\"{words}\" is not in\n{text}");
    }
    let line = |begin: &str| text.lines().find(|l| l.starts_with(begin)).unwrap_or_else(|| panic!("{begin}\n{text}"));
    let conv: Vec<&str> = line("conv1.forward").split_whitespace().collect();
    assert_eq!(conv[..6], ["conv1.forward", "conv2d.forward/naive", "2", "3,200", "0%", "35.5%"]);
    assert!(line("bn1.moments").contains("2 kernels"));
    assert!(text.lines().any(|l| l.trim_start().starts_with("batchnorm.combine/naive") && l.starts_with(' ')));
    // Columns stand under their titles.
    let title = text.lines().find(|l| l.starts_with("scope")).unwrap();
    let at = |l: &str, word: &str| l.find(word).map(|b| l[..b].chars().count() + word.chars().count());
    assert_eq!(at(title, "µs"), at(line("conv1.forward"), "3,200"));
    assert!(!title.contains("cpu"), "no CPU time was measured");
}

#[test]
fn cpu_time_gets_a_column_where_it_was_measured() {
    let mut p = profile();
    p.samples.iter_mut().for_each(|s| s.cpu = vec![4e6; 2]);
    // Two commands of 80 MFLOP in 4 ms each.
    assert_eq!(rows::by_scope(&p)[1].gflop_per_cpu_second(), Some(20.0));
    assert!(table::table(&p).contains("GFLOP/cpu-s"));
    assert!(json::lines(&p).contains("\"gflop_per_cpu_s\":20.0"));
}

#[test]
fn json_lines_are_a_header_the_scopes_and_the_kernels() {
    let text = json::lines(&profile());
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 1 + 6 + 7);
    assert_eq!(lines[0]["weightproof_profile"], 1);
    assert_eq!(lines[0]["about"]["preset"], "demo/digits");
    assert_eq!(lines[0]["roofs"]["f32_flop"], 100e9);
    assert_eq!(lines[2]["scope"], "conv1.forward");
    assert_eq!(lines[2]["us"], 3200.0);
    assert_eq!(lines[2]["gflops"], 50.0);
    assert_eq!(lines[2]["bound"], "f32");
    let share: f64 = lines.iter().filter(|l| l.get("kernel").is_some()).map(|l| l["share"].as_f64().unwrap()).sum();
    assert!((share - 1.0).abs() < 1e-12);
}

#[test]
fn an_earlier_profile_is_compared_scope_by_scope() {
    let mut before = profile();
    before
        .samples
        .iter_mut()
        .for_each(|s| s.spans.iter_mut().for_each(|span| span.1 = span.0 + 2.0 * (span.1 - span.0)));
    before.samples[0].scope = "old".into();
    before.about.driver = "0.9".into();
    before.step.wall = 18.0;
    let earlier = json::parse(&json::lines(&before)).unwrap();
    assert_eq!(earlier.scopes.len(), 6);
    let text = table::against(&profile(), &earlier);
    let words = |begin: &str| -> Vec<String> {
        let line = text.lines().find(|l| l.starts_with(begin)).unwrap_or_else(|| panic!("{begin}\n{text}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(words("conv1.forward"), ["conv1.forward", "6,400", "3,200", "0.50", "faster"]);
    assert_eq!(words("project"), ["project", "-", "1,000", "-"]);
    assert_eq!(words("old"), ["old", "2,000", "-", "-"]);
    assert_eq!(words("undisturbed"), ["undisturbed", "18,000", "9,000", "0.50", "faster"]);
    assert!(text.contains("another driver: 0.9, now 1.0") && !text.contains("another adapter"), "{text}");
}

#[test]
fn what_is_no_profile_is_refused_with_what_is_wanted() {
    let header = json::lines(&profile()).lines().next().unwrap().to_owned();
    for (text, word) in [
        ("", "empty"),
        ("not json", "no JSON"),
        ("{\"step\": 1}", "no header"),
        ("{\"weightproof_profile\": 99}", "format 99"),
        ("{\"weightproof_profile\": 1}", "line 1"),
        (header.as_str(), "without scopes"),
        (&format!("{header}\n{{\"scope\": \"a\"}}"), "line 2"),
        (&format!("{header}\n{{\"scope\": \"a\", \"us\": -1}}"), "line 2"),
        (&format!("{header}\n\u{0}"), "line 2"),
    ] {
        let e = json::parse(text).unwrap_err();
        assert!(e.contains(word), "{text}: {e}");
    }
}

#[test]
fn the_trace_has_a_slice_per_command_and_repetition_on_the_track_of_its_family() {
    let p = profile();
    let t = trace::trace(&p);
    let events = t["traceEvents"].as_array().unwrap();
    let slices: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
    assert_eq!(slices.len(), p.samples.len() * 3);
    let track = |name: &str| {
        let named = |e: &&Value| e["name"] == "thread_name" && e["args"]["name"] == name;
        events.iter().find(named).unwrap()["tid"].clone()
    };
    for s in &slices {
        assert_eq!(s["tid"], track(s["cat"].as_str().unwrap()));
        assert!(s["dur"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(slices[1]["args"]["kernel"], "conv2d.forward/naive");
    assert_eq!(slices[1]["args"]["GFLOP/s"], 50.0);
    // Steps do not overlap.
    let end = |step: usize| {
        let of = |s: &&&Value| s["args"]["step"] == step;
        let ends = slices.iter().filter(of).map(|s| s["ts"].as_f64().unwrap() + s["dur"].as_f64().unwrap());
        ends.fold(0.0, f64::max)
    };
    let second = slices.iter().find(|s| s["args"]["step"] == 1).unwrap();
    assert!(second["ts"].as_f64().unwrap() >= end(0) - 1e-3);
}

#[test]
fn the_figure_shows_the_roofs_and_labels_the_dear_scopes() {
    let svg = roofline::figure(&profile()).svg();
    for text in ["f32 100 GFLOP/s", "memory 10.0 GB/s", "conv1", "project", "operations per byte", "weight gradient"] {
        assert!(svg.contains(text), "\"{text}\" is not in the figure");
    }
    assert!(!svg.contains(">relu1<"), "a scope of no weight has no label");
    assert!(!svg.contains("matrix") && !svg.contains("NaN"));
    let mut p = profile();
    p.roofs.matrix_flop = Some(900e9);
    assert!(roofline::figure(&p).svg().contains("matrix f16 900 GFLOP/s"));
}
