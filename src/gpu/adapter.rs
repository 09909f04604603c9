//! Adapters: which there are, opening one, and what goes wrong on it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::cache::Cache;
use super::facts;
use super::lower::{Key, Shaders};
use super::quiet::quietly;
use crate::error::{Error, Result, suggest};
use crate::plan::{self, AdapterClass, Limits, Matrices, Target};

/// What an adapter says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Index, if it is a number, or part of the name of the adapter; absent: a discrete GPU before an integrated one before a software one.
    pub device: Option<String>,
    /// Bounds checks and loop bounds in shaders, zeroed workgroup memory. For tests; release runs go without.
    pub checked: bool,
    /// What is asked of every plan.
    pub plans: plan::Options,
    /// Folder in which the driver's compiled pipelines are kept; absent: nowhere.
    pub cache: Option<PathBuf>,
    /// For small networks: lavapipe computes on the thread that it executes submits on, without its pool, whose waking
    /// costs more than it gives there. What the first device of a process asks for holds for all, and `LP_NUM_THREADS` in
    /// the environment comes before it. No result depends on it.
    pub one_thread: bool,
    /// Of several adapters of the same name, kind and backend, which; counted on from the first again. An index names one.
    pub nth: usize,
}

/// Errors that arrive when nobody waits for them.
#[derive(Default)]
pub(super) struct Pending {
    /// The first uncaptured error.
    pub error: Option<wgpu::Error>,
    /// Why the device was lost.
    pub lost: Option<String>,
}

/// A compiled shader.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// An open device. Its runners share shaders and pipelines.
pub struct Device {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) checked: bool,
    pub(super) pending: Arc<Mutex<Pending>>,
    pub(super) cache: Option<Cache>,
    pub(super) shaders: Shaders,
    pub(super) pipelines: Mutex<HashMap<Key, Arc<Pipeline>>>,
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
    let found = quietly(|| pollster::block_on(instance().enumerate_adapters(wgpu::Backends::PRIMARY)));
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

/// Features that are used where an adapter has them.
const WANTED: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SHADER_INT64)
    .union(wgpu::Features::TIMESTAMP_QUERY)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS)
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    .union(wgpu::Features::PIPELINE_CACHE);

/// What plans are told of an adapter.
fn facts_of(adapter: &wgpu::Adapter) -> plan::Adapter {
    let (raw, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let subgroup = facts::subgroup(raw.backend, &raw.name, raw.subgroup_min_size, raw.subgroup_max_size);
    plan::Adapter {
        class: if raw.device_type == wgpu::DeviceType::Cpu { AdapterClass::Software } else { AdapterClass::Gpu },
        limits: Limits {
            max_binding: limits.max_storage_buffer_binding_size as usize,
            max_buffer: limits.max_buffer_size as usize,
            // Views are laid out at 256 bytes whatever the adapter allows, so that a plan does not depend on it.
            offset_alignment: (limits.min_storage_buffer_offset_alignment as usize).max(256),
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            max_invocations: limits.max_compute_invocations_per_workgroup,
            max_workgroup_memory: limits.max_compute_workgroup_storage_size as usize,
            max_texture: if facts::readable_textures(adapter) { limits.max_texture_dimension_2d } else { 0 },
        },
        mesa: mesa(&raw.driver_info),
        subgroup: subgroup.filter(|_| features.contains(wgpu::Features::SUBGROUP)),
        matrices: matrices(adapter),
        int64: features.contains(wgpu::Features::SHADER_INT64),
        float16: features.contains(wgpu::Features::SHADER_F16),
    }
}

/// An adapter as `weightproof show --devices --json` prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Described {
    /// Which it is.
    #[serde(flatten)]
    pub info: DeviceInfo,
    /// What plans are told of it.
    pub adapter: plan::Adapter,
}

/// As [`list`], with what plans are told of each.
pub fn describe() -> Vec<Described> {
    adapters().into_iter().map(|(info, a)| Described { info, adapter: facts_of(&a) }).collect()
}

/// The adapter that `device` names among described ones as `--device` does; absent: the first.
///
/// # Errors
/// None of that name or index; none at all.
pub fn chosen(described: Vec<Described>, device: Option<&str>) -> Result<plan::Adapter> {
    let names: Vec<&str> = described.iter().map(|d| d.info.name.as_str()).collect();
    let at = device.map_or(Ok(0), |want| choose(want, &names))?;
    let found = described.into_iter().nth(at).map(|d| d.adapter);
    found.ok_or_else(|| Error::Invalid("it describes no adapter".into()))
}

