//! Convolutions of 3x3 filters with stride 1 by Winograd's F(2x4, 3x3) (A. Lavin, S. Gray, Fast Algorithms for
//! Convolutional Neural Networks, 2015): weights and input are transformed, multiplied place by place, and the products
//! transformed back. Three times fewer products than the direct form; F(4x4) would need four times fewer, and rounds too
//! much for the budget of a convolution. `shaders/common/winograd.wgsl` has the matrices and the layouts.

use super::case::{Case, CaseBuilder, Fill};
use super::conv2d::fused::{self, BLOCK};
use super::conv2d::{Weight, stored};
use super::{
    Budget, Chain, Io, Kernel, Scalars, Variant, anywhere, conv2d, linear_grid, optional, read, read_u32, texels, with,
    without, write,
};
use crate::error::Result;
use crate::plan::{Builder, Elem, Limits, Params, Role, Target, Value, View};

/// Tiles of a block of v, columns of a block of u.
const TILES: usize = 32;
const COLUMNS: usize = 32;

/// Places of a transformed patch.
const PLACES: usize = 24;

/// Channels of a convolution, at least.
const LEAST: usize = 32;

/// Elements of the transformed input that are made and used at a time (24 MiB): few enough for the caches of a CPU to
/// help, and enough that a part is much more work than its dispatches and copies. Parts of 4 MiB were a tenth slower.
const PART: usize = 6 << 20;

// The matrices of `shaders/common/winograd.wgsl`, along y and along x.
const INPUT_Y: [[f64; 4]; 4] = [[1., 0., -1., 0.], [0., 1., 1., 0.], [0., -1., 1., 0.], [0., 1., 0., -1.]];
const FILTER_Y: [[f64; 3]; 4] = [[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0., 0., 1.]];
const OUTPUT_Y: [[f64; 4]; 2] = [[1., 1., 1., 0.], [0., 1., -1., -1.]];
pub(super) const SIX_POINTS: [[f64; 6]; 6] = [
    [1., -1.5, -2., 1.5, 1., 0.],
    [0., -1., 0.5, 2.5, 1., 0.],
    [0., 1., -2.5, 0.5, 1., 0.],
    [0., -2., -1., 2., 1., 0.],
    [0., 0.5, -1., -0.5, 1., 0.],
    [0., 1., -1.5, -2., 1.5, 1.],
];
const FILTER_X: [[f64; 3]; 6] =
    [[15., 0., 0.], [5., 5., 5.], [-5., 5., -5.], [-16., -8., -4.], [1., -2., 4.], [0., 0., 15.]];
const OUTPUT_X: [[f64; 6]; 4] =
    [[1., 1., 1., 1., 1., 0.], [0., 1., -1., 0.5, -2., 0.], [0., 1., 1., 0.25, 4., 0.], [0., 1., -1., 0.125, -8., 1.]];

/// A convolution of 3x3 filters with stride 1, by the arrays it reads and writes: for the gradient with respect to the
/// input, x is dy and y is dx.
#[derive(Clone, Copy, Debug)]
struct Shape {
    n: usize,
    h: usize,
    w: usize,
    c_in: usize,
    oh: usize,
    ow: usize,
    c_out: usize,
    pad: [usize; 2],
    /// Whether the weights are `[3, 3, c_out, groups, c_in]` and turned by 180 degrees.
    flip: bool,
    /// Groups, each of so many channels.
    groups: usize,
}

impl Shape {
    fn from(p: &Params) -> Self {
        Shape { pad: [p.u("pad_h"), p.u("pad_w")], flip: p.u("flip") != 0, ..Shape::of_forward(p) }
    }

    /// The convolution of `conv2d.forward` with these constants, padded by 1.
    fn of_forward(p: &Params) -> Self {
        Shape {
            n: p.u("n"),
            h: p.u("h"),
            w: p.u("w"),
            c_in: p.u("c_in"),
            oh: p.u("oh"),
            ow: p.u("ow"),
            c_out: p.u("c_out"),
            pad: [1, 1],
            flip: false,
            groups: p.u("groups"),
        }
    }

    /// The convolution that `conv2d.grad_input` with these constants is.
    fn of_grad_input(p: &Params) -> Self {
        let of = Shape::of_forward(p);
        Shape { h: of.oh, w: of.ow, c_in: of.c_out, oh: of.h, ow: of.w, c_out: of.c_in, flip: true, ..of }
    }

