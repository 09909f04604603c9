//! The command line. Results go to stdout, everything else to stderr; the exit code is 0 only on success.

mod adapter_report;
mod analyze;
mod bench;
mod check;
mod data;
mod distort;
mod eval;
mod export;
mod figures;
mod import;
mod launch;
mod predict;
mod profile;
mod protocol;
mod ranks;
mod report;
mod reproduce;
mod scale;
mod show;
mod slurm;
mod stop;
mod sweep;
mod train;
mod tune;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use clap::{Args, Parser, Subcommand};

use crate::error::{Error, Result, suggest};
use crate::files;
use crate::gpu::{self, Device, Options};
use crate::kernels::KERNELS;
use crate::kernels::tuning::present_name;
use crate::layers::kind::totals;
use crate::model::Network;
use crate::model::preset::Preset;
use crate::plan;
use crate::report::quote;
use stop::{INTERRUPTED, STOP, catch_ctrl_c};

/// Train convolutional networks with projected weights, and measure how robust they are to distorted weights.
#[derive(Parser)]
#[command(name = "weightproof", version, about, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// Options of every subcommand.
#[derive(Args, Clone)]
pub struct Global {
    /// Adapter: an index of `show --devices`, or part of a name; a number alone is an index
    #[arg(long, global = true, value_name = "NAME|INDEX")]
    device: Option<String>,
    /// Seed of every random draw (the preset's if not given; 1 for `distort`)
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// Force a kernel's variant, e.g. conv2d.forward=naive; `*=naive` forces it wherever it can run
    #[arg(long, global = true, value_name = "KERNEL=VARIANT")]
    variant: Vec<String>,
    /// Compile every pipeline anew and leave the driver's cache of them on disk alone ($WEIGHTPROOF_CACHE, else the
    /// user's cache folder)
    #[arg(long, global = true)]
    no_pipeline_cache: bool,
    /// Run batch norm, ReLU, the pooling before them and the convolutions around them as separate kernels: to see what
    /// fusing them gains
    #[arg(long, global = true)]
    unfused: bool,
    /// No progress bars, no messages but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// More messages; -vv for even more ($RUST_LOG overrides)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// The command line, for the record; that of the process if it is not a step of another command.
    #[arg(skip)]
    command: Option<String>,
    /// Which of the adapters of a kind is taken, where there are several: the number of the rank on its machine.
    #[arg(skip)]
    nth: usize,
    /// The adapter once it is open: the steps of a command share it and what it has compiled.
    #[arg(skip)]
    opened: Arc<OnceLock<Arc<Device>>>,
}

/// Operations of a training step below which a driver on the CPU is faster without its pool of threads. Waking the pool
/// costs some 50 µs a dispatch, 3 ms a step; a second thread gains that where a step takes 10 ms and more.
const SMALL_STEP: u64 = 200_000_000;

/// Whether a training step of the preset on images of `input` rows, columns and channels is so small; not if its layers do
/// not fit them.
fn is_small(preset: &Preset, input: [usize; 3]) -> bool {
    let Ok(layers) = preset.shapes(input) else { return false };
    // Forward, and the gradients of input and weights: three products per weight, two operations each.
    6 * (preset.batch as u64).saturating_mul(totals(&layers).1) < SMALL_STEP
}

impl Global {
    /// Opens the adapter for anything.
    fn open(&self) -> Result<Arc<Device>> {
        self.open_with(false)
    }

    /// Opens the adapter for the network of a preset on images of `input` rows, columns and channels.
    fn open_for(&self, preset: &Preset, input: [usize; 3]) -> Result<Arc<Device>> {
        self.open_with(is_small(preset, input))
    }

