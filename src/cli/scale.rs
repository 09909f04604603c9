//! `weightproof scale`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;

use super::{Global, figures, print_beside};
use crate::error::{Error, Result};
use crate::model::preset::Preset;
use crate::scale::{self, Forecast, Link, Model, Parts};
use crate::session;

/// Most ranks that are asked for.
const MOST: usize = 1 << 20;

/// Arguments of `scale`.
///
/// Of R ranks each computes its part of the batch's shards, the gradients are added up a binary tree of the ranks and come down
/// it, and each rank updates its weights: step = project + S/R shards + additions + update + exchange - what of it is hidden, with
/// exchange = (bytes of the gradients + (2 log2(R) - 1) bytes of a bucket) / bandwidth + 2 log2(R) latency. A bucket is 256 KiB, what
/// the ranks hand on at a time. Hidden is what goes over the network while the backward pass of a rank's last shard goes on, by when in
/// it the gradients of each layer are ready.
#[derive(Args)]
pub struct Scale {
    /// A preset: a .toml file, or the name of a shipped one. No more ranks than its shards can share a step
    preset: PathBuf,
    /// Change a key of the preset, e.g. --set batch=1024 --set shards=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Numbers of ranks: the powers of two from LO to HI
    #[arg(long, value_name = "LO..HI", default_value = "1..1024")]
    ranks: Ranks,
    /// From one rank to another, in GB/s (1e9 bytes): 1.25 is a network of 10 Gbit/s
    #[arg(long, value_name = "GB/s", value_parser = positive)]
    bandwidth: f64,
    /// Of a message without content, in microseconds
    #[arg(long, value_name = "US", value_parser = not_negative)]
    latency: f64,
    /// What a rank computes: measured, on this adapter for some seconds, each part of a step apart; or so many GFLOP/s, of the
    /// operations that `bench --preset` counts
    #[arg(long, value_name = "measured|N", default_value = "measured")]
    flops: Flops,
    /// What a rank computes, by the images a second of one rank alone
    #[arg(long, value_name = "X", conflicts_with = "flops", value_parser = positive)]
    images_per_second: Option<f64>,
    /// Write a figure of images a second and the share of the exchange, .svg or .png; may be given more than once
    #[arg(long, value_name = "FILE")]
    figure: Vec<PathBuf>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

/// The powers of two in a range.
#[derive(Clone, Copy)]
struct Ranks {
    from: usize,
    to: usize,
}

impl FromStr for Ranks {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Ranks, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse().ok().filter(|n| (1..=MOST).contains(n));
        let ranks = number(from).zip(number(to)).filter(|(from, to)| from <= to).map(|(from, to)| Ranks { from, to });
        ranks
            .filter(|r| r.powers().next().is_some())
            .ok_or_else(|| format!("write LO..HI with a power of two in it, e.g. 1..1024, or one number, up to {MOST}"))
    }
}

impl Ranks {
    fn powers(self) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(1), |n| Some(2 * n))
            .skip_while(move |n| *n < self.from)
            .take_while(move |n| *n <= self.to)
    }
}

/// What `--flops` says.
#[derive(Clone, Copy)]
enum Flops {
    Measured,
    Given(f64),
}

impl FromStr for Flops {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Flops, String> {
        if text == "measured" {
            return Ok(Flops::Measured);
        }
        positive(text).map(Flops::Given).map_err(|_| "write measured, or GFLOP/s as a number above 0".into())
    }
}

fn number(text: &str, fits: impl Fn(f64) -> bool, must: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|v: &f64| v.is_finite() && fits(*v)).ok_or_else(|| format!("give {must}"))
}

fn positive(text: &str) -> std::result::Result<f64, String> {
    number(text, |v| v > 0.0, "a number above 0")
}

fn not_negative(text: &str) -> std::result::Result<f64, String> {
    number(text, |v| v >= 0.0, "0 or a number above it")
}

impl Scale {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        figures::check(&self.figure)?;
        let mut sets = self.set.clone();
        sets.extend(global.seed.map(|s| format!("seed={s}")));
        let preset = Preset::load(&self.preset, &sets)?;
        let input = session::input(&preset, None)?;
        let network = Arc::new(session::network_for(&preset, input)?);
        let measured = self.images_per_second.is_none() && matches!(self.flops, Flops::Measured);
        let device = if measured { Some(global.open_for(&preset, input)?) } else { None };
        let target = device.as_ref().map_or_else(|| global.target(), |device| Ok(device.target.clone()))?;
        let (operations, groups) = Parts::operations(&network, &target)?;
        let flop = operations.step(preset.shards, preset.shards);
        let (seconds, source) = match (&device, self.images_per_second, self.flops) {
            (Some(device), ..) => {
                let seconds = scale::measure(device, &network, preset.seed, &operations)?;
                (seconds, format!("measured on {}", device.info))
            }
            (None, Some(rate), _) => {
                let whole = preset.batch as f64 / rate;
                (operations.times(whole / flop), format!("given: {rate} images/s of one rank"))
            }
            (None, None, Flops::Given(rate)) => (operations.times(1e-9 / rate), "given".to_owned()),
            (None, None, Flops::Measured) => unreachable!("a device measures"),
        };
        let model = Model {
            images: preset.batch,
            shards: preset.shards,
            groups,
            seconds,
            link: Link { bandwidth: 1e9 * self.bandwidth, latency: 1e-6 * self.latency },
        };
        let (mut rows, mut impossible) = (vec![], vec![]);
        for ranks in self.ranks.powers() {
            let Some(row) = model.row(ranks) else {
                impossible.push(ranks);
                continue;
            };
            let placement = network.sent();
            let planned = match ranks {
                1 => session::memory::planned(&preset, &network, &target, &placement)?,
                _ => session::memory::planned_by_rank(&preset, &network, &target, &placement, ranks)?,
            };
            rows.push((row, planned.with_tests.total()));
        }
        if rows.is_empty() {
            return Err(Error::Invalid(format!(
                "{}: no more than {} ranks can share its shards; give others with --set shards=N",
                preset.name, preset.shards
            )));
        }
        let changed: String = self.set.iter().map(|s| format!(" {s}")).collect();
        let name = format!("{}{changed}", self.preset.display());
        let forecast = Forecast { name, model, flop, source, rows, impossible };
        if !self.figure.is_empty() {
            figures::write(&self.figure, &scale::figure(&forecast))?;
        }
        let text = if self.json { format!("{}\n", scale::json(&forecast)) } else { scale::table(&forecast) };
        print_beside(&self.figure, &text)?;
        Ok(ExitCode::SUCCESS)
    }
}
