//! Runs over several ranks: the same files on any number of them, and what happens to a run whose rank dies, hangs or differs.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use image::{Rgb, RgbImage};
use weightproof::exchange::{Exchange, Meeting};
use weightproof::model::preset::Preset;

use crate::{Place, Ran};

pub const SHARDS: &str =
    "--set shards=4 --set augment={flip=0.5,crop=1} --set eval.every=1 --set eval.distort=[\"none\",\"sign\"]";

/// That two runs left the same checkpoint, byte for byte, and the same log.
#[track_caller]
pub fn assert_equal(place: &Place, one: &str, other: &str) {
    let [a, b] = [one, other].map(|run| fs::read(place.path(run).join("checkpoint.safetensors")).unwrap());
    assert!(a == b, "the checkpoints of {one} and {other} differ");
    assert_eq!(place.log(one), place.log(other), "the logs of {one} and {other}");
}

#[test]
fn any_number_of_ranks_leaves_the_same_files() {
    let place = Place::new();
    let run = |ranks: usize| place.trained(&format!("by{ranks}"), &format!("{SHARDS} --set steps=23 --ranks {ranks}"));
    for ranks in [1, 2, 4] {
        run(ranks);
        assert_equal(&place, &format!("by{ranks}"), "by1");
    }
    let info = |run: &str| fs::read_to_string(place.path(run).join("run.json")).unwrap();
    assert!(info("by4").contains("\"ranks\": 4") && !info("by1").contains("\"ranks\""));
    // Gradients of several messages.
    for ranks in [1, 4] {
        place.trained(&format!("wide{ranks}"), &format!("--set shards=4 --set width=16 --set steps=3 --ranks {ranks}"));
    }
    assert_equal(&place, "wide4", "wide1");
    // With the images on the device, and a slow line.
    let more = "--set steps=7 --set data.resident=true --ranks 2 --throttle 0.01,200";
    place.trained("there", &format!("{SHARDS} {more}"));
    place.trained("here", &format!("{SHARDS} --set steps=7 --set data.resident=false"));
    place.assert_same("there", "here");
}

/// Pictures of twelve classes, twenty to train with and three to test with, each.
fn write_pictures(dir: &Path) {
    for (class, i) in (0..12u32).flat_map(|class| (0..23).map(move |i| (class, i))) {
        let wave = |at: u32, period: u32| (127.5 + 120.0 * ((at + 5 * i) as f32 / period as f32).sin()) as u8;
        let pixel = |x, y| Rgb([wave(x, 2 + class), wave(y, 14 - class), wave(x + y, 5)]);
        let folder = dir.join(if i < 20 { "train" } else { "val" }).join(format!("class{class:02}"));
        fs::create_dir_all(&folder).unwrap();
        RgbImage::from_fn(34 + i, 36, pixel).save(folder.join(format!("{i}.jpg"))).unwrap();
    }
}

/// Batches of moments and of tests whose number no number of ranks divides, and fewer of them than ranks; top-5 errors; weights chosen
/// by held-out images.
#[test]
fn tests_are_divided_over_the_ranks_and_say_the_same() {
    let place = Place::new();
    write_pictures(&place.path("set"));
    let preset = crate::pictures::PRESET.replace("linear = 10", "linear = 12").replace("batch = 6", "batch = 20");
    fs::write(place.path("twelve.toml"), preset).unwrap();
    let uneven = "--set data.validation=21 --set eval.batch=7";
    let few = "--set data.validation=21 --set eval.batch=11 --set eval.moments_batches=3 --set augment={flip=0.5} \
               --set eval.moments_average=\"deviation\"";
    for (name, set) in [("uneven", uneven), ("few", few)] {
        let run = |ranks: usize| {
            let (run, eval) = (format!("{name}{ranks}"), "--set eval.distort=[\"none\",\"addnorm:0.3\"]");
            let args = format!("--set shards=4 --set steps=25 {eval} {set} --ranks {ranks}");
            place.run(&format!("train twelve.toml --data set --out {run} {args}")).ok();
            (place.log(&run), fs::read(place.path(&run).join("best.safetensors")).unwrap())
        };
        let (log, best) = run(1);
        let tested: Vec<_> = log.iter().filter(|line| line.get("eval").is_some()).collect();
        assert!(tested.len() > 3 && tested.iter().all(|line| line["top5_error"].is_number()), "{log:?}");
        for ranks in [2, 4] {
            let by = run(ranks);
            assert_eq!(by.0, log, "the log of {ranks} ranks, {name}");
            assert!(by.1 == best, "the best weights of {ranks} ranks, {name}");
        }
    }
}

