//! P = f(W) for every parameter tensor in one dispatch. The kinds of f stand in
//! [`crate::projection`]; which tensor gets which is data, so that a plan need not be rebuilt to evaluate another one.

use super::case::{Case, CaseBuilder, Fill};
use super::flat::{AWKWARD, WINDOW, case_step, chunk_grid, flat, layout};
use super::parameters::{Arrays, Parameters, ROW, Tensor, owned};
use super::statistics::{self, Alphas};
use super::{Budget, Io, Kernel, STEP, Scalars, Variant, anywhere, read, read_u32, write};
use crate::error::{Error, Result};
use crate::plan::{Builder, Elem, Role};
use crate::projection::distortion::{self, Distortion, Link};
use crate::projection::own::Owns;
use crate::projection::{Context, DRAWS, PROJECTIONS, Projection, ProjectionKind, twin};

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
            let places = Alphas::read(row);
            assert!(io.params.u("kinds") >> row[0] & 1 == 1, "the table holds kind {}, unforeseen by the plan", row[0]);
            let c = Context {
                alpha: 0.0,
                quantile: io.f("quantiles")[o.tensor] as f32,
                beta_u: step.beta_u,
                p: [8, 9, 10].map(|i| f32::from_bits(row[i])),
                seed: step.seed(),
                step: u64::from(step.step_lo) | u64::from(step.step_hi) << 32,
                layer: s.layer,
                first_draw: row[1],
                element: 0,
            };
            let own = io.own.iter().find(|(kind, _)| *kind == row[0]).map(|(_, source)| &**source);
            let part: Vec<f32> = weight[o.at..o.at + o.elements.len()].iter().map(|w| *w as f32).collect();
            let start = o.elements.start;
            let c = Context { element: start, ..c };
            for i in 0..part.len() {
                let (p, scale) = twin(row[0], own, &part, i, &c, |i| alphas[places.of(start + i)] as f32);
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
    let all: Vec<Projection> =
        parameters.tensors.iter().map(|t| if t.projected { choose(t) } else { Projection::NONE }).collect();
    let alphas = Alphas::of_tensors(parameters, &all.iter().map(Projection::alpha).collect::<Vec<_>>());
    let row = |((t, p), alphas): ((&Tensor, &Projection), &Alphas)| {
        let [p0, p1, p2] = p.words(t.fan_in().max(1)).map(f32::to_bits);
        let rank = p.rank(t.len()).unwrap_or(0);
        let [alpha, filters, stride, share, partials] = alphas.words();
        [p.kind, (link * DRAWS) as u32, rank as u32, alpha, filters, stride, share, partials, p0, p1, p2]
    };
    parameters.tensors.iter().zip(&all).zip(&alphas).flat_map(row).collect()
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

/// Kinds of projections, that a table holds or may hold, and whether one takes another alpha than the largest |w|: what a
/// plan is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    bits: u32,
    statistics: bool,
}

impl Kinds {
    /// Every kind: for plans whose table changes.
    pub const ALL: Kinds = Kinds { bits: (1 << PROJECTIONS.len()) - 1, statistics: true };

    /// The kinds in a table.
    pub fn of(table: &[u32]) -> Self {
        let rows = table.chunks(ROW);
        let tensors = rows.len();
        Kinds {
            bits: rows.clone().fold(0, |all, row| all | 1 << row[0]),
            statistics: rows.clone().any(|row| Alphas::read(row).first >= tensors),
        }
    }

    /// With users' own.
    pub fn with(self, own: &Owns) -> Self {
        Kinds { bits: own.iter().fold(self.bits, |all, (kind, _)| all | 1 << kind), ..self }
    }

    /// A bit for each, from the lowest.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Whether an alpha is another than the largest |w| of its tensor.
    pub fn statistics(self) -> bool {
        self.statistics
    }

    /// A bit for each random number that they need, see [`Context::draw`].
    pub fn draws(self) -> u32 {
        let wanted = |(kind, row): (usize, &ProjectionKind)| if self.bits >> kind & 1 == 1 { row.draws } else { 0 };
        PROJECTIONS.iter().enumerate().map(wanted).fold(0, |all, draws| all | draws)
    }
}

