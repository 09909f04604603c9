//! What runs left on disk: `run.json`, `log.jsonl`, the points and the analyses. Nothing is computed here that a network
//! would be needed for. What is missing is absent from the report; what cannot be read is left out with a warning.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::paper::{self, imagenet, wide};
use super::shell;
use crate::error::{Error, Result};
use crate::eval::analysis::Analysis;
use crate::eval::{self, Moments, Point, point};
use crate::figure::Style;
use crate::model::preset::Preset;
use crate::train::record;

/// A run as its files tell it.
#[derive(Debug)]
pub struct Run {
    /// The folder, or the file of weights.
    pub subject: PathBuf,
    /// What the run is called here: the preset's name, and more where several have one name.
    pub label: String,
    /// How its series are drawn.
    pub style: Style,
    /// Name of the preset; of the file or folder where there is no `run.json`.
    pub preset: String,
    /// `run.json`; null if there is none.
    pub info: Value,
    /// Lines of the log about steps, in order.
    pub steps: Vec<StepLine>,
    /// Lines of the log about evaluations, in order.
    pub evals: Vec<EvalLine>,
    /// Test errors at the latest step that has any; what they are over is a [`super::stats::Measure`].
    pub points: Vec<Point>,
    /// Analyses.
    pub analysis: Analysis,
}

/// A line of the log about a step. Numbers that were not finite are NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLine {
    /// Steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Mean training loss since the line before.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
}

/// A line of the log about an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalLine {
    /// Steps done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// The distortion, as the log has it.
    pub distortion: String,
    /// Whether images held out of the training data were tested.
    pub validation: bool,
    /// Per cent; NaN where it was none.
    pub error: f64,
    /// Top-5 error, per cent, where the log has one.
    pub top5_error: Option<f64>,
    /// Mean loss.
    pub loss: f64,
    /// Images tested; 0 where the log does not say it.
    pub images: u64,
    /// Training batches for the moments of batch norm.
    pub moments_batches: u64,
}

#[derive(Deserialize)]
struct Line {
    step: u64,
    #[serde(default)]
    epoch: u64,
    eval: Option<String>,
    part: Option<String>,
    error: Option<f64>,
    top5_error: Option<f64>,
    loss: Option<f64>,
    lr: Option<f64>,
    #[serde(default)]
    images: u64,
    #[serde(default)]
    moments_batches: u64,
}

impl Run {
    /// The resolved keys of its preset.
    pub fn keys(&self) -> BTreeMap<String, String> {
        let Some(text) = self.text("preset_toml") else { return BTreeMap::new() };
        // A preset of another version may not parse; its text still tells most.
        keys(&Preset::from_toml(text).map_or_else(|_| text.to_owned(), |p| p.to_toml()))
    }

