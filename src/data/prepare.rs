//! From the bytes of the files to what a device reads, channels last: the bytes themselves with what each becomes, or f32
//! where contrast normalisation or whitening makes more of them.
//!
//! What is done to an image by itself is done when a batch is made; a mere scale is left to the device. Whitening, which mixes a matrix
//! fitted to all of them into each, is done once, and its f32 are kept.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::gcn::gcn;
use super::zca::{BLOCK, Zca};
use super::{DataSet, Part, Shape, Source, Split, cache};
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
#[derive(Clone, Debug)]
pub struct Examples {
    /// What [`Prepared::values`] makes images of.
    pub images: Images,
    /// `[count]`
    pub labels: Vec<u16>,
}

/// The images of a split.
#[derive(Clone, Debug)]
pub enum Images {
    /// As in the files, `[channel][row][column]`, to be scaled and contrast-normalised.
    Bytes(Source<u8>),
    /// Whitened, `[row][column][channel]`.
    Whitened(Source<f32>),
}

impl Images {
    /// Some of them.
    fn slice(&self, range: Range<usize>) -> Images {
        match self {
            Images::Bytes(source) => Images::Bytes(source.slice(range)),
            Images::Whitened(source) => Images::Whitened(source.slice(range)),
        }
    }
}

impl Examples {
    /// Bytes of memory that the images take: none if they are streamed.
    pub fn bytes_held(&self) -> usize {
        match &self.images {
            Images::Bytes(source) => source.bytes_held(),
            Images::Whitened(source) => source.bytes_held(),
        }
    }

    /// Only the first `count`, if there are more.
    pub fn truncate(&mut self, count: usize) {
        let count = count.min(self.labels.len());
        self.labels.truncate(count);
        self.images = self.images.slice(0..count);
    }
}

/// A data set ready for a network.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The data set's name.
    pub name: String,
    /// The size of one image. In a batch the channels are last, whatever the order of these fields.
    pub shape: Shape,
    /// What the labels mean.
    pub classes: Vec<String>,
    /// What each byte of the files becomes, ascending, where a value of an image depends on its own byte alone.
    pub levels: Option<Vec<f32>>,
    /// What to learn from.
    pub train: Examples,
    /// Held out from what to learn from; none unless [`Prepared::hold_out`] was called.
    pub validation: Examples,
    /// What to be judged by.
    pub test: Examples,
    /// Threads that read and prepare the images of batches.
    pub workers: usize,
    alone: Alone,
}

/// Memory in which an image becomes its values.
#[derive(Default)]
struct Scratch {
    bytes: Vec<u8>,
    turned: Vec<u8>,
    values: Vec<f64>,
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

    /// Whether images are read from files when they are wanted.
    pub fn is_streamed(&self) -> bool {
        match &self.train.images {
            Images::Bytes(source) => source.is_streamed(),
            Images::Whitened(source) => source.is_streamed(),
        }
    }

    /// What a byte can be, at most, where images are bytes.
    pub fn maximum(&self) -> u8 {
        self.alone.maximum
    }

    /// Words of an image, as a device reads it: with [`Prepared::levels`] the bytes of the file, `[row][column][channel]`,
    /// four to a word, lowest first, each image from a new word on; else the bits of f32.
    pub fn words(&self) -> usize {
        let features = self.shape.features();
        if self.levels.is_some() { features.div_ceil(4) } else { features }
    }

    /// Appends the images `chosen` of `part` to `out`, [`Prepared::words`] each.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn gather(&self, part: Part, chosen: &[u32], out: &mut Vec<u32>) -> Result<()> {
        let (mut scratch, first, words) = (Scratch::default(), out.len(), self.words());
        out.resize(first + chosen.len() * words, 0);
        let mut images = chosen.iter().zip(out[first..].chunks_exact_mut(words));
        images.try_for_each(|(i, out)| self.image(part, *i as usize, &mut scratch, out))
    }

    /// All images of `part`, [`Prepared::words`] each.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn all_words(&self, part: Part) -> Result<Vec<u32>> {
        let words = self.words();
        let mut out = vec![0; self.split(part).labels.len() * words];
        let images = out.par_chunks_mut(words).enumerate();
        images.try_for_each_init(Scratch::default, |scratch, (i, out)| self.image(part, i, scratch, out))?;
        Ok(out)
    }

    /// The values of images of [`Prepared::words`] each, as the network reads them.
    pub fn values_of(&self, images: &[u32]) -> Vec<f32> {
        let Some(levels) = &self.levels else { return images.iter().map(|w| f32::from_bits(*w)).collect() };
        let value = |image: &[u32], i: usize| levels[(image[i / 4] >> (8 * (i % 4)) & 255) as usize];
        let values = |image| (0..self.shape.features()).map(move |i| value(image, i));
        images.chunks_exact(self.words()).flat_map(values).collect()
    }

    /// All images of `part` as the network reads them, `[count][row][column][channel]`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn values(&self, part: Part) -> Result<Vec<f32>> {
        Ok(self.values_of(&self.all_words(part)?))
    }

    /// Writes image `i` of `part` to `out`, [`Prepared::words`] long.
    fn image(&self, part: Part, i: usize, scratch: &mut Scratch, out: &mut [u32]) -> Result<()> {
        let source = match &self.split(part).images {
            Images::Whitened(source) => return source.read(i, bytemuck::cast_slice_mut(out)),
            Images::Bytes(source) => source,
        };
        let Scratch { bytes, turned, values } = scratch;
        bytes.resize(self.shape.features(), 0);
        source.read(i, bytes)?;
        if self.levels.is_some() {
            turned.resize(bytes.len(), 0);
            channels_last(self.shape, |at| bytes[at], turned);
            for (word, four) in out.iter_mut().zip(turned.chunks(4)) {
                *word = four.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
            }
        } else {
            values.resize(bytes.len(), 0.0);
            self.alone.apply(bytes, values);
            channels_last(self.shape, |at| (values[at] as f32).to_bits(), out);
        }
        Ok(())
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
        let images = self.train.images.slice(all - count..all);
        self.validation = Examples { images, labels: self.train.labels.split_off(all - count) };
        self.train.truncate(all - count);
        Ok(())
    }
}