/// Records `projected` = f(`weight`) for every tensor, with f as `projections` says when the plan runs, one of `kinds`.
/// `alphas` must hold what [`statistics::record`] leaves, `quantiles` the quantiles if a projection needs them. Depends on
/// the step block: seed, step and `beta_u`.
///
/// # Errors
/// A limit too small for one chunk.
pub fn apply(b: &mut Builder, scope: &str, p: &Parameters, a: &Arrays, kinds: Kinds) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    let step = b.step();
    for w in p.windows(scope, &b.target.adapter.limits, false)? {
        let args = [
            ("step", step),
            ("segments", segments),
            ("chunks", chunks),
            ("projections", a.projections),
            ("alphas", a.alphas),
            ("quantiles", a.quantiles),
            ("weight", a.weight.slice(w.flat.clone())),
            ("projected", a.projected.slice(w.flat.clone())),
        ];
        let mut params = w.params();
        let own = b.own().iter().filter(|(kind, _)| kinds.bits() >> kind & 1 == 1);
        let draws = own.fold(kinds.draws(), |all, (_, source)| all | source.draws);
        params.extend([
            ("kinds", kinds.bits().into()),
            ("draws", draws.into()),
            ("statistics", u32::from(kinds.statistics()).into()),
        ]);
        APPLY.dispatch(b, scope, &params, &args)?;
    }
    Ok(())
}

fn apply_case(c: &mut CaseBuilder, p: &Parameters, weight: &Fill, words: Vec<u32>) -> Result<()> {
    let kinds = Kinds::of(&words);
    let a = Arrays {
        weight: flat(c, p, "weight", weight),
        maxima: c.b.buffer("maxima", Elem::F32, &[p.chunks().len()], Role::State),
        alphas: c.b.buffer("alphas", Elem::F32, &[p.tensors.len() + p.filters()], Role::State),
        quantiles: c.input("quantiles", &[p.tensors.len()], &Fill::Range(0.4, 0.6)),
        projections: c.words("projections", words),
        projected: c.output("projected", &[p.len()]),
    };
    c.step(case_step());
    statistics::maxima(&mut c.b, "maxima", p, a.weight, a.maxima)?;
    statistics::record(&mut c.b, "statistics", p, &a, kinds.statistics())?;
    apply(&mut c.b, "project.apply", p, &a, kinds)
}

/// Cases of `project.apply` for the links of a distortion, each alone, as those of the kernel for every example of the table.
pub fn cases_of(distortion: &Distortion) -> Vec<Case> {
    let mut all = vec![];
    for link in &distortion.links {
        let case = |name: &str, lens: &'static [usize], fill: Fill| {
            let (own, projection) = (distortion.own(), link.projection);
            let run = move |c: &mut CaseBuilder| {
                c.b.set_own(own.clone());
                let p = layout(lens, 1);
                let words = table_by(&p, |_| projection);
                apply_case(c, &p, &fill, words)
            };
            // Means are sums of |w|.
            Case::new(format!("{link}, {name}"), run).one_sign()
        };
        all.push(case("awkward lengths", AWKWARD, Fill::Uniform(0.75)));
        all.push(case("zeros", AWKWARD, Fill::Range(0.0, 0.0)));
        all.push(case("edges", &[8], Fill::Values(EDGES.to_vec())));
    }
    all
}

/// alpha, exactly half of it, both zeros, a tiny weight.
const EDGES: [f32; 8] = [0.5, -0.5, 0.25, -0.25, 0.0, -0.0, 1e-30, -0.125];

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
                // Means are sums of |w|.
                if kind.exact { Case::exact(name, run) } else { Case::new(name, run).one_sign() }
            };
            all.push(case("awkward lengths", AWKWARD, Fill::Uniform(0.75)));
            all.push(case("zeros", AWKWARD, Fill::Range(0.0, 0.0)));
            all.push(case("edges", &[8], Fill::Values(EDGES.to_vec())));
            if Projection::parse(text).expect("a test parses the examples").alpha().is_mean() {
                // Powers of two: means of whole numbers are exact.
                let run = move |c: &mut CaseBuilder| {
                    let mut p = Parameters::default();
                    for (i, shape) in [&[2, 2, 16, 8][..], &[4096, 2], &[64, 1]].into_iter().enumerate() {
                        p.push(Tensor { projected: true, ..Tensor::new(format!("t{i}"), shape) });
                    }
                    let words = table(&p, &Projection::parse(text)?.into());
                    apply_case(c, &p, &Fill::Integers(3), words)
                };
                all.push(Case::exact(format!("{text}, whole numbers"), run));
            }
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
        .one_sign()
    };
    const MANY: &[usize] = &[70; 40];
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
