//! `weightproof reproduce`: a table or figure of a paper, as a list of commands of this program. Each of them goes on where
//! it was stopped, so the list does.

mod definitions;
mod estimate;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::{Args, Parser};

use super::{Cli, Global, INTERRUPTED, STOP, catch_ctrl_c, line, print, say};
use crate::error::{Error, Result, suggest};
use crate::eval::point;
use crate::files::Lock;
use crate::model::preset::Preset;
use crate::projection::distortion::Distortion;
use crate::session;
use crate::sweep::part::Part;
use crate::sweep::range;
use crate::train::{self, record, schedule};
use crate::weights::checkpoint;
use definitions::{Measure, REPRODUCTIONS, Reproduction, Scale};
use estimate::{Work, duration};

/// Arguments of `reproduce`.
#[derive(Args)]
pub struct Reproduce {
    /// merolla2016-table2, -figure1, -figure2 (CIFAR-10), -figure3, -figure4 (ImageNet), mcdonnell2018-table or -curves. Those of
    /// one paper, data set and scale share their runs
    what: String,
    /// How large
    #[arg(long, value_enum, default_value = "mini")]
    scale: Scale,
    /// Folder of the data sets (`data list` says where they are sought if it is not given)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of the runs and the report (runs/<paper>-<scale> if not given)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Change a key of every preset
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Do only part I of N of the networks, I from 1 to N, for N processes on one folder; what each gets follows from the list
    /// alone. A network's training, sweeps and analyses are of one part, since they follow one another. The report is made with
    /// the part that ends last, or by the same command without --part
    #[arg(long, value_name = "I/N")]
    part: Option<Part>,
    /// Print the steps and the time they will take, and end
    #[arg(long)]
    dry_run: bool,
}

/// A command of the list.
struct Step {
    what: String,
    /// The words behind `weightproof`.
    words: Vec<OsString>,
    /// Why there is nothing to do, or what there is.
    state: String,
    /// Nothing is to be done.
    skip: bool,
    work: Work,
}

/// A network and how far it is.
struct Net {
    name: &'static str,
    sets: Vec<String>,
    preset: Preset,
    dir: PathBuf,
    /// Images of an epoch, of the test, and of the whole training set.
    images: Images,
    /// Steps done and steps in all; none done where there is no checkpoint.
    done: Option<u64>,
    total: u64,
    finished: bool,
    /// Of a forward pass of an image.
    multiply_adds: f64,
    /// The same as a multiple of the first network's, whose speed is measured.
    cost: f64,
    /// Whether it is of this part.
    own: bool,
}

#[derive(Clone, Copy)]
struct Images {
    train: u64,
    test: u64,
}

