//! Mean and principal components of the colours of images: what is subtracted from them, and along what their colours are jittered.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use faer::{Mat, Side};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::hex;
use super::{DataSet, default_dir};
use crate::error::{Error, Result};
use crate::files;

/// Colours of the pixels of images, as bytes: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Colors {
    /// Their mean.
    pub mean: [f64; 3],
    /// The eigenvectors of their covariance, each times the square root of its eigenvalue, the largest first.
    pub components: [[f64; 3]; 3],
}

impl Colors {
    /// Those of the training images of ILSVRC 2012 as they are published: the mean with the networks of Simonyan and Zisserman 2014,
    /// the eigenvalues (0.2175, 0.0188, 0.0045, of colours from 0 to 1) and eigenvectors with the residual networks for Torch
    /// (facebookarchive/fb.resnet.torch, `datasets/imagenet.lua`), for the jitter of Krizhevsky et al. 2012, section 4.1.
    pub fn ilsvrc() -> Colors {
        let components = [
            (0.2175f64, [-0.5675, -0.5808, -0.5836]),
            (0.0188, [0.7192, -0.0045, -0.6948]),
            (0.0045, [0.4009, -0.8140, 0.4203]),
        ];
        let scaled = |(eigenvalue, vector): (f64, [f64; 3])| vector.map(|v| 255.0 * eigenvalue.sqrt() * v);
        Colors { mean: [123.68, 116.779, 103.939], components: components.map(scaled) }
    }

    /// Measures those of the training images of a set, by all threads. `done` is called for each image.
    ///
    /// The sums are of whole numbers: nothing depends on their order.
    ///
    /// # Errors
    /// Images that have not three channels, or none at all; a file that cannot be read.
    pub fn measure(set: &DataSet, done: impl Fn() + Sync) -> Result<Colors> {
        let (images, plane) = (&set.train.images, set.shape.height * set.shape.width);
        if set.shape.channels != 3 || images.is_empty() {
            let message = format!("{} training images of {}", images.len(), set.shape);
            return Err(Error::Invalid(format!("{}: {message} have no colours to measure", set.name)));
        }
        let room = || vec![0; 3 * plane];
        let sums = (0..images.len()).into_par_iter().map_init(room, |image, i| {
            images.read(i, image)?;
            done();
            Ok(sums(image, plane))
        });
        let sums = sums.try_reduce(|| [0; 9], |a, b| Ok(std::array::from_fn(|i| a[i] + b[i])))?;
        let count = (images.len() * plane) as f64;
        let mean: [f64; 3] = std::array::from_fn(|i| sums[i] as f64 / count);
        let covariance = Mat::from_fn(3, 3, |i, j| sums[product(i, j)] as f64 / count - mean[i] * mean[j]);
        let eigen = covariance.self_adjoint_eigen(Side::Lower);
        let eigen = eigen.map_err(|e| Error::Invalid(format!("the eigenvalue iteration failed ({e:?})")))?;
        // Ascending; what is 0 may come out a little below.
        let component = |k: usize| std::array::from_fn(|i| eigen.S()[k].max(0.0).sqrt() * eigen.U()[(i, k)]);
        Ok(Colors { mean, components: [2, 1, 0].map(component) })
    }

    /// As lines for `[data]` of a preset.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("numbers are TOML")
    }

    /// What [`Colors::store`] left for the set called `name` in `dir` (`None`: [`default_dir`]), if anything. A file that cannot be
    /// read is a warning.
    pub fn stored(name: &str, dir: Option<&Path>) -> Option<Colors> {
        let path = path(name, dir)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(e) => {
                log::warn!("{}: {e}", path.display());
                return None;
            }
        };
        let read = toml::from_str::<Colors>(&text).ok().filter(|c| c.mean.iter().all(|v| v.is_finite()));
        if read.is_none() {
            log::warn!(
                "{}: no mean and components; measure them again with `weightproof data prepare`",
                path.display()
            );
        }
        read
    }

    /// Keeps them for the set called `name` in `dir` (`None`: [`default_dir`]) in the user's cache folder; returns the file.
    ///
    /// # Errors
    /// No cache folder; what the file system says.
    pub fn store(&self, name: &str, dir: Option<&Path>) -> Result<PathBuf> {
        let path = path(name, dir).ok_or_else(|| {
            Error::Invalid("there is no home folder to keep them in: name one by $WEIGHTPROOF_CACHE".into())
        })?;
        fs::create_dir_all(files::folder(&path)).map_err(|e| Error::io(&path, e))?;
        files::replace(&path, |w| w.write_all(self.to_toml().as_bytes()))?;
        Ok(path)
    }
}

/// Where the colours of a set in a folder are kept.
fn path(name: &str, dir: Option<&Path>) -> Option<PathBuf> {
    let dir = dir.map_or_else(default_dir, Path::to_path_buf);
    let dir = fs::canonicalize(&dir).unwrap_or(dir);
    let key = hex(&Sha256::digest(dir.as_os_str().as_encoded_bytes()));
    Some(files::cache_dir()?.join(format!("{name}-{}.colors", &key[..16])))
}

/// The place of the sum of products of two channels among the sums of an image.
fn product(i: usize, j: usize) -> usize {
    [[3, 4, 5], [4, 6, 7], [5, 7, 8]][i][j]
}

/// Of an image `[channel][plane]` the sums of each channel, then those of the products of two.
fn sums(image: &[u8], plane: usize) -> [u64; 9] {
    let (red, rest) = image.split_at(plane);
    let (green, blue) = rest.split_at(plane);
    let mut sums = [0; 9];
    for ((r, g), b) in red.iter().zip(green).zip(blue) {
        let [r, g, b] = [*r, *g, *b].map(u64::from);
        for (sum, term) in sums.iter_mut().zip([r, g, b, r * r, r * g, r * b, g * g, g * b, b * b]) {
            *sum += term;
        }
    }
    sums
}
