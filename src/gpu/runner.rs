//! Executes plans: loaded once, run a million times.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::adapter::{Device, Pipeline};
use super::halves;
use super::lower::{self, Command, Key, Lowered, Shader, Slot};
use super::memory::{self, Memory};
use super::pipelines;
use crate::error::{Error, Result};
use crate::plan::{AdapterClass, Elem, Layout, Plan, Role, Step};

/// Steps that may be submitted before the host waits for the oldest.
pub const AHEAD: usize = 3;

/// How long the news may take that a buffer is mapped, once the device is done: the thread of another runner of the
/// device may be the one that brings it.
pub(super) const REPORTED: Duration = Duration::from_secs(10);

/// A command, ready to be recorded.
enum Ready {
    Dispatch(Arc<Pipeline>, wgpu::BindGroup, [u32; 3]),
    /// `len` elements from `offset` bytes of the buffer.
    Copy {
        from: wgpu::Buffer,
        offset: u64,
        to: wgpu::Texture,
        layout: Layout,
        elem: Elem,
        len: usize,
    },
}

/// A plan with its pipelines, memory and bind groups.
pub struct Loaded {
    /// Name of the plan.
    pub name: String,
    ready: Vec<Ready>,
    arrays: Vec<Held>,
}

/// An array of a loaded plan.
struct Held {
    name: String,
    elem: Elem,
    len: usize,
    /// None if no command uses it.
    memory: Option<Memory>,
}

/// A buffer that plans share by name.
#[derive(Clone)]
pub(super) struct Shared {
    pub buffer: wgpu::Buffer,
    /// What its elements are: the host sees f32 in the place of f16.
    pub elem: Elem,
}

/// Owns the buffers that plans share by name, and runs plans on one device.
pub struct Runner {
    /// The device.
    pub device: Arc<Device>,
    shared: HashMap<String, Shared>,
    pipelines: HashMap<Key, Arc<Pipeline>>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    host: HostTime,
}

/// What the host did for the runs since [`Runner::start_clock`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HostTime {
    /// Recording commands.
    pub encode: Duration,
    /// Handing them to the queue.
    pub submit: Duration,
    /// Waiting for the device, because it was more than three steps behind.
    pub wait: Duration,
}

impl Loaded {
    /// All commands, by their positions in the plan.
    pub fn all(&self) -> Range<usize> {
        0..self.ready.len()
    }