/// Every adapter that can run compute shaders, best first.
pub fn list() -> Vec<DeviceInfo> {
    adapters().into_iter().map(|(info, _)| info).collect()
}

/// The adapter that `want` names: by its index if it is a number, else by part of its name.
fn choose(want: &str, names: &[&str]) -> Result<usize> {
    let fail = |what: String| {
        let near = suggest(want, names.iter().copied());
        Error::Invalid(format!("--device \"{want}\": {what} (`weightproof show --devices` lists them).{near}"))
    };
    let word = want.trim();
    if word.is_empty() {
        return Err(fail("give the index of an adapter, or part of its name".into()));
    }
    if is_index(word) {
        let index = word.parse().ok().filter(|i| *i < names.len());
        return index.ok_or_else(|| {
            let count = match names.len() {
                1 => "there is one adapter, with index 0".to_owned(),
                n => format!("there are {n} adapters, with indices 0 to {}", n - 1),
            };
            fail(format!("a number is an index, and {count}; of a name give more than its number"))
        });
    }
    let word = word.to_lowercase();
    let found = names.iter().position(|name| name.to_lowercase().contains(&word));
    found.ok_or_else(|| fail("no adapter is called that".into()))
}

/// Whether `--device` names an adapter by its index.
fn is_index(want: &str) -> bool {
    let word = want.trim();
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
}

