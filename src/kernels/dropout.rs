//! Dropout: y = x / (1 - p) where the element is kept, else 0. Whether it is kept is a pure function of seed, step, layer
//! and the element's index in the whole batch, so that the gradient draws the same mask again instead of storing it, and
//! windows, shards and variants change nothing.

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, STEP, Variant, anywhere, linear_grid, read, write};
use crate::error::{Error, Result};
use crate::philox::{key, philox4x32, stream};
use crate::plan::{Builder, Params, Step, Target, Value, View};

/// Records y = x / (1 - p) where the element is kept, else 0, over views of equal length, `outer` rows each. The gradient
/// is the same with dy for x and dx for y. `p` in [0, 1): the probability that an element is dropped, to 2^-32; `layer`
/// numbers the dropout layers of a net.
///
/// # Errors
/// `p` outside [0, 1); a row that cannot be bound.
pub fn apply(b: &mut Builder, scope: &str, outer: usize, p: f64, layer: u32, x: View, y: View) -> Result<()> {
    if !(0.0..1.0).contains(&p) {
        return Err(Error::layer(scope, format!("dropout with probability {p}; it must be at least 0 and below 1")));
    }
    let step = b.step();
    let row = x.len / outer;
    for w in b.windows(scope, outer, &[x, y])? {
        let params = [
            ("len", (row * w.len()).into()),
            ("first", (row * w.start).into()),
            ("row", row.into()),
            ("layer", layer.into()),
            ("threshold", Value::U32((p * 4_294_967_296.0) as u32)),
            ("scale", Value::F32((1.0 / (1.0 - p)) as f32)),
        ];
        APPLY.dispatch(b, scope, &params, &[("step", step), ("x", x.rows(&w, outer)), ("y", y.rows(&w, outer))])?;
    }
    Ok(())
}

/// Rows that begin with the first word of a draw.
fn vec4_rows(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    if p.u("row").is_multiple_of(4) { Ok(()) } else { Err("the length of a row is no multiple of 4") }
}

/// y from x, or dx from dy.
pub static APPLY: Kernel = Kernel {
    name: "dropout.apply",
    args: &[STEP, read("x"), write("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(p.u("len").div_ceil(64))),
        Variant::new("vec4", vec4_rows, |p, _| linear_grid(p.u("len").div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (p, step) = (io.params, io.step());
        let key = key(step.seed(), stream::DROPOUT);
        let keep = |i: usize| {
            let e = (step.first_image as usize * p.u("row") + p.u("first") + i) as u32;
            let words = philox4x32([e / 4, p.u("layer") as u32, step.step_lo, step.step_hi], key);
            words[e as usize % 4] >= p.u("threshold") as u32
        };
        let scale = f64::from(p.f("scale"));
        let y: Vec<f64> = io.f("x").iter().enumerate().map(|(i, x)| if keep(i) { x * scale } else { 0.0 }).collect();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |p| p.u("len") as f64,
    cases: || {
        let of = |name: &str, outer: usize, row: usize, limit: usize, p: f64, first_image: u32| {
            Case::exact(name, move |c| {
                c.b.target.adapter.limits.max_binding = limit;
                c.step(Step { first_image, ..Step::at(0x0123_4567_89AB_CDEF, 0x1_0000_0007) });
                let x = c.input("x", &[outer, row], &Fill::Uniform(1.0));
                let y = c.output("y", &[outer, row]);
                apply(&mut c.b, "dropout", outer, p, 3, x, y)
            })
        };
        let case = |name: &str, outer, row, limit, p| of(name, outer, row, limit, p, 0);
        let all = 1 << 20;
        vec![
            case("len=1", 1, 1, all, 0.5),
            case("len=1024", 1, 1024, all, 0.5),
            case("len=4099", 1, 4099, all, 0.3),
            case("nothing dropped", 1, 256, all, 0.0),
            case("nearly all dropped", 1, 256, all, 0.99),
            case("windows", 12, 64, 1024, 0.5),
            of("windows of a shard", 12, 64, 1024, 0.5, 24),
            of("a shard, odd rows", 4, 33, all, 0.5, 8),
        ]
    },
};
