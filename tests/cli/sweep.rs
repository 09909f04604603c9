//! `sweep`: points that are computed once, kept whole, and the same however often the work was interrupted.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Place, Ran, SMALL};

/// The points of a run, with the file's bytes.
fn points(place: &Place, run: &str) -> (Vec<Value>, String) {
    let text = fs::read_to_string(place.path(run).join("sweep.jsonl")).unwrap_or_default();
    (text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"))).collect(), text)
}

fn names(points: &[Value]) -> Vec<(&str, u64)> {
    points.iter().map(|p| (p["distortion"].as_str().unwrap(), p["draw"].as_u64().unwrap())).collect()
}

#[test]
fn a_sweep_keeps_its_points_and_computes_none_twice() {
    let place = Place::new();
    place.given("run");
    let command = "sweep run --distort none,sign --addnorm 0.1:0.3:0.1 --power 1:0 --draws 2";
    let ran = place.run(command);
    assert!(ran.err.contains("19 points computed, 0 were there"), "{}", ran.err);
    let table = ran.ok();
    let (kept, bytes) = points(&place, "run");
    let mut want = vec![("none", 0), ("sign", 0)];
    want.extend(["addnorm:0.1", "addnorm:0.2", "addnorm:0.3"].iter().flat_map(|d| [(*d, 0), (*d, 1)]));
    let powers: Vec<String> = (0..=10).map(|i| format!("power:{}", (10 - i) as f64 / 10.0)).collect();
    want.extend(powers.iter().map(|d| (d.as_str(), 0)));
    assert_eq!(names(&kept), want);
    for p in &kept {
        assert_eq!((&p["run"], &p["step"], &p["seed"]), (&"run".into(), &20.into(), &1.into()), "{p}");
        assert_eq!((&p["moments"], &p["moments_batches"]), (&"recomputed".into(), &10.into()), "{p}");
        assert_eq!((&p["images"], &p["top5_error"]), (&50.into(), &Value::Null), "{p}");
    }
    // Power with exponent 1 is None, with 0 it is Sign; two draws of noise are two.
    let of = |d: &str, draw: u64| kept.iter().find(|p| p["distortion"] == d && p["draw"] == draw).unwrap();
    assert_eq!(
        (&of("power:1", 0)["loss"], &of("power:0", 0)["loss"]),
        (&of("none", 0)["loss"], &of("sign", 0)["loss"])
    );
    assert_ne!(of("addnorm:0.3", 0)["loss"], of("addnorm:0.3", 1)["loss"]);
    // What `eval` says is the first draw.
    let eval: Value = serde_json::from_str(&place.run("eval run --json --distort sign,addnorm:0.3").ok()).unwrap();
    for d in ["sign", "addnorm:0.3"] {
        assert!(
            (eval["errors"][d].as_f64().unwrap() - of(d, 0)["error"].as_f64().unwrap()).abs() < 1e-3,
            "{d}: {eval}"
        );
    }
    // One line of the table per distortion.
    assert_eq!(table.lines().count(), 2 + 16, "{table}");
    assert!(table.starts_with("run, step 20, 50 test images, moments recomputed (10 batches)\n"), "{table}");

    let again = place.run(command);
    assert!(again.err.contains("0 points computed, 19 were there"), "{}", again.err);
    assert_eq!((again.ok(), points(&place, "run").1), (table, bytes.clone()));
    // A longer range adds to what is there, and other settings are other points.
    let ran = place.run("sweep run --addnorm 0.1:0.4:0.1 --draws 2 --json");
    assert!(ran.err.contains("2 points computed, 6 were there"), "{}", ran.err);
    let lines = ran.ok();
    assert_eq!(lines.lines().count(), 8);
    assert!(points(&place, "run").1.starts_with(&bytes) && lines.contains("\"addnorm:0.4\",\"draw\":1"), "{lines}");
    for other in ["--seed 5", "--images 30", "--moments-batches 3", "--moments trained"] {
        let ran = place.run(&format!("sweep run --distort addnorm:0.3 --draws 1 {other}"));
        assert!(ran.err.contains("1 points computed, 0 were there"), "{other}: {}", ran.err);
        ran.ok();
    }
    let all = points(&place, "run").0;
    let last = |i: usize| &all[all.len() - i];
    assert_eq!((&last(4)["seed"], &last(3)["images"], &last(2)["moments_batches"]), (&5.into(), &30.into(), &3.into()));
    assert_eq!(last(1)["moments"], "trained");
    // A checkpoint that was trained further is another network.
    place.run("train run --resume --set steps=30").ok();
    let ran = place.run("sweep run --distort sign");
    assert!(ran.err.contains("1 points computed"), "{}", ran.err);
    assert_eq!(points(&place, "run").0.last().unwrap()["step"], 30);
}

#[test]
fn several_runs_at_once_give_what_each_gives_alone() {
    let place = Place::new();
    place.trained("a", "--set steps=10");
    place.trained("b", "--set steps=10 --set projection=sign --set seed=4");
    // Of another width: other plans.
    place.trained("c", "--set steps=10 --set width=0.5");
    for run in ["a", "b", "c"] {
        place.copy(run, &format!("{run}-alone"));
        place.run(&format!("sweep {run}-alone --distort none,addnorm:0.2 --draws 2")).ok();
    }
    let table = place.run("sweep a c b --distort none,addnorm:0.2 --draws 2").ok();
    let heads: Vec<&str> = table.lines().filter(|l| l.contains("step 10")).map(|l| &l[..1]).collect();
    assert_eq!(heads, ["a", "c", "b"], "{table}");
    for run in ["a", "b", "c"] {
        let alone = points(&place, &format!("{run}-alone")).1.replace("-alone", "");
        assert_eq!(points(&place, run).1, alone, "{run}");
    }
    // A checkpoint in its folder is the run; another file of weights has its points beside it.
    place.run("sweep a/checkpoint.safetensors --distort none").ok();
    assert_eq!(points(&place, "a").0.len(), 3);
    fs::copy(place.path("a/checkpoint.safetensors"), place.path("w.safetensors")).unwrap();
    place.run("sweep w.safetensors --distort none").ok();
    let beside: Value = serde_json::from_str(&fs::read_to_string(place.path("w.sweep.jsonl")).unwrap()).unwrap();
    assert_eq!((&beside["run"], &beside["error"]), (&"w".into(), &points(&place, "a").0[0]["error"]));
    // Weights without a training state need a preset.
    place.run("distort a/checkpoint.safetensors --with none -o plain.safetensors").ok();
    place.run("sweep plain.safetensors --distort none").refused(&["--preset"]);
    let preset = format!("--preset demo/digits {SMALL}");
    let out = place.run(&format!("sweep plain.safetensors --distort none --json {preset}")).ok();
    let plain: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&plain["run"], &plain["step"], &plain["loss"]), (&"plain".into(), &0.into(), &beside["loss"]));
}

