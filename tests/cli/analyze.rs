//! `analyze`: its file, its tables, its errors.

#[cfg(unix)]
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::thread::sleep;
#[cfg(unix)]
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Place;
#[cfg(unix)]
use crate::Ran;

fn file(place: &Place, path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(place.path(path)).expect("a file")).expect("JSON")
}

#[test]
fn analyze_answers_everything_and_a_section_can_be_had_again_alone() {
    let place = Place::new();
    place.trained("run", "--set steps=60");
    let out = place.run("analyze run --bound +10 --draws 2").ok();
    for heading in ["Effective bits", "Mean |W", "one layer", "Correlation", "budgets", "over alpha", "Filters"] {
        assert!(out.contains(heading), "{heading} is not in:\n{out}");
    }
    let whole = file(&place, "run/analysis.json");
    assert_eq!((&whole["run"], &whole["step"]), (&"run".into(), &60.into()));
    let keys: Vec<&String> = whole.as_object().unwrap().keys().collect();
    let sections = ["bits", "budgets", "layers", "distance", "correlation", "histograms", "filters"];
    assert_eq!(keys[2..], sections, "{keys:?}");
    assert!(sections.iter().all(|s| whole[s].as_array().is_some_and(|rows| !rows.is_empty())));

    // What the budget says of its parameter is what a test under it says.
    let budget = &whole["budgets"][0];
    assert_eq!((&budget["distortion"], &budget["draws"]), (&"addnorm".into(), &2.into()));
    assert_eq!(budget["outcome"], "crossed", "{budget}");
    let sigma = budget["parameter"].as_f64().unwrap();
    assert!(budget["error"].as_f64() <= budget["bound_error"].as_f64() && sigma < 1.0, "{budget}");

    let json: Value = {
        let args = "analyze run --only distance,bits,bits --distort quant:4,conv1:sign --json";
        serde_json::from_str(&place.run(args).ok()).unwrap()
    };
    let again = file(&place, "run/analysis.json");
    for section in sections {
        if ["bits", "distance"].contains(&section) {
            assert_eq!(again[section], json[section]);
            assert_ne!(again[section], whole[section]);
        } else {
            assert_eq!(again[section], whole[section], "{section} was not asked for");
        }
    }
    assert_eq!(json["budgets"], Value::Null);
    // Weights that are left alone have no noise, and nothing bounds their bits.
    let layers = json["bits"][1]["by_layer"].as_array().unwrap();
    assert!(layers[0]["bits"].is_f64() && layers[1..].iter().all(|l| l["bits"].is_null()), "{layers:?}");

    // A checkpoint has its answers beside it, or where one says.
    for (out, at) in [("", "run/checkpoint.analysis.json"), ("--out there.json", "there.json")] {
        place.run(&format!("analyze run/checkpoint.safetensors --only filters {out}")).ok();
        assert_eq!(file(&place, at)["filters"], whole["filters"]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_the_sections_that_are_whole() {
    let place = Place::new();
    place.given("run");
    let mut command = place.command("analyze run --only bits,budgets --draws 10000");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let begin = Instant::now();
    while !place.path("run/analysis.json").exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no section was written");
        sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.out.contains("Effective bits") && ran.err.contains("--only budgets"), "{}{}", ran.out, ran.err);
    let kept = file(&place, "run/analysis.json");
    assert!(kept["bits"].is_array() && kept.get("budgets").is_none(), "{kept}");
}

#[test]
fn what_analyze_cannot_do_is_refused_with_what_it_can() {
    let place = Place::new();
    place.given("run");
    for (args, words) in [
        ("run --only bit", vec!["bits"]),
        ("run --distort sgin", vec!["\"sign\""]),
        ("run --distort conv9:sign", vec!["\"conv9\"", "conv1, fc1"]),
        ("run --layers conv9", vec!["\"conv1\""]),
        ("run --only filters --filters 99", vec!["filter 99", "conv1"]),
        ("run --bound 15", vec!["15%", "+2"]),
        ("run --range 0.5", vec!["0..0.5"]),
        ("run --only budgets --budget power", vec!["range", "addnorm"]),
        ("run --only budgets --budget addnorm:0.3", vec!["@"]),
        ("run --only budgets --budget addnorm --range 0.5..-1", vec!["addnorm:-1"]),
        ("run --only budgets --tolerance 0", vec!["tolerance"]),
        ("gone", vec!["gone"]),
    ] {
        place.run(&format!("analyze {args}")).refused(&words);
        assert!(!place.path("run/analysis.json").exists(), "{args}: nothing is written");
    }
    std::fs::write(place.path("run/analysis.json"), "{}").unwrap();
    place.run("analyze run --only bits").refused(&["analysis.json", "move it away"]);
    // What cannot be stored is printed all the same.
    for json in ["", " --json"] {
        let ran = place.run(&format!("analyze run --only bits,distance --distort sign --out gone/a.json{json}"));
        assert!(ran.out.contains("bits") && ran.out.contains("conv1"), "{}", ran.out);
        ran.refused(&["gone/a.json"]);
    }
}
