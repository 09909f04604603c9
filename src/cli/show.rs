//! `weightproof show`.

use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Global, print, print_bytes, say};
use crate::error::{Error, Result, suggest};
use crate::files;
use crate::gpu::lower::{Shader, Shaders, lower};
use crate::gpu::translate::{self, Language, spirv};
use crate::gpu::{self, Described, compose};
use crate::kernels::{self, KERNELS, Knobs, Work};
use crate::model::preset::{self, Preset};
use crate::model::{Class, Network};
use crate::plan::{Target, listing};
use crate::projection::{PROJECTIONS, own};
use crate::session;

/// How projections become distortions, for `show --projections`.
const DISTORTIONS: &str = "
alpha is the largest |w| of the layer, with :filter that of each filter (output channel). A distortion (eval, distort, eval.distort of a preset) is a chain of projections:
sign+addnorm:0.2               one after the other, each of what the one before left; alpha is that of the stored weights
conv*:sign+fc1:quant:4         of the layers or tensors of that name, * any text, ? any character; the rest keep their weights
sign except fc2 fc1            of all layers but these
addnorm:0.3 x8                 eight draws: their mean, deviation and worst
addnorm:0.3->0 cosine          in training: from one value to the other over the epochs; without \"cosine\" along a line
";

/// Arguments of `show`; give at least one of them.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct What {
    /// The commands of a training step of PRESET, as planned for the adapter in use
    #[arg(long, value_name = "PRESET")]
    plan: Option<PathBuf>,
    /// A kernel's composed WGSL, e.g. conv2d.forward or conv2d.forward=lanes; without a name, all kernels and variants
    #[arg(long, value_name = "KERNEL", num_args = 0..=1, default_missing_value = "")]
    shader: Option<String>,
    /// The adapters of this machine with the index that --device takes, the preferred one first; with --json all that
    /// plans depend on, for --target elsewhere
    #[arg(long)]
    devices: bool,
    /// A preset, resolved, with the shapes of its layers; without a name, the shipped presets
    #[arg(long, value_name = "PRESET", num_args = 0..=1, default_missing_value = "")]
    preset: Option<OsString>,
    /// The projections, how each is written and what it computes, and how they are joined to distortions
    #[arg(long)]
    projections: bool,
}

