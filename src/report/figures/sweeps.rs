//! Figure 2: the test error over the parameter of a distortion, for any number of networks.

use super::plot::{self, EDGE, WIDTH};
use super::{Figure, Section};
use crate::eval::Moments;
use crate::figure::Style;
use crate::figure::axes::{Axes, Axis};
use crate::ranges::thousands;
use crate::report::commands::Commands;
use crate::report::html::slug;
use crate::report::quote;
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::distinct;
use crate::report::stats::{self, Measure, Stats};

/// A family of distortions with one parameter, and how the paper draws it.
struct Family {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    /// The error axis is logarithmic.
    log: bool,
    /// The axis runs from greater parameters to less, so that the distortion grows to the right.
    down: bool,
    /// Parameters at which the distortion is another one.
    same: &'static [(f64, &'static str)],
    /// What `sweep` is told for the range of the paper.
    option: &'static str,
}

const FAMILIES: [Family; 8] = [
    Family {
        name: "addnorm",
        title: "Figure 2A: test error over additive noise",
        axis: "σ: standard deviation of the noise over the largest weight of the layer",
        log: false,
        down: false,
        same: &[(0.0, "none")],
        option: "--addnorm 0:1:0.05",
    },
    Family {
        name: "multunif",
        title: "Figure 2B: test error over multiplicative noise",
        axis: "γ: every weight is multiplied by a number between γ and 1/γ",
        log: false,
        down: true,
        same: &[(1.0, "none")],
        option: "--multunif 1:0.1:0.05",
    },
    Family {
        name: "power",
        title: "Figures 2C and 4: test error over the exponent of the weights",
        axis: "β: exponent; 0 is sign, 1 the weights as they are",
        log: true,
        down: false,
        same: &[(0.0, "sign"), (1.0, "none")],
        option: "--power 0:2:0.1",
    },
    Family { axis: "probability that a sign is flipped", ..other("bitflip", "Test error over flipped signs") },
    Family { axis: "bits of a weight", down: true, ..other("quant", "Test error over the bits of a weight") },
    Family { axis: "share of the weights that are set to zero", ..other("prune", "Test error over pruned weights") },
    Family { axis: "γ", down: true, ..other("stochm", "Test error over StochM") },
    Family { axis: "γ", down: true, ..other("stochm3", "Test error over StochM3") },
];

const fn other(name: &'static str, title: &'static str) -> Family {
    Family { name, title, axis: "", log: false, down: false, same: &[], option: "" }
}

/// Family and parameter of a distortion that ends with its one number: `addnorm:0.3`, `sign+addnorm:0.3`, `conv1:prune:0.5`.
fn split(distortion: &str) -> Option<(&str, f64)> {
    let (name, parameter) = distortion.rsplit_once(':')?;
    Some((name, parameter.parse().ok().filter(|p: &f64| p.is_finite())?))
}

/// The section.
pub fn section(runs: &[Run], commands: &Commands) -> Section {
    let mut figures = vec![];
    for moments in [Moments::Recomputed, Moments::Trained] {
        let swept: Vec<&str> = stats::distortions(runs).into_iter().filter_map(|d| Some(split(d)?.0)).collect();
        let known = FAMILIES.iter().map(|f| f.name).chain(swept.iter().copied());
        figures.extend(distinct(known).into_iter().flat_map(|name| family(name, runs, moments, commands)));
    }
    let missing = FAMILIES[..3]
        .iter()
        .filter(|f| !figures.iter().any(|made| made.id == id(f.name, Moments::Recomputed, 0)))
        .map(|f| (f.title.to_owned(), commands.sweep(f.option)))
        .collect();
    let about =
        "A point is the mean over its draws, and a draw is one distorted network that classifies the test images.";
    Section {
        heading: "Error over the strength of a distortion",
        about: about.into(),
        tables: moments_table(runs),
        figures,
        missing,
    }
}

/// The name of a figure and its files; `place`: among those of one family, which are measured otherwise.
fn id(name: &str, moments: Moments, place: usize) -> String {
    let trained = if moments == Moments::Trained { "-moments-trained" } else { "" };
    let number = if place > 0 { format!("-{}", place + 1) } else { String::new() };
    format!("sweep-{}{trained}{number}", slug(name))
}

/// Errors of one network by one measure, with their parameters, ascending.
struct Curve<'a> {
    run: &'a Run,
    measure: Measure<'a>,
    points: Vec<(f64, Stats<'a>)>,
}