    /// A key of `run.json` that is a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.info[key].as_str()
    }

    /// The wide residual network of McDonnell 2018 that it is.
    pub fn wide(&self) -> Option<&'static wide::Net> {
        wide::find(self.keys().get("data.set")?, &self.preset)
    }

    /// The network of Merolla 2016 or of its comparison for ImageNet that it is.
    pub fn alexnet(&self) -> Option<&'static imagenet::Net> {
        let set = self.keys().get("data.set").cloned();
        imagenet::find(&self.preset).filter(|_| set.is_some_and(|set| imagenet::SETS.contains(&set.as_str())))
    }

    /// The network of Merolla 2016 for CIFAR-10 that it is.
    pub fn cifar(&self) -> Option<&'static paper::Net> {
        paper::find(&self.preset).filter(|_| self.alexnet().is_none())
    }

    /// Steps done, as far as the files tell.
    pub fn step(&self) -> Option<u64> {
        let log = self.steps.iter().map(|l| l.step).chain(self.evals.iter().map(|l| l.step));
        log.chain(self.points.iter().map(|p| p.step)).max()
    }

    /// Steps of an epoch, from the lines of the log: the greatest number that agrees with every count of epochs done.
    pub fn steps_per_epoch(&self) -> Option<u64> {
        let lines = self.steps.iter().map(|l| (l.step, l.epoch)).chain(self.evals.iter().map(|l| (l.step, l.epoch)));
        lines.filter(|(step, epoch)| *step > 0 && *epoch > 0).map(|(step, epoch)| step / epoch).min()
    }

    /// The folder of the data sets that the training was given.
    pub fn data(&self) -> Option<String> {
        let words = shell::split(self.text("command")?);
        let at = words.iter().position(|w| w == "--data" || w.starts_with("--data="))?;
        words[at].strip_prefix("--data=").map(str::to_owned).or_else(|| words.get(at + 1).cloned())
    }

    fn read(subject: &Path, warnings: &mut Vec<String>) -> Result<Run> {
        if !subject.exists() {
            return Err(Error::Invalid(format!("{}: there is no such run folder or weights file", subject.display())));
        }
        let folder = subject.is_dir();
        let info = match record::info(subject) {
            Ok(info) => info,
            Err(_) if !folder || !subject.join("run.json").exists() => Value::Null,
            Err(e) => {
                warnings.push(format!("{e}; the report does without it"));
                Value::Null
            }
        };
        let lines: Vec<Line> = if folder { lines(&subject.join("log.jsonl"), warnings)? } else { vec![] };
        let (steps, evals) = split(lines);
        let points: Vec<Point> = lines_of_points(subject, warnings)?;
        let path = if folder { Analysis::path(subject) } else { subject.with_extension("analysis.json") };
        let analysis = Analysis::load(&path).unwrap_or_else(|e| {
            warnings.push(format!("{e}; the report does without it"));
            None
        });
        if info.is_null() && steps.is_empty() && evals.is_empty() && points.is_empty() && analysis.is_none() {
            let message = "nothing to report: no run.json, log.jsonl, sweep.jsonl or analysis.json here; give the folder \
                           that `train` made, or a weights file that was swept or analysed";
            return Err(Error::format(subject, message));
        }
        let whole = subject.canonicalize().unwrap_or_else(|_| subject.to_path_buf());
        let name = if folder { whole.file_name() } else { whole.file_stem() };
        let name = name.map_or(String::from("run"), |n| n.to_string_lossy().into_owned());
        let preset = info["preset"].as_str().map_or(name, String::from);
        let analysis = analysis.unwrap_or_default();
        let mut run = Run {
            subject: subject.to_path_buf(),
            label: preset.clone(),
            style: Style::of(0),
            preset,
            info,
            steps,
            evals,
            points,
            analysis,
        };
        run.settle(warnings);
        Ok(run)
    }

    /// Leaves the points that belong together.
    fn settle(&mut self, warnings: &mut Vec<String>) {
        let at = self.subject.display();
        let whole = self.points.len();
        if let Some(step) = self.points.iter().map(|p| p.step).max() {
            self.points.retain(|p| p.step == step);
            if self.points.len() < whole {
                let left = whole - self.points.len();
                warnings.push(format!("{at}: {left} points of earlier steps than {step} are left out"));
            }
            let last = self.steps.iter().map(|l| l.step).max().unwrap_or(step);
            if last > step {
                warnings.push(format!("{at}: the points are of step {step}, but the training went on to {last}"));
            }
        }
        self.points.extend(self.last_tests());
        let unsound = self.points.iter().filter(|p| !p.loss.is_finite()).count();
        if let Some(p) = self.points.iter().find(|p| !p.loss.is_finite()) {
            warnings.push(format!("{at}: {unsound} points, e.g. under {}: {}", p.distortion, eval::unsound(p.loss)));
        }
        let step = self.points.first().map(|p| p.step);
        if !self.analysis.run.is_empty() && step.is_some_and(|s| s != self.analysis.step) {
            let (a, b) = (self.analysis.step, step.unwrap_or_default());
            warnings.push(format!("{at}: the analyses are of step {a}, the points of step {b}"));
        }
    }

    /// The test at the end of training as points, for distortions that no sweep measured. Old logs do not say how many
    /// images it had: 0.
    fn last_tests(&self) -> Vec<Point> {
        let tests = || self.evals.iter().filter(|l| !l.validation && l.error.is_finite());
        let Some(last) = tests().map(|l| l.step).max() else { return vec![] };
        if self.points.iter().any(|p| p.step != last) || self.steps.iter().any(|l| l.step > last) {
            return vec![];
        }
        let measured = |d: &str| self.points.iter().any(|p| p.distortion == d && p.moments == Moments::Recomputed);
        let seed = self.keys().get("seed").and_then(|s| s.parse().ok()).unwrap_or_default();
        let mut out: Vec<Point> = vec![];
        for l in tests().filter(|l| l.step == last) {
            let distortion = without_draws(&l.distortion).to_owned();
            if !measured(&distortion) {
                out.retain(|p| p.distortion != distortion);
                out.push(Point {
                    run: self.label.clone(),
                    step: last,
                    distortion,
                    draw: 0,
                    seed,
                    moments: Moments::Recomputed,
                    moments_batches: l.moments_batches,
                    images: l.images,
                    set: String::new(),
                    from_bits: false,
                    error: l.error,
                    top5_error: l.top5_error,
                    loss: l.loss,
                });
            }
        }
        out
    }
}

