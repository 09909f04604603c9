//! `weightproof analyze`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, ValueEnum};

use super::protocol::Protocol;
use super::{Global, INTERRUPTED, catch_ctrl_c, print, say};
use crate::data::Part;
use crate::error::{Error, Result, suggest};
use crate::eval::analysis::{self, Analysis, Bound, Family, Specimen, Trials, table, weighted};
use crate::eval::{Evaluator, Moments, Progress, evaluation_bar};
use crate::kernels::project;
use crate::projection::Projection;
use crate::projection::distortion::{self, Distortion};
use crate::session::Session;
use crate::weights::{self, TrainedNetwork};

/// A section of the analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Effective bits per weight
    Bits,
    /// Mean |W - P(W)| per layer
    Distance,
    /// Weight histograms
    Histograms,
    /// Weights of single filters
    Filters,
    /// Correlation of activity with that of the undistorted network
    Correlation,
    /// Test error with each layer distorted alone
    Layers,
    /// The most of a distortion with which the test error stays within a bound
    Budgets,
}

impl Section {
    /// As the command line has it.
    fn name(self) -> String {
        self.to_possible_value().map_or(String::new(), |v| v.get_name().to_owned())
    }

    /// Whether it runs images through the network.
    fn needs_data(self) -> bool {
        matches!(self, Section::Correlation | Section::Layers | Section::Budgets)
    }

    /// The distortions that it looks at if none are given.
    fn distortions(self) -> &'static str {
        match self {
            Section::Bits | Section::Distance => "sign,round,addnorm:0.3",
            Section::Histograms => "none,sign,power:0.5,power:2",
            Section::Filters => "none,sign",
            Section::Correlation | Section::Layers => "sign",
            Section::Budgets => "",
        }
    }
}

/// Arguments of `analyze`.
///
/// Without options: every section, under the distortions of the paper's figures.
#[derive(Args)]
pub struct Analyze {
    /// A run folder, a checkpoint, or, with --preset, a safetensors file of weights from elsewhere. The answers go to
    /// analysis.json in the run folder, or beside the file; sections that are not asked for stay there as they are
    run: PathBuf,
    /// Sections, separated by commas (all if not given)
    #[arg(long, value_name = "SECTION", value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Distortions that the sections look at, separated by commas, e.g. sign,quant:4,addnorm:0.3 x8 (each section has its
    /// own if not given; `show --projections` lists projections)
    #[arg(long, value_name = "LIST")]
    distort: Option<String>,
    /// Layers that histograms, filters and sensitivities look at: names and patterns, separated by commas (every
    /// convolution, the first layer, and all, if not given)
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    layers: Vec<String>,
    /// Filters to look at, by number
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0,1")]
    filters: Vec<usize>,
    /// Also the test error with all layers but one distorted
    #[arg(long)]
    all_but_one: bool,
    /// Distortions whose budget is sought, separated by commas: addnorm, multunif, bitflip, prune, stuck:@,0.05, conv1:addnorm:@
    #[arg(long, value_name = "LIST", default_value = "addnorm")]
    budget: String,
    /// The error that a budget may cost: per cent (15%), or points over the error without distortion (+2)
    #[arg(long, value_name = "ERROR", default_value = "+2")]
    bound: Bound,
    /// The numbers among which the budget is sought, from the harmless end: 0..0.5 (the projection's own if not given)
    #[arg(long, value_name = "FROM..TO", value_parser = range)]
    range: Option<(f64, f64)>,
    /// How far a budget may be off (a 64th of the range if not given)
    #[arg(long, value_name = "DISTANCE")]
    tolerance: Option<f64>,
    /// Draws of each random distortion whose error is measured and that does not say how many (` x8`)
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    draws: u32,
    #[command(flatten)]
    protocol: Protocol,
    /// Keep the answers there instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the answers as one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> std::result::Result<(f64, f64), String> {
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    let ends = text.split_once("..").and_then(|(a, b)| Some((number(a)?, number(b)?)));
    ends.ok_or_else(|| "write two numbers, the harmless one first: 0..0.5".to_owned())
}

/// What was asked for, checked as far as it can be without a device.
struct Asked {
    sections: Vec<Section>,
    distortions: Vec<(Section, Vec<Distortion>)>,
    families: Vec<Family>,
    layers: Vec<String>,
}

