//! Run folders: `run.json` says what was run, `log.jsonl` what happened, `checkpoint.safetensors` where it stands.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::files::{self, Lock};
use crate::model::preset::Preset;
use crate::weights::checkpoint;

/// What `run.json` says besides the preset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The command line.
    pub command: String,
    /// Adapter and driver.
    pub adapter: String,
    /// Variant and knobs of each kernel.
    pub variants: Vec<(String, String)>,
    /// Where the weights to begin with are from ([`Taken::record`](crate::weights::Taken::record)); none: they were drawn.
    pub init: Option<Value>,
    /// Threads that read and prepare batches.
    pub workers: usize,
    /// Ranks of a run over several.
    pub ranks: Option<usize>,
}

/// A line of the log about a step of training.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StepLine {
    /// Steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Mean training loss of the steps since the line before.
    pub loss: f64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Speed since the line before.
    pub images_per_s: f64,
}

/// A line of the log about an evaluation.
#[derive(Clone, Debug, Serialize)]
pub struct EvalLine<'a> {
    /// Steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// The distortion of the weights in this evaluation.
    pub eval: &'a str,
    /// `validation` where the images held out were tested instead of the test images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<&'a str>,
    /// Wrong answers, per cent: the mean of the draws.
    pub error: f64,
    /// Images whose class is not among the first five guesses, per cent, where there are more than ten classes: the mean of the draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5_error: Option<f64>,
    /// Standard deviation of the draws, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
    /// The worst of the draws, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// Mean loss.
    pub loss: f64,
    /// Images tested.
    pub images: usize,
    /// Training batches for the moments of batch norm; 0 for a network without.
    pub moments_batches: usize,
}

/// A run folder open for writing, by this process alone.
#[derive(Debug)]
pub struct Run {
    dir: PathBuf,
    log: File,
    _lock: Lock,
}

impl Run {
    /// Makes the folder of a new run, by default `runs/<date>-<time>-<preset name>` (UTC), and writes `run.json`.
    ///
    /// # Errors
    /// A folder that holds a run already, or where another process trains; one that cannot be written.
    pub fn create(dir: Option<PathBuf>, preset: &Preset, about: &About) -> Result<Run> {
        let now = Timestamp::now();
        let dir = match dir {
            Some(dir) => {
                fs::create_dir_all(&dir).map_err(|e| Error::io(&dir, e))?;
                dir
            }
            None => fresh(Path::new("runs"), &format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), preset.name))?,
        };
        let occupied = || {
            Error::format(
                &dir,
                "this folder holds a run already: continue it with --resume, or give another folder with --out",
            )
        };
        if dir.join(RUN).exists() {
            return Err(occupied());
        }
        let lock = lock(&dir)?;
        let path = dir.join(LOG);
        let log = OpenOptions::new().append(true).create_new(true).open(&path).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => occupied(),
            _ => Error::io(&path, e),
        })?;
        let run = Run { dir, log, _lock: lock };
        let mut info = json!({
            "preset": preset.name,
            "started": time(now),
            "version": env!("CARGO_PKG_VERSION"),
            "command": about.command,
            "adapter": about.adapter,
            "variants": table(&about.variants),
            "workers": about.workers,
            "preset_toml": preset.to_toml(),
        });
        if let Some(init) = &about.init {
            info["init"] = init.clone();
        }
        if let Some(ranks) = about.ranks {
            info["ranks"] = ranks.into();
        }
        let written = run.write(&info);
        if written.is_err() {
            // Without run.json there is no run here; the log must not say otherwise. The error above is the one to tell.
            let _ = fs::remove_file(&path);
        }
        written?;
        Ok(run)
    }

    /// Opens the folder of a run to continue it after `step` steps, the checkpoint's: lines of the log about later steps
    /// are removed, and `run.json` notes the resumption. `again`: the evaluation after `step` is done again, so its lines
    /// are removed too. `lock`: that of the folder, taken before the checkpoint was read.
    ///
    /// # Errors
    /// A folder without a run, or that cannot be written.
    pub fn resume(dir: impl AsRef<Path>, lock: Lock, step: u64, again: bool, about: &About) -> Result<Run> {
        let dir = dir.as_ref().to_path_buf();
        let mut info = info(&dir)?;
        let (run, log) = (dir.join(RUN), dir.join(LOG));
        let object = info.as_object_mut().ok_or_else(|| Error::format(&run, "this is no JSON object"))?;
        let resumed = object.entry("resumed").or_insert_with(|| json!([]));
        let resumed = resumed.as_array_mut().ok_or_else(|| Error::format(&run, "`resumed` is no array"))?;
        let mut note = json!({
            "step": step,
            "time": time(Timestamp::now()),
            "version": env!("CARGO_PKG_VERSION"),
            "command": about.command,
            "adapter": about.adapter,
            "variants": table(&about.variants),
            "workers": about.workers,
        });
        if let Some(ranks) = about.ranks {
            note["ranks"] = ranks.into();
        }
        resumed.push(note);
        cut(&log, step, again)?;
        let log = OpenOptions::new().append(true).create(true).open(&log).map_err(|e| Error::io(&log, e))?;
        let run = Run { dir, log, _lock: lock };
        run.write(&info)?;
        Ok(run)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of the checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        checkpoint::path(&self.dir)
    }

    /// Appends a line to the log: one write, so that a reader sees whole lines. Numbers that are not finite become null.
    ///
    /// # Errors
    /// A full disk.
    pub fn log(&mut self, line: &impl Serialize) -> Result<()> {
        let path = self.dir.join(LOG);
        let mut text = serde_json::to_string(line).map_err(|e| Error::format(&path, e.to_string()))?;
        text.push('\n');
        self.log.write_all(text.as_bytes()).map_err(|e| Error::io(&path, e))
    }

    fn write(&self, info: &Value) -> Result<()> {
        files::replace(&self.dir.join(RUN), |w| writeln!(w, "{info:#}"))
    }
}

