//! Ranges of the values of a preset. Types and unknown keys are settled by then.

use super::de::Failure;
use super::shapes::{MOST_CHANNELS, MOST_PIXELS};
use super::value::{Pair, Window};
use super::{Layer, Lr, Optimizer, Preset};

type Check = Result<(), Failure>;

fn require(ok: bool, key: &str, value: impl std::fmt::Display, must: &str) -> Check {
    if ok { Ok(()) } else { Err(Failure::new(key.split('.'), format!("{value} is out of range: {must}"))) }
}

/// Whether the device holds `x` as a number above 0: it computes in f32, and may take what is too small for a full
/// mantissa for 0.
fn is_held(x: f64) -> bool {
    x > 0.0 && (x as f32).is_normal()
}

/// The numbers that [`is_held`] allows.
const HELD: &str = "give a number above 0 that 32 bits hold, about 1.2e-38 to 3.4e38";
const HELD_OR_ZERO: &str = "give 0, or a number above it that 32 bits hold, about 1.2e-38 to 3.4e38";

fn positive(key: &str, x: f64) -> Check {
    require(is_held(x), key, Number(x), HELD)
}

fn not_negative(key: &str, x: f64) -> Check {
    require(x == 0.0 || is_held(x), key, Number(x), HELD_OR_ZERO)
}

/// A number as people write it.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let x = self.0;
        if x == 0.0 || !x.is_finite() || (1e-6..1e12).contains(&x.abs()) {
            write!(f, "{x}")
        } else {
            write!(f, "{x:e}")
        }
    }
}

fn count(key: &str, n: u64) -> Check {
    require((1..=1 << 40).contains(&n), key, n, "give a whole number from 1 to 2^40")
}

/// `[step, times]` pairs: steps ascend, factors are positive, and so is what they make of `initial`.
fn schedule(key: &str, initial: f64, pairs: &[(u64, f64)]) -> Check {
    let shown = || pairs.iter().map(|(s, t)| format!("[{s}, {}]", Number(*t))).collect::<Vec<_>>().join(", ");
    require(pairs.windows(2).all(|p| p[0].0 < p[1].0), key, shown(), "the steps must ascend")?;
    require(pairs.iter().all(|(_, t)| *t > 0.0 && t.is_finite()), key, shown(), "every factor must be above 0")?;
    let mut product = initial;
    for (step, times) in pairs {
        product *= times;
        let must =
            format!("from step {step} on the product is {}, and 32 bits hold 1.2e-38 to 3.4e38", Number(product));
        require(is_held(product), key, shown(), &must)?;
    }
    Ok(())
}

/// Bytes of a name, at most.
pub(super) const LONGEST_NAME: usize = 100;

/// Whether a name may have this character: it becomes part of a folder's name.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

