//! Augmentation: every image of a training batch is changed at random on the device before the network sees it.
//!
//! An augmentation is a file with a row: its key in `[augment]`, and where a pixel of the changed image comes from. All of them
//! are one kernel, which goes through them from the last to the first. Draws are whole numbers and pure functions of seed, step,
//! place of the image in the whole batch, and augmentation: the same on every adapter, wherever the images are and after a
//! resumption, and none depends on which other augmentations there are.

mod crop;
mod cutout;
mod flip;
mod resample;

pub use resample::{Frames, RESAMPLE, frame_words, largest, resample};

use serde::{Deserialize, Serialize};

use super::case::{Case, Fill as Values};
use super::{Budget, Io, Kernel, STEP, Scalars, Variant, anywhere, linear_grid, optional, read, write};
use crate::error::{Error, Result};
use crate::philox::{key, philox4x32, stream};
use crate::plan::{Builder, Params, Step, Value, View};
use crate::ranges::{Check, number_or_false, require};

/// Every augmentation in the order in which images go through them. The position is the number of its draws.
pub static AUGMENTATIONS: &[&Augmentation] = &[&flip::ROW, &crop::ROW, &cutout::ROW];

/// One way to change an image.
pub struct Augmentation {
    /// Its key in `[augment]`, and the name of its constant in the shader, where 0 is for one that is left out.
    pub key: &'static str,
    /// The number of the key.
    number: fn(&Augment) -> Option<f64>,
    /// That the number is one for images of any size, and if not, what it must be.
    check: fn(f64) -> std::result::Result<(), &'static str>,
    /// That it is one for images of `h` rows and `w` columns, and if not, why.
    fits: fn(f64, [usize; 2]) -> std::result::Result<(), &'static str>,
    /// The constant of the shader.
    constant: fn(f64) -> u32,
    /// A constant for test cases.
    example: u32,
    /// Where a pixel of the changed image comes from, by the constant, the size of the image and four random words.
    source: fn(Pixel, u32, [usize; 2], [u32; 4]) -> Pixel,
}

/// A pixel on its way back through the augmentations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixel {
    /// Its row in the image as it is so far.
    pub row: i64,
    /// Its column.
    pub column: i64,
    /// Whether it comes from nowhere and is to be filled.
    pub filled: bool,
}

/// `[augment]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Probability that an image is mirrored, left to right.
    #[serde(with = "number_or_false", skip_serializing_if = "Option::is_none")]
    pub flip: Option<f64>,
    /// Pixels by which an image is padded on every side before a part of its size is taken anywhere.
    #[serde(with = "number_or_false", skip_serializing_if = "Option::is_none")]
    pub crop: Option<f64>,
    /// Rows and columns of the square of an image that is filled.
    #[serde(with = "number_or_false", skip_serializing_if = "Option::is_none")]
    pub cutout: Option<f64>,
    /// What comes where there is no image; absent: random values where images are bytes, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
    /// Training images are parts of pictures that have up to so much more or fewer rows, and columns, than the network reads, as a part of
    /// those, anywhere in the picture, resampled.
    #[serde(with = "number_or_false", skip_serializing_if = "Option::is_none")]
    pub stretch: Option<f64>,
    /// Jitter of colours: each principal component of those of the training images times so much and a normal number.
    #[serde(with = "number_or_false", skip_serializing_if = "Option::is_none")]
    pub color: Option<f64>,
    /// Whether the moments of batch normalisation are those of augmented training images.
    pub moments: bool,
}

impl Default for Augment {
    fn default() -> Self {
        Augment { flip: None, crop: None, cutout: None, fill: None, stretch: None, color: None, moments: true }
    }
}

/// `augment.fill`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// Uniform random bytes, and of them what becomes of those of the images.
    Random,
    /// 0 as the network reads it: the mean of images that were contrast-normalised or whitened.
    Zero,
}

impl Augment {
    /// Whether it is not there.
    pub fn is_default(&self) -> bool {
        *self == Augment::default()
    }

    /// Whether pixels of an image are taken from elsewhere in it, or filled.
    pub fn is_some(&self) -> bool {
        AUGMENTATIONS.iter().any(|a| (a.number)(self).is_some())
    }

