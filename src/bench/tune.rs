//! Times every way to compute a kernel at the shapes of a network, and proposes rows for the tuning table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Result;
use crate::gpu::profile::time;
use crate::gpu::{Device, Loaded, Runner};
use crate::kernels::tuning::{Choice, Wanted, choose};
use crate::kernels::{Chain, Kernel, Knobs};
use crate::model::Network;
use crate::plan::{AdapterClass, Command, Dispatch, Params, Plan, Precision, Target, TuningRow, Value};
use crate::profile::quartiles;

/// Combinations of knobs that are all tried; beyond, one knob is changed at a time.
const MOST_COMBINATIONS: usize = 48;
/// Nanoseconds that a way is measured for.
const ENOUGH: f64 = 2e8;
/// A way this much slower than the best is measured once only.
const HOPELESS: f64 = 3.0;
/// Turns of the best way and the present one before the best is believed.
const TURNS: usize = 7;
/// Least gain that is worth a row.
const GAIN: f64 = 1.03;
/// Operations above which `naive` is not tried on a software adapter: it would take seconds and never win.
const TOO_MUCH_FOR_NAIVE: f64 = 1e9;

/// Which plans of a network are looked at.
type PlanOf = fn(&Network, &Target, usize) -> Result<Plan>;

/// The first of [`PLANS`], which alone knows its projection.
const TRAIN: usize = 0;

/// The plans whose shapes are tuned.
const PLANS: [PlanOf; 2] = [|n, t, _| n.train_plan(t), |n, t, batch| n.test_plan(t, batch)];

/// A kernel with its constants, and where it stands.
struct Site {
    plan: usize,
    scope: String,
    params: Params,
    /// Arguments that hold 16-bit floats.
    halves: Vec<&'static str>,
    /// Optional arguments that are given.
    given: Vec<&'static str>,
    /// Kernels of the scope in its plainest form.
    neighbours: BTreeSet<&'static str>,
    flop: f64,
}

/// A way to compute a kernel.
#[derive(Clone, Debug, PartialEq)]
struct Way {
    variant: String,
    knobs: BTreeMap<String, u32>,
}

/// What was found for one shape.
#[derive(Clone, Debug)]
pub struct Found {
    /// Kernel and constants.
    pub name: String,
    /// Every way with its microseconds, the fastest first.
    pub ways: Vec<(String, f64)>,
    /// The present way's time as a multiple of the best one's, in turns.
    pub gain: f64,
    /// Whether there was time for every way.
    pub whole: bool,
}

/// How many shapes of a network there are to tune a kernel at.
///
/// # Errors
/// A network that the target cannot hold.
pub fn shapes(target: &Target, network: &Network, kernel: &'static Kernel, eval_batch: usize) -> Result<usize> {
    Ok(sites(target, network, kernel, eval_batch)?.len())
}

/// Whether a kernel can be computed in more than one way.
pub fn has_choice(kernel: &'static Kernel) -> bool {
    let ways = kernel.variants.iter().map(|v| Knobs::declared(kernel.source(v)).len() + 1).sum::<usize>();
    ways + kernel.chains().count() > 1
}

/// What was found for a kernel.
#[derive(Clone, Debug, Default)]
pub struct Tuned {
    /// Every shape that was timed.
    pub found: Vec<Found>,
    /// The rows that would make it faster.
    pub rows: Vec<TuningRow>,
    /// Shapes that were left out, because there was no time.
    pub left: usize,
}

