//! The projections of Merolla 2016 (table 1) and McDonnell 2018: how each is written, what it means, and its twin. One
//! row here and one function under `shaders/project/` each; the position in the table is the `kind` of the shader.

use std::fmt;

use super::normal::normal;
use super::parameters::{Parameters, Tensor};
use crate::error::{Error, Result, suggest};
use crate::philox::{self, stream};

/// One kind of projection.
pub struct ProjectionKind {
    /// The word before the colon.
    pub name: &'static str,
    /// How it is written.
    pub syntax: &'static str,
    /// What it computes, in a line.
    pub doc: &'static str,
    /// Examples of every form, for tests and help.
    pub examples: &'static [&'static str],
    /// Whether its values have the same bits on every adapter; decisions always have. Of the others all but Power have
    /// the twin's bits on adapters that do not fuse products with sums (lavapipe, SwiftShader).
    pub exact: bool,
    /// Bit n: whether it needs draw n (see [`Context::draw`]).
    draws: u32,
    /// The parameters from the text behind the colon; the error says what is allowed.
    parse: fn(Option<&str>) -> std::result::Result<[f32; 2], String>,
    /// The text behind the colon from the parameters.
    show: fn([f32; 2]) -> Option<String>,
    /// p0, p1, p2 of the shader, from the parameters and the inputs that one output sums over.
    words: fn([f32; 2], usize) -> [f32; 3],
    /// The projected weight, and the scale of its rounding error (0: none).
    twin: fn(f32, &Context) -> (f32, f64),
}

/// What the projection of one weight depends on besides the weight: the twin of `shaders/project/context.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// max |w| of the tensor.
    pub alpha: f32,
    /// Median of |w| of the tensor, see `project.median_begin`.
    pub median: f32,
    /// The step's draw for a ranged Power.
    pub beta_u: f32,
    /// p0, p1, p2 as in the table.
    pub p: [f32; 3],
    /// Seed of the run.
    pub seed: u64,
    /// Step, or number of the draw in evaluation.
    pub step: u64,
    /// Index of the tensor.
    pub layer: u32,
    /// Index of the weight in its tensor.
    pub element: usize,
}

impl Context {
    /// Random word `number` of the element: 0 decides the sign, 1 the magnitude, 2 the drop, 3 is the normal number.
    pub fn draw(&self, number: u32) -> u32 {
        let counter =
            [(self.element / 4) as u32, self.layer | number << 16, self.step as u32, (self.step >> 32) as u32];
        philox::philox4x32(counter, philox::key(self.seed, stream::PROJECTION))[self.element % 4]
    }

    fn positive(&self, w: f32) -> bool {
        (2.0 * philox::uniform01(self.draw(0)) - 1.0) * self.alpha < w
    }

    fn magnitude(&self) -> f32 {
        philox::uniform01(self.draw(1)) * self.p[1] + self.p[0]
    }
}

