//! A shader as SPIR-V, as wgpu hands it to a Vulkan driver in release runs: for disassemblers and for drivers that tell
//! what they made of it.

use naga::back::spv;

use crate::error::{Error, Result};
use crate::gpu::compose::Composed;
use crate::gpu::reflect;

/// The words of the module of a composed shader, without bounds checks and bounds of loops.
///
/// # Errors
/// A shader that does not parse, validate or translate.
pub fn words(composed: &Composed) -> Result<Vec<u32>> {
    let broken = |message: String| Error::Shaders(vec![message]);
    let module = reflect::parse(composed).map_err(broken)?;
    let info = reflect::validate(&module, composed, naga::valid::Capabilities::all()).map_err(broken)?;
    let unchecked = naga::proc::BoundsCheckPolicy::Unchecked;
    let options = spv::Options {
        lang_version: (1, 3),
        flags: spv::WriterFlags::DEBUG,
        bounds_check_policies: naga::proc::BoundsCheckPolicies {
            index: unchecked,
            buffer: unchecked,
            image_load: unchecked,
            binding_array: unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..Default::default()
    };
    let entry = spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point: "main".into() };
    spv::write_vec(&module, &info, &options, Some(&entry)).map_err(|e| broken(format!("{}: {e}", composed.place(1))))
}
