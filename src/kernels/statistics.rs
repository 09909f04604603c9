//! alpha of every tensor, or of each of its filters: the statistic of |w| that its projection asks for
//! ([`crate::projection::Statistic`]). The largest |w| of a tensor comes from those of its chunks, which the last update
//! left; means, and maxima of filters, are computed from the weights, in a fixed order, where a projection asks for them.

use super::case::{Case, CaseBuilder, Fill};
use super::flat::{AWKWARD, WINDOW, chunk_grid, flat, layout};
use super::parameters::{Arrays, Parameters, ROW, Segment, Tensor, owned};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, read_u32, update, write};
use crate::error::Result;
use crate::plan::{Builder, Elem, Role, View};
use crate::projection::Statistic;

/// |w| that one invocation adds up, at most (`TERMS` in `shaders/project/parts.wgsl`).
const TERMS: usize = 128;

/// Numbers that one invocation of project.combine adds up, at most: a layer of 38 million weights, fc6 of AlexNet, has 1152
/// parts for each of 256, whose sums make 256 more.
const PARTS: usize = 1 << 11;

/// Where the alphas of a tensor are, and how they come about: words of its row of `projections`.
pub(super) struct Alphas {
    /// The first in `alphas`: below the number of tensors that of project.alpha, else the first of project.combine.
    pub first: usize,
    /// How many there are: one for each filter, or one.
    filters: usize,
    /// The weight e has that of number e / stride, modulo `filters`.
    stride: usize,
    /// What a weight counts for in a mean; 0: a maximum.
    share: f32,
    /// Where its parts are in `partials`.
    partials: usize,
}

impl Alphas {
    /// Where they stand in a row.
    const WORDS: usize = 3;

    /// Those of every tensor, which takes the statistic of the same number.
    pub fn of_tensors(p: &Parameters, statistics: &[Statistic]) -> Vec<Alphas> {
        let (mut room, mut partials) = (p.tensors.len(), 0);
        let mut one = |(t, (tensor, statistic)): (usize, (&Tensor, &Statistic))| {
            let filters = if statistic.is_of_filters() { tensor.filters() } else { 1 };
            let alphas = Alphas {
                first: if *statistic == Statistic::Max { t } else { room },
                filters,
                stride: if statistic.is_of_filters() { tensor.filter_stride() } else { 1 },
                share: if statistic.is_mean() { (filters as f64 / tensor.len() as f64) as f32 } else { 0.0 },
                partials,
            };
            if tensor.projected {
                room += tensor.filters();
                partials += parts(tensor);
            }
            alphas
        };
        p.tensors.iter().zip(statistics).enumerate().map(&mut one).collect()
    }

    /// The words of the row.
    pub fn words(&self) -> [u32; 5] {
        let places = [self.first, self.filters, self.stride, self.partials];
        let [first, filters, stride, partials] = places.map(|w| u32::try_from(w).expect("below 2^32 elements"));
        [first, filters, stride, self.share.to_bits(), partials]
    }

    /// From a row.
    pub fn read(row: &[u32]) -> Alphas {
        let w = &row[Self::WORDS..];
        let [first, filters, stride, partials] = [w[0], w[1], w[2], w[4]].map(|w| w as usize);
        Alphas { first, filters, stride, share: f32::from_bits(w[3]), partials }
    }

    /// The place in `alphas` of that of a weight.
    pub fn of(&self, element: usize) -> usize {
        self.first + self.filter(element)
    }

    fn filter(&self, element: usize) -> usize {
        element / self.stride % self.filters
    }

    /// The part, counted among those of the tensor, to which a weight belongs.
    fn part(&self, element: usize, len: usize) -> usize {
        let in_filter = if self.stride == 1 { element / self.filters } else { element % self.stride };
        in_filter % self.parts(len) * self.filters + self.filter(element)
    }

    /// Parts of a filter, of a tensor of `len` elements.
    fn parts(&self, len: usize) -> usize {
        (len / self.filters).div_ceil(TERMS)
    }

