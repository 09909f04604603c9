//! Executes plans: loaded once, run a million times.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use super::adapter::Device;
use super::compose::compose;
use super::reflect::{Reflected, reflect};
use crate::error::{Error, Result};
use crate::kernels;
use crate::plan::{Access, Plan, Role, Step, memory};

/// Steps that may be submitted before the host waits for the oldest.
const AHEAD: usize = 3;

struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    reflected: Reflected,
}

/// A plan with its pipelines, memory and bind groups.
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    dispatches: Vec<(Arc<Pipeline>, wgpu::BindGroup)>,
    buffers: Vec<Option<wgpu::Buffer>>,
}

/// Owns the buffers that plans share by name, and runs plans on one device.
pub struct Runner {
    /// The device.
    pub device: Arc<Device>,
    shared: HashMap<String, wgpu::Buffer>,
    pipelines: HashMap<String, Arc<Pipeline>>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
}

impl Runner {
    /// A runner without buffers.
    pub fn new(device: Arc<Device>) -> Self {
        Runner { device, shared: HashMap::new(), pipelines: HashMap::new(), in_flight: VecDeque::new() }
    }

    fn create(&self, scope: &str, bytes: usize) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::UNIFORM
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        // Room for a whole 256-byte granule, so that the tail of four-wide views lies inside.
        let size = bytes.next_multiple_of(256).max(256) as u64;
        let desc = wgpu::BufferDescriptor { label: Some(scope), size, usage, mapped_at_creation: false };
        self.device.scoped(scope, || self.device.device.create_buffer(&desc)).map_err(|e| match e {
            Error::OutOfMemory { scope, .. } => Error::OutOfMemory { scope, message: format!("{size} bytes") },
            other => other,
        })
    }

    /// Compiles a plan and allocates its memory. `separate` gives every transient its own memory, so that all can be
    /// read after a run; otherwise transients share slots by lifetime.
    ///
    /// # Errors
    /// Every shader that is broken (not the first alone), and what the device refuses.
    pub fn load(&mut self, plan: Plan, separate: bool) -> Result<Loaded> {
        let mut broken = vec![];
        let mut pipelines = vec![];
        for c in &plan.commands {
            match self.pipeline(c.kernel, c.variant, &c.knobs) {
                Ok(p) => pipelines.push(p),
                Err(Error::Shaders(mut texts)) => broken.append(&mut texts),
                Err(other) => return Err(other),
            }
        }
        if !broken.is_empty() {
            broken.dedup();
            return Err(Error::Shaders(broken));
        }
        let allocation = memory::allocate(&plan);
        let mut slots: Vec<Option<wgpu::Buffer>> = vec![None; allocation.slots.len()];
        let mut buffers = vec![];
        for (i, b) in plan.buffers.iter().enumerate() {
            let bytes = b.len() * 4;
            let scope = format!("{}: buffer {}", plan.name, b.name);
            let buffer = match b.role {
                Role::Transient if !separate => match allocation.slot[i] {
                    None => None,
                    Some(s) => {
                        if slots[s].is_none() {
                            slots[s] = Some(self.create(&scope, allocation.slots[s])?);
                        }
                        slots[s].clone()
                    }
                },
                Role::Transient => Some(self.create(&scope, bytes)?),
                Role::Constant => {
                    let buffer = self.create(&scope, bytes)?;
                    self.device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&b.data));
                    Some(buffer)
                }
                Role::State | Role::Input | Role::Output => Some(match self.shared.get(&b.name) {
                    Some(buffer) if buffer.size() >= bytes as u64 => buffer.clone(),
                    Some(buffer) => {
                        return Err(Error::layer(
                            scope,
                            format!("{bytes} bytes, another plan made it with {}", buffer.size()),
                        ));
                    }
                    None => {
                        let buffer = self.create(&scope, bytes)?;
                        self.shared.insert(b.name.clone(), buffer.clone());
                        buffer
                    }
                }),
            };
            buffers.push(buffer);
        }
        let dispatches = self.bind(&plan, pipelines, &buffers)?;
        Ok(Loaded { plan, dispatches, buffers })
    }

    fn bind(
        &self,
        plan: &Plan,
        pipelines: Vec<Arc<Pipeline>>,
        buffers: &[Option<wgpu::Buffer>],
    ) -> Result<Vec<(Arc<Pipeline>, wgpu::BindGroup)>> {
        // One uniform buffer holds the constants of every dispatch.
        const SLOT: usize = 256;
        let mut bytes = vec![0u8; plan.commands.len().max(1) * SLOT];
        for (i, (c, p)) in plan.commands.iter().zip(&pipelines).enumerate() {
            let packed = p.reflected.pack(&c.params).map_err(|e| Error::Shaders(vec![format!("{}: {e}", c.kernel)]))?;
            bytes[i * SLOT..i * SLOT + packed.len()].copy_from_slice(&packed);
        }
        let params = self.create(&format!("{}: params", plan.name), bytes.len())?;
        self.device.queue.write_buffer(&params, 0, &bytes);
        let mut out = vec![];
        for (i, (c, p)) in plan.commands.iter().zip(pipelines).enumerate() {
            let part = |buffer, offset: usize, bytes: usize| {
                let size = std::num::NonZeroU64::new(bytes as u64);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: offset as u64, size })
            };
            let mut entries = vec![];
            for (a, &binding) in c.args.iter().zip(&p.reflected.bindings) {
                let buffer = buffers[a.view.buffer.0 as usize].as_ref().expect("a bound buffer is allocated");
                entries
                    .push(wgpu::BindGroupEntry { binding, resource: part(buffer, a.view.offset * 4, a.view.len * 4) });
            }
            if let Some(binding) = p.reflected.params_binding {
                let resource = part(&params, i * SLOT, p.reflected.params_size as usize);
                entries.push(wgpu::BindGroupEntry { binding, resource });
            }
            let desc = wgpu::BindGroupDescriptor { label: Some(&c.scope), layout: &p.layout, entries: &entries };
            let group = self.device.scoped(&c.scope, || self.device.device.create_bind_group(&desc))?;
            out.push((p, group));
        }
        Ok(out)
    }

    fn pipeline(&mut self, kernel: &str, variant: &str, knobs: &[(String, u32)]) -> Result<Arc<Pipeline>> {
        let key = format!("{kernel}/{variant} {knobs:?}");
        if let Some(p) = self.pipelines.get(&key) {
            return Ok(p.clone());
        }
        let k = kernels::find(kernel)?;
        let v =
            k.variant(variant).ok_or_else(|| Error::Invalid(format!("kernel {kernel} has no variant {variant}")))?;
        let broken = |text: String| Error::Shaders(vec![text]);
        let composed = compose(v.file, v.source, knobs).map_err(broken)?;
        let reflected = reflect(k, v, &composed).map_err(broken)?;
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries: Vec<wgpu::BindGroupLayoutEntry> = k
            .args
            .iter()
            .zip(&reflected.bindings)
            .map(|(a, &b)| match a.access {
                Access::Uniform => entry(b, wgpu::BufferBindingType::Uniform),
                a => entry(b, wgpu::BufferBindingType::Storage { read_only: !a.writes() }),
            })
            .collect();
        entries.extend(reflected.params_binding.map(|b| entry(b, wgpu::BufferBindingType::Uniform)));
        let d = &self.device.device;
        let checked = self.device.checked;
        let built = self.device.scoped(&format!("pipeline {key}"), || {
            let desc = wgpu::ShaderModuleDescriptor {
                label: Some(v.file),
                source: wgpu::ShaderSource::Wgsl(composed.text.as_str().into()),
            };
            let module = if checked {
                d.create_shader_module(desc)
            } else {
                // SAFETY: kernels index only inside their views and their loops end; the kernel tests run every
                // variant with the checks on as well, where a stray index changes the result.
                unsafe { d.create_shader_module_trusted(desc, wgpu::ShaderRuntimeChecks::unchecked()) }
            };
            let layout =
                d.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(v.file), entries: &entries });
            let pipeline_layout = d.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(v.file),
                bind_group_layouts: &[Some(&layout)],
                ..Default::default()
            });
            let pipeline = d.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(v.file),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: checked,
                    ..Default::default()
                },
                cache: None,
            });
            (pipeline, layout)
        })?;
        let p = Arc::new(Pipeline { pipeline: built.0, layout: built.1, reflected });
        self.pipelines.insert(key, p.clone());
        Ok(p)
    }

    /// Runs the whole plan once: writes the step block, submits one command buffer, and waits only if the device is
    /// more than three steps behind.
    ///
    /// # Errors
    /// An error that the device reported since the last call; device loss.
    pub fn run(&mut self, loaded: &Loaded, step: &Step) -> Result<()> {
        if let Some(buffer) = self.shared.get("step") {
            self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&step.words()));
        }
        self.run_commands(loaded, 0..loaded.plan.commands.len())
    }

    /// Runs some commands of the plan with the step block as it stands.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_commands(&mut self, loaded: &Loaded, range: std::ops::Range<usize>) -> Result<()> {
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for i in range {
                let (p, group) = &loaded.dispatches[i];
                let [x, y, z] = loaded.plan.commands[i].grid;
                pass.set_pipeline(&p.pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        self.in_flight.push_back(self.device.queue.submit([encoder.finish()]));
        if self.in_flight.len() > AHEAD {
            let oldest = self.in_flight.pop_front();
            self.wait(oldest)?;
        }
        self.device.take_error(&loaded.plan.name)
    }

    fn wait(&self, index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let poll = wgpu::PollType::Wait { submission_index: index, timeout: None };
        match self.device.device.poll(poll) {
            Ok(_) => Ok(()),
            Err(e) => {
                self.device.take_error("poll")?;
                Err(Error::Device { scope: "poll".into(), message: e.to_string() })
            }
        }
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// What the device reported.
    pub fn finish(&mut self) -> Result<()> {
        self.in_flight.clear();
        self.wait(None)?;
        self.device.take_error("finish")
    }

    /// Whether a shared buffer of this name exists.
    pub fn has(&self, name: &str) -> bool {
        self.shared.contains_key(name)
    }

    /// Writes a shared buffer from its first element. f32 data: [`bytemuck::cast_slice`].
    ///
    /// # Errors
    /// An unknown name or too much data.
    pub fn write(&mut self, name: &str, words: &[u32]) -> Result<()> {
        let buffer = self.shared_buffer(name)?;
        if words.len() as u64 * 4 > buffer.size() {
            return Err(Error::layer(name, format!("{} words do not fit {} bytes", words.len(), buffer.size())));
        }
        self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(words));
        Ok(())
    }

    fn shared_buffer(&self, name: &str) -> Result<&wgpu::Buffer> {
        self.shared.get(name).ok_or_else(|| Error::Invalid(format!("no loaded plan has a buffer \"{name}\"")))
    }

    /// Reads the first `len` words of a shared buffer; waits for everything submitted before.
    ///
    /// # Errors
    /// An unknown name; what the device reported.
    pub fn read(&self, name: &str, len: usize) -> Result<Vec<u32>> {
        self.download(name, self.shared_buffer(name)?, len)
    }

    /// Reads a whole buffer of a loaded plan, transients included; these hold what the last command that used their
    /// memory left.
    ///
    /// # Errors
    /// An unknown or unallocated buffer; what the device reported.
    pub fn read_buffer(&self, loaded: &Loaded, index: usize) -> Result<Vec<u32>> {
        let b = &loaded.plan.buffers[index];
        let buffer = loaded.buffers[index]
            .as_ref()
            .ok_or_else(|| Error::Invalid(format!("buffer {} is not used by the plan", b.name)))?;
        self.download(&b.name, buffer, b.len())
    }

    fn download(&self, name: &str, buffer: &wgpu::Buffer, len: usize) -> Result<Vec<u32>> {
        let bytes = len as u64 * 4;
        if bytes > buffer.size() {
            return Err(Error::layer(name, format!("{len} words, the buffer has {} bytes", buffer.size())));
        }
        let d = &self.device.device;
        let staging = self.device.scoped(name, || {
            d.create_buffer(&wgpu::BufferDescriptor {
                label: Some(name),
                size: bytes,
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        let mut encoder = d.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        let index = self.device.queue.submit([encoder.finish()]);
        let (send, receive) = std::sync::mpsc::channel();
        staging.slice(..).map_async(wgpu::MapMode::Read, move |r| {
            let _ = send.send(r);
        });
        self.wait(Some(index))?;
        let fail = |message: String| Error::Device { scope: format!("read {name}"), message };
        match receive.try_recv() {
            Ok(Ok(())) => {}
            Ok(Err(e)) => {
                self.device.take_error(name)?;
                return Err(fail(e.to_string()));
            }
            Err(e) => return Err(fail(e.to_string())),
        }
        let range = staging.slice(..).get_mapped_range().map_err(|e| fail(e.to_string()))?;
        let words = bytemuck::cast_slice(&range).to_vec();
        self.device.take_error(name)?;
        Ok(words)
    }
}
