//! Weights that are larger than what can be bound, in windows of their rows (ky, kx, ci): what a convolution reads for the
//! rows of a window is copied into columns, whose product with the window is a linear layer. The forward pass and the
//! gradient of the input add the windows' sums in order, the gradient of the weights has its rows in each.

use super::{FORWARD, GRAD_INPUT, GRAD_WEIGHT, Geometry};
use crate::error::Result;
use crate::kernels::case::{Case, CaseBuilder};
use crate::kernels::pool::for_each_pixel;
use crate::kernels::{Budget, Io, Kernel, Scalars, Variant, add, anywhere, linear_grid, read, write};
use crate::plan::{Builder, Elem, Limits, Params, Role, Value, View};

/// Rows of a window, where so many can be bound: a multiple of what starts aligned for any number of output channels.
const WHOLE: usize = 64;

/// Whether the weights exceed what can be bound.
pub fn needed(limits: &Limits, g: &Geometry) -> bool {
    4 * g.w_len() > limits.max_binding
}

/// Rows of the weights, `[rows, c_out]`, and the convolution that is left of them: a linear layer.
struct Window {
    first: usize,
    /// The part of the weights, or of their gradient.
    weights: View,
    /// Of columns `[n oh ow, groups, rows]` to outputs.
    linear: Geometry,
}

impl Window {
    fn params(&self, g: &Geometry) -> Vec<(&'static str, Value)> {
        params(g, self.first, self.linear.c_in / g.groups)
    }
}

/// The windows of the weights `w`, for columns that are stored as `x` is.
fn windows(b: &Builder, scope: &str, g: &Geometry, x: View, w: View) -> Result<Vec<Window>> {
    let (pixels, rows) = (g.n * g.oh() * g.ow(), g.w_len() / g.c_out);
    // As if they were there for all rows, each with what every pixel reads for it. They begin with the window: aligned.
    let row = (pixels * g.groups).next_multiple_of(b.target.adapter.limits.offset_alignment / b.elem(x).bytes());
    let columns = View { len: rows * row, ..x };
    let fit = b.windows(scope, rows, &[w, columns])?;
    // Of nearly equal length, so that they share their pipelines.
    let even = rows.div_ceil(fit.len()).next_multiple_of(WHOLE);
    let run = if even <= fit[0].len() { even } else { fit[0].len() };
    let window = |first: usize| {
        let part = first..rows.min(first + run);
        let c_in = g.groups * part.len();
        let linear = Geometry { groups: g.groups, ..Geometry::linear(pixels, c_in, g.c_out) };
        Window { first, weights: w.rows(&part, rows), linear }
    };
    Ok((0..rows).step_by(run).map(window).collect())
}

/// Part of a transient called `name`: windows of one scope take turns, and the first is the largest.
fn shared(b: &mut Builder, name: &str, elem: Elem, len: usize) -> View {
    b.shared(name, elem, &[len], Role::Transient).slice(0..len)
}

/// Where the columns of a window go, stored as `like` is.
fn columns(b: &mut Builder, scope: &str, window: &Window, like: View) -> View {
    let elem = b.elem(like);
    shared(b, &format!("{scope}.columns"), elem, window.linear.n * window.linear.c_in)
}

/// As [`conv2d::forward`](super::forward), for images and outputs that can be bound whole.
pub(super) fn forward(b: &mut Builder, scope: &str, g: &Geometry, x: View, w: View, y: View) -> Result<()> {
    in_order(b, scope, &windows(b, scope, g, x, w)?, g.n, y, |b, window, sum| {
        let columns = columns(b, scope, window, x);
        UNFOLD.dispatch(b, scope, &window.params(g), &[("x", x), ("columns", columns)])?;
        let args = [("x", columns), ("w", window.weights), ("y", sum)];
        FORWARD.dispatch(b, scope, &window.linear.params(window.linear.n, 1), &args)
    })
}

/// As [`conv2d::grad_input`](super::grad_input), for gradients that can be bound whole.
pub(super) fn grad_input(b: &mut Builder, scope: &str, g: &Geometry, dy: View, w: View, dx: View) -> Result<()> {
    in_order(b, scope, &windows(b, scope, g, dx, w)?, g.n, dx, |b, window, sum| {
        let columns = columns(b, scope, window, dx);
        let args = [("dy", dy), ("w", window.weights), ("dx", columns)];
        GRAD_INPUT.dispatch(b, scope, &window.linear.params(window.linear.n, 1), &args)?;
        FOLD.dispatch(b, scope, &window.params(g), &[("columns", columns), ("dx", sum)])
    })
}

/// As [`conv2d::grad_weight`](super::grad_weight) with one partial sum, for images and gradients that can be bound whole.
pub(super) fn grad_weight(b: &mut Builder, scope: &str, g: &Geometry, x: View, dy: View, dw: View) -> Result<()> {
    for window in windows(b, scope, g, x, dw)? {
        let columns = columns(b, scope, &window, x);
        UNFOLD.dispatch(b, scope, &window.params(g), &[("x", x), ("columns", columns)])?;
        let args = [("x", columns), ("dy", dy), ("dw", window.weights)];
        GRAD_WEIGHT.dispatch(b, scope, &window.linear.params(window.linear.n, 1), &args)?;
    }
    Ok(())
}

