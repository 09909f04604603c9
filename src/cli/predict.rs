//! `weightproof predict`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use clap::Args;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Global, print, say};
use crate::data::picture;
use crate::data::pictures::Size;
use crate::data::preparation::Preparation;
use crate::error::{Error, Result};
use crate::eval::logits::{ranked, softmax};
use crate::eval::{Logits, Moments, Test, deploy, evaluation_bar};
use crate::model::preset::Loss;
use crate::session::{self, Session};
use crate::weights::{self, TrainedNetwork};

/// Arguments of `predict`.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct Predict {
    /// A packed file, a run folder or a checkpoint, or with --preset a safetensors file from PyTorch
    net: PathBuf,
    /// PNG and JPEG files, or folders: of these every .png, .jpg and .jpeg file in them and below
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Classes named for each image, the most probable first
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Print one JSON document instead of the table
    #[arg(long)]
    json: bool,
    /// Folder of the data sets: for the moments of a network that brings none, and for whitening (`data list` says where they
    /// are sought if it is not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Images run at a time, at most (those of a test if not given)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: Option<u32>,
    /// The preset of weights from elsewhere
    #[arg(long, value_name = "PRESET")]
    preset: Option<PathBuf>,
    /// Change a key of the preset
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

const HELP: &str = "\
Example:
  weightproof export runs/digits --format packed -o digits.wp1
  weightproof predict digits.wp1 photo.png scans/ --top 3

An image is cut to the largest part in its middle that has the proportions of the network's input, and resampled
to its size; one of that size is taken byte for byte. For a network of pictures (of the set imagenet or folder)
it is scaled and cut as those of a test. Then it is prepared as they are. A network of grey images gets luma. Weights are under the projection of training; those of a packed file are as they are.

An image that cannot be read is one line on stderr; the others are predicted. The exit code is 0 only if all were.";

/// What a network says of an image: the first classes, each with its probability, or its score.
type Ranking = Vec<(usize, f64)>;

impl Predict {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let trained = weights::open(&self.net, self.preset.as_deref(), &self.set, self.data.as_deref())?;
        let (files, failed) = picture::find(&self.images);
        let mut failures = Failures::default();
        failed.into_iter().for_each(|(path, e)| failures.add(path, e));
        let report = Report::new(&trained.classes, trained.preset.loss, &files);
        let mut predicted: Vec<(&PathBuf, Ranking)> = vec![];
        if !files.is_empty() {
            let preparation = session::preparation(&trained.preset, trained.network.input, self.data.as_deref())?;
            let most = self.batch.map_or(trained.preset.eval_batch(), |b| b as usize);
            // Batches of one size, so that the last is not nearly empty.
            let batch = files.len().div_ceil(files.len().div_ceil(most));
            let (mut session, logits) = self.load(global, &trained, batch, &preparation)?;
            if !self.json {
                print(&report.head(self.top))?;
            }
            let size = session::picture_size(&trained.preset)?;
            for_each_batch(&files, batch, &preparation, size, |names, images| {
                let (mut sound, mut words) = (vec![], vec![]);
                for (name, image) in names.iter().zip(images) {
                    match image {
                        Ok(mut image) => {
                            sound.push(name);
                            words.append(&mut image);
                        }
                        Err(e) => failures.add(name.clone(), e),
                    }
                }
                let all = logits.of(&mut session, &words, sound.len())?;
                for (name, logits) in sound.into_iter().zip(all.chunks_exact(trained.network.classes)) {
                    if logits.iter().any(|o| !o.is_finite()) {
                        let message = "numbers of the network are beyond f32 for this image";
                        failures.add(name.clone(), Error::format(name, message));
                        continue;
                    }
                    let ranking = report.ranking(logits, self.top);
                    if self.json {
                        predicted.push((name, ranking));
                    } else {
                        print(&report.row(name, &ranking))?;
                    }
                }
                Ok(())
            })?;
        }
        if self.json {
            print(&format!("{:#}\n", report.document(&self.net, &predicted, &failures)))?;
        }
        Ok(if failures.0.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The network on the device, ready for batches of images.
    fn load(
        &self,
        global: &Global,
        trained: &TrainedNetwork,
        batch: usize,
        preparation: &Preparation,
    ) -> Result<(Session, Logits)> {
        let TrainedNetwork { preset, network, .. } = trained;
        let mut session = Session::new(global.open_for(preset, network.input)?, network.clone(), preset.seed);
        let levels = preparation.levels();
        let brings_all = trained.moments.is_some() || !network.has_moments();
        if !trained.packed.is_empty() && brings_all {
            let logits = Logits::from_bits(&mut session, batch, levels.as_ref(), trained)?;
            logits.set_moments(&mut session, trained.moments.as_ref().unwrap_or(&vec![]))?;
            return Ok((session, logits));
        }
        let (distortion, seed) = (trained.deployed(), global.seed.unwrap_or(preset.seed));
        let test = Test { distortion: &distortion, seed, draw: 0, moments: Moments::of(None, trained) };
        let bar = evaluation_bar(global.quiet, 0);
        let data = || trained.data(self.data.as_deref());
        let moments = deploy(&mut session, trained, &test, preset.eval.moments_batches as usize, data, &bar)?;
        bar.finish_and_clear();
        let logits = Logits::new(&mut session, batch, levels.as_ref())?;
        logits.set_moments(&mut session, &moments)?;
        Ok((session, logits))
    }
}

/// The images that could not be predicted.
#[derive(Default)]
struct Failures(Vec<(PathBuf, Error)>);

impl Failures {
    fn add(&mut self, path: PathBuf, e: Error) {
        say(&format!("error: {e}"));
        self.0.push((path, e));
    }
}

/// Calls `take` with each batch of files and what became of their images, in order; the next one is read meanwhile.
fn for_each_batch<'a>(
    files: &'a [PathBuf],
    batch: usize,
    preparation: &Preparation,
    size: Option<Size>,
    mut take: impl FnMut(&'a [PathBuf], Vec<Result<Vec<u32>>>) -> Result<()>,
) -> Result<()> {
    let read = |path: &PathBuf| {
        let bytes = picture::read(path, preparation.shape, size, preparation.maximum())?;
        let mut words = vec![0; preparation.words()];
        preparation.image(&bytes, &mut Default::default(), &mut words);
        Ok(words)
    };
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(1);
        scope.spawn(move || {
            for names in files.chunks(batch) {
                let images = names.par_iter().map(read).collect();
                if sender.send((names, images)).is_err() {
                    break;
                }
            }
        });
        receiver.into_iter().try_for_each(|(names, images)| take(names, images))
    })
}