    /// The words that give another process of this program the same adapter, seed and ways to compute, and its messages no
    /// more than errors unless more were asked for.
    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec![];
        let mut option = |name: &str, value: String| words.extend([name.into(), value.into()]);
        self.device.iter().for_each(|d| option("--device", d.clone()));
        self.seed.iter().for_each(|s| option("--seed", s.to_string()));
        self.variant.iter().for_each(|v| option("--variant", v.clone()));
        words.extend(self.no_pipeline_cache.then(|| "--no-pipeline-cache".into()));
        words.extend(self.unfused.then(|| "--unfused".into()));
        words.extend((0..self.verbose).map(|_| "-v".into()));
        words.extend((self.verbose == 0).then(|| "-q".into()));
        words
    }

    /// What is asked of plans: forced variants, the user's tuning rows, single layers.
    fn plan_options(&self) -> Result<plan::Options> {
        let mut forced = vec![];
        for text in &self.variant {
            let (kernel, variant) = text.split_once('=').ok_or_else(|| {
                Error::Invalid(format!("--variant {text}: write KERNEL=VARIANT, e.g. conv2d.forward=naive"))
            })?;
            if kernel != "*" {
                crate::kernels::find(kernel)?;
            } else if KERNELS.iter().all(|k| k.variant(present_name(k.name, variant)).is_none()) {
                let names: BTreeSet<&str> = KERNELS.iter().flat_map(|k| k.variants).map(|v| v.name).collect();
                let near = suggest(variant, names);
                return Err(Error::Invalid(format!("--variant {text}: no kernel has a variant \"{variant}\".{near}")));
            }
            forced.push((kernel.to_owned(), variant.to_owned()));
        }
        Ok(plan::Options { forced, rows: tune::own_rows()?, unfused: self.unfused, ..Default::default() })
    }

    /// What plans are made for: the adapter at hand, or without one the least that WebGPU guarantees.
    fn target(&self) -> Result<plan::Target> {
        match self.open() {
            Ok(device) => Ok(device.target.clone()),
            Err(Error::NoAdapter(_)) => Ok(plan::Target { options: self.plan_options()?, ..plan::Target::baseline() }),
            Err(other) => Err(other),
        }
    }

    /// Opens the adapter, the first time; `small`: for work whose dispatches are small, which is settled then.
    fn open_with(&self, small: bool) -> Result<Arc<Device>> {
        if let Some(device) = self.opened.get() {
            return Ok(device.clone());
        }
        let cache = if self.no_pipeline_cache { None } else { files::cache_dir() };
        let options = Options {
            device: self.device.clone(),
            plans: self.plan_options()?,
            cache,
            one_thread: small,
            nth: self.nth,
            ..Options::default()
        };
        let device = Device::open(&options)?;
        log::info!("adapter: {}", device.info);
        Ok(self.opened.get_or_init(|| Arc::new(device)).clone())
    }
}

#[derive(Subcommand)]
enum Command {
    /// Train a preset, then test it; or resume a run
    Train(train::Train),
    /// Test a trained network under distorted weights
    Eval(eval::Eval),
    /// Error over the strength of distortions, for several runs: the points are kept, and no point is computed twice
    Sweep(sweep::Sweep),
    /// Ask a trained network: effective bits, noise budgets, which layer suffers most, what becomes of weights and activity
    Analyze(analyze::Analyze),
    /// A table or figure of a paper by one command: trains, tests, sweeps, analyses and reports; goes on where it stopped
    Reproduce(reproduce::Reproduce),
    /// Self-test: every kernel against its twin on this adapter
    Check(check::Check),
    /// Where the time goes, shader by shader: table, roofline, trace
    Profile(profile::Profile),
    /// Speed of training steps, kernels and cases; comparisons with other builds and other frameworks
    Bench(bench::Bench),
    /// What a training step would take on more ranks: time, share of the exchange, images/s, memory
    Scale(scale::Scale),
    /// Times variants and knobs at the shapes of a preset, and proposes rows for the tuning table
    Tune(tune::Tune),
    /// Ten minutes for a report about an adapter that nobody has seen: is it right, how fast, where does the time go
    AdapterReport(adapter_report::AdapterReport),
    /// Apply a projection to the weights in a safetensors file
    Distort(distort::Distort),
    /// Write a trained network for deployment: weights of two or three values as bits
    Export(export::Export),
    /// Make a run folder of a network that others published, to test it, distort it, export it or train it further
    Import(import::Import),
    /// What a trained network sees in images: PNG and JPEG files, and folders of them
    Predict(predict::Predict),
    /// Tables and figures of runs as one HTML page, with SVG, PNG and CSV files
    Report(report::Report),
    /// A batch script for a cluster with Slurm: a training, or a sweep, evaluation or reproduction in parts
    Slurm(slurm::Slurm),
    /// Look inside: plans, shaders, adapters, presets, projections
    Show(show::Show),
    /// Fetch, verify or list data sets
    Data(data::Data),
}

