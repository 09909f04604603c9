//! Runs over MPI: the same files as by local ranks, and what happens to a run whose rank dies, hangs or differs. By the `mpirun` of the
//! MPI that the program is linked with, Open MPI's or MPICH's; `$MPIRUN` names another.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use weightproof::exchange::Exchange;
use weightproof::exchange::mpi::World;

use crate::interrupt::{ENDLESS, started_by};
use crate::ranks::signals::{STEPS, assert_ends, assert_goes_on, saved, send};
use crate::ranks::{SHARDS, assert_equal};
use crate::{Place, Ran, small, stream};

/// Starts processes over MPI: groups of so many, each with its command. What takes long hangs.
fn mpirun(place: &Place, groups: &[(usize, Command)]) -> Command {
    let launcher = std::env::var("MPIRUN").unwrap_or_else(|_| "mpirun".into());
    let about =
        Command::new(&launcher).arg("--version").output().expect("mpirun: packages openmpi-bin, libopenmpi-dev");
    let mut command = Command::new("timeout");
    place.settle(&mut command);
    command.args(["-k", "5", "120", &launcher]);
    if String::from_utf8_lossy(&about.stdout).contains("Open MPI") {
        command.args("--oversubscribe --allow-run-as-root --bind-to none".split(' '));
    }
    for (i, (count, program)) in groups.iter().enumerate() {
        command.args((i > 0).then_some(":")).args(["-n", &count.to_string()]);
        command.arg(program.get_program()).args(program.get_args());
    }
    command
}

/// The program over so many ranks.
fn over(place: &Place, ranks: usize, args: &str) -> Command {
    mpirun(place, &[(ranks, place.command(args))])
}

fn run(place: &Place, ranks: usize, args: &str) -> Ran {
    Ran::of(over(place, ranks, args).output().unwrap())
}

/// How many errors the ranks of a run tell.
fn errors(err: &str) -> usize {
    err.lines().filter(|line| line.starts_with("error: ")).count()
}

#[test]
fn any_number_of_ranks_leaves_the_files_of_local_ones() {
    let place = Place::new();
    let args = |run: &str| small(run, &format!("{SHARDS} --set steps=23"));
    place.run(&format!("{} --ranks 2", args("local"))).ok();
    for ranks in [1, 2, 4] {
        let by = format!("by{ranks}");
        let out = run(&place, ranks, &args(&by)).ok();
        assert_eq!(out.matches("run: ").count(), 1, "rank 0 alone prints: {out}");
        assert_equal(&place, &by, "local");
    }
    // Gradients of several messages.
    let wide = |run: &str| small(run, "--set shards=4 --set width=16 --set steps=3");
    place.run(&wide("wide1")).ok();
    run(&place, 4, &format!("{} --ranks 4", wide("wide4"))).ok();
    assert_equal(&place, "wide4", "wide1");
}

#[test]
fn a_run_is_resumed_by_another_number_of_ranks() {
    let place = Place::new();
    place.trained("whole", &format!("{SHARDS} --set steps=23"));
    run(&place, 4, &small("parts", &format!("{SHARDS} --set steps=6"))).ok();
    place.run("train parts --resume --set steps=13").ok();
    run(&place, 2, "train parts --resume --set steps=23").ok();
    place.assert_same_tensors("parts", "whole");
    assert_eq!(place.log("parts").last(), place.log("whole").last(), "the test at the end");
}

#[test]
fn what_does_not_fit_is_said_once() {
    let place = Place::new();
    for (ranks, more, words) in [
        (3, "", &["3 ranks: ", "divides the 4 shards", "e.g. 2"][..]),
        (2, "--ranks 4", &["--ranks 4", "2 were started"]),
        (2, "--ranks 2 --throttle 1,1", &["--throttle"]),
        (2, "--set nothing=1", &["nothing"]),
    ] {
        let err = run(&place, ranks, &small("run", &format!("--set shards=4 {more}"))).refused(words);
        assert_eq!(errors(&err), 1, "{err}");
    }
    assert!(!place.path("run").exists());
}

#[test]
fn a_launcher_that_the_program_does_not_know_is_named() {
    let place = Place::new();
    for (name, launcher) in [("PMI_SIZE", "mpirun of MPICH"), ("SLURM_STEP_NUM_TASKS", "srun")] {
        let mut command = place.command(&small("run", "--set shards=2"));
        let ran = Ran::of(command.env(name, "2").output().unwrap());
        ran.refused(&[&format!("{launcher} started 2 processes ({name})"), "linked with, knows of 1"]);
    }
    assert!(!place.path("run").exists());
}

#[test]
fn a_rank_that_differs_or_has_no_data_is_named_by_rank_0() {
    let place = Place::new();
    stream::write_images(place.dir.path());
    let two = |one: &str, other: &str| {
        let args = [one, other].map(|more| small("run", &format!("--set shards=2 {more}")));
        let ran = mpirun(&place, &args.map(|args| (1, place.command(&args)))).output().unwrap();
        Ran::of(ran)
    };
    for (one, other, words) in [
        ("--set seed=1", "--set seed=7", &["error: rank 1 has another preset than rank 0: seed = 7 (rank 0: 1)"][..]),
        ("--set data.set=mnist", "--set data.set=mnist --data nowhere", &["error: rank 1: ", "nowhere"]),
    ] {
        let err = two(one, other).refused(words);
        assert_eq!(errors(&err), 1, "{err}");
    }
}