    /// `part` and `more` together.
    fn join(&self, part: f64, more: f64) -> f64 {
        if self.share == 0.0 { part.max(more) } else { part + more }
    }
}

/// Parts of all filters of a tensor; of the tensor as one filter there are no more.
fn parts(t: &Tensor) -> usize {
    t.filters() * t.fan_in().div_ceil(TERMS)
}

/// `maxima[chunk]` = max |weight|.
pub static MAXIMA: Kernel = Kernel {
    name: "project.maxima",
    args: &[read_u32("segments"), read_u32("chunks"), read("weight"), update("maxima")],
    variants: &[Variant::new("naive", anywhere, chunk_grid)],
    twin: |io: &mut Io| {
        let mut maxima = io.f("maxima").to_vec();
        for o in owned(io) {
            let part = &io.f("weight")[o.at..o.at + o.elements.len()];
            maxima[o.chunk] = part.iter().fold(0.0, |a, w| a.max(w.abs()));
        }
        io.put("maxima", maxima);
    },
    budget: Budget::Exact,
    flop: |p| p.u("chunks") as f64 * 4096.0,
    cases: || {
        let case = |name: &str, lens: &'static [usize], limit: usize, fill: Fill| {
            Case::exact(name, move |c| {
                c.b.target.adapter.limits.max_binding = limit;
                let p = layout(lens, 1);
                let weight = flat(c, &p, "weight", &fill);
                let out = c.input("maxima", &[p.chunks().len()], &Fill::Range(-1.0, -1.0));
                maxima(&mut c.b, "project.maxima", &p, weight, out)
            })
        };
        vec![
            case("one element", &[1], 1 << 27, Fill::Uniform(1.0)),
            case("awkward lengths", AWKWARD, 1 << 27, Fill::Uniform(1.0)),
            case("zeros", AWKWARD, 1 << 27, Fill::Range(0.0, 0.0)),
            case("windows", &[30_000, 7, 9000], WINDOW, Fill::Uniform(1.0)),
        ]
    },
};

/// `alphas[tensor]` = max |weight|, from those of the chunks.
pub static ALPHA: Kernel = Kernel {
    name: "project.alpha",
    args: &[read_u32("segments"), read("maxima"), write("alphas")],
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("tensors")))],
    twin: |io: &mut Io| {
        let of = |t: usize| {
            let s = Segment::read(io.u("segments"), t);
            io.f("maxima")[s.first_chunk..s.first_chunk + s.chunks].iter().fold(0.0f64, |a, m| a.max(*m))
        };
        let alphas: Vec<f64> = (0..io.params.u("tensors")).map(of).collect();
        io.put("alphas", alphas);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || {
        let case = |name: &str, lens: &'static [usize], fill: Fill| {
            Case::exact(name, move |c| {
                let p = layout(lens, 1);
                let maxima = c.input("maxima", &[p.chunks().len()], &fill);
                let out = c.output("alphas", &[lens.len()]);
                alpha(&mut c.b, "project.alpha", &p, maxima, out)
            })
        };
        vec![
            case("one element", &[1], Fill::Range(0.0, 1.0)),
            case("awkward lengths", AWKWARD, Fill::Range(0.0, 1.0)),
            case("many chunks", &[5, 70 * 4096, 300 * 4096 + 1], Fill::Range(0.0, 1.0)),
            case("zeros", AWKWARD, Fill::Range(0.0, 0.0)),
        ]
    },
};

