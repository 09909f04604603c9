//! From a composed shader to a compute pipeline.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;

use super::adapter::{Device, Pipeline};
use super::lower::{Kind, Shader};
use super::{memory, pairs, reflect};
use crate::error::{Error, Result};
use crate::plan::Elem;

/// The pipelines of shaders, one result for each, in their order; those that the device does not have are compiled, on all
/// cores.
pub(super) fn of(device: &Device, shaders: &[&Arc<Shader>]) -> Vec<Result<Arc<Pipeline>>> {
    // Not held while they are compiled: of two runners that miss the same one, both compile it.
    let known = || device.pipelines.lock().unwrap_or_else(|e| e.into_inner());
    let mut all: Vec<Option<Result<Arc<Pipeline>>>> =
        shaders.iter().map(|s| known().get(&s.key()).cloned().map(Ok)).collect();
    let missing: Vec<&Arc<Shader>> =
        shaders.iter().zip(&all).filter(|(_, found)| found.is_none()).map(|(s, _)| *s).collect();
    let built: Vec<Result<Pipeline>> = missing.par_iter().map(|s| build(device, s)).collect();
    if let (Some(cache), false) = (&device.cache, missing.is_empty()) {
        cache.save();
    }
    let built = missing.iter().zip(built).map(|(s, p)| {
        let p = Arc::new(p?);
        known().insert(s.key(), p.clone());
        Ok(p)
    });
    all.iter_mut().filter(|found| found.is_none()).zip(built).for_each(|(place, p)| *place = Some(p));
    all.into_iter().map(|p| p.expect("found or built")).collect()
}

/// Compiles a shader. Error scopes belong to the calling thread, so an error names its own shader however many threads
/// build.
///
/// # Errors
/// A shader that is broken, as [`Error::Shaders`]; what the device refuses.
fn build(device: &Device, shader: &Shader) -> Result<Pipeline> {
    let file = &shader.file;
    let broken = |text: String| Error::Shaders(vec![text]);
    let kept = shader.source.as_ref().and_then(|s| s.module.lock().unwrap_or_else(|e| e.into_inner()).take());
    let in_pairs = if device.target.adapter.pairs() { pairs::rewritten(&shader.wgsl) } else { None };
    let module = match kept {
        Some(module) if in_pairs.is_none() => module,
        _ => {
            let text = in_pairs.as_deref().unwrap_or(&shader.wgsl);
            naga::front::wgsl::parse_str(text).map_err(|e| broken(format!("{file}: {}", e.emit_to_string(text))))?
        }
    };
    let buffer = |ty| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let texels = |elem| wgpu::BindingType::StorageTexture {
        access: wgpu::StorageTextureAccess::ReadOnly,
        format: memory::texels(elem),
        view_dimension: wgpu::TextureViewDimension::D2,
    };
    let kind = |kind| match kind {
        Kind::Read => buffer(wgpu::BufferBindingType::Storage { read_only: true }),
        Kind::Write => buffer(wgpu::BufferBindingType::Storage { read_only: false }),
        Kind::Uniform => buffer(wgpu::BufferBindingType::Uniform),
        Kind::Texture => texels(Elem::F32),
        Kind::HalfTexture => texels(Elem::F16),
    };
    let numbers = shader.bindings.iter().map(|b| (b.number, b.kind));
    let entries: Vec<_> = numbers
        .chain(shader.params.map(|number| (number, Kind::Uniform)))
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: kind(ty),
            count: None,
        })
        .collect();
    let checked = device.checked || shader.source.is_none();
    let d = &device.device;
    let label = shader.source.as_ref().map_or(file, |s| &s.label);
    let built = device.scoped(&format!("pipeline {label}"), || {
        let desc =
            wgpu::ShaderModuleDescriptor { label: Some(file), source: wgpu::ShaderSource::Naga(Cow::Owned(module)) };
        let module = if checked {
            d.create_shader_module(desc)
        } else {
            // SAFETY: kernels index only inside their views and their loops end; the kernel tests run the variants
            // that their adapter can run with the checks on as well, where a stray index changes the result.
            unsafe { d.create_shader_module_trusted(desc, wgpu::ShaderRuntimeChecks::unchecked()) }
        };
        let layout =
            d.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(file), entries: &entries });
        let pipeline_layout = d.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(file),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = d.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(file),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: checked,
                ..Default::default()
            },
            cache: device.cache.as_ref().map(|c| &c.cache),
        });
        (pipeline, layout)
    });
    // wgpu validates the module, but only the text tells where it went wrong.
    let (pipeline, layout) = built.map_err(|e| {
        let all = naga::valid::Capabilities::all();
        let valid = |s: &super::lower::Source| {
            reflect::parse(&s.composed).and_then(|module| reflect::validate(&module, &s.composed, all))
        };
        match shader.source.as_ref().map(valid) {
            Some(Err(text)) => broken(text),
            _ => e,
        }
    })?;
    Ok(Pipeline { pipeline, layout })
}