/// Records what each window adds to `total`, `outer` rows, and the additions.
fn in_order(
    b: &mut Builder,
    scope: &str,
    windows: &[Window],
    outer: usize,
    total: View,
    mut record: impl FnMut(&mut Builder, &Window, View) -> Result<()>,
) -> Result<()> {
    let mut before: Option<View> = None;
    for (i, window) in windows.iter().enumerate() {
        let own = shared(b, &format!("{scope}.window{i}"), Elem::F32, total.len);
        record(b, window, own)?;
        let Some(sum) = before.replace(own) else { continue };
        let last = i + 1 == windows.len();
        let to = if last { total } else { shared(b, &format!("{scope}.sum{i}"), Elem::F32, total.len) };
        add::forward(b, scope, outer, sum, own, to)?;
        before = Some(to);
    }
    Ok(())
}

fn params(g: &Geometry, first: usize, rows: usize) -> Vec<(&'static str, Value)> {
    let shared = g.params(g.n, 1).into_iter().filter(|(name, _)| !["c_out", "splits"].contains(name));
    shared.chain([("first", first.into()), ("rows", rows.into())]).collect()
}

/// Calls `f(index in x, index in columns)` for every element of the columns that lies inside of the image.
fn for_each_element(p: &Params, mut f: impl FnMut(usize, usize)) {
    let (groups, c_in, first, rows) = (p.u("groups"), p.u("c_in"), p.u("first"), p.u("rows"));
    for_each_pixel(p, |x, pixel, tap| {
        for (g, ci) in (0..groups).flat_map(|g| (0..c_in).map(move |ci| (g, ci))) {
            let row = tap * c_in + ci;
            if (first..first + rows).contains(&row) {
                f((x * groups + g) * c_in + ci, (pixel * groups + g) * rows + row - first);
            }
        }
    });
}

/// columns = what the outputs read of x for some rows of the weights.
pub static UNFOLD: Kernel = Kernel {
    name: "conv2d.unfold",
    args: &[read("x"), write("columns")],
    variants: &[Variant::new("naive", anywhere, |p, _| {
        let pixels = p.u("n") * p.u("oh") * p.u("ow");
        linear_grid((pixels * p.u("groups") * p.u("rows")).div_ceil(64))
    })],
    twin: |io: &mut Io| {
        let x = io.f("x");
        let mut columns = vec![0.0; io.len("columns")];
        for_each_element(io.params, |from, to| columns[to] = x[from]);
        io.put("columns", columns);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || {
        cases(|c, g, first, rows| {
            let x = c.operand("x", &[g.n, g.x_len()]);
            let columns = c.output("columns", &[g.n * g.oh() * g.ow(), g.groups * rows]);
            UNFOLD.dispatch(&mut c.b, "conv2d.unfold", &params(g, first, rows), &[("x", x), ("columns", columns)])
        })
    },
};

/// dx = the sums of what columns say of each element.
pub static FOLD: Kernel = Kernel {
    name: "conv2d.fold",
    args: &[read("columns"), write("dx")],
    variants: &[Variant::new("naive", anywhere, |p, _| {
        linear_grid((p.u("n") * p.u("h") * p.u("w") * p.u("groups") * p.u("c_in")).div_ceil(64))
    })],
    twin: |io: &mut Io| {
        let columns = io.f("columns");
        let mut dx = Scalars::zeros(io.len("dx"));
        for_each_element(io.params, |to, from| dx.add(to, columns[from]));
        io.put("dx", dx);
    },
    budget: Budget::Sum(|p| p.u("kh") * p.u("kw")),
    flop: |p| (p.u("n") * p.u("oh") * p.u("ow") * p.u("groups") * p.u("rows")) as f64,
    cases: || {
        cases(|c, g, first, rows| {
            let columns = c.operand("columns", &[g.n * g.oh() * g.ow(), g.groups * rows]);
            let dx = c.output("dx", &[g.n, g.x_len()]);
            FOLD.dispatch(&mut c.b, "conv2d.fold", &params(g, first, rows), &[("columns", columns), ("dx", dx)])
        })
    },
};

/// `build` records a kernel for a shape, the first of some rows, and their number.
fn cases(build: fn(&mut CaseBuilder, &Geometry, usize, usize) -> Result<()>) -> Vec<Case> {
    let base = Geometry { h: 6, w: 5, kernel: [3, 3], pad: [1, 1], ..Geometry::linear(2, 6, 4) };
    let shapes = [
        ("linear, columns 3 to 13", Geometry::linear(5, 20, 3), 3, 11),
        ("all rows", base, 0, 54),
        ("within a tap", base, 20, 3),
        ("from one tap to another, 2 groups", Geometry { groups: 2, ..base }, 4, 13),
        ("the last, stride 2x1, pad 0x2", Geometry { stride: [2, 1], pad: [0, 2], ..base }, 50, 4),
        ("pad below, stride 2", Geometry { stride: [2, 2], pad: [0, 1], extra: [1, 0], ..base }, 0, 54),
    ];
    let both = |(name, g, first, rows)| {
        let case = move |c: &mut CaseBuilder| build(c, &g, first, rows);
        [Case::exact(format!("{name}, integers"), case), Case::new(name, case)]
    };
    shapes.into_iter().flat_map(both).collect()
}