    fn params(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("n", self.n.into()),
            ("h", self.h.into()),
            ("w", self.w.into()),
            ("c_in", self.c_in.into()),
            ("oh", self.oh.into()),
            ("ow", self.ow.into()),
            ("c_out", self.c_out.into()),
            ("pad_h", self.pad[0].into()),
            ("pad_w", self.pad[1].into()),
            ("flip", usize::from(self.flip).into()),
            ("groups", self.groups.into()),
        ]
    }

    /// The same with the channels of all groups in one: how a transform of an image sees them.
    fn in_one_group(&self) -> Self {
        Shape { c_in: self.groups * self.c_in, c_out: self.groups * self.c_out, groups: 1, ..*self }
    }

    /// Tiles of one image in y and x.
    fn tiles(&self) -> [usize; 2] {
        [self.oh.div_ceil(2), self.ow.div_ceil(4)]
    }

    /// Blocks of tiles.
    fn blocks(&self) -> usize {
        (self.n * self.tiles()[0] * self.tiles()[1]).div_ceil(TILES)
    }

    fn v_len(&self) -> usize {
        self.blocks() * PLACES * self.groups * self.c_in * TILES
    }

    fn u_len(&self) -> usize {
        (self.groups * self.c_out).div_ceil(COLUMNS) * PLACES * self.c_in * COLUMNS
    }

    /// Position in v or u (`width` rows to a block) of a place, a channel and a row.
    fn at(&self, width: usize, place: usize, k: usize, row: usize) -> usize {
        (((row / width * PLACES + place) * (self.c_in / 4) + k / 4) * width + row % width) * 4 + k % 4
    }

    /// Images whose transformed input is made at a time: so few that [`PART`] elements are enough for it, and can be bound;
    /// equal parts of the batch where that is possible, so that they share their pipelines; and every part begins aligned.
    fn images(&self, limits: &Limits) -> usize {
        let begins = |images: usize| {
            let starts = [self.h * self.w * self.c_in, self.oh * self.ow * self.c_out];
            starts.iter().all(|row| (images * row * self.groups * 4).is_multiple_of(limits.offset_alignment))
        };
        // Of whole blocks of tiles.
        let enough = |images: &usize| Shape { n: *images, ..*self }.v_len() <= PART.min(limits.max_binding / 4);
        let most = (1..=self.n).rev().find(enough).unwrap_or(1);
        let fits = |images: &usize| *images <= most && (*images == self.n || begins(*images));
        let even = (1..=self.n).rev().filter(|i| self.n.is_multiple_of(*i)).find(fits);
        match even {
            Some(images) if 2 * images >= most => images,
            even => (1..=self.n).rev().find(fits).or(even).unwrap_or(self.n),
        }
    }
}

/// `conv2d.forward` by these kernels.
pub static FORWARD: Chain = Chain {
    kernel: "conv2d.forward",
    name: "winograd",
    maps: &[],
    takes: |p| {
        // Eight tiles in a row are 64 pixels in a row.
        let blocks = [8, 16, 32].contains(&p.u("w")) && (p.u("h") * p.u("w")).is_multiple_of(BLOCK);
        if blocks { &["bits", "zeros", "skip", "moments"] } else { &["bits", "zeros", "skip"] }
    },
    supports,
    record: |b, scope, p, args| {
        let weights: Vec<_> = args.iter().filter(|(name, _)| stored::NAMES.contains(name)).copied().collect();
        let around: Vec<_> = args.iter().filter(|(name, _)| ["skip", "moments"].contains(name)).copied().collect();
        record(b, scope, &Shape::of_forward(p), arg(args, "x"), &weights, &around, arg(args, "y"))
    },
};

/// `conv2d.grad_input` by these kernels: dx is the convolution of dy with the weights turned by 180 degrees.
pub static GRAD_INPUT: Chain = Chain {
    kernel: "conv2d.grad_input",
    name: "winograd",
    maps: &[],
    takes: |_| &[],
    supports,
    record: |b, scope, p, args| {
        record(b, scope, &Shape::of_grad_input(p), arg(args, "dy"), &[("w", arg(args, "w"))], &[], arg(args, "dx"))
    },
};

