//! Where the images of a batch come from, and what is done to them on the device before the first layer reads them.

use super::Network;
use crate::error::{Error, Result};
use crate::kernels::{augment, batch};
use crate::layers::Activation;
use crate::plan::{Builder, Elem, Plan, Role, Target, View};

/// Buffer of what each byte becomes, where images are bytes.
pub const LEVELS: &str = "levels";
/// Buffer of what is subtracted then from each channel.
pub const MEAN: &str = "mean";
/// Buffer of what multiplies the bytes of each channel of a rectangle, and what is added then.
pub const AFFINE: &str = "affine";
/// Buffer of the principal components of the colours times the factor of their jitter.
pub const COMPONENTS: &str = "components";
/// Buffer of the places of the images of a training batch among the resident ones.
pub const INDEX: &str = "index";
/// Buffer of augmented images.
const AUGMENTED: &str = "augmented";

/// Where the images of a batch lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The host writes those of a batch before each step, where [`Network::uploads`] says.
    Uploaded,
    /// The host writes rectangles of pictures before each step, there as well, which are resampled on the device.
    Frames,
    /// The host writes all images once, and before each step [`INDEX`] ([`TEST_INDEX`](super::TEST_INDEX)).
    Resident {
        /// Buffer of the images.
        rows: &'static str,
        /// Images.
        count: usize,
    },
}

impl Network {
    /// How training images come that the host sends before each step.
    pub fn sent(&self) -> Placement {
        if self.augment.stretch.is_some() { Placement::Frames } else { Placement::Uploaded }
    }

    /// Where the images for moments are, if those of training are where `placement` says.
    pub fn moments_placement(&self, placement: Placement) -> Placement {
        if placement == Placement::Frames && !self.augment.moments { Placement::Uploaded } else { placement }
    }

    /// Words of a frame: the room for the largest rectangle of a picture.
    pub fn frame_words(&self) -> usize {
        let [h, w, c] = self.input;
        augment::frame_words(augment::largest(self.augment.stretch.unwrap_or(0.0), [h, w]), c)
    }

    /// The images of a training batch that the host sends ([`Network::sent`]) as the network sees them, and nothing behind it; what to read.
    ///
    /// # Errors
    /// As [`Network::train_plan`].
    pub fn images_plan(&self, target: &Target) -> Result<(Plan, &'static str)> {
        let mut b = Builder::new("images", self.target(target)?);
        self.training_images(&mut b, &self.sent())?;
        let seen = if b.has(AUGMENTED) { AUGMENTED } else { "input" };
        Ok((b.finish()?, seen))
    }

    /// The buffer to which the host writes the images of a batch, where the network reads `input`.
    pub fn uploads(&self, placement: &Placement, input: &str) -> String {
        match placement {
            Placement::Frames => format!("{input}.frames"),
            _ if self.byte_values.is_some() => format!("{input}.bytes"),
            _ => input.into(),
        }
    }

    /// The images of a training batch as its augmentation leaves them.
    pub(super) fn training_images(&self, b: &mut Builder, placement: &Placement) -> Result<Activation> {
        if *placement == Placement::Frames {
            return self.resampled(b);
        }
        let x = self.images(b, placement, ["input", INDEX], self.batch)?;
        self.augmented(b, x)
    }

    /// The images of a training batch made of rectangles of pictures.
    fn resampled(&self, b: &mut Builder) -> Result<Activation> {
        let [h, w, c] = self.input;
        let frames = self.uploads(&Placement::Frames, "input");
        let frames = b.buffer(frames, Elem::U32, &[self.batch, self.frame_words()], Role::Input);
        let affine = b.shared(AFFINE, Elem::F32, &[2, c], Role::Input);
        let components = self.augment.color.map(|_| b.shared(COMPONENTS, Elem::F32, &[3, 3], Role::Input));
        let random = self.random_fill(b)?;
        let y = b.transient(AUGMENTED, &[self.batch, h, w, c]);
        let from = augment::Frames { frames, affine, components };
        augment::resample(b, "augment", &self.augment, self.input, &from, y, random)?;
        Ok(Activation::new(y, self.input))
    }

    /// The images of a batch, in the buffer `name`: the numbers of those that the host uploads, or of those that `index`
    /// names among the resident ones.
    pub(super) fn images(
        &self,
        b: &mut Builder,
        placement: &Placement,
        [name, index]: [&str; 2],
        batch: usize,
    ) -> Result<Activation> {
        let [h, w, c] = self.input;
        let x = b.shared(name, Elem::F32, &[batch, h, w, c], Role::Input);
        let features = self.input.iter().product();
        let levels = self.byte_values.map(|_| b.shared(LEVELS, Elem::F32, &[256], Role::Input));
        let (elem, width) = match levels {
            Some(_) => (Elem::U32, batch::words_per_image(features)),
            None => (Elem::F32, features),
        };
        let mean = levels.filter(|_| self.centred).map(|_| b.shared(MEAN, Elem::F32, &[c], Role::Input));
        let images = |rows, count| batch::Images { count, features, rows, levels, mean };
        match (*placement, levels) {
            (Placement::Frames, _) => unreachable!("frames are resampled, not gathered"),
            (Placement::Uploaded, None) => {}
            (Placement::Uploaded, Some(_)) => {
                let rows = b.buffer(self.uploads(placement, name), elem, &[batch, width], Role::Input);
                batch::gather(b, "batch", &images(rows, batch), None, x)?;
            }
            (Placement::Resident { rows, count }, _) => {
                let rows = b.buffer(rows, elem, &[count, width], Role::Input);
                let index = b.buffer(index, Elem::U32, &[batch], Role::Input);
                batch::gather(b, "batch", &images(rows, count), Some(index), x)?;
            }
        }
        Ok(Activation::new(x, self.input))
    }

    /// These images as augmentation leaves them.
    fn augmented(&self, b: &mut Builder, x: Activation) -> Result<Activation> {
        if !self.augment.is_some() {
            return Ok(x);
        }
        let [h, w, c] = self.input;
        let random = self.random_fill(b)?;
        let y = b.transient(AUGMENTED, &[self.batch, h, w, c]);
        augment::apply(b, "augment", &self.augment, self.input, [x.view, y], random)?;
        Ok(Activation::new(y, self.input))
    }

    /// What pixels that come from nowhere are filled with, if not with 0: values of a table, the first so many.
    fn random_fill(&self, b: &mut Builder) -> Result<Option<(View, usize)>> {
        if self.fills_at_random && self.byte_values.is_none() {
            let message = "augment.fill: random bytes are for images that come as bytes; use --set augment.fill=zero";
            return Err(Error::Invalid(message.into()));
        }
        let values = self.byte_values.filter(|_| self.fills_at_random);
        Ok(values.map(|values| (b.shared(LEVELS, Elem::F32, &[256], Role::Input), values)))
    }
}
