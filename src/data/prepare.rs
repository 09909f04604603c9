//! From the bytes of the files to what a network reads: scaled, contrast-normalised, whitened, f32, channels last.

use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::gcn::gcn;
use super::zca::{BLOCK, Zca};
use super::{DataSet, Part, Shape, Split, cache};
use crate::error::{Error, Result};
use crate::files;

/// Raised whenever the arithmetic changes, so that no cached result of the old one is taken for the new.
const VERSION: u32 = 1;

/// What numbers the bytes become before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The bytes themselves, 0 to [`DataSet::maximum`].
    Raw,
    /// -1 to 1: 2 x / maximum - 1.
    Unit,
}

/// What happens to the images, in this order: scale, contrast normalisation, whitening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocessing {
    /// What the bytes become.
    pub scale: Scale,
    /// Global contrast normalisation to this Euclidean norm per image (see [`super::gcn`]).
    pub gcn: Option<f64>,
    /// ZCA whitening with this epsilon, added to the variances (see [`super::zca`]).
    pub zca: Option<f64>,
}

impl Preprocessing {
    /// The bytes themselves.
    pub const RAW: Self = Self { scale: Scale::Raw, gcn: None, zca: None };
    /// -1 to 1.
    pub const UNIT: Self = Self { scale: Scale::Unit, gcn: None, zca: None };
    /// What Merolla et al. 2016 did to CIFAR-10: contrast to norm 55, whitening with epsilon 0.1.
    pub const GCN_ZCA: Self = Self { scale: Scale::Raw, gcn: Some(55.0), zca: Some(0.1) };
}

/// Images and labels of one split, ready for a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// `[count][row][column][channel]` (NHWC).
    pub images: Vec<f32>,
    /// `[count]`
    pub labels: Vec<u16>,
}

/// A data set ready for a network.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The data set's name.
    pub name: String,
    /// The size of one image. In memory the channels are last, whatever the order of these fields.
    pub shape: Shape,
    /// What the labels mean.
    pub classes: Vec<String>,
    /// What each byte of the files became, ascending, where a value of an image depends on its own byte alone.
    pub levels: Option<Vec<f32>>,
    /// What to learn from.
    pub train: Examples,
    /// Held out from what to learn from; empty unless [`Prepared::hold_out`] was called.
    pub validation: Examples,
    /// What to be judged by.
    pub test: Examples,
}

impl Prepared {
    /// One of the splits.
    pub fn split(&self, part: Part) -> &Examples {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }

    /// The images of `part` as the bytes they came from, four to a word, lowest first, each image from a new word on; none
    /// where contrast normalisation or whitening made more of them.
    pub fn bytes(&self, part: Part) -> Option<Vec<u32>> {
        let levels = self.levels.as_ref()?;
        // Exact: the values are the levels themselves.
        let byte = |v: &f32| levels.partition_point(|level| level < v) as u32;
        let features = self.shape.features();
        let images = &self.split(part).images;
        let words = features.div_ceil(4);
        let mut out = vec![0; images.len() / features * words];
        out.par_chunks_mut(words).zip(images.par_chunks(features)).for_each(|(out, image)| {
            for (word, values) in out.iter_mut().zip(image.chunks(4)) {
                *word = values.iter().rev().fold(0, |word, v| word << 8 | byte(v));
            }
        });
        Some(out)
    }

    /// Moves the last `count` training images to the validation images. What whitening was fitted to stays.
    ///
    /// # Errors
    /// A count that leaves nothing to learn from.
    pub fn hold_out(&mut self, count: usize) -> Result<()> {
        let all = self.train.labels.len();
        if count >= all {
            let message =
                format!("data.validation: {count} of {all} training images leave none to learn from; hold out fewer");
            return Err(Error::Invalid(message));
        }
        self.validation.images = self.train.images.split_off((all - count) * self.shape.features());
        self.validation.labels = self.train.labels.split_off(all - count);
        Ok(())
    }
}