/// Prepares both splits of `data`; whitened images are kept in the user's cache folder (`$WEIGHTPROOF_CACHE`, else
/// `$XDG_CACHE_HOME/weightproof`, else `~/.cache/weightproof`), and streamed from there if `data` is streamed.
///
/// `train_limit` keeps only the first so many training images (all, if there are fewer). The whitening is fitted to
/// *all* training images regardless, as in the papers: a small trial then sees exactly the numbers of the full run.
///
/// # Errors
/// A data set that contradicts itself, a limit of 0, or parameters that are not positive; a file that cannot be read. A
/// cache that cannot be read or written is a warning, and an error if whitened images are to be streamed.
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
    let Preprocessing { scale, gcn, zca } = *preprocessing;
    if let Some(norm) = gcn.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
        return Err(Error::Invalid(format!(
            "GCN: the norm is {norm}, but must be positive and finite (the papers: 55)"
        )));
    }
    if train_limit == Some(0) {
        return Err(Error::Invalid("a limit of 0 training images leaves nothing to learn from".into()));
    }
    let alone = Alone { scale, maximum: data.maximum, gcn };
    let [train, test] = match zca {
        None => [&data.train, &data.test].map(|split| Images::Bytes(split.images.clone())),
        Some(epsilon) => Whitening { data, alone, epsilon }.images(cache)?.map(Images::Whitened),
    };
    let none = test.slice(0..0);
    let mut prepared = Prepared {
        name: data.name.clone(),
        shape: data.shape,
        classes: data.classes.clone(),
        levels: (gcn.is_none() && zca.is_none()).then(|| alone.levels()),
        train: Examples { images: train, labels: data.train.labels.clone() },
        validation: Examples { images: none, labels: vec![] },
        test: Examples { images: test, labels: data.test.labels.clone() },
        workers: 1,
        alone,
    };
    prepared.train.truncate(train_limit.unwrap_or(usize::MAX));
    Ok(prepared)
}

/// What is done to an image by itself.
#[derive(Clone, Copy, Debug)]
struct Alone {
    scale: Scale,
    maximum: u8,
    gcn: Option<f64>,
}

impl Alone {
    fn scaled(&self, byte: u8) -> f64 {
        let (factor, offset) = match self.scale {
            Scale::Raw => (1.0, 0.0),
            Scale::Unit => (2.0 / f64::from(self.maximum), -1.0),
        };
        f64::from(byte) * factor + offset
    }

    /// What each byte becomes where there is neither contrast normalisation nor whitening.
    fn levels(&self) -> Vec<f32> {
        (0..=255).map(|byte| self.scaled(byte) as f32).collect()
    }

    /// An image scaled and contrast-normalised, in the order of the file.
    fn apply(&self, image: &[u8], out: &mut [f64]) {
        for (x, byte) in out.iter_mut().zip(image) {
            *x = self.scaled(*byte);
        }
        if let Some(norm) = self.gcn {
            gcn(out, norm);
        }
    }
}

/// A data set that is to be whitened.
struct Whitening<'a> {
    data: &'a DataSet,
    alone: Alone,
    epsilon: f64,
}