fn supports(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if [p.u("kh"), p.u("kw"), p.u("stride_h"), p.u("stride_w")] != [3, 3, 1, 1] {
        return Err("it is for 3x3 filters with stride 1");
    }
    // An output that sums few products, in the corner of a wider pad, would inherit the rounding of its whole tile.
    let same = (p.u("oh"), p.u("ow")) == (p.u("h"), p.u("w"));
    if [p.u("pad_h"), p.u("pad_w")] != [1, 1] || !same {
        return Err("it is for images padded by 1");
    }
    conv2d::whole_sums(p)?;
    whole_panels(p)?;
    conv2d::multiple_of_4(p, "c_in")?;
    conv2d::multiple_of_4(p, "c_out")?;
    // With fewer the rounding of the transforms does not average out.
    if p.u("c_in") < LEAST || p.u("c_out") < LEAST {
        return Err("it needs 32 channels or more");
    }
    lanes(t, p)?;
    // One image at a time is the least that can be bound, and the weights are bound whole.
    let bound = [Shape::of_forward(p), Shape::of_grad_input(p)].map(|s| Shape { n: 1, ..s }.v_len().max(s.u_len()));
    if bound.iter().any(|len| len * 4 > t.adapter.limits.max_binding) {
        return Err("a transformed image or the transformed weights exceed the binding limit");
    }
    Ok(())
}

/// Transformed arrays are cut in panels of 32 channels: none may be part of two groups.
pub(super) fn whole_panels(p: &Params) -> std::result::Result<(), &'static str> {
    let whole = ["c_in", "c_out"].iter().all(|name| p.u(name).is_multiple_of(32));
    if p.u("groups") == 1 || whole { Ok(()) } else { Err("the channels of a group are no multiple of 32") }
}

fn lanes(t: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    texels(t, p)?;
    conv2d::subgroups_of_8(t)
}

fn texels(t: &Target, _: &Params) -> std::result::Result<(), &'static str> {
    texels::readable(t)
}

