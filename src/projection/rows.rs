//! The rows of the table of projections, and the functions that they share.

use super::Statistic::{self, FilterMax, FilterMean, Max, Mean};
use super::normal::normal;
use super::{Context, ProjectionKind, number};
use crate::philox;

/// What most rows say: no parameter, no draws, no rank, the largest |w| of the layer for alpha.
const PLAIN: ProjectionKind = ProjectionKind {
    name: "",
    syntax: "",
    doc: "",
    examples: &[],
    exact: false,
    draws: 0b0000,
    alpha: |_| Max,
    ternary: |_| false,
    random: |_| false,
    parse: no_parameter,
    show: |_| None,
    words: |_, _| [0.0; 3],
    rank: |_, _| None,
    twin: |w, _| (w, 0.0),
};

/// Every projection; the position is the kind.
pub static PROJECTIONS: &[ProjectionKind] = &[
    ProjectionKind {
        name: "none",
        syntax: "none",
        doc: "w itself",
        examples: &["none"],
        exact: true,
        twin: |w, _| (w, 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "sign",
        syntax: "sign or sign:filter",
        doc: "alpha sign(w), sign(0) = +1",
        examples: &["sign", "sign:filter"],
        exact: true,
        alpha: max_over,
        ternary: |_| true,
        parse: filter,
        show: |[_, filter]| (filter == 1.0).then(|| "filter".into()),
        twin: |w, c| (sign(w, c.alpha), 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "round",
        syntax: "round or round:filter",
        doc: "alpha round(w/alpha): 0 where |w| < alpha/2, else +-alpha",
        examples: &["round", "round:filter"],
        exact: true,
        alpha: max_over,
        ternary: |_| true,
        parse: filter,
        show: |[_, filter]| (filter == 1.0).then(|| "filter".into()),
        twin: |w, c| (if 2.0 * w.abs() < c.alpha { 0.0 } else { sign(w, c.alpha) }, 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "power",
        syntax: "power:B or power:LO..HI",
        doc: "alpha |w/alpha|^B sign(w); LO..HI draws B uniformly for each minibatch",
        examples: &["power:0", "power:1", "power:0.5", "power:2", "power:0..2"],
        exact: false,
        ternary: |p| p == [0.0, 0.0],
        random: |[lo, hi]| lo != hi,
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
        ..PLAIN
    },
    ProjectionKind {
        name: "stoch",
        syntax: "stoch",
        doc: "+alpha with probability (w/alpha + 1)/2, else -alpha",
        examples: &["stoch"],
        exact: true,
        draws: 0b0001,
        ternary: |_| true,
        random: always,
        twin: |w, c| (if c.positive(w) { c.alpha } else { -c.alpha }, 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "stochm",
        syntax: "stochm:G",
        doc: "|w| U(G, 1/G), + with probability (w/alpha + 1)/2, else -",
        examples: &["stochm:0.5", "stochm:1"],
        exact: false,
        draws: 0b0011,
        random: always,
        parse: gamma,
        show: |[g, _]| Some(format!("{g}")),
        words: gamma_words,
        twin: |w, c| stochm(w.abs(), w, c),
        ..PLAIN
    },
    ProjectionKind {
        name: "stochm-literal",
        syntax: "stochm-literal:G",
        doc: "StochM as table 1 prints it, w instead of |w|: the sign is lost (an ablation)",
        examples: &["stochm-literal:0.5"],
        exact: false,
        draws: 0b0011,
        random: always,
        parse: gamma,
        show: |[g, _]| Some(format!("{g}")),
        words: gamma_words,
        twin: |w, c| stochm(w, w, c),
        ..PLAIN
    },
    ProjectionKind {
        name: "stochm3",
        syntax: "stochm3:G or stochm3:G,quantile",
        doc: "StochM, and weights with |w| < alpha/2 (quantile: below the median of |w|) become 0 with probability 1/2",
        examples: &["stochm3:0.5", "stochm3:0.5,quantile"],
        exact: false,
        draws: 0b0111,
        random: always,
        parse: |text| match text.and_then(|t| t.split_once(',')) {
            None => gamma(text),
            Some((g, "quantile")) => Ok([gamma(Some(g))?[0], 1.0]),
            Some((_, other)) => Err(format!("behind the comma only \"quantile\" may stand, not \"{other}\"")),
        },
        show: |[g, quantile]| Some(format!("{g}{}", if quantile == 1.0 { ",quantile" } else { "" })),
        words: |p, fan_in| [gamma_words(p, fan_in)[0], gamma_words(p, fan_in)[1], p[1]],
        rank: |[_, quantile], len| (quantile == 1.0).then_some(len / 2),
        twin: |w, c| {
            let middle = w.abs() < if c.p[2] == 1.0 { c.quantile } else { 0.5 * c.alpha };
            if middle && philox::uniform01(c.draw(2)) < 0.5 { (0.0, 0.0) } else { stochm(w.abs(), w, c) }
        },
        ..PLAIN
    },
    ProjectionKind {
        name: "addnorm",
        syntax: "addnorm:S",
        doc: "w + N(0, (S alpha)^2)",
        examples: &["addnorm:0.55", "addnorm:0"],
        exact: false,
        draws: 0b1000,
        random: |[s, _]| s > 0.0,
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
        ..PLAIN
    },
    ProjectionKind {
        name: "multunif",
        syntax: "multunif:G",
        doc: "w U(G, 1/G)",
        examples: &["multunif:0.5"],
        exact: false,
        draws: 0b0010,
        random: |[g, _]| g < 1.0,
        parse: gamma,
        show: |[g, _]| Some(format!("{g}")),
        words: gamma_words,
        twin: |w, c| scaled(w * c.magnitude()),
        ..PLAIN
    },
    ProjectionKind {
        name: "he-sign",
        syntax: "he-sign",
        doc: "sqrt(2/fan_in) sign(w), sign(0) = +1 (McDonnell 2018)",
        examples: &["he-sign"],
        exact: true,
        ternary: |_| true,
        words: |_, fan_in| [(2.0 / fan_in as f64).sqrt() as f32, 0.0, 0.0],
        twin: |w, c| (sign(w, c.p[0]), 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "bitflip",
        syntax: "bitflip:P",
        doc: "the sign turned with probability P",
        examples: &["bitflip:0.1", "bitflip:0"],
        exact: true,
        draws: 0b0100,
        random: |[p, _]| 0.0 < p && p < 1.0,
        parse: |text| Ok([text.and_then(probability).ok_or("P must be a number from 0 to 1")?, 0.0]),
        show: |[p, _]| Some(format!("{p}")),
        words: |[p, _], _| [p, 0.0, 0.0],
        twin: |w, c| (if philox::uniform01(c.draw(2)) < c.p[0] { -w } else { w }, 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "stuck",
        syntax: "stuck:P0,P1",
        doc: "stuck at 0 with probability P0, at +alpha or -alpha (evenly) with probability P1",
        examples: &["stuck:0.1,0.05", "stuck:0,0"],
        exact: true,
        draws: 0b0101,
        random: |[p0, p1]| p0 < 1.0 && p0 + p1 > 0.0,
        parse: |text| {
            let both = text.and_then(|t| t.split_once(',')).and_then(|(a, b)| Some([probability(a)?, probability(b)?]));
            let sums = both.filter(|[p0, p1]| f64::from(*p0) + f64::from(*p1) <= 1.0 + 1e-6);
            Ok(sums.ok_or("P0 and P1 must be numbers from 0 to 1 with a sum of at most 1")?)
        },
        show: |[p0, p1]| Some(format!("{p0},{p1}")),
        words: |[p0, p1], _| [p0, (f64::from(p0) + f64::from(p1)) as f32, 0.0],
        twin: |w, c| {
            let u = philox::uniform01(c.draw(2));
            let full = if philox::uniform01(c.draw(0)) < 0.5 { c.alpha } else { -c.alpha };
            (if u < c.p[0] { 0.0 } else { [w, full][usize::from(u < c.p[1])] }, 0.0)
        },
        ..PLAIN
    },
    ProjectionKind {
        name: "quant",
        syntax: "quant:B or quant:B,filter",
        doc: "the nearest of k alpha/L, k = -L..L, L = 2^(B-1) - 1, halves away from 0; B = 1 is sign, B = 2 round",
        examples: &["quant:1", "quant:2", "quant:4", "quant:16", "quant:4,filter"],
        exact: false,
        alpha: max_over,
        ternary: |[b, _]| b.round() <= 2.0,
        parse: |text| {
            let text = text.unwrap_or_default();
            let (bits, over) = text.split_once(',').map_or((text, None), |(bits, over)| (bits, Some(over)));
            let bits = bits.trim().parse::<u8>().ok().filter(|b| (1..=16).contains(b));
            Ok([f32::from(bits.ok_or("B must be a whole number from 1 to 16")?), filter(over)?[1]])
        },
        // On the way from one number of bits to another it is the nearest whole one.
        show: |[b, filter]| Some(format!("{}{}", b.round(), if filter == 1.0 { ",filter" } else { "" })),
        words: |[b, _], _| {
            let levels = 2f32.powi(b.round() as i32 - 1) - 1.0;
            [2.0 * levels, if levels > 0.0 { 1.0 / levels } else { 0.0 }, 0.0]
        },
        twin: quant,
        ..PLAIN
    },
    ProjectionKind {
        name: "drift",
        syntax: "drift:NU,T",
        doc: "w T^-nu, nu drawn for each weight from N(NU, (NU/4)^2), not below 0 (phase-change memory: NU 0.05 to 0.1)",
        examples: &["drift:0.06,3600", "drift:0,10", "drift:0.1,1"],
        exact: false,
        draws: 0b1000,
        random: |[nu, t]| nu > 0.0 && t > 1.0,
        parse: |text| {
            let both = text.and_then(|t| t.split_once(',')).and_then(|(a, b)| Some([number(a)?, number(b)?]));
            let [nu, t] = both.filter(|[nu, t]| (0.0..=10.0).contains(nu) && *t >= 1.0).ok_or(
                "NU must be a number from 0 to 10, and T, the time in units of that at which NU holds from, at least 1",
            )?;
            Ok([nu, t])
        },
        show: |[nu, t]| Some(format!("{nu},{t}")),
        words: |[nu, t], _| [nu, f64::from(t).log2() as f32, 0.0],
        twin: drift,
        ..PLAIN
    },
    ProjectionKind {
        name: "prune",
        syntax: "prune:P",
        doc: "0 for the fraction P of the smallest |w| of the layer, ties aside; the largest stays",
        examples: &["prune:0.5", "prune:0.9", "prune:0"],
        exact: true,
        parse: |text| {
            let p = text.and_then(number).filter(|p| (0.0..1.0).contains(p));
            Ok([p.ok_or("P must be a number from 0 to below 1")?, 0.0])
        },
        show: |[p, _]| Some(format!("{p}")),
        rank: |[p, _], len| Some(((f64::from(p) * len as f64).round() as usize).min(len - 1)),
        twin: |w, c| (if w.abs() < c.quantile { 0.0 } else { w }, 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "bwn",
        syntax: "bwn",
        doc: "mean |w| of the filter times sign(w), sign(0) = +1 (Rastegari 2016)",
        examples: &["bwn"],
        // Its signs are, the mean is a sum.
        exact: false,
        alpha: |_| FilterMean,
        ternary: |_| true,
        twin: |w, c| (sign(w, c.alpha), 0.0),
        ..PLAIN
    },
    ProjectionKind {
        name: "ternary",
        syntax: "ternary",
        doc: "s clip(round(w/s), -1, 1), s = mean |w|: 0 where |w| <= s/2, else +-s (BitNet b1.58)",
        examples: &["ternary"],
        exact: false,
        alpha: |_| Mean,
        ternary: |_| true,
        twin: |w, c| (if 2.0 * w.abs() <= c.alpha { 0.0 } else { sign(w, c.alpha) }, 0.0),
        ..PLAIN
    },
];

/// What stands for every user's own projection, whose text says the rest ([`super::own`]).
pub(super) static OWN: ProjectionKind = ProjectionKind {
    name: "FILE.wgsl",
    syntax: super::own::SYNTAX,
    doc: super::own::DOC,
    examples: &[],
    exact: false,
    draws: 0b1111,
    alpha: |_| Statistic::Max,
    ternary: |_| false,
    random: always,
    parse: |_| Err("it is read with its file".into()),
    show: |_| None,
    words: |_, _| [0.0; 3],
    rank: |_, _| None,
    twin: |_, _| unreachable!("its source has its twin"),
};

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

/// The shader's words, see `shaders/project/quant.wgsl`: each product of the decision is rounded to f32 once.
fn quant(w: f32, c: &Context) -> (f32, f64) {
    let [twice, inverse, _] = c.p;
    if twice == 0.0 || c.alpha == 0.0 {
        return (sign(w, c.alpha), 0.0);
    }
    let size = twice * w.abs();
    // The largest k that |w| reaches.
    let (mut k, mut above) = (0, (0.5 * twice) as u32 + 1);
    while above - k > 1 {
        let middle = (k + above) / 2;
        let reached = (2 * middle - 1) as f32 * c.alpha <= size;
        if reached { k = middle } else { above = middle }
    }
    let level = if 2 * k >= twice as u32 { c.alpha } else { k as f32 * inverse * c.alpha };
    scaled(if w < 0.0 { -level } else { level })
}

fn drift(w: f32, c: &Context) -> (f32, f64) {
    let [nu, log_t, _] = c.p;
    let drawn = (normal(c.draw(3)) * (0.25 * nu) + nu).max(0.0);
    let exponent = f64::from(drawn) * f64::from(log_t);
    let value = f64::from(w) * (-exponent).exp2();
    // WGSL: exp2(x) is off by 3 + 2|x| ulp; an adapter that fuses moves nu by a few units in the last place of 4, as
    // for AddNorm. In units of 2 ulp of the result:
    (value as f32, value.abs() * (3.0 + 3.0 * exponent + 3.0 * f64::from(nu) * f64::from(log_t)))
}

fn probability(text: &str) -> Option<f32> {
    number(text).filter(|p| (0.0..=1.0).contains(p))
}

fn always(_: [f32; 2]) -> bool {
    true
}

fn no_parameter(text: Option<&str>) -> std::result::Result<[f32; 2], String> {
    if text.is_none() { Ok([0.0; 2]) } else { Err("it takes no parameter".into()) }
}

/// Nothing, or that alpha is one of each filter: the second parameter is 1.
fn filter(text: Option<&str>) -> std::result::Result<[f32; 2], String> {
    match text.map(str::trim) {
        None => Ok([0.0; 2]),
        Some("filter") => Ok([0.0, 1.0]),
        Some(_) => Err("it takes no parameter more but \"filter\", for an alpha of each filter".into()),
    }
}

fn max_over([_, filter]: [f32; 2]) -> Statistic {
    if filter == 1.0 { FilterMax } else { Max }
}

fn gamma(text: Option<&str>) -> std::result::Result<[f32; 2], String> {
    let g = text.and_then(number).filter(|&g| 0.0 < g && g <= 1.0);
    Ok([g.ok_or("G must be a number above 0 and at most 1")?, 0.0])
}

fn gamma_words([g, _]: [f32; 2], _: usize) -> [f32; 3] {
    [g, (1.0 / f64::from(g) - f64::from(g)) as f32, 0.0]
}