impl Whitening<'_> {
    /// Both splits whitened, from the cache if they are in it; streamed from there if the set is streamed.
    fn images(&self, cache: Option<&Path>) -> Result<[Source<f32>; 2]> {
        let start = Instant::now();
        let streamed = self.data.train.images.is_streamed() || self.data.test.images.is_streamed();
        let key = self.key()?;
        let path = cache.map(|dir| cache::path(dir, &self.data.name, &key));
        let (features, many) =
            (self.data.shape.features(), [self.data.train.labels.len(), self.data.test.labels.len()]);
        if let Some(path) = &path {
            match cache::read(path, &key, features, many, streamed) {
                Ok(Some(images)) => {
                    let seconds = start.elapsed().as_secs_f64();
                    log::info!("whitened images read from {} in {seconds:.1} s", path.display());
                    return Ok(images);
                }
                Ok(None) => log::info!("whitening {}: needed once, then cached", self.data.name),
                Err(e) => log::warn!("{}: {e}; the images are whitened again", path.display()),
            }
        }
        if streamed {
            let path = path.ok_or_else(|| {
                let message = "whitened images are streamed from the cache folder, and there is none: set \
                               WEIGHTPROOF_CACHE, or hold them in memory (--set data.stream=false)";
                Error::Invalid(message.into())
            })?;
            cache::write(&path, &key, |sink| self.whiten(|_, images| sink(images)))?;
            let images = cache::read(&path, &key, features, many, true).map_err(|e| Error::io(&path, e))?;
            return images.ok_or_else(|| Error::format(&path, "the file was removed as soon as it was written"));
        }
        let mut images = many.map(|count| Vec::with_capacity(count * features));
        self.whiten(|split, block| {
            images[split].extend_from_slice(block);
            Ok(())
        })?;
        match &path {
            None => log::warn!("no home folder and no WEIGHTPROOF_CACHE: the whitened images are not cached"),
            Some(path) => match cache::write(path, &key, |sink| images.iter().try_for_each(|images| sink(images))) {
                Ok(()) => log::info!("whitened images cached in {}", path.display()),
                Err(e) => log::warn!("{e}; the whitened images are not cached"),
            },
        }
        Ok(images.map(|images| Source::memory(features, images)))
    }

    /// A digest of all that determines the whitened images.
    fn key(&self) -> Result<cache::Key> {
        let Alone { scale, maximum, gcn } = self.alone;
        let DataSet { shape, train, test, .. } = self.data;
        let mut digest = Sha256::new();
        // f64 prints as the shortest text that reads back as the same number, hence without loss.
        digest.update(format!(
            "version {VERSION} little-endian {} scale {scale:?} {maximum} gcn {gcn:?} zca {:?} {shape} {} {}\n",
            cfg!(target_endian = "little"),
            Some(self.epsilon),
            train.labels.len(),
            test.labels.len()
        ));
        let mut image = vec![0; shape.features()];
        for source in [&train.images, &test.images] {
            for i in 0..source.len() {
                source.read(i, &mut image)?;
                digest.update(&image);
            }
        }
        Ok(digest.finalize().into())
    }

    /// Hands `sink` both splits, 0 and 1, whitened by what is fitted to the training images, NHWC, a block at a time.
    fn whiten(&self, mut sink: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let (shape, features) = (self.data.shape, self.data.shape.features());
        let train = &self.data.train;
        let image = |split: &Split, i: usize, out: &mut [f64]| -> Result<()> {
            let mut bytes = vec![0; features];
            split.images.read(i, &mut bytes)?;
            self.alone.apply(&bytes, out);
            Ok(())
        };
        let zca = Zca::fit(train.labels.len(), features, self.epsilon, |i, x| image(train, i, x))?;
        let start = Instant::now();
        let (mut block, mut white, mut out) = (vec![], vec![], vec![]);
        for (number, split) in [train, &self.data.test].into_iter().enumerate() {
            let count = split.labels.len();
            for first in (0..count).step_by(BLOCK) {
                let values = BLOCK.min(count - first) * features;
                block.resize(values, 0.0);
                white.resize(values, 0.0);
                out.resize(values, 0f32);
                block.par_chunks_mut(features).enumerate().try_for_each(|(i, x)| image(split, first + i, x))?;
                zca.whiten(&mut block, &mut white);
                out.par_chunks_mut(features)
                    .zip(white.par_chunks(features))
                    .for_each(|(out, image)| channels_last(shape, |at| image[at] as f32, out));
                sink(number, &out)?;
            }
        }
        log::info!(
            "ZCA: {} images whitened in {:.1} s",
            train.labels.len() + self.data.test.labels.len(),
            start.elapsed().as_secs_f64()
        );
        Ok(())
    }
}

/// `[channel][row][column]`, of which `value` tells one, to `[row][column][channel]`.
fn channels_last<T>(shape: Shape, value: impl Fn(usize) -> T, out: &mut [T]) {
    let plane = shape.height * shape.width;
    for (pixel, values) in out.chunks_exact_mut(shape.channels).enumerate() {
        for (channel, out) in values.iter_mut().enumerate() {
            *out = value(channel * plane + pixel);
        }
    }
}