/// Arguments of `show`.
#[derive(Args)]
pub struct Show {
    #[command(flatten)]
    what: What,
    /// With --devices: as JSON
    #[arg(long, requires = "devices")]
    json: bool,
    /// With --plan: for the adapter in FILE, which `show --devices --json` printed on its machine; of several, the one that
    /// --device names
    #[arg(long, requires = "plan", value_name = "FILE")]
    target: Option<PathBuf>,
    /// With --plan: the peak memory of training instead, by what it holds, and whether it fits the adapter
    #[arg(long, requires = "plan", conflicts_with = "lowered")]
    memory: bool,
    /// With --plan: writes what a runner needs of the step to FILE, as JSON: WGSL, bindings, constants, grids, buffers. It
    /// needs no adapter if --target is given
    #[arg(long, requires = "plan", value_name = "FILE")]
    lowered: Option<PathBuf>,
    /// With --shader: as it is composed where these optional arguments are given, e.g. table,moments of conv2d.forward
    #[arg(long, requires = "shader", value_name = "ARGUMENT", value_delimiter = ',')]
    with: Vec<String>,
    /// With --shader: the SPIR-V that a Vulkan driver gets, for `spirv-dis`, instead of the WGSL
    #[arg(long, requires = "shader", group = "translated")]
    spirv: bool,
    /// With --shader: the text that Metal gets (Metal Shading Language 2.3) instead of the WGSL
    #[arg(long, requires = "shader", group = "translated")]
    msl: bool,
    /// With --shader: the text that DX12 gets (HLSL, shader model 6.2) instead of the WGSL
    #[arg(long, requires = "shader", group = "translated")]
    hlsl: bool,
    /// With --spirv, --msl or --hlsl: the file to write (stdout if not given)
    #[arg(short, long, value_name = "FILE", requires = "translated")]
    out: Option<PathBuf>,
    /// With --shader: registers, spills and what else the Vulkan driver of the adapter tells of its code
    #[cfg(feature = "driver-statistics")]
    #[arg(long, requires = "shader", conflicts_with = "translated")]
    statistics: bool,
    /// Change a key of the preset, e.g. --set width=0.125
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Show {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let what = &self.what;
        if what.devices {
            if self.json {
                let text = serde_json::to_string_pretty(&gpu::describe()).expect("plain data");
                print(&format!("{text}\n"))?;
            } else {
                for d in gpu::list() {
                    print(&format!("{}: {d}\n", d.index))?;
                }
            }
        }
        if what.projections {
            for p in PROJECTIONS {
                print(&format!("{:<30} {}\n", p.syntax, p.doc))?;
            }
            print(&format!("{:<30} {}\n", own::SYNTAX, own::DOC))?;
            print(DISTORTIONS)?;
        }
        if let Some(name) = &what.preset {
            if name.is_empty() {
                for p in preset::embedded::names() {
                    print(&format!("{p}\n"))?;
                }
            } else {
                let preset = Preset::load(name, &self.set)?;
                print(&format!("{}\n{}\n", preset.to_toml(), preset.describe(session::input(&preset, None).ok())?))?;
            }
        }
        if let Some(name) = &what.plan {
            let preset = Preset::load(name, &self.set)?;
            let input = session::input(&preset, None)?;
            let network = session::network_for(&preset, input)?;
            let target = self.target(global)?;
            if self.memory {
                return memory(&preset, &network, &target);
            }
            let plan = network.train_plan(&target)?;
            if let Some(path) = &self.lowered {
                let lowered = lower(&plan, &Shaders::default(), false)?;
                files::replace(path, |w| Ok(serde_json::to_writer(w, &lowered)?))?;
                let (shaders, commands) = (lowered.shaders.len(), lowered.commands.len());
                say(&format!("{}: {commands} commands, {shaders} shaders", path.display()));
            }
            print(&listing::listing(&plan))?;
            let mut work = Work::default();
            for c in &plan.commands {
                let one = kernels::work(c)?;
                work = Work { flop: work.flop + one.flop, bytes: work.bytes + one.bytes };
            }
            let (flop, bytes) = (work.flop / 1e9, work.bytes / 1e9);
            print(&format!("\nwork: {flop:.2} GFLOP, at least {bytes:.3} GB through memory\n"))?;
        }
        if let Some(name) = &what.shader {
            self.shader(name, global)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What a plan is shown for: the adapter that a file describes, the one at hand, or without one the least that WebGPU
    /// guarantees.
    fn target(&self, global: &Global) -> Result<Target> {
        let adapter = match &self.target {
            Some(path) => {
                let text = fs::read(path).map_err(|e| Error::io(path, e))?;
                let described: Vec<Described> = serde_json::from_slice(&text).map_err(|e| {
                    Error::format(path, format!("this is not what `weightproof show --devices --json` prints: {e}"))
                })?;
                gpu::chosen(described, global.device.as_deref()).map_err(|e| Error::format(path, e.to_string()))?
            }
            None => return global.target(),
        };
        Ok(Target { options: global.plan_options()?, ..adapter.into() })
    }

    #[cfg_attr(not(feature = "driver-statistics"), allow(unused_variables))] // only statistics need an adapter
    fn shader(&self, name: &str, global: &Global) -> Result<()> {
        if name.is_empty() {
            for k in KERNELS {
                let variants: Vec<&str> = k.variants.iter().map(|v| v.name).collect();
                print(&format!("{:<28} {}\n", k.name, variants.join(" ")))?;
            }
            return Ok(());
        }
        let (kernel, variant) = name.split_once('=').unwrap_or((name, "naive"));
        let k = kernels::find(kernel)?;
        let v = k.variant(variant).ok_or_else(|| {
            let near = suggest(variant, k.variants.iter().map(|v| v.name));
            Error::Invalid(format!("kernel {kernel} has no variant \"{variant}\".{near}"))
        })?;
        let known = Knobs::arguments(k.source(v));
        if let Some(name) = self.with.iter().find(|name| !known.contains(&name.as_str())) {
            let near = match known.as_slice() {
                [] => " It takes none.".into(),
                known => suggest(name, known.iter().copied()),
            };
            return Err(Error::Invalid(format!("{kernel}={variant} takes no optional argument \"{name}\".{near}")));
        }
        let given = self.with.iter().map(|name| (name.clone(), 1));
        #[cfg(feature = "driver-statistics")]
        if self.statistics {
            let device = global.open()?;
            let knobs: Vec<_> = Knobs::of_target(k.source(v), &device.target).into_iter().chain(given).collect();
            let settings = compose::Settings { knobs: &knobs, ..compose::Settings::default() };
            for s in gpu::statistics::statistics(&device.info.name, k, v, &settings)? {
                print(&format!("{:<32} {:>12}  {}\n", s.name, s.value, s.description))?;
            }
            return Ok(());
        }
        let broken = |e| Error::Shaders(vec![e]);
        let knobs: Vec<_> = given.collect();
        let settings = compose::Settings { knobs: &knobs, ..compose::Settings::default() };
        let shader = Shader::of(k, v, &settings).map_err(broken)?;
        let composed = shader.composed();
        if self.spirv {
            let bytes: Vec<u8> = spirv::words(composed)?.iter().flat_map(|w| w.to_le_bytes()).collect();
            if self.out.is_none() && std::io::stdout().is_terminal() {
                let message = "--spirv gives bytes: write them to a file with -o FILE, or pipe them to spirv-dis";
                return Err(Error::Invalid(message.into()));
            }
            return self.write(&bytes);
        }
        let language = match (self.msl, self.hlsl) {
            (true, _) => Language::Msl(2, 3),
            (_, true) => Language::Hlsl(6, 2),
            _ => return print(&shader.wgsl),
        };
        let text = translate::text(composed, language, None, false).map_err(broken)?;
        self.write(text.as_bytes())
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        match &self.out {
            Some(path) => files::replace(path, |w| w.write_all(bytes)),
            None => print_bytes(bytes),
        }
    }
}

/// The table of `--memory`.
fn memory(preset: &Preset, network: &Network, target: &Target) -> Result<ExitCode> {
    let placement = network.sent();
    session::memory::check(preset, network, target, &placement)?;
    let planned = session::memory::planned(preset, network, target, &placement)?;
    let (shard, tests) = (network.batch, preset.eval_batch());
    let sharded = if network.shards > 1 { format!(" in {} shards of {shard}", network.shards) } else { String::new() };
    print(&format!("{}: batch {}{sharded}, tests of {tests} images\n\n", preset.name, preset.batch))?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let row = |name: &str, a: u64, b: u64| format!("{name:<16} {:>10.1} {:>12.1}\n", mib(a), mib(b));
    print(&format!("{:<16} {:>10} {:>12}\n", "MiB", "training", "with tests"))?;
    for class in Class::ALL {
        print(&row(class.name(), planned.training.of(class), planned.with_tests.of(class)))?;
    }
    print(&row("total", planned.training.total(), planned.with_tests.total()))?;
    Ok(ExitCode::SUCCESS)
}
