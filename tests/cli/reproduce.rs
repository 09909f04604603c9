//! `reproduce`: the list of commands, and that it goes on where it was stopped. On the data set that is part of the program,
//! with networks of three layers.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Place, Ran};

/// As few as have all that is measured of a network.
const LAYERS: &str = "[{conv2d=4,kernel=3,pad=1},{maxpool=2},{batchnorm=true},{relu=true},\
                       {conv2d=4,kernel=3,pad=1},{batchnorm=true},{relu=true},{linear=10,output=true},{batchnorm=true}]";

/// The arguments of a reproduction made tiny.
pub fn arguments(what: &str, out: &str, more: &str) -> String {
    format!(
        "reproduce {what} --out {out} --set data.set=digits --set width=1 --set layers={LAYERS} --set epochs=1 \
         --set data.train=40 --set data.test=20 --set batch=10 {more}"
    )
}

fn tiny(place: &Place, what: &str, more: &str) -> Ran {
    place.run(&arguments(what, "all", more))
}

#[test]
fn a_dry_run_prints_the_steps_with_an_estimate_and_does_nothing() {
    let place = Place::new();
    let out = tiny(&place, "merolla2016-table2", "--dry-run").ok();
    let trains: Vec<&str> = out.lines().filter(|l| l.trim_start().starts_with("weightproof train ")).collect();
    assert_eq!(trains.len(), 6, "{out}");
    for (line, net) in trains.iter().zip(["none-nc", "none-c", "sign-c", "stoch-c", "power-c", "stochm-c"]) {
        assert!(line.contains(&format!("train merolla2016/cifar10/tr-{net} ")), "{line}");
        assert!(
            line.contains("--set epochs=20")
                && line.contains("--set epochs=1")
                && line.contains(&format!("--out all/tr-{net}")),
            "{line}"
        );
    }
    for words in [
        "sweep all/tr-none-nc all/tr-none-c",
        "--distort none,sign,round,addnorm:0.3",
        "weightproof report all/",
        "66 points",
        "4 steps",
    ] {
        assert!(out.contains(words), "\"{words}\" is not in {out}");
    }
    assert!(
        out.contains("What differs from the paper:")
            && out.contains("20 epochs of 500")
            && out.contains("set here: width=1"),
        "{out}"
    );
    assert!(out.lines().last().unwrap().starts_with("about ") && out.contains("images/s in training"), "{out}");
    assert!(!place.path("all").exists());
}

