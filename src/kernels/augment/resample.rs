//! Training crops with stretch (Merolla et al. 2016 trained AlexNet by MatConvNet, which takes them so): rectangles of pictures, which the host
//! cuts out and the device resamples to one size, with the augmentations, the scale, the mean and the colour jitter in one pass.

use super::{AUGMENTATIONS, Augment, Augmentation, filling, origin};
use crate::error::Result;
use crate::kernels::case::{Case, CaseBuilder, Fill};
use crate::kernels::{
    Budget, Io, Kernel, STEP, Scalars, Variant, anywhere, linear_grid, optional, read, read_u32, write,
};
use crate::philox::{key, philox4x32, stream};
use crate::plan::{Builder, Params, Step, Target, Value, View};
use crate::projection::normal::normal;

/// Rows and columns of the largest rectangle for images of `h` rows and `w` columns: round((1 + stretch) h) and so on.
pub fn largest(stretch: f64, [h, w]: [usize; 2]) -> [usize; 2] {
    [h, w].map(|n| ((1.0 + stretch) * n as f64).round() as usize)
}

/// Words of a frame for rectangles of up to `rows` and `columns` of `c` channels: one for the size of the rectangle that is in it,
/// rows + 2^16 columns, and its bytes, `[rows][columns][c]`, four to a word, lowest first.
pub fn frame_words([rows, columns]: [usize; 2], c: usize) -> usize {
    1 + (rows * columns * c).div_ceil(4)
}

/// What a batch of frames becomes images by.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    /// `[batch, words]`, words of [`frame_words`].
    pub frames: View,
    /// `[2, c]`: what multiplies the bytes of each channel, and what is added then.
    pub affine: View,
    /// `[3, 3]`, for three channels: principal components of the colours, one in a row, in the units of the images and times the factor of
    /// the jitter. Without it there is none.
    pub components: Option<View>,
}

/// Records `y` `[batch, h, w, c]` = the rectangles in `from` resampled and augmented. Filled pixels are as in [`super::apply`]. Depends on
/// seed and step.
///
/// # Errors
/// An image that cannot be bound.
pub fn resample(
    b: &mut Builder,
    scope: &str,
    augment: &Augment,
    shape: [usize; 3],
    from: &Frames,
    y: View,
    random: Option<(View, usize)>,
) -> Result<()> {
    record(b, scope, |a| (a.number)(augment).map_or(0, a.constant), shape, from, y, random)
}

