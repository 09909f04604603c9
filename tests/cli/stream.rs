//! Training on images that are streamed from their files.

use std::fs;
use std::path::Path;

use weightproof::weights::checkpoint;

use crate::Place;

/// Unpacked idx files of images like those of the default set, with which its preset can be trained.
pub fn write_images(dir: &Path) {
    let digits = weightproof::data::load("digits", None).expect("part of the program");
    for (prefix, split) in [("train", &digits.train), ("t10k", &digits.test)] {
        let count = (split.labels.len() as u32).to_be_bytes();
        let images = split.images.values().expect("in memory");
        let images = [&[0, 0, 8, 3][..], &count, &[0, 0, 0, 8, 0, 0, 0, 8], &images].concat();
        let labels = split.labels.iter().map(|l| *l as u8).collect::<Vec<_>>();
        let labels = [&[0, 0, 8, 1][..], &count, &labels].concat();
        fs::write(dir.join(format!("{prefix}-images-idx3-ubyte")), images).expect("a file");
        fs::write(dir.join(format!("{prefix}-labels-idx1-ubyte")), labels).expect("a file");
    }
}

fn place() -> Place {
    let place = Place::new();
    write_images(place.dir.path());
    place
}

const MNIST: &str = "--set data.set=mnist";

#[test]
fn a_streamed_run_gives_the_bits_of_one_in_memory_with_any_number_of_workers_and_resumed_with_others() {
    let place = place();
    for (kind, more) in [("bytes", ""), ("whitened", "--set data.gcn=10 --set data.zca=0.1")] {
        let set = format!(
            "{MNIST} {more} --set log.every=3 --set eval.every=1 --set data.validation=40 --set eval.distort=[\"sign\"]"
        );
        let [held, streamed] = ["held", "streamed"].map(|name| format!("{kind}-{name}"));
        place.trained(&held, &format!("{set} --set steps=21 --set data.stream=false"));
        place.trained(&format!("{kind}-resident"), &format!("{set} --set steps=21 --set data.resident=true"));
        place.assert_same(&format!("{kind}-resident"), &held);
        for workers in [1, 2, 5] {
            let run = format!("{streamed}-{workers}");
            place.trained(&run, &format!("{set} --set steps=21 --set data.stream=true --workers {workers}"));
            place.assert_same(&run, &held);
        }
        // Eight steps an epoch: in the midst of the second, from files to memory and back.
        let half = format!("{kind}-half");
        place.trained(&half, &format!("{set} --set steps=11 --set data.stream=true --workers 5"));
        place.train(&half, &format!("{set} --set steps=14 --set data.stream=false --resume")).ok();
        place.train(&half, &format!("{set} --set steps=21 --set data.stream=true --workers 2 --resume")).ok();
        place.assert_same_tensors(&half, &held);
        let text = fs::read_to_string(place.path(&half).join("run.json")).expect("run.json");
        let info: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((&info["workers"], &info["resumed"][1]["workers"]), (&5.into(), &2.into()));
        // What comes after training reads the same images.
        let [a, b] = [&held, &format!("{streamed}-2")].map(|run| place.run(&format!("eval {run} --distort sign")).ok());
        assert_eq!(a, b);
    }
}

#[test]
fn what_cannot_be_streamed_is_refused_before_anything_is_made() {
    let place = place();
    place.train("run", "--set data.stream=true").refused(&["data.stream = true", "digits"]);
    place
        .train("run", &format!("{MNIST} --set data.stream=true --set data.resident=true"))
        .refused(&["data.resident", "data.stream"]);
    place.train("run", "--workers 0").refused(&["--workers"]);
    assert!(!place.path("run").exists());
}

#[cfg(unix)]
#[test]
fn a_file_that_is_cut_while_it_is_read_stops_the_run_with_a_checkpoint_to_go_on_from() {
    use crate::interrupt::{ENDLESS, started};
    // Training images, and the test images of an evaluation on the way.
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        let place = place();
        let preset = format!(
            "{MNIST} {ENDLESS} --set data.stream=true --set log.every=5 --set eval.every=2 --set eval.distort=[\"sign\"]"
        );
        let child = started(&place, "run", &format!("{preset} --workers 2"), 15);
        let file = fs::File::options().write(true).open(place.path(name)).unwrap();
        file.set_len(16 + 64 * 10).unwrap();
        let ran = crate::Ran::of(child.wait_with_output().unwrap());
        ran.refused(&[name, "bytes from byte", "shorter", "the checkpoint is saved"]);
        let saved = checkpoint::load(place.path("run/checkpoint.safetensors")).unwrap();
        let step: u64 = saved.number(checkpoint::key::STEP).unwrap();
        assert!(step >= 15, "{step}");
        // With the file as it was, the run comes to the bits of one in one go.
        write_images(place.dir.path());
        let more = format!("{preset} --set steps={}", step + 10);
        place.train("run", &format!("{more} --resume")).ok();
        place.trained("whole", &more);
        place.assert_same_tensors("run", "whole");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_waits_for_no_worker() {
    use crate::interrupt::{ENDLESS, signal, started, stopped};
    use std::time::{Duration, Instant};
    let place = place();
    let child = started(&place, "run", &format!("{MNIST} --set data.stream=true {ENDLESS} --workers 16"), 5);
    let start = Instant::now();
    signal(&child, "-INT");
    assert!(stopped(&place, child, "run") >= 5);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
