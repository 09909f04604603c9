//! What a Vulkan driver tells of the code it made of a shader: registers, spills, shared memory. wgpu does not ask for it,
//! so this compiles the same SPIR-V once more on a device of its own, through VK_KHR_pipeline_executable_properties.

use std::ffi::{CStr, c_char};

use ash::{khr, vk};

use super::compose::Settings;
use super::lower::{Kind, Shader};
use super::quiet::quietly;
use super::translate::spirv;
use crate::error::{Error, Result};
use crate::kernels::{Kernel, Variant};

/// Extensions that shaders of this program may need, enabled where a driver has them.
const USEFUL: [&CStr; 1] = [khr::cooperative_matrix::NAME];

/// A number that a driver gives, as it names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// E.g. `Register Count`.
    pub name: String,
    /// The value in digits.
    pub value: String,
    /// What the driver says it means.
    pub description: String,
}

/// The statistics of a variant as the settings compose it on the Vulkan adapter called `adapter`.
///
/// # Errors
/// No Vulkan, no such adapter, a driver without the extension; a shader it refuses.
pub fn statistics(adapter: &str, kernel: &Kernel, variant: &Variant, settings: &Settings) -> Result<Vec<Statistic>> {
    let broken = |message: String| Error::Shaders(vec![message]);
    let shader = Shader::of(kernel, variant, settings).map_err(broken)?;
    let descriptor = |kind| match kind {
        Kind::Texture | Kind::HalfTexture => vk::DescriptorType::STORAGE_IMAGE,
        Kind::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
        Kind::Read | Kind::Write => vk::DescriptorType::STORAGE_BUFFER,
    };
    let bound = shader.bindings.iter().map(|b| (b.number, descriptor(b.kind)));
    let params = shader.params.map(|number| (number, vk::DescriptorType::UNIFORM_BUFFER));
    let bindings: Vec<(u32, vk::DescriptorType)> = bound.chain(params).collect();
    let words = spirv::words(shader.composed())?;
    // SAFETY: every handle comes from the call before it, is used by one thread, and is destroyed after its last use.
    unsafe {
        let entry = ash::Entry::load().map_err(|e| Error::NoAdapter(format!("no Vulkan loader: {e}")))?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let info = vk::InstanceCreateInfo::default().application_info(&application);
        let instance = entry.create_instance(&info, None).map_err(device)?;
        let result = quietly(|| on_instance(&instance, adapter, &bindings, &words));
        instance.destroy_instance(None);
        result
    }
}

fn device(e: vk::Result) -> Error {
    Error::Device { scope: "driver statistics".into(), message: e.to_string() }
}

fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

unsafe fn on_instance(
    instance: &ash::Instance,
    adapter: &str,
    bindings: &[(u32, vk::DescriptorType)],
    words: &[u32],
) -> Result<Vec<Statistic>> {
    // SAFETY: as the caller's.
    unsafe {
        let all = instance.enumerate_physical_devices().map_err(device)?;
        let name = |p: &vk::PhysicalDevice| text(&instance.get_physical_device_properties(*p).device_name);
        let Some(physical) = all.into_iter().find(|p| name(p) == adapter) else {
            return Err(Error::Invalid(format!("{adapter} is no Vulkan adapter: only Vulkan drivers give statistics")));
        };
        let offered = instance.enumerate_device_extension_properties(physical).map_err(device)?;
        let has = |wanted: &CStr| offered.iter().any(|e| text(&e.extension_name).as_bytes() == wanted.to_bytes());
        if !has(khr::pipeline_executable_properties::NAME) {
            return Err(Error::Invalid(format!(
                "the driver of {adapter} tells nothing of its code: it lacks VK_KHR_pipeline_executable_properties"
            )));
        }
        let useful: Vec<&CStr> = USEFUL.into_iter().filter(|e| has(e)).collect();
        let mut names: Vec<*const c_char> = useful.iter().map(|e| e.as_ptr()).collect();
        names.push(khr::pipeline_executable_properties::NAME.as_ptr());
        // Everything that the driver can do, as shaders may need it.
        let mut matrices = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
        let mut executable = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default();
        let mut v11 = vk::PhysicalDeviceVulkan11Features::default();
        let mut v12 = vk::PhysicalDeviceVulkan12Features::default();
        let mut features =
            vk::PhysicalDeviceFeatures2::default().push_next(&mut v11).push_next(&mut v12).push_next(&mut executable);
        if !useful.is_empty() {
            features = features.push_next(&mut matrices);
        }
        instance.get_physical_device_features2(physical, &mut features);
        // Robust buffers, as wgpu has them, come with the rest.
        let queue = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queue)
            .enabled_extension_names(&names)
            .push_next(&mut features);
        let logical = instance.create_device(physical, &info, None).map_err(device)?;
        let result = on_device(instance, &logical, bindings, words);
        logical.destroy_device(None);
        result
    }
}