/// Every projection; the position is the kind.
pub static PROJECTIONS: &[ProjectionKind] = &[
    ProjectionKind {
        name: "none",
        syntax: "none",
        doc: "w itself",
        examples: &["none"],
        exact: true,
        draws: 0b0000,
        parse: no_parameter,
        show: |_| None,
        words: |_, _| [0.0; 3],
        twin: |w, _| (w, 0.0),
    },
    ProjectionKind {
        name: "sign",
        syntax: "sign",
        doc: "alpha sign(w), sign(0) = +1",
        examples: &["sign"],
        exact: true,
        draws: 0b0000,
        parse: no_parameter,
        show: |_| None,
        words: |_, _| [0.0; 3],
        twin: |w, c| (sign(w, c.alpha), 0.0),
    },
    ProjectionKind {
        name: "round",
        syntax: "round",
        doc: "alpha round(w/alpha): 0 where |w| < alpha/2, else +-alpha",
        examples: &["round"],
        exact: true,
        draws: 0b0000,
        parse: no_parameter,
        show: |_| None,
        words: |_, _| [0.0; 3],
        twin: |w, c| (if 2.0 * w.abs() < c.alpha { 0.0 } else { sign(w, c.alpha) }, 0.0),
    },
    ProjectionKind {
        name: "power",
        syntax: "power:B or power:LO..HI",
        doc: "alpha |w/alpha|^B sign(w); LO..HI draws B uniformly for each minibatch",
        examples: &["power:0", "power:1", "power:0.5", "power:2", "power:0..2"],
        exact: false,
        draws: 0b0000,
        parse: |text| {
            let bad = || "B must be a finite number >= 0, and LO..HI two of them with LO <= HI".to_owned();
            let text = text.ok_or_else(bad)?;
            let (lo, hi) = text.split_once("..").unwrap_or((text, text));
            let ends = [number(lo).ok_or_else(bad)?, number(hi).ok_or_else(bad)?];
            if 0.0 <= ends[0] && ends[0] <= ends[1] { Ok(ends) } else { Err(bad()) }
        },
        show: |[lo, hi]| Some(if lo == hi { format!("{lo}") } else { format!("{lo}..{hi}") }),
        words: |[lo, hi], _| [lo, hi - lo, 0.0],
        twin: power,
    },
    ProjectionKind {
        name: "stoch",
        syntax: "stoch",
        doc: "+alpha with probability (w/alpha + 1)/2, else -alpha",
        examples: &["stoch"],
        exact: true,
        draws: 0b0001,
        parse: no_parameter,
        show: |_| None,
        words: |_, _| [0.0; 3],
        twin: |w, c| (if c.positive(w) { c.alpha } else { -c.alpha }, 0.0),
    },
    ProjectionKind {
        name: "stochm",
        syntax: "stochm:G",
        doc: "|w| U(G, 1/G), + with probability (w/alpha + 1)/2, else -",
        examples: &["stochm:0.5", "stochm:1"],
        exact: false,
        draws: 0b0011,
        parse: gamma,
        show: |[g, _]| Some(format!("{g}")),
        words: gamma_words,
        twin: |w, c| stochm(w.abs(), w, c),
    },
    ProjectionKind {
        name: "stochm-literal",
        syntax: "stochm-literal:G",
        doc: "StochM as table 1 prints it, w instead of |w|: the sign is lost (an ablation)",
        examples: &["stochm-literal:0.5"],
        exact: false,
        draws: 0b0011,
        parse: gamma,
        show: |[g, _]| Some(format!("{g}")),
        words: gamma_words,
        twin: |w, c| stochm(w, w, c),
    },
    ProjectionKind {
        name: "stochm3",
        syntax: "stochm3:G or stochm3:G,quantile",
        doc: "StochM, and weights with |w| < alpha/2 (quantile: below the median of |w|) become 0 with probability 1/2",
        examples: &["stochm3:0.5", "stochm3:0.5,quantile"],
        exact: false,
        draws: 0b0111,
        parse: |text| match text.and_then(|t| t.split_once(',')) {
            None => gamma(text),
            Some((g, "quantile")) => Ok([gamma(Some(g))?[0], 1.0]),
            Some((_, other)) => Err(format!("behind the comma only \"quantile\" may stand, not \"{other}\"")),
        },
        show: |[g, quantile]| Some(format!("{g}{}", if quantile == 1.0 { ",quantile" } else { "" })),
        words: |p, fan_in| [gamma_words(p, fan_in)[0], gamma_words(p, fan_in)[1], p[1]],
        twin: |w, c| {
            let middle = w.abs() < if c.p[2] == 1.0 { c.median } else { 0.5 * c.alpha };
            if middle && philox::uniform01(c.draw(2)) < 0.5 { (0.0, 0.0) } else { stochm(w.abs(), w, c) }
        },
    },
    ProjectionKind {
        name: "addnorm",
        syntax: "addnorm:S",
        doc: "w + N(0, (S alpha)^2)",
        examples: &["addnorm:0.55", "addnorm:0"],
        exact: false,
        draws: 0b1000,
        parse: |text| {
            let s = text.and_then(number).filter(|&s| s >= 0.0);
            Ok([s.ok_or("S must be a finite number >= 0")?, 0.0])
        },
        show: |[s, _]| Some(format!("{s}")),
        words: |[s, _], _| [s, 0.0, 0.0],
        twin: |w, c| {
            let (z, deviation) = (normal(c.draw(3)), c.p[0] * c.alpha);
            // The polynomial of an adapter that fuses differs by a few units in the last place of 4.
            (w + z * deviation, f64::from(w.abs()) + f64::from(deviation) * (f64::from(z.abs()) + 8.0))
        },
    },
    ProjectionKind {
        name: "multunif",
        syntax: "multunif:G",
        doc: "w U(G, 1/G)",
        examples: &["multunif:0.5"],
        exact: false,
        draws: 0b0010,
        parse: gamma,
        show: |[g, _]| Some(format!("{g}")),
        words: gamma_words,
        twin: |w, c| scaled(w * c.magnitude()),
    },
    ProjectionKind {
        name: "he-sign",
        syntax: "he-sign",
        doc: "sqrt(2/fan_in) sign(w), sign(0) = +1 (McDonnell 2018)",
        examples: &["he-sign"],
        exact: true,
        draws: 0b0000,
        parse: no_parameter,
        show: |_| None,
        words: |_, fan_in| [(2.0 / fan_in as f64).sqrt() as f32, 0.0, 0.0],
        twin: |w, c| (sign(w, c.p[0]), 0.0),
    },
];

