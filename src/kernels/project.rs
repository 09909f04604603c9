//! P = f(W) for every parameter tensor in one dispatch, and max |w| of loaded weights. The kinds of f stand in
//! [`crate::projection`]; which tensor gets which is data, so that a plan need not be rebuilt to evaluate another one.

use super::case::{Case, CaseBuilder, Fill};
use super::parameters::{Arrays, Parameters, ROW, Segment, Tensor, owned};
use super::{Budget, Io, Kernel, Knobs, STEP, Scalars, Variant, anywhere, linear_grid, read, read_u32, update, write};
use crate::error::{Error, Result};
use crate::plan::{Builder, Elem, Params, Role, Step, View};
use crate::projection::distortion::{self, Distortion, Link};
use crate::projection::{Context, DRAWS, PROJECTIONS, Projection, ProjectionKind, twin};

/// One workgroup per chunk of the window.
pub(super) fn chunk_grid(p: &Params, _: &Knobs) -> [u32; 3] {
    linear_grid(p.u("chunks"))
}

/// projected = f(weight).
pub static APPLY: Kernel = Kernel {
    name: "project.apply",
    args: &[
        STEP,
        read_u32("segments"),
        read_u32("chunks"),
        read_u32("projections"),
        read("alphas"),
        read("quantiles"),
        read("weight"),
        write("projected"),
    ],
    variants: &[
        Variant::new("naive", anywhere, chunk_grid),
        Variant::new("runs", anywhere, chunk_grid),
        Variant::new(
            "wide",
            |target, _| if target.adapter.int64 { Ok(()) } else { Err("the adapter has no 64-bit integers") },
            chunk_grid,
        ),
    ],
    twin: |io: &mut Io| {
        let (step, weight, alphas) = (io.step(), io.f("weight"), io.f("alphas"));
        let mut out = Scalars::zeros(io.len("projected"));
        for o in owned(io) {
            let s = &o.segment;
            let row = &io.u("projections")[ROW * o.tensor..][..ROW];
            assert!(io.params.u("kinds") >> row[0] & 1 == 1, "the table holds kind {}, unforeseen by the plan", row[0]);
            let c = Context {
                alpha: alphas[o.tensor] as f32,
                quantile: io.f("quantiles")[o.tensor] as f32,
                beta_u: step.beta_u,
                p: [3, 4, 5].map(|i| f32::from_bits(row[i])),
                seed: step.seed(),
                step: u64::from(step.step_lo) | u64::from(step.step_hi) << 32,
                layer: s.layer,
                first_draw: row[1],
                element: 0,
            };
            for (i, element) in o.elements.clone().enumerate() {
                let (p, scale) = twin(row[0], weight[o.at + i] as f32, &Context { element, ..c });
                out.set(o.at + i, f64::from(p), scale);
            }
        }
        io.put("projected", out);
    },
    // Two products and a sum that may be contracted; exact kinds and decisions have the scale 0.
    budget: Budget::Ulps(2),
    flop: |p| p.u("chunks") as f64 * 4096.0,
    cases: apply_cases,
};

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

fn alpha(b: &mut Builder, scope: &str, p: &Parameters, maxima: View, alphas: View) -> Result<()> {
    let (segments, _) = p.tables(b);
    let args = [("segments", segments), ("maxima", maxima), ("alphas", alphas)];
    ALPHA.dispatch(b, scope, &[("tensors", p.tensors.len().into())], &args)
}

/// The content of the buffer `projections` in training, [`ROW`] words per tensor (`struct Projection` of
/// `shaders/common/parameters.wgsl`): for every projected tensor the link of `training` that is for it, None for the others.
/// Parameters that move over training are those of its start; [`Distortion::at`] gives others.
pub fn table(parameters: &Parameters, training: &Distortion) -> Vec<u32> {
    table_by(parameters, |t| of_training(training, t).map_or(Projection::NONE, |l| l.projection))
}

/// What projects a tensor in training.
fn of_training<'a>(training: &'a Distortion, t: &Tensor) -> Option<&'a Link> {
    training.links.iter().find(|l| training.applies(l, &t.name))
}

/// Whether in training every projected tensor is ternary ([`Link::is_ternary`]).
pub fn is_ternary(parameters: &Parameters, training: &Distortion) -> bool {
    let mut weights = parameters.tensors.iter().filter(|t| t.projected);
    weights.all(|t| of_training(training, t).is_some_and(Link::is_ternary))
}

/// That `training` says the projections of training: at most one for each layer.
///
/// # Errors
/// As [`tables`]; a layer that two links are for; a number of draws.
pub fn check_training(parameters: &Parameters, training: &Distortion) -> Result<()> {
    let bad = |message: String| Err(Error::Invalid(format!("projection \"{training}\": {message}")));
    if training.draws > 1 {
        return bad(format!("every minibatch has one draw of its own; leave x{} out", training.draws));
    }
    check_layers("projection", training, parameters)?;
    for t in parameters.tensors.iter().filter(|t| t.projected) {
        let of: Vec<&Link> = training.links.iter().filter(|l| training.applies(l, &t.name)).collect();
        if let [first, second, ..] = of[..] {
            let layer = distortion::layer(&t.name);
            return bad(format!(
                "in training a layer has one projection, and {layer} would have {first} and {second}; say which layers \
                 each is for, e.g. conv*:sign+fc*:round"
            ));
        }
    }
    Ok(())
}

