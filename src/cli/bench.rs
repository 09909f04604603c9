//! `weightproof bench`.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use clap::Args;

use super::{Global, line, own_program, print};
use crate::bench::compare::{self, Ratio};
use crate::bench::measure::{self, Step};
use crate::bench::peers::{Places, Workload, absolute};
use crate::bench::{self, Entry, convolution, inference};
use crate::error::{Error, Result};
use crate::kernels::{self, KERNELS};
use crate::model::Network;
use crate::model::preset::Preset;
use crate::session;
use crate::weights;

/// Runs of a test case, if --steps is not given.
const RUNS: usize = 10;

/// Arguments of `bench`.
#[derive(Args)]
pub struct Bench {
    /// A kernel, e.g. conv2d.forward (`show --shader` lists them): its test cases, with every variant; all kernels if
    /// neither this nor --preset is given
    #[arg(conflicts_with = "preset")]
    kernel: Option<String>,
    /// Whole training steps of PRESET, on random images
    #[arg(long, value_name = "PRESET")]
    preset: Option<PathBuf>,
    /// With --preset: every dispatch of the step instead, grouped by kernel and shape
    #[arg(long, requires = "preset")]
    kernels: bool,
    /// A convolution of any shape, its forward pass and both gradients, e.g.
    /// n=16,h=27,c_in=96,c_out=256,kernel=5,pad=2,groups=2; with groups, by turns with a plain one of the size of a group: the
    /// time of a product there as a multiple of that in groups
    #[arg(long, value_name = "SHAPE", conflicts_with_all = ["kernel", "preset", "vs"])]
    convolution: Option<String>,
    /// The network of a packed file: images per second, bytes and memory of a test pass from its bits and from f32, by turns
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernel", "preset", "vs", "convolution"])]
    inference: Option<PathBuf>,
    /// With --inference: images of a batch
    #[arg(long, value_name = "N", requires = "inference", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,
    /// The pictures of --preset in this folder or packed file: how many a second one thread decodes, scales and crops
    #[arg(long, value_name = "DIR", requires = "preset", conflicts_with_all = ["kernels", "vs", "peers"])]
    pictures: Option<PathBuf>,
    /// Change a key of the preset, e.g. --set width=0.25 --set batch=100
    #[arg(long, value_name = "KEY=VALUE", requires = "preset")]
    set: Vec<String>,
    /// Steps to measure (as many as fit about three seconds, 3 to 30, if not given), runs of a case (10), or pictures (for three seconds)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: Option<u32>,
    /// Print one JSON object per line instead of tables
    #[arg(long)]
    json: bool,
    /// Compare: with what an earlier `bench --json` printed, or with another build of this program, which then runs
    /// by turns with this one
    #[arg(long, value_name = "FILE")]
    vs: Option<PathBuf>,
    /// Compare with other frameworks, whose scripts are in DIR, by turns; see --python, --burn, --probe
    #[arg(long, value_name = "DIR", requires = "preset", conflicts_with_all = ["vs", "kernels"])]
    peers: Option<PathBuf>,
    /// A Python with PyTorch or tinygrad
    #[arg(long, value_name = "PATH", requires = "peers")]
    python: Option<PathBuf>,
    /// Modes of the PyTorch script, e.g. fp32-graph,tf32-graph on a GPU
    #[arg(long, value_name = "LIST", requires = "peers", default_value = "fp32")]
    modes: String,
    /// The scripts' name of the network that the preset trains
    #[arg(long, value_name = "NET", requires = "peers", default_value = "cifar_vgg")]
    net: String,
    /// The compiled burn-step
    #[arg(long, value_name = "PATH", requires = "peers")]
    burn: Option<PathBuf>,
    /// The compiled lavapipe-probe: its matrix product beside our convolutions, per CPU second
    #[arg(long, value_name = "PATH", requires = "peers")]
    probe: Option<PathBuf>,
    /// Turns of each side
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

impl Bench {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        if let Some(scripts) = &self.peers {
            return self.against_peers(scripts, global);
        }
        if let Some(shape) = &self.convolution {
            let shape = convolution::parse(shape)?;
            let repeats = self.steps.map_or(RUNS, |n| n as usize);
            let (entries, ratios) = convolution::measure(&global.open()?, &shape, repeats, self.rounds as usize)?;
            print(&if self.json { bench::lines(&entries) } else { bench::table(&entries) })?;
            if !ratios.is_empty() {
                self.tell(&ratios, "a product of the plain convolution of a group, for 1e9 products and sums,")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(path) = &self.inference {
            return self.inference(path, global);
        }
        if let Some(path) = &self.pictures {
            return self.pictures(path, global);
        }
        let earlier = match &self.vs {
            None => None,
            Some(path) => match other(path)? {
                Other::Program => return self.against_program(path),
                Other::Results(entries) => Some(entries),
            },
        };
        let entries = self.measure(global)?;
        match &earlier {
            None => print(&if self.json { bench::lines(&entries) } else { bench::table(&entries) })?,
            Some(earlier) => {
                let ratios = compare::entries(&entries, earlier);
                if ratios.is_empty() {
                    let path = self.vs.as_deref().unwrap_or(Path::new("")).display();
                    return Err(Error::Invalid(format!("{path} has nothing of what was measured now")));
                }
                if !self.json {
                    print(&bench::table(&entries))?;
                }
                self.tell(&ratios, "the file")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn pictures(&self, path: &Path, global: &Global) -> Result<ExitCode> {
        let (preset, network) = self.open(self.preset.as_deref().unwrap_or(Path::new("")), global)?;
        let preparation = session::preparation(&preset, network.input, Some(path))?;
        let set = session::open_data(&preset, Some(path))?;
        let rates = bench::pictures::measure(&set, preparation, self.steps.map(|n| n as usize))?;
        if !self.json {
            print(&bench::pictures::table(&rates))?;
            return Ok(ExitCode::SUCCESS);
        }
        for rate in &rates {
            print(&format!("{}\n", serde_json::to_string(rate).expect("a rate is JSON")))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn inference(&self, path: &Path, global: &Global) -> Result<ExitCode> {
        let trained = weights::open(path, None, &[], None)?;
        let device = global.open_for(&trained.preset, trained.network.input)?;
        let (batch, batches) = (self.batch as usize, self.steps.map(|n| n as usize));
        let (sides, ratio) = inference::measure(&device, &trained, batch, batches, self.rounds as usize)?;
        if !self.json {
            print(&inference::table(&sides, &ratio))?;
            return Ok(ExitCode::SUCCESS);
        }
        for side in &sides {
            print(&format!("{}\n", serde_json::to_string(side).expect("a side is JSON")))?;
        }
        self.tell(&[ratio], "f32")?;
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, ratios: &[Ratio], there: &str) -> Result<()> {
        if !self.json {
            return print(&compare::table(ratios, there));
        }
        for r in ratios {
            print(&format!("{}\n", serde_json::to_string(r).expect("a ratio is JSON")))?;
        }
        Ok(())
    }

    fn measure(&self, global: &Global) -> Result<Vec<Entry>> {
        let steps = self.steps.map(|n| n as usize);
        let Some(name) = &self.preset else {
            let chosen = match &self.kernel {
                Some(name) => vec![kernels::find(name)?],
                None => KERNELS.to_vec(),
            };
            let device = global.open()?;
            let mut all = vec![];
            for kernel in chosen {
                log::info!("{}", kernel.name);
                all.extend(measure::cases(&device, kernel, steps.unwrap_or(RUNS))?);
            }
            return Ok(all);
        };
        let (preset, network) = self.open(name, global)?;
        let device = global.open_for(&preset, network.input)?;
        let changed: String = self.set.iter().map(|s| format!(" {s}")).collect();
        let step = Step { name: format!("{}{changed}", name.display()), network, seed: preset.seed, steps };
        if self.kernels { step.dispatches(&device) } else { Ok(vec![step.whole(&device)?]) }
    }

    fn open(&self, name: &Path, global: &Global) -> Result<(Preset, Arc<Network>)> {
        let mut sets = self.set.clone();
        sets.extend(global.seed.map(|s| format!("seed={s}")));
        let preset = Preset::load(name, &sets)?;
        let input = session::input(&preset, None)?;
        let network = Arc::new(session::network_for(&preset, input)?);
        super::say_shards(&network);
        Ok((preset, network))
    }

    /// This program and another build of it, by turns.
    fn against_program(&self, other: &Path) -> Result<ExitCode> {
        let (own, other) = (own_program()?, &absolute(other));
        let args = without(std::env::args_os().skip(1), &["--vs", "--rounds"]);
        let (mut here, mut there) = (vec![], vec![]);
        for round in 1..=self.rounds {
            log::info!("round {round} of {}", self.rounds);
            // Who begins takes turns too.
            if round % 2 == 1 {
                here.push(child(&own, &args)?);
                there.push(child(other, &args)?);
            } else {
                there.push(child(other, &args)?);
                here.push(child(&own, &args)?);
            }
        }
        let ratios = compare::rounds(&here, &there);
        if ratios.is_empty() {
            return Err(Error::Invalid(format!("{} measured nothing that this program has", other.display())));
        }
        self.tell(&ratios, &other.display().to_string())?;
        Ok(ExitCode::SUCCESS)
    }

    fn against_peers(&self, scripts: &Path, global: &Global) -> Result<ExitCode> {
        let name = self.preset.as_deref().unwrap_or(Path::new(""));
        let (preset, _) = self.open(name, global)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let work = Workload { net: self.net.clone(), width: preset.width, batch: preset.batch, threads };
        let places = Places {
            scripts: scripts.to_owned(),
            python: self.python.clone(),
            modes: self.modes.clone(),
            burn: self.burn.clone(),
            probe: self.probe.clone(),
        };
        let (mut peers, missing) = places.peers(&work);
        for sentence in &missing {
            log::warn!("left out: {sentence}");
        }
        let own = own_program()?;
        let taken = ["--peers", "--python", "--modes", "--net", "--burn", "--probe", "--rounds"];
        let args = without(std::env::args_os().skip(1), &taken);
        // `(what is compared, our values, theirs)`, a value of each round.
        let mut pairs: Vec<(String, Vec<f64>, Vec<f64>)> = vec![];
        for round in 1..=self.rounds {
            let mut broken = vec![];
            for (i, peer) in peers.iter().enumerate() {
                log::info!("round {round} of {}: {}", self.rounds, peer.name);
                let figures = match peer.run() {
                    Ok(figures) => figures,
                    Err(e) => {
                        log::warn!("left out: {e}");
                        broken.push(i);
                        continue;
                    }
                };
                let mut args = args.clone();
                let probe = figures.iter().any(|f| f.probe);
                args.extend(probe.then(|| "--kernels".into()));
                let ours = child(&own, &args)?;
                for figure in &figures {
                    for e in &ours {
                        let Some((what, value)) = (if probe { convolution(e) } else { step(e) }) else { continue };
                        warn_of_other_work(e, figure.gflop_per_image, work.batch, &figure.name, round);
                        let key = format!("{what} against {}", figure.name);
                        let at = pairs.iter().position(|p| p.0 == key).unwrap_or_else(|| {
                            pairs.push((key, vec![], vec![]));
                            pairs.len() - 1
                        });
                        pairs[at].1.push(value);
                        pairs[at].2.push(figure.value);
                    }
                }
            }
            broken.iter().rev().for_each(|i| drop(peers.remove(*i)));
        }
        if pairs.is_empty() {
            return Err(Error::Invalid("no peer could be run; the lines above say what each lacks".into()));
        }
        // The ratio of speeds, ours to theirs: the sides change places.
        let ratios: Vec<Ratio> = pairs.iter().map(|(k, ours, theirs)| Ratio::of_rounds(k, theirs, ours)).collect();
        for r in &ratios {
            if self.json {
                let Ratio { name, here: theirs, there: ours, ratio, spread, rounds } = r;
                let line = serde_json::json!({
                    "name": name, "ours": ours, "theirs": theirs, "ratio": ratio, "spread": spread, "rounds": rounds,
                });
                print(&format!("{line}\n"))?;
            } else {
                print(&format!(
                    "{:>8.3} +- {:<6.3} {:>10.2} / {:<10.2} {}\n",
                    r.ratio, r.spread, r.there, r.here, r.name
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Images per second of an entry that is a step.
fn step(e: &Entry) -> Option<(String, f64)> {
    Some(("images/s".into(), e.images_per_s?))
}

/// GFLOP per CPU second of an entry that is a pass of a convolution.
fn convolution(e: &Entry) -> Option<(String, f64)> {
    let value = e.gflop_per_cpu_s.filter(|_| e.name.starts_with("conv2d."))?;
    Some((format!("GFLOP per CPU second of {} ({})", e.scopes.join(", "), e.variant), value))
}

/// The scripts know a network by name only: what they count for an image shows whether it is the same.
fn warn_of_other_work(ours: &Entry, theirs: Option<f64>, batch: usize, name: &str, round: u32) {
    let own = ours.gflop / batch as f64;
    if let Some(theirs) = theirs
        && round == 1
        && (own / theirs - 1.0).abs() > 0.1
    {
        log::warn!("{name} counts {theirs:.3} GFLOP for an image, this preset has {own:.3}: not the same work");
    }
}

/// What `--vs` names.
enum Other {
    Program,
    Results(Vec<Entry>),
}

fn other(path: &Path) -> Result<Other> {
    let mut file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let mut first = [0];
    let read = file.read(&mut first).map_err(|e| Error::io(path, e))?;
    if read == 1 && first != *b"{" && !first[0].is_ascii_whitespace() {
        return Ok(Other::Program);
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    bench::parse(&text).map(Other::Results).map_err(|e| Error::format(path, e))
}

/// Runs `bench --json` in another process.
fn child(program: &Path, args: &[OsString]) -> Result<Vec<Entry>> {
    let mut command = Command::new(program);
    command.args(args).args(["--json", "--quiet"]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let ran = command.output().map_err(|e| Error::io(program, e))?;
    if !ran.status.success() {
        let message = format!("`{} {}` failed ({})", program.display(), line(args), ran.status);
        return Err(Error::Invalid(message));
    }
    bench::parse(&String::from_utf8_lossy(&ran.stdout)).map_err(|e| Error::format(program, e))
}

/// The arguments without some options and their values, and without those of the output.
fn without(mut args: impl Iterator<Item = OsString>, options: &[&str]) -> Vec<OsString> {
    let mut out = vec![];
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if options.contains(&text.as_ref()) {
            args.next();
        } else if !options.iter().any(|o| text.strip_prefix(o).is_some_and(|rest| rest.starts_with('=')))
            && !["--json", "--quiet", "-q", "--verbose", "-v", "-vv"].contains(&text.as_ref())
        {
            out.push(arg);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn options_are_taken_out_with_their_values() {
        let args = "bench --preset p --vs x --rounds=5 --set a=b -q --json --steps 3".split(' ').map(Into::into);
        assert_eq!(without(args, &["--vs", "--rounds"]).join(" ".as_ref()), "bench --preset p --set a=b --steps 3");
    }
}
