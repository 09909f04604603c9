//! Training that is stopped by a signal, and goes on.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use weightproof::weights::checkpoint;

use crate::{Place, Ran, small};

const STEPS: u64 = 200;

pub fn signal(child: &Child, name: &str) {
    signal_times(child, name, 1);
}

/// Sends a signal as often, as fast as one process can.
fn signal_times(child: &Child, name: &str, times: usize) {
    let pids = vec![child.id().to_string(); times];
    let status = Command::new("kill").arg(name).args(pids).status().expect("kill");
    assert!(status.success());
}

/// Starts a training and waits until it has logged `step`.
pub fn started(place: &Place, run: &str, more: &str, step: u64) -> Child {
    started_by(place, place.command(&small(run, more)), run, step)
}

pub fn started_by(place: &Place, mut command: Command, run: &str, step: u64) -> Child {
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
    let lion = "--set optimizer={kind=\"lion\",weight_decay=0.1} --set lr={kind=\"constant\",initial=0.001}";
    for preset in ["--set projection=stochm:0.5", sgd, lion] {
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

/// Of a training that does not end by itself.
pub const ENDLESS: &str = "--set epochs=1000000 --set log.every=5 --set checkpoint.every_epochs=0";

/// Waits for the end of a training that was told to stop; returns the step of its checkpoint.
pub fn stopped(place: &Place, child: Child, run: &str) -> u64 {
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(ran.err.contains(&format!("weightproof train {run} --resume")), "{}", ran.err);
    let saved = checkpoint::load(place.path(run).join("checkpoint.safetensors")).unwrap();
    let step: u64 = saved.number(checkpoint::key::STEP).unwrap();
    assert!(ran.err.contains(&format!("stopped after step {step};")), "{}", ran.err);
    step
}

#[test]
fn ctrl_c_saves_says_how_to_resume_and_loses_nothing() {
    let place = Place::new();
    let preset = format!("--set steps={STEPS} --set log.every=5 --set checkpoint.every_epochs=0");
    place.trained("whole", &preset);
    let child = started(&place, "stopped", &preset, 5);
    signal(&child, "-INT");
    assert!((5..STEPS).contains(&stopped(&place, child, "stopped")));
    place.run("train stopped --resume").ok();
    place.assert_same_tensors("stopped", "whole");
}

#[test]
fn batch_systems_and_closing_terminals_stop_it_as_ctrl_c_does() {
    let place = Place::new();
    // Some send their signal twice at once: that is no second Ctrl-C.
    for (name, times) in [("-TERM", 1), ("-TERM", 2), ("-HUP", 1)] {
        let run = format!("run{name}{times}");
        let child = started(&place, &run, ENDLESS, 5);
        signal_times(&child, name, times);
        assert!(stopped(&place, child, &run) >= 5, "{name}: the checkpoint before it is of step 0");
    }
}

#[test]
fn what_whoever_started_it_ignores_stays_ignored() {
    let place = Place::new();
    let program = place.command(&small("run", ENDLESS));
    let mut shell = Command::new("sh");
    place.settle(&mut shell);
    shell.args(["-c", "trap '' HUP && exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
    let mut child = started_by(&place, shell, "run", 5);
    signal(&child, "-HUP");
    sleep(Duration::from_millis(500));
    assert!(child.try_wait().expect("a child").is_none(), "as under nohup it goes on");
    signal(&child, "-TERM");
    stopped(&place, child, "run");
}

#[test]
fn a_run_folder_has_one_writer_and_a_killed_one_keeps_nobody_out() {
    let place = Place::new();
    let mut child = started(&place, "run", ENDLESS, 5);
    let lock = place.path("run/train.lock");
    let holder = std::fs::read_to_string(&lock).unwrap();
    let words = holder.split_whitespace().collect::<Vec<_>>();
    let pid = child.id().to_string();
    assert_eq!((words[..3].join(" "), words.len()), (format!("process {pid} on"), 4), "{holder}");
    let before = std::fs::read(place.path("run/checkpoint.safetensors")).unwrap();
    for second in ["train run --resume --set steps=3", &format!("{} --resume", small("run", "--set steps=3"))] {
        place.run(second).refused(&["run: ", holder.trim(), "is writing here"]);
    }
    place.train("run", "").refused(&["holds a run already"]);
    assert_eq!(std::fs::read(place.path("run/checkpoint.safetensors")).unwrap(), before);
    // Sweeps and analyses have files of their own.
    place.run("sweep run --distort none").ok();
    place.run("analyze run --only bits").ok();
    assert!(child.try_wait().expect("a child").is_none(), "it trains all the while");
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert_eq!(std::fs::read_to_string(&lock).unwrap(), holder, "it could not clear up");
    place.run("train run --resume --set steps=3").ok();
    assert!(!lock.exists());
}