    /// Whether pixels are filled with random values; `scaled`: whether images are bytes of which nothing but a scale is made.
    pub fn fills_at_random(&self, scaled: bool) -> bool {
        self.fill.unwrap_or(if scaled { Fill::Random } else { Fill::Zero }) == Fill::Random
    }

    /// Checks every number, and that random bytes mean something; `scaled` as in [`Augment::fills_at_random`].
    ///
    /// # Errors
    /// The first that is out of its range, by its key.
    pub fn check(&self, scaled: bool) -> Check {
        for (a, number) in self.numbers() {
            (a.check)(number).or_else(|must| require(false, a.key, number, must))?;
        }
        if let Some(stretch) = self.stretch {
            let must = "give a part of the sides from 0, crops of one size, to 0.5, or false to switch it off";
            require((0.0..=0.5).contains(&stretch), "stretch", stretch, must)?;
        }
        if let Some(color) = self.color {
            let must = "give a number above 0 up to 10, or false to switch it off";
            require(color > 0.0 && color <= 10.0, "color", color, must)?;
            let must = "colours are changed where crops are taken: give augment.stretch, 0 for crops of one size";
            require(self.stretch.is_some(), "color", color, must)?;
        }
        let must = "images that are contrast-normalised or whitened (data.gcn, data.zca) or less a mean (data.mean) are no bytes any \
                    more, and random ones would be far off; use \"zero\", their mean";
        require(scaled || self.fill != Some(Fill::Random), "fill", "\"random\"", must)
    }

    /// Checks that every augmentation leaves something of images of `h` rows, `w` columns and `c` channels, and means something.
    ///
    /// # Errors
    /// The first that does not, by its key.
    pub fn fits(&self, [h, w, c]: [usize; 3]) -> Result<()> {
        for (a, number) in self.numbers() {
            (a.fits)(number, [h, w]).map_err(|why| {
                Error::Invalid(format!("augment.{}: {number} is too large for images of {h}x{w}: {why}", a.key))
            })?;
        }
        if self.color.is_some() && c != 3 {
            let message = format!("augment.color: a colour has three channels, and the images have {c}; give false");
            return Err(Error::Invalid(message));
        }
        Ok(())
    }

    fn numbers(&self) -> impl Iterator<Item = (&'static Augmentation, f64)> + '_ {
        AUGMENTATIONS.iter().filter_map(|a| Some((*a, (a.number)(self)?)))
    }
}

/// That a number is whole and above 0.
fn whole(number: f64) -> std::result::Result<(), &'static str> {
    let ok = number.fract() == 0.0 && (1.0..=65_536.0).contains(&number);
    if ok { Ok(()) } else { Err("give a whole number of pixels from 1 to 65536, or false to switch it off") }
}

/// A whole number below `n` from one random word: none more likely than another by more than 2^-32.
fn below(word: u32, n: usize) -> i64 {
    ((u64::from(word) * n as u64) >> 32) as i64
}

/// Records `y` = the images of `x` augmented, both `[batch, h, w, c]`. Filled pixels are random ones of a table's first values,
/// so many as `random` says, without it they are 0. Depends on seed and step.
///
/// # Errors
/// An image that cannot be bound.
pub fn apply(
    b: &mut Builder,
    scope: &str,
    augment: &Augment,
    shape: [usize; 3],
    [x, y]: [View; 2],
    random: Option<(View, usize)>,
) -> Result<()> {
    let constant = |a: &Augmentation| (a.number)(augment).map_or(0, a.constant);
    record(b, scope, constant, shape, [x, y], random)
}