/// `partials` = sums or maxima over parts of filters.
pub static PARTIAL: Kernel = Kernel {
    name: "project.partial",
    args: &[read_u32("segments"), read_u32("projections"), read("weight"), update("partials")],
    variants: &[Variant::new("naive", anywhere, |p, knobs| {
        linear_grid(p.u("tensors") * p.u("most").div_ceil(knobs.get("SIZE") as usize))
    })],
    twin: |io: &mut Io| {
        let (weight, window) = (io.f("weight"), io.params.u("base")..io.params.u("end"));
        let mut out = Scalars::from(io.f("partials").to_vec());
        for (t, row) in io.u("projections").chunks(ROW).enumerate() {
            let (s, alphas) = (Segment::read(io.u("segments"), t), Alphas::read(row));
            let own = window.start.max(s.offset)..window.end.min(s.offset + s.len);
            if alphas.first < io.params.u("tensors") || own.is_empty() {
                continue;
            }
            if own.start == s.offset {
                (0..alphas.parts(s.len) * alphas.filters).for_each(|i| out.set(alphas.partials + i, 0.0, 0.0));
            }
            for at in own {
                let i = alphas.partials + alphas.part(at - s.offset, s.len);
                let part = alphas.join(out.value[i], weight[at - window.start].abs());
                out.set(i, part, part);
            }
        }
        io.put("partials", out);
    },
    budget: Budget::Sum(|_| TERMS),
    flop: |_| 0.0,
    cases,
};

/// `alphas` = means or maxima of filters, from `partials`.
pub static COMBINE: Kernel = Kernel {
    name: "project.combine",
    args: &[read_u32("segments"), read_u32("projections"), read("partials"), update("alphas")],
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("tensors")))],
    twin: |io: &mut Io| {
        let mut out = io.f("alphas").to_vec();
        for (t, row) in io.u("projections").chunks(ROW).enumerate() {
            let alphas = Alphas::read(row);
            if alphas.first < io.params.u("tensors") {
                continue;
            }
            let len = Segment::read(io.u("segments"), t).len;
            let (parts, weights) = (alphas.parts(len), len / alphas.filters);
            for f in 0..alphas.filters {
                let of = |p: usize| io.f("partials")[alphas.partials + p * alphas.filters + f];
                let whole = (0..parts).fold(0.0, |whole, p| alphas.join(whole, of(p)));
                out[alphas.first + f] = if alphas.share == 0.0 { whole } else { whole / weights as f64 };
            }
        }
        io.put("alphas", out);
    },
    budget: Budget::Sum(|_| PARTS),
    flop: |_| 0.0,
    cases,
};

/// Records `alphas` as the rows of `projections` ask for them when the plan runs; `more`: means and maxima of filters may be
/// among them. `maxima` must hold max |weight| of every chunk.
///
/// # Errors
/// A limit too small for one chunk.
pub fn record(b: &mut Builder, scope: &str, p: &Parameters, a: &Arrays, more: bool) -> Result<()> {
    let tensors = p.tensors.len();
    alpha(b, scope, p, a.maxima, a.alphas.slice(0..tensors))?;
    if !more {
        return Ok(());
    }
    let (segments, _) = p.tables(b);
    let projected = || p.tensors.iter().filter(|t| t.projected).map(parts);
    let partials = b.shared("partials", Elem::F32, &[projected().sum()], Role::State);
    let most = projected().max().unwrap_or(0);
    for w in p.windows(scope, &b.target.adapter.limits, false)? {
        let params = [
            ("tensors", tensors.into()),
            ("most", most.into()),
            ("base", w.flat.start.into()),
            ("end", w.flat.end.into()),
        ];
        let args = [
            ("segments", segments),
            ("projections", a.projections),
            ("weight", a.weight.slice(w.flat)),
            ("partials", partials),
        ];
        PARTIAL.dispatch(b, scope, &params, &args)?;
    }
    let args = [("segments", segments), ("projections", a.projections), ("partials", partials), ("alphas", a.alphas)];
    COMBINE.dispatch(b, scope, &[("tensors", tensors.into())], &args)
}

/// The statistic of the tensor of a number.
type Which = fn(u32) -> Statistic;

