//! A small plan recorded by hand: two convolutions with ReLU, forward and backward.

use weightproof::kernels::conv2d::{self, Geometry};
use weightproof::kernels::relu;
use weightproof::plan::{Builder, Elem, Plan, Role, Target, View};

/// Images in the batch.
const BATCH: usize = 4;
/// Partial sums of the weight gradients.
const SPLITS: usize = 2;

/// Records the plan. Its outputs are the partial weight gradients `conv1.grad` and `conv2.grad`.
pub fn plan(target: Target) -> Plan {
    let geometry = |c_in, c_out| Geometry {
        n: BATCH,
        h: 8,
        w: 8,
        c_in,
        c_out,
        kernel: [3, 3],
        stride: [1, 1],
        pad: [1, 1],
        groups: 1,
    };
    let (g1, g2) = (geometry(4, 16), geometry(16, 12));
    let mut b = Builder::new("small", target);
    let x = b.buffer("batch", Elem::F32, &[BATCH, g1.x_len()], Role::Input);
    let weight = b.buffer("weight", Elem::F32, &[g1.w_len() + g2.w_len()], Role::State);
    let w1 = weight.slice(0..g1.w_len());
    let w2 = weight.slice(g1.w_len()..weight.len);
    b.label(w1, "conv1.weight");
    b.label(w2, "conv2.weight");
    let record = |b: &mut Builder| -> weightproof::error::Result<()> {
        let y1 = forward(b, "conv1", &g1, x, w1)?;
        let y2 = forward(b, "conv2", &g2, y1, w2)?;
        // The gradient of half the sum of squares of an output is that output.
        let dy1 = b.transient("conv1.output.grad", &[BATCH, g1.y_len()]);
        backward(b, "conv2", &g2, (y1, y2, y2), Some((w2, dy1)))?;
        backward(b, "conv1", &g1, (x, y1, dy1), None)
    };
    record(&mut b).expect("the shapes are valid");
    b.finish().expect("it fits")
}

/// Convolution and ReLU.
fn forward(b: &mut Builder, layer: &str, g: &Geometry, x: View, w: View) -> weightproof::error::Result<View> {
    let sum = b.transient(format!("{layer}.sum"), &[g.n, g.y_len()]);
    let y = b.transient(format!("{layer}.output"), &[g.n, g.y_len()]);
    conv2d::forward(b, &format!("{layer}.forward"), g, x, w, sum)?;
    relu::forward(b, &format!("{layer}.relu.forward"), g.n, sum, y)?;
    Ok(y)
}

/// From `(x, y, dy)` the partial gradients of the weights and, if asked with `(w, dx)`, the gradient of the input.
fn backward(
    b: &mut Builder,
    layer: &str,
    g: &Geometry,
    (x, y, dy): (View, View, View),
    input: Option<(View, View)>,
) -> weightproof::error::Result<()> {
    let sum = b.transient(format!("{layer}.sum.grad"), &[g.n, g.y_len()]);
    let partial = b.buffer(format!("{layer}.grad"), Elem::F32, &[SPLITS, g.w_len()], Role::Output);
    relu::backward(b, &format!("{layer}.relu.backward"), g.n, y, dy, sum)?;
    conv2d::grad_weight(b, &format!("{layer}.backward"), g, x, sum, partial, SPLITS)?;
    match input {
        Some((w, dx)) => conv2d::grad_input(b, &format!("{layer}.backward"), g, sum, w, dx),
        None => Ok(()),
    }
}