/// Tunes one kernel at the shapes of a network, the dearest first, as long as `in_time` says so; of a shape that it
/// interrupts, the ways that were timed count.
///
/// # Errors
/// What the device reports; a network that it cannot hold.
pub fn kernel(
    device: &Arc<Device>,
    network: &Network,
    kernel: &'static Kernel,
    eval_batch: usize,
    when: &str,
    in_time: &dyn Fn() -> bool,
) -> Result<Tuned> {
    let mut sites = sites(&device.target, network, kernel, eval_batch)?;
    sites.sort_by(|a, b| b.flop.total_cmp(&a.flop));
    let (mut found, mut best) = (vec![], vec![]);
    let mut runner = Runner::new(device.clone());
    for site in &sites {
        let mut bench = SiteBench { device, network, kernel, eval_batch, site, runner: &mut runner, in_time };
        let Some((one, row)) = bench.search(when)? else { break };
        log::info!("{}: {}", one.name, one.ways.first().map_or("", |w| w.0.as_str()));
        found.push(one);
        best.push(row);
    }
    let timed: Vec<Params> = sites.iter().take(found.len()).map(|s| s.params.clone()).collect();
    Ok(Tuned { left: sites.len() - found.len(), rows: rows(&timed, &best), found })
}

/// Every distinct set of constants with which a network uses a kernel, where every kernel is plain. A kernel that only a chain
/// uses has those of the plans as they are, if the chain is in use.
fn sites(own: &Target, network: &Network, kernel: &'static Kernel, eval_batch: usize) -> Result<Vec<Site>> {
    let plain = own.forcing("*", "naive");
    for target in [&plain, own] {
        let mut out: Vec<Site> = vec![];
        for (plan, make) in PLANS.iter().enumerate() {
            let made = make(network, target, eval_batch)?;
            for c in made.dispatches().filter(|c| c.kernel == kernel.name) {
                let given = kernel.given(c.args.iter().map(|a| a.name));
                if out.iter().any(|s| s.params == c.params && s.given == given) {
                    continue;
                }
                let others = made.dispatches().filter(|o| o.scope == c.scope);
                let neighbours = others.map(|o| o.kernel).collect();
                let (scope, params, halves) = (c.scope.clone(), c.params.clone(), c.halves());
                let flop = kernel.work(c).flop;
                out.push(Site { plan, scope, params, halves, given, neighbours, flop });
            }
        }
        if !out.is_empty() {
            return Ok(out);
        }
    }
    Ok(vec![])
}

impl Site {
    /// The commands that compute the site in a way; none if it cannot run here. The other kernels of its scope are plain,
    /// so that what is left beside the kernel itself is part of the way: a chain, or copies into textures.
    fn plan(
        &self,
        own: &Target,
        network: &Network,
        kernel: &'static Kernel,
        eval_batch: usize,
        way: &Way,
    ) -> Result<Option<Plan>> {
        let mut target = own.clone();
        // Not forced: a force cannot carry knobs, and what cannot run here falls through to the next row.
        let row = |kernel: &str, variant: &str, knobs: &BTreeMap<String, u32>| TuningRow {
            kernel: kernel.into(),
            variant: variant.into(),
            knobs: knobs.clone(),
            ..TuningRow::default()
        };
        let plain = self.neighbours.iter().filter(|n| **n != kernel.name);
        let first = row(kernel.name, &way.variant, &way.knobs);
        let others = plain.map(|n| row(n, "naive", &BTreeMap::new()));
        target.options.rows = std::iter::once(first).chain(others).chain(target.options.rows).collect();
        target.options.forced.clear();
        let mut plan = PLANS[self.plan](network, &target, eval_batch)?;
        let chain = |kernel: &str| !self.neighbours.contains(kernel);
        // A chain may have the kernel itself in more parts.
        let parted = kernel.variant(&way.variant).is_none();
        let same = |d: &Dispatch| {
            let mut pairs = d.params.0.iter().zip(&self.params.0);
            pairs.all(|(a, b)| a == b || parted && a.0 == "splits")
        };
        plan.commands.retain(|c| {
            // Copies into textures belong to the way that wants them.
            let Command::Dispatch(d) = c else { return c.scope() == self.scope };
            let given = || kernel.given(d.args.iter().map(|a| a.name));
            let own = d.kernel == kernel.name && same(d) && given() == self.given;
            d.scope == self.scope && (own || chain(d.kernel))
        });
        let ran = match kernel.variant(&way.variant) {
            Some(_) => plan.dispatches().any(|c| c.kernel == kernel.name && c.variant == way.variant),
            // Where the chain cannot run, another one may have taken its place.
            None => {
                let can = |c: &Chain| c.name == way.variant && (c.supports)(own, &self.params).is_ok();
                self.given.is_empty() && kernel.chains().any(can)
            }
        };
        Ok(ran.then_some(plan))
    }
}

