//! Adapters: which there are, opening one, and what goes wrong on it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::cache::Cache;
use super::pipelines::Built;
use crate::error::{Error, Result, suggest};
use crate::plan::{AdapterClass, Limits, Precision, Row, Target};

/// What an adapter says of itself.
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// Position in [`list`], accepted by `--device`.
    pub index: usize,
    /// Name, e.g. `llvmpipe (LLVM 15.0.6, 256 bits)`.
    pub name: String,
    /// `Vulkan`, `Metal`, `Dx12`.
    pub backend: String,
    /// `Cpu`, `DiscreteGpu`, `IntegratedGpu`, ...
    pub kind: String,
    /// Driver and its version.
    pub driver: String,
}

impl std::fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {}, {})", self.name, self.backend, self.kind, self.driver)
    }
}

/// How a device is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Index or part of the name of the adapter; absent: a discrete GPU before an integrated one before a software one.
    pub device: Option<String>,
    /// Bounds checks and loop bounds in shaders, zeroed workgroup memory. For tests; release runs go without.
    pub checked: bool,
    /// Variants forced by name.
    pub forced: Vec<(String, String)>,
    /// Rows of the user's own tuning table.
    pub rows: Vec<Row>,
    /// Folder in which the driver's compiled pipelines are kept; absent: nowhere.
    pub cache: Option<PathBuf>,
    /// See [`Target::unfused`].
    pub unfused: bool,
    /// For small networks: lavapipe computes on the thread that it executes submits on, without its pool, whose waking
    /// costs more than it gives there. What the first device of a process asks for holds for all, and `LP_NUM_THREADS` in
    /// the environment comes before it. No result depends on it.
    pub one_thread: bool,
}

/// Errors that arrive when nobody waits for them.
#[derive(Default)]
pub(super) struct Pending {
    /// The first uncaptured error.
    pub error: Option<wgpu::Error>,
    /// Why the device was lost.
    pub lost: Option<String>,
}

/// An open device.
pub struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) checked: bool,
    pub(super) pending: Arc<Mutex<Pending>>,
    pub(super) cache: Option<Cache>,
    pub(super) pipelines: Built,
    /// What the adapter says of itself.
    pub info: DeviceInfo,
    /// What plans are built for.
    pub target: Target,
}

fn instance() -> wgpu::Instance {
    let mut d = wgpu::InstanceDescriptor::new_without_display_handle();
    d.backends = wgpu::Backends::PRIMARY;
    // Indirect dispatch is not used; its validation would cost two barriers per dispatch.
    d.flags = (d.flags - wgpu::InstanceFlags::VALIDATION_INDIRECT_CALL).with_env();
    wgpu::Instance::new(d)
}

pub(super) fn adapters() -> Vec<(DeviceInfo, wgpu::Adapter)> {
    let instance = instance();
    let found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let usable = found
        .into_iter()
        .filter(|a| a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS));
    let mut all: Vec<wgpu::Adapter> = usable.collect();
    all.sort_by_key(|a| match a.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    let describe = |(index, a): (usize, wgpu::Adapter)| {
        let i = a.get_info();
        let info = DeviceInfo {
            index,
            name: i.name.clone(),
            backend: format!("{:?}", i.backend),
            kind: format!("{:?}", i.device_type),
            driver: format!("{} {}", i.driver, i.driver_info).trim().to_owned(),
        };
        (info, a)
    };
    all.into_iter().enumerate().map(describe).collect()
}

/// Every adapter that can run compute shaders, best first.
pub fn list() -> Vec<DeviceInfo> {
    adapters().into_iter().map(|(info, _)| info).collect()
}