/// How predictions are told.
struct Report<'a> {
    classes: &'a [String],
    /// Whether the network was trained with square hinge, whose outputs are scores and no probabilities.
    hinge: bool,
    /// Columns of the longest path, and of the longest class.
    widths: [usize; 2],
}

impl<'a> Report<'a> {
    fn new(classes: &'a [String], loss: Loss, files: &[PathBuf]) -> Self {
        let widest = |head: &str, names: &mut dyn Iterator<Item = String>| {
            names.map(|name| name.chars().count()).fold(head.len(), usize::max)
        };
        let path = widest("image", &mut files.iter().map(|file| shown(&file.to_string_lossy())));
        let class = widest("class", &mut classes.iter().map(|class| shown(class)));
        Report { classes, hinge: loss == Loss::SquareHinge, widths: [path, class] }
    }

    fn ranking(&self, logits: &[f32], top: u32) -> Ranking {
        let values = if self.hinge { logits.iter().map(|o| f64::from(*o)).collect() } else { softmax(logits) };
        ranked(logits).into_iter().take(top as usize).map(|class| (class, values[class])).collect()
    }

    fn head(&self, top: u32) -> String {
        let [path, class] = self.widths;
        let value = if self.hinge { "score" } else { "%" };
        let next = if top > 1 && self.classes.len() > 1 { "   next" } else { "" };
        format!("{:path$}  {:class$} {value:>6}{next}\n", "image", "class")
    }

    fn row(&self, file: &Path, ranking: &Ranking) -> String {
        let [path, class] = self.widths;
        let mut line = format!("{:path$}", shown(&file.to_string_lossy()));
        for (i, (index, value)) in ranking.iter().enumerate() {
            let value = if self.hinge { format!("{value:.3}") } else { format!("{:.2}", 100.0 * value) };
            let gap = if i == 1 { "   " } else { "  " };
            line += &format!("{gap}{:class$} {value:>6}", shown(&self.classes[*index]));
        }
        line + "\n"
    }

    fn document(&self, net: &Path, predicted: &[(&PathBuf, Ranking)], failures: &Failures) -> Value {
        let key = if self.hinge { "score" } else { "probability" };
        let class = |(index, value): &(usize, f64)| json!({"class": self.classes[*index], "index": index, key: value});
        let image = |(path, ranking): &(&PathBuf, Ranking)| {
            let classes: Vec<Value> = ranking.iter().map(class).collect();
            json!({"path": path.to_string_lossy(), "classes": classes})
        };
        let error = |(path, e): &(PathBuf, Error)| json!({"path": path.to_string_lossy(), "error": e.to_string()});
        json!({
            "network": net.to_string_lossy(),
            "images": predicted.iter().map(image).collect::<Vec<_>>(),
            "errors": failures.0.iter().map(error).collect::<Vec<_>>(),
        })
    }
}

/// A name without what would break a line or speak to a terminal.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