/// The argument of a chain's kernel called `name`.
fn arg(args: &[(&'static str, View)], name: &str) -> View {
    args.iter().find(|(n, _)| *n == name).expect("an argument of the kernel").1
}

/// Appends the commands: the weights, given as arguments, once, then part by part of the batch the input and the products, which take
/// what is `around`.
fn record(
    b: &mut Builder,
    scope: &str,
    shape: &Shape,
    x: View,
    weights: &[(&'static str, View)],
    around: &[(&'static str, View)],
    y: View,
) -> Result<()> {
    let u = transient(b, &format!("{scope}.u"), shape.u_len());
    WEIGHTS.dispatch(b, scope, &shape.params(), &[weights, &[("u", u)]].concat())?;
    let images = shape.images(&b.target.adapter.limits);
    for start in (0..shape.n).step_by(images) {
        let part = start..(start + images).min(shape.n);
        let shape_of = Shape { n: part.len(), ..*shape };
        let v = transient(b, &format!("{scope}.v"), shape_of.v_len());
        let (x, y) = (x.rows(&part, shape.n), y.rows(&part, shape.n));
        INPUT_TRANSFORM.dispatch(b, scope, &shape_of.in_one_group().params(), &[("x", x), ("v", v)])?;
        let around: Vec<_> = around.iter().map(|(name, view)| (*name, view.rows(&part, shape.n))).collect();
        MULTIPLY.dispatch(b, scope, &shape_of.params(), &[&[("v", v), ("u", u), ("y", y)], &around[..]].concat())?;
    }
    Ok(())
}

/// A transient whose name is `base`, or `base` with a number if that is taken.
fn transient(b: &mut Builder, base: &str, len: usize) -> View {
    let name = (2..).map(|i| format!("{base}{i}"));
    let name = std::iter::once(base.to_owned()).chain(name).find(|n| !b.has(n)).expect("numbers do not end");
    b.buffer(name, Elem::F32, &[len], Role::Transient)
}

/// u = G g G^T.
pub static WEIGHTS: Kernel = Kernel {
    name: "winograd.weights",
    args: &[
        without("bits", read("w")),
        write("u"),
        optional(read_u32("bits"), stored::no_operation),
        with("bits", read("scale")),
        optional(read_u32("zeros"), stored::no_operation),
    ],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(Shape::from(p).u_len().div_ceil(64))),
        Variant::new(
            "texels",
            |t, p| {
                texels(t, p)?;
                conv2d::multiple_of_4(p, "c_out")
            },
            |p, _| linear_grid((Shape::from(p).u_len() / (PLACES * 16)).div_ceil(64)),
        ),
    ],
    twin: |io: &mut Io| {
        let s = Shape::from(io.params);
        let w = stored::read(io, 9 * s.c_in, s.groups * s.c_out);
        let mut u = Scalars::zeros(io.len("u"));
        for (column, k) in (0..s.groups * s.c_out).flat_map(|c| (0..s.c_in).map(move |k| (c, k))) {
            for (place, tap) in (0..PLACES).flat_map(|f| (0..9).map(move |t| (f, t))) {
                let factor = FILTER_Y[place / 6][tap / 3] * FILTER_X[place % 6][tap % 3];
                let at = match s.flip {
                    true => (((8 - tap) * s.c_out + column % s.c_out) * s.groups + column / s.c_out) * s.c_in + k,
                    false => (tap * s.c_in + k) * s.groups * s.c_out + column,
                };
                u.add(s.at(COLUMNS, place, k, column), factor * w[at]);
            }
        }
        io.put("u", u);
    },
    budget: Budget::Sum(|_| 9),
    flop: |_| 0.0,
    cases: weights_cases,
};

/// v = B^T d B.
pub static INPUT_TRANSFORM: Kernel = Kernel {
    name: "winograd.input",
    args: &[read("x"), write("v")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(Shape::from(p).v_len().div_ceil(64))),
        Variant::new("texels", texels, |p, _| linear_grid((Shape::from(p).v_len() / (PLACES * 4)).div_ceil(128))),
    ],
    twin: |io: &mut Io| {
        let s = Shape::from(io.params);
        let x = io.f("x");
        let [rows, columns] = s.tiles();
        let mut v = Scalars::zeros(io.len("v"));
        for tile in 0..s.n * rows * columns {
            let (n, ty, tx) = (tile / (rows * columns), tile / columns % rows, tile % columns);
            for (dy, dx) in (0..4).flat_map(|y| (0..6).map(move |x| (y, x))) {
                let (iy, ix) = ((2 * ty + dy).wrapping_sub(s.pad[0]), (4 * tx + dx).wrapping_sub(s.pad[1]));
                if iy >= s.h || ix >= s.w {
                    continue;
                }
                for (place, k) in (0..PLACES).flat_map(|f| (0..s.c_in).map(move |k| (f, k))) {
                    let factor = INPUT_Y[place / 6][dy] * SIX_POINTS[place % 6][dx];
                    v.add(s.at(TILES, place, k, tile), factor * x[((n * s.h + iy) * s.w + ix) * s.c_in + k]);
                }
            }
        }
        io.put("v", v);
    },
    budget: Budget::Sum(|_| 4),
    flop: |_| 0.0,
    cases: || {
        cases(|c, s| {
            let (x, v) = (c.operand("x", &[s.n * s.h * s.w * s.groups * s.c_in]), c.output("v", &[s.v_len()]));
            INPUT_TRANSFORM.dispatch(&mut c.b, "winograd.input", &s.in_one_group().params(), &[("x", x), ("v", v)])
        })
    },
};

/// y = A^T (v * u) A, or skip + this.
pub static MULTIPLY: Kernel = Kernel {
    name: "winograd.multiply",
    args: &[
        read("v"),
        read("u"),
        write("y"),
        optional(write("moments"), fused::of_moments),
        optional(read("skip"), fused::of_skip),
    ],
    variants: &[
        Variant::new("naive", anywhere, |p, k| {
            let (pixels, channels) = (p.u("n") * p.u("oh") * p.u("ow"), p.u("groups") * p.u("c_out"));
            linear_grid(match k.get("moments") {
                0 => (pixels * channels).div_ceil(64),
                _ => pixels.div_ceil(BLOCK) * channels,
            })
        }),
        Variant::new(
            "lanes",
            |t, p| {
                lanes(t, p)?;
                conv2d::multiple_of_4(p, "c_out")
            },
            |p, _| {
                let s = Shape::from(p);
                [(s.groups * s.c_out).div_ceil(COLUMNS) as u32, s.blocks() as u32, 1]
            },
        ),
    ],
    twin: |io: &mut Io| {
        let s = Shape::from(io.params);
        let (v, u) = (io.f("v"), io.f("u"));
        let [rows, columns] = s.tiles();
        let mut y = Scalars::zeros(io.len("y"));
        for e in 0..y.value.len() {
            let (pixel, column) = (e / (s.groups * s.c_out), e % (s.groups * s.c_out));
            let (first, of_all) = (column / s.c_out * s.c_in, s.in_one_group());
            let (ox, oy, n) = (pixel % s.ow, pixel / s.ow % s.oh, pixel / s.ow / s.oh);
            let tile = (n * rows + oy / 2) * columns + ox / 4;
            for place in 0..PLACES {
                let factor = OUTPUT_Y[oy % 2][place / 6] * OUTPUT_X[ox % 4][place % 6];
                for k in 0..if factor == 0.0 { 0 } else { s.c_in } {
                    y.add(e, factor * v[of_all.at(TILES, place, first + k, tile)] * u[s.at(COLUMNS, place, k, column)]);
                }
            }
        }
        // Once, at the end: the sum is exact.
        y.value.iter_mut().chain(&mut y.scale).for_each(|v| *v /= 15.0);
        fused::put_outputs(io, y);
    },
    budget: Budget::Sum(|p| PLACES * p.u("c_in")),
    // That of the direct form, for the whole chain.
    flop: |p| 18.0 * (p.u("n") * p.u("oh") * p.u("ow") * p.u("groups") * p.u("c_out")) as f64 * p.u("c_in") as f64,
    cases: || {
        let mut all = cases(|c, s| multiply(c, s, &[]));
        all.extend(cases(|c, s| multiply(c, s, &["skip"])).into_iter().map(|c| c.with("skip")));
        // By budget: squares of these integers have more bits than f32.
        let blocks =
            cases(|c, s| multiply(c, s, &["skip", "moments"])).into_iter().filter(|c| c.name == "blocks filled");
        all.extend(blocks.map(|c| c.with("skip, moments")));
        all
    },
};

fn multiply(c: &mut CaseBuilder, s: &Shape, given: &[&str]) -> Result<()> {
    let v = c.operand("v", &[s.v_len()]);
    let u = fifteenfold(c, "u", s.u_len());
    let (pixels, channels) = (s.n * s.oh * s.ow, s.groups * s.c_out);
    let y = c.output("y", &[pixels * channels]);
    let mut args = vec![("v", v), ("u", u), ("y", y)];
    if given.contains(&"skip") {
        args.push(("skip", c.operand("skip", &[pixels * channels])));
    }
    if given.contains(&"moments") {
        args.push(("moments", c.output("moments", &[pixels.div_ceil(BLOCK) * 2 * channels])));
    }
    MULTIPLY.dispatch(&mut c.b, "winograd.multiply", &s.params(), &args)
}

/// An operand as the transforms make it: where the case is exact, multiples of 15, which the division by 15 leaves exact.
pub(super) fn fifteenfold(c: &mut CaseBuilder, name: &str, len: usize) -> View {
    if !c.is_exact() {
        return c.operand(name, &[len]);
    }
    let multiples = Fill::Integers(4).values(name, len).iter().map(|v| 15.0 * v).collect();
    c.input(name, &[len], &Fill::Values(multiples))
}

/// The cases of [`WEIGHTS`]: of f32, and as bits, which are not turned.
fn weights_cases() -> Vec<Case> {
    fn of(c: &mut CaseBuilder, s: &Shape, w: Weight) -> Result<()> {
        let u = c.output("u", &[s.u_len()]);
        WEIGHTS.dispatch(&mut c.b, "winograd.weights", &s.params(), &[&w.args()[..], &[("u", u)]].concat())
    }
    let (rows, channels) = (|s: &Shape| 9 * s.c_in, |s: &Shape| s.groups * s.c_out);
    let mut all = cases(move |c, s| {
        let w = c.operand("w", &[rows(s) * channels(s)]);
        of(c, s, w.into())
    });
    for (what, ternary) in [("bits", false), ("bits and zeros", true)] {
        let bits = cases(move |c, s| {
            let w = stored::inputs(c, rows(s), channels(s), ternary);
            of(c, &Shape { flip: false, ..*s }, w)
        });
        all.extend(bits.into_iter().map(|c| c.with(what)));
    }
    all
}

fn cases(build: impl Fn(&mut CaseBuilder, &Shape) -> Result<()> + Copy + Send + Sync + 'static) -> Vec<Case> {
    let base = Shape { n: 2, h: 6, w: 5, c_in: 8, oh: 6, ow: 5, c_out: 12, pad: [1, 1], flip: false, groups: 1 };
    let shapes = [
        ("8 to 12", base),
        ("8 to 12, flipped", Shape { flip: true, ..base }),
        ("blocks filled", Shape { n: 4, h: 8, w: 8, oh: 8, ow: 8, c_in: 16, c_out: 32, ..base }),
        ("a last column of blocks", Shape { n: 3, h: 4, w: 8, oh: 4, ow: 8, c_in: 4, c_out: 44, ..base }),
        ("2 groups", Shape { c_in: 32, c_out: 64, groups: 2, ..base }),
        ("3 groups, flipped", Shape { c_in: 64, c_out: 32, flip: true, groups: 3, ..base }),
        ("no pad", Shape { oh: 4, ow: 3, pad: [0, 0], ..base }),
        ("pad 2", Shape { h: 2, w: 1, oh: 4, ow: 3, pad: [2, 2], flip: true, ..base }),
    ];
    let mut all = vec![];
    for (name, s) in shapes {
        all.push(Case::exact(format!("{name}, integers"), move |c| build(c, &s)));
        all.push(Case::new(name, move |c| build(c, &s)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::conv2d::Geometry;

    #[test]
    fn the_matrices_make_a_convolution() {
        // Against every pair of unit vectors: the transforms are linear.
        let expected = |o: usize, tap: usize, pixel: usize| f64::from(u8::from(pixel == o + tap));
        for (tap, pixel) in (0..3).flat_map(|t| (0..4).map(move |p| (t, p))) {
            for (o, row) in OUTPUT_Y.iter().enumerate() {
                let y: f64 = (0..4).map(|i| row[i] * FILTER_Y[i][tap] * INPUT_Y[i][pixel]).sum();
                assert_eq!(y, expected(o, tap, pixel), "output {o}, tap {tap}, pixel {pixel}");
            }
        }
        for (tap, pixel) in (0..3).flat_map(|t| (0..6).map(move |p| (t, p))) {
            for (o, row) in OUTPUT_X.iter().enumerate() {
                let y: f64 = (0..6).map(|j| row[j] * FILTER_X[j][tap] * SIX_POINTS[j][pixel]).sum();
                assert_eq!(y, 15.0 * expected(o, tap, pixel), "output {o}, tap {tap}, pixel {pixel}");
            }
        }
    }

    #[test]
    fn parts_of_a_batch_are_even_small_and_aligned() {
        let s =
            Shape { n: 50, h: 32, w: 32, c_in: 128, oh: 32, ow: 32, c_out: 128, pad: [1, 1], flip: false, groups: 1 };
        let limits = Target::baseline().adapter.limits;
        assert_eq!(s.images(&limits), 10);
        let small = Shape { h: 8, w: 8, oh: 8, ow: 8, ..s };
        assert_eq!(small.images(&limits), 50);
        // 13 images fit and divide the batch, but only even numbers of them begin aligned.
        let odd = Shape { n: 26, h: 18, w: 14, c_in: 448, oh: 18, ow: 14, c_out: 8, ..s };
        assert_eq!(odd.images(&limits), 16);
        // A batch that has no aligned part stays whole.
        assert_eq!(Shape { n: 3, h: 3, w: 3, oh: 3, ow: 3, c_in: 4, c_out: 4, ..s }.images(&limits), 3);
        let narrow = Limits { max_binding: 4 << 20, ..limits };
        assert_eq!(s.images(&narrow), 2, "no more than can be bound");
        // On average 1.5 blocks of 32 tiles to six images, which take two.
        let blocks = Shape { n: 12, h: 8, w: 8, c_in: 64, oh: 8, ow: 8, c_out: 32, ..s };
        assert_eq!(blocks.images(&Limits { max_binding: 300 << 10, ..limits }), 4);
    }

    #[test]
    fn transformed_weights_that_cannot_be_bound_are_left_to_the_direct_form() {
        let target = Target::baseline().with(|a| a.subgroup = Some(8));
        let of = |c: usize| {
            let base = Geometry { h: 4, w: 4, kernel: [3, 3], pad: [1, 1], ..Geometry::linear(1, c, c) };
            supports(&target, &Params(base.params(1, 1)))
        };
        // 96 MiB, and 150 MiB, where the weights themselves take 56 MiB.
        assert_eq!(of(1024), Ok(()));
        assert!(of(1280).is_err());
    }
}
