//! Ranges of the values of a preset. Types and unknown keys are settled by then.

use super::{Data, Lr, Mean, Preset};
use crate::layers::kind::check_layers;
use crate::ranges::{Check, HELD, Number, is_held, not_negative, positive, require};

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
    let fits = |shards: usize| shards.is_power_of_two() && p.batch.is_multiple_of(shards);
    let nearest = (0..=20).map(|bits| 1 << bits).filter(|n| fits(*n)).min_by_key(|n: &usize| n.abs_diff(p.shards));
    let must = format!("give a power of two that divides the batch of {}, e.g. {}", p.batch, nearest.unwrap_or(1));
    require(fits(p.shards), "shards", p.shards, &must)?;
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
    p.optimizer.method().check().map_err(|failure| failure.under("optimizer"))?;
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
    for (key, n) in [("data.crop", p.data.crop), ("data.short_side", p.data.short_side)] {
        require(n.is_none_or(|n| (1..=1 << 14).contains(&n)), key, n.unwrap_or(0), "give pixels, 1 to 16384")?;
    }
    require(p.eval.batch.is_none_or(|n| n <= 1 << 20), "eval.batch", p.eval_batch(), "give at most 2^20")?;
    let crops = p.eval.crops;
    require(
        [1, 10].contains(&crops),
        "eval.crops",
        crops,
        "give 1, the middle of a picture, or 10, its corners too, and all mirrored",
    )?;
    require(
        p.data.stream != Some(true) || p.data.resident != Some(true),
        "data.resident",
        true,
        "images that are streamed (data.stream = true) are not kept on the device: give false or \"auto\"",
    )?;
    for (key, x) in [("data.gcn", p.data.gcn), ("data.zca", p.data.zca)] {
        if let Some(x) = x {
            require(is_held(x), key, Number(x), &format!("{HELD}, or false to switch it off"))?;
        }
    }
    colors(&p.data)?;
    p.augment.check(p.data.is_scaled_bytes()).map_err(|failure| failure.under("augment"))?;
    if let Some(stretch) = p.augment.stretch {
        let must = "crops are taken from bytes, and images that are contrast-normalised or whitened (data.gcn, data.zca) are none any more";
        require(p.data.is_bytewise(), "augment.stretch", Number(stretch), must)?;
        let must = "crops are cut out for every batch: they are not kept on the device; give false or \"auto\"";
        require(p.data.resident != Some(true), "data.resident", true, must)?;
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
    super::own::check(&p.wgsl)?;
    require(!p.layers.is_empty(), "layers", "[]", "a network needs at least one layer")?;
    check_layers("layers", &p.layers)
}

/// The mean and the principal components of colours.
fn colors(data: &Data) -> Check {
    if let Some(mean) = data.mean {
        let (shown, sound) = match mean {
            Mean::Measured => ("\"measured\"".into(), true),
            Mean::Of(rgb) => (format!("{rgb:?}"), rgb.iter().all(|v| (0.0..=255.0).contains(v))),
        };
        let must = "it is subtracted from bytes, and images that are contrast-normalised or whitened (data.gcn, data.zca) are none any more";
        require(data.is_bytewise(), "data.mean", &shown, must)?;
        require(sound, "data.mean", shown, "give the mean of the bytes, red, green, blue, each from 0 to 255")?;
    }
    let rows = data.components.iter().flatten();
    let sound = rows.flatten().all(|v| v.abs() <= 255.0);
    require(
        sound,
        "data.components",
        format!("{:?}", data.components.unwrap_or_default()),
        "give numbers from -255 to 255",
    )
}

fn positive_or_infinite(key: &str, x: f64) -> Check {
    require(x == f64::INFINITY || is_held(x), key, Number(x), &format!("{HELD}, or \"none\" for no clipping"))
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
            let lengths = !first.is_empty() && first.iter().all(|epochs| (1..=1 << 20).contains(epochs));
            let shown = first.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            require(lengths, "lr.first", format!("[{shown}]"), "give whole numbers from 1 to 2^20 (epochs)")?;
            require((1..=1 << 20).contains(growth), "lr.growth", growth, "give 1 (equal cycles) or more")
        }
    }
}
