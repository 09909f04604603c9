//! Where a run is not what the paper ran: its preset against the one that comes with the program, key by key.

use std::collections::BTreeMap;

use super::read::{Run, keys};
use crate::model::preset::Preset;
use crate::ranges::thousands;

/// Keys that change no number that is compared, or that are said elsewhere.
const BESIDE: [&str; 10] = [
    "name",
    "seed",
    "eval.distort",
    "eval.every",
    "eval.batch",
    "log.every",
    "checkpoint.every_epochs",
    "checkpoint.every_steps",
    "data.resident",
    "data.stream",
];

/// Test images of CIFAR-10, CIFAR-100 and MNIST, at the least of every other set.
const IMAGES: u64 = 10_000;

/// Something that is not as in the paper.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Key of the preset, or what else differs.
    pub key: String,
    /// Here.
    pub ours: String,
    /// There.
    pub paper: String,
}

/// What is not as in the paper, for a run of one of its networks.
pub fn differences(run: &Run) -> Vec<Difference> {
    let merolla = run.cifar().and_then(|n| n.preset).map(String::from);
    let preset = merolla.or_else(|| run.wide().map(|n| n.preset())).or_else(|| run.alexnet().and_then(|n| n.preset()));
    let Some(theirs) = preset.and_then(|p| Preset::load(p, &[]).ok()) else {
        return vec![];
    };
    let (ours, total) = (run.keys(), theirs.epochs);
    let theirs = keys(&theirs.to_toml());
    let mut out = vec![];
    if ours.is_empty() {
        let ours = "unknown (there is no run.json)".into();
        return vec![Difference { key: "preset".into(), ours, paper: format!("width 1, {total} epochs") }];
    }
    let all: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for key in all.into_iter().filter(|k| !BESIDE.contains(&k.as_str())) {
        if ours.get(key) != theirs.get(key) {
            let value = |keys: &BTreeMap<String, String>| match (keys.get(key), key.as_str()) {
                (Some(text), "layers") => format!("{} layers", text.matches('{').count()),
                (Some(text), _) => text.clone(),
                (None, "data.train" | "data.test" | "steps") => "all".into(),
                (None, _) => "not set".into(),
            };
            let (ours, paper) = (value(&ours), value(&theirs));
            let (ours, paper) = if ours == paper { ("others".into(), "the paper's".into()) } else { (ours, paper) };
            out.push(Difference { key: key.clone(), ours, paper });
        }
    }
    let images = run.points.iter().map(|p| p.images).filter(|n| *n > 0).max();
    if let Some(images) = images.filter(|n| *n < IMAGES) {
        out.push(Difference { key: "test images".into(), ours: thousands(images), paper: thousands(IMAGES) });
    }
    if let (Some(done), Some(per_epoch)) = (run.step(), run.steps_per_epoch()) {
        let planned = ours.get("epochs").and_then(|e| e.parse::<u64>().ok()).map(|e| e * per_epoch);
        let limit = ours.get("steps").and_then(|s| s.parse::<u64>().ok());
        let planned = match (planned, limit) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if let Some(planned) = planned.filter(|p| done < *p) {
            let (ours, paper) = (format!("stopped after {done} steps"), format!("the {planned} steps of this preset"));
            out.push(Difference { key: "training".into(), ours, paper });
        }
    }
    out
}
