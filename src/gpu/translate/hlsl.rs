//! HLSL, with wgpu's options for DX12.

use naga::back::hlsl::{self, ShaderModel};
use naga::valid::ModuleInfo;
use naga::{Module, ShaderStage};

use super::module::{Bound, bindings};

/// The text for a shader model `(major, minor)`.
///
/// # Errors
/// A model that does not exist; what the writer refuses.
pub(super) fn write(module: &Module, info: &ModuleInfo, model: (u8, u8), checked: bool) -> Result<String, String> {
    let shader_model = match model {
        (5, 1) => ShaderModel::V5_1,
        (6, 0) => ShaderModel::V6_0,
        (6, 1) => ShaderModel::V6_1,
        (6, 2) => ShaderModel::V6_2,
        (6, 3) => ShaderModel::V6_3,
        (6, 4) => ShaderModel::V6_4,
        (6, 5) => ShaderModel::V6_5,
        (6, 6) => ShaderModel::V6_6,
        (6, 7) => ShaderModel::V6_7,
        (6, 8) => ShaderModel::V6_8,
        (6, 9) => ShaderModel::V6_9,
        (major, minor) => return Err(format!("there is no shader model {major}.{minor}")),
    };
    let mut binding_map = hlsl::BindingMap::default();
    // Registers are counted by kind; textures of storage are views for unordered access even where they are only read.
    let (mut constants, mut reads, mut writes) = (0, 0, 0);
    for (binding, bound) in bindings(module) {
        let register = match bound {
            Bound::Uniform => &mut constants,
            Bound::Read => &mut reads,
            Bound::Written | Bound::Texture => &mut writes,
        };
        binding_map.insert(binding, hlsl::BindTarget { register: *register, ..Default::default() });
        *register += 1;
    }
    let options = hlsl::Options {
        shader_model,
        binding_map,
        fake_missing_bindings: false,
        // The number of workgroups comes by constants behind the uniform blocks.
        special_constants_binding: Some(hlsl::BindTarget { register: constants, ..Default::default() }),
        immediates_target: None,
        zero_initialize_workgroup_memory: checked,
        restrict_indexing: checked,
        force_loop_bounding: checked,
        task_dispatch_limits: None,
        mesh_shader_primitive_indices_clamp: checked,
        ray_query_initialization_tracking: checked,
        ..Default::default()
    };
    let entry = Some((ShaderStage::Compute, module.entry_points[0].name.clone()));
    let pipeline = hlsl::PipelineOptions { entry_point: entry };
    let mut text = String::new();
    let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None);
    match written.map_err(|e| e.to_string())?.entry_point_names.into_iter().find_map(Result::err) {
        None => Ok(text),
        Some(e) => Err(e.to_string()),
    }
}