pub(super) fn check(p: &Preset) -> Check {
    require(
        !p.name.is_empty()
            && p.name.chars().all(is_name_char)
            && !p.name.starts_with('.')
            && p.name.len() <= LONGEST_NAME,
        "name",
        format!("\"{}\"", p.name),
        "use 1 to 100 letters, digits, - _ . and no leading dot (it becomes part of a folder's name)",
    )?;
    require(p.width > 0.0 && p.width <= 1024.0, "width", p.width, "give a number above 0, e.g. 0.125 for an eighth")?;
    require((1..=1 << 20).contains(&p.batch), "batch", p.batch, "give a whole number from 1 to 2^20")?;
    require((1..=1 << 20).contains(&p.epochs), "epochs", p.epochs, "give a whole number from 1 to 2^20")?;
    if let Some(steps) = p.steps {
        count("steps", steps)?;
    }
    require(!p.projection.trim().is_empty(), "projection", "\"\"", "write \"none\" for no projection")?;

    positive_or_infinite("clip.factor", p.clip.factor)?;
    schedule("clip.schedule", 1.0, &p.clip.schedule)?;
    if let super::Init::Gaussian { std } = p.init {
        positive("init.std", std)?;
    }
    optimizer(&p.optimizer)?;
    lr(&p.lr)?;

    require(!p.data.set.trim().is_empty(), "data.set", "\"\"", "name a data set, e.g. \"cifar10\"")?;
    for (key, n) in [
        ("data.train", p.data.train),
        ("data.validation", p.data.validation),
        ("data.test", p.data.test),
        ("eval.batch", p.eval.batch),
    ] {
        require(n != Some(0), key, 0, "give 1 or more, or leave the key out")?;
    }
    require(p.eval.batch.is_none_or(|n| n <= 1 << 20), "eval.batch", p.eval_batch(), "give at most 2^20")?;
    for (key, x) in [("data.gcn", p.data.gcn), ("data.zca", p.data.zca)] {
        if let Some(x) = x {
            require(is_held(x), key, Number(x), &format!("{HELD}, or false to switch it off"))?;
        }
    }
    positive("batch_norm.epsilon", p.batch_norm.epsilon)?;
    require(
        p.eval.distort.iter().all(|d| !d.trim().is_empty()),
        "eval.distort",
        format!("{:?}", p.eval.distort),
        "name projections, e.g. [\"none\", \"sign\"]",
    )?;
    require(
        p.data.validation.is_none() || !p.eval.distort.is_empty(),
        "eval.distort",
        "[]",
        "name the projection to validate under first, e.g. [\"none\"], or leave data.validation out",
    )?;
    count("log.every", p.log.every)?;
    for (theirs, ours) in &p.names {
        let ok = !theirs.is_empty() && !ours.is_empty();
        require(ok, "names", format!("\"{theirs}\" = \"{ours}\""), "name a tensor or a module on both sides")?;
    }
    require(!p.layers.is_empty(), "layers", "[]", "a network needs at least one layer")?;
    layers(&p.layers, &["layers".into()])
}

fn positive_or_infinite(key: &str, x: f64) -> Check {
    require(x == f64::INFINITY || is_held(x), key, Number(x), &format!("{HELD}, or \"none\" for no clipping"))
}

fn optimizer(o: &Optimizer) -> Check {
    // In f32 0.99999999 is 1.
    let decay = |key, x: f64| {
        let must = "give a number from 0 up to, but not, 1; the largest that 32 bits hold is 0.99999994";
        require(x >= 0.0 && (x as f32) < 1.0, key, x, must)
    };
    match *o {
        Optimizer::Adam { beta1, beta2, epsilon } => {
            decay("optimizer.beta1", beta1)?;
            decay("optimizer.beta2", beta2)?;
            positive("optimizer.epsilon", epsilon)
        }
        Optimizer::Sgd { momentum, nesterov, weight_decay } => {
            decay("optimizer.momentum", momentum)?;
            not_negative("optimizer.weight_decay", weight_decay)?;
            require(!nesterov || is_held(momentum), "optimizer.nesterov", nesterov, "needs a momentum above 0")
        }
    }
}

fn lr(lr: &Lr) -> Check {
    match lr {
        Lr::Constant { initial } => positive("lr.initial", *initial),
        Lr::Exponential { initial, last } => {
            positive("lr.initial", *initial)?;
            positive("lr.final", *last)
        }
        Lr::Step { initial, factors } => {
            positive("lr.initial", *initial)?;
            schedule("lr.factors", *initial, factors)
        }
        Lr::CosineRestarts { initial, last, first, growth } => {
            positive("lr.initial", *initial)?;
            not_negative("lr.final", *last)?;
            require(last <= initial, "lr.final", last, "give at most lr.initial")?;
            require((1..=1 << 20).contains(first), "lr.first", first, "give a whole number from 1 to 2^20 (epochs)")?;
            require((1..=1 << 20).contains(growth), "lr.growth", growth, "give 1 (equal cycles) or more")
        }
    }
}

