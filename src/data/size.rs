//! How images of one size are cut from pictures of any.

use fast_image_resize::Resizer;

use super::Shape;
use super::decode::{Pixels, Rectangle, cut, resample};
use crate::error::{Error, Result};

/// How a picture becomes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows and columns of the image.
    pub crop: usize,
    /// Pixels of the short side of the scaled picture that it is cut from: `crop` at least.
    pub short_side: usize,
}

impl Size {
    /// A crop from pictures of so many pixels on the short side; by default of 256 to 227, as the networks of Krizhevsky et al. 2012
    /// have it.
    ///
    /// # Errors
    /// A crop of nothing; one that is larger than the picture.
    pub fn new(crop: usize, short_side: Option<usize>) -> Result<Size> {
        let short_side = short_side.unwrap_or((256 * crop + 113) / 227);
        if crop == 0 || short_side < crop {
            let message = format!("a crop of {crop} (data.crop) from a short side of {short_side} (data.short_side)");
            return Err(Error::Invalid(format!(
                "{message} is not possible: give 1 or more, and no more than that side"
            )));
        }
        Ok(Size { crop, short_side })
    }

    /// Rows and columns of a picture of `of` rows and columns when its short side is scaled, the other rounded.
    pub fn scaled(&self, of: [usize; 2]) -> [usize; 2] {
        let short = of[0].min(of[1]).max(1);
        of.map(|side| if side == short { self.short_side } else { (side * self.short_side + short / 2) / short })
    }

    /// The part of a decoded picture, scaled, that `choose` names when it is told rows and columns of the scaled picture: in `scaled`, or
    /// the picture as it is.
    pub(super) fn cut<'a>(
        self,
        decoded: &'a Pixels,
        choose: impl FnOnce([usize; 2]) -> Rectangle,
        resizer: &mut Resizer,
        scaled: &'a mut Vec<u8>,
    ) -> Rgb<'a> {
        let sides = [decoded.height, decoded.width];
        let whole = self.scaled(sides);
        let part = choose(whole);
        let Rectangle { left, top, width, height } = part;
        assert!(left + width <= whole[1] && top + height <= whole[0], "{part:?} of {whole:?}");
        if whole != sides {
            resample(decoded, whole, part, resizer, scaled);
        } else if part == Rectangle::whole(whole) {
            return Rgb { height, width, pixels: &decoded.rgb };
        } else {
            cut(decoded, part, scaled);
        }
        Rgb { height, width, pixels: scaled }
    }

    /// The image that a decoded picture becomes: its middle, `[row][column][red, green, blue]`.
    pub(super) fn image(self, decoded: &Pixels) -> Vec<u8> {
        let middle = |whole| Rectangle::middle([self.crop; 2], whole);
        self.cut(decoded, middle, &mut Resizer::new(), &mut vec![]).pixels.to_vec()
    }

    /// The shape of the images.
    pub fn shape(&self) -> Shape {
        Shape { channels: 3, height: self.crop, width: self.crop }
    }
}

/// Bytes of three channels, `[row][column][red, green, blue]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb<'a> {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// The bytes.
    pub pixels: &'a [u8],
}
