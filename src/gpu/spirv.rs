//! A shader as SPIR-V, as wgpu hands it to a Vulkan driver in release runs: for disassemblers and for drivers that tell
//! what they made of it.

use naga::back::spv;

use super::compose::{Settings, compose};
use crate::error::{Error, Result};
use crate::kernels::Variant;

/// The words of the module of a variant with the default knobs, without bounds checks and bounds of loops.
///
/// # Errors
/// A shader that does not compose, parse, validate or translate.
pub fn words(variant: &Variant) -> Result<Vec<u32>> {
    let broken = |message: String| Error::Shaders(vec![format!("{}: {message}", variant.file)]);
    let composed = compose(variant.file, variant.source, &Settings::default()).map_err(broken)?;
    let module = naga::front::wgsl::parse_str(&composed.text).map_err(|e| broken(e.emit_to_string(&composed.text)))?;
    let mut validator =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    let info = validator.validate(&module).map_err(|e| broken(e.emit_to_string(&composed.text)))?;
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
    spv::write_vec(&module, &info, &options, Some(&entry)).map_err(|e| broken(e.to_string()))
}
