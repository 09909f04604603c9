//! What is done to each image before a network reads it: scale, contrast normalisation, whitening. For the images of data
//! sets and for images from elsewhere.

use super::Shape;
use super::gcn::gcn;
use super::zca::Zca;

/// What numbers the bytes become before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The bytes themselves, 0 to [`DataSet::maximum`](super::DataSet::maximum).
    Raw,
    /// -1 to 1: 2 x / maximum - 1.
    Unit,
}

/// What happens to the images, in this order: scale, contrast normalisation, whitening.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preprocessing {
    /// What the bytes become.
    pub scale: Scale,
    /// Bytes that are subtracted from those of the three channels before they are scaled, if any.
    pub mean: Option<[f64; 3]>,
    /// Global contrast normalisation to this Euclidean norm per image (see [`super::gcn`]).
    pub gcn: Option<f64>,
    /// ZCA whitening with this epsilon, added to the variances (see [`super::zca`]).
    pub zca: Option<f64>,
}

impl Preprocessing {
    /// The bytes themselves.
    pub const RAW: Self = Self { scale: Scale::Raw, mean: None, gcn: None, zca: None };
    /// -1 to 1.
    pub const UNIT: Self = Self { scale: Scale::Unit, mean: None, gcn: None, zca: None };
    /// What Merolla et al. 2016 did to CIFAR-10: contrast to norm 55, whitening with epsilon 0.1.
    pub const GCN_ZCA: Self = Self { scale: Scale::Raw, mean: None, gcn: Some(55.0), zca: Some(0.1) };
}

/// What the bytes of images become where a value depends on its own byte alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// What each byte becomes, ascending: 256 numbers at equal distances.
    pub values: Vec<f32>,
    /// What is subtracted then from each of the three channels, if anything.
    pub mean: Option<[f32; 3]>,
}

impl Levels {
    /// The value of a byte of this channel.
    pub fn value(&self, byte: u8, channel: usize) -> f32 {
        self.values[usize::from(byte)] - self.mean.map_or(0.0, |mean| mean[channel])
    }

    /// What multiplies the bytes of each channel, and what is added then, `[2][channels]`: for bytes between whole ones.
    pub fn affine(&self, channels: usize) -> Vec<f32> {
        let factor = (f64::from(self.values[255]) - f64::from(self.values[0])) / 255.0;
        let offsets = (0..channels).map(|channel| self.value(0, channel));
        std::iter::repeat_n(factor as f32, channels).chain(offsets).collect()
    }
}

/// What is done to images one by one, fitted where it whitens.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// Of each image.
    pub shape: Shape,
    pub(super) alone: Alone,
    /// None where nothing is whitened, or where that was done before.
    pub(super) whitening: Option<Zca>,
}

/// Memory in which an image becomes its values.
#[derive(Default)]
pub struct Scratch {
    turned: Vec<u8>,
    values: Vec<f64>,
    white: Vec<f64>,
}

impl Preparation {
    /// What a byte can be, at most.
    pub fn maximum(&self) -> u8 {
        self.alone.maximum
    }

    /// Whether a value depends on its own byte alone, so that images stay bytes until they are on the device.
    fn is_bytewise(&self) -> bool {
        self.alone.gcn.is_none() && self.whitening.is_none()
    }

    /// What bytes become, where a value of an image depends on its own byte alone.
    pub fn levels(&self) -> Option<Levels> {
        self.is_bytewise().then(|| self.alone.levels())
    }

    /// Words of an image, as a device reads it: with [`Preparation::levels`] the bytes, `[row][column][channel]`, four to a
    /// word, lowest first; else the bits of f32.
    pub fn words(&self) -> usize {
        let features = self.shape.features();
        if self.is_bytewise() { features.div_ceil(4) } else { features }
    }

    /// Writes an image, `[channel][row][column]` as in the files of a data set, to `out`, [`Preparation::words`] long.
    pub fn image(&self, bytes: &[u8], scratch: &mut Scratch, out: &mut [u32]) {
        let Scratch { turned, values, white } = scratch;
        if self.is_bytewise() {
            turned.resize(bytes.len(), 0);
            channels_last(self.shape, |at| bytes[at], turned);
            for (word, four) in out.iter_mut().zip(turned.chunks(4)) {
                *word = four.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
            }
            return;
        }
        values.resize(bytes.len(), 0.0);
        self.alone.apply(bytes, values);
        if let Some(zca) = &self.whitening {
            white.resize(bytes.len(), 0.0);
            zca.whiten(values, white);
            std::mem::swap(values, white);
        }
        channels_last(self.shape, |at| (values[at] as f32).to_bits(), out);
    }
}

/// What is done to an image by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone {
    pub scale: Scale,
    pub mean: Option<[f64; 3]>,
    pub maximum: u8,
    pub gcn: Option<f64>,
}

impl Alone {
    /// What bytes become where the scale is all that is done to them.
    fn scaled(&self, byte: f64) -> f64 {
        let (factor, offset) = match self.scale {
            Scale::Raw => (1.0, 0.0),
            Scale::Unit => (2.0 / f64::from(self.maximum), -1.0),
        };
        byte * factor + offset
    }

    /// What bytes become where there is neither contrast normalisation nor whitening.
    pub fn levels(&self) -> Levels {
        let values = (0..=255).map(|byte| self.scaled(f64::from(byte)) as f32).collect();
        Levels { values, mean: self.mean.map(|mean| mean.map(|byte| self.scaled(byte) as f32)) }
    }

    /// An image scaled and contrast-normalised, in the order of the file.
    pub fn apply(&self, image: &[u8], out: &mut [f64]) {
        for (x, byte) in out.iter_mut().zip(image) {
            *x = self.scaled(f64::from(*byte));
        }
        if let Some(norm) = self.gcn {
            gcn(out, norm);
        }
    }
}

/// `[channel][row][column]`, of which `value` tells one, to `[row][column][channel]`.
pub(super) fn channels_last<T>(shape: Shape, value: impl Fn(usize) -> T, out: &mut [T]) {
    let plane = shape.height * shape.width;
    for (pixel, values) in out.chunks_exact_mut(shape.channels).enumerate() {
        for (channel, out) in values.iter_mut().enumerate() {
            *out = value(channel * plane + pixel);
        }
    }
}