fn layers(list: &[Layer], path: &[String]) -> Check {
    for (i, layer) in list.iter().enumerate() {
        let path = [path, &[format!("[{i}]")]].concat();
        self::layer(layer, &path)?;
    }
    Ok(())
}

fn layer(layer: &Layer, path: &[String]) -> Check {
    let require = |ok: bool, key: &str, value: &dyn std::fmt::Display, must: &str| {
        let failure = || {
            let path = path.iter().map(String::as_str).chain([key]);
            Failure::new(path, format!("{value} is out of range: {must}"))
        };
        if ok { Ok(()) } else { Err(failure()) }
    };
    let out = |key: &str, n: usize| {
        require((1..=MOST_CHANNELS).contains(&n), key, &n, &format!("give a whole number from 1 to {MOST_CHANNELS}"))
    };
    let size = |key: &str, pair: Pair| {
        let ok = pair.0.iter().all(|n| (1..=MOST_PIXELS).contains(n));
        require(ok, key, &pair, &format!("give 1 to {MOST_PIXELS} rows and columns"))
    };
    let pad = |pad: Pair, kernel: Pair| {
        let ok = pad.0[0] < kernel.0[0] && pad.0[1] < kernel.0[1];
        require(ok, "pad", &pad, &format!("it must be less than the {kernel} kernel, else outputs see only padding"))
    };
    let rates = |bias: bool, rate: f64, bias_rate: Option<f64>| {
        for (key, rate) in [("rate", rate), ("bias_rate", bias_rate.unwrap_or(0.0))] {
            let must = format!("give 1 for the rate of the step, 0 for none at all, else {HELD}");
            require(rate == 0.0 || is_held(rate), key, &Number(rate), &must)?;
        }
        let shown = bias_rate.unwrap_or_default();
        require(bias || bias_rate.is_none(), "bias_rate", &shown, "the layer has no bias; give it one with bias = true")
    };
    let on = |key: &str, flag: bool| require(flag, key, &flag, "leave the layer out to switch it off");
    if let Some(name) = layer.given_name() {
        let ok = !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        require(ok, "name", &format!("\"{name}\""), "use 1 to 64 letters, digits and _")?;
    }
    match layer {
        Layer::Conv2d(l) => {
            out("conv2d", l.out)?;
            size("kernel", l.kernel)?;
            size("stride", l.stride)?;
            pad(l.pad, l.kernel)?;
            rates(l.bias, l.rate, l.bias_rate)?;
            out("groups", l.groups)
        }
        Layer::Linear(l) => {
            rates(l.bias, l.rate, l.bias_rate)?;
            out("linear", l.out)
        }
        Layer::BatchNorm(l) => on("batchnorm", l.batchnorm),
        Layer::Relu(l) => on("relu", l.relu),
        Layer::MaxPool(l) => {
            size("maxpool", l.kernel)?;
            size("stride", l.stride.unwrap_or(l.kernel))?;
            pad(l.pad, l.kernel)
        }
        Layer::AvgPool(l) => match l.window {
            Window::Size(kernel) => {
                size("avgpool", kernel)?;
                size("stride", l.stride.unwrap_or(kernel))?;
                pad(l.pad, kernel)
            }
            Window::Global => {
                let alone = l.stride.is_none() && l.pad == Pair::ZERO && !l.ceil && !l.include_pad;
                require(alone, "avgpool", &"\"global\"", "it takes no stride, pad, ceil or include_pad")
            }
        },
        Layer::Dropout(l) => {
            // The device draws whole numbers below 2^32.
            let ok = l.p == 0.0 || (2f64.powi(-32)..1.0).contains(&l.p);
            let must = "give a probability from 0 up to, but not, 1; the least above 0 is 2.4e-10";
            require(ok, "dropout", &Number(l.p), must)
        }
        Layer::Residual(l) => {
            require(!l.body.is_empty(), "residual", &"[]", "the body needs at least one layer")?;
            layers(&l.body, &[path, &["residual".into()]].concat())
        }
    }
}