#[test]
fn a_full_disk_on_rank_0_ends_all_and_leaves_the_checkpoint() {
    let place = Place::new();
    run(&place, 2, &small("run", &format!("{SHARDS} --set steps=10"))).ok();
    let path = place.path("run/checkpoint.safetensors");
    let before = fs::read(&path).unwrap();
    let args = "train run --resume --set steps=20";
    let limited = crate::files::limit(&place, 16, args);
    let mut command = mpirun(&place, &[(1, limited), (1, place.command(args))]);
    // Memory that is shared is a file, too.
    let ran = Ran::of(command.env("OMPI_MCA_btl", "tcp,self").env("UCX_TLS", "tcp,self").output().unwrap());
    let err = ran.refused(&["run/checkpoint.safetensors", "could not be written"]);
    assert_eq!((errors(&err), fs::read(&path).unwrap() == before), (1, true), "{err}");
    run(&place, 2, args).ok();
    place.trained("whole", &format!("{SHARDS} --set steps=20"));
    place.assert_same_tensors("run", "whole");
}

#[test]
fn without_the_library_the_loader_names_it() {
    let place = Place::new();
    for name in ["libmpi.so.40", "libmpich.so.12"] {
        fs::write(place.path(name), "").unwrap();
    }
    let ran = Ran::of(place.command("--version").env("LD_LIBRARY_PATH", place.dir.path()).output().unwrap());
    ran.refused(&["libmpi"]);
}

/// The process of a rank of the program here.
fn process_of(place: &Place, rank: usize) -> u32 {
    let here = fs::canonicalize(place.dir.path()).unwrap();
    let is = |process: &Path| {
        let environment = fs::read_to_string(process.join("environ")).unwrap_or_default();
        let named = |name: &str| environment.split('\0').any(|v| v == format!("{name}={rank}"));
        fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == here)
            && fs::read_link(process.join("exe")).is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_weightproof")))
            && (named("OMPI_COMM_WORLD_RANK") || named("PMI_RANK"))
    };
    let mut all = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let found = all.find(|path| is(path)).expect("a process of this rank");
    found.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

/// Starts a training over four ranks and waits until it has logged `step`.
fn started(place: &Place, run: &str, more: &str, step: u64) -> (Child, [u32; 4]) {
    let child = started_by(place, over(place, 4, &small(run, more)), run, step);
    (child, [0, 1, 2, 3].map(|rank| process_of(place, rank)))
}

#[test]
fn a_rank_that_is_killed_ends_all_and_the_run_goes_on_to_the_same_bits() {
    let place = Place::new();
    place.trained("whole", STEPS);
    for (rank, step) in [(3, 45), (0, 80)] {
        let run = format!("killed{rank}");
        let (child, ranks) = started(&place, &run, STEPS, step);
        send(ranks[rank], "-KILL");
        Ran::of(child.wait_with_output().unwrap()).refused(&[]);
        assert_goes_on(&place, &run, ranks);
    }
}

#[test]
fn a_rank_that_is_told_to_stop_stops_all_at_one_step() {
    let place = Place::new();
    place.trained("whole", STEPS);
    let (child, ranks) = started(&place, "stopped", STEPS, 5);
    send(ranks[2], "-TERM");
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    let step = saved(&place, "stopped");
    assert!((5..200).contains(&step) && ran.err.contains(&format!("stopped after step {step};")), "{}", ran.err);
    run(&place, 2, "train stopped --resume").ok();
    place.assert_same_tensors("stopped", "whole");
}

#[test]
fn a_rank_that_is_silent_too_long_is_named() {
    let place = Place::new();
    for rank in [3, 0] {
        let run = format!("silent{rank}");
        let (child, ranks) = started(&place, &run, &format!("{ENDLESS} --set shards=4 --rank-timeout 3"), 5);
        send(ranks[rank], "-STOP");
        let err = Ran::of(child.wait_with_output().unwrap())
            .refused(&[&format!("error: rank {rank} has been silent for 3 s"), "--rank-timeout"]);
        ranks.into_iter().for_each(assert_ends);
        if rank > 0 {
            // Rank 0 has saved what was trained.
            assert!(errors(&err) == 1 && saved(&place, &run) >= 5, "{err}");
        }
    }
}

/// Set where this test program is itself a rank.
const IS_RANK: &str = "WEIGHTPROOF_TEST_IS_RANK";

#[test]
fn a_rank_that_panics_ends_all() {
    if std::env::var_os(IS_RANK).is_some() {
        let exchange = Exchange::new(World::join(Duration::from_secs(60)).unwrap().carrier, Duration::from_secs(60));
        exchange.all_here().unwrap();
        assert!(exchange.rank() == 0, "this is rank 1");
        exchange.all_here().unwrap();
    }
    let place = Place::new();
    let mut rank = Command::new(std::env::current_exe().unwrap());
    rank.args(["--exact", "mpi::a_rank_that_panics_ends_all", "--nocapture"]);
    let begin = Instant::now();
    let Output { status, stderr, .. } = mpirun(&place, &[(2, rank)]).env(IS_RANK, "1").output().unwrap();
    let err = String::from_utf8_lossy(&stderr);
    assert!(!status.success() && err.contains("this is rank 1") && begin.elapsed() < Duration::from_secs(30), "{err}");
}
