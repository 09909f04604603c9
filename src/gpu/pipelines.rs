//! From a kernel's variant to a compute pipeline.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;

use super::adapter::Device;
use super::compose::{self, Settings};
use super::memory;
use super::reflect::{self, Reflected};
use crate::error::{Error, Result};
use crate::kernels;
use crate::plan::{Access, Command};

/// A compiled variant and what it binds.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub reflected: Reflected,
}

/// The pipelines of a device, by [`key`]: its runners share them.
#[derive(Default)]
pub(super) struct Built(Mutex<HashMap<String, Arc<Pipeline>>>);

impl Built {
    /// The pipelines of commands, one result for each, in their order; those that the device does not have are compiled.
    pub(super) fn of(&self, device: &Device, commands: &[(&String, &Command)]) -> Vec<Result<Arc<Pipeline>>> {
        // Not held while they are compiled: of two runners that miss the same one, both compile it.
        let known = || self.0.lock().unwrap_or_else(|e| e.into_inner());
        let mut all: Vec<Option<Result<Arc<Pipeline>>>> =
            commands.iter().map(|(key, _)| known().get(*key).cloned().map(Ok)).collect();
        let missing = || commands.iter().zip(&all).filter(|(_, found)| found.is_none()).map(|(wanted, _)| *wanted);
        let built = build_all(device, &missing().map(|(_, c)| c).collect::<Vec<_>>());
        let keys: Vec<&String> = missing().map(|(key, _)| key).collect();
        let built = keys.into_iter().zip(built).map(|(key, p)| {
            let p = Arc::new(p?);
            known().insert(key.clone(), p.clone());
            Ok(p)
        });
        all.iter_mut().filter(|found| found.is_none()).zip(built).for_each(|(place, p)| *place = Some(p));
        all.into_iter().map(|p| p.expect("found or built")).collect()
    }
}

/// What tells the pipeline of a command from others: kernel, variant, knobs, which arguments are 16-bit floats, and the
/// constants if they are baked in.
pub(super) fn key(c: &Command) -> Result<String> {
    let Command { kernel, variant, knobs, params, .. } = c;
    let halves = c.halves();
    let base = format!("{kernel}/{variant} {knobs:?} {halves:?}");
    let (k, v) = find(kernel, variant)?;
    Ok(if k.baked(v) { format!("{base} {params:?}") } else { base })
}

fn find(kernel: &str, variant: &str) -> Result<(&'static kernels::Kernel, &'static kernels::Variant)> {
    let k = kernels::find(kernel)?;
    let v = k.variant(variant);
    Ok((k, v.ok_or_else(|| Error::Invalid(format!("kernel {kernel} has no variant {variant}")))?))
}

/// Compiles the pipelines of commands, on all cores; one result for each, in their order.
fn build_all(device: &Device, commands: &[&Command]) -> Vec<Result<Pipeline>> {
    let built = commands.par_iter().map(|c| build(device, c)).collect();
    if let (Some(cache), false) = (&device.cache, commands.is_empty()) {
        cache.save();
    }
    built
}

/// Compiles the pipeline of a command. Error scopes belong to the calling thread, so an error names its own pipeline
/// however many threads build.
///
/// # Errors
/// A shader that is broken, as [`Error::Shaders`]; what the device refuses.
fn build(device: &Device, c: &Command) -> Result<Pipeline> {
    let (k, v) = find(c.kernel, c.variant)?;
    let (broken, file) = (|text: String| Error::Shaders(vec![text]), k.file(v));
    let settings = Settings { knobs: &c.knobs, halves: &c.halves(), params: Some(&c.params) };
    let composed = compose::variant(k, v, &settings).map_err(broken)?;
    let module = reflect::parse(&composed).map_err(broken)?;
    let reflected = reflect::signature(k, v, &composed, &module).map_err(broken)?;
    let buffer = |ty| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let entry =
        |binding, ty| wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
    let texels = |elem| wgpu::BindingType::StorageTexture {
        access: wgpu::StorageTextureAccess::ReadOnly,
        format: memory::texels(elem),
        view_dimension: wgpu::TextureViewDimension::D2,
    };
    let mut entries: Vec<wgpu::BindGroupLayoutEntry> = c
        .args
        .iter()
        .zip(reflected.bindings.iter().zip(&reflected.texels))
        .map(|(a, (&b, &in_texture))| match a.access {
            _ if in_texture => entry(b, texels(a.elem)),
            Access::Uniform => entry(b, buffer(wgpu::BufferBindingType::Uniform)),
            a => entry(b, buffer(wgpu::BufferBindingType::Storage { read_only: !a.writes() })),
        })
        .collect();
    entries.extend(reflected.params_binding.map(|b| entry(b, buffer(wgpu::BufferBindingType::Uniform))));
    let d = &device.device;
    let built = device.scoped(&format!("pipeline {}", key(c)?), || {
        let desc =
            wgpu::ShaderModuleDescriptor { label: Some(&file), source: wgpu::ShaderSource::Naga(Cow::Owned(module)) };
        let module = if device.checked {
            d.create_shader_module(desc)
        } else {
            // SAFETY: kernels index only inside their views and their loops end; the kernel tests run the variants
            // that their adapter can run with the checks on as well, where a stray index changes the result.
            unsafe { d.create_shader_module_trusted(desc, wgpu::ShaderRuntimeChecks::unchecked()) }
        };
        let layout =
            d.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(&file), entries: &entries });
        let pipeline_layout = d.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&file),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = d.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&file),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: device.checked,
                ..Default::default()
            },
            cache: device.cache.as_ref().map(|c| &c.cache),
        });
        (pipeline, layout)
    });
    // wgpu validates the module, but only the text tells where it went wrong.
    let built = built.map_err(|e| match reflect::reflect(k, v, &composed) {
        Err(text) => broken(text),
        Ok(_) => e,
    })?;
    Ok(Pipeline { pipeline: built.0, layout: built.1, reflected })
}
