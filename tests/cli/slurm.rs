//! `slurm`: batch scripts, run by bash among stand-ins for what a cluster has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{FILES, Place, Ran, SMALL};

/// Runs the tasks of an array one after the other, each as often as it is queued again.
const SBATCH: &str = r#"#!/bin/bash
tasks=$(sed -n 's/^#SBATCH --array=1-\([0-9]*\)$/\1/p' "$1")
for task in $(seq 1 "${tasks:-1}"); do
    export SLURM_JOB_ID=10$task SLURM_RESTART_COUNT=0
    [ -z "$tasks" ] || export SLURM_ARRAY_TASK_ID=$task
    while :; do
        bash "$1"
        code=$?
        rm "queued-$SLURM_JOB_ID" 2>/dev/null || break
        SLURM_RESTART_COUNT=$((SLURM_RESTART_COUNT + 1))
    done
    [ "$code" -eq 0 ] || exit "$code"
done
"#;

const SCONTROL: &str = "#!/bin/bash\n[ \"$1\" = requeue ] && touch \"queued-$2\"\n";

/// By Open MPI in its place.
const SRUN: &str = r#"#!/bin/bash
[ "$1" = --kill-on-bad-exit=1 ] || exit 2
echo $$ >step
exec mpirun --oversubscribe --allow-run-as-root --bind-to none -n "$SLURM_NTASKS" "${@:2}"
"#;

