//! Training for the time that is left: CIFAR-10 where its files are, else the digits that are part of the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::journal::Lines;
use super::summary::{Section, cell, number};
use super::work::{Came, Work};
use super::{PRESET, Stage, speeds};
use crate::data;
use crate::error::{Error, Result};
use crate::eval::Draws;
use crate::model::preset::Preset;
use crate::profile::quartiles;
use crate::train::{self, Outcome, record};

/// The item.
const TRAINING: &str = "training";

/// The folder of the run.
const RUN: &str = "run";

/// What is trained where there is no CIFAR-10.
const DIGITS: &str = "demo/digits";

/// Part of the time after which the training is stopped; the rest is for the test.
const PART: f64 = 0.7;

/// The report of a training.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Told {
    preset: String,
    sets: Vec<String>,
    /// What is special about it.
    notes: Vec<String>,
    steps: u64,
    images_per_s: f64,
    /// Mean losses of the first and the last steps that the log tells of.
    losses: [f64; 2],
    /// Distortion and test error in per cent.
    errors: Vec<(String, f64)>,
}

/// What to train.
struct Choice {
    preset: &'static str,
    sets: Vec<String>,
    notes: Vec<String>,
}

pub(super) fn run(work: &Work) -> Result<()> {
    work.item(TRAINING, || Ok(Came::Found(train(work)?))).map(|_| ())
}

fn train(work: &Work) -> Result<Told> {
    let Choice { preset: name, sets, mut notes } = choose(work);
    let mut all = sets.clone();
    all.extend(work.task.seed.map(|s| format!("seed={s}")));
    let mut preset = Preset::load(name, &all)?;
    let device = (work.open)(Some(&preset))?;
    let dir = work.task.out.join(RUN);
    let command = format!("weightproof train {name}{}", sets.iter().map(|s| format!(" --set {s}")).collect::<String>());
    let once = |preset: &Preset, resume: bool, time: Option<Duration>| -> Result<Outcome> {
        let resume = if resume { Some(train::Resume::open(&dir)?) } else { None };
        stopped_after(time, |stop| {
            let options = train::Options {
                data: work.task.data.clone(),
                out: Some(dir.clone()),
                workers: None,
                resume,
                init: None,
                command: command.clone(),
                stop,
                quiet: true,
                exchange: None,
                trace: None,
                started: Instant::now(),
            };
            train::train(preset, device.clone(), options)
        })
    };
    let mut outcome = once(&preset, false, Some(work.left().mul_f64(PART)))?;
    if outcome.scores.is_none() && outcome.step > 0 {
        notes.push(format!("stopped after step {}, when its time was over", outcome.step));
        preset = preset.with(&[format!("steps={}", outcome.step)])?;
        outcome = once(&preset, true, None)?;
    }
    let error = |d: &Draws| (d.distortion.clone(), d.error().mean);
    let errors = outcome.scores.iter().flatten().map(error).collect();
    let (images_per_s, losses) = log(&record::files(&dir)[1])?;
    Ok(Told { preset: name.into(), sets, notes, steps: outcome.step, images_per_s, losses, errors })
}

/// CIFAR-10 in as many steps as the time allows, if it is there.
fn choose(work: &Work) -> Choice {
    let digits = |notes| Choice { preset: DIGITS, sets: vec![], notes };
    match (data::open("cifar10", work.task.data.as_deref()), &work.task.data) {
        (Ok(_), _) => {}
        (Err(e), Some(_)) => return digits(vec![format!("not on CIFAR-10: {e}")]),
        (Err(_), None) => return digits(vec![]),
    }
    let (preset, batch) = (PRESET, 50.0);
    let images = speeds::images_per_s(&work.lines()).unwrap_or(100.0) * work.left().as_secs_f64();
    // Half of the time for training; of the rest, the test takes three passes without backward steps.
    let steps = (0.5 * images / batch).clamp(20.0, 10_000.0) as u64;
    let tested = (0.1 * images).clamp(200.0, 10_000.0) as u64;
    let sets = [
        format!("width={}", work.task.width),
        format!("steps={steps}"),
        format!("data.test={tested}"),
        // Whitening takes a minute and 737 MB on disk, and says nothing of the adapter.
        "data.zca=false".into(),
        "eval.moments_batches=20".into(),
        "log.every=5".into(),
    ];
    Choice { preset, sets: sets.to_vec(), notes: vec![format!("{tested} test images, moments from 20 batches")] }
}

/// Runs something that a flag can stop, which is set after a time, if one is given.
fn stopped_after<T>(time: Option<Duration>, run: impl FnOnce(&AtomicBool) -> Result<T>) -> Result<T> {
    let stop = AtomicBool::new(false);
    let (ended, waiting) = mpsc::channel::<()>();
    thread::scope(|s| {
        if let Some(time) = time {
            let stop = &stop;
            s.spawn(move || {
                if waiting.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
                    stop.store(true, Ordering::SeqCst);
                }
            });
        }
        let result = run(&stop);
        drop(ended);
        result
    })
}

/// The median speed and the first and last loss of a log.
fn log(path: &std::path::Path) -> Result<(f64, [f64; 2])> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let lines: Vec<Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let of = |key: &str| -> Vec<f64> {
        let steps = lines.iter().filter(|l| l.get("eval").is_none());
        steps.filter_map(|l| l[key].as_f64()).collect()
    };
    let losses = of("loss");
    let ends = [losses.first(), losses.last()].map(|l| l.copied().unwrap_or(0.0));
    Ok((quartiles(of("images_per_s"))[1], ends))
}

pub(super) fn section(lines: &Lines) -> Section {
    let Some(told) = lines.result::<Told>(Stage::Training, TRAINING) else { return Section::default() };
    let sets = told.sets.iter().map(|s| format!(" {s}")).collect::<String>();
    let mut text = format!(
        "`{}{sets}`: {} steps at {} images/s; loss {:.4} at first, {:.4} at last.\n\n",
        told.preset,
        told.steps,
        number(told.images_per_s),
        told.losses[0],
        told.losses[1]
    );
    if !told.errors.is_empty() {
        text += "| weights in the test | error, % |\n|---|---:|\n";
    }
    for (distortion, error) in &told.errors {
        text += &format!("| {} | {error:.2} |\n", cell(distortion));
    }
    let missing = if told.errors.is_empty() { vec!["test errors of the training".into()] } else { vec![] };
    told.notes.iter().for_each(|note| text += &format!("\n{note}.\n"));
    Section { text, missing }
}
