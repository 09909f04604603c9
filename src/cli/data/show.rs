//! `weightproof data show`: a look at what a network is trained on.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::{Global, say};
use crate::data::{Batches, Part, Position, Prepared};
use crate::error::{Error, Result};
use crate::figure::{Color, Drawing};
use crate::files;
use crate::model::preset::Preset;
use crate::plan::Step;
use crate::session::{self, Session, images};

/// Pairs of images in a row, and in all.
const COLUMNS: usize = 6;
const MOST: usize = 48;

/// Arguments of `data show`.
#[derive(Args)]
pub struct Show {
    /// The preset, as for `train`
    preset: PathBuf,
    /// The PNG to write: pairs of images, left as it is in the data set, right as the network sees it
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Which step's batch, counted from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    step: u64,
    /// Folder of the data sets (`data list` says which it is if not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Change a key of the preset, e.g. --set augment.crop=4
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Show {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let seed = global.seed.map(|s| format!("seed={s}"));
        let sets: Vec<String> = self.set.iter().cloned().chain(seed).collect();
        let preset = Preset::load(&self.preset, &sets)?;
        let data = session::load_data(&preset, self.data.as_deref())?;
        let network = session::network(&preset, &data)?;
        let mut session = Session::new(global.open_for(&preset, network.input)?, network.clone(), preset.seed);
        let (plan, seen) = network.images_plan(&session.target)?;
        let program = session.load(plan, true)?;
        let (placement, start) = (network.sent(), Position { step: self.step });
        images::upload(&mut session.runner, &data, Part::Train, &placement)?;
        let form = images::form(&placement, preset.seed, 0);
        let batch = Batches::train_in(form, data.clone(), preset.batch, preset.seed, start)?.next();
        let batch = batch.ok_or_else(|| Error::Invalid("the data ended".into()))??;
        session.feed_shard(&placement, &batch, [0, network.shards])?;
        session.runner.run(&program.loaded, &Step::at(preset.seed, self.step))?;
        let seen = program.read(&session.runner, seen)?;
        let mut plain = vec![];
        data.gather(Part::Train, &batch.chosen, &mut plain)?;
        let pairs = [data.values_of(&plain), seen.into_iter().map(f32::from_bits).collect()];
        let sheet = sheet(&data, &pairs, network.batch.min(MOST)).png(1.0);
        files::replace(&self.out, |w| w.write_all(&sheet))?;
        say(&format!("{}: the first {} images of step {}", self.out.display(), network.batch.min(MOST), self.step));
        Ok(ExitCode::SUCCESS)
    }
}

/// The first `count` images of two batches, in pairs. Black is the least of the values, white the greatest.
fn sheet(data: &Prepared, pairs: &[Vec<f32>; 2], count: usize) -> Drawing {
    let [h, w, c] = [data.shape.height, data.shape.width, data.shape.channels];
    let zoom = (96 / h.max(w)).max(1);
    let (least, most) = pairs[0].iter().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    let shade = |v: f32| (255.0 * ((v - least) / (most - least)).clamp(0.0, 1.0)).round() as u8;
    let cell = [2 * w * zoom + 12, h * zoom + 8];
    let size = [cell[0] * COLUMNS.min(count), cell[1] * count.div_ceil(COLUMNS)];
    let mut drawing = Drawing::new(size[0] as u32, size[1] as u32);
    for i in 0..count {
        for (side, values) in pairs.iter().enumerate() {
            let [left, top] = [i % COLUMNS * cell[0] + side * (w * zoom + 2), i / COLUMNS * cell[1]];
            for (at, pixel) in values[i * h * w * c..][..h * w * c].chunks_exact(c).enumerate() {
                let channel = |k: usize| shade(pixel[if c < 3 { 0 } else { k }]);
                let place = [left + at % w * zoom, top + at / w * zoom].map(|v| v as f64);
                drawing.rect(place, [zoom as f64; 2], Color(channel(0), channel(1), channel(2)));
            }
        }
    }
    drawing
}