#[test]
fn what_is_there_is_not_done_again_and_other_settings_are_refused() {
    let place = Place::new();
    tiny(&place, "merolla2016-figure1", "").ok();
    let read = |name: &str| fs::read_to_string(place.path("all").join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let points = read("tr-none-c/sweep.jsonl");
    assert_eq!(points.lines().count(), 11);
    assert!(place.path("all/report-merolla2016-figure1/index.html").exists());
    for net in ["tr-none-nc", "tr-none-c", "tr-stochm-c"] {
        let analysis: serde_json::Value = serde_json::from_str(&read(&format!("{net}/analysis.json"))).unwrap();
        for section in ["distance", "correlation", "histograms", "filters"] {
            assert!(analysis[section].as_array().is_some_and(|a| !a.is_empty()), "{net}: {section}");
        }
        let info: serde_json::Value = serde_json::from_str(&read(&format!("{net}/run.json"))).unwrap();
        assert!(info["command"].as_str().unwrap().starts_with("weightproof train merolla2016/cifar10/"), "{info}");
    }
    let before = (read("tr-none-c/log.jsonl"), read("tr-none-c/run.json"));
    // One run loses its points, one a part of its training, one was killed before its first checkpoint.
    fs::write(place.path("all/tr-none-c/sweep.jsonl"), &points[..points.len() / 2]).unwrap();
    let stochm = read("tr-stochm-c/log.jsonl");
    fs::remove_file(place.path("all/tr-stochm-c/checkpoint.safetensors")).unwrap();
    let log = read("tr-none-nc/log.jsonl");
    let cut: String = log.lines().filter(|l| !l.contains("\"eval\":\"sign\"")).flat_map(|l| [l, "\n"]).collect();
    fs::write(place.path("all/tr-none-nc/log.jsonl"), cut).unwrap();
    let out = tiny(&place, "merolla2016-figure1", "").ok();
    for words in [
        "train tr-none-nc: from step 4 of 4",
        "train tr-none-c: finished",
        "train tr-stochm-c: 4 steps",
        " of 33 points",
    ] {
        assert!(out.contains(words), "\"{words}\" is not in {out}");
    }
    assert_eq!((read("tr-none-c/log.jsonl"), read("tr-none-c/run.json")), before);
    assert_eq!(read("tr-none-c/sweep.jsonl"), points);
    let evals = |log: &str| log.lines().filter(|l| l.contains("eval")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(evals(&read("tr-stochm-c/log.jsonl")), evals(&stochm));
    assert_eq!(evals(&read("tr-none-nc/log.jsonl")).len(), 2);

    let out = tiny(&place, "merolla2016-figure1", "--dry-run").ok();
    assert!(out.contains("33 points, all there") && out.contains("nothing is left to train or to test"), "{out}");
    // Table 2 takes the runs over.
    let out = tiny(&place, "merolla2016-table2", "--dry-run").ok();
    assert!(out.contains("train tr-stochm-c: finished") && out.contains("33 of 66 points"), "{out}");
    tiny(&place, "merolla2016-figure1", "--set lr.initial=0.01").refused(&["lr.initial = 0.01 (was 0.003)", "--out"]);
}

#[test]
fn the_learning_curves_of_wide_networks_are_tested_at_every_cycle_and_reported() {
    let place = Place::new();
    let more = "--set lr.first=1 --set lr.growth=1 --set epochs=2 --set batch_norm.learned=true";
    let out = tiny(&place, "mcdonnell2018-curves", more).ok();
    for words in [
        "scale mini",
        "268,336 weights in WRN-20-4",
        "--out all/cifar10-wrn-20-4-32bit",
        "train mcdonnell2018/cifar100/wrn-20-4-1bit",
    ] {
        assert!(out.contains(words), "\"{words}\" is not in {out}");
    }
    for (net, distortion) in [("cifar10-wrn-20-4-1bit", "he-sign"), ("cifar100-wrn-20-4-32bit", "none")] {
        let log = fs::read_to_string(place.path("all").join(net).join("log.jsonl")).unwrap();
        let tests: Vec<&str> = log.lines().filter(|l| l.contains("\"eval\"")).collect();
        assert_eq!(tests.len(), 2, "one for each cycle: {log}");
        assert!(tests.iter().all(|l| l.contains(&format!("\"eval\":\"{distortion}\""))), "{log}");
    }
    assert!(place.path("all/report-mcdonnell2018-curves/index.html").exists());
    // The table has four networks more, and takes these over.
    let out = tiny(&place, "mcdonnell2018-table", &format!("{more} --dry-run")).ok();
    assert_eq!(out.matches(": finished").count(), 4, "{out}");
    assert_eq!(out.matches("    weightproof train").count(), 8, "{out}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_at_any_point_loses_nothing() {
    let place = Place::new();
    let command = |out: &str| arguments("merolla2016-figure1", out, "");
    place.run(&command("whole")).ok();
    // In the training of the second network, and in the tests of the second.
    for file in ["broken/tr-none-c/log.jsonl", "broken/tr-none-c/sweep.jsonl"] {
        let mut process = place.command(&command("broken"));
        let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while fs::metadata(place.path(file)).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "it ended without {file}");
            assert!(start.elapsed() < Duration::from_secs(60), "no {file}");
            sleep(Duration::from_millis(1));
        }
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(130), "{file}: {}", ran.err);
        assert!(ran.err.contains("the same command goes on"), "{}", ran.err);
        assert!(!place.path("broken/report-merolla2016-figure1").exists());
    }
    place.run(&command("broken")).ok();
    for net in ["tr-none-nc", "tr-none-c", "tr-stochm-c"] {
        let read = |out: &str, name: &str| fs::read_to_string(place.path(out).join(net).join(name)).unwrap();
        assert_eq!(read("broken", "sweep.jsonl"), read("whole", "sweep.jsonl"), "{net}");
        assert_eq!(read("broken", "analysis.json"), read("whole", "analysis.json"), "{net}");
        place.assert_same_tensors(&format!("broken/{net}"), &format!("whole/{net}"));
    }
}

#[test]
fn what_is_unknown_is_refused_by_name() {
    let place = Place::new();
    place.run("reproduce merolla2016-tabel2").refused(&["\"merolla2016-table2\""]);
    place.run("reproduce merolla2016-table2 --scale micro").refused(&["mini", "full"]);
    tiny(&place, "merolla2016-table2", "--set epoch=3").refused(&["\"epochs\""]);
    place.run("reproduce merolla2016-table2 --data gone").refused(&["gone", "cifar10"]);
    assert!(!place.path("all").exists());
}
