//! Synchronisation under the Khronos validation layer, which sees a missing barrier that software drivers forgive.
//!
//! Needs a layer of 2024 or later (those before take what a shader writes for read) and the environment
//! `WGPU_VALIDATION=1` (wgpu loads the layer), `WGPU_DEBUG=1` (wgpu listens to it), `VK_LAYER_VALIDATE_SYNC=1` and
//! `VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1` (it watches bound buffers). `.ci/run` sets all that.
//!
//! `WEIGHTPROOF_BARRIERS=1` asks for the test: it then fails if the layer did not load or sees nothing. `make test`, which
//! runs on machines without the layer, does not ask; the test then says so and ends.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/small.rs"]
mod small;

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use weightproof::gpu::{Device, Options};
use weightproof::plan::Plan;
use weightproof::projection::Projection;
use weightproof::session::Session;

/// Collects what the validation layer reports as errors: wgpu passes it on to `log`.
struct Messages(Mutex<Vec<String>>);

static MESSAGES: Messages = Messages(Mutex::new(vec![]));

impl log::Log for Messages {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() == log::Level::Error && metadata.target().starts_with("wgpu")
    }

    fn log(&self, record: &log::Record) {
        if self.enabled(record.metadata()) {
            self.0.lock().expect("not poisoned").push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// The messages since the last call.
fn messages() -> Vec<String> {
    std::mem::take(&mut MESSAGES.0.lock().expect("not poisoned"))
}

const COPY: &str = "@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { y[i] = x[i]; }";

/// Records a copy of one buffer to another and back by two dispatches with no barrier between them: below wgpu, which
/// would put one there.
fn forget_a_barrier() {
    use wgpu::hal::{self, CommandEncoder as _, Device as _, api::Vulkan};
    const BYTES: u64 = 256;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = pollster::block_on(instance.request_adapter(&Default::default())).expect("an adapter");
    let (device, _queue) = pollster::block_on(adapter.request_device(&Default::default())).expect("a device");
    let usage = wgpu::BufferUsages::STORAGE;
    let descriptor = wgpu::BufferDescriptor { label: None, size: BYTES, usage, mapped_at_creation: false };
    let buffers = [device.create_buffer(&descriptor), device.create_buffer(&descriptor)];
    let mut encoder = device.create_command_encoder(&Default::default());
    let module = naga::front::wgsl::parse_str(COPY).expect("valid");
    let (flags, capabilities) = (naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    let info = naga::valid::Validator::new(flags, capabilities).validate(&module).expect("valid");
    // With debug information, as wgpu passes it on under WGPU_DEBUG.
    let source = hal::DebugSource { file_name: "copy".into(), source_code: COPY.into() };
    let shader = hal::NagaShader { module: std::borrow::Cow::Owned(module), info, debug_source: Some(source) };
    let entry = |binding, read_only| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    // SAFETY: everything lives until after the encoder, which is finished and never submitted, and is then destroyed.
    unsafe {
        let raw = device.as_hal::<Vulkan>().expect("a Vulkan device");
        let [a, b] = buffers.each_ref().map(|b| b.as_hal::<Vulkan>().expect("a Vulkan buffer"));
        let layout = raw
            .create_bind_group_layout(&hal::BindGroupLayoutDescriptor {
                label: None,
                flags: hal::BindGroupLayoutFlags::empty(),
                entries: &[entry(0, true), entry(1, false)],
            })
            .expect("a layout");
        let pipeline_layout = raw
            .create_pipeline_layout(&hal::PipelineLayoutDescriptor {
                label: None,
                flags: hal::PipelineLayoutFlags::empty(),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            })
            .expect("a layout");
        let runtime_checks = wgpu::ShaderRuntimeChecks::unchecked();
        let descriptor = hal::ShaderModuleDescriptor { label: None, runtime_checks };
        let module = raw.create_shader_module(&descriptor, hal::ShaderInput::Naga(shader)).expect("a shader");
        let pipeline = raw
            .create_compute_pipeline(&hal::ComputePipelineDescriptor {
                label: None,
                layout: &pipeline_layout,
                stage: hal::ProgrammableStage {
                    module: &module,
                    entry_point: "main",
                    constants: &Default::default(),
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
            .expect("a pipeline");
        let groups = [[&*a, &*b], [&*b, &*a]].map(|pair| {
            raw.create_bind_group(&hal::BindGroupDescriptor {
                label: None,
                layout: &layout,
                buffers: &pair.map(|b| hal::BufferBinding::new_unchecked(b, 0, std::num::NonZeroU64::new(BYTES))),
                samplers: &[],
                textures: &[],
                entries: &[0, 1].map(|i| hal::BindGroupEntry { binding: i, resource_index: i, count: 1 }),
                acceleration_structures: &[],
                external_textures: &[],
            })
            .expect("a group")
        });
        encoder.as_hal_mut::<Vulkan, _, _>(|encoder| {
            let encoder = encoder.expect("a Vulkan encoder");
            encoder.begin_compute_pass(&hal::ComputePassDescriptor { label: None, timestamp_writes: None });
            encoder.set_compute_pipeline(&pipeline);
            for group in &groups {
                encoder.set_bind_group(&pipeline_layout, 0, group, &[]);
                encoder.dispatch_workgroups([1, 1, 1]);
            }
            encoder.end_compute_pass();
        });
        drop(encoder.finish());
        groups.into_iter().for_each(|g| raw.destroy_bind_group(g));
        raw.destroy_compute_pipeline(pipeline);
        raw.destroy_shader_module(module);
        raw.destroy_pipeline_layout(pipeline_layout);
        raw.destroy_bind_group_layout(layout);
    }
}

/// Runs a few training steps with the transients in shared memory, then an evaluation's plans, and reads a result.
fn train() {
    let device =
        Arc::new(Device::open(&Options { one_thread: true, ..Options::default() }).unwrap_or_else(|e| panic!("{e}")));
    let network = Arc::new(small::network("stochm:0.5"));
    let mut session = Session::new(device.clone(), network.clone(), 1);
    let run = |session: &mut Session, plan: weightproof::error::Result<Plan>, steps: u64| {
        let program = plan.and_then(|p| session.load(p, false)).unwrap_or_else(|e| panic!("{e}"));
        for step in 0..steps {
            if session.runner.has("input") {
                session.runner.write("input", &[0.5f32.to_bits(); 4 * 8 * 8 * 3]).expect("write");
            }
            session.runner.run(&program.loaded, &session.block(step)).unwrap_or_else(|e| panic!("{e}"));
        }
    };
    session.set_weights(&network.initial_weights(1)).expect("write");
    session.start(0).expect("start");
    run(&mut session, network.train_plan(&device.target), 3);
    for projection in ["stochm:0.5", "prune:0.5"] {
        // One without the search for a rank, one with it.
        session.distort(&Projection::parse(projection).expect("it is one").into(), 1, 0).expect("distort");
    }
    run(&mut session, network.moments_plan(&device.target), 2);
    run(&mut session, network.test_plan(&device.target, 4), 2);
    session.runner.read("metrics", 4).expect("read");
    session.runner.finish().unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_validation_layer_finds_a_forgotten_barrier_and_none_in_a_step() {
    if std::env::var_os("WEIGHTPROOF_BARRIERS").is_none() {
        // Past the harness, which shows nothing of a test that passes.
        let line =
            "barriers: not watched, since WEIGHTPROOF_BARRIERS=1 does not ask for it; .ci/run does, with all it needs";
        writeln!(std::io::stderr(), "{line}").expect("stderr");
        return;
    }
    log::set_logger(&MESSAGES).expect("the only logger");
    log::set_max_level(log::LevelFilter::Error);
    forget_a_barrier();
    let found = messages();
    assert!(
        found.iter().any(|m| m.contains("SYNC-HAZARD")),
        "a forgotten barrier is not found: the validation layer did not load, or does not watch synchronisation: {found:?}"
    );
    train();
    let found = messages();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
