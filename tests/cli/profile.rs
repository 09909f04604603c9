//! `profile`: what was measured is complete and can be read by others. Times themselves are never judged.

use std::fs;

use serde_json::Value;

use crate::Place;

const SMALL: &str = "--set width=0.25 --set batch=10 --steps 2";

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"))).collect()
}

/// The scopes of the commands of a listing, each once, in order.
fn scopes(listing: &str, kernels: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for line in listing.lines() {
        let mut words = line.split_whitespace();
        let (Some(scope), Some(kernel)) = (words.next(), words.next()) else { continue };
        if kernels.iter().any(|k| kernel.starts_with(&format!("{k}/"))) && out.last().is_none_or(|s| s != scope) {
            out.push(scope.to_owned());
        }
    }
    out
}

#[test]
fn every_command_of_the_step_is_measured_and_the_files_can_be_read() {
    let place = Place::new();
    let out =
        place.run(&format!("profile demo/digits {SMALL} --json --trace t.json --figure f.svg --figure f.png")).ok();
    fs::write(place.path("before.jsonl"), &out).unwrap();
    let all = lines(&out);
    assert_eq!(all[0]["weightproof_profile"], 1);
    assert_eq!(all[0]["about"]["pass"], "step");
    assert_eq!(all[0]["about"]["batch"], 10);
    for roof in ["f32_flop", "copy_command", "copy_kernel", "dispatch_ns", "barrier_ns"] {
        assert!(all[0]["roofs"][roof].as_f64().is_some_and(|v| v > 0.0), "{roof}: {}", all[0]);
    }
    let shaders = place.run("show --shader").ok();
    let mut kernels: Vec<&str> = shaders.lines().filter_map(|l| l.split_whitespace().next()).collect();
    kernels.push("copy");
    let listing = place.run("show --plan demo/digits --set width=0.25 --set batch=10").ok();
    let mut planned = scopes(&listing, &kernels);
    let mut seen = vec![];
    planned.retain(|s| {
        !seen.contains(s) && {
            seen.push(s.clone());
            true
        }
    });
    let of = |kind: &str| -> Vec<&Value> { all.iter().filter(|l| l.get(kind).is_some()).collect() };
    let measured: Vec<&str> = of("scope").iter().map(|l| l["scope"].as_str().unwrap()).collect();
    assert_eq!(measured, planned);
    let calls: u64 = of("kernel").iter().map(|l| l["calls"].as_u64().unwrap()).sum();
    assert!(listing.contains(&format!("plan train: {calls} commands")), "{calls} calls\n{listing}");
    for kind in ["scope", "kernel"] {
        let share: f64 = of(kind).iter().map(|l| l["share"].as_f64().unwrap()).sum();
        assert!((share - 1.0).abs() < 1e-9, "{kind}: {share}");
    }
    let conv = of("scope").into_iter().find(|l| l["scope"] == "conv1.forward").unwrap();
    // 8 x 8 pixels, 3 x 3 x 1 weights, 4 channels at a quarter of the width, 10 images; five operations an output for moments.
    assert_eq!(conv["mflop"], 0.046_08 + 0.0128);

    let trace: Value = serde_json::from_slice(&fs::read(place.path("t.json")).unwrap()).unwrap();
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|e| e["ph"] == "X").count() as u64;
    assert_eq!(slices, 2 * calls, "two steps");
    let svg = fs::read_to_string(place.path("f.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("conv2"), "{svg}");
    let png = fs::read(place.path("f.png")).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");

    let text = place.run(&format!("profile demo/digits {SMALL} --against before.jsonl")).ok();
    assert!(text.contains("now/then") && text.contains("undisturbed"), "{text}");
}

#[test]
fn a_forward_pass_of_a_run_ends_before_the_loss_and_a_test_pass_projects_nothing() {
    let place = Place::new();
    place.given("run");
    let profile = |args: &str| lines(&place.run(&format!("profile {args} --steps 2 --json")).ok());
    let scopes = |lines: &[Value]| -> Vec<String> {
        lines.iter().filter_map(|l| l.get("scope")?.as_str().map(str::to_owned)).collect()
    };
    // A run, with its own preset, on its data set.
    let forward = profile("run --pass forward --projection sign --data .");
    let about = &forward[0]["about"];
    assert_eq!((&about["preset"], &about["batch"], &about["images"]), (&"run".into(), &20.into(), &"digits".into()));
    let forward = scopes(&forward);
    assert_eq!(forward[0], "project");
    assert!(forward.iter().all(|s| !s.starts_with("loss") && !s.contains("grad") && s != "update"), "{forward:?}");
    assert!(forward.iter().any(|s| s == "fc1.forward"));
    let eval = scopes(&profile("run --pass eval"));
    assert!(eval.iter().all(|s| s != "project") && eval.iter().any(|s| s == "loss"), "{eval:?}");
}

#[test]
fn a_packed_file_is_profiled_as_it_is_used_from_its_bits() {
    let place = Place::new();
    place.given("run");
    place.run("export run --format packed --with sign -o net.wp1").ok();
    let profile = |args: &str| lines(&place.run(&format!("profile net.wp1 {args} --steps 2 --json")).ok());
    // Of each convolution.
    let reads_bits = |lines: &[Value]| -> Vec<bool> {
        let kernels = lines.iter().filter_map(|l| l.get("kernel")?.as_str());
        kernels.filter(|k| k.starts_with("conv2d.forward/")).map(|k| k.contains(" bits=1")).collect()
    };
    let bits = profile("--set eval.batch=3 --data .");
    let about = &bits[0]["about"];
    assert_eq!((&about["pass"], &about["batch"], &about["images"]), (&"eval".into(), &3.into(), &"digits".into()));
    assert!(about["projection"].as_str().unwrap().contains("bits"), "{about}");
    assert_eq!(reads_bits(&bits), [true, true]);
    for more in ["--pass eval --projection none", "--pass step"] {
        let real = profile(more);
        assert_eq!(reads_bits(&real), [false, false], "{more}");
        assert!(!real[0]["about"]["projection"].as_str().unwrap().contains("bits"), "{more}");
    }
}

#[test]
fn the_cost_of_each_projection_stands_beside_none() {
    let place = Place::new();
    let out = place.run("profile demo/digits --set width=0.25 --set batch=10 --steps 1 --projections").ok();
    for name in ["none", "sign", "round", "power:", "stoch ", "stochm:", "stochm3:0.5,quantile", "addnorm:"] {
        assert!(out.lines().any(|l| l.starts_with(name)), "{name}\n{out}");
    }
    let none = out.lines().find(|l| l.starts_with("none")).unwrap();
    assert!(none.trim_end().ends_with("+0.0%"), "{none}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_measured() {
    let place = Place::new();
    fs::write(place.path("foreign.json"), "{\"a\": 1}").unwrap();
    fs::write(place.path("bytes"), [0xff, 0xfe, 0x00]).unwrap();
    for (args, words) in [
        ("demo/digit", vec!["\"demo/digits\""]),
        ("demo/digits --pass forwards", vec!["forward"]),
        ("demo/digits --projection sgin", vec!["\"sign\""]),
        ("demo/digits --steps 0", vec!["--steps"]),
        ("demo/digits --against gone.jsonl", vec!["gone.jsonl"]),
        ("demo/digits --against foreign.json", vec!["foreign.json", "profile --json"]),
        ("demo/digits --against bytes", vec!["bytes", "profile --json"]),
        ("demo/digits --trace gone/t.json", vec!["gone/t.json", "no folder"]),
        ("demo/digits --trace .", vec!["folder"]),
        ("demo/digits --figure f.gif", vec!["f.gif", ".svg or .png"]),
        ("demo/digits --figure gone/f.svg", vec!["gone/f.svg", "no folder"]),
        ("demo/digits --projections --json", vec!["--projections"]),
        ("gone.safetensors", vec!["gone.safetensors"]),
        ("bytes", vec!["bytes", "no preset"]),
    ] {
        let ran = place.run(&format!("profile {args}"));
        assert_eq!(ran.out, "", "{args}");
        ran.refused(&words);
    }
}