impl Analyze {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let mut sets = self.protocol.set.clone();
        sets.extend(self.protocol.images.map(|n| format!("data.test={n}")));
        let trained = weights::open(&self.run, self.protocol.preset.as_deref(), &sets, self.protocol.data.as_deref())?;
        let asked = self.asked(&trained)?;
        let out = self.out.clone().unwrap_or_else(|| Analysis::path(&self.run));
        // A file that is no analysis is found out before hours of work.
        Analysis::load(&out)?;
        let stop = catch_ctrl_c("stopping; the sections so far are kept")?;
        let mut found = Analysis { run: trained.name.clone(), step: trained.step, ..Analysis::default() };
        let done = self.answer(global, &trained, &asked, stop, |section| {
            found.merge(section.clone());
            section.save(&out)
        });
        // Also what could not be stored, or was found before something failed: it took its time.
        if done.is_ok() || found.has_sections() {
            let json = || serde_json::to_string(&found).map_err(|e| Error::Invalid(e.to_string()));
            print(&if self.json { json()? + "\n" } else { table::table(&found) })?;
        }
        let done = done?;
        log::info!("analysis: {}", out.display());
        let missing: Vec<String> = asked.sections[done..].iter().map(|s| s.name()).collect();
        if !missing.is_empty() {
            let missing = missing.join(",");
            say(&format!("stopped; the sections above are whole, the others can be had with --only {missing}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn asked(&self, trained: &TrainedNetwork) -> Result<Asked> {
        let mut sections = if self.only.is_empty() { Section::value_variants().to_vec() } else { self.only.clone() };
        // The cheap ones first, each once.
        sections.sort_by_key(|s| *s as u8);
        sections.dedup();
        let parameters = &trained.network.parameters;
        let mut distortions = vec![];
        for &section in sections.iter().filter(|s| **s != Section::Budgets) {
            let list = Distortion::parse_list(self.distort.as_deref().unwrap_or(section.distortions()))?;
            let list: Vec<Distortion> = list.iter().map(|d| trained.distortion(d)).collect::<Result<_>>()?;
            list.iter().try_for_each(|d| project::tables(d, parameters).map(drop))?;
            distortions.push((section, list));
        }
        let mut families = vec![];
        if sections.contains(&Section::Budgets) {
            families = Family::parse_list(&self.budget, self.range)?;
            for family in &mut families {
                if let Some(tolerance) = self.tolerance {
                    family.range.tolerance = tolerance;
                    family.range.check()?;
                }
                project::tables(&trained.distortion(&family.at(family.range.harmful)?)?, parameters)?;
            }
        }
        let names: Vec<&str> = weighted(&trained.network).map(|(name, _)| name).collect();
        for pattern in &self.layers {
            if !names.iter().any(|name| distortion::selects(pattern, name)) {
                let near = suggest(pattern, names.iter().copied());
                return Err(Error::Invalid(format!("no layer with weights is called \"{pattern}\".{near}")));
            }
        }
        let chosen = |name: &&str| self.layers.is_empty() || self.layers.iter().any(|p| distortion::selects(p, name));
        let layers = names.iter().copied().filter(chosen).map(str::to_owned).collect();
        Ok(Asked { sections, distortions, families, layers })
    }

    /// Goes through the sections; `done` gets each when it is whole. Returns how many are, fewer if `stop` was set.
    fn answer(
        &self,
        global: &Global,
        trained: &TrainedNetwork,
        asked: &Asked,
        stop: &AtomicBool,
        mut done: impl FnMut(Analysis) -> Result<()>,
    ) -> Result<usize> {
        let TrainedNetwork { preset, network, weights, .. } = trained;
        let device = global.open_for(preset, network.input)?;
        let mut session = Session::new(device, network.clone(), preset.seed);
        let seed = global.seed.unwrap_or(preset.seed);
        let mut evaluator = None;
        if asked.sections.iter().any(|s| s.needs_data()) {
            let data = trained.data(self.protocol.data.as_deref())?;
            let batch = self.protocol.batch.map_or(preset.eval_batch(), |b| b as usize);
            let moments = self.protocol.moments_batches.unwrap_or(preset.eval.moments_batches) as usize;
            let mut with_data = Evaluator::new(&mut session, data, Part::Test, batch, moments)?;
            with_data.take(&mut session, trained)?;
            evaluator = Some(with_data);
        }
        let mut specimen = Specimen::new(&mut session, weights, seed)?;
        for (i, &section) in asked.sections.iter().enumerate() {
            let mut answer = Analysis { run: trained.name.clone(), step: trained.step, ..Analysis::default() };
            match &mut evaluator {
                Some(evaluator) if section.needs_data() => {
                    let moments = Moments::of(self.protocol.moments, trained);
                    let batches = evaluator.batches(moments);
                    let bar = evaluation_bar(global.quiet, batches * self.evaluations(section, asked) as u64);
                    let progress = Progress { bar: &bar, stop };
                    let mut trials = Trials { evaluator, moments, draws: self.draws, progress };
                    let whole = self.of_images(section, asked, &mut specimen, &mut trials, &mut answer)?;
                    bar.finish_and_clear();
                    if !whole {
                        return Ok(i);
                    }
                }
                _ => self.of_weights(section, asked, &mut specimen, &mut answer)?,
            }
            done(answer)?;
        }
        Ok(asked.sections.len())
    }

    /// The sections about weights alone.
    fn of_weights(
        &self,
        section: Section,
        asked: &Asked,
        specimen: &mut Specimen,
        answer: &mut Analysis,
    ) -> Result<()> {
        let distortions = asked.distortions(section);
        match section {
            Section::Bits => answer.bits = Some(specimen.bits(distortions)?),
            Section::Distance => answer.distance = Some(specimen.distance(distortions)?),
            Section::Histograms => {
                let is_convolution =
                    |name: &str| weighted(&specimen.network).any(|(layer, t)| layer == name && t.shape.len() == 4);
                let all = self.layers.is_empty();
                let layers: Vec<String> =
                    asked.layers.iter().filter(|name| !all || is_convolution(name)).cloned().collect();
                answer.histograms = Some(specimen.histograms(&layers, distortions)?);
            }
            _ => {
                let layers = if self.layers.is_empty() { &asked.layers[..1] } else { &asked.layers };
                let mut filters = vec![];
                for layer in layers {
                    filters.extend(specimen.filters(layer, &self.filters, distortions)?);
                }
                answer.filters = Some(filters);
            }
        }
        Ok(())
    }

    /// The sections that run images through the network. False if they were stopped.
    fn of_images(
        &self,
        section: Section,
        asked: &Asked,
        specimen: &mut Specimen,
        trials: &mut Trials,
        answer: &mut Analysis,
    ) -> Result<bool> {
        let distortions = asked.distortions(section);
        match section {
            Section::Correlation => {
                let none = Distortion::from(Projection::NONE);
                answer.correlation = analysis::correlation(specimen, trials, &none, distortions)?;
                Ok(answer.correlation.is_some())
            }
            Section::Layers => {
                let mut all = vec![];
                for d in distortions {
                    let rows = analysis::sensitivity(specimen, trials, d, &asked.layers, self.all_but_one)?;
                    let Some(rows) = rows else { return Ok(false) };
                    // The undistorted network stands at the top once.
                    all.extend(rows.into_iter().skip(usize::from(!all.is_empty())));
                }
                answer.layers = Some(all);
                Ok(true)
            }
            _ => {
                let mut all = vec![];
                for family in &asked.families {
                    let Some(b) = analysis::budget(specimen, trials, family, self.bound)? else { return Ok(false) };
                    all.push(b);
                }
                answer.budgets = Some(all);
                Ok(true)
            }
        }
    }

    /// Evaluations of a section, at most: for the progress bar.
    fn evaluations(&self, section: Section, asked: &Asked) -> usize {
        let draws = |d: &Distortion| analysis::draws(d, self.draws) as usize;
        match section {
            Section::Correlation => 1 + asked.distortions(section).len(),
            Section::Layers => {
                let errors = analysis::errors(asked.layers.len(), self.all_but_one);
                asked.distortions(section).iter().map(|d| draws(d) * (errors - 1) + 1).sum()
            }
            Section::Budgets => {
                let of = |f: &Family| f.at(f.range.harmful).map_or(1, |d| draws(&d)) * f.range.evaluations() + 1;
                asked.families.iter().map(of).sum()
            }
            _ => 0,
        }
    }
}

impl Asked {
    fn distortions(&self, section: Section) -> &[Distortion] {
        self.distortions.iter().find(|(s, _)| *s == section).map_or(&[], |(_, list)| list)
    }
}