/// The points of a run by one measure.
fn curve<'a>(run: &'a Run, measure: Measure<'a>, name: &str, same: &[(f64, &str)], moments: Moments) -> Curve<'a> {
    let own = distinct(run.points.iter().filter(|p| p.moments == moments).map(|p| p.distortion.as_str()));
    let at = |d: &str, parameter: f64| Some((parameter, stats::error_by(run, d, moments, &measure)?));
    let swept = own.into_iter().filter_map(|d| split(d).filter(|(n, _)| *n == name).and_then(|(_, p)| at(d, p)));
    let mut points: Vec<(f64, Stats)> = swept.collect();
    if points.len() >= 2 {
        for (parameter, distortion) in same {
            if !points.iter().any(|(p, _)| p == parameter) {
                points.extend(at(distortion, *parameter));
            }
        }
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Curve { run, measure, points }
}

/// The curves of a run, one for each measure: but for those at whose parameters a more thorough one is, too.
fn curves<'a>(run: &'a Run, name: &str, same: &[(f64, &str)], moments: Moments) -> Vec<Curve<'a>> {
    let mut out: Vec<Curve> = vec![];
    for measure in stats::measures(run, moments) {
        let new = curve(run, measure, name, same, moments);
        let has = |c: &Curve, parameter: f64| c.points.iter().any(|(p, _)| *p == parameter);
        if new.points.len() >= 2 && !out.iter().any(|c| new.points.iter().all(|(p, _)| has(c, *p))) {
            out.push(new);
        }
    }
    out
}

/// The figures of a family, one for each measure: what is measured otherwise is no curve beside the others.
fn family(name: &str, runs: &[Run], moments: Moments, commands: &Commands) -> Vec<Figure> {
    let same = FAMILIES.iter().find(|f| f.name == name).map_or(&[][..], |f| f.same);
    let mut all: Vec<Curve> = runs.iter().flat_map(|r| curves(r, name, same, moments)).collect();
    let groups = stats::groups(all.iter().map(|c| c.measure));
    let several = groups.len() > 1;
    let mut figures = vec![];
    for (place, group) in groups.iter().enumerate() {
        let (own, others) = all.into_iter().partition(|c| group.is_like(&c.measure));
        all = others;
        let mut made = figure(name, own, group, moments, commands);
        made.id = id(name, moments, place);
        if several {
            made.title = format!("{} ({})", made.title, group.text());
        }
        figures.push(made);
    }
    figures
}

/// The figure of curves that are measured alike, of which there is at least one.
fn figure(name: &str, curves: Vec<Curve>, measure: &Measure, moments: Moments, commands: &Commands) -> Figure {
    let family = FAMILIES.iter().find(|f| f.name == name);
    let same = family.map_or(&[][..], |f| f.same);
    let theirs: Vec<(&Run, f64, f64)> = curves.iter().flat_map(|c| papers(c.run, name, same)).collect();
    let all = || curves.iter().flat_map(|c| &c.points);
    let fold =
        |f: fn(f64, f64) -> f64, from: f64| all().map(|(p, _)| *p).chain(theirs.iter().map(|t| t.1)).fold(from, f);
    let (first, last) = (fold(f64::min, f64::INFINITY), fold(f64::max, f64::NEG_INFINITY));
    let axis = family.map(|f| f.axis).filter(|a| !a.is_empty()).map_or(format!("parameter of {name}"), String::from);
    // Marks at the ends stay clear of the axis.
    let room = 0.035 * (last - first);
    let ends = [first - room, last + room];
    let x = Axis::linear(if family.is_some_and(|f| f.down) { [ends[1], ends[0]] } else { ends }, axis);
    let errors = || all().flat_map(|(_, s)| [s.least, s.worst]).chain(theirs.iter().map(|t| t.2));
    let top = plot::above(errors()).min(100.0);
    let y = if family.is_some_and(|f| f.log) {
        let least = errors().filter(|e| *e > 0.0).fold(f64::INFINITY, f64::min);
        Axis::log([(least / 1.15).min(top / 2.0), (1.1 * top).min(100.0)], "test error, %")
    } else {
        Axis::linear([0.0, top], "test error, %")
    };
    let mut title = family.map_or(format!("Test error over {name}"), |f| f.title.into());
    if moments == Moments::Trained {
        title += ", moments as trained";
    }
    let mut keys = plot::keys(curves.iter().map(|c| c.run));
    if !theirs.is_empty() {
        keys.push(plot::paper("hollow: the paper's value for this network", Style::of(0)));
    }
    let (mut d, begin) = plot::begin(&title, &keys, 400.0);
    let axes = Axes::within([10.0, begin + 8.0, WIDTH - EDGE, begin + 392.0], x, y);
    axes.draw(&mut d);
    for Curve { run, points, .. } in &curves {
        plot::band(&mut d, &axes, &points.iter().map(|(p, s)| [*p, s.least, s.worst]).collect::<Vec<_>>(), run.style);
    }
    for Curve { run, points, .. } in &curves {
        plot::line(&mut d, &axes, &points.iter().map(|(p, s)| [*p, s.mean]).collect::<Vec<_>>(), run.style);
    }
    for (i, (run, parameter, error)) in theirs.iter().enumerate() {
        // Values at one parameter are moved apart.
        let same = |t: &&(&Run, f64, f64)| t.1 == *parameter;
        let (before, all) = (theirs[..i].iter().filter(same).count(), theirs.iter().filter(same).count());
        let [x, y] = axes.at(*parameter, *error);
        d.hollow(run.style.mark, [x + plot::beside(before, all, 36.0), y], 5.0, run.style.color);
    }
    let own_option = family.is_some_and(|f| !f.option.is_empty());
    let made_with = commands.sweep(&options(name, all().copied(), own_option, measure, moments));
    let description = format!(
        "Line chart of the test error in per cent over the parameter of {name}, from {first} to {last}, one line for each of \
         {} networks. The table below has the numbers.",
        curves.len()
    );
    Figure {
        id: String::new(),
        title,
        caption: caption(&curves, measure, moments, !theirs.is_empty()),
        description,
        drawing: d,
        data: sheet(&curves, &theirs),
        command: made_with,
    }
}

