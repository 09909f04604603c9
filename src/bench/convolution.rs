//! One convolution of any shape, its forward pass and both gradients; where it has groups, by turns with a plain one of the size
//! of a group.

use std::sync::Arc;

use super::compare::Ratio;
use super::{Entry, measure};
use crate::error::{Error, Result};
use crate::gpu::Device;
use crate::kernels::Kernel;
use crate::kernels::case::{Case, CaseBuilder};
use crate::kernels::conv2d::{self, Geometry};

/// Reads `n=16,h=27,c_in=96,c_out=256,kernel=5,pad=2,groups=2`: square where `w` is not given, and `n`, `stride`, `groups` are 1 and
/// `pad` 0 if they are not.
///
/// # Errors
/// Unknown keys, numbers that are none, a shape that is no convolution.
pub fn parse(text: &str) -> Result<Geometry> {
    let mut g = Geometry { h: 0, w: 0, c_in: 0, c_out: 0, kernel: [1, 1], ..Geometry::linear(1, 1, 1) };
    for setting in text.split(',') {
        let fail = |what: &str| Error::Invalid(format!("--convolution: {setting}: {what}"));
        let (key, value) = setting.split_once('=').ok_or_else(|| fail("write KEY=NUMBER"))?;
        let value: usize = value.parse().ok().filter(|v| *v <= 1 << 16).ok_or_else(|| fail("no number up to 65536"))?;
        match key {
            "n" => g.n = value,
            "h" => g.h = value,
            "w" => g.w = value,
            "c_in" => g.c_in = value,
            "c_out" => g.c_out = value,
            "kernel" => g.kernel = [value; 2],
            "stride" => g.stride = [value; 2],
            "pad" => g.pad = [value; 2],
            "groups" => g.groups = value,
            _ => return Err(fail("the keys are n, h, w, c_in, c_out, kernel, stride, pad and groups")),
        }
    }
    g.w = if g.w == 0 { g.h } else { g.w };
    g.check("--convolution")?;
    Ok(g)
}

/// The three passes, each with its kernel.
fn passes(g: Geometry) -> [(&'static Kernel, Case); 3] {
    let forward = move |c: &mut CaseBuilder| {
        let (x, w) = (c.operand("x", &[g.n, g.x_len()]), c.operand("w", &[g.w_len()]));
        let y = c.output("y", &[g.n, g.y_len()]);
        conv2d::forward(&mut c.b, "forward", &g, x, w, y)
    };
    let grad_input = move |c: &mut CaseBuilder| {
        let (dy, w) = (c.operand("dy", &[g.n, g.y_len()]), c.operand("w", &[g.w_len()]));
        let dx = c.output("dx", &[g.n, g.x_len()]);
        conv2d::grad_input(&mut c.b, "grad_input", &g, dy, w, dx)
    };
    let grad_weight = move |c: &mut CaseBuilder| {
        let (x, dy) = (c.operand("x", &[g.n, g.x_len()]), c.operand("dy", &[g.n, g.y_len()]));
        let dw = c.output("dw", &[g.splits(), g.w_len()]);
        conv2d::grad_weight(&mut c.b, "grad_weight", &g, x, dy, dw, g.splits())
    };
    let name = |g: Geometry| {
        let ([kh, kw], [sh, _], [pad, _]) = (g.kernel, g.stride, g.pad);
        format!("{} x {}x{}x{} to {}, {kh}x{kw} / {sh} pad {pad}, groups {}", g.n, g.h, g.w, g.c_in, g.c_out, g.groups)
    };
    [
        (&conv2d::FORWARD, Case::new(name(g), forward)),
        (&conv2d::GRAD_INPUT, Case::new(name(g), grad_input)),
        (&conv2d::GRAD_WEIGHT, Case::new(name(g), grad_weight)),
    ]
}

/// Measures the passes, the copies of operands with them, in `repeats` runs each time. Where there are groups, the plain convolution of
/// the size of one is measured by turns, for `rounds` rounds, and the ratios are those of the times of a product, plain over grouped.
///
/// # Errors
/// What the device reports; a shape that cannot be planned.
pub fn measure(device: &Arc<Device>, g: &Geometry, repeats: usize, rounds: usize) -> Result<(Vec<Entry>, Vec<Ratio>)> {
    let plain = Geometry { c_in: g.c_in / g.groups, c_out: g.c_out / g.groups, groups: 1, ..*g };
    let once = |(kernel, case): &(&'static Kernel, Case)| measure::as_chosen(device, kernel, case, repeats);
    let per_product = |e: &Entry| e.times()[1] / e.gflop;
    let (mut entries, mut ratios) = (vec![], vec![]);
    for (grouped, plain) in passes(*g).iter().zip(&passes(plain)) {
        if g.groups == 1 {
            entries.push(once(grouped)?);
            continue;
        }
        let (mut here, mut there) = (vec![], vec![]);
        for round in 0..rounds {
            let both = [once(grouped)?, once(plain)?];
            here.push(per_product(&both[0]));
            there.push(per_product(&both[1]));
            if round == 0 {
                entries.extend(both);
            }
        }
        ratios.push(Ratio::of_rounds(grouped.0.name, &here, &there));
    }
    Ok((entries, ratios))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_by_its_keys_and_refused_by_its_name() {
        let g = parse("n=16,h=27,c_in=96,c_out=256,kernel=5,pad=2,groups=2").unwrap();
        assert_eq!((g.w, g.oh(), g.w_len()), (27, 27, 5 * 5 * 48 * 256));
        for (text, what) in
            [("h", "KEY=NUMBER"), ("h=x", "no number"), ("depth=1", "the keys are"), ("h=5,c_in=4", "zero")]
        {
            let e = parse(text).unwrap_err().to_string();
            assert!(e.contains(what), "{text}: {e}");
        }
    }
}