/// A distortion without its number of draws, ` x8`.
fn without_draws(distortion: &str) -> &str {
    match distortion.rsplit_once(" x") {
        Some((text, draws)) if !draws.is_empty() && draws.bytes().all(|b| b.is_ascii_digit()) => text,
        _ => distortion,
    }
}

fn split(lines: Vec<Line>) -> (Vec<StepLine>, Vec<EvalLine>) {
    let number = |v: Option<f64>| v.unwrap_or(f64::NAN);
    let (mut steps, mut evals) = (vec![], vec![]);
    for l in lines {
        match l.eval {
            Some(distortion) => evals.push(EvalLine {
                step: l.step,
                epoch: l.epoch,
                distortion,
                validation: l.part.is_some_and(|p| p == "validation"),
                error: number(l.error),
                top5_error: l.top5_error,
                loss: number(l.loss),
                images: l.images,
                moments_batches: l.moments_batches,
            }),
            None => {
                steps.push(StepLine { step: l.step, epoch: l.epoch, loss: number(l.loss), lr: number(l.lr) });
            }
        }
    }
    (steps, evals)
}

fn lines_of_points(subject: &Path, warnings: &mut Vec<String>) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = lines(&point::path(subject), warnings)?;
    points.retain(|p| p.error.is_finite());
    Ok(points)
}

/// The lines of a file of JSON lines; none if there is no file. What is no such line is left out with a warning.
fn lines<T: DeserializeOwned>(path: &Path, warnings: &mut Vec<String>) -> Result<Vec<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(e) => return Err(Error::io(path, e)),
    };
    let cut = !bytes.is_empty() && !bytes.ends_with(b"\n");
    let all: Vec<&[u8]> = bytes.split(|&b| b == b'\n').collect();
    let mut out = vec![];
    for (i, line) in all.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(value) => out.push(value),
            Err(_) if cut && i + 1 == all.len() => {
                warnings.push(format!("{}: the last line was cut off and is left out", path.display()));
            }
            Err(e) => warnings.push(format!("{}: line {} is left out: {e}", path.display(), i + 1)),
        }
    }
    Ok(out)
}

/// Reads runs, names them so that no two are called the same, and gives each a style.
///
/// # Errors
/// No run; a subject that does not exist or has nothing to tell; one that is given twice.
pub fn runs(subjects: &[PathBuf], warnings: &mut Vec<String>) -> Result<Vec<Run>> {
    if subjects.is_empty() {
        return Err(Error::Invalid("no run to report: give one or more run folders".into()));
    }
    let mut runs: Vec<Run> = vec![];
    for subject in subjects {
        let same = |r: &Run| r.subject.canonicalize().ok().is_some_and(|p| subject.canonicalize().ok() == Some(p));
        if runs.iter().any(same) {
            warnings.push(format!("{} is given twice and shown once", subject.display()));
            continue;
        }
        runs.push(Run::read(subject, warnings)?);
    }
    let names: Vec<String> = runs.iter().map(|r| r.preset.clone()).collect();
    let places: Vec<String> = places(&runs);
    for (i, run) in runs.iter_mut().enumerate() {
        run.style = Style::of(i);
        if names.iter().filter(|n| **n == run.preset).count() > 1 && places[i] != run.preset {
            run.label = format!("{} ({})", run.preset, places[i]);
        }
    }
    Ok(runs)
}

/// The shortest ends of the paths that are all different.
fn places(runs: &[Run]) -> Vec<String> {
    let whole: Vec<Vec<String>> = runs
        .iter()
        .map(|r| {
            let path = r.subject.canonicalize().unwrap_or_else(|_| r.subject.clone());
            path.iter().map(|c| c.to_string_lossy().into_owned()).collect()
        })
        .collect();
    let end = |parts: &[String], n: usize| parts[parts.len().saturating_sub(n)..].join("/");
    let most = whole.iter().map(Vec::len).max().unwrap_or(1);
    let differ = |n: &usize| {
        let ends: Vec<String> = whole.iter().map(|p| end(p, *n)).collect();
        ends.iter().enumerate().all(|(i, e)| !ends[..i].contains(e))
    };
    let n = (1..=most).find(differ).unwrap_or(most);
    whole.iter().map(|p| end(p, n)).collect()
}

/// The values of a table by dotted keys.
fn flatten(table: &toml::Table, prefix: &str, out: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(inner, &key, out),
            toml::Value::String(text) => drop(out.insert(key, text.clone())),
            other => drop(out.insert(key, other.to_string())),
        }
    }
}

/// The values of a preset's text by dotted keys.
pub fn keys(toml: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    flatten(&toml.parse::<toml::Table>().unwrap_or_default(), "", &mut out);
    out
}

#[cfg(test)]
pub(super) mod tests;