struct SiteBench<'a> {
    device: &'a Arc<Device>,
    network: &'a Network,
    kernel: &'static Kernel,
    eval_batch: usize,
    site: &'a Site,
    runner: &'a mut Runner,
    in_time: &'a dyn Fn() -> bool,
}

impl SiteBench<'_> {
    /// The way that is in use.
    fn present(&self) -> Result<Way> {
        let of =
            |name: &str, knobs: Vec<(String, u32)>| Way { variant: name.into(), knobs: knobs.into_iter().collect() };
        let ternary = self.site.plan == TRAIN && self.network.is_ternary();
        let mut target = Target { ternary, ..self.device.target.clone() };
        target.options.precision = self.network.precision;
        let wanted = Wanted { halves: &self.site.halves, given: &self.site.given };
        Ok(match choose(self.kernel, &target, &self.site.scope, &self.site.params, &wanted)? {
            Choice::Variant(v, knobs) => of(v.name, knobs),
            Choice::Chain(c) => of(c.name, vec![]),
        })
    }

    /// Loads a way; none if it cannot run here.
    fn load(&mut self, way: &Way) -> Result<Option<Loaded>> {
        let plan = self.site.plan(&self.device.target, self.network, self.kernel, self.eval_batch, way)?;
        plan.map(|plan| self.runner.load(&plan, false)).transpose()
    }

    /// Nanoseconds of each of some runs.
    fn run(&mut self, loaded: &Loaded, repeats: usize) -> Result<Vec<f64>> {
        let times = time(self.runner, loaded, loaded.all(), repeats)?;
        Ok((0..repeats).map(|r| times.iter().map(|t| t[r]).sum()).collect())
    }

    /// The present way first, then all others that can run here; none if there was time for none of them.
    fn search(&mut self, when: &str) -> Result<Option<(Found, Option<TuningRow>)>> {
        let name = format!("{}{}", self.kernel.name, self.site.params);
        let median = |times: &[f64]| quartiles(times.iter().copied())[1];
        let present = self.present()?;
        let Some(now) = self.load(&present)? else {
            return Ok(Some((Found { name, ways: vec![], gain: 1.0, whole: true }, None)));
        };
        let mut least = self.run(&now, 1)?[0];
        let (mut ways, mut whole): (Vec<(Way, f64)>, bool) = (vec![], true);
        // What is coarser than the precision asked for is no way at all.
        let factor = |way: &Way| self.kernel.variant(&way.variant).map_or(1.0, |v| v.error_factor);
        let most = factor(&present);
        for way in ways_of(self.kernel).into_iter().filter(|way| factor(way) <= most) {
            if !(self.in_time)() {
                whole = false;
                break;
            }
            let slow = way.variant == "naive" && self.site.flop > TOO_MUCH_FOR_NAIVE;
            if slow && self.device.target.adapter.class == AdapterClass::Software {
                continue;
            }
            let Some(loaded) = self.load(&way)? else { continue };
            let mut times = self.run(&loaded, 1)?;
            if times[0] < HOPELESS * least {
                let more = (ENOUGH / times[0].max(1.0)).clamp(2.0, 30.0) as usize;
                times.extend(self.run(&loaded, more)?);
            }
            let ns = median(&times);
            least = least.min(ns);
            ways.push((way, ns));
        }
        ways.sort_by(|a, b| a.1.total_cmp(&b.1));
        let shown = ways.iter().map(|(w, ns)| (w.to_string(), ns / 1e3)).collect();
        if ways.is_empty() && !whole {
            return Ok(None);
        }
        let unknown = |ways| Ok(Some((Found { name: name.clone(), ways, gain: 1.0, whole }, None)));
        let Some((best, _)) = ways.first() else { return unknown(shown) };
        let Some(other) = self.load(best)? else { return unknown(shown) };
        let mut turns = [vec![], vec![]];
        for _ in 0..TURNS {
            for (loaded, times) in [&now, &other].into_iter().zip(&mut turns) {
                times.extend(self.run(loaded, 1)?);
            }
        }
        let [now, then] = turns;
        let [low, gain, _] = quartiles(now.iter().zip(&then).map(|(n, t)| n / t));
        let row = (gain > GAIN && low > 1.0 && *best != present).then(|| TuningRow {
            kernel: self.kernel.name.into(),
            class: Some(self.device.target.adapter.class.name().into()),
            precision: (self.network.precision != Precision::F32).then(|| self.network.precision.name().into()),
            mesa: self.device.target.adapter.mesa.map(|version| [version, version]),
            variant: best.variant.clone(),
            knobs: best.knobs.clone(),
            shapes: BTreeMap::new(),
            measured: format!(
                "{:.1} us, {present} {:.1} us; {}, {when}",
                median(&then) / 1e3,
                median(&now) / 1e3,
                self.device.info.name
            ),
        });
        Ok(Some((Found { name, ways: shown, gain, whole }, row)))
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.variant)?;
        self.knobs.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// Every variant with every combination of its knobs, and every chain. Only knobs that differ from the defaults are named.
