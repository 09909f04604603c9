//! Whitening of a whole data set: fitted once, done once to all of its images, and kept on disk.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::preparation::{Alone, channels_last};
use super::zca::{BLOCK, Zca};
use super::{DataSet, Source, Split, cache};
use crate::error::{Error, Result};

/// Raised whenever the arithmetic changes, so that no cached result of the old one is taken for the new.
const VERSION: u32 = 1;

/// A data set that is to be whitened.
pub(super) struct Whitening<'a> {
    pub data: &'a DataSet,
    /// What is done to its images before.
    pub alone: Alone,
    pub epsilon: f64,
    /// The folder of the cache; none: without a cache.
    pub cache: Option<&'a Path>,
}

impl Whitening<'_> {
    /// Both splits whitened, from the cache if they are in it; streamed from there if the set is streamed.
    pub fn images(&self) -> Result<[Source<f32>; 2]> {
        let start = Instant::now();
        let streamed = self.data.train.images.is_streamed() || self.data.test.images.is_streamed();
        let key = self.key()?;
        let path = self.path(&key, "images");
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
            cache::write(&path, &key, |sink| self.whiten(&key, |_, images| sink(images)))?;
            let images = cache::read(&path, &key, features, many, true).map_err(|e| Error::io(&path, e))?;
            return images.ok_or_else(|| Error::format(&path, "the file was removed as soon as it was written"));
        }
        let mut images = many.map(|count| Vec::with_capacity(count * features));
        self.whiten(&key, |split, block| {
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

    /// The whitening alone, from the cache if it is there.
    ///
    /// # Errors
    /// As [`Zca::fit`].
    pub fn fitted(&self) -> Result<Zca> {
        self.fitted_under(&self.key()?)
    }

    fn fitted_under(&self, key: &cache::Key) -> Result<Zca> {
        let (features, train) = (self.data.shape.features(), &self.data.train);
        let path = self.path(key, "whitening");
        if let Some(path) = &path {
            match cache::read(path, key, features, [1, features], false) {
                Ok(Some([mean, matrix])) => return Ok(Zca::of(mean.values()?, &matrix.values()?)),
                Ok(None) => {}
                Err(e) => log::warn!("{}: {e}; the whitening is fitted again", path.display()),
            }
        }
        let zca = Zca::fit(train.labels.len(), features, self.epsilon, |i, x| self.image(train, i, x))?;
        if let Some(path) = &path {
            let written = cache::write(path, key, |sink| {
                sink(zca.mean())?;
                zca.matrix().col_iter().try_for_each(|column| sink(&column.iter().copied().collect::<Vec<_>>()))
            });
            written.unwrap_or_else(|e| log::warn!("{e}; the whitening is not cached"));
        }
        Ok(zca)
    }

    /// The file for `key` in the cache.
    fn path(&self, key: &cache::Key, what: &str) -> Option<PathBuf> {
        self.cache.map(|dir| cache::path(dir, &self.data.name, key, what))
    }

    /// Image `i` of a split as it is whitened.
    fn image(&self, split: &Split, i: usize, out: &mut [f64]) -> Result<()> {
        let mut bytes = vec![0; self.data.shape.features()];
        split.images.read(i, &mut bytes)?;
        self.alone.apply(&bytes, out);
        Ok(())
    }

    /// A digest of all that determines the whitened images.
    fn key(&self) -> Result<cache::Key> {
        // What is whitened has no other mean.
        let Alone { scale, mean: _, maximum, gcn } = self.alone;
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
    fn whiten(&self, key: &cache::Key, mut sink: impl FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        let (shape, features) = (self.data.shape, self.data.shape.features());
        let train = &self.data.train;
        let zca = self.fitted_under(key)?;
        let start = Instant::now();
        let (mut block, mut white, mut out) = (vec![], vec![], vec![]);
        for (number, split) in [train, &self.data.test].into_iter().enumerate() {
            let count = split.labels.len();
            for first in (0..count).step_by(BLOCK) {
                let values = BLOCK.min(count - first) * features;
                block.resize(values, 0.0);
                white.resize(values, 0.0);
                out.resize(values, 0f32);
                block.par_chunks_mut(features).enumerate().try_for_each(|(i, x)| self.image(split, first + i, x))?;
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
