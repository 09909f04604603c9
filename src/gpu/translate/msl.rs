//! The Metal Shading Language, with wgpu's options for Metal.

use naga::back::msl;
use naga::proc::BoundsCheckPolicy;
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{CooperativeSize, Expression, Function, Module, ShaderStage, Statement, TypeInner};

use super::module::{Bound, bindings, matrices};

/// The text for a version `(major, minor)` of the language.
///
/// # Errors
/// What the writer refuses, and what it writes though Metal has no such thing.
pub(super) fn write(module: &Module, info: &ModuleInfo, version: (u8, u8), checked: bool) -> Result<String, String> {
    if matrices(module).any(|size| size != [CooperativeSize::Eight; 2]) {
        return Err("Metal's matrices of subgroups are 8 x 8, the shader's are not".into());
    }
    let functions = module.functions.iter().map(|(handle, f)| (f, &info[handle]));
    let entries = module.entry_points.iter().enumerate().map(|(i, e)| (&e.function, info.get_entry_point(i)));
    let all: Vec<_> = functions.chain(entries).collect();
    if all.iter().any(|(f, info)| moves_matrices_by_vectors(module, f, info)) {
        return Err("a matrix is loaded from vectors or stored to them; Metal has that for numbers only".into());
    }
    if all.iter().any(|(f, info)| adds_or_scales_matrices(module, f, info)) {
        return Err("matrices are added or scaled; Metal only multiplies them".into());
    }
    let mut resources = msl::BindingMap::default();
    let (mut buffers, mut textures) = (0, 0);
    for (binding, bound) in bindings(module) {
        let mut target = msl::BindTarget { mutable: bound == Bound::Written, ..Default::default() };
        let (slot, count) = match bound {
            Bound::Texture => (&mut target.texture, &mut textures),
            Bound::Uniform | Bound::Read | Bound::Written => (&mut target.buffer, &mut buffers),
        };
        *slot = Some(*count);
        *count += 1;
        resources.insert(binding, target);
    }
    // The sizes of storage buffers come behind all others.
    let storage = |(_, bound)| matches!(bound, Bound::Read | Bound::Written);
    let sizes_buffer = bindings(module).into_iter().any(storage).then_some(buffers);
    let policy = if checked { BoundsCheckPolicy::Restrict } else { BoundsCheckPolicy::Unchecked };
    let entry = module.entry_points[0].name.clone();
    let own = msl::EntryPointResources { resources, immediates_buffer: None, sizes_buffer };
    let options = msl::Options {
        lang_version: version,
        per_entry_point_map: [(entry.clone(), own)].into(),
        inline_samplers: vec![],
        spirv_cross_compatibility: false,
        fake_missing_bindings: false,
        bounds_check_policies: naga::proc::BoundsCheckPolicies {
            index: policy,
            buffer: policy,
            image_load: policy,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: checked,
        force_loop_bounding: checked,
        task_dispatch_limits: None,
        mesh_shader_primitive_indices_clamp: checked,
        emit_int_div_checks: checked,
        ray_query_initialization_tracking: checked,
    };
    let pipeline = msl::PipelineOptions {
        entry_point: Some((ShaderStage::Compute, entry)),
        vertex_pulling_transform: true,
        ..Default::default()
    };
    let (text, written) = msl::write_string(module, info, &options, &pipeline).map_err(|e| e.to_string())?;
    match written.entry_point_names.into_iter().find_map(Result::err) {
        None => Ok(text),
        Some(e) => Err(e.to_string()),
    }
}

/// Whether a function has matrices of subgroups as operands of `+`, `*` and the like: the writer hands them on.
fn adds_or_scales_matrices(module: &Module, function: &Function, info: &FunctionInfo) -> bool {
    let is_matrix = |e: naga::Handle<Expression>| {
        matches!(info[e].ty.inner_with(&module.types), TypeInner::CooperativeMatrix { .. })
    };
    function.expressions.iter().any(|(_, e)| match *e {
        Expression::Binary { left, right, .. } => is_matrix(left) || is_matrix(right),
        Expression::Unary { expr, .. } => is_matrix(expr),
        _ => false,
    })
}

/// Whether a function moves matrices from or to vectors: the writer hands their pointers to `simdgroup_load` and
/// `simdgroup_store` as they are, which take those of numbers.
fn moves_matrices_by_vectors(module: &Module, function: &Function, info: &FunctionInfo) -> bool {
    let by_vectors = |pointer: naga::Handle<Expression>| match *info[pointer].ty.inner_with(&module.types) {
        TypeInner::Pointer { base, .. } => !matches!(module.types[base].inner, TypeInner::Scalar(_)),
        TypeInner::ValuePointer { size, .. } => size.is_some(),
        _ => true,
    };
    let loads = function.expressions.iter().filter_map(|(_, e)| match e {
        Expression::CooperativeLoad { data, .. } => Some(data.pointer),
        _ => None,
    });
    loads.chain(stores(&function.body)).any(by_vectors)
}

/// The pointers to which the statements of a block store matrices.
fn stores(block: &naga::Block) -> Vec<naga::Handle<Expression>> {
    block
        .iter()
        .flat_map(|statement| match statement {
            Statement::CooperativeStore { data, .. } => vec![data.pointer],
            Statement::Block(body) => stores(body),
            Statement::If { accept, reject, .. } => [stores(accept), stores(reject)].concat(),
            Statement::Switch { cases, .. } => cases.iter().flat_map(|c| stores(&c.body)).collect(),
            Statement::Loop { body, continuing, .. } => [stores(body), stores(continuing)].concat(),
            _ => vec![],
        })
        .collect()
}
