//! A batch gathered on the device from training images that are resident there, as f32 or as bytes with a table of what
//! each byte becomes. The images may be bound in windows, each of which gives the samples it holds.

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, read_u32, update};
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
    cases: || cases(false),
};

/// `x[n] = levels[bytes of rows[index[n]]]`, for the rows bound.
pub static GATHER_BYTES: Kernel = Kernel {
    name: "batch.gather_bytes",
    args: &[read_u32("index"), read_u32("rows"), read("levels"), update("x")],
    variants: &[Variant::new("naive", anywhere, |p, _| grid(p, 1)), Variant::new("vec4", in_fours, |p, _| grid(p, 4))],
    twin: |io: &mut Io| {
        let words = words_per_image(io.params.u("features"));
        twin(io, |io, row, f| {
            let byte = io.u("rows")[row * words + f / 4] >> (8 * (f % 4)) & 255;
            io.f("levels")[byte as usize]
        });
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || cases(true),
};

/// Words that hold the bytes of an image of `features` values.
pub fn words_per_image(features: usize) -> usize {
    features.div_ceil(4)
}

fn twin(io: &mut Io, value: impl Fn(&Io, usize, usize) -> f64) {
    let [batch, features, first, count] = ["batch", "features", "first", "count"].map(|name| io.params.u(name));
    let mut x = Scalars::from(io.f("x").to_vec());
    for n in 0..batch {
        let image = io.u("index")[n] as usize;
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
    /// `[256]`: what each byte becomes.
    pub levels: Option<View>,
}

/// Records `x[n]` = image `index[n]` for a batch of `index.len` images: `x` is `[batch, features]`.
///
/// # Errors
/// An image that cannot be bound.
pub fn gather(b: &mut Builder, scope: &str, images: &Images, index: View, x: View) -> Result<()> {
    for w in b.windows(scope, images.count, &[images.rows])? {
        let params = [
            ("batch", index.len.into()),
            ("features", images.features.into()),
            ("first", w.start.into()),
            ("count", w.len().into()),
        ];
        let rows = images.rows.rows(&w, images.count);
        match images.levels {
            None => GATHER.dispatch(b, scope, &params, &[("index", index), ("rows", rows), ("x", x)])?,
            Some(levels) => {
                let args = [("index", index), ("rows", rows), ("levels", levels), ("x", x)];
                GATHER_BYTES.dispatch(b, scope, &params, &args)?;
            }
        }
    }
    Ok(())
}

fn cases(bytes: bool) -> Vec<Case> {
    let case = |name: &str, count: usize, features: usize, chosen: &[u32], limit: usize| {
        let chosen = chosen.to_vec();
        Case::exact(name, move |c| {
            c.b.target.adapter.limits.max_binding = limit;
            let levels = bytes.then(|| c.input("levels", &[256], &Fill::Uniform(1.0)));
            let rows = if bytes {
                let len = count * words_per_image(features);
                // Any word holds four bytes.
                c.words("rows", Fill::Uniform(1.0).values("rows", len).into_iter().map(f32::to_bits).collect())
            } else {
                c.input("rows", &[count, features], &Fill::Uniform(1.0))
            };
            let index = c.words("index", chosen.clone());
            let x = c.output("x", &[chosen.len(), features]);
            gather(&mut c.b, "batch", &Images { count, features, rows, levels }, index, x)
        })
    };
    vec![
        case("one image", 1, 1, &[0], 1 << 27),
        case("7 values, an image twice", 11, 7, &[3, 10, 0, 3], 1 << 27),
        case("rows of fours", 40, 108, &[39, 0, 17, 18, 5], 1 << 27),
        case("windows", 40, 256, &[39, 0, 17, 18, 5, 31, 32], 9 << 10),
    ]
}
