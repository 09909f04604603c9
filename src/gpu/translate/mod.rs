//! A shader as wgpu hands it to a driver: SPIR-V to Vulkan's, a text in Metal's or DX12's language to theirs. For people
//! who want to read it, for drivers that tell what they made of it, and for tests, which learn here what a backend
//! refuses that is not at hand.

mod hlsl;
mod module;
mod msl;
pub mod spirv;

use naga::valid::Capabilities;

use super::compose::Composed;
use super::reflect;
use crate::plan::Target;

/// A language of shaders, `(major, minor)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The Metal Shading Language: 2.1 is that of macOS 10.14, 2.3 of 11, 4.0 of 26.
    Msl(u8, u8),
    /// HLSL for a shader model: 5.1 is what the compiler has that comes with Windows, 6.0 to 6.9 what `dxcompiler.dll` has.
    Hlsl(u8, u8),
}

impl Language {
    /// What naga's writer knows, and the language has.
    fn capabilities(self) -> Capabilities {
        match self {
            Language::Msl(..) => naga::back::msl::supported_capabilities(),
            Language::Hlsl(major, minor) => {
                // wgpu offers an adapter's 64-bit integers and subgroups from 6.0 on, its 16-bit floats from 6.2 on.
                let mut all = naga::back::hlsl::supported_capabilities();
                all.set(Capabilities::SHADER_INT64 | Capabilities::SUBGROUP, major >= 6);
                all.set(Capabilities::SHADER_FLOAT16, (major, minor) >= (6, 2));
                all
            }
        }
    }
}

/// What wgpu's validation lets shaders use on a target.
fn allowed(target: &Target) -> Capabilities {
    let mut all = Capabilities::empty();
    all.set(Capabilities::SHADER_INT64, target.adapter.int64);
    all.set(Capabilities::SHADER_FLOAT16, target.adapter.float16);
    all.set(Capabilities::SUBGROUP, target.adapter.subgroup.is_some());
    all.set(Capabilities::COOPERATIVE_MATRIX, target.adapter.matrices.is_some());
    all
}

/// The text of a composed shader as wgpu gives it to the compiler of Metal or DX12, for whatever the language has or, if a
/// target is given, for what shaders may use there; `checked`: with bounds checks and bounds of loops and zeroed workgroup
/// memory.
///
/// # Errors
/// What the validator, naga's writer or the compiler behind it would refuse, with the file.
pub fn text(composed: &Composed, language: Language, target: Option<&Target>, checked: bool) -> Result<String, String> {
    let module = reflect::parse(composed)?;
    let at = |message: String| format!("{}: {message}", composed.origin[0].0);
    // The writer of HLSL panics over matrices: they must not come to it.
    if let (Language::Hlsl(..), Some(_)) = (language, module::matrices(&module).next()) {
        return Err(at("HLSL has no matrices of subgroups, so DX12 cannot run it".into()));
    }
    let mut capabilities = language.capabilities();
    if let Some(target) = target {
        capabilities &= allowed(target);
    }
    let info = reflect::validate(&module, composed, capabilities)?;
    match language {
        Language::Msl(major, minor) => msl::write(&module, &info, (major, minor), checked),
        Language::Hlsl(major, minor) => hlsl::write(&module, &info, (major, minor), checked),
    }
    .map_err(at)
}
