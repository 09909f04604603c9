//! What the kernels over flat arrays of parameters share: their grid, and the tables and arrays of their cases.

use super::case::{CaseBuilder, Fill};
use super::parameters::{Parameters, Tensor};
use super::{Knobs, linear_grid};
use crate::plan::{Params, Step, View};

/// One workgroup per chunk of the window.
pub(super) fn chunk_grid(p: &Params, _: &Knobs) -> [u32; 3] {
    linear_grid(p.u("chunks"))
}

/// Lengths around every boundary of the layout: four, 64, a chunk.
pub(super) const AWKWARD: &[usize] = &[1, 3, 63, 64, 65, 4095, 4096, 4097, 8195, 10];

/// A binding limit of 24 KiB: cuts tensors of more than 6144 elements.
pub(super) const WINDOW: usize = 24 << 10;

/// A table of projected tensors of these lengths.
pub(super) fn layout(lens: &[usize], splits: usize) -> Parameters {
    let mut p = Parameters::default();
    for (i, &len) in lens.iter().enumerate() {
        let shape = if len % 5 == 0 { vec![len / 5, 5] } else { vec![len, 1] };
        p.push(Tensor { projected: true, splits, ..Tensor::new(format!("t{i}"), &shape) });
    }
    p
}

/// A flat array of a case: `fill` in the tensors, zero between them.
pub(super) fn flat(c: &mut CaseBuilder, p: &Parameters, name: &str, fill: &Fill) -> View {
    let mut values = vec![0.0; p.len()];
    for t in &p.tensors {
        let content = fill.values(&format!("{name}.{}", t.name), t.len());
        values[t.offset..t.offset + t.len()].copy_from_slice(&content);
    }
    c.input(name, &[p.len()], &Fill::Values(values))
}

/// Step block of the cases: both words of seed and step in use.
pub(super) fn case_step() -> Step {
    Step { beta_u: 0.37, lr: 0.25, bias1: 1.5, bias2: 1.25, ..Step::at(0x0123_4567_89AB_CDEF, 0x5_0000_0007) }
}
