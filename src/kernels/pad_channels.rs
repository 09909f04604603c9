//! Channels of zeros behind those of a map, and the way back: maps with other numbers of channels.

use super::case::{Case, Fill};
use super::{Budget, Io, Kernel, Variant, anywhere, linear_grid, read, write};
use crate::error::Result;
use crate::plan::{Builder, Params, Target, View};

/// Records y `[n, h, w, c_out]` = x `[n, h, w, c_in]` with zeros behind its channels, or without the last of them where
/// `c_out` is less: each is the gradient of the other.
///
/// # Errors
/// An image that cannot be bound.
pub fn apply(b: &mut Builder, scope: &str, n: usize, [c_in, c_out]: [usize; 2], x: View, y: View) -> Result<()> {
    for win in b.windows(scope, n, &[x, y])? {
        let (x, y) = (x.rows(&win, n), y.rows(&win, n));
        let params = [("pixels", (x.len / c_in).into()), ("c_in", c_in.into()), ("c_out", c_out.into())];
        APPLY.dispatch(b, scope, &params, &[("x", x), ("y", y)])?;
    }
    Ok(())
}

fn outputs(p: &Params) -> usize {
    p.u("pixels") * p.u("c_out")
}

fn in_fours(_: &Target, p: &Params) -> std::result::Result<(), &'static str> {
    let both = p.u("c_in").is_multiple_of(4) && p.u("c_out").is_multiple_of(4);
    if both { Ok(()) } else { Err("the channels are no multiple of 4") }
}

/// y.
pub static APPLY: Kernel = Kernel {
    name: "pad_channels.apply",
    args: &[read("x"), write("y")],
    variants: &[
        Variant::new("naive", anywhere, |p, _| linear_grid(outputs(p).div_ceil(64))),
        Variant::new("vec4", in_fours, |p, _| linear_grid(outputs(p).div_ceil(256))),
    ],
    twin: |io: &mut Io| {
        let (x, c_in, c_out) = (io.f("x"), io.params.u("c_in"), io.params.u("c_out"));
        let value = |i: usize| if i % c_out < c_in { x[i / c_out * c_in + i % c_out] } else { 0.0 };
        let y: Vec<f64> = (0..io.len("y")).map(value).collect();
        io.put("y", y);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases: || {
        let case = |name: &str, n: usize, pixels: usize, channels: [usize; 2], limit: usize| {
            Case::exact(name, move |c| {
                c.b.target.adapter.limits.max_binding = limit;
                let x = c.input("x", &[n, pixels, channels[0]], &Fill::Uniform(1.0));
                let y = c.output("y", &[n, pixels, channels[1]]);
                apply(&mut c.b, "pad_channels", n, channels, x, y)
            })
        };
        vec![
            case("1 to 1", 1, 1, [1, 1], 4096),
            case("3 to 7", 2, 15, [3, 7], 4096),
            case("7 to 3", 2, 15, [7, 3], 4096),
            case("16 to 32", 3, 64, [16, 32], 1 << 20),
            case("32 to 16", 3, 64, [32, 16], 1 << 20),
            case("4 to 6", 2, 9, [4, 6], 4096),
            case("windows", 12, 16, [4, 8], 1024),
        ]
    },
};