impl Reproduce {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let Some(reproduction) = REPRODUCTIONS.iter().find(|r| r.name == self.what) else {
            let near = suggest(&self.what, REPRODUCTIONS.iter().map(|r| r.name));
            return Err(Error::Invalid(format!("nothing to reproduce is called \"{}\".{near}", self.what)));
        };
        let (paper, scale) = (reproduction.paper, self.scale.name());
        let setting = &paper.settings[self.scale as usize];
        let out = self.out.clone().unwrap_or_else(|| Path::new("runs").join(format!("{}-{scale}", paper.name)));
        let mut nets = self.nets(global, reproduction, &out)?;
        if let Some(part) = self.part {
            let costs = nets.iter().map(|net| self.products(global, reproduction, net)).collect::<Result<Vec<_>>>()?;
            nets.iter_mut().zip(part.takes(&costs)).for_each(|(net, own)| net.own = own);
        }
        let steps = self.steps(global, reproduction, &nets, &out)?;
        let work: Work = steps.iter().map(|s| s.work).sum();
        let rates = if work.is_none() {
            None
        } else {
            let preset = &nets[0].preset;
            let input = session::input(preset, self.data.as_deref())?;
            Some(estimate::rates(&global.open_for(preset, input)?, preset, input)?)
        };
        let mut text = format!("{}: {}\nscale {scale}, in {}\n", reproduction.name, reproduction.what, out.display());
        text += "What differs from the paper:\n";
        let own = self.set.iter().map(|s| format!("set here: {s}"));
        let differs = setting.differs.iter().chain(paper.differs).map(|d| (*d).to_owned());
        differs.chain(own).for_each(|line| text += &format!("* {line}\n"));
        text += "\n";
        if let Some(part) = self.part {
            let own: Vec<&str> = nets.iter().filter(|net| net.own).map(|net| net.preset.name.as_str()).collect();
            text += &match own.as_slice() {
                [] => format!("part {part}: no network, there are {}\n", nets.len()),
                own => format!("part {part}: {}\n", own.join(", ")),
            };
        }
        for (i, step) in steps.iter().enumerate() {
            let time = rates
                .as_ref()
                .filter(|_| !step.work.is_none())
                .map(|r| format!(", {}", duration(r.seconds(&step.work))));
            text += &format!("{:>2}  {}: {}{}\n", i + 1, step.what, step.state, time.unwrap_or_default());
            text += &format!("    weightproof {}\n", line(&step.words));
        }
        text += &match &rates {
            Some(r) => format!("\nabout {}: {r}\n", duration(r.seconds(&work))),
            None => "\nnothing is left to train or to test\n".to_owned(),
        };
        print(&text)?;
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let again = || say(&format!("stopped; the same command goes on: weightproof reproduce {}", self.what));
        for (i, step) in steps.iter().enumerate().filter(|(_, s)| !s.skip) {
            log::info!("step {} of {}: {}", i + 1, steps.len(), step.what);
            let code = step.run(global)?;
            if code != ExitCode::SUCCESS {
                if STOP.load(Ordering::SeqCst) {
                    again();
                }
                return Ok(code);
            }
            // Between two commands nobody else looks.
            if catch_ctrl_c("stopping")?.load(Ordering::SeqCst) {
                again();
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
        match self.part {
            Some(part) => self.report_if_whole(global, reproduction, &out, part),
            None => Ok(ExitCode::SUCCESS),
        }
    }

    /// Makes the report behind a part, if nothing is left to train or to test by now, in whatever part.
    fn report_if_whole(&self, global: &Global, what: &Reproduction, out: &Path, part: Part) -> Result<ExitCode> {
        let nets = self.nets(global, what, out)?;
        let mut missing = vec![];
        for net in &nets {
            let points: u64 = self.points(global, what, net)?.iter().map(|points| points.missing).sum();
            if !net.finished || points > 0 {
                missing.push(net.preset.name.as_str());
            }
        }
        if !missing.is_empty() {
            log::info!("part {part} is whole; the report comes with {}", missing.join(", "));
            return Ok(ExitCode::SUCCESS);
        }
        let report = self.report(&nets, out);
        // One after the other: so the last report has the analyses of all.
        let _lock = Lock::wait_for(&out.join(format!("report-{}", self.what)))?;
        report.run(global)
    }

    /// Products of all that is asked of a network: three for each weight in a training step, one in a test.
    fn products(&self, global: &Global, what: &Reproduction, net: &Net) -> Result<u128> {
        let points = self.points(global, what, net)?.into_iter().map(|points| points.one.times(points.wanted as f64));
        let work: Work = points.chain([net.training(0)]).sum();
        Ok(((3.0 * work.trained + work.tested) * net.multiply_adds) as u128)
    }

    fn nets(&self, global: &Global, what: &Reproduction, out: &Path) -> Result<Vec<Net>> {
        let mut sizes: Option<(String, Images)> = None;
        let mut nets: Vec<Net> = vec![];
        let names = what.networks[self.scale as usize];
        for name in names {
            let mut sets = what.paper.settings[self.scale as usize].sets_of(name);
            sets.extend(self.set.iter().cloned());
            let seeded: Vec<String> = sets.iter().cloned().chain(global.seed.map(|s| format!("seed={s}"))).collect();
            let preset = Preset::load(name, &seeded)?;
            let whole = match &sizes {
                Some((set, images)) if *set == preset.data.set => *images,
                // So that missing data are missed now.
                _ => {
                    let set = session::open_data(&preset, self.data.as_deref())?;
                    Images { train: set.train.labels.len() as u64, test: set.test.labels.len() as u64 }
                }
            };
            sizes = Some((preset.data.set.clone(), whole));
            let limit = |all: u64, most: Option<usize>| most.map_or(all, |n| all.min(n as u64));
            let train = limit(whole.train, preset.data.train) - preset.data.validation.unwrap_or(0) as u64;
            let images = Images { train, test: limit(whole.test, preset.data.test) };
            let total = schedule::total_steps(&preset, train / preset.batch as u64);
            let dir = out.join(what.paper.folder(name));
            let file = checkpoint::path(&dir);
            let mut done = None;
            if file.exists() {
                let saved = checkpoint::load(&file)?;
                train::same_preset(&saved, &session::settled(&preset, self.data.as_deref())).map_err(|e| {
                    let message =
                        format!("{e}. Give another folder with --out, or the settings of this one with --set");
                    Error::format(&dir, message)
                })?;
                done = Some(saved.number(checkpoint::key::STEP)?);
            }
            let finished = done.is_some_and(|step| step >= total) && tested(&dir, total, &preset.eval.distort)?;
            let input = session::input(&preset, self.data.as_deref())?;
            let multiply_adds = preset.shapes(input)?.iter().map(|l| l.multiply_adds).sum::<u64>() as f64;
            let cost = nets.first().map_or(1.0, |first| multiply_adds / first.multiply_adds);
            let own = true;
            nets.push(Net { name, sets, preset, dir, images, done, total, finished, multiply_adds, cost, own });
        }
        Ok(nets)
    }

    fn steps(&self, global: &Global, what: &Reproduction, nets: &[Net], out: &Path) -> Result<Vec<Step>> {
        let (common, own) = (self.common(global), || nets.iter().filter(|net| net.own));
        let mut steps = vec![];
        for net in own() {
            let mut train = words(&format!("train {}", net.name));
            train.extend(net.sets.iter().flat_map(|s| ["--set".into(), s.into()]));
            train.extend(["--out".into(), path(&net.dir)]);
            train.extend(common.iter().cloned());
            train.extend(net.done.map(|_| "--resume".into()));
            let (what, state) = (format!("train {}", net.preset.name), net.state());
            let left = net.training(net.done.unwrap_or(0)).times(if net.finished { 0.0 } else { net.cost });
            steps.push(Step { what, words: train, state, skip: net.finished, work: left });
        }
        for measure in what.measures.iter().filter(|_| own().next().is_some()) {
            let sweep = self.sweep(global, measure, own());
            let (mut work, mut missing, mut all) = (Work::default(), 0, 0);
            for net in own() {
                let points = points(net, &sweep)?;
                work = [work, points.one.times(points.missing as f64 * net.cost)].into_iter().sum();
                (missing, all) = (missing + points.missing, all + points.wanted);
            }
            let state = match missing {
                0 => format!("{all} points, all there"),
                some if some == all => format!("{all} points"),
                some => format!("{some} of {all} points"),
            };
            steps.push(Step { what: measure.what.into(), words: sweep, state, skip: false, work });
        }
        for (what, options) in what.analyses {
            for net in own() {
                let analyze = [words("analyze"), vec![path(&net.dir)], words(options), common.clone()].concat();
                let what = format!("{what}, {}", net.preset.name);
                steps.push(Step { what, words: analyze, state: "seconds".into(), skip: false, work: Work::default() });
            }
        }
        steps.extend(self.part.is_none().then(|| self.report(nets, out)));
        Ok(steps)
    }

    /// The options that every command gets.
    fn common(&self, global: &Global) -> Vec<OsString> {
        let data = self.data.iter().flat_map(|dir| ["--data".into(), path(dir)]);
        data.chain(global.seed.iter().flat_map(|s| ["--seed".into(), s.to_string().into()])).collect()
    }

    /// The words of the sweep that measures networks.
    fn sweep<'a>(&self, global: &Global, measure: &Measure, nets: impl Iterator<Item = &'a Net>) -> Vec<OsString> {
        let options = words(measure.options[self.scale as usize]);
        [words("sweep"), nets.map(|net| path(&net.dir)).collect(), options, self.common(global)].concat()
    }