fn ways_of(kernel: &'static Kernel) -> Vec<Way> {
    let mut out = vec![];
    for v in kernel.variants {
        let knobs = combinations(&Knobs::declared(kernel.source(v)));
        out.extend(knobs.into_iter().map(|knobs| Way { variant: v.name.into(), knobs }));
    }
    out.extend(kernel.chains().map(|c| Way { variant: c.name.into(), knobs: BTreeMap::new() }));
    out
}

fn combinations(declared: &[(String, u32, Vec<u32>)]) -> Vec<BTreeMap<String, u32>> {
    let mut out = vec![BTreeMap::new()];
    let all: usize = declared.iter().map(|(.., allowed)| allowed.len().max(1)).product();
    for (name, default, allowed) in declared {
        let others = || allowed.iter().filter(|v| *v != default);
        let with = |base: &BTreeMap<String, u32>, value: u32| {
            let mut changed = base.clone();
            changed.insert(name.clone(), value);
            changed
        };
        let bases = if all <= MOST_COMBINATIONS { out.clone() } else { vec![BTreeMap::new()] };
        out.extend(bases.iter().flat_map(|base| others().map(|v| with(base, *v))));
    }
    out
}

/// Rows with the ranges in which they hold, from the best row of every shape. One way for all shapes is one row over the
/// ranges that were seen; else each shape has its own. Constants that all shapes share restrict nothing, but where there
/// is one shape only, all but the number of samples do.
fn rows(shapes: &[Params], best: &[Option<TuningRow>]) -> Vec<TuningRow> {
    let value = |p: &Params, name: &str| p.0.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let number = |p: &Params, name: &str| match value(p, name) {
        Some(Value::U32(v)) => Some(v),
        _ => None,
    };
    let names: Vec<&str> = shapes.first().map_or(vec![], |p| p.0.iter().map(|(n, _)| *n).collect());
    let restricts = |name: &&str| match shapes {
        [one] => *name != "n" && number(one, name).is_some(),
        many => many.iter().any(|p| value(p, name) != value(&many[0], name)) && number(&many[0], name).is_some(),
    };
    let fields: Vec<&str> = names.into_iter().filter(restricts).collect();
    let range = |over: &[&Params], name: &str| {
        let values: Vec<u32> = over.iter().filter_map(|p| number(p, name)).collect();
        [values.iter().copied().min().unwrap_or(0), values.iter().copied().max().unwrap_or(u32::MAX)]
    };
    let within = |row: &TuningRow, over: &[&Params]| {
        let shapes = fields.iter().map(|f| ((*f).to_owned(), range(over, f))).collect();
        TuningRow { shapes, ..row.clone() }
    };
    let same = |a: &TuningRow, b: &TuningRow| a.variant == b.variant && a.knobs == b.knobs;
    let all: Vec<&TuningRow> = best.iter().flatten().collect();
    if all.len() == shapes.len() && all.len() > 1 && all.iter().all(|r| same(r, all[0])) {
        let measured: Vec<&str> = all.iter().map(|r| r.measured.as_str()).collect();
        let row = TuningRow { measured: measured.join(" | "), ..all[0].clone() };
        return vec![within(&row, &shapes.iter().collect::<Vec<_>>())];
    }
    shapes.iter().zip(best).filter_map(|(p, row)| Some(within(row.as_ref()?, &[p]))).collect()
}

