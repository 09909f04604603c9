//! How many pictures a second one thread makes images of, and what of the time is decoding.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::data::DataSet;
use crate::data::pictures::{Pictures, Rectangle, Scratch};
use crate::data::{Preparation, Shape, preparation};
use crate::error::{Error, Result};

/// Pictures of an untimed run first: files come into the memory of the system, memory into that of the process.
const WARM: usize = 16;
/// How long a way is measured if nothing else is said.
const LONG: Duration = Duration::from_secs(3);

/// Images a second of one thread.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// What was made of a picture.
    pub name: &'static str,
    /// Pictures that were timed.
    pub pictures: usize,
    /// Pictures a second.
    pub images_per_s: f64,
}

/// What a picture becomes; each writes to memory that it keeps.
type Way = fn(&mut Bench, usize) -> Result<()>;

const WAYS: [(&str, Way); 3] = [
    ("read and decoded, scaled, cropped", |bench, i| bench.crop(i).map(drop)),
    ("the same, flipped, normalised to f32", |bench, i| bench.normalised(i)),
    ("the same as training has it: bytes, flipped and normalised on the device", |bench, i| bench.words(i)),
];

struct Bench<'a> {
    pictures: &'a Pictures,
    scratch: Scratch,
    values: Vec<f32>,
    planes: Vec<u8>,
    preparation: Preparation,
    packed: Vec<u32>,
    turned: preparation::Scratch,
}

/// Measures the training pictures of `set`, one after the other and from the first again, `count` of them or for three seconds.
///
/// # Errors
/// A set of images that are no pictures, or of none; a picture that cannot be read.
pub fn measure(set: &DataSet, preparation: Preparation, count: Option<usize>) -> Result<Vec<Rate>> {
    let Some(pictures) = set.train.images.pictures().filter(|pictures| !pictures.is_empty()) else {
        return Err(Error::Invalid(format!("{}: there are no pictures to measure", set.name)));
    };
    let Shape { channels, height, width } = set.shape;
    let features = channels * height * width;
    let mut bench = Bench {
        pictures,
        scratch: Scratch::default(),
        values: vec![0.0; features],
        planes: vec![0; features],
        packed: vec![0; preparation.words()],
        preparation,
        turned: Default::default(),
    };
    let mut rates = vec![];
    for (name, way) in WAYS {
        (0..WARM).try_for_each(|i| way(&mut bench, i % pictures.len()))?;
        let (start, mut done) = (Instant::now(), 0);
        while count.map_or_else(|| start.elapsed() < LONG, |count| done < count) {
            way(&mut bench, done % pictures.len())?;
            done += 1;
        }
        rates.push(Rate { name, pictures: done, images_per_s: done as f64 / start.elapsed().as_secs_f64() });
    }
    Ok(rates)
}

impl Bench<'_> {
    /// The middle of picture `i`, `[row][column][red, green, blue]`.
    fn crop(&mut self, i: usize) -> Result<&[u8]> {
        let side = self.pictures.size().crop;
        let part = self.pictures.part(i, &mut self.scratch, |whole| Rectangle::middle([side; 2], whole))?;
        Ok(part.pixels)
    }

    /// Every second picture flipped, the mean and deviation of ImageNet's channels taken out.
    fn normalised(&mut self, i: usize) -> Result<()> {
        const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
        const PER_DEVIATION: [f32; 3] = [1.0 / 58.395, 1.0 / 57.12, 1.0 / 57.375];
        let side = self.pictures.size().crop;
        let mut values = std::mem::take(&mut self.values);
        let normalise = |out: &mut [f32], rgb: &[u8]| {
            for channel in 0..3 {
                out[channel] = (f32::from(rgb[channel]) - MEAN[channel]) * PER_DEVIATION[channel];
            }
        };
        let rows = self.crop(i)?.chunks_exact(3 * side).zip(values.chunks_exact_mut(3 * side));
        for (from, to) in rows {
            let to = to.chunks_exact_mut(3);
            if i % 2 == 1 {
                to.zip(from.chunks_exact(3).rev()).for_each(|(out, rgb)| normalise(out, rgb));
            } else {
                to.zip(from.chunks_exact(3)).for_each(|(out, rgb)| normalise(out, rgb));
            }
        }
        self.values = std::hint::black_box(values);
        Ok(())
    }

    fn words(&mut self, i: usize) -> Result<()> {
        self.pictures.read(i, &mut self.planes)?;
        self.preparation.image(&self.planes, &mut self.turned, &mut self.packed);
        std::hint::black_box(&mut self.packed);
        Ok(())
    }
}

/// A line for each.
pub fn table(rates: &[Rate]) -> String {
    rates
        .iter()
        .map(|r| format!("{:>9.1} images/s of a thread: {} ({} pictures)\n", r.images_per_s, r.name, r.pictures))
        .collect()
}