#[cfg(unix)]
#[test]
fn a_sweep_interrupted_twice_ends_with_the_bytes_of_one_in_one_go() {
    let place = Place::new();
    place.given("whole");
    place.copy("whole", "broken");
    let sweep = |run: &str| format!("sweep {run} --addnorm 0:1:0.1 --draws 4");
    place.run(&sweep("whole")).ok();
    let begin = |until: usize| -> Child {
        let mut command = place.command(&sweep("broken"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while fs::read(place.path("broken/sweep.jsonl")).unwrap_or_default().iter().filter(|&&b| b == b'\n').count()
            < until
        {
            assert!(child.try_wait().unwrap().is_none(), "it ended before point {until}");
            assert!(start.elapsed() < Duration::from_secs(60), "it did not come to point {until}");
            sleep(Duration::from_millis(1));
        }
        child
    };
    let signal = |child: &Child, name: &str| {
        assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    };
    let mut child = begin(5);
    signal(&child, "-KILL");
    assert!(!child.wait().unwrap().success(), "it ended before it was killed");
    // What a kill in the middle of a write leaves: the last line without its end.
    let bytes = fs::read(place.path("broken/sweep.jsonl")).unwrap();
    fs::write(place.path("broken/sweep.jsonl"), &bytes[..bytes.len() - 30]).unwrap();
    let child = begin(20);
    signal(&child, "-INT");
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.err.contains("The same command goes on") && ran.err.contains("points are missing"), "{}", ran.err);
    assert!(ran.err.contains("the last line was cut off"), "{}", ran.err);
    place.run(&sweep("broken")).ok();
    assert_eq!(points(&place, "broken").1.replace("broken", "whole"), points(&place, "whole").1);
}

#[test]
fn what_cannot_be_swept_is_refused_before_anything_is_computed() {
    let place = Place::new();
    place.given("run");
    for (command, words) in [
        ("sweep", vec!["RUN"]),
        ("sweep gone", vec!["gone"]),
        ("sweep run gone --distort none", vec!["gone"]),
        ("sweep run ./run/checkpoint.safetensors --distort none", vec!["given twice"]),
        ("sweep run --addnorm 0:x", vec!["--addnorm 0:x", "\"x\" is no finite number", "LO:HI:STEP"]),
        ("sweep run --addnorm 0:1:0", vec!["a step of 0"]),
        ("sweep run --multunif 1:0:0.5", vec!["--multunif", "above 0"]),
        ("sweep run --over bitflp:0:1:0.5", vec!["--over bitflp", "\"bitflip\""]),
        ("sweep run --over bitflip", vec!["NAME:LO:HI:STEP"]),
        ("sweep run --distort sgin", vec!["\"sign\""]),
        ("sweep run --distort conv9:sign", vec!["conv9", "conv1"]),
        ("sweep run --distort none --moments none", vec!["recomputed", "trained"]),
        ("sweep run --distort none --draws 0", vec!["--draws"]),
        ("sweep run --distort none --preset demo/digits", vec!["--preset"]),
    ] {
        let ran = place.run(command);
        assert_eq!(ran.out, "", "{command}");
        ran.refused(&words);
    }
    assert!(points(&place, "run").0.is_empty());
    fs::write(place.path("run/sweep.jsonl"), "{\"what\":1}\n").unwrap();
    place.run("sweep run --distort none").refused(&["sweep.jsonl", "line 1 is no point"]);
}

#[test]
fn points_under_another_preset_are_other_points() {
    let place = Place::new();
    place.given("run");
    let first = place.run("sweep run --distort sign --json").ok();
    // The images stay as they are in the files, instead of -1 to 1.
    let other = place.run("sweep run --distort sign --json --set data.scale=\"raw\"").ok();
    let [one, two]: [serde_json::Value; 2] = [&first, &other].map(|text| serde_json::from_str(text).unwrap());
    assert!(one["set"].is_null() && two["set"] == "data.scale = \"raw\"", "{two}");
    assert_ne!(one["loss"], two["loss"], "measured, not taken from the file");
    assert_eq!(place.run("sweep run --distort sign --json").ok(), first);
    // What changes no number is no other point.
    assert_eq!(place.run("sweep run --distort sign --json --set log.every=3 --set data.test=50").ok(), first);
}