/// Measures weights of which those projected take the statistic of their number.
fn measure(c: &mut CaseBuilder, p: &Parameters, fill: &Fill, of: Which) -> Result<()> {
    let statistic = |t: &Tensor| if t.projected { of(t.layer) } else { Statistic::Max };
    let alphas = Alphas::of_tensors(p, &p.tensors.iter().map(statistic).collect::<Vec<_>>());
    let words: Vec<u32> = alphas.iter().flat_map(|a| [&[0; 3][..], &a.words(), &[0; 3]].concat()).collect();
    let a = Arrays {
        weight: flat(c, p, "weight", fill),
        maxima: c.b.buffer("maxima", Elem::F32, &[p.chunks().len()], Role::State),
        alphas: c.input("alphas", &[p.tensors.len() + p.filters()], &Fill::Range(-1.0, -1.0)),
        quantiles: c.b.buffer("quantiles", Elem::F32, &[1], Role::State),
        projections: c.words("projections", words),
        projected: c.b.buffer("projected", Elem::F32, &[1], Role::State),
    };
    maxima(&mut c.b, "maxima", p, a.weight, a.maxima)?;
    record(&mut c.b, "project.statistics", p, &a, true)
}

fn cases() -> Vec<Case> {
    // Filters last as here and first as in PyTorch, one, more than a workgroup has invocations, of one weight.
    const SHAPES: &[(&[usize], usize)] = &[
        (&[3, 3, 5, 7], 3),
        (&[7, 5, 3, 3], 0),
        (&[1300, 10], 1),
        (&[10, 1300], 0),
        (&[30, 300], 1),
        (&[300, 30], 0),
        (&[40_003, 1], 1),
        (&[1, 9], 1),
        (&[9, 1], 0),
        (&[1, 1], 1),
    ];
    // Powers of two: means of whole numbers are exact.
    const EXACT: &[(&[usize], usize)] = &[(&[2, 2, 64, 8], 3), (&[8, 64, 2, 2], 0), (&[4096, 2], 1), (&[8192, 4], 1)];
    let case = |name: String, exact: bool, limit: usize, of: Which| {
        let (shapes, fill) = if exact { (EXACT, Fill::Integers(7)) } else { (SHAPES, Fill::Uniform(1.0)) };
        let run = move |c: &mut CaseBuilder| {
            c.b.target.adapter.limits.max_binding = limit;
            let mut p = Parameters::default();
            for (i, &(shape, filter_axis)) in shapes.iter().enumerate() {
                p.push(Tensor { projected: true, filter_axis, ..Tensor::new(format!("t{i}"), shape) });
                // What is not projected lies between.
                p.push(Tensor::new(format!("bias{i}"), &[5]));
            }
            measure(c, &p, &fill, of)
        };
        if exact { Case::exact(name, run) } else { Case::new(name, run).one_sign() }
    };
    let of: [(&str, Which); 4] = [
        ("means", |_| Statistic::Mean),
        ("maxima of filters", |_| Statistic::FilterMax),
        ("means of filters", |_| Statistic::FilterMean),
        ("every statistic", |layer| {
            [Statistic::FilterMean, Statistic::Max, Statistic::Mean, Statistic::FilterMax][layer as usize / 2 % 4]
        }),
    ];
    let mut all = vec![];
    for (name, of) in of {
        all.push(case(name.into(), false, 1 << 27, of));
        all.push(case(format!("{name}, windows"), false, WINDOW, of));
        all.push(case(format!("{name}, whole numbers"), true, 1 << 27, of));
        all.push(case(format!("{name}, whole numbers in windows"), true, WINDOW, of));
    }
    all
}

fn alpha(b: &mut Builder, scope: &str, p: &Parameters, maxima: View, alphas: View) -> Result<()> {
    let (segments, _) = p.tables(b);
    let args = [("segments", segments), ("maxima", maxima), ("alphas", alphas)];
    ALPHA.dispatch(b, scope, &[("tensors", p.tensors.len().into())], &args)
}

/// Records max |weight| of every chunk into `maxima`: once for weights that did not come from an update.
///
/// # Errors
/// A limit too small for one chunk.
pub fn maxima(b: &mut Builder, scope: &str, p: &Parameters, weight: View, maxima: View) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    for w in p.windows(scope, &b.target.adapter.limits, false)? {
        let args =
            [("segments", segments), ("chunks", chunks), ("weight", weight.slice(w.flat.clone())), ("maxima", maxima)];
        MAXIMA.dispatch(b, scope, &w.params(), &args)?;
    }
    Ok(())
}