#[test]
fn the_trace_shows_gradients_on_their_way_while_others_are_computed() {
    let place = Place::new();
    // Gradients of several groups.
    place.trained("run", "--set shards=2 --set width=64 --set steps=5 --ranks 2 --trace trace.json");
    let trace: serde_json::Value = serde_json::from_slice(&fs::read(place.path("trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |track: u32| {
        let step = move |e: &&serde_json::Value| e["args"]["step"] == 3 && e["tid"] == track;
        let number = |e: &serde_json::Value, key: &str| e[key].as_f64().unwrap();
        events
            .iter()
            .filter(step)
            .map(|e| (e["name"].as_str().unwrap(), number(e, "ts"), number(e, "dur")))
            .collect::<Vec<_>>()
    };
    let (device, exchange) = (of(1), of(2));
    assert_eq!(
        device.iter().map(|span| span.0).collect::<Vec<_>>(),
        ["fc1.weight to bn2.bias", "conv1.weight to bn1.bias"]
    );
    assert_eq!(
        exchange.iter().map(|span| span.0).collect::<Vec<_>>(),
        ["up: fc1.weight to bn2.bias", "up: conv1.weight to bn1.bias", "down"]
    );
    assert!(exchange[0].1 >= device[0].1 + device[0].2, "a gradient goes when it is there: {device:?} {exchange:?}");
    let ms = |key: &str| trace["otherData"][key].as_f64().unwrap();
    assert!(ms("exchange_ms") >= ms("beside_the_backward_pass_ms"));
    place.train("no", "--set shards=2 --ranks 2 --trace nowhere/trace.json").refused(&["nowhere"]);
    place.train("no", "--trace trace.json").refused(&["--trace", "--ranks N"]);
}

#[test]
fn a_run_is_resumed_by_another_number_of_ranks() {
    let place = Place::new();
    place.trained("whole", &format!("{SHARDS} --set steps=23"));
    place.trained("parts", &format!("{SHARDS} --set steps=6 --ranks 4"));
    place.run("train parts --resume --set steps=13").ok();
    place.run("train parts --resume --set steps=23 --ranks 2").ok();
    place.assert_same_tensors("parts", "whole");
    assert_eq!(place.log("parts").last(), place.log("whole").last(), "the test at the end");
}

#[test]
fn a_loss_that_is_not_finite_is_found_as_by_one_process() {
    let place = Place::new();
    let diverges = "--set shards=4 --set steps=20 --set lr.initial=1e37 --set lr.final=1e37";
    let text = |run: &str, ranks: usize| {
        let err = place.train(run, &format!("{diverges} --ranks {ranks} -q")).refused(&["step ", "lr.initial"]);
        err.lines().filter(|l| l.starts_with("error: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let one = text("one", 1);
    assert_eq!((one.len(), &one), (1, &text("four", 4)));
}

#[test]
fn numbers_of_ranks_that_do_not_fit_are_refused() {
    let place = Place::new();
    place.train("run", "--set shards=4 --ranks 3").refused(&["--ranks 3", "divides the 4 shards", "e.g. 2"]);
    place.train("run", "--set shards=4 --ranks 16").refused(&["divides the 4 shards", "e.g. 4", "--set shards=S"]);
    place.train("run", "--ranks 2").refused(&["divides the 1 shard of", "e.g. 1"]);
    place.train("run", "--ranks 0").refused(&["e.g. 1"]);
    place.train("run", "--set shards=4 --ranks 2 --throttle fast").refused(&["GB/s,us"]);
    place.train("run", "--set shards=4 --ranks 2 --rank-timeout 0").refused(&["seconds"]);
    assert!(!place.path("run").exists());
}

/// Starts a process as rank 1 of a run whose rank 0 is the test, which has this preset; what the rank says as it ends.
fn rank_1(place: &Place, preset: &str, args: &str) -> String {
    let limit = Duration::from_secs(60);
    let meeting = Meeting::open(2).unwrap();
    let mut command = place.command(args);
    command.env("WEIGHTPROOF_RANK", meeting.invitation(1).to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let exchange = Exchange::new(meeting.gather(limit, None, || Ok(())).unwrap(), limit);
    exchange.down_text(Some(preset)).unwrap();
    let error = exchange.receive(1).unwrap_err().to_string();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(ran.code == Some(1) && ran.out.is_empty() && ran.err.is_empty(), "rank 0 says it");
    error
}

#[test]
fn a_rank_that_differs_or_has_no_data_says_so_by_rank_0() {
    let place = Place::new();
    let preset =
        |name: &str, sets: [&str; 3]| Preset::load(Path::new(name), &sets.map(str::to_owned)).unwrap().to_toml();
    let digits = preset("demo/digits", ["shards=2", "batch=20", "seed=1"]);
    let error = rank_1(&place, &digits, "train demo/digits --set shards=2 --set batch=20 --set seed=7");
    assert!(error.contains("rank 1 has another preset than rank 0: seed = 7 (rank 0: 1)"), "{error}");
    let name = "merolla2016/cifar10/tr-sign-c";
    let sets = ["shards=2", "batch=20", "width=0.125"];
    let words = sets.map(|set| format!("--set {set}")).join(" ");
    let error = rank_1(&place, &preset(name, sets), &format!("train {name} {words} --data nowhere"));
    assert!(error.starts_with("rank 1: ") && error.contains("nowhere"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_on_rank_0_ends_all_and_leaves_the_checkpoint() {
    let place = Place::new();
    place.trained("run", &format!("{SHARDS} --set steps=10 --ranks 2"));
    let path = place.path("run/checkpoint.safetensors");
    let before = fs::read(&path).unwrap();
    let ran = crate::files::limited(&place, 16, "train run --resume --set steps=20 --ranks 2");
    let err = ran.refused(&["run/checkpoint.safetensors", "could not be written"]);
    assert_eq!((err.matches("error: ").count(), fs::read(&path).unwrap() == before), (1, true), "{err}");
    place.run("train run --resume --set steps=20 --ranks 2").ok();
    place.trained("whole", &format!("{SHARDS} --set steps=20"));
    place.assert_same_tensors("run", "whole");
}

#[cfg(not(feature = "mpi"))]
#[test]
fn processes_that_mpi_started_do_not_all_train_the_whole_run() {
    let place = Place::new();
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"] {
        let mut command = place.command(&crate::small("run", "--set shards=2"));
        let ran = Ran::of(command.env(name, "2").output().unwrap());
        ran.refused(&[name, "built without MPI", "make mpi", "--ranks 2"]);
    }
    assert!(!place.path("run").exists());
}

/// Processes that are stopped or killed from outside.
#[cfg(target_os = "linux")]
pub mod signals {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command};
    use std::thread::sleep;
    use std::time::Instant;

    use weightproof::weights::checkpoint;

    use super::*;
    use crate::interrupt::{ENDLESS, signal, started, stopped};

    /// The process of a rank that another process has started.
    fn process_of(child: &Child, rank: usize) -> u32 {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let is = |pid: &str| {
            let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split('\0').any(|v| v.starts_with(&format!("WEIGHTPROOF_RANK={rank} ")))
        };
        children.split_whitespace().find(|pid| is(pid)).expect("a child of this rank").parse().unwrap()
    }

    pub fn send(pid: u32, name: &str) {
        assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
    }

    pub fn assert_ends(pid: u32) {
        let begin = Instant::now();
        // One that nobody waits for any more stays as a zombie; its last thread to end gives up its files.
        let ended = || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
            status.is_empty() || field("State:").starts_with(['Z', 'X']) && matches!(field("Threads:"), "0" | "1")
        };
        while !ended() {
            assert!(begin.elapsed() < Duration::from_secs(20), "process {pid} is still there");
            sleep(Duration::from_millis(10));
        }
    }

    pub const STEPS: &str = "--set shards=4 --set epochs=20 --set log.every=5 --set checkpoint.every_epochs=0 \
                         --set checkpoint.every_steps=37";

    /// The step of a checkpoint that is whole.
    pub fn saved(place: &Place, run: &str) -> u64 {
        let saved = checkpoint::load(place.path(run).join("checkpoint.safetensors")).expect("a whole checkpoint");
        saved.number(checkpoint::key::STEP).unwrap()
    }

    /// That a run of [`STEPS`] whose ranks end goes on from its checkpoint to the bits of the whole one.
    pub fn assert_goes_on(place: &Place, run: &str, ranks: impl IntoIterator<Item = u32>) {
        ranks.into_iter().for_each(assert_ends);
        assert!((37..200).contains(&saved(place, run)));
        place.run(&format!("train {run} --resume")).ok();
        place.assert_same_tensors(run, "whole");
    }

    #[test]
    fn a_rank_that_is_killed_is_named_and_the_run_goes_on_to_the_same_bits() {
        let place = Place::new();
        place.trained("whole", STEPS);
        for (rank, step) in [(3, 45), (0, 80)] {
            let run = format!("killed{rank}");
            let mut child = started(&place, &run, &format!("{STEPS} --ranks 4"), step);
            let others = [1, 2, 3].map(|rank| process_of(&child, rank));
            if rank == 0 {
                signal(&child, "-KILL");
                assert_eq!(child.wait().unwrap().signal(), Some(9));
            } else {
                send(others[rank - 1], "-KILL");
                let ran = Ran::of(child.wait_with_output().unwrap());
                ran.refused(&[&format!("error: rank {rank} has ended"), "--resume"]);
            }
            assert_goes_on(&place, &run, others);
        }
    }

    #[test]
    fn a_rank_that_is_told_to_stop_stops_all_at_one_step() {
        let place = Place::new();
        place.trained("whole", STEPS);
        let child = started(&place, "stopped", &format!("{STEPS} --ranks 4"), 5);
        send(process_of(&child, 2), "-TERM");
        assert!((5..200).contains(&stopped(&place, child, "stopped")));
        place.run("train stopped --resume --ranks 2").ok();
        place.assert_same_tensors("stopped", "whole");
    }

    #[test]
    fn a_rank_that_is_told_to_stop_in_a_test_stops_all() {
        let place = Place::new();
        place.trained("whole", "--set shards=4 --set steps=20");
        // The test at the end, and one on the way.
        for (run, set) in [("end", "--set steps=10"), ("way", "--set steps=20 --set eval.every=1")] {
            let many = (1..1000).map(|i| format!("\"addnorm:{i}e-3\"")).collect::<Vec<_>>().join(",");
            let long = format!("--set eval.batch=1 --set eval.distort=[{many}]");
            let child = started(&place, run, &format!("--set shards=4 --set log.every=10 {set} {long} --ranks 4"), 10);
            send(process_of(&child, 2), "-TERM");
            assert_eq!(stopped(&place, child, run), 10);
            place.run(&format!("train {run} --resume --ranks 2 --set steps=20 --set eval.distort=[]")).ok();
            place.assert_same_tensors(run, "whole");
        }
    }

    #[test]
    fn a_rank_that_is_silent_too_long_is_named() {
        let place = Place::new();
        let child = started(&place, "run", &format!("{ENDLESS} --set shards=2 --ranks 2 --rank-timeout 3"), 5);
        let other = process_of(&child, 1);
        send(other, "-STOP");
        let ran = Ran::of(child.wait_with_output().unwrap());
        ran.refused(&["error: rank 1 has been silent for 3 s", "--rank-timeout", "--resume"]);
        assert_ends(other);
    }
}