const SCANCEL: &str = r#"#!/bin/bash
[ "$1 $2" = "--signal=TERM $SLURM_JOB_ID" ] && kill -TERM $(cat /proc/"$(<step)"/task/*/children)
"#;

/// A place with a cluster.
fn cluster() -> Place {
    let place = Place::new();
    fs::create_dir(place.path("bin")).unwrap();
    for (name, text) in [("sbatch", SBATCH), ("scontrol", SCONTROL), ("srun", SRUN), ("scancel", SCANCEL)] {
        let path = place.path("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    place
}

/// Something of the cluster, or bash.
fn start(place: &Place, words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    place.settle(&mut command);
    let bin = Path::new(env!("CARGO_BIN_EXE_weightproof")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let all = [place.path("bin"), bin.to_owned()].into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(all).unwrap());
    command.args(&words[1..]);
    command
}

fn on_cluster(place: &Place, words: &[&str]) -> Ran {
    Ran::of(start(place, words).output().expect("it starts"))
}

/// The program with these words, which may have blanks.
fn program(place: &Place, words: &[&str]) -> Ran {
    Ran::of(place.command("").args(words).output().expect("the program starts"))
}

/// Writes a script, which bash can read.
fn script(place: &Place, words: &[&str]) -> String {
    program(place, &[&["slurm", "--out", "job.sh"], words].concat()).ok();
    on_cluster(place, &["bash", "-n", "job.sh"]).ok();
    fs::read_to_string(place.path("job.sh")).unwrap()
}

#[test]
fn an_array_of_parts_comes_to_the_sweep_of_one_process() {
    let place = cluster();
    place.given("whole");
    // What a shell would split and expand.
    let run = "it's $HOME & a *";
    place.copy("whole", run);
    let sweep = ["--distort", "none,sign,addnorm:0.3 x2", "--addnorm", "0.1:0.2:0.1", "--draws", "2"];
    program(&place, &[&["sweep", "whole"], &sweep[..]].concat()).ok();
    let text = script(&place, &[&["--parts", "3", "--time", "1:00:00", "sweep", run], &sweep[..]].concat());
    for line in ["--array=1-3", "--time=1:00:00", "--ntasks=1", "--gpus-per-task=1", "--requeue", "--signal=B:USR1@120"]
    {
        assert!(text.lines().any(|l| l == format!("#SBATCH {line}")), "{line}: {text}");
    }
    on_cluster(&place, &["sbatch", "job.sh"]).ok();
    let read = |run: &str| fs::read_to_string(place.path(run).join("sweep.jsonl")).unwrap();
    assert_eq!(read(run).replace(run, "whole"), read("whole"));
    assert_eq!(fs::read_dir(place.path(run)).unwrap().count(), FILES.len() + 1, "nothing is left of the parts");
}

/// Runs the job of a training, tells it twice before its time is over, and lets it end; in the end it is what a run in one go is.
fn interrupted(options: &[&str], ranks: &[&str], lines: [&str; 2]) {
    let place = cluster();
    let train = format!("demo/digits {SMALL} --set eval.every=0 --set eval.distort=[] --set steps=400 --set shards=2");
    let words: Vec<&str> = train.split_whitespace().collect();
    program(&place, &[&["train"], &words[..], &["--out", "whole"]].concat()).ok();
    let text = script(&place, &[options, &words[..], ranks, &["--out", "a run"]].concat());
    assert!(lines.iter().all(|line| text.contains(&format!("#SBATCH --{line}\n"))), "{text}");
    let start = |restarts: &str| {
        let mut command = start(&place, &["bash", "job.sh"]);
        command.env("SLURM_JOB_ID", "7").env("SLURM_RESTART_COUNT", restarts).env("SLURM_NTASKS", "2");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // What is left of one that was ended before it had a checkpoint.
    fs::create_dir(place.path("a run")).unwrap();
    fs::write(place.path("a run/run.json"), "{}").unwrap();
    let log = place.path("a run/log.jsonl");
    for restarts in ["1", "2"] {
        let before = fs::metadata(&log).map_or(0, |m| m.len());
        let child = start(restarts);
        let begin = Instant::now();
        while fs::metadata(&log).map_or(0, |m| m.len()) <= before {
            assert!(begin.elapsed() < Duration::from_secs(60), "no step");
            sleep(Duration::from_millis(2));
        }
        assert!(Command::new("kill").args(["-USR1", &child.id().to_string()]).status().unwrap().success());
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert!(ran.code == Some(130) && ran.err.contains("the checkpoint is saved"), "{:?} {}", ran.code, ran.err);
        fs::remove_file(place.path("queued-7")).expect("it is queued again");
    }
    Ran::of(start("3").wait_with_output().unwrap()).ok();
    assert!(!place.path("queued-7").exists(), "what is done is not queued again");
    place.assert_same_tensors("a run", "whole");
    assert_eq!(place.log("a run").last(), place.log("whole").last());
}

#[test]
fn a_training_that_must_make_room_goes_on_where_it_was() {
    interrupted(&[], &[], ["ntasks=1", "gpus-per-task=1"]);
}

#[test]
fn ranks_of_a_training_have_a_gpu_each_and_stop_together() {
    interrupted(&[], &["--ranks", "2"], ["ntasks=1", "gpus-per-task=2"]);
}

#[cfg(all(feature = "mpi", target_os = "linux"))]
#[test]
fn ranks_over_mpi_are_tasks_and_stop_together() {
    interrupted(&["--mpi"], &["--ranks", "2"], ["ntasks=2", "gpus-per-task=1"]);
}

#[test]
fn scripts_say_what_sbatch_is_to_know_and_bash_can_read_them() {
    let place = cluster();
    let text =
        script(&place, &["--parts", "4", "--partition", "gpu", "--account", "a", "reproduce", "merolla2016-table2"]);
    for words in ["--partition=gpu", "--account=a", "--array=1-4", "job-name=reproduce-merolla2016-table2"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.contains("command=(weightproof reproduce merolla2016-table2 --part \"$SLURM_ARRAY_TASK_ID\"/4)\n"),
        "{text}"
    );
    let options = ["--gpus-per-task", "0", "--sbatch", "mem=32G", "--sbatch", "exclusive", "--sbatch", "ntasks=3"];
    let text = script(
        &place,
        &[&options[..], &["--program", "/opt/my programs/weightproof", "merolla2016/cifar10/tr-sign-c"]].concat(),
    );
    let sbatch: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("#SBATCH --")).collect();
    assert!(sbatch.contains(&"mem=32G") && sbatch.contains(&"exclusive") && sbatch.contains(&"ntasks=3"), "{sbatch:?}");
    assert!(!text.contains("gpus-per-task") && !text.contains("array") && !sbatch.contains(&"ntasks=1"), "{text}");
    assert!(
        text.contains("('/opt/my programs/weightproof' train merolla2016/cifar10/tr-sign-c --out runs/tr-sign-c)"),
        "{text}"
    );
    assert!(text.contains("if [ -e runs/tr-sign-c/checkpoint.safetensors ]; then"), "{text}");
    let text = script(&place, &["--mpi", "merolla2016/imagenet/tr-none-c", "--set", "shards=8", "--ranks", "8"]);
    for words in
        ["--ntasks=8", "--gpus-per-task=1", "=(srun --kill-on-bad-exit=1 weightproof train", "scancel --signal=TERM"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    script(&place, &["eval", "run", "--distort", "addnorm:0.3 x8"]);
    assert_eq!(program(&place, &["slurm", "train", "demo/digits"]).ok().lines().next(), Some("#!/bin/bash"));
    for (words, why) in [
        (vec!["show", "--devices"], "show is not for a batch script"),
        (vec!["train"], "PRESET"),
        (vec!["sweep", "run", "--part", "1/2"], "leave --part out"),
        (vec!["demo/digits", "--out", "r", "--resume"], "leave --resume out"),
        (vec!["--parts", "2", "demo/digits"], "a training has no parts"),
        (vec!["--mpi", "sweep", "run"], "--mpi is for"),
        (vec!["--sbatch", "mem 3=2", "demo/digits"], "KEY=VALUE"),
        (vec!["--time", "1\n2", "demo/digits"], "one line"),
        (vec!["nothing/like-it"], "nothing/like-it"),
    ] {
        program(&place, &[&["slurm"], &words[..]].concat()).refused(&[why]);
    }
}