impl Command {
    fn run(self, global: &Global, begun: Instant) -> Result<ExitCode> {
        match self {
            Command::Train(c) => c.run(global, begun),
            Command::Bench(c) => c.run(global),
            Command::Scale(c) => c.run(global),
            Command::Tune(c) => c.run(global),
            Command::Eval(c) => c.run(global),
            Command::Sweep(c) => c.run(global),
            Command::Analyze(c) => c.run(global),
            Command::Report(c) => c.run(),
            Command::Reproduce(c) => c.run(global),
            Command::Check(c) => c.run(global),
            Command::Profile(c) => c.run(global, begun),
            Command::AdapterReport(c) => c.run(global, begun),
            Command::Distort(c) => c.run(global),
            Command::Export(c) => c.run(global),
            Command::Import(c) => c.run(),
            Command::Predict(c) => c.run(global),
            Command::Slurm(c) => c.run(global),
            Command::Show(c) => c.run(global),
            Command::Data(c) => c.run(global),
        }
    }
}

/// Runs the command line of this process; returns its exit code.
pub fn main() -> ExitCode {
    let begun = Instant::now();
    let cli = Cli::parse();
    let led = matches!(cli.command, Command::Train(_)) && ranks::is_led();
    let level = match (cli.global.quiet || led, cli.global.verbose) {
        (true, 0) => "error",
        (false, 0) => "warn,weightproof=info",
        (_, 1) => "info,weightproof=debug",
        (_, _) => "debug",
    };
    logger(level).init();
    let global = &cli.global;
    match cli.command.run(global, begun) {
        Ok(code) => code,
        Err(e) => {
            say(&format!("error: {e}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes log lines of this level and above to a stderr of its own, since drivers are kept from the common one while
/// they open a device.
fn logger(level: &str) -> env_logger::Builder {
    let mut logger = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level));
    logger.format_timestamp(None).format_target(false);
    if let Some(file) = gpu::log_file() {
        logger.target(env_logger::Target::Pipe(Box::new(file)));
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        if std::io::stderr().is_terminal() && !plain && std::env::var_os("RUST_LOG_STYLE").is_none() {
            logger.write_style(env_logger::WriteStyle::Always);
        }
    }
    logger
}

/// The file of this program, to be started again.
fn own_program() -> Result<PathBuf> {
    // The system may not tell (Linux without /proc), but a path that was typed is as good.
    let typed = || std::env::args_os().next().map(PathBuf::from).filter(|p| p.components().count() > 1 && p.is_file());
    std::env::current_exe().or_else(|e| typed().ok_or(e)).map_err(|e| Error::io("this program", e))
}

/// Prints to stdout; a closed pipe ends the program quietly, as a reader like `head` expects.
fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// As [`print`], of what need not be text.
fn print_bytes(bytes: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::io("stdout", e)),
        _ => Ok(()),
    }
}

/// Prints beside the writing of files: to stderr where one of them is stdout itself, which is then for that file alone.
fn print_beside<'a>(files: impl IntoIterator<Item = &'a PathBuf>, text: &str) -> Result<()> {
    if files.into_iter().any(|file| files::is_stdout(file)) {
        say(text.trim_end_matches('\n'));
        return Ok(());
    }
    print(text)
}

/// Prints a line to stderr, if that is still there: a terminal that closes is no reason to end in the middle.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says what the measurements of a network with shards are of.
fn say_shards(network: &Network) {
    if network.shards > 1 {
        log::warn!(
            "a step has {} shards of {} images: what is measured is one of them, with projection and update",
            network.shards,
            network.batch
        );
    }
}

/// A command line as a shell takes it, for people: bytes that are no UTF-8 are shown replaced.
fn line(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let quoted = |w: &OsStr| quote(&w.to_string_lossy());
    words.into_iter().map(|w| quoted(w.as_ref())).collect::<Vec<_>>().join(" ")
}