/// A table with new rows put before the rows of an old one; old rows of the same kernel, class, precision, driver and shapes go.
pub fn merge(new: &[TuningRow], old: &[TuningRow]) -> Vec<TuningRow> {
    let holds_where =
        |r: &TuningRow| (r.kernel.clone(), r.class.clone(), r.precision.clone(), r.mesa, r.shapes.clone());
    let replaced = |o: &TuningRow| new.iter().any(|n| holds_where(n) == holds_where(o));
    new.iter().chain(old.iter().filter(|o| !replaced(o))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels;
    use crate::model::preset::Preset;

    fn shape(n: u32, c: u32) -> Params {
        Params(vec![("n", n.into()), ("c", c.into()), ("a", 0.5f32.into())])
    }

    fn row(variant: &str) -> Option<TuningRow> {
        Some(TuningRow {
            kernel: "k".into(),
            variant: variant.into(),
            measured: variant.into(),
            ..TuningRow::default()
        })
    }

    #[test]
    fn a_chain_is_timed_whole_against_the_direct_form() {
        let preset = Preset::load("merolla2016/cifar10/tr-stochm-c", &["batch=8".to_owned()]).unwrap();
        let network = Network::new(&preset, [32, 32, 3], 10).unwrap();
        let way = |variant: &str| Way { variant: variant.into(), knobs: BTreeMap::new() };
        let plans_of = |target: &Target, kernel: &str, variant: &str| -> Vec<Plan> {
            let kernel = kernels::find(kernel).unwrap();
            assert!(ways_of(kernel).contains(&way(variant)), "{} {variant}", kernel.name);
            let sites = sites(target, &network, kernel, 8).unwrap();
            sites.iter().filter_map(|s| s.plan(target, &network, kernel, 8, &way(variant)).unwrap()).collect()
        };
        let kernels_of = |target: &Target, kernel: &str, variant: &str| -> Vec<Vec<&str>> {
            plans_of(target, kernel, variant).iter().map(|p| p.dispatches().map(|d| d.kernel).collect()).collect()
        };
        // As lavapipe, whose variants read textures.
        let software = Target::baseline().with(|a| a.subgroup = Some(8));
        let forward = vec!["winograd.weights", "winograd.input", "winograd.multiply"];
        let grad = vec!["winograd.input_rows", "winograd.grad_rows", "winograd.accumulate", "winograd.grad_weight"];
        for (kernel, variant, chain) in [
            ("conv2d.forward", "lanes", &forward),
            ("conv2d.grad_weight", "lanes", &grad),
            ("conv2d.grad_input", "lanes", &forward),
        ] {
            let direct = kernels_of(&software, kernel, variant);
            let by_winograd = kernels_of(&software, kernel, "winograd");
            assert!(direct.len() >= 5 && direct.iter().all(|k| *k == [kernel]), "{kernel}: {direct:?}");
            assert!(by_winograd.len() == 5 && by_winograd.iter().all(|k| k == chain), "{kernel}: {by_winograd:?}");
        }
        // Copies into textures are part of the way, but for those that are there already.
        let copied = plans_of(&software, "conv2d.forward", "lanes");
        assert!(copied.iter().all(|p| p.commands.len() > p.dispatches().count()));
        // On a GPU, where convolutions take over the work of batch norms.
        let gpu = Target::baseline().with(|a| a.class = AdapterClass::Gpu);
        for kernel in ["conv2d.forward", "conv2d.grad_weight"] {
            let direct = kernels_of(&gpu, kernel, "tiled");
            assert!(direct.len() >= 5 && direct.iter().all(|k| *k == [kernel]), "{kernel}: {direct:?}");
        }
        let parts = kernels_of(&gpu, "conv2d.forward", "split_k");
        assert!(!parts.is_empty() && parts.iter().all(|k| *k == ["conv2d.forward", "conv2d.sum_partials"]));
        // What a chain uses is tuned where the chain is in use.
        let product = "winograd.multiply";
        let products = kernels_of(&software, product, "lanes");
        assert!(products.len() >= 5 && products.iter().all(|k| *k == [product]), "{products:?}");
        let row = |kernel: &str| TuningRow { kernel: kernel.into(), variant: "lanes".into(), ..TuningRow::default() };
        let mut direct = software;
        direct.options.rows = ["conv2d.forward", "conv2d.grad_input"].map(row).into();
        assert_eq!(kernels_of(&direct, product, "lanes"), Vec::<Vec<&str>>::new());
    }

    #[test]
    fn one_way_for_every_shape_is_one_row_over_their_range() {
        let made = rows(&[shape(50, 8), shape(50, 32), shape(50, 16)], &[row("x"), row("x"), row("x")]);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].shapes, [("c".to_owned(), [8, 32])].into());
        assert_eq!(made[0].measured, "x | x | x");
    }

    #[test]
    fn shapes_that_differ_in_their_best_way_have_rows_of_their_own() {
        let made = rows(&[shape(50, 8), shape(50, 32), shape(50, 16)], &[row("x"), None, row("y")]);
        assert_eq!(made.len(), 2);
        assert_eq!(made[0].shapes, [("c".to_owned(), [8, 8])].into());
        assert_eq!((made[1].variant.as_str(), &made[1].shapes), ("y", &[("c".to_owned(), [16, 16])].into()));
        let alone = rows(&[shape(50, 8)], &[row("x")]);
        assert_eq!(alone[0].shapes, [("c".to_owned(), [8, 8])].into(), "not the number of samples, no float");
    }

    #[test]
    fn knobs_are_combined_up_to_a_number_and_changed_one_at_a_time_beyond() {
        let knob = |name: &str, n: u32| (name.to_owned(), 1, (1..=n).collect());
        let all = combinations(&[knob("A", 2), knob("B", 3)]);
        assert_eq!(all.len(), 6);
        assert!(all[0].is_empty() && all.contains(&[("A".to_owned(), 2), ("B".to_owned(), 3)].into()));
        assert_eq!(combinations(&[knob("A", 10), knob("B", 10)]).len(), 1 + 9 + 9);
        assert_eq!(combinations(&[]).len(), 1);
    }

    #[test]
    fn new_rows_replace_those_of_the_same_shapes_and_stand_first() {
        let (a, b) = (row("a").unwrap(), TuningRow { kernel: "other".into(), ..row("b").unwrap() });
        let c = TuningRow { variant: "c".into(), ..a.clone() };
        let merged = merge(std::slice::from_ref(&c), &[a, b.clone()]);
        assert_eq!(merged, [c, b]);
    }
}