/// Applies `preprocessing` to both splits of `data`; whitened images are kept in the user's cache folder
/// (`$WEIGHTPROOF_CACHE`, else `$XDG_CACHE_HOME/weightproof`, else `~/.cache/weightproof`).
///
/// `train_limit` keeps only the first so many training images (all, if there are fewer). The whitening is fitted to
/// *all* training images regardless, as in the papers: a small trial then sees exactly the numbers of the full run.
///
/// # Errors
/// A data set that contradicts itself, a limit of 0, or parameters that are not positive. A cache that cannot be read
/// or written is a warning, not an error.
pub fn prepare(data: &DataSet, preprocessing: &Preprocessing, train_limit: Option<usize>) -> Result<Prepared> {
    prepare_in(data, preprocessing, train_limit, files::cache_dir().as_deref())
}

/// [`prepare`] with the cache in the folder `cache`; `None`: without a cache.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_in(
    data: &DataSet,
    preprocessing: &Preprocessing,
    train_limit: Option<usize>,
    cache: Option<&Path>,
) -> Result<Prepared> {
    data.check()?;
    if let Some(norm) = preprocessing.gcn.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
        return Err(Error::Invalid(format!(
            "GCN: the norm is {norm}, but must be positive and finite (the papers: 55)"
        )));
    }
    if train_limit == Some(0) {
        return Err(Error::Invalid("a limit of 0 training images leaves nothing to learn from".into()));
    }
    let kept = train_limit.map_or(data.train.labels.len(), |n| n.min(data.train.labels.len()));
    let source = Source { data, preprocessing };
    let [train, test] = match preprocessing.zca {
        None => [source.plain(&data.train, kept), source.plain(&data.test, data.test.labels.len())],
        Some(epsilon) => {
            let [mut train, test] = source.whitened_cached(epsilon, cache)?;
            train.truncate(kept * data.shape.features());
            train.shrink_to_fit();
            [train, test]
        }
    };
    Ok(Prepared {
        name: data.name.clone(),
        shape: data.shape,
        classes: data.classes.clone(),
        levels: (preprocessing.gcn.is_none() && preprocessing.zca.is_none()).then(|| source.levels()),
        train: Examples { images: train, labels: data.train.labels[..kept].to_vec() },
        validation: Examples::default(),
        test: Examples { images: test, labels: data.test.labels.clone() },
    })
}

/// A data set and what is to be done to it.
struct Source<'a> {
    data: &'a DataSet,
    preprocessing: &'a Preprocessing,
}