/// What `sweep` is told to test these points by one measure.
fn options<'a>(
    name: &str,
    points: impl Iterator<Item = (f64, Stats<'a>)>,
    own_option: bool,
    measure: &Measure,
    moments: Moments,
) -> String {
    let (parameters, draws): (Vec<f64>, Vec<usize>) = points.map(|(p, s)| (p, s.draws)).unzip();
    let mut text = range(name, parameters, own_option);
    let draws = draws.into_iter().max().unwrap_or(1);
    if draws > 1 {
        text += &format!(" --draws {draws}");
    }
    text += &measure.options();
    if moments == Moments::Trained {
        text += " --moments trained";
    }
    text
}

/// What `sweep` is told to test these parameters: a range where they are equally far apart, else a list.
fn range(name: &str, mut parameters: Vec<f64>, own_option: bool) -> String {
    parameters.sort_by(f64::total_cmp);
    parameters.dedup();
    let steps = parameters.len() - 1;
    let (low, high) = (parameters[0], parameters[steps]);
    // Decimal steps: 0.05 rather than what 1/20 is in binary.
    let step = ((high - low) / steps.max(1) as f64 * 1e6).round() / 1e6;
    let even = steps > 1 && parameters.iter().enumerate().all(|(i, p)| (low + i as f64 * step - p).abs() < 1e-6);
    match (even, own_option) {
        (true, true) => format!("--{name} {low}:{high}:{step}"),
        // `--over` takes the name of a projection alone.
        (true, false) if name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) => {
            format!("--over {name}:{low}:{high}:{step}")
        }
        _ => {
            let texts: Vec<String> = parameters.iter().map(|p| format!("{name}:{p}")).collect();
            format!("--distort {}", quote(&texts.join(",")))
        }
    }
}

/// The paper's values that belong into the figure of a family: run, parameter, error.
fn papers<'a>(run: &'a Run, name: &str, same: &[(f64, &str)]) -> Vec<(&'a Run, f64, f64)> {
    let Some(net) = run.cifar() else { return vec![] };
    let at_same = same.iter().filter_map(|(p, d)| Some((*p, net.error(d)?)));
    let own = net.more.iter().filter_map(|(d, e)| split(d).filter(|(n, _)| *n == name).map(|(_, p)| (p, *e)));
    at_same.chain(own).map(|(p, e)| (run, p, e)).collect()
}

fn caption(curves: &[Curve], measure: &Measure, moments: Moments, theirs: bool) -> String {
    let draws = || curves.iter().flat_map(|c| &c.points).map(|(_, s)| s.draws as u64);
    let draws = match (draws().min().unwrap_or(1), draws().max().unwrap_or(1)) {
        (1, 1) => "One draw".into(),
        (a, b) if a == b => format!("{} draws", thousands(a)),
        (a, b) => format!("{} to {} draws", thousands(a), thousands(b)),
    };
    let moments = match (measure.moments_batches, moments) {
        (0, _) => "",
        (_, Moments::Recomputed) => ", computed anew for every draw",
        (_, Moments::Trained) => ", those of the undistorted training, not computed anew",
    };
    let band = if curves.iter().flat_map(|c| &c.points).any(|(_, s)| s.draws > 1) {
        " The band reaches from the best to the worst draw."
    } else {
        ""
    };
    let theirs = if theirs {
        " Hollow marks: values that the paper gives, moved apart where they have one parameter; its networks have full width."
    } else {
        ""
    };
    format!("{draws} a point, {}{moments}.{band}{theirs}", measure.text())
}

