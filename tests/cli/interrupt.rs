//! Training that is stopped by a signal, and goes on.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use weightproof::train::checkpoint;

use crate::{Place, Ran, small};

const STEPS: u64 = 200;

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(status.success());
}

/// Starts a training and waits until it has logged `step`.
fn started(place: &Place, run: &str, more: &str, step: u64) -> Child {
    let mut command = place.command(&small(run, more));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let begin = Instant::now();
    loop {
        let text = std::fs::read_to_string(place.path(run).join("log.jsonl")).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        if whole.filter_map(|l| l["step"].as_u64()).any(|s| s >= step) {
            return child;
        }
        assert!(child.try_wait().expect("a child").is_none(), "it ended before step {step}");
        assert!(begin.elapsed() < Duration::from_secs(60), "it did not come to step {step}");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_killed_run_resumes_to_the_bits_and_the_log_of_a_run_in_one_go() {
    let sgd = "--set projection=power:0..2 --set lr={kind=\"constant\",initial=0.01} \
               --set optimizer={kind=\"sgd\",momentum=0.9,nesterov=true}";
    for preset in ["--set projection=stochm:0.5", sgd] {
        let place = Place::new();
        let preset = format!(
            "{preset} --set steps={STEPS} --set checkpoint.every_epochs=0 --set checkpoint.every_steps=37 \
             --set log.every=5 --set eval.every=4 --set eval.distort=[\"sign\"]"
        );
        place.trained("whole", &preset);
        let mut child = started(&place, "killed", &preset, 45);
        signal(&child, "-KILL");
        assert_eq!(child.wait().unwrap().signal(), Some(9), "it ended before it was killed");
        let saved = checkpoint::load(place.path("killed/checkpoint.safetensors")).expect("a whole checkpoint");
        let step: u64 = saved.number(checkpoint::key::STEP).unwrap();
        assert!((37..STEPS).contains(&step) && step.is_multiple_of(37), "step {step}");
        place.run("train killed --resume").ok();
        place.assert_same("killed", "whole");
    }
}

#[test]
fn ctrl_c_saves_says_how_to_resume_and_loses_nothing() {
    let place = Place::new();
    let preset = format!("--set steps={STEPS} --set log.every=5 --set checkpoint.every_epochs=0");
    place.trained("whole", &preset);
    let child = started(&place, "stopped", &preset, 5);
    signal(&child, "-INT");
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.err.contains("weightproof train stopped --resume"), "{}", ran.err);
    let saved = checkpoint::load(place.path("stopped/checkpoint.safetensors")).unwrap();
    let step: u64 = saved.number(checkpoint::key::STEP).unwrap();
    assert!((5..STEPS).contains(&step) && ran.err.contains(&format!("stopped after step {step};")), "{}", ran.err);
    place.run("train stopped --resume").ok();
    place.assert_same_tensors("stopped", "whole");
}
