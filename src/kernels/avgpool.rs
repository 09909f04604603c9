//! Mean over windows, of the pixels inside the image or with `include_pad` of the padding as well (as zeros). A global
//! average is [`Geometry::global`].

use super::pool::{cases, for_each, inputs, outputs, overlap, vec4_channels};
use super::{Budget, Io, Kernel, Scalars, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, Params, View};

pub use super::pool::Geometry;

/// Records y = the mean of each window of x: x `[n, h, w, c]`, y `[n, oh, ow, c]`.
///
/// # Errors
/// A shape that is no pooling; an image that cannot be bound.
pub fn forward(b: &mut Builder, scope: &str, g: &Geometry, include_pad: bool, x: View, y: View) -> Result<()> {
    g.check(scope)?;
    for win in b.windows(scope, g.n, &[x, y])? {
        let (x, y) = (x.rows(&win, g.n), y.rows(&win, g.n));
        FORWARD.dispatch(b, scope, &g.params(win.len(), include_pad), &[("x", x), ("y", y)])?;
    }
    Ok(())
}

/// Records dx from dy.
///
/// # Errors
/// As [`forward`].
pub fn backward(b: &mut Builder, scope: &str, g: &Geometry, include_pad: bool, dy: View, dx: View) -> Result<()> {
    g.check(scope)?;
    for win in b.windows(scope, g.n, &[dy, dx])? {
        let (dy, dx) = (dy.rows(&win, g.n), dx.rows(&win, g.n));
        BACKWARD.dispatch(b, scope, &g.params(win.len(), include_pad), &[("dy", dy), ("dx", dx)])?;
    }
    Ok(())
}

/// By how many pixels the mean of each output divides. With `include_pad` the padded image counts, not what a last
/// window of ceil mode covers beyond it.
fn counts(p: &Params) -> Vec<f64> {
    let mut counts = vec![0.0; outputs(p)];
    for_each(p, |_, yi, _| counts[yi] += 1.0);
    if p.u("include_pad") == 1 {
        let side = |o: usize, size: &str, k: &str, stride: &str, pad: &str| {
            p.u(k).min(p.u(size) + 2 * p.u(pad) - o * p.u(stride)) as f64
        };
        for (i, count) in counts.iter_mut().enumerate() {
            let pixel = i / p.u("c");
            let (oy, ox) = (pixel / p.u("ow") % p.u("oh"), pixel % p.u("ow"));
            *count = side(oy, "h", "kh", "stride_h", "pad_h") * side(ox, "w", "kw", "stride_w", "pad_w");
        }
    }
    counts
}

/// y.
pub static FORWARD: Kernel = Kernel {
    name: "avgpool.forward",
    args: &[read("x"), write("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(outputs(p).div_ceil(64))),
        Variant::new("vec4", vec4_channels, |p, _| linear_grid(outputs(p).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (x, counts) = (io.f("x"), counts(io.params));
        let mut y = Scalars::zeros(io.len("y"));
        for_each(io.params, |xi, yi, _| y.add(yi, x[xi] / counts[yi]));
        io.put("y", y);
    },
    budget: Budget::Sum(|p| p.u("kh") * p.u("kw")),
    flop: |p| (outputs(p) * p.u("kh") * p.u("kw")) as f64,
    cases: || {
        let build = |include_pad: bool| {
            move |c: &mut super::case::CaseBuilder, g: &Geometry| {
                let (x, y) = (c.operand("x", &[g.n, g.x_len()]), c.output("y", &[g.n, g.y_len()]));
                forward(&mut c.b, "avgpool.forward", g, include_pad, x, y)
            }
        };
        [cases("", build(false)), cases("include_pad, ", build(true))].concat()
    },
};

/// dx.
pub static BACKWARD: Kernel = Kernel {
    name: "avgpool.backward",
    args: &[read("dy"), write("dx")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(inputs(p).div_ceil(64))),
        Variant::new("vec4", vec4_channels, |p, _| {
            let steps = |size: &str, pad: &str, stride: &str| (p.u(size) + p.u(pad)).div_ceil(p.u(stride));
            let blocks = steps("h", "pad_h", "stride_h") * steps("w", "pad_w", "stride_w");
            linear_grid((p.u("n") * blocks * p.u("c")).div_ceil(256))
        }),
    ],
    twin: |io: &mut Io| {
        let (dy, counts) = (io.f("dy"), counts(io.params));
        let mut dx = Scalars::zeros(io.len("dx"));
        for_each(io.params, |xi, yi, _| dx.add(xi, dy[yi] / counts[yi]));
        io.put("dx", dx);
    },
    budget: Budget::Sum(overlap),
    flop: |p| 2.0 * (inputs(p) * overlap(p)) as f64,
    cases: || {
        let build = |include_pad: bool| {
            move |c: &mut super::case::CaseBuilder, g: &Geometry| {
                let (dy, dx) = (c.operand("dy", &[g.n, g.y_len()]), c.output("dx", &[g.n, g.x_len()]));
                backward(&mut c.b, "avgpool.backward", g, include_pad, dy, dx)
            }
        };
        [cases("", build(false)), cases("include_pad, ", build(true))].concat()
    },
};