fn sheet(curves: &[Curve], theirs: &[(&Run, f64, f64)]) -> Sheet {
    let mut sheet = Sheet::new(&[
        "network",
        "parameter",
        "error, %",
        "deviation",
        "least",
        "worst",
        "draws",
        "test images",
        "paper, %",
    ]);
    for Curve { run, points: curve, .. } in curves {
        let paper = |p: f64| theirs.iter().find(|(r, at, _)| r.label == run.label && *at == p).map(|t| t.2);
        for (p, s) in curve {
            let images = if s.measure.images == 0 { Cell::Empty } else { Cell::count(s.measure.images) };
            sheet.rows.push(vec![
                run.label.as_str().into(),
                Cell::Number(*p, 3),
                Cell::Number(s.mean, 2),
                Cell::Number(s.deviation, 2),
                Cell::Number(s.least, 2),
                Cell::Number(s.worst, 2),
                Cell::count(s.draws as u64),
                images,
                Cell::maybe(paper(*p), 2),
            ]);
        }
        for (_, p, e) in theirs.iter().filter(|(r, at, _)| r.label == run.label && !curve.iter().any(|(p, _)| p == at))
        {
            let mut row = vec![run.label.as_str().into(), Cell::Number(*p, 3)];
            row.resize(8, Cell::Empty);
            row.push(Cell::Number(*e, 2));
            sheet.rows.push(row);
        }
    }
    sheet
}

/// The effect of computing the moments anew, where both were measured.
fn moments_table(runs: &[Run]) -> String {
    let mut sheet =
        Sheet::new(&["network", "distortion", "moments computed anew, error %", "moments as trained, error %"]);
    for run in runs {
        for distortion in distinct(run.points.iter().map(|p| p.distortion.as_str())) {
            // Both by one measure.
            let at = |moments, m: &Measure| stats::error_by(run, distortion, moments, m).map(|s| s.mean);
            let both = |m: &Measure| at(Moments::Recomputed, m).zip(at(Moments::Trained, m));
            if let Some((anew, trained)) = stats::measures(run, Moments::Trained).iter().find_map(both) {
                sheet.rows.push(vec![
                    run.label.as_str().into(),
                    distortion.into(),
                    Cell::Number(anew, 2),
                    Cell::Number(trained, 2),
                ]);
            }
        }
    }
    if sheet.rows.is_empty() {
        return String::new();
    }
    crate::report::html::details(
        "What it gains to compute the batch-norm moments anew for each distortion",
        &sheet.html("Test error with both kinds of batch-norm moments, mean over draws"),
    )
}

#[cfg(test)]
mod tests {
    use super::{options, range, split};
    use crate::eval::Moments;
    use crate::report::stats::{Measure, Stats};

    #[test]
    fn the_command_is_a_range_where_the_parameters_are_one() {
        let even: Vec<f64> = (0..=20).map(|i| f64::from(i) * 0.05).collect();
        assert_eq!(range("addnorm", even.clone(), true), "--addnorm 0:1:0.05");
        assert_eq!(range("bitflip", even, false), "--over bitflip:0:1:0.05");
        let chain = range("conv*:sign+addnorm", vec![0.0, 0.5, 1.0], false);
        assert_eq!(chain, "--distort 'conv*:sign+addnorm:0,conv*:sign+addnorm:0.5,conv*:sign+addnorm:1'");
        assert_eq!(range("quant", vec![8.0, 2.0, 4.0, 2.0], false), "--distort quant:2,quant:4,quant:8");
        assert_eq!(range("quant", vec![2.0], false), "--distort quant:2");
    }

    #[test]
    fn the_command_says_how_its_points_are_measured() {
        let at = |measure, draws| Stats { mean: 1.0, deviation: 0.0, least: 1.0, worst: 1.0, draws, measure };
        let m = Measure { images: 500, moments_batches: 5, set: "" };
        let points = [(0.0, at(m, 1)), (0.5, at(m, 2)), (1.0, at(m, 2))];
        assert_eq!(
            options("addnorm", points.into_iter(), true, &m, Moments::Trained),
            "--addnorm 0:1:0.5 --draws 2 --images 500 --moments-batches 5 --moments trained",
        );
        let m = Measure { images: 0, moments_batches: 0, set: "" };
        let of_a_log = [(0.0, at(m, 1)), (1.0, at(m, 1))].into_iter();
        assert_eq!(options("power", of_a_log, true, &m, Moments::Recomputed), "--distort power:0,power:1");
    }

    #[test]
    fn what_ends_with_its_one_number_is_a_point_of_a_curve() {
        assert_eq!(split("addnorm:0.3"), Some(("addnorm", 0.3)));
        assert_eq!(split("conv*:sign+addnorm:0.3"), Some(("conv*:sign+addnorm", 0.3)));
        for text in [
            "none",
            "stuck:0.1,0.05",
            "power:0..2",
            "addnorm:0.2+sign",
            "addnorm:0.2 except fc2",
            "conv*:sign",
            "addnorm:nan",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
