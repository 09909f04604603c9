//! The convolution in partial sums: where a layer has few outputs and long sums (a linear layer at a small batch), tiles of
//! the output leave most of a GPU idle, so several workgroups share the sum of one tile and a second kernel adds up.

use super::{FORWARD, Geometry, cases, multiple_of_4, one_group, whole_sums};
use crate::error::Result;
use crate::kernels::case::{Case, CaseBuilder};
use crate::kernels::{Budget, Chain, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::plan::{Builder, Elem, Params, Role, Value, View};

/// `conv2d.forward` by itself in partial sums and [`SUM`].
pub static SPLIT_K: Chain = Chain {
    kernel: "conv2d.forward",
    name: "split_k",
    maps: &["x", "y"],
    takes: |_| &["bits", "zeros"],
    supports: |_, p| {
        whole_sums(p)?;
        one_group(p)?;
        multiple_of_4(p, "c_in")?;
        multiple_of_4(p, "c_out")?;
        if splits(p) < 2 {
            return Err("the sums are too short, or the outputs many enough");
        }
        Ok(())
    },
    record: |b, scope, p, args| {
        let y = args.iter().find(|(name, _)| *name == "y").expect("an argument of the kernel").1;
        let (splits, len) = (splits(p), y.len);
        // The windows of one scope take turns; the first is the largest.
        let name = format!("{scope}.partial");
        let partial = b.shared(&name, Elem::F32, &[splits, len], Role::Transient).slice(0..splits * len);
        // Who forces the chain does not force it for its parts.
        let forced = b.target.options.forced.clone();
        let is_chain = |text: &str| text.split(':').next() == Some(SPLIT_K.name);
        b.target.options.forced.retain(|(name, text)| name != FORWARD.name || !is_chain(text));
        let recorded = partial_sums(b, scope, p, splits, &in_place_of_y(args, partial));
        b.target.options.forced = forced;
        recorded?;
        let sum: [(&str, Value); 2] = [("len", len.into()), ("splits", splits.into())];
        SUM.dispatch(b, scope, &sum, &[("partial", partial), ("y", y)])
    },
};

/// Partial sums: a function of the shape alone. About 256 workgroups of 64 x 64 outputs, each with 128 terms or more.
fn splits(p: &Params) -> usize {
    let tiles = (p.u("n") * p.u("oh") * p.u("ow")).div_ceil(64) * p.u("c_out").div_ceil(64);
    (256 / tiles).min(p.u("kh") * p.u("kw") * p.u("c_in") / 128)
}

fn in_place_of_y(args: &[(&'static str, View)], partial: View) -> Vec<(&'static str, View)> {
    args.iter().map(|(name, view)| (*name, if *name == "y" { partial } else { *view })).collect()
}

fn partial_sums(b: &mut Builder, scope: &str, p: &Params, splits: usize, args: &[(&'static str, View)]) -> Result<()> {
    let with = |(name, value): &(&'static str, Value)| (*name, if *name == "splits" { splits.into() } else { *value });
    let params: Vec<(&str, Value)> = p.0.iter().map(with).collect();
    FORWARD.dispatch(b, scope, &params, args)
}

/// The terms of an output's sum.
pub(super) fn terms(p: &Params) -> usize {
    p.u("kh") * p.u("kw") * p.u("c_in")
}

/// Those that one split takes: a multiple of 16.
pub(super) fn run(p: &Params) -> usize {
    terms(p).div_ceil(16 * p.u("splits")) * 16
}

/// The cases of `conv2d.forward` in partial sums.
pub(super) fn partial_cases() -> Vec<Case> {
    let all = cases(|c: &mut CaseBuilder, g: &Geometry| {
        let (x, w) = (c.operand("x", &[g.n, g.x_len()]), c.weights("w", &[g.w_len()]));
        let y = c.output("y", &[3, g.n, g.y_len()]);
        partial_sums(&mut c.b, "conv2d.forward", &Params(g.params(g.n, 1)), 3, &[("x", x), ("w", w), ("y", y)])
    });
    // Arrays that are bound whole.
    let mut whole: Vec<Case> =
        all.into_iter().filter(|c| !["windows", "parts"].iter().any(|name| c.name.contains(name))).collect();
    whole.iter_mut().for_each(|c| c.name += ", in 3 sums");
    whole
}

/// y = the sum of `splits` arrays, in order.
pub static SUM: Kernel = Kernel {
    name: "conv2d.sum_partials",
    args: &[read("partial"), write("y")],
    variants: &[Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64)))],
    twin: |io: &mut Io| {
        let partial = io.f("partial");
        let mut y = Scalars::zeros(io.len("y"));
        let len = io.params.u("len");
        partial.iter().enumerate().for_each(|(i, &term)| y.add(i % len, term));
        io.put("y", y);
    },
    budget: Budget::Sum(|p| p.u("splits")),
    flop: |p| ((p.u("splits") - 1) * p.u("len")) as f64,
    cases: || {
        [("one", 1, 5), ("seven", 7, 130), ("two of many", 2, 5000)]
            .into_iter()
            .flat_map(|(name, splits, len)| {
                let build = move |c: &mut CaseBuilder| {
                    let (partial, y) = (c.operand("partial", &[splits, len]), c.output("y", &[len]));
                    let params = [("len", len.into()), ("splits", splits.into())];
                    SUM.dispatch(&mut c.b, "conv2d.sum_partials", &params, &[("partial", partial), ("y", y)])
                };
                [Case::exact(format!("{name}, integers"), build), Case::new(name, build)]
            })
            .collect()
    },
};