impl Source<'_> {
    fn scaled(&self, byte: u8) -> f64 {
        let (factor, offset) = match self.preprocessing.scale {
            Scale::Raw => (1.0, 0.0),
            Scale::Unit => (2.0 / f64::from(self.data.maximum), -1.0),
        };
        f64::from(byte) * factor + offset
    }

    /// What each byte becomes where there is neither contrast normalisation nor whitening.
    fn levels(&self) -> Vec<f32> {
        (0..=255).map(|byte| self.scaled(byte) as f32).collect()
    }

    /// Image `i` of `split`, scaled and contrast-normalised, in the order of the file.
    fn image(&self, split: &Split, i: usize, out: &mut [f64]) {
        for (x, byte) in out.iter_mut().zip(split.image(i, self.data.shape)) {
            *x = self.scaled(*byte);
        }
        if let Some(norm) = self.preprocessing.gcn {
            gcn(out, norm);
        }
    }

    /// The first `count` images of `split`, not whitened, NHWC.
    fn plain(&self, split: &Split, count: usize) -> Vec<f32> {
        let shape = self.data.shape;
        let mut images = vec![0.0; count * shape.features()];
        images.par_chunks_mut(shape.features()).enumerate().for_each_init(
            || vec![0.0; shape.features()],
            |scratch, (i, out)| {
                self.image(split, i, scratch);
                channels_last(shape, scratch, out);
            },
        );
        images
    }

    /// Both splits whitened, from the cache if they are in it.
    fn whitened_cached(&self, epsilon: f64, cache: Option<&Path>) -> Result<[Vec<f32>; 2]> {
        let start = Instant::now();
        let key = self.key();
        let path = cache.map(|dir| cache::path(dir, &self.data.name, &key));
        if let Some(path) = &path {
            let lengths = [self.data.train.images.len(), self.data.test.images.len()];
            match cache::read(path, &key, lengths) {
                Ok(Some(images)) => {
                    log::info!(
                        "whitened images read from {} in {:.1} s",
                        path.display(),
                        start.elapsed().as_secs_f64()
                    );
                    return Ok(images);
                }
                Ok(None) => log::info!("whitening {}: needed once, then cached", self.data.name),
                Err(e) => log::warn!("{}: {e}; the images are whitened again", path.display()),
            }
        }
        let images = self.whitened(epsilon)?;
        match &path {
            None => log::warn!("no home folder and no WEIGHTPROOF_CACHE: the whitened images are not cached"),
            Some(path) => match cache::write(path, &key, [&images[0], &images[1]]) {
                Ok(()) => log::info!("whitened images cached in {}", path.display()),
                Err(e) => log::warn!("{e}; the whitened images are not cached"),
            },
        }
        Ok(images)
    }

    /// A digest of all that determines the whitened images.
    fn key(&self) -> cache::Key {
        let Preprocessing { scale, gcn, zca } = self.preprocessing;
        let DataSet { shape, maximum, train, test, .. } = self.data;
        let mut digest = Sha256::new();
        // f64 prints as the shortest text that reads back as the same number, hence without loss.
        digest.update(format!(
            "version {VERSION} little-endian {} scale {scale:?} {maximum} gcn {gcn:?} zca {zca:?} {shape} {} {}\n",
            cfg!(target_endian = "little"),
            train.labels.len(),
            test.labels.len()
        ));
        digest.update(&train.images);
        digest.update(&test.images);
        digest.finalize().into()
    }

    /// Both splits whitened by what is fitted to the training images, NHWC.
    fn whitened(&self, epsilon: f64) -> Result<[Vec<f32>; 2]> {
        let features = self.data.shape.features();
        let train = &self.data.train;
        let zca = Zca::fit(train.labels.len(), features, epsilon, |i, x| self.image(train, i, x))?;
        let start = Instant::now();
        let images = [&self.data.train, &self.data.test].map(|split| self.whiten(&zca, split));
        log::info!(
            "ZCA: {} images whitened in {:.1} s",
            train.labels.len() + self.data.test.labels.len(),
            start.elapsed().as_secs_f64()
        );
        Ok(images)
    }

    /// One split whitened, NHWC.
    fn whiten(&self, zca: &Zca, split: &Split) -> Vec<f32> {
        let shape = self.data.shape;
        let features = shape.features();
        let mut images = vec![0.0; split.labels.len() * features];
        let mut block = vec![0.0; BLOCK.min(split.labels.len()) * features];
        let mut white = block.clone();
        for (number, out) in images.chunks_mut(BLOCK * features).enumerate() {
            let (block, white) = (&mut block[..out.len()], &mut white[..out.len()]);
            block.par_chunks_mut(features).enumerate().for_each(|(i, x)| self.image(split, number * BLOCK + i, x));
            zca.whiten(block, white);
            out.par_chunks_mut(features)
                .zip(white.par_chunks(features))
                .for_each(|(out, image)| channels_last(shape, image, out));
        }
        images
    }
}

/// `[channel][row][column]` to `[row][column][channel]`.
fn channels_last(shape: Shape, image: &[f64], out: &mut [f32]) {
    let plane = shape.height * shape.width;
    for (pixel, values) in out.chunks_exact_mut(shape.channels).enumerate() {
        for (channel, value) in values.iter_mut().enumerate() {
            *value = image[channel * plane + pixel] as f32;
        }
    }
}
