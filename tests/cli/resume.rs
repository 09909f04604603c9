//! Going on from a checkpoint, and what may not change on the way.

use std::fs;

use weightproof::weights::checkpoint;

use crate::{Place, tensors};

/// A run of 50 steps and one of 100 with the same preset.
fn half_and_whole(place: &Place, more: &str) {
    place.trained("half", &format!("{more} --set steps=50"));
    place.trained("whole", &format!("{more} --set steps=100"));
}

#[test]
fn a_run_can_be_made_longer_and_gives_what_the_longer_run_gives() {
    let place = Place::new();
    half_and_whole(&place, "--set projection=power:0..2");
    place.run("train half --resume --set steps=100").ok();
    place.assert_same("half", "whole");
    // The same by the preset and --out.
    place.trained("again", "--set projection=power:0..2 --set steps=50");
    place.train("again", "--set projection=power:0..2 --set steps=100 --resume").ok();
    place.assert_same("again", "whole");
    let info = fs::read_to_string(place.path("half/run.json")).unwrap();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["resumed"][0]["step"], 50);
}

#[test]
fn means_of_filters_are_those_of_the_weights_at_hand_after_a_resume() {
    let place = Place::new();
    half_and_whole(
        &place,
        "--set projection=conv*:bwn+fc*:sign:filter --set eval.every=5 --set eval.distort=[\"bwn\",\"round:filter\"]",
    );
    place.run("train half --resume --set steps=100").ok();
    place.assert_same("half", "whole");
}

#[test]
fn an_evaluation_that_was_cut_off_is_done_again() {
    let place = Place::new();
    half_and_whole(&place, "--set eval.every=5 --set eval.distort=[\"none\",\"sign\"]");
    // The state that a power cut during the evaluation after step 50 leaves: one of two lines.
    let path = place.path("half/log.jsonl");
    let log = fs::read_to_string(&path).unwrap();
    let cut: String = log.lines().filter(|l| !l.contains("sign")).flat_map(|l| [l, "\n"]).collect();
    assert!(cut.len() < log.len());
    fs::write(&path, cut).unwrap();
    place.run("train half --resume --set steps=100").ok();
    place.assert_same("half", "whole");
}

/// Step and validation error of the best weights of a run.
fn best(place: &Place, run: &str) -> (u64, f64) {
    let best = checkpoint::load(place.path(run).join("best.safetensors")).unwrap();
    (best.number("step").unwrap(), best.number("validation_error").unwrap())
}

#[test]
fn a_stop_between_two_evaluations_chooses_no_other_weights_than_one_go() {
    let place = Place::new();
    // A learning rate that grows: the weights at the stops are better than all that one go looks at.
    let set = "--set data.validation=100 --set eval.every=0 --set eval.every_steps=4 --set epochs=4 \
               --set eval.distort=[\"none\"] --set lr.initial=0.003 --set lr.final=10";
    let whole = place.train("whole", set).ok();
    for stop in [9, 13] {
        let run = format!("parts{stop}");
        let first = place.train(&run, &format!("{set} --set steps={stop}")).ok();
        let (step, error) = best(&place, &run);
        assert!(step == stop && error < best(&place, "whole").1, "step {step}, {error} %: this shows nothing");
        assert_eq!(place.run(&format!("train {run} --resume")).ok(), first, "tested again, the same weights");
        let displaced = place.path(&run).join("best-before-end.safetensors");
        assert!(displaced.exists());
        if stop == 13 {
            // What a kill in the middle of the choice leaves.
            fs::remove_file(place.path(&run).join("best.safetensors")).unwrap();
        }
        let parts = place.run(&format!("train {run} --resume --set steps=20")).ok();
        assert_eq!(parts.replace(&run, "whole"), whole);
        place.assert_same_tensors(&run, "whole");
        let [one, other] = [&run, "whole"].map(|run| tensors(&place.path(run).join("best.safetensors")));
        assert!(one == other, "the best weights after a stop at {stop}");
        assert!(!displaced.exists());
    }
}

#[test]
fn errors_by_another_measure_are_not_compared() {
    let place = Place::new();
    let set = "--set data.validation=100 --set eval.every=1 --set epochs=4 --set eval.distort=[\"none\"]";
    place.train("run", &format!("{set} --set steps=5")).ok();
    let ran = place.run("train run --resume --set steps=10 --set eval.distort=[\"addnorm:3\"]");
    assert!(ran.err.contains("best weights so far, of step 5, are given up"), "{}", ran.err);
    ran.ok();
}

#[test]
fn resuming_a_finished_run_tests_it_again_and_changes_nothing() {
    let place = Place::new();
    place.trained("a", "--set steps=10 --set eval.distort=[\"none\",\"sign\"]");
    place.copy("a", "b");
    let out = place.run("train b --resume").ok();
    assert!(out.contains("sign"), "{out}");
    place.assert_same("a", "b");
}

#[test]
fn another_preset_is_refused_and_what_differs_is_named() {
    let place = Place::new();
    place.given("run");
    let before = (place.tensors("run"), place.log("run"));
    for (set, words) in [
        ("projection=sign", vec!["projection = \"sign\" (was \"stochm:0.5\")"]),
        ("lr.initial=0.01", vec!["lr.initial = 0.01 (was 0.02)"]),
        ("seed=7", vec!["seed = 7 (was 1)"]),
        ("data.gcn=55", vec!["data.gcn = 55", "was false"]),
        ("clip.factor=none", vec!["clip.factor"]),
        // The learning rate falls from the first to the last epoch, so their number changes it.
        ("epochs=50", vec!["epochs = 50 (was 8)", "learning rate depends on epochs"]),
    ] {
        let e = place.run(&format!("train run --resume --set {set}")).refused(&words);
        assert!(e.contains("another preset"), "{e}");
        assert!(!e.contains("width"), "only what differs is named: {e}");
    }
    // A flag that is missing now is a difference too.
    let again = "train demo/digits --resume --out run --set width=0.25";
    place.run(again).refused(&["data.train = not set (was 200)", "batch = 50 (was 20)"]);
    assert_eq!((place.tensors("run"), place.log("run")), before, "a refused resumption changes nothing");
}

#[test]
fn more_epochs_are_fine_where_the_learning_rate_does_not_depend_on_them() {
    let place = Place::new();
    let sgd = "--set lr={kind=\"constant\",initial=0.01} --set optimizer={kind=\"sgd\",momentum=0.9}";
    place.trained("short", &format!("{sgd} --set epochs=2"));
    place.trained("long", &format!("{sgd} --set epochs=4"));
    place.run("train short --resume --set epochs=4").ok();
    place.assert_same("short", "long");
}

#[test]
fn resuming_needs_a_run() {
    let place = Place::new();
    place.run("train demo/digits --resume").refused(&["--resume needs the run folder"]);
    place.run("train demo/digits --resume --out gone").refused(&["gone/checkpoint.safetensors"]);
    place.run("train gone --resume").refused(&["gone"]);
}
