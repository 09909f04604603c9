//! What the cooperative family, the variants `coop`, `coop_split` and `coop_ternary`, needs of an adapter.

use super::{Kernel, Knobs, Variant};
use crate::plan::Target;

/// Whether there are matrices, and subgroups of a size for which the family is made.
///
/// # Errors
/// What is missing.
pub fn offered(t: &Target) -> Result<(), &'static str> {
    if t.adapter.matrices.is_none() {
        return Err("the adapter has no matrices of f16, 8 x 8 x 8 or 16 x 16 x 16, with sums in f32");
    }
    match t.adapter.subgroup {
        Some(8 | 16 | 32 | 64) => Ok(()),
        _ => Err("it needs subgroups of 8, 16, 32 or 64 lanes, always the same"),
    }
}

/// Whether there are matrices that can be added and scaled.
///
/// # Errors
/// As [`offered`], and what cannot add.
pub fn added(t: &Target) -> Result<(), &'static str> {
    offered(t)?;
    match t.adapter.matrices {
        Some(m) if m.scalars => Err("the Metal Shading Language cannot add matrices"),
        _ => Ok(()),
    }
}

/// Whether a workgroup of the variant with these knobs is within the limits of a target: in the cooperative family it grows with the
/// subgroups of the adapter.
pub(super) fn fits(kernel: &Kernel, v: &Variant, t: &Target, knobs: &[(String, u32)]) -> Result<(), &'static str> {
    let set: Vec<_> = knobs.iter().cloned().chain(Knobs::of_target(kernel.source(v), t)).collect();
    match workgroup(kernel, v, &Knobs::full(kernel.source(v), &set)) {
        Some((invocations, _)) if invocations > t.adapter.limits.max_invocations => {
            Err("its workgroups have more invocations than the adapter allows")
        }
        Some((_, bytes)) if bytes > t.adapter.limits.max_workgroup_memory => {
            Err("it needs more workgroup memory than the adapter has")
        }
        _ => Ok(()),
    }
}

/// Invocations and bytes of memory of a workgroup of the family with these constants, as the shaders count them
/// (`conv2d/matrix_tile.wgsl`); none for other variants.
pub fn workgroup(kernel: &Kernel, v: &Variant, k: &Knobs) -> Option<(u32, usize)> {
    if !v.name.starts_with("coop") {
        return None;
    }
    let (matrix, lanes) = (k.get("MATRIX") as usize, k.get("LANES"));
    if kernel.name.starts_with("roof.") {
        return Some((4 * lanes, 6 * matrix * matrix * 2));
    }
    let (tile_m, tile_n) = (k.get("TILE_M") as usize, k.get("TILE_N") as usize);
    // Fours of a stage of 32 terms: rows of terms, or of the tile's rows or columns.
    let (by_term, by_place) = (|tile: usize| tile * (8 + 2), |tile: usize| 32 * (tile / 4 + 2));
    let (left, right) = match kernel.name {
        "conv2d.grad_input" => (by_term(tile_m), by_term(tile_n)),
        "conv2d.grad_weight" => (by_place(tile_m), by_place(tile_n)),
        _ => (by_term(tile_m), by_place(tile_n)),
    };
    let (left_parts, right_parts, signs) = match v.name {
        "coop" => (1, 1, 0),
        "coop_ternary" => (2, 1, 4),
        _ => (2, 2, 0),
    };
    let result = (2 * matrix).max(lanes as usize / 2) * (tile_n / 4 + 1);
    Some((k.get("TILE_N") / 16 * lanes, 8 * (left_parts * left + right_parts * right) + 16 * result + signs))
}
