//! Facts of adapters that wgpu does not tell, or tells of what does not work.

use wgpu::{Backend, TextureFormat, TextureFormatFeatureFlags, TextureUsages};

/// The subgroup size, if it is one fixed size; `min` and `max` are those that wgpu tells.
pub(super) fn subgroup(backend: Backend, name: &str, min: u32, max: u32) -> Option<u32> {
    match backend {
        // wgpu tells 4 to 64 of every GPU there; those of Apple have 32 lanes.
        Backend::Metal => name.starts_with("Apple").then_some(32),
        _ => (min == max).then_some(max),
    }
}

/// Whether shaders can read arrays from storage textures that copies fill.
pub(super) fn readable_textures(adapter: &wgpu::Adapter) -> bool {
    // D3D12 begins copies between buffers and textures at multiples of 512 bytes; views begin at multiples of 256, and
    // wgpu hands them on.
    adapter.get_info().backend != Backend::Dx12
        && [TextureFormat::Rgba32Float, TextureFormat::Rgba16Float].iter().all(|format| {
            let format = adapter.get_texture_format_features(*format);
            format.allowed_usages.contains(TextureUsages::STORAGE_BINDING)
                && format.flags.contains(TextureFormatFeatureFlags::STORAGE_READ_ONLY)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subgroup_size_is_known_where_it_is_fixed_and_on_every_gpu_of_apple() {
        assert_eq!(subgroup(Backend::Vulkan, "llvmpipe", 8, 8), Some(8));
        assert_eq!(subgroup(Backend::Dx12, "AMD Radeon", 32, 64), None);
        assert_eq!(subgroup(Backend::Metal, "Apple M4 Pro", 4, 64), Some(32));
        assert_eq!(subgroup(Backend::Metal, "AMD Radeon Pro 5500M", 4, 64), None);
    }
}
