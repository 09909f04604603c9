//! The program as its users see it: a process with arguments, two streams, an exit code and the files it leaves. On the
//! data set that is part of the program, with small networks.

mod adapter_report;
mod analyze;
mod augment;
mod bench;
mod cooling;
mod distort;
mod errors;
mod evaluate;
mod export;
mod files;
mod fine_tuning;
mod import;
#[cfg(unix)]
mod interrupt;
#[cfg(all(feature = "mpi", target_os = "linux"))]
mod mpi;
#[cfg(unix)]
mod outputs;
mod own;
mod parts;
mod pictures;
mod predict;
mod profile;
mod ranks;
mod report;
mod reproduce;
mod resume;
mod scale;
mod shapes;
mod shards;
mod show;
#[cfg(unix)]
mod slurm;
mod stream;
mod sweep;
mod train;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::TempDir;

/// How a process ended.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        let ran = Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        ran
    }

    /// What it printed on stdout, if it succeeded.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// What it printed on stderr, if it failed, and that each of `words` is in there.
    #[track_caller]
    fn refused(self, words: &[&str]) -> String {
        assert!(self.code.is_some_and(|c| c != 0), "exit code {:?}; it printed {}", self.code, self.out);
        for word in words {
            assert!(self.err.contains(word), "\"{word}\" is not in: {}", self.err);
        }
        self.err
    }
}

/// A folder to run in, removed at the end. The presets of the repository are out of sight there: those of the program
/// are used.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program here with arguments separated by blanks. `WEIGHTPROOF_DEVICE` chooses the adapter, as in the other tests.
    fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weightproof"));
        self.settle(&mut command);
        command.args(args.split_whitespace());
        if let (Ok(device), false) = (std::env::var("WEIGHTPROOF_DEVICE"), args.contains("--device")) {
            command.args(["--device", &device]);
        }
        command
    }

    /// The environment of every process: no settings of whoever runs the tests.
    fn settle(&self, command: &mut Command) {
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_remove("RUST_LOG");
        // The driver's own cache stays: it saves compiling each shader in each process.
        for name in ["XDG_RUNTIME_DIR", "WEIGHTPROOF_DATA", "WEIGHTPROOF_CACHE", "WEIGHTPROOF_CONFIG"] {
            command.env(name, self.dir.path());
        }
    }

    fn run(&self, args: &str) -> Ran {
        Ran::of(self.command(args).output().expect("the program starts"))
    }

    /// `train demo/digits`, made small.
    fn train(&self, run: &str, more: &str) -> Ran {
        self.run(&small(run, more))
    }

    /// The same, which must succeed.
    #[track_caller]
    fn trained(&self, run: &str, more: &str) {
        self.train(run, more).ok();
    }

    /// A run of 20 steps, for tests that need one and do not ask how it came about: it is trained once for all of them.
    fn given(&self, run: &str) {
        static MADE: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let place = Place::new();
            place.trained("run", "--set steps=20");
            FILES.map(|file| fs::read(place.path("run").join(file)).expect("a whole run"))
        });
        fs::create_dir(self.path(run)).expect("a new folder");
        for (file, bytes) in FILES.iter().zip(made) {
            fs::write(self.path(run).join(file), bytes).expect("a file in a new folder");
        }
    }

    fn tensors(&self, run: &str) -> Tensors {
        tensors(&self.path(run).join("checkpoint.safetensors"))
    }

    /// The lines of a log without what a clock says.
    fn log(&self, run: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(run).join("log.jsonl")).expect("a log");
        let line = |line: &str| {
            let mut value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            value.as_object_mut().expect("an object").remove("images_per_s");
            value
        };
        text.lines().map(line).collect()
    }

    /// That two runs came to the same bits and told the same.
    #[track_caller]
    fn assert_same(&self, one: &str, other: &str) {
        self.assert_same_tensors(one, other);
        assert_eq!(self.log(one), self.log(other), "the logs of {one} and {other}");
    }

    #[track_caller]
    fn assert_same_tensors(&self, one: &str, other: &str) {
        let (a, b) = (self.tensors(one), self.tensors(other));
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
        for (name, tensor) in &a {
            assert!(*tensor == b[name], "{name} of {one} and of {other} differ");
        }
    }

    fn copy(&self, from: &str, to: &str) {
        fs::create_dir(self.path(to)).expect("a new folder");
        for file in FILES {
            fs::copy(self.path(from).join(file), self.path(to).join(file)).expect("a whole run");
        }
    }
}

/// What a run consists of.
const FILES: [&str; 3] = ["run.json", "log.jsonl", "checkpoint.safetensors"];

/// What makes `demo/digits` small: ten steps an epoch, and a layer of each sort, since a software driver takes longer to
/// compile shaders than to run them.
const SMALL: &str = "--set width=0.25 --set batch=20 --set data.train=200 --set data.test=50 \
                     --set layers=[{conv2d=64,kernel=3,pad=1},{maxpool=2},{batchnorm=true},{relu=true},\
                     {linear=10,output=true},{batchnorm=true}]";

/// The arguments of a small training.
fn small(run: &str, more: &str) -> String {
    format!("train demo/digits --out {run} {SMALL} --set eval.every=0 --set eval.distort=[] {more}")
}

/// Shape and bytes of each tensor of a safetensors file.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

fn tensors(path: &Path) -> Tensors {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.tensors().into_iter().map(|(name, t)| (name, (t.shape().to_vec(), t.data().to_vec()))).collect()
}