const RUN: &str = "run.json";
const LOG: &str = "log.jsonl";
const LOCK: &str = "train.lock";

/// The right to train in `dir`: one process has it at a time.
///
/// # Errors
/// Another process has it, with its number and machine; a folder that is missing or cannot be written.
pub fn lock(dir: &Path) -> Result<Lock> {
    Lock::take(&dir.join(LOCK), dir)
}

/// The files that make `dir` the folder of a run, but for the checkpoint.
pub fn files(dir: &Path) -> [PathBuf; 2] {
    [RUN, LOG].map(|name| dir.join(name))
}

/// The tests of the test images that the log of the run in `dir` has: steps done, and the distortion.
///
/// # Errors
/// A log that cannot be read.
pub fn tests(dir: &Path) -> Result<Vec<(u64, String)>> {
    #[derive(Deserialize)]
    struct Line {
        step: u64,
        eval: Option<String>,
        part: Option<String>,
    }
    let path = dir.join(LOG);
    let text = fs::read_to_string(&path).map_err(|e| Error::io(&path, e))?;
    let lines = text.lines().filter_map(|l| serde_json::from_str::<Line>(l).ok());
    Ok(lines.filter(|l| l.part.is_none()).filter_map(|l| Some((l.step, l.eval?))).collect())
}

/// `run.json` of the run in `dir`.
///
/// # Errors
/// A folder without a run, with what to do.
pub fn info(dir: &Path) -> Result<Value> {
    let path = dir.join(RUN);
    let text = fs::read_to_string(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Error::format(dir, "no run here (no run.json); give the folder that `train` made"),
        _ => Error::io(&path, e),
    })?;
    serde_json::from_str(&text).map_err(|e| Error::format(&path, format!("this is no JSON: {e}")))
}

/// Makes a folder in `parent` that did not exist before: `name`, else `name-2`, ...
fn fresh(parent: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
    let mut n = 1;
    loop {
        let dir = parent.join(if n == 1 { name.to_string() } else { format!("{name}-{n}") });
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => n += 1,
            Err(e) => return Err(Error::io(dir, e)),
        }
    }
}