impl Device {
    /// Opens an adapter.
    ///
    /// # Errors
    /// No adapter, none of that name or index, or one that refuses.
    pub fn open(options: &Options) -> Result<Device> {
        let poolless = super::lavapipe::settle_pool(options.one_thread);
        let mut all = adapters();
        if all.is_empty() {
            return Err(Error::NoAdapter("no driver with compute shaders found".into()));
        }
        let chosen = match &options.device {
            None => 0,
            Some(want) => {
                let by_name = || all.iter().position(|(i, _)| i.name.to_lowercase().contains(&want.to_lowercase()));
                // "4090" is no index but part of a name.
                let index = want.parse().ok().filter(|i| *i < all.len());
                let found = index.or_else(by_name);
                found.ok_or_else(|| {
                    let names = all.iter().map(|(i, _)| i.name.as_str());
                    Error::Invalid(format!(
                        "--device {want}: no adapter has that index or name (`weightproof show --devices`).{}",
                        suggest(want, names)
                    ))
                })?
            }
        };
        let (mut info, adapter) = all.swap_remove(chosen);
        if poolless && info.name.starts_with("llvmpipe") {
            info.driver += ", one thread";
        }
        let wanted = wgpu::Features::SUBGROUP
            | wgpu::Features::SHADER_F16
            | wgpu::Features::SHADER_INT64
            | wgpu::Features::TIMESTAMP_QUERY
            | wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS
            | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES
            | wgpu::Features::PIPELINE_CACHE;
        let mut features = adapter.features() & wanted;
        let matrices = has_matrices(&adapter);
        if matrices {
            features |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        }
        // SAFETY: experimental means that the API may change and that drivers may be wrong; the kernels that use it are
        // checked against their twins on the adapter at hand.
        let experimental = match matrices {
            true => unsafe { wgpu::ExperimentalFeatures::enabled() },
            false => wgpu::ExperimentalFeatures::disabled(),
        };
        let limits = adapter.limits();
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("weightproof"),
            required_features: features,
            experimental_features: experimental,
            required_limits: limits.clone(),
            ..Default::default()
        }))
        .map_err(|e| Error::NoAdapter(format!("{info} refused: {e}")))?;
        let pending = Arc::new(Mutex::new(Pending::default()));
        let sink = pending.clone();
        device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
            let mut p = sink.lock().unwrap_or_else(|e| e.into_inner());
            log::error!("{e}");
            p.error.get_or_insert(e);
        }));
        let sink = pending.clone();
        device.set_device_lost_callback(move |reason, text| {
            // Dropping the device at the end also ends here: only an unasked loss counts.
            if reason != wgpu::DeviceLostReason::Destroyed {
                sink.lock().unwrap_or_else(|e| e.into_inner()).lost.get_or_insert(text);
            }
        });
        let raw = adapter.get_info();
        let readable = [wgpu::TextureFormat::Rgba32Float, wgpu::TextureFormat::Rgba16Float].iter().all(|format| {
            let format = adapter.get_texture_format_features(*format);
            format.allowed_usages.contains(wgpu::TextureUsages::STORAGE_BINDING)
                && format.flags.contains(wgpu::TextureFormatFeatureFlags::STORAGE_READ_ONLY)
        });
        let fixed = features.contains(wgpu::Features::SUBGROUP) && raw.subgroup_min_size == raw.subgroup_max_size;
        let target = Target {
            class: if raw.device_type == wgpu::DeviceType::Cpu {
                AdapterClass::Software
            } else if matrices {
                AdapterClass::CoopMatrix
            } else {
                AdapterClass::Discrete
            },
            limits: Limits {
                max_binding: limits.max_storage_buffer_binding_size as usize,
                max_buffer: limits.max_buffer_size as usize,
                // Views are laid out at 256 bytes whatever the adapter allows, so that a plan does not depend on it.
                offset_alignment: (limits.min_storage_buffer_offset_alignment as usize).max(256),
                max_workgroups: limits.max_compute_workgroups_per_dimension,
                max_invocations: limits.max_compute_invocations_per_workgroup,
                max_texture: if readable { limits.max_texture_dimension_2d } else { 0 },
            },
            subgroup: fixed.then_some(raw.subgroup_max_size),
            int64: features.contains(wgpu::Features::SHADER_INT64),
            float16: features.contains(wgpu::Features::SHADER_F16),
            precision: Precision::F32,
            signs: false,
            forced: options.forced.clone(),
            rows: options.rows.clone(),
            unfused: options.unfused,
        };
        let cache = options.cache.as_deref().and_then(|folder| Cache::open(&device, &raw, folder));
        Ok(Device {
            device,
            queue,
            checked: options.checked,
            pending,
            cache,
            pipelines: Built::default(),
            info,
            target,
        })
    }

    /// The first error that arrived since the last call.
    pub(super) fn take_error(&self, scope: &str) -> Result<()> {
        let mut p = self.pending.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(text) = p.lost.take() {
            return Err(Error::DeviceLost(text));
        }
        match p.error.take() {
            None => Ok(()),
            Some(e) => Err(convert(scope, e)),
        }
    }

    /// Runs `f` with every error it causes captured.
    pub(super) fn scoped<T>(&self, scope: &str, f: impl FnOnce() -> T) -> Result<T> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let value = f();
        let errors = [
            pollster::block_on(validation.pop()),
            pollster::block_on(internal.pop()),
            pollster::block_on(memory.pop()),
        ];
        match errors.into_iter().flatten().next() {
            None => Ok(value),
            Some(e) => Err(convert(scope, e)),
        }
    }
}

fn convert(scope: &str, e: wgpu::Error) -> Error {
    match e {
        wgpu::Error::OutOfMemory { source } => Error::OutOfMemory { scope: scope.into(), message: source.to_string() },
        other => Error::Device { scope: scope.into(), message: other.to_string() },
    }
}

fn has_matrices(adapter: &wgpu::Adapter) -> bool {
    use wgpu::CooperativeScalarType as T;
    let needed = wgpu::Features::SHADER_F16 | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    let offered = adapter
        .cooperative_matrix_properties()
        .iter()
        .any(|p| (p.m_size, p.n_size, p.k_size) == (16, 16, 16) && p.ab_type == T::F16 && p.cr_type == T::F32);
    offered && adapter.features().contains(needed)
}
