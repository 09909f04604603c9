//! The median of |w| of every tensor, for the quantile reading of StochM3: exact, by radix select over the bits of |w|,
//! eight at a time. Recorded only where a projection needs it ([`super::projections::Projection::needs_median`]).

use super::case::{Case, Fill};
use super::parameters::{Parameters, owned};
use super::project::{AWKWARD, WINDOW, chunk_grid, flat, layout};
use super::{ArgSpec, Budget, Io, Kernel, Variant, anywhere, read, read_u32, write, write_u32};
use crate::error::Result;
use crate::plan::{Access, Builder, Elem, Params, Role, View};

/// Digits of eight bits, from the top.
const SHIFTS: [u32; 4] = [24, 16, 8, 0];

const fn update_u32(name: &'static str) -> ArgSpec {
    ArgSpec { name, elem: Elem::U32, access: Access::ReadWrite }
}

fn tensor_grid(p: &Params) -> [u32; 3] {
    [p.u("tensors").div_ceil(64) as u32, 1, 1]
}

/// search = no bits found and rank floor(len / 2), histogram = 0.
pub static BEGIN: Kernel = Kernel {
    name: "project.median_begin",
    args: &[read_u32("segments"), write_u32("search"), write_u32("histogram")],
    variants: &[Variant {
        name: "naive",
        file: "project/project.median_begin.naive.wgsl",
        source: include_str!("../../shaders/project/project.median_begin.naive.wgsl"),
        supports: anywhere,
        grid: |p, _| tensor_grid(p),
    }],
    twin: |io: &mut Io| {
        let tensors = io.params.u("tensors");
        let len = |t: usize| super::parameters::Segment::read(io.u("segments"), t).len as u32;
        let search = (0..tensors).flat_map(|t| [0, len(t) / 2]).collect();
        io.put_u("search", search);
        io.put_u("histogram", vec![0; 256 * tensors]);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases,
};

/// `histogram[tensor][digit] +=` elements of the window that begin with the bits found so far.
pub static COUNT: Kernel = Kernel {
    name: "project.median_count",
    args: &[read_u32("segments"), read_u32("chunks"), read("weight"), read_u32("search"), update_u32("histogram")],
    variants: &[Variant {
        name: "naive",
        file: "project/project.median_count.naive.wgsl",
        source: include_str!("../../shaders/project/project.median_count.naive.wgsl"),
        supports: anywhere,
        grid: |p, _| chunk_grid(p),
    }],
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

/// The next digit of every median; histogram = 0 again.
pub static PICK: Kernel = Kernel {
    name: "project.median_pick",
    args: &[update_u32("search"), update_u32("histogram"), write("medians")],
    variants: &[Variant {
        name: "naive",
        file: "project/project.median_pick.naive.wgsl",
        source: include_str!("../../shaders/project/project.median_pick.naive.wgsl"),
        supports: anywhere,
        grid: |p, _| tensor_grid(p),
    }],
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
        let medians: Vec<f64> = search.chunks(2).map(|s| f64::from(f32::from_bits(s[0]))).collect();
        let tensors = medians.len();
        io.put_u("search", search);
        io.put_u("histogram", vec![0; 256 * tensors]);
        io.put("medians", medians);
    },
    budget: Budget::Exact,
    flop: |_| 0.0,
    cases,
};

/// Records `medians[tensor]` = the |w| of rank floor(len / 2), counted from 0, of every tensor: nine dispatches.
///
/// # Errors
/// A limit too small for one chunk.
pub fn median(b: &mut Builder, scope: &str, p: &Parameters, weight: View, medians: View) -> Result<()> {
    let (segments, chunks) = p.tables(b);
    let tensors = p.tensors.len();
    let search = b.shared("median.search", Elem::U32, &[tensors, 2], Role::Transient);
    let histogram = b.shared("median.histogram", Elem::U32, &[tensors, 256], Role::Transient);
    let begin = [("segments", segments), ("search", search), ("histogram", histogram)];
    BEGIN.dispatch(b, scope, &[("tensors", tensors.into())], &begin)?;
    for shift in SHIFTS {
        for w in p.windows(scope, &b.target.limits, false)? {
            let mut params = w.params();
            params.push(("shift", shift.into()));
            let args = [
                ("segments", segments),
                ("chunks", chunks),
                ("weight", weight.slice(w.flat.clone())),
                ("search", search),
                ("histogram", histogram),
            ];
            COUNT.dispatch(b, scope, &params, &args)?;
        }
        let params = [("tensors", tensors.into()), ("shift", shift.into())];
        let pick = [("search", search), ("histogram", histogram), ("medians", medians)];
        PICK.dispatch(b, scope, &params, &pick)?;
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let case = |name: &str, lens: &'static [usize], limit: usize, fill: Fill| {
        Case::exact(name, move |c| {
            c.b.target.limits.max_binding = limit;
            let p = layout(lens, 1);
            let weight = flat(c, &p, "weight", &fill);
            let medians = c.output("medians", &[p.tensors.len()]);
            median(&mut c.b, "project.median", &p, weight, medians)
        })
    };
    vec![
        case("awkward lengths", AWKWARD, 1 << 27, Fill::Uniform(1.0)),
        case("zeros", &[1, 4100], 1 << 27, Fill::Range(0.0, 0.0)),
        case("ties", &[5000, 6], 1 << 27, Fill::Integers(3)),
        case("windows", &[15_000, 7], WINDOW, Fill::Uniform(1e-3)),
    ]
}