/// [`apply`], with the constant of each augmentation.
fn record(
    b: &mut Builder,
    scope: &str,
    constant: impl Fn(&Augmentation) -> u32,
    [h, w, c]: [usize; 3],
    [x, y]: [View; 2],
    random: Option<(View, usize)>,
) -> Result<()> {
    let (step, batch) = (b.step(), x.len / (h * w * c));
    for window in b.windows(scope, batch, &[x, y])? {
        let values = random.map_or(0, |(_, values)| values);
        let counts =
            [("batch", window.len()), ("first", window.start), ("h", h), ("w", w), ("c", c), ("values", values)];
        let of_augmentations = AUGMENTATIONS.iter().map(|a| (a.key, Value::U32(constant(a))));
        let params: Vec<_> = counts.map(|(name, n)| (name, n.into())).into_iter().chain(of_augmentations).collect();
        let mut args = vec![("step", step), ("x", x.rows(&window, batch)), ("y", y.rows(&window, batch))];
        args.extend(random.map(|(levels, _)| ("levels", levels)));
        APPLY.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// The first of the numbers of the draws of fillings.
const FILL: u32 = 1 << 31;

/// Draw `number` of an image of the batch.
fn image_draws(step: &Step, image: usize, number: u32) -> [u32; 4] {
    philox4x32([image as u32, number, step.step_lo, step.step_hi], key(step.seed(), stream::AUGMENT))
}

/// Where the pixel at `at` of an augmented image comes from, by the constants of the augmentations.
fn origin(p: &Params, step: &Step, image: usize, at: usize) -> Pixel {
    let [h, w] = ["h", "w"].map(|name| p.u(name));
    let mut from = Pixel { row: (at / w) as i64, column: (at % w) as i64, filled: false };
    for (number, a) in AUGMENTATIONS.iter().enumerate().rev() {
        match p.u(a.key) as u32 {
            0 => {}
            constant => from = (a.source)(from, constant, [h, w], image_draws(step, image, number as u32)),
        }
    }
    from
}

/// What fills this channel of the pixel at `at`: one of the first `values` of `levels`, where they are given, else 0.
fn filling(io: &Io, step: &Step, image: usize, at: usize, channel: usize) -> f64 {
    if !io.has("levels") {
        return 0.0;
    }
    let number = FILL + (at * io.params.u("c").div_ceil(4) + channel / 4) as u32;
    io.f("levels")[below(image_draws(step, image, number)[channel % 4], io.params.u("values")) as usize]
}

/// y from x.
pub static APPLY: Kernel = Kernel {
    name: "augment.apply",
    args: &[STEP, read("x"), optional(read("levels"), |_| 0.0), write("y")],
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid((p.u("batch") * p.u("h") * p.u("w")).div_ceil(64)))],
    twin: |io: &mut Io| {
        let (p, step) = (io.params, io.step());
        let [batch, first, h, w, c] = ["batch", "first", "h", "w", "c"].map(|name| p.u(name));
        let mut y = Scalars::zeros(batch * h * w * c);
        for i in 0..batch * h * w {
            let (image, at) = (step.first_image as usize + first + i / (h * w), i % (h * w));
            let from = origin(p, &step, image, at);
            for channel in 0..c {
                let value = if from.filled {
                    filling(io, &step, image, at, channel)
                } else {
                    let pixel = i / (h * w) * h * w + from.row as usize * w + from.column as usize;
                    io.f("x")[pixel * c + channel]
                };
                y.set(i * c + channel, value, value.abs());
            }
        }
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases,
};

fn cases() -> Vec<Case> {
    let of = |name: &str, shape: [usize; 4], values: usize, limit: usize, only: Option<&'static str>, first_image| {
        Case::exact(name, move |c| {
            c.b.target.adapter.limits.max_binding = limit;
            c.step(Step { first_image, ..Step::at(0x0123_4567_89AB_CDEF, 0x1_0000_0007) });
            let x = c.input("x", &shape, &Values::Uniform(1.0));
            let random = (values > 0).then(|| (c.input("levels", &[256], &Values::Uniform(1.0)), values));
            let y = c.output("y", &shape);
            let [_, h, w, channels] = shape;
            let constant = |a: &Augmentation| if only.is_none_or(|key| key == a.key) { a.example } else { 0 };
            record(&mut c.b, "augment", constant, [h, w, channels], [x, y], random)
        })
    };
    let case = |name: &str, shape, values, limit, only| of(name, shape, values, limit, only, 0);
    let whole = 1 << 27;
    let mut cases = vec![
        case("one pixel", [3, 1, 1, 1], 2, whole, None),
        case("grey, not square", [5, 9, 7, 1], 17, whole, None),
        case("colours", [6, 32, 32, 3], 256, whole, None),
        case("nine channels, filled with 0", [4, 6, 11, 9], 0, whole, None),
        case("windows", [13, 4, 16, 4], 256, 3 << 10, None),
        of("windows of a shard", [13, 4, 16, 4], 256, 3 << 10, None, 26),
        case("nothing", [2, 5, 3, 2], 256, whole, Some("")),
    ];
    cases.extend(AUGMENTATIONS.iter().map(|a| case(a.key, [16, 8, 8, 3], 256, whole, Some(a.key))));
    cases
}
