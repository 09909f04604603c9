//! What the backends must know of a module: its bindings, and whether it names matrices.

use naga::{AddressSpace, CooperativeSize, Module, ResourceBinding, StorageAccess, TypeInner};

/// Rows and columns of each type of matrix that a shader names.
pub(super) fn matrices(module: &Module) -> impl Iterator<Item = [CooperativeSize; 2]> {
    module.types.iter().filter_map(|(_, ty)| match ty.inner {
        TypeInner::CooperativeMatrix { rows, columns, .. } => Some([rows, columns]),
        _ => None,
    })
}

/// How something is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Uniform,
    Read,
    Written,
    /// A texture of storage that is read.
    Texture,
}

/// What a shader binds, in the order in which wgpu numbers it anew for each backend: that of the binding numbers.
pub(super) fn bindings(module: &Module) -> Vec<(ResourceBinding, Bound)> {
    let globals = module.global_variables.iter();
    let mut all: Vec<_> = globals
        .filter_map(|(_, global)| {
            let bound = match global.space {
                AddressSpace::Uniform => Bound::Uniform,
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => Bound::Written,
                AddressSpace::Storage { .. } => Bound::Read,
                _ => Bound::Texture,
            };
            Some((global.binding?, bound))
        })
        .collect();
    all.sort_by_key(|(binding, _)| (binding.group, binding.binding));
    all
}
