//! `adapter-report`: what is in its folder, whatever becomes of a stage. Never how long anything took.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Place;

/// The lines of the journal.
fn journal(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("results.jsonl")).expect("a journal");
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

/// The cells of the first row of a table that begins with a word.
fn row(text: &str, first: &str) -> Vec<String> {
    let cells = |l: &str| -> Vec<String> { l.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect() };
    let found = text.lines().filter(|l| l.starts_with('|')).map(cells).find(|c| c[0] == first);
    found.unwrap_or_else(|| panic!("no row {first}: {text}"))
}

#[track_caller]
fn is_positive(text: &str) {
    let number = text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    assert!(number.is_some_and(|n| n > 0.0), "{text}");
}

/// The part of a summary from a heading on.
fn from<'a>(text: &'a str, heading: &str) -> &'a str {
    text.split(&format!("\n## {heading}")).nth(1).unwrap_or_else(|| panic!("no {heading}: {text}"))
}

#[test]
fn a_report_tells_what_the_adapter_is_how_fast_and_whether_it_learns() {
    let place = Place::new();
    // More time than these stages need.
    let out = place.run("adapter-report --minutes 1 --width 0.0625 --out report --seed 3 --skip cases,tuning").ok();
    assert_eq!(out.trim(), format!("report: {}", Path::new("report").join("summary.md").display()));
    let dir = place.path("report");
    let text = fs::read_to_string(dir.join("summary.md")).unwrap();
    for stage in ["adapter", "roofs", "speeds", "profile", "training"] {
        let cells = row(&text, stage);
        assert_eq!(cells[3], "done", "{text}");
        is_positive(&cells[1]);
    }
    for name in ["driver", "largest binding", "processor", "weightproof"] {
        assert!(row(&text, name)[1].len() > 2, "{name}");
    }
    for name in ["f32", "memory, copying kernel", "empty dispatch"] {
        is_positive(&row(from(&text, "Roofs"), name)[1]);
    }
    let speed = from(&text, "Speeds");
    row(speed, "f32")[1..6].iter().for_each(|cell| is_positive(cell));
    assert!(speed.contains("width 0.0625"), "{speed}");
    assert!(text.contains("![Roofline of a training step](roofline.png)") && text.contains("by family: "), "{text}");
    assert!(fs::read(dir.join("roofline.png")).unwrap().starts_with(b"\x89PNG"));
    let training = from(&text, "Training");
    assert!(training.contains("`demo/digits`: 224 steps"), "{training}");
    for distortion in ["none", "sign", "round"] {
        is_positive(&row(training, distortion)[1]);
    }
    assert!(journal(&dir).iter().all(|l| l["state"] != "failed"), "{text}");
    place.run("adapter-report --out report").refused(&["holds a report already", "--out"]);
}

#[test]
fn cases_and_tuning_go_as_far_as_their_time_and_say_what_they_left_out() {
    let place = Place::new();
    place.run("adapter-report --minutes 0.5 --width 0.0625 --out report --skip roofs,speeds,profile,training").ok();
    let text = fs::read_to_string(place.path("report/summary.md")).unwrap();
    let cases = from(&text, "Cases");
    assert!(cases.contains(" ran, and 0 failed; ") && !text.contains("Failures"), "{text}");
    let first = cases.lines().find(|l| l.starts_with("| conv2d.forward | naive |")).expect("every variant has a row");
    is_positive(first.split('|').nth(3).unwrap());
    let left = from(&text, "Not in this report");
    assert!(
        left.contains("cases of ") && left.contains("tuning of these shapes, for which there was no time: "),
        "{text}"
    );
    assert!(from(&text, "Tuning").contains("shapes of kernels with a choice were timed"), "{text}");
    assert!(journal(&place.path("report")).iter().all(|l| l["state"] != "failed"), "{text}");
}