/// [`resample`], with the constant of each augmentation.
fn record(
    b: &mut Builder,
    scope: &str,
    constant: impl Fn(&Augmentation) -> u32,
    [h, w, c]: [usize; 3],
    from: &Frames,
    y: View,
    random: Option<(View, usize)>,
) -> Result<()> {
    let (step, batch) = (b.step(), y.len / (h * w * c));
    let words = from.frames.len / batch;
    let values = random.map_or(0, |(_, values)| values);
    for window in b.windows(scope, batch, &[from.frames, y])? {
        let counts = [
            ("batch", window.len()),
            ("first", window.start),
            ("h", h),
            ("w", w),
            ("c", c),
            ("words", words),
            ("values", values),
        ];
        let of_augmentations = AUGMENTATIONS.iter().map(|a| (a.key, Value::U32(constant(a))));
        let params: Vec<_> = counts.map(|(name, n)| (name, n.into())).into_iter().chain(of_augmentations).collect();
        let mut args = vec![("step", step), ("frames", from.frames.rows(&window, batch)), ("affine", from.affine)];
        args.extend(from.components.map(|components| ("components", components)));
        args.extend(random.map(|(levels, _)| ("levels", levels)));
        args.push(("y", y.rows(&window, batch)));
        RESAMPLE.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

fn of_three_channels(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("c") == 3 { Ok(()) } else { Err("the pictures do not have three channels") }
}

fn grid(p: &Params) -> [u32; 3] {
    linear_grid((p.u("batch") * p.u("h") * p.u("w")).div_ceil(64))
}

/// Pixel `i` of `n` along a side of `size` pixels: the pixels between which it lies, and the part of the way.
fn between(i: usize, n: usize, size: usize) -> (usize, usize, f64) {
    let at = ((2 * i + 1) * size).max(n) - n;
    let first = at / (2 * n);
    (first, (first + 1).min(size - 1), (at % (2 * n)) as f64 / (2 * n) as f64)
}

/// y from rectangles of pictures.
pub static RESAMPLE: Kernel = Kernel {
    name: "augment.resample",
    args: &[
        STEP,
        read_u32("frames"),
        read("affine"),
        optional(read("components"), |_| 0.0),
        optional(read("levels"), |_| 0.0),
        write("y"),
    ],
    variants: &[
        Variant::new("naive", anywhere, |p, _| grid(p)),
        Variant::new("rgb", of_three_channels, |p, _| grid(p)),
    ],
    twin: |io: &mut Io| {
        let (p, step) = (io.params, io.step());
        let [batch, first, h, w, c, words] = ["batch", "first", "h", "w", "c", "words"].map(|name| p.u(name));
        let (frames, affine) = (io.u("frames"), io.f("affine"));
        let mut y = Scalars::zeros(batch * h * w * c);
        for i in 0..batch * h * w {
            let (n, at) = (i / (h * w), i % (h * w));
            let image = step.first_image as usize + first + n;
            let from = origin(p, &step, image, at);
            if from.filled {
                for channel in 0..c {
                    let value = filling(io, &step, image, at, channel);
                    y.set(i * c + channel, value, value.abs());
                }
                continue;
            }
            let frame = &frames[n * words..(n + 1) * words];
            let [rows, columns] = [frame[0] & 0xFFFF, frame[0] >> 16].map(|n| n as usize);
            let (top, bottom, down) = between(from.row as usize, h, rows);
            let (left, right, across) = between(from.column as usize, w, columns);
            let z = philox4x32([image as u32, 0, step.step_lo, step.step_hi], key(step.seed(), stream::COLOR));
            for channel in 0..c {
                let byte = |row: usize, column: usize| {
                    let at = (row * columns + column) * c + channel;
                    f64::from(frame[1 + at / 4] >> (8 * (at % 4)) & 255)
                };
                let mix = |a: f64, b: f64, part: f64| a + part * (b - a);
                let over = mix(byte(top, left), byte(top, right), across);
                let under = mix(byte(bottom, left), byte(bottom, right), across);
                let v = mix(over, under, down) * affine[channel];
                // Differences of bytes are not larger than 255, whatever comes of them.
                let scale = 255.0 * affine[channel].abs() + affine[c + channel].abs();
                let (mut value, mut scale) = (v + affine[c + channel], scale);
                if io.has("components") {
                    for (k, word) in z.into_iter().take(3).enumerate() {
                        let (z, component) = (f64::from(normal(word)), io.f("components")[3 * k + channel]);
                        value += z * component;
                        // As for AddNorm, the polynomial of an adapter that fuses differs by a few units in the last place of 4.
                        scale += component.abs() * (z.abs() + 8.0);
                    }
                }
                y.set(i * c + channel, value, scale);
            }
        }
        io.put("y", y);
    },
    // Four bytes, the offset, three components.
    budget: Budget::Sum(|_| 8),
    flop: |p| 14.0 * (p.u("batch") * p.u("h") * p.u("w") * p.u("c")) as f64,
    cases,
};

/// What a case has besides rectangles.
#[derive(Clone, Copy, Default)]
struct With {
    /// Jitter of colours.
    jitter: bool,
    /// Every augmentation; filled pixels are random.
    augmented: bool,
    /// Bytes of a binding, at most; 0 for any number.
    limit: usize,
    /// The place of the first image of the pass in the batch.
    first_image: u32,
}

/// Batch, rows, columns and channels of a case, and the sizes of its rectangles, which come one after the other.
fn build(c: &mut CaseBuilder, [n, h, w, channels]: [usize; 4], sizes: &[[usize; 2]], with: With) -> Result<()> {
    if with.limit > 0 {
        c.b.target.adapter.limits.max_binding = with.limit;
    }
    c.step(Step { first_image: with.first_image, ..Step::at(0x0123_4567_89AB_CDEF, 0x1_0000_0007) });
    let largest = sizes.iter().fold([1, 1], |a, b| [a[0].max(b[0]), a[1].max(b[1])]);
    let words = frame_words(largest, channels);
    // Any word holds four bytes.
    let mut frames: Vec<u32> = Fill::Uniform(1.0)
        .values("frames", n * words)
        .into_iter()
        .map(|v| v.to_bits().wrapping_mul(0x9E37_79B9))
        .collect();
    for (frame, [rows, columns]) in frames.chunks_exact_mut(words).zip(sizes.iter().cycle()) {
        frame[0] = (rows | columns << 16) as u32;
    }
    let frames = c.words("frames", frames);
    let affine = if c.is_exact() { Fill::Integers(3) } else { Fill::Uniform(2.0) };
    let affine = c.input("affine", &[2, channels], &affine);
    let components = with.jitter.then(|| c.input("components", &[3, 3], &Fill::Uniform(9.0)));
    let random = with.augmented.then(|| (c.input("levels", &[256], &Fill::Uniform(1.0)), 256));
    let y = c.output("y", &[n, h, w, channels]);
    let constant = |a: &Augmentation| if with.augmented { a.example } else { 0 };
    let from = Frames { frames, affine, components };
    record(&mut c.b, "augment", constant, [h, w, channels], &from, y, random)
}

fn cases() -> Vec<Case> {
    let case = |name: &str, shape: [usize; 4], sizes: &'static [[usize; 2]], with: With| {
        Case::new(name, move |c| build(c, shape, sizes, with)).one_sign()
    };
    let exact = |name: &str, shape: [usize; 4], sizes: &'static [[usize; 2]], with: With| {
        Case::exact(name, move |c| build(c, shape, sizes, with))
    };
    let (none, jitter) = (With::default(), With { jitter: true, ..With::default() });
    let augmented = With { augmented: true, ..With::default() };
    vec![
        exact("one pixel", [3, 1, 1, 1], &[[1, 1]], none),
        exact("the bytes themselves", [4, 9, 7, 3], &[[9, 7]], none),
        exact("the bytes themselves, augmented", [16, 8, 8, 3], &[[8, 8]], augmented),
        exact("half and twice the size", [4, 8, 4, 3], &[[4, 8], [16, 2], [16, 8], [8, 4]], none),
        exact("grey, half and twice the size", [4, 8, 4, 1], &[[4, 8], [16, 2]], none),
        case("stretched", [7, 20, 23, 3], &[[18, 25], [22, 21], [20, 23], [19, 23], [21, 22]], none),
        case("stretched, jitter", [9, 12, 10, 3], &[[11, 11], [13, 9], [12, 10]], jitter),
        case(
            "stretched, augmented, jitter",
            [8, 8, 9, 3],
            &[[7, 10], [9, 8]],
            With { jitter: true, first_image: 40, ..augmented },
        ),
        case("two channels", [5, 6, 7, 2], &[[5, 8], [7, 6]], none),
        case("a row and a column", [4, 5, 6, 3], &[[1, 6], [5, 1], [1, 1]], none),
        case("windows", [70, 4, 16, 4], &[[4, 17], [5, 15]], With { limit: 40 << 10, ..none }),
        case("windows, colours", [70, 4, 4, 3], &[[4, 5], [5, 3]], With { limit: 4 << 10, ..jitter }),
    ]
}
