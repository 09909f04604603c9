//! From the bytes of the files to what a device reads, channels last: the bytes themselves with what each becomes, or f32
//! where contrast normalisation or whitening makes more of them.
//!
//! What is done to an image by itself is done when a batch is made; a mere scale is left to the device. Whitening, which mixes a matrix
//! fitted to all of them into each, is done once, and its f32 are kept.

use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::crops::{self, Draws, Stretch};
use super::pictures::Pictures;
use super::preparation::{Alone, Levels, Preparation, Preprocessing, Scratch};
use super::whitening::Whitening;
use super::{DataSet, Part, Shape, Source};
use crate::error::{Error, Result};
use crate::files;

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
    /// What the bytes of the files become, where a value of an image depends on its own byte alone.
    pub levels: Option<Levels>,
    /// How training images are cut out of pictures at random, if they are; images must be bytes.
    pub stretch: Option<Stretch>,
    /// The principal components of the colours times the factor of the jitter, one in a row, in the units of [`Prepared::levels`].
    pub components: [[f32; 3]; 3],
    /// What to learn from.
    pub train: Examples,
    /// Held out from what to learn from; none unless [`Prepared::hold_out`] was called.
    pub validation: Examples,
    /// What to be judged by.
    pub test: Examples,
    /// Threads that read and prepare the images of batches.
    pub workers: usize,
    preparation: Preparation,
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
        self.preparation.alone.maximum
    }

    /// Words of an image, as a device reads it: with [`Prepared::levels`] those of [`Preparation::words`], else the bits of f32.
    pub fn words(&self) -> usize {
        if self.levels.is_some() { self.preparation.words() } else { self.shape.features() }
    }

    /// Appends the images `chosen` of `part` to `out`, [`Prepared::words`] each.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn gather(&self, part: Part, chosen: &[u32], out: &mut Vec<u32>) -> Result<()> {
        let (mut scratch, first, words) = (Default::default(), out.len(), self.words());
        out.resize(first + chosen.len() * words, 0);
        let mut images = chosen.iter().zip(out[first..].chunks_exact_mut(words));
        images.try_for_each(|(i, out)| self.image(part, *i as usize, &mut scratch, out))
    }

    /// Words of a frame, as a device reads it.
    ///
    /// # Panics
    /// Without [`Prepared::stretch`].
    pub fn frame_words(&self) -> usize {
        self.stretch.expect("a stretch").words(self.shape.channels)
    }

    /// Appends frames of the images `chosen` of `part` to `out`, [`Prepared::frame_words`] each. They draw by their places in the
    /// batch, that of the first being `first_place`.
    ///
    /// # Errors
    /// A file that cannot be read.
    ///
    /// # Panics
    /// Without [`Prepared::stretch`], or if images are no bytes.
    pub fn gather_frames(
        &self,
        part: Part,
        chosen: &[u32],
        draws: Draws,
        first_place: usize,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let Images::Bytes(images) = &self.split(part).images else { panic!("frames of whitened images") };
        let stretch = self.stretch.expect("a stretch");
        let (mut scratch, first, words) = (Default::default(), out.len(), self.frame_words());
        out.resize(first + chosen.len() * words, 0);
        for (place, (i, out)) in chosen.iter().zip(out[first..].chunks_exact_mut(words)).enumerate() {
            stretch.frame(images, self.shape, *i as usize, draws.of(first_place + place), &mut scratch, out)?;
        }
        Ok(())
    }

    /// Whether several crops can be taken of the images of `part`: they are bytes, cut from pictures.
    pub fn has_pictures(&self, part: Part) -> bool {
        self.levels.is_some() && self.pictures(part).is_some()
    }

    fn pictures(&self, part: Part) -> Option<&Pictures> {
        if let Images::Bytes(images) = &self.split(part).images { images.pictures() } else { None }
    }

    /// Appends ten crops of each of the pictures `chosen` of `part` to `out`, [`Prepared::words`] each.
    ///
    /// # Errors
    /// A file that cannot be read.
    ///
    /// # Panics
    /// Without [`Prepared::has_pictures`].
    pub fn gather_crops(&self, part: Part, chosen: &[u32], out: &mut Vec<u32>) -> Result<()> {
        let pictures = self.pictures(part).filter(|_| self.has_pictures(part)).expect("pictures");
        let (mut scratch, first, words) = (Default::default(), out.len(), crops::TEN * self.words());
        out.resize(first + chosen.len() * words, 0);
        let mut images = chosen.iter().zip(out[first..].chunks_exact_mut(words));
        images.try_for_each(|(i, out)| crops::ten(pictures, *i as usize, &mut scratch, out))
    }

    /// All images of `part`, [`Prepared::words`] each.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn all_words(&self, part: Part) -> Result<Vec<u32>> {
        let words = self.words();
        let mut out = vec![0; self.split(part).labels.len() * words];
        let images = out.par_chunks_mut(words).enumerate();
        images.try_for_each_init(Default::default, |scratch, (i, out)| self.image(part, i, scratch, out))?;
        Ok(out)
    }

    /// The values of images of [`Prepared::words`] each, as the network reads them.
    pub fn values_of(&self, images: &[u32]) -> Vec<f32> {
        let Some(levels) = &self.levels else { return images.iter().map(|w| f32::from_bits(*w)).collect() };
        let channels = self.shape.channels;
        let value = |image: &[u32], i: usize| levels.value((image[i / 4] >> (8 * (i % 4)) & 255) as u8, i % channels);
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
    fn image(&self, part: Part, i: usize, (bytes, scratch): &mut (Vec<u8>, Scratch), out: &mut [u32]) -> Result<()> {
        match &self.split(part).images {
            Images::Whitened(source) => source.read(i, bytemuck::cast_slice_mut(out)),
            Images::Bytes(source) => {
                bytes.resize(self.shape.features(), 0);
                source.read(i, bytes)?;
                self.preparation.image(bytes, scratch, out);
                Ok(())
            }
        }
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
    let Preprocessing { scale, mean, gcn, zca } = *preprocessing;
    if mean.is_some() && (gcn.is_some() || zca.is_some() || data.shape.channels != 3) {
        let message = "a mean is subtracted from images of three channels that are neither normalised nor whitened";
        return Err(Error::Invalid(format!("data.mean: {message}, and those of {} are {}", data.name, data.shape)));
    }
    if let Some(norm) = gcn.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
        return Err(Error::Invalid(format!(
            "GCN: the norm is {norm}, but must be positive and finite (the papers: 55)"
        )));
    }
    if train_limit == Some(0) {
        return Err(Error::Invalid("a limit of 0 training images leaves nothing to learn from".into()));
    }
    let alone = Alone { scale, mean, maximum: data.maximum, gcn };
    let preparation = Preparation { shape: data.shape, alone, whitening: None };
    let [train, test] = match zca {
        None => [&data.train, &data.test].map(|split| Images::Bytes(split.images.clone())),
        Some(epsilon) => Whitening { data, alone, epsilon, cache }.images()?.map(Images::Whitened),
    };
    let none = test.slice(0..0);
    let mut prepared = Prepared {
        name: data.name.clone(),
        shape: data.shape,
        classes: data.classes.clone(),
        levels: preparation.levels().filter(|_| zca.is_none()),
        stretch: None,
        components: [[0.0; 3]; 3],
        train: Examples { images: train, labels: data.train.labels.clone() },
        validation: Examples { images: none, labels: vec![] },
        test: Examples { images: test, labels: data.test.labels.clone() },
        workers: 1,
        preparation,
    };
    prepared.train.truncate(train_limit.unwrap_or(usize::MAX));
    Ok(prepared)
}

/// What is done to images of a data set, for images from elsewhere: of `shape`, of bytes up to `maximum`. Whitening is fitted to the
/// training images of the set, which `open` opens then, or taken from the user's cache folder.
///
/// # Errors
/// Those of `open`; as [`prepare`].
pub fn preparation(
    shape: Shape,
    maximum: u8,
    preprocessing: &Preprocessing,
    open: impl FnOnce() -> Result<DataSet>,
) -> Result<Preparation> {
    let Preprocessing { scale, mean, gcn, zca } = *preprocessing;
    let alone = Alone { scale, mean, maximum, gcn };
    let cache = files::cache_dir();
    let fit = |epsilon| {
        let data = open()?;
        data.check()?;
        Whitening { data: &data, alone, epsilon, cache: cache.as_deref() }.fitted()
    };
    Ok(Preparation { shape, alone, whitening: zca.map(fit).transpose()? })
}