fn table(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect())
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Removes the lines of a log that are about steps after `step`, and a last line that was cut off; if `again`, also the
/// evaluations after `step`.
fn cut(path: &Path, step: u64, again: bool) -> Result<()> {
    #[derive(Deserialize)]
    struct Line {
        step: u64,
        eval: Option<String>,
    }
    let stays = |l: Line| l.step < step || l.step == step && !(again && l.eval.is_some());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::io(path, e)),
    };
    files::replace(path, |w| {
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            if serde_json::from_slice::<Line>(&line).is_ok_and(stays) {
                w.write_all(&line)?;
                w.write_all(b"\n")?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset() -> Preset {
        Preset::load("demo/digits", &[]).unwrap()
    }

    fn about() -> About {
        About {
            command: "weightproof train demo/digits".into(),
            adapter: "llvmpipe".into(),
            variants: vec![("conv2d.forward".into(), "lanes".into())],
            init: None,
            workers: 1,
            ranks: None,
        }
    }

    fn line(step: u64) -> StepLine {
        StepLine { step, epoch: 0, loss: 0.5, lr: 0.003, images_per_s: 100.0 }
    }

    #[test]
    fn a_run_folder_says_what_was_run_and_logs_a_json_object_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run::create(Some(dir.path().join("a/b")), &preset(), &about()).unwrap();
        run.log(&line(10)).unwrap();
        let loss = f64::NAN;
        let line = EvalLine {
            step: 10,
            epoch: 1,
            eval: "sign",
            part: None,
            error: 0.25,
            top5_error: None,
            deviation: None,
            worst: None,
            loss,
            images: 50,
            moments_batches: 2,
        };
        run.log(&line).unwrap();
        let info = info(run.dir()).unwrap();
        assert_eq!((&info["preset"], &info["variants"]["conv2d.forward"]), (&json!("digits"), &json!("lanes")));
        assert_eq!(Preset::from_toml(info["preset_toml"].as_str().unwrap()).unwrap(), preset());
        assert!(info["started"].as_str().is_some_and(|t| t.len() == 20 && t.ends_with('Z')));
        let log = fs::read_to_string(run.dir().join(LOG)).unwrap();
        assert_eq!(
            log,
            "{\"step\":10,\"epoch\":0,\"loss\":0.5,\"lr\":0.003,\"images_per_s\":100.0}\n\
             {\"step\":10,\"epoch\":1,\"eval\":\"sign\",\"error\":0.25,\"loss\":null,\"images\":50,\
             \"moments_batches\":2}\n"
        );
    }

    #[test]
    fn a_folder_that_holds_a_run_is_refused_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let first = Run::create(Some(path.clone()), &preset(), &about()).unwrap();
        let refused = |word: &str| {
            let e = Run::create(Some(path.clone()), &preset(), &about()).unwrap_err().to_string();
            assert!(e.contains(path.to_str().unwrap()) && e.contains(word), "{e}");
        };
        refused("--resume");
        fs::remove_file(first.dir().join(RUN)).unwrap();
        refused("is writing here");
        drop(first);
        refused("--resume");
    }

    #[test]
    fn a_resumed_run_keeps_the_log_up_to_the_checkpoint_and_notes_the_resumption() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run");
        let mut run = Run::create(Some(path.clone()), &preset(), &about()).unwrap();
        for step in [10, 20, 30] {
            run.log(&line(step)).unwrap();
        }
        // A power cut in the middle of a line.
        run.log.write_all(b"{\"step\":1").unwrap();
        drop(run);
        let mut run = Run::resume(&path, lock(&path).unwrap(), 20, false, &about()).unwrap();
        run.log(&line(25)).unwrap();
        let log = fs::read_to_string(path.join(LOG)).unwrap();
        let steps: Vec<u64> =
            log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, [10, 20, 25]);
        let info = info(&path).unwrap();
        assert_eq!((&info["preset"], &info["resumed"][0]["step"]), (&json!("digits"), &json!(20)));
        drop(run);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn a_folder_without_a_run_cannot_be_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let resume = || Run::resume(dir.path(), lock(dir.path()).unwrap(), 0, false, &about());
        let e = resume().unwrap_err().to_string();
        assert!(e.contains(dir.path().to_str().unwrap()) && e.contains("no run here"), "{e}");
        fs::write(dir.path().join(RUN), "[1]").unwrap();
        assert!(resume().unwrap_err().to_string().contains("no JSON object"));
    }

    #[test]
    fn folders_of_the_same_second_get_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<PathBuf> = (0..3).map(|_| fresh(dir.path(), "x").unwrap()).collect();
        assert_eq!(names, ["x", "x-2", "x-3"].map(|n| dir.path().join(n)));
    }
}