    /// Records a range of commands: dispatches in as few passes as the transfers between them allow.
    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, range: Range<usize>) {
        let mut pass = None;
        for i in range {
            if self.is_transfer(i) {
                // A transfer stands between passes.
                drop(pass.take());
                self.transfer(encoder, i);
            } else {
                let begin = || encoder.begin_compute_pass(&Default::default()).forget_lifetime();
                self.dispatch(pass.get_or_insert_with(begin), i);
            }
        }
    }

    /// Whether command `i` is a transfer, which stands outside of passes.
    pub(super) fn is_transfer(&self, i: usize) -> bool {
        matches!(self.ready[i], Ready::Copy { .. })
    }

    /// Records command `i`, a transfer.
    pub(super) fn transfer(&self, encoder: &mut wgpu::CommandEncoder, i: usize) {
        if let Ready::Copy { from, offset, to, layout, elem, len } = &self.ready[i] {
            memory::fill(encoder, from, *offset, (to, *layout), *elem, *len);
        }
    }

    /// Records command `i`, a dispatch, into a pass.
    pub(super) fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>, i: usize) {
        if let Ready::Dispatch(p, group, [x, y, z]) = &self.ready[i] {
            pass.set_pipeline(&p.pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
    }
}

impl Runner {
    /// A runner without buffers.
    pub fn new(device: Arc<Device>) -> Self {
        Runner {
            device,
            shared: HashMap::new(),
            pipelines: HashMap::new(),
            in_flight: VecDeque::new(),
            host: HostTime::default(),
        }
    }

    /// Drops the buffers.
    pub fn clear(&mut self) {
        self.shared.clear();
        self.in_flight.clear();
    }

    /// Lowers a plan for this device and loads it; `separate` as in [`lower::lower`].
    ///
    /// # Errors
    /// As [`lower::lower`] and [`Runner::load_lowered`].
    pub fn load(&mut self, plan: &Plan, separate: bool) -> Result<Loaded> {
        self.load_lowered(&lower::lower(plan, &self.device.shaders, separate)?)
    }

    /// Compiles the shaders of a lowered plan and allocates its memory.
    ///
    /// # Errors
    /// All shaders that fail, not just the first, and what the device refuses.
    pub fn load_lowered(&mut self, lowered: &Lowered) -> Result<Loaded> {
        let before = self.pipelines.len();
        let pipelines = self.compile(lowered)?;
        let fresh = self.pipelines.len() > before;
        let mut slots: Vec<Option<Memory>> = vec![None; lowered.slots.len()];
        let mut arrays = vec![];
        for a in &lowered.arrays {
            let memory = self.memory(lowered, a, &mut slots)?;
            arrays.push(Held { name: a.name.clone(), elem: a.elem, len: a.len, memory });
        }
        let ready = self.bind(lowered, &pipelines, &arrays)?;
        if fresh && self.device.target.adapter.class == AdapterClass::Software {
            self.warm(&ready);
        }
        Ok(Loaded { name: lowered.name.clone(), ready, arrays })
    }

    /// The memory of an array; `slots` is what transients have got so far.
    fn memory(&mut self, lowered: &Lowered, a: &lower::Array, slots: &mut [Option<Memory>]) -> Result<Option<Memory>> {
        let bytes = a.bytes();
        let scope = format!("{}: buffer {}", lowered.name, a.name);
        let own = |device: &Device| memory::buffer(device, &scope, bytes);
        let buffer = match a.role {
            Role::Transient => {
                let Some(s) = a.slot else { return Ok(None) };
                if slots[s].is_none() {
                    let Slot { bytes, texture } = lowered.slots[s];
                    slots[s] = Some(match texture {
                        None => Memory::Buffer(memory::buffer(&self.device, &scope, bytes)?),
                        Some(format) => {
                            let layout = a.texture.expect("its slot is a texture");
                            Memory::Texture(memory::texture(&self.device, &scope, format, bytes)?, layout)
                        }
                    });
                }
                return Ok(slots[s].clone().map(|memory| memory.laid_out(a.texture)));
            }
            Role::Constant => {
                let buffer = own(&self.device)?;
                self.device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&a.data));
                buffer
            }
            Role::State | Role::Input | Role::Output => match self.shared.get(&a.name) {
                Some(Shared { buffer, elem }) if buffer.size() >= bytes as u64 && *elem == a.elem => buffer.clone(),
                Some(Shared { buffer, elem }) => {
                    let made = format!("another plan made it with {} of {elem:?}", buffer.size());
                    return Err(Error::layer(scope, format!("{bytes} bytes of {:?}, {made}", a.elem)));
                }
                None => {
                    let buffer = own(&self.device)?;
                    self.shared.insert(a.name.clone(), Shared { buffer: buffer.clone(), elem: a.elem });
                    buffer
                }
            },
        };
        Ok(Some(Memory::Buffer(buffer)))
    }

    /// Software drivers compile a pipeline when it is first dispatched, on the thread that executes submits: dispatches
    /// of no workgroup let that begin while the host goes on.
    fn warm(&self, ready: &[Ready]) {
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for r in ready {
                if let Ready::Dispatch(p, group, _) = r {
                    pass.set_pipeline(&p.pipeline);
                    pass.set_bind_group(0, group, &[]);
                    pass.dispatch_workgroups(0, 0, 0);
                }
            }
        }
        self.device.queue.submit([encoder.finish()]);
    }

    fn bind(&self, lowered: &Lowered, pipelines: &[Arc<Pipeline>], arrays: &[Held]) -> Result<Vec<Ready>> {
        // One uniform buffer holds the constants of every dispatch.
        const SLOT: usize = lower::CONSTANTS;
        let mut bytes = vec![0u8; lowered.commands.len().max(1) * SLOT];
        for (c, slot) in lowered.commands.iter().zip(bytes.chunks_exact_mut(SLOT)) {
            if let Command::Dispatch { params, .. } = c {
                slot[..params.len() * 4].copy_from_slice(bytemuck::cast_slice(params));
            }
        }
        let constants = memory::buffer(&self.device, &format!("{}: params", lowered.name), bytes.len())?;
        self.device.queue.write_buffer(&constants, 0, &bytes);
        let memory = |array: usize| arrays[array].memory.as_ref().expect("a bound array is allocated");
        let mut out = vec![];
        for (i, c) in lowered.commands.iter().enumerate() {
            let (scope, shader, args, params, grid) = match c {
                Command::Copy { from, to, .. } => {
                    let elem = arrays[from.array].elem;
                    let buffer = memory(from.array).buffer().clone();
                    let (texture, layout) = memory(*to).texture();
                    let (offset, len) = (from.offset as u64, from.bytes / elem.bytes());
                    out.push(Ready::Copy { from: buffer, offset, to: texture.clone(), layout, elem, len });
                    continue;
                }
                Command::Dispatch { scope, shader, args, params, grid } => (scope, *shader, args, params, *grid),
            };
            let (shader, p) = (&lowered.shaders[shader], &pipelines[shader]);
            let part = |buffer, offset: usize, bytes: usize| {
                let size = std::num::NonZeroU64::new(bytes as u64);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: offset as u64, size })
            };
            let views: Vec<Option<wgpu::TextureView>> = args
                .iter()
                .map(|a| match memory(a.array) {
                    Memory::Texture(texture, _) => Some(texture.create_view(&Default::default())),
                    Memory::Buffer(_) => None,
                })
                .collect();
            let mut entries = vec![];
            for ((a, binding), view) in args.iter().zip(&shader.bindings).zip(&views) {
                let resource = match view {
                    Some(view) => wgpu::BindingResource::TextureView(view),
                    // Bindings are whole words: an odd number of f16 takes its neighbour along.
                    None => part(memory(a.array).buffer(), a.offset, a.bytes.next_multiple_of(4)),
                };
                entries.push(wgpu::BindGroupEntry { binding: binding.number, resource });
            }
            if let Some(binding) = shader.params {
                let resource = part(&constants, i * SLOT, params.len() * 4);
                entries.push(wgpu::BindGroupEntry { binding, resource });
            }
            let desc = wgpu::BindGroupDescriptor { label: Some(scope), layout: &p.layout, entries: &entries };
            let group = self.device.scoped(scope, || self.device.device.create_bind_group(&desc))?;
            out.push(Ready::Dispatch(p.clone(), group, grid));
        }
        Ok(out)
    }

    /// The pipeline of each shader. Builds those that no plan of any runner of the device had before.
    fn compile(&mut self, lowered: &Lowered) -> Result<Vec<Arc<Pipeline>>> {
        let missing: Vec<&Arc<Shader>> =
            lowered.shaders.iter().filter(|s| !self.pipelines.contains_key(&s.key())).collect();
        let mut broken = vec![];
        for (shader, built) in missing.iter().zip(pipelines::of(&self.device, &missing)) {
            match built {
                Ok(p) => drop(self.pipelines.insert(shader.key(), p)),
                Err(Error::Shaders(mut texts)) => broken.append(&mut texts),
                Err(other) => return Err(other),
            }
        }
        if !broken.is_empty() {
            broken.dedup();
            return Err(Error::Shaders(broken));
        }
        Ok(lowered.shaders.iter().map(|s| self.pipelines[&s.key()].clone()).collect())
    }

    /// Runs the whole plan once: writes the step block, submits one command buffer, and waits only if the device is
    /// more than three steps behind.
    ///
    /// # Errors
    /// An error that the device reported since the last call; device loss.
    pub fn run(&mut self, loaded: &Loaded, step: &Step) -> Result<()> {
        self.run_some(loaded, loaded.all(), step)
    }

    /// As [`Runner::run`], of some commands of the plan.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_some(&mut self, loaded: &Loaded, range: Range<usize>, step: &Step) -> Result<()> {
        self.write_step(step);
        self.run_commands(loaded, range)
    }

    pub(super) fn write_step(&self, step: &Step) {
        if let Some(step_block) = self.shared.get("step") {
            self.device.queue.write_buffer(&step_block.buffer, 0, bytemuck::cast_slice(&step.words()));
        }
    }

    /// Runs some commands of the plan with the step block as it stands.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn run_commands(&mut self, loaded: &Loaded, range: Range<usize>) -> Result<()> {
        self.submit(loaded, range, |_| ()).map(|_| ())
    }

    /// Submits some commands and what `behind` adds, and waits for the oldest submit if too many are under way.
    pub(super) fn submit(
        &mut self,
        loaded: &Loaded,
        range: Range<usize>,
        behind: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<wgpu::SubmissionIndex> {
        let begin = Instant::now();
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        loaded.record(&mut encoder, range);
        behind(&mut encoder);
        let commands = encoder.finish();
        let encoded = Instant::now();
        let index = self.device.queue.submit([commands]);
        self.in_flight.push_back(index.clone());
        let submitted = Instant::now();
        if self.in_flight.len() > AHEAD {
            let oldest = self.in_flight.pop_front();
            self.wait(oldest)?;
        }
        self.host.encode += encoded - begin;
        self.host.submit += submitted - encoded;
        self.host.wait += submitted.elapsed();
        self.device.take_error(&loaded.name)?;
        Ok(index)
    }

    pub(super) fn wait(&self, index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        self.ask(wgpu::PollType::Wait { submission_index: index, timeout: None })
    }

    /// Learns what the device has done.
    pub(super) fn poll(&self) -> Result<()> {
        self.ask(wgpu::PollType::Poll)
    }

    fn ask(&self, poll: wgpu::PollType) -> Result<()> {
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

    /// Forgets what [`Runner::host_time`] has counted.
    pub fn start_clock(&mut self) {
        self.host = HostTime::default();
    }

    /// What the host did for the runs since [`Runner::start_clock`].
    pub fn host_time(&self) -> HostTime {
        self.host
    }

    /// Number of pipelines that the plans so far need.
    pub fn pipelines(&self) -> usize {
        self.pipelines.len()
    }

    /// Whether a shared buffer of this name exists.
    pub fn has(&self, name: &str) -> bool {
        self.shared.contains_key(name)
    }

    /// Writes a shared buffer from its first element. f32 data, f16 buffers too: [`bytemuck::cast_slice`].
    ///
    /// # Errors
    /// An unknown name or too much data.
    pub fn write(&mut self, name: &str, words: &[u32]) -> Result<()> {
        let elem = self.shared_buffer(name)?.elem;
        self.write_at(name, 0, &halves::packed(elem, words))
    }

    /// Writes words of a shared buffer from word `at`.
    ///
    /// # Errors
    /// As [`Runner::write`].
    pub fn write_at(&mut self, name: &str, at: usize, words: &[u32]) -> Result<()> {
        let Shared { buffer, .. } = self.shared_buffer(name)?;
        if (at + words.len()) as u64 * 4 > buffer.size() {
            let what = format!("{} words from word {at} on do not fit {} bytes", words.len(), buffer.size());
            return Err(Error::layer(name, what));
        }
        self.device.queue.write_buffer(buffer, at as u64 * 4, bytemuck::cast_slice(words));
        Ok(())
    }

    pub(super) fn shared_buffer(&self, name: &str) -> Result<&Shared> {
        self.shared.get(name).ok_or_else(|| Error::Invalid(format!("no loaded plan has a buffer \"{name}\"")))
    }

    /// Reads the first `len` elements of a shared buffer; waits for everything submitted before.
    ///
    /// # Errors
    /// An unknown name; what the device reported.
    pub fn read(&self, name: &str, len: usize) -> Result<Vec<u32>> {
        let Shared { buffer, elem } = self.shared_buffer(name)?.clone();
        self.download(name, &Memory::Buffer(buffer), elem, len)
    }

    /// Reads a whole buffer of a loaded plan, transients included; these hold what the last command that used their
    /// memory left.
    ///
    /// # Errors
    /// An unknown or unallocated buffer; what the device reported.
    pub fn read_buffer(&self, loaded: &Loaded, index: usize) -> Result<Vec<u32>> {
        let Held { name, elem, len, memory } = &loaded.arrays[index];
        let unused = || Error::Invalid(format!("buffer {name} is not used by the plan"));
        self.download(name, memory.as_ref().ok_or_else(unused)?, *elem, *len)
    }

    /// Reads the first `len` elements of a buffer or texture; waits for everything submitted before.
    pub(super) fn download(&self, name: &str, memory: &Memory, elem: Elem, len: usize) -> Result<Vec<u32>> {
        let words = halves::words(elem, len);
        let bytes = words as u64 * 4;
        if let Memory::Buffer(buffer) = memory
            && bytes > buffer.size()
        {
            return Err(Error::layer(name, format!("{words} words, the buffer has {} bytes", buffer.size())));
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
        memory::fetch(&mut encoder, memory, &staging, elem, len);
        let index = self.device.queue.submit([encoder.finish()]);
        let (send, receive) = std::sync::mpsc::channel();
        staging.slice(..).map_async(wgpu::MapMode::Read, move |r| {
            let _ = send.send(r);
        });
        self.wait(Some(index))?;
        let fail = |message: String| Error::Device { scope: format!("read {name}"), message };
        match receive.recv_timeout(REPORTED) {
            Ok(Ok(())) => {}
            Ok(Err(e)) => {
                self.device.take_error(name)?;
                return Err(fail(e.to_string()));
            }
            Err(e) => return Err(fail(e.to_string())),
        }
        let range = staging.slice(..).get_mapped_range().map_err(|e| fail(e.to_string()))?;
        let elements = halves::unpacked(elem, bytemuck::cast_slice(&range), len);
        self.device.take_error(name)?;
        Ok(elements)
    }
}