#[test]
fn a_training_that_time_cuts_off_is_tested_all_the_same() {
    let place = Place::new();
    fs::create_dir(place.path("report")).unwrap();
    place.run("adapter-report --stage training --seconds 0.1 --width 1 --out report").ok();
    let lines = journal(&place.path("report"));
    let told = &lines.last().expect("a line")["value"];
    assert!(told["notes"][0].as_str().is_some_and(|n| n.contains("when its time was over")), "{told}");
    assert!(told["steps"].as_u64().is_some_and(|s| (1..224).contains(&s)), "{told}");
    assert_eq!(told["errors"].as_array().map(Vec::len), Some(3), "{told}");
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_measured() {
    let place = Place::new();
    place.run("adapter-report --python no-such-python").refused(&["no-such-python", "no Python"]);
    place.run("adapter-report --minutes 0").refused(&["--minutes", "0.1 to 1440"]);
    place.run("adapter-report --width wide").refused(&["--width", "0.25"]);
    place.run("adapter-report --skip tunning").refused(&["tunning", "tuning"]);
    place.run("adapter-report --skip adapter").refused(&["--skip", "says nothing"]);
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 0);
}

const ALL_BUT_SPEEDS: &str = "--skip cases,roofs,profile,tuning,training";

#[test]
fn an_adapter_that_does_not_open_is_told_and_nothing_else_is_tried() {
    let place = Place::new();
    let ran = place.run("adapter-report --out report --device none-of-these");
    ran.refused(&["nothing could be measured", "none-of-these", "show --devices"]);
    let text = fs::read_to_string(place.path("report/summary.md")).unwrap();
    assert!(row(&text, "adapter")[3].starts_with("failed") && row(&text, "cases")[3] == "not begun", "{text}");
}

#[cfg(unix)]
#[test]
fn a_peer_that_breaks_costs_no_other_result_and_one_that_works_stands_beside_ours() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let python = |script: &str| {
        fs::write(place.path("python"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(place.path("python"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    // What asks for the modules is short; what measures is not.
    let line = r#"{"version":"2","device":"a | b","mode":"f32","how":"eager","images_per_s":10,"ms_per_step":5000,"gflop_per_image":1}"#;
    python(&format!("[ ${{#2}} -lt 99 ] || echo '{line}'"));
    let python_at = place.path("python");
    let args = |out: &str| {
        format!(
            "adapter-report --minutes 0.15 --width 0.0625 --out {out} {ALL_BUT_SPEEDS} --python {}",
            python_at.display()
        )
    };
    place.run(&args("one")).ok();
    let text = fs::read_to_string(place.path("one/summary.md")).unwrap();
    let speed = from(&text, "Speeds");
    let cells = row(speed, "f32");
    is_positive(&cells[1]);
    assert!(cells[6].ends_with("of its f32"), "{cells:?}");
    assert!(speed.contains("| f32, eager | 10.0 | 5000 | ") && speed.contains("a \\| b, PyTorch 2"), "{speed}");
    assert!(row(&text, "tuning")[3].contains("--skip"), "{text}");
    python("[ ${#2} -lt 99 ] || { echo broken pipe wrench >&2; exit 3; }");
    place.run(&args("two")).ok();
    let text = fs::read_to_string(place.path("two/summary.md")).unwrap();
    assert!(text.contains("speeds, pytorch round 1: ") && text.contains("broken pipe wrench"), "{text}");
    is_positive(&row(from(&text, "Speeds"), "f32")[1]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_there() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let place = Place::new();
    let mut command = place.command("adapter-report --minutes 5 --out report");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let begin = Instant::now();
    let has_case = || {
        let text = fs::read_to_string(place.path("report/results.jsonl")).unwrap_or_default();
        text.lines().any(|l| l.contains("\"stage\":\"cases\"") && l.contains("\"ran\":true"))
    };
    while !has_case() {
        assert!(begin.elapsed() < Duration::from_secs(60), "no case ran");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill").success());
    let ran = child.wait_with_output().expect("it ends");
    assert_eq!(ran.status.code(), Some(130));
    let text = fs::read_to_string(place.path("report/summary.md")).unwrap();
    assert!(text.contains("stopped by Ctrl-C after") && row(&text, "cases")[3].starts_with("cut off"), "{text}");
    assert!(row(&text, "roofs")[3] == "not begun" && text.contains("and 0 failed"), "{text}");
}