    /// The points that are wanted of a network, by measure.
    fn points(&self, global: &Global, what: &Reproduction, net: &Net) -> Result<Vec<Wanted>> {
        what.measures.iter().map(|measure| points(net, &self.sweep(global, measure, [net].into_iter()))).collect()
    }

    fn report(&self, nets: &[Net], out: &Path) -> Step {
        let to = path(&out.join(format!("report-{}", self.what)));
        let runs = nets.iter().map(|net| path(&net.dir)).collect();
        Step {
            what: "report".into(),
            words: [words("report"), runs, words("--out"), vec![to]].concat(),
            state: "seconds".into(),
            skip: false,
            work: Work::default(),
        }
    }
}

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(Into::into).collect()
}

fn path(path: &Path) -> OsString {
    path.as_os_str().to_owned()
}

impl Net {
    fn state(&self) -> String {
        match self.done {
            _ if self.finished => "finished".into(),
            Some(step) => format!("from step {step} of {}", self.total),
            None => format!("{} steps", self.total),
        }
    }

    /// The training behind `done` steps, with the tests on the way, in images of this network.
    fn training(&self, done: u64) -> Work {
        let Net { preset, images, total, .. } = self;
        let left = total.saturating_sub(done);
        let per_epoch = (images.train / preset.batch as u64).max(1);
        let ends = (1..=total / per_epoch).map(|epoch| epoch * per_epoch).filter(|step| step + left > *total);
        let tests = ends.filter(|step| schedule::evaluates_at(preset, *step, per_epoch)).count().max(1) as u64;
        let trained = left * preset.batch as u64;
        let tested =
            tests * preset.eval.distort.len() as u64 * self.per_point(preset.eval.moments_batches, images.test);
        Work { trained: trained as f64, tested: tested as f64 }
    }