/// Of the adapters that are as the one at `first`, the one at `nth` from it on, round and round.
fn nth_alike(all: &[&DeviceInfo], first: usize, nth: usize) -> usize {
    let what = |info: &DeviceInfo| (info.name.clone(), info.kind.clone(), info.backend.clone());
    let alike: Vec<usize> = (first..all.len()).filter(|i| what(all[*i]) == what(all[first])).collect();
    alike[nth % alike.len()]
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
        let (index, first) = match &options.device {
            None => (false, 0),
            Some(want) => {
                let names: Vec<&str> = all.iter().map(|(i, _)| i.name.as_str()).collect();
                (is_index(want), choose(want, &names)?)
            }
        };
        let infos: Vec<&DeviceInfo> = all.iter().map(|(info, _)| info).collect();
        let chosen = if index { first } else { nth_alike(&infos, first, options.nth) };
        let (mut info, adapter) = all.swap_remove(chosen);
        if poolless && info.name.starts_with("llvmpipe") {
            info.driver += ", one thread";
        }
        let facts = facts_of(&adapter);
        let mut features = adapter.features() & WANTED;
        if facts.matrices.is_some() {
            features |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        }
        // SAFETY: experimental means that the API may change and that drivers may be wrong; `check` holds the
        // kernels that use it against their twins on the adapter at hand.
        let experimental = match facts.matrices.is_some() {
            true => unsafe { wgpu::ExperimentalFeatures::enabled() },
            false => wgpu::ExperimentalFeatures::disabled(),
        };
        let description = wgpu::DeviceDescriptor {
            label: Some("weightproof"),
            required_features: features,
            experimental_features: experimental,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let opened = quietly(|| pollster::block_on(adapter.request_device(&description)));
        let (device, queue) = opened.map_err(|e| Error::NoAdapter(format!("{info} refused: {e}")))?;
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
        let target = Target { options: options.plans.clone(), ..facts.into() };
        let cache = options.cache.as_deref().and_then(|folder| Cache::open(&device, &raw, folder));
        Ok(Device {
            device,
            queue,
            checked: options.checked,
            pending,
            cache,
            shaders: Shaders::default(),
            pipelines: Mutex::default(),
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

/// The version of Mesa, major.minor, in what a driver says of itself: `Mesa 25.0.7-2 (LLVM 19.1.7)`.
fn mesa(driver_info: &str) -> Option<f64> {
    let (_, version) = driver_info.split_once("Mesa ")?;
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (major, rest) = version[..end].split_once('.')?;
    let minor = rest.split('.').next()?;
    format!("{major}.{minor}").parse().ok()
}

/// The matrices of f16 with sums in f32 that the adapter offers: the larger ones, where it has two sizes.
fn matrices(adapter: &wgpu::Adapter) -> Option<Matrices> {
    let needed = wgpu::Features::SHADER_F16 | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    let size = size_of_matrices(&adapter.cooperative_matrix_properties())?;
    let scalars = adapter.get_info().backend == wgpu::Backend::Metal;
    adapter.features().contains(needed).then_some(Matrices { size, scalars })
}

fn size_of_matrices(offered: &[wgpu::CooperativeMatrixProperties]) -> Option<u32> {
    use wgpu::CooperativeScalarType as T;
    let offers = |size: &u32| {
        let is = |p: &wgpu::CooperativeMatrixProperties| (p.m_size, p.n_size, p.k_size) == (*size, *size, *size);
        offered.iter().any(|p| is(p) && p.ab_type == T::F16 && p.cr_type == T::F32)
    };
    [16, 8].into_iter().find(offers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_those_of_f16_with_sums_in_f32_and_the_larger_of_two_sizes() {
        use wgpu::CooperativeScalarType::{F16, F32};
        let of = |[m_size, n_size, k_size]: [u32; 3], ab_type, cr_type| wgpu::CooperativeMatrixProperties {
            m_size,
            n_size,
            k_size,
            ab_type,
            cr_type,
            saturating_accumulation: false,
        };
        let small = of([8; 3], F16, F32);
        let large = of([16; 3], F16, F32);
        let others = [of([8; 3], F32, F32), of([16; 3], F16, F16), of([16, 8, 16], F16, F32)];
        assert_eq!(size_of_matrices(&others), None);
        assert_eq!(size_of_matrices(&[others[0], small, others[1]]), Some(8));
        assert_eq!(size_of_matrices(&[small, large]), Some(16));
    }

    #[test]
    fn the_version_of_mesa_is_read_from_what_its_drivers_say() {
        for (text, version) in [
            ("Mesa 22.3.6 (LLVM 15.0.6)", Some(22.3)),
            ("Mesa 25.0.7-2+deb13u1 (LLVM 19.1.7)", Some(25.0)),
            ("Mesa 26.2.0-devel (git-1a2b3c4d5e)", Some(26.2)),
            ("560.35.03", None),
            ("SwiftShader driver", None),
            ("Mesa DRI", None),
            ("", None),
        ] {
            assert_eq!(mesa(text), version, "{text}");
        }
    }

    #[test]
    fn ranks_take_adapters_of_one_kind_in_turn() {
        let info = |name: &str, backend: &str| DeviceInfo {
            index: 0,
            name: name.into(),
            backend: backend.into(),
            kind: "DiscreteGpu".into(),
            driver: String::new(),
        };
        let all =
            [info("A", "Vulkan"), info("B", "Vulkan"), info("A", "Dx12"), info("A", "Vulkan"), info("A", "Vulkan")];
        let all: Vec<&DeviceInfo> = all.iter().collect();
        assert_eq!([0, 1, 2, 3, 4].map(|rank| nth_alike(&all, 0, rank)), [0, 3, 4, 0, 3]);
        assert_eq!([0, 1, 2].map(|rank| nth_alike(&all, 1, rank)), [1; 3]);
    }

    #[test]
    fn a_number_is_an_index_and_a_word_is_part_of_a_name() {
        let names = ["NVIDIA GeForce RTX 4090", "Intel Arc A770 1", "llvmpipe (LLVM 15.0.6, 256 bits)"];
        for (want, at) in [("0", 0), ("1", 1), (" 2 ", 2), ("rtx 4090", 0), ("Intel", 1), ("LLVMPIPE", 2), ("A7", 1)] {
            assert_eq!(choose(want, &names).unwrap(), at, "{want}");
        }
        for (want, words) in [
            ("3", "there are 3 adapters, with indices 0 to 2"),
            ("4090", "a number is an index"),
            ("99999999999999999999999", "a number is an index"),
            ("", "part of its name"),
            (" \t", "part of its name"),
            ("radeon", "no adapter is called that"),
            ("-1", "no adapter is called that"),
        ] {
            let e = choose(want, &names).unwrap_err().to_string();
            assert!(e.starts_with(&format!("--device \"{want}\": ")) && e.contains(words), "{e}");
            assert!(e.contains("show --devices") && e.contains("llvmpipe"), "{e}");
        }
        // The digit in its name does not make it adapter 1.
        assert!(choose("1", &names[2..]).unwrap_err().to_string().contains("there is one adapter, with index 0"));
    }
}