fn sign(w: f32, size: f32) -> f32 {
    if w >= 0.0 { size } else { -size }
}

fn scaled(value: f32) -> (f32, f64) {
    (value, f64::from(value.abs()))
}

fn stochm(size: f32, w: f32, c: &Context) -> (f32, f64) {
    let size = size * c.magnitude();
    scaled(if c.positive(w) { size } else { -size })
}

fn power(w: f32, c: &Context) -> (f32, f64) {
    let beta = c.beta_u * c.p[1] + c.p[0];
    if beta == 1.0 {
        return (w, 0.0);
    }
    if beta == 0.0 || c.alpha == 0.0 {
        return (sign(w, c.alpha), 0.0);
    }
    if w == 0.0 {
        return (0.0, 0.0);
    }
    let ratio = (f64::from(w.abs()) / f64::from(c.alpha)).max(f64::from(f32::MIN_POSITIVE));
    let exponent = f64::from(beta) * ratio.log2();
    let size = f64::from(c.alpha) * exponent.exp2();
    // WGSL: log2 is off by 2^-21 or 3 ulp, exp2(x) by 3 + 2|x| ulp, the quotient by 2.5 ulp, products and a contracted
    // beta by 1 each. In units of 2 ulp of the result, which the budget allows per unit of scale:
    let scale = size * (3.0 + 3.0 * exponent.abs() + 3.0 * f64::from(beta));
    (if w < 0.0 { -size as f32 } else { size as f32 }, scale)
}

fn no_parameter(text: Option<&str>) -> std::result::Result<[f32; 2], String> {
    if text.is_none() { Ok([0.0; 2]) } else { Err("it takes no parameter".into()) }
}

fn gamma(text: Option<&str>) -> std::result::Result<[f32; 2], String> {
    let g = text.and_then(number).filter(|&g| 0.0 < g && g <= 1.0 && g.is_normal());
    Ok([g.ok_or("G must be a number above 0 and at most 1")?, 0.0])
}

fn gamma_words([g, _]: [f32; 2], _: usize) -> [f32; 3] {
    [g, (1.0 / f64::from(g) - f64::from(g)) as f32, 0.0]
}

fn number(text: &str) -> Option<f32> {
    text.trim().parse::<f32>().ok().filter(|v| v.is_finite())
}

/// A projection with its parameters, as a preset or the command line writes it: `stochm:0.5`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Position in [`PROJECTIONS`].
    pub kind: u32,
    /// First parameter: B or LO, G, S.
    pub p0: f32,
    /// Second parameter: HI; 1 for the quantile reading of StochM3.
    pub p1: f32,
}

impl Projection {
    /// w itself.
    pub const NONE: Projection = Projection { kind: 0, p0: 0.0, p1: 0.0 };

    /// Parses `none`, `sign`, `round`, `power:0.5`, `power:0..2`, `stochm3:0.5,quantile`, ...
    ///
    /// # Errors
    /// An unknown name, with the nearest ones; a bad parameter, with what is allowed.
    pub fn parse(text: &str) -> Result<Self> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let Some(kind) = PROJECTIONS.iter().position(|k| k.name == name) else {
            let near = suggest(name, PROJECTIONS.iter().map(|k| k.name));
            return Err(Error::Invalid(format!("there is no projection \"{name}\".{near}")));
        };
        let row = &PROJECTIONS[kind];
        let [p0, p1] = (row.parse)(parameter)
            .map_err(|m| Error::Invalid(format!("projection \"{text}\": {m}; written {}", row.syntax)))?;
        Ok(Projection { kind: kind as u32, p0, p1 })
    }

    /// Its row.
    pub fn row(&self) -> &'static ProjectionKind {
        &PROJECTIONS[self.kind as usize]
    }

    /// Reads projections separated by commas; commas inside a projection stay (`stochm3:0.5,quantile`).
    ///
    /// # Errors
    /// As [`Projection::parse`].
    pub fn parse_list(text: &str) -> Result<Vec<Self>> {
        let mut parts: Vec<String> = vec![];
        for part in text.split(',').map(str::trim) {
            match parts.last_mut() {
                Some(last) if part == "quantile" => *last = format!("{last},{part}"),
                _ => parts.push(part.into()),
            }
        }
        parts.iter().map(|p| Self::parse(p)).collect()
    }

    /// Whether it reads `medians`, so that the plan must compute them.
    pub fn needs_median(&self) -> bool {
        self.row().name == "stochm3" && self.p1 == 1.0
    }

    fn words(&self, fan_in: usize) -> [f32; 3] {
        (self.row().words)([self.p0, self.p1], fan_in)
    }
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row();
        match (row.show)([self.p0, self.p1]) {
            Some(parameter) => write!(f, "{}:{parameter}", row.name),
            None => write!(f, "{}", row.name),
        }
    }
}