    /// Images that go through the network for one point.
    fn per_point(&self, moments_batches: u64, test: u64) -> u64 {
        let all = self.images.train / self.preset.batch as u64;
        let batches = if moments_batches == 0 { all } else { moments_batches.min(all) };
        batches * self.preset.batch as u64 + test.min(self.images.test)
    }
}

/// Points that a sweep is to have of a network.
struct Wanted {
    wanted: u64,
    missing: u64,
    /// The work of one, in images of this network.
    one: Work,
}

/// The points of a network that the words of a `sweep` ask for.
fn points(net: &Net, words: &[OsString]) -> Result<Wanted> {
    let super::Command::Sweep(sweep) = parsed(words)?.command else {
        unreachable!("a measure is a sweep");
    };
    let wanted = range::points(&sweep.distortions()?, sweep.draws);
    let test = sweep.protocol.images.unwrap_or(u64::MAX).min(net.images.test);
    let moments = sweep.protocol.moments_batches.unwrap_or(net.preset.eval.moments_batches);
    let batches = match moments {
        0 => net.images.train / net.preset.batch as u64,
        some => some.min(net.images.train / net.preset.batch as u64),
    };
    let there = point::read(&point::path(&net.dir))?;
    let is_there = |distortion: &Distortion, draw: u32| {
        let name = distortion.to_string();
        there.iter().any(|p| {
            let same = (p.step, p.draw, p.images, p.moments_batches) == (net.total, u64::from(draw), test, batches);
            same && p.seed == net.preset.seed && p.distortion == name
        })
    };
    let all = wanted.iter().flat_map(|(d, n)| (0..*n).map(move |draw| (d, draw)));
    let missing = all.clone().filter(|(d, draw)| !is_there(d, *draw)).count() as u64;
    let one = Work { trained: 0.0, tested: net.per_point(moments, test) as f64 };
    Ok(Wanted { wanted: all.count() as u64, missing, one })
}

/// Whether the log of a run has its final tests.
fn tested(dir: &Path, step: u64, distort: &[String]) -> Result<bool> {
    let tests = record::tests(dir)?;
    for text in distort {
        let name = Distortion::parse(text)?.to_string();
        if !tests.contains(&(step, name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn parsed(words: &[OsString]) -> Result<Cli> {
    let words = std::iter::once(OsStr::new("weightproof")).chain(words.iter().map(OsString::as_os_str));
    Cli::try_parse_from(words).map_err(|e| Error::Invalid(e.to_string()))
}

impl Step {
    /// Runs the command in this process, under the options of all commands that were given to it.
    fn run(&self, global: &Global) -> Result<ExitCode> {
        let command = parsed(&self.words)?.command;
        if let (super::Command::Train(_), Some(at)) = (&command, self.words.iter().position(|w| w == "--out")) {
            discard(Path::new(&self.words[at + 1]))?;
        }
        let global = Global { command: Some(format!("weightproof {}", line(&self.words))), ..global.clone() };
        command.run(&global, Instant::now())
    }
}

/// Removes what a run left that was killed before its first checkpoint: there is nothing in it to go on from.
fn discard(dir: &Path) -> Result<()> {
    if checkpoint::path(dir).exists() || !dir.exists() {
        return Ok(());
    }
    // Another process may have begun there, and not come to its first checkpoint.
    let _lock = record::lock(dir)?;
    for file in record::files(dir) {
        if file.exists() {
            fs::remove_file(&file).map_err(|e| Error::io(&file, e))?;
        }
    }
    Ok(())
}
