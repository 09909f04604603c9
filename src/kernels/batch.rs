//! A batch on the device: gathered from images that are resident there, as f32 or as bytes with a table of what each byte
//! becomes, or made of the bytes that the host uploaded. The images may be bound in windows, each of which gives the samples
//! it holds.

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, optional, read, read_u32, update};
use crate::error::Result;
use crate::plan::{Builder, Params, Target, View};

fn grid(p: &Params, owned: usize) -> [u32; 3] {
    linear_grid((p.u("batch") * p.u("features")).div_ceil(64 * owned))
}

fn in_fours(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("features").is_multiple_of(4) { Ok(()) } else { Err("the values of an image are no multiple of 4") }
}

/// `x[n] = rows[index[n]]`, for the rows bound.
pub static GATHER: Kernel = Kernel {
    name: "batch.gather",
    args: &[read_u32("index"), read("rows"), update("x")],
    variants: &[Variant::new("naive", anywhere, |p, _| grid(p, 1)), Variant::new("vec4", in_fours, |p, _| grid(p, 4))],
    twin: |io: &mut Io| {
        let features = io.params.u("features");
        twin(io, |io, row, f| io.f("rows")[row * features + f]);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || cases(false, true, false),
};

/// `x[n] = levels[bytes of rows[index[n]]]`, without `index` `levels[bytes of rows[n]]`, for the rows bound; with `mean` less that of
/// the channel, of three.
pub static GATHER_BYTES: Kernel = Kernel {
    name: "batch.gather_bytes",
    args: &[
        optional(read_u32("index"), |_| 0.0),
        read_u32("rows"),
        read("levels"),
        optional(read("mean"), |p| (p.u("batch") * p.u("features")) as f64),
        update("x"),
    ],
    variants: &[Variant::new("naive", anywhere, |p, _| grid(p, 1)), Variant::new("vec4", in_fours, |p, _| grid(p, 4))],
    twin: |io: &mut Io| {
        let words = words_per_image(io.params.u("features"));
        twin(io, |io, row, f| {
            let byte = io.u("rows")[row * words + f / 4] >> (8 * (f % 4)) & 255;
            let mean = if io.has("mean") { io.f("mean")[f % 3] } else { 0.0 };
            io.f("levels")[byte as usize] - mean
        });
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || {
        let of = |by_index, mean| cases(true, by_index, mean);
        [of(true, false), of(false, false), of(true, true), of(false, true)].concat()
    },
};

/// Words that hold the bytes of an image of `features` values.
pub fn words_per_image(features: usize) -> usize {
    features.div_ceil(4)
}

fn twin(io: &mut Io, value: impl Fn(&Io, usize, usize) -> f64) {
    let [batch, features, first, count] = ["batch", "features", "first", "count"].map(|name| io.params.u(name));
    let mut x = Scalars::from(io.f("x").to_vec());
    for n in 0..batch {
        let image = if io.has("index") { io.u("index")[n] as usize } else { n };
        if (first..first + count).contains(&image) {
            for f in 0..features {
                let v = value(io, image - first, f);
                x.set(n * features + f, v, v.abs());
            }
        }
    }
    io.put("x", x);
}

/// Images on the device.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// Values of each.
    pub features: usize,
    /// `[count, features]` f32; with `levels`, `[count, words_per_image(features)]` words of four bytes.
    pub rows: View,
    /// What each byte becomes.
    pub levels: Option<View>,
    /// What is subtracted then from each of three channels.
    pub mean: Option<View>,
}

/// Records `x[n]` = image `index[n]` for a batch of images, `x` is `[batch, features]`; without `index` image n, which is for
/// bytes: f32 need no copy.
///
/// # Errors
/// An image that cannot be bound.
///
/// # Panics
/// On f32 without `index`: a bug of the caller.
pub fn gather(b: &mut Builder, scope: &str, images: &Images, index: Option<View>, x: View) -> Result<()> {
    let batch = x.len / images.features;
    for part in b.windows(scope, batch, &[x, index.unwrap_or(images.rows)])? {
        // The images that samples of this part may be.
        let windows = match index {
            Some(_) => b.windows(scope, images.count, &[images.rows])?,
            None => vec![part.clone()],
        };
        for w in windows {
            let params = [
                ("batch", part.len().into()),
                ("features", images.features.into()),
                ("first", index.map_or(0, |_| w.start).into()),
                ("count", w.len().into()),
            ];
            let index = index.map(|index| ("index", index.rows(&part, batch)));
            let (rows, x) = (("rows", images.rows.rows(&w, images.count)), ("x", x.rows(&part, batch)));
            match images.levels {
                None => {
                    let index = index.expect("f32 are gathered by their index");
                    GATHER.dispatch(b, scope, &params, &[index, rows, x])?;
                }
                Some(levels) => {
                    let mean = images.mean.map(|mean| ("mean", mean));
                    let args: Vec<_> =
                        index.into_iter().chain([rows, ("levels", levels)]).chain(mean).chain([x]).collect();
                    GATHER_BYTES.dispatch(b, scope, &params, &args)?;
                }
            }
        }
    }
    Ok(())
}

fn cases(bytes: bool, by_index: bool, centred: bool) -> Vec<Case> {
    let case = |name: &str, count: usize, features: usize, chosen: &[u32], limit: usize| {
        let (chosen, batch) = (chosen.to_vec(), if by_index { chosen.len() } else { count });
        let name = if by_index { name.to_owned() } else { format!("{name}, in order") };
        let name = if centred { format!("{name}, less a mean") } else { name };
        Case::exact(name, move |c| {
            c.b.target.adapter.limits.max_binding = limit;
            // Where a mean is subtracted, whole numbers: differences are exact.
            let level = if centred { Fill::Integers(100) } else { Fill::Uniform(1.0) };
            let levels = bytes.then(|| c.input("levels", &[256], &level));
            let mean = centred.then(|| c.input("mean", &[3], &level));
            let rows = if bytes {
                let len = count * words_per_image(features);
                // Any word holds four bytes.
                c.words("rows", Fill::Uniform(1.0).values("rows", len).into_iter().map(f32::to_bits).collect())
            } else {
                c.input("rows", &[count, features], &Fill::Uniform(1.0))
            };
            let index = by_index.then(|| c.words("index", chosen.clone()));
            let x = c.output("x", &[batch, features]);
            gather(&mut c.b, "batch", &Images { count, features, rows, levels, mean }, index, x)
        })
    };
    vec![
        case("one image", 1, 1, &[0], 1 << 27),
        case("7 values, an image twice", 11, 7, &[3, 10, 0, 3], 1 << 27),
        case("rows of fours", 40, 108, &[39, 0, 17, 18, 5], 1 << 27),
        case("windows", 40, 256, &[39, 0, 17, 18, 5, 31, 32], 9 << 10),
        case("windows of a batch", 300, 8, &(0..300).rev().collect::<Vec<_>>(), 9 << 10),
    ]
}