/// The draw in (0, 1) from which a ranged Power takes its beta: a function of seed and step.
pub fn beta_draw(seed: u64, step: u64) -> f32 {
    let counter = [0, 0, step as u32, (step >> 32) as u32];
    philox::uniform01(philox::philox4x32(counter, philox::key(seed, stream::BETA))[0])
}

/// The content of the buffer `projections`, four words per tensor (the kind, then p0, p1, p2 of the shader):
/// `projection` for every projected tensor, None for the others.
pub fn table(parameters: &Parameters, projection: &Projection) -> Vec<u32> {
    table_by(parameters, |_| *projection)
}

/// As [`table`], with a choice for each projected tensor.
pub fn table_by(parameters: &Parameters, choose: impl Fn(&Tensor) -> Projection) -> Vec<u32> {
    let row = |t: &Tensor| {
        let p = if t.projected { choose(t) } else { Projection::NONE };
        let w = p.words(t.fan_in.max(1));
        [p.kind, w[0].to_bits(), w[1].to_bits(), w[2].to_bits()]
    };
    parameters.tensors.iter().flat_map(row).collect()
}

/// The projected weight and the scale of its rounding error. An unknown kind is None.
pub(super) fn twin(kind: u32, w: f32, c: &Context) -> (f32, f64) {
    PROJECTIONS.get(kind as usize).map_or((w, 0.0), |k| (k.twin)(w, c))
}

/// Kinds of projections, that a table holds or may hold: what a plan is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// Every kind: for plans whose table changes.
    pub const ALL: Kinds = Kinds((1 << PROJECTIONS.len()) - 1);

    /// The kinds in a table.
    pub fn of(table: &[u32]) -> Self {
        Kinds(table.iter().step_by(4).fold(0, |all, kind| all | 1 << kind))
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

/// Draws of one projection of one tensor on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostDraw {
    /// Index of the tensor.
    pub layer: u32,
    /// Seed of the run.
    pub seed: u64,
    /// Step, or number of the draw in evaluation.
    pub step: u64,
    /// The step's draw for a ranged Power.
    pub beta_u: f32,
}

/// Projects one tensor of the given shape on the host, by the twin: alpha and the median come from `weights`.
///
/// # Panics
/// If `shape` is not that of `weights`: a bug of the caller.
pub fn apply_host(projection: &Projection, shape: &[usize], weights: &[f32], draw: &HostDraw) -> Vec<f32> {
    let tensor = Tensor::new("", shape);
    assert_eq!(tensor.len(), weights.len(), "shape {shape:?}");
    let median = if projection.needs_median() { median(weights) } else { 0.0 };
    let c = Context {
        alpha: weights.iter().fold(0.0, |a, w| a.max(w.abs())),
        median,
        beta_u: draw.beta_u,
        p: projection.words(tensor.fan_in.max(1)),
        seed: draw.seed,
        step: draw.step,
        layer: draw.layer,
        element: 0,
    };
    let one = |(element, &w)| twin(projection.kind, w, &Context { element, ..c }).0;
    weights.iter().enumerate().map(one).collect()
}

/// The |w| of rank floor(n / 2), counted from 0: as many elements lie below it, ties aside.
fn median(weights: &[f32]) -> f32 {
    let mut bits: Vec<u32> = weights.iter().map(|w| w.abs().to_bits()).collect();
    if bits.is_empty() {
        return 0.0;
    }
    let rank = bits.len() / 2;
    f32::from_bits(*bits.select_nth_unstable(rank).1)
}