/// As [`table`], with a choice for each projected tensor.
pub fn table_by(parameters: &Parameters, choose: impl Fn(&Tensor) -> Projection) -> Vec<u32> {
    table_of_link(parameters, 0, choose)
}

/// As [`table_by`] for link `link` of a chain, from 0.
pub fn table_of_link(parameters: &Parameters, link: usize, choose: impl Fn(&Tensor) -> Projection) -> Vec<u32> {
    let row = |t: &Tensor| {
        let p = if t.projected { choose(t) } else { Projection::NONE };
        let w = p.words(t.fan_in.max(1)).map(f32::to_bits);
        let rank = p.rank(t.len()).unwrap_or(0);
        [p.kind, (link * DRAWS) as u32, rank as u32, w[0], w[1], w[2]]
    };
    parameters.tensors.iter().flat_map(row).collect()
}

/// The content of the buffer `projections` for each link of a distortion in turn ([`table`]): a tensor that the link is not
/// for gets None.
///
/// # Errors
/// A pattern that matches no projected tensor, or a link that `except` leaves none, with the layers there are; a parameter
/// that moves over training.
pub fn tables(distortion: &Distortion, parameters: &Parameters) -> Result<Vec<Vec<u32>>> {
    if distortion.is_scheduled() {
        return Err(Error::Invalid(format!(
            "distortion \"{distortion}\": weights that are tested or written are at one point of training, so that no \
             parameter can move: give one value. Only the projection that the run was trained under, written as its \
             preset has it, stands for its value at the step of the weights"
        )));
    }
    check_layers("distortion", distortion, parameters)?;
    let table = |(i, link): (usize, &Link)| {
        let choose = |t: &Tensor| if distortion.applies(link, &t.name) { link.projection } else { Projection::NONE };
        table_of_link(parameters, i, choose)
    };
    Ok(distortion.links.iter().enumerate().map(table).collect())
}

/// That the patterns of a distortion match layers and leave some for each link.
fn check_layers(what: &str, distortion: &Distortion, parameters: &Parameters) -> Result<()> {
    let weights: Vec<&Tensor> = parameters.tensors.iter().filter(|t| t.projected).collect();
    let bad = |message: String| {
        let mut layers: Vec<&str> = weights.iter().map(|t| distortion::layer(&t.name)).collect();
        layers.dedup();
        Error::Invalid(format!(
            "{what} \"{distortion}\": {message}. The layers with weights are: {}",
            layers.join(", ")
        ))
    };
    let patterns = distortion.links.iter().filter_map(|l| l.layers.as_ref()).chain(&distortion.except);
    for pattern in patterns {
        if !weights.iter().any(|t| distortion::selects(pattern, &t.name)) {
            return Err(bad(format!("no layer with weights is called \"{pattern}\"")));
        }
    }
    for link in &distortion.links {
        if !distortion.except.is_empty() && !weights.iter().any(|t| distortion.applies(link, &t.name)) {
            return Err(bad(format!("\"except\" leaves no layer for \"{link}\"")));
        }
    }
    Ok(())
}

/// Kinds of projections, that a table holds or may hold: what a plan is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// Every kind: for plans whose table changes.
    pub const ALL: Kinds = Kinds((1 << PROJECTIONS.len()) - 1);

    /// The kinds in a table.
    pub fn of(table: &[u32]) -> Self {
        Kinds(table.iter().step_by(ROW).fold(0, |all, kind| all | 1 << kind))
    }

    /// A bit for each, from the lowest.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// A bit for each random number that they need, see [`Context::draw`].
    pub fn draws(self) -> u32 {
        let wanted = |(kind, row): (usize, &ProjectionKind)| if self.0 >> kind & 1 == 1 { row.draws } else { 0 };
        PROJECTIONS.iter().enumerate().map(wanted).fold(0, |all, draws| all | draws)
    }
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

