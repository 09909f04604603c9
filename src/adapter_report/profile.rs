//! Where the time of a training step goes, with the roofline figure.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::journal::Lines;
use super::summary::{Section, number};
use super::work::{Came, Work};
use super::{FIGURE, PRESET, Stage};
use crate::error::Result;
use crate::files;
use crate::profile::measure::{self, Pass, Request};
use crate::profile::{About, roofline, rows, table};

/// The item.
const PROFILE: &str = "profile";

/// Pixels of the figure to a unit: sharp on a dense screen.
const FIGURE_SCALE: f64 = 2.0;

/// With less time than this, few steps are measured.
const FEW: Duration = Duration::from_secs(30);

/// What the report tells of a profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Told {
    /// Images per second of the undisturbed step.
    images_per_s: f64,
    /// Families of kernels and their part of the time, the dearest first.
    families: Vec<(String, f64)>,
    /// Kernels and their nanoseconds in a step.
    kernels: BTreeMap<String, f64>,
    /// The whole table.
    table: String,
}

pub(super) fn run(work: &Work) -> Result<()> {
    let measure = || {
        let (preset, network) = work.network(&[])?;
        let device = (work.open)(Some(&preset))?;
        let about = About {
            preset: format!("{PRESET} width={}", preset.width),
            pass: Pass::Step.name().into(),
            projection: network.projection.to_string(),
            images: "random images".into(),
            ..About::default()
        };
        let weights = network.initial_weights(preset.seed);
        let request = Request::step(network, weights, preset.seed);
        let steps = (work.left() < FEW).then_some(3);
        let profile = measure::measure(&device, request, about, steps, work.task.begun)?;
        let figure = roofline::figure(&profile).png(FIGURE_SCALE);
        files::replace(&work.task.out.join(FIGURE), |w| w.write_all(&figure))?;
        let mut kernels: BTreeMap<String, f64> = BTreeMap::new();
        for s in &profile.samples {
            let all: Vec<f64> = s.nanoseconds().collect();
            *kernels.entry(s.kernel.clone()).or_default() += crate::profile::quartiles(all)[1];
        }
        Ok(Came::Found(Told {
            images_per_s: profile.about.batch as f64 / profile.step.wall * 1e3,
            families: rows::by_family(&profile).into_iter().map(|r| (r.name, r.share)).collect(),
            kernels,
            table: table::table(&profile),
        }))
    };
    work.item(PROFILE, measure).map(|_| ())
}

/// Nanoseconds of each kernel in a step, if they were measured.
pub(super) fn kernels(lines: &Lines) -> BTreeMap<String, f64> {
    lines.result::<Told>(Stage::Profile, PROFILE).map_or(BTreeMap::new(), |told| told.kernels)
}

pub(super) fn section(lines: &Lines, out: &Path) -> Section {
    let Some(told) = lines.result::<Told>(Stage::Profile, PROFILE) else { return Section::default() };
    let families: Vec<String> =
        told.families.iter().take(8).map(|(name, share)| format!("{name} {:.1} %", 100.0 * share)).collect();
    let mut text = format!(
        "{} images/s undisturbed. Where the time of its commands goes: {}.\n",
        number(told.images_per_s),
        families.join(", ")
    );
    if out.join(FIGURE).is_file() {
        text += &format!("\n![Roofline of a training step]({FIGURE})\n");
    }
    text +=
        &format!("\n<details><summary>Every command</summary>\n\n```\n{}\n```\n</details>\n", told.table.trim_end());
    Section { text, missing: vec![] }
}