unsafe fn on_device(
    instance: &ash::Instance,
    logical: &ash::Device,
    bindings: &[(u32, vk::DescriptorType)],
    words: &[u32],
) -> Result<Vec<Statistic>> {
    let slots: Vec<vk::DescriptorSetLayoutBinding> = bindings
        .iter()
        .map(|(binding, ty)| {
            vk::DescriptorSetLayoutBinding::default()
                .binding(*binding)
                .descriptor_type(*ty)
                .descriptor_count(1)
                .stage_flags(vk::ShaderStageFlags::COMPUTE)
        })
        .collect();
    // SAFETY: as the caller's.
    unsafe {
        let set = vk::DescriptorSetLayoutCreateInfo::default().bindings(&slots);
        let set = logical.create_descriptor_set_layout(&set, None).map_err(device)?;
        let sets = [set];
        let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
        let layout = logical.create_pipeline_layout(&layout, None);
        let module = logical.create_shader_module(&vk::ShaderModuleCreateInfo::default().code(words), None);
        let result = match (layout, module) {
            (Ok(layout), Ok(module)) => compile(instance, logical, layout, module),
            (Err(e), _) | (_, Err(e)) => Err(device(e)),
        };
        if let Ok(module) = module {
            logical.destroy_shader_module(module, None);
        }
        if let Ok(layout) = layout {
            logical.destroy_pipeline_layout(layout, None);
        }
        logical.destroy_descriptor_set_layout(set, None);
        result
    }
}

unsafe fn compile(
    instance: &ash::Instance,
    logical: &ash::Device,
    layout: vk::PipelineLayout,
    module: vk::ShaderModule,
) -> Result<Vec<Statistic>> {
    // SAFETY: as the caller's.
    unsafe {
        let stage = vk::PipelineShaderStageCreateInfo::default()
            .stage(vk::ShaderStageFlags::COMPUTE)
            .module(module)
            .name(c"main");
        let info = vk::ComputePipelineCreateInfo::default()
            .flags(vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR)
            .layout(layout)
            .stage(stage);
        let pipeline =
            logical.create_compute_pipelines(vk::PipelineCache::null(), &[info], None).map_err(|(_, e)| device(e))?[0];
        let result = read(&khr::pipeline_executable_properties::Device::new(instance, logical), pipeline);
        logical.destroy_pipeline(pipeline, None);
        result
    }
}

unsafe fn read(
    properties: &khr::pipeline_executable_properties::Device,
    pipeline: vk::Pipeline,
) -> Result<Vec<Statistic>> {
    // SAFETY: as the caller's; the format of a value says which member of the union the driver wrote.
    unsafe {
        let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
        let executables = properties.get_pipeline_executable_properties(&info).map_err(device)?;
        let mut out = vec![];
        for (i, executable) in executables.iter().enumerate() {
            out.push(Statistic {
                name: "Subgroup Size".into(),
                value: executable.subgroup_size.to_string(),
                description: text(&executable.description),
            });
            let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(i as u32);
            for s in properties.get_pipeline_executable_statistics(&info).map_err(device)? {
                let value = match s.format {
                    vk::PipelineExecutableStatisticFormatKHR::BOOL32 => (s.value.b32 != 0).to_string(),
                    vk::PipelineExecutableStatisticFormatKHR::INT64 => s.value.i64.to_string(),
                    vk::PipelineExecutableStatisticFormatKHR::UINT64 => s.value.u64.to_string(),
                    _ => s.value.f64.to_string(),
                };
                out.push(Statistic { name: text(&s.name), value, description: text(&s.description) });
            }
        }
        Ok(out)
    }
}