/// Records `projected` = f(`weight`) for every tensor, with f as `projections` says when the plan runs, one of `kinds`.
/// `maxima` must hold max |weight| of every chunk, `quantiles` the quantiles if a projection needs them. Depends on the step
/// block: seed, step and `beta_u`.
///
/// # Errors
/// A limit too small for one chunk.
pub fn apply(b: &mut Builder, scope: &str, p: &Parameters, a: &Arrays, kinds: Kinds) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    let step = b.step();
    let alphas = b.transient("alphas", &[p.tensors.len()]);
    alpha(b, scope, p, a.maxima, alphas)?;
    for w in p.windows(scope, &b.target.adapter.limits, false)? {
        let args = [
            ("step", step),
            ("segments", segments),
            ("chunks", chunks),
            ("projections", a.projections),
            ("alphas", alphas),
            ("quantiles", a.quantiles),
            ("weight", a.weight.slice(w.flat.clone())),
            ("projected", a.projected.slice(w.flat.clone())),
        ];
        let mut params = w.params();
        params.extend([("kinds", kinds.bits().into()), ("draws", kinds.draws().into())]);
        APPLY.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

/// Lengths around every boundary of the layout: four, 64, a chunk.
pub(super) const AWKWARD: &[usize] = &[1, 3, 63, 64, 65, 4095, 4096, 4097, 8195, 10];

/// A binding limit of 24 KiB: cuts tensors of more than 6144 elements.
pub(super) const WINDOW: usize = 24 << 10;

/// A table of projected tensors of these lengths.
pub(super) fn layout(lens: &[usize], splits: usize) -> Parameters {
    let mut p = Parameters::default();
    for (i, &len) in lens.iter().enumerate() {
        let shape = if len % 5 == 0 { vec![len / 5, 5] } else { vec![len, 1] };
        p.push(Tensor { projected: true, splits, ..Tensor::new(format!("t{i}"), &shape) });
    }
    p
}

/// A flat array of a case: `fill` in the tensors, zero between them.
pub(super) fn flat(c: &mut CaseBuilder, p: &Parameters, name: &str, fill: &Fill) -> View {
    let mut values = vec![0.0; p.len()];
    for t in &p.tensors {
        let content = fill.values(&format!("{name}.{}", t.name), t.len());
        values[t.offset..t.offset + t.len()].copy_from_slice(&content);
    }
    c.input(name, &[p.len()], &Fill::Values(values))
}

/// Step block of the cases: both words of seed and step in use.
pub(super) fn case_step() -> Step {
    Step { beta_u: 0.37, lr: 0.25, bias1: 1.5, bias2: 1.25, ..Step::at(0x0123_4567_89AB_CDEF, 0x5_0000_0007) }
}

fn apply_case(c: &mut CaseBuilder, p: &Parameters, weight: &Fill, words: Vec<u32>) -> Result<()> {
    let kinds = Kinds::of(&words);
    let a = Arrays {
        weight: flat(c, p, "weight", weight),
        maxima: c.b.buffer("maxima", Elem::F32, &[p.chunks().len()], Role::State),
        quantiles: c.input("quantiles", &[p.tensors.len()], &Fill::Range(0.4, 0.6)),
        projections: c.words("projections", words),
        projected: c.output("projected", &[p.len()]),
    };
    c.step(case_step());
    maxima(&mut c.b, "maxima", p, a.weight, a.maxima)?;
    apply(&mut c.b, "project.apply", p, &a, kinds)
}

fn apply_cases() -> Vec<Case> {
    let mut all = vec![];
    for kind in PROJECTIONS {
        for &text in kind.examples {
            let projection = Projection::parse(text).expect("a test parses the examples");
            let case = |name: &str, lens: &'static [usize], fill: Fill| {
                let name = format!("{text}, {name}");
                let run = move |c: &mut CaseBuilder| {
                    let p = layout(lens, 1);
                    let words = table(&p, &projection.into());
                    apply_case(c, &p, &fill, words)
                };
                if kind.exact { Case::exact(name, run) } else { Case::new(name, run) }
            };
            // alpha, exactly half of it, both zeros, a tiny weight.
            let edges = vec![0.5, -0.5, 0.25, -0.25, 0.0, -0.0, 1e-30, -0.125];
            all.push(case("awkward lengths", AWKWARD, Fill::Uniform(0.75)));
            all.push(case("zeros", AWKWARD, Fill::Range(0.0, 0.0)));
            all.push(case("edges", &[8], Fill::Values(edges)));
        }
    }
    let mixed = |name: &str, lens: &'static [usize], limit: usize| {
        Case::new(name, move |c| {
            c.b.target.adapter.limits.max_binding = limit;
            let p = layout(lens, 1);
            let examples: Vec<&str> = PROJECTIONS.iter().flat_map(|k| k.examples.iter().copied()).collect();
            let words = table_by(&p, |t| {
                Projection::parse(examples[t.layer as usize % examples.len()]).expect("a test parses the examples")
            });
            apply_case(c, &p, &Fill::Uniform(1.0), words)
        })
    };
    const MANY: &[usize] = &[70; 32];
    all.push(mixed("every kind in one dispatch", MANY, 1 << 27));
    all.push(mixed("windows", &[30_000, 7, 9000, 1, 2, 20_000], WINDOW));
    all.push(Case::exact("tensors that are never projected", |c| {
        let mut p = Parameters::default();
        p.push(Tensor { projected: true, ..Tensor::new("w", &[100]) });
        p.push(Tensor::new("gamma", &[100]));
        let words = table(&p, &Projection::parse("sign")?.into());
        apply_case(c, &p, &Fill::Uniform(1.0), words)
    }));
    all
}
