//! A quantile of |w| of every tensor, for Prune and the quantile reading of StochM3: the element of the rank that the
//! tensor's row of `projections` names, exact, by radix select over the bits of |w|, eight at a time. Recorded only where
//! a projection needs it ([`Projection::needs_quantile`]).

use super::case::{Case, Fill};
use super::flat::{AWKWARD, WINDOW, chunk_grid, flat, layout};
use super::parameters::{Arrays, Parameters, ROW, Tensor, owned};
use super::project::table_by;
use super::{Budget, Io, Kernel, Variant, anywhere, read, read_u32, update_u32, write, write_u32};
use crate::error::Result;
use crate::plan::{Builder, Elem, Params, Role};
use crate::projection::Projection;

/// Digits of eight bits, from the top.
const SHIFTS: [u32; 4] = [24, 16, 8, 0];

fn tensor_grid(p: &Params) -> [u32; 3] {
    [p.u("tensors").div_ceil(64) as u32, 1, 1]
}

/// search = no bits found and the rank that `projections` names, histogram = 0.
pub static BEGIN: Kernel = Kernel {
    name: "project.quantile_begin",
    args: &[read_u32("projections"), write_u32("search"), write_u32("histogram")],
    variants: &[Variant::new("naive", anywhere, |p, _| tensor_grid(p))],
    twin: |io: &mut Io| {
        let tensors = io.params.u("tensors");
        let search = (0..tensors).flat_map(|t| [0, io.u("projections")[ROW * t + 2]]).collect();
        io.put_u("search", search);
        io.put_u("histogram", vec![0; 256 * tensors]);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases,
};

/// `histogram[tensor][digit] +=` elements of the window that begin with the bits found so far.
pub static COUNT: Kernel = Kernel {
    name: "project.quantile_count",
    args: &[read_u32("segments"), read_u32("chunks"), read("weight"), read_u32("search"), update_u32("histogram")],
    variants: &[Variant::new("naive", anywhere, chunk_grid)],
    twin: |io: &mut Io| {
        let shift = io.params.u("shift") as u32;
        let mut histogram = io.u("histogram").to_vec();
        for o in owned(io) {
            for &w in &io.f("weight")[o.at..o.at + o.elements.len()] {
                let bits = (w as f32).abs().to_bits();
                // In 64 bits, where a shift by 32 leaves nothing.
                if u64::from(bits) >> (shift + 8) == u64::from(io.u("search")[2 * o.tensor]) >> (shift + 8) {
                    histogram[256 * o.tensor + (bits >> shift & 255) as usize] += 1;
                }
            }
        }
        io.put_u("histogram", histogram);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases,
};

/// The next digit of every quantile; histogram = 0 again.
pub static PICK: Kernel = Kernel {
    name: "project.quantile_pick",
    args: &[update_u32("search"), update_u32("histogram"), write("quantiles")],
    variants: &[Variant::new("naive", anywhere, |p, _| tensor_grid(p))],
    twin: |io: &mut Io| {
        let mut search = io.u("search").to_vec();
        for (t, s) in search.chunks_mut(2).enumerate() {
            let counts = &io.u("histogram")[256 * t..256 * (t + 1)];
            let digit = counts.iter().position(|&n| {
                let here = s[1] < n;
                s[1] -= if here { 0 } else { n };
                here
            });
            s[0] |= (digit.unwrap_or(0) as u32) << io.params.u("shift");
        }
        let quantiles: Vec<f64> = search.chunks(2).map(|s| f64::from(f32::from_bits(s[0]))).collect();
        let tensors = quantiles.len();
        io.put_u("search", search);
        io.put_u("histogram", vec![0; 256 * tensors]);
        io.put("quantiles", quantiles);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases,
};

/// Records `quantiles[tensor]` = the |w| of the rank that the tensor's row of `projections` names when the plan runs: nine
/// dispatches.
///
/// # Errors
/// A limit too small for one chunk.
pub fn quantile(b: &mut Builder, scope: &str, p: &Parameters, a: &Arrays) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    let tensors = p.tensors.len();
    let search = b.shared("quantile.search", Elem::U32, &[tensors, 2], Role::Transient);
    let histogram = b.shared("quantile.histogram", Elem::U32, &[tensors, 256], Role::Transient);
    let begin = [("projections", a.projections), ("search", search), ("histogram", histogram)];
    BEGIN.dispatch(b, scope, &[("tensors", tensors.into())], &begin)?;
    for shift in SHIFTS {
        for w in p.windows(scope, &b.target.adapter.limits, false)? {
            let mut params = w.params();
            params.push(("shift", shift.into()));
            let args = [
                ("segments", segments),
                ("chunks", chunks),
                ("weight", a.weight.slice(w.flat.clone())),
                ("search", search),
                ("histogram", histogram),
            ];
            COUNT.dispatch(b, scope, &params, &args)?;
        }
        let params = [("tensors", tensors.into()), ("shift", shift.into())];
        let pick = [("search", search), ("histogram", histogram), ("quantiles", a.quantiles)];
        PICK.dispatch(b, scope, &params, &pick)?;
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let case = |name: &str, lens: &'static [usize], limit: usize, fill: Fill| {
        Case::exact(name, move |c| {
            c.b.target.adapter.limits.max_binding = limit;
            let p = layout(lens, 1);
            // Ranks from the first to the last, and the median.
            let projection = |t: &Tensor| match t.layer % 4 {
                0 => Projection::parse("stochm3:0.5,quantile"),
                1 => Projection::parse("prune:0"),
                2 => Projection::parse("prune:0.9"),
                _ => Projection::parse("prune:0.999999"),
            };
            let words = table_by(&p, |t| projection(t).expect("a test parses its projections"));
            let a = Arrays {
                weight: flat(c, &p, "weight", &fill),
                projections: c.words("projections", words),
                quantiles: c.output("quantiles", &[p.tensors.len()]),
                alphas: c.b.buffer("alphas", Elem::F32, &[1], Role::State),
                maxima: c.b.buffer("maxima", Elem::F32, &[1], Role::State),
                projected: c.b.buffer("projected", Elem::F32, &[1], Role::State),
            };
            quantile(&mut c.b, "project.quantile", &p, &a)
        })
    };
    vec![
        case("awkward lengths", AWKWARD, 1 << 27, Fill::Uniform(1.0)),
        case("zeros", &[1, 4100], 1 << 27, Fill::Range(0.0, 0.0)),
        case("ties", &[5000, 6, 7, 8], 1 << 27, Fill::Integers(3)),
        case("windows", &[15_000, 7], WINDOW, Fill::Uniform(1e-3)),
    ]
}
