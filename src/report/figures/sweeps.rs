//! Figure 2: the test error over the parameter of a distortion, for any number of networks.

use std::collections::BTreeMap;

use super::plot::{self, EDGE, WIDTH};
use super::{Figure, Section, distinct};
use crate::eval::Moments;
use crate::figure::Style;
use crate::figure::axes::{Axes, Axis};
use crate::report::commands::{Commands, thoroughness};
use crate::report::html::slug;
use crate::report::paper;
use crate::report::quote;
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet, thousands};
use crate::report::stats::{self, Stats};

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
        title: "Figure 2C: test error over the exponent of the weights",
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
        figures.extend(distinct(known).into_iter().filter_map(|name| figure(name, runs, moments, commands)));
    }
    let missing = FAMILIES[..3]
        .iter()
        .filter(|f| !figures.iter().any(|made| made.id == id(f.name, Moments::Recomputed)))
        .map(|f| (f.title.to_owned(), commands.sweep(f.option)))
        .collect();
    let about = "Mean over the draws; the band reaches from the best to the worst draw. One draw is one distorted network: \
                 batch-norm moments are computed for it on training images, then the test images are classified.";
    Section {
        heading: "Error over the strength of a distortion",
        about: about.into(),
        tables: moments_table(runs),
        figures,
        missing,
    }
}

fn id(name: &str, moments: Moments) -> String {
    match moments {
        Moments::Recomputed => format!("sweep-{}", slug(name)),
        Moments::Trained => format!("sweep-{}-moments-trained", slug(name)),
    }
}

/// The points of a run, by parameter.
fn curve(run: &Run, name: &str, same: &[(f64, &str)], moments: Moments) -> Vec<(f64, Stats)> {
    let own = distinct(run.points.iter().filter(|p| p.moments == moments).map(|p| p.distortion.as_str()));
    let mut at: Vec<(f64, Stats)> = own
        .into_iter()
        .filter_map(|d| {
            split(d).filter(|(n, _)| *n == name).and_then(|(_, p)| Some((p, stats::error(run, d, moments)?)))
        })
        .collect();
    if at.len() < 2 {
        return vec![];
    }
    for (parameter, distortion) in same {
        if !at.iter().any(|(p, _)| p == parameter) {
            at.extend(stats::error(run, distortion, moments).map(|s| (*parameter, s)));
        }
    }
    at.sort_by(|a, b| a.0.total_cmp(&b.0));
    at
}

fn figure(name: &str, runs: &[Run], moments: Moments, commands: &Commands) -> Option<Figure> {
    let family = FAMILIES.iter().find(|f| f.name == name);
    let same = family.map_or(&[][..], |f| f.same);
    let curves: Vec<(&Run, Vec<(f64, Stats)>)> =
        runs.iter().map(|r| (r, curve(r, name, same, moments))).filter(|(_, c)| !c.is_empty()).collect();
    if curves.is_empty() {
        return None;
    }
    let theirs: Vec<(&Run, f64, f64)> = curves.iter().flat_map(|(run, _)| papers(run, name, same)).collect();
    let all = || curves.iter().flat_map(|(_, c)| c);
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
    let mut keys = plot::keys(curves.iter().map(|(r, _)| *r));
    if !theirs.is_empty() {
        keys.push(plot::paper("hollow: the paper's value for this network", Style::of(0)));
    }
    let (mut d, begin) = plot::begin(&title, &keys, 400.0);
    let axes = Axes::within([10.0, begin + 8.0, WIDTH - EDGE, begin + 392.0], x, y);
    axes.draw(&mut d);
    for (run, curve) in &curves {
        plot::band(&mut d, &axes, &curve.iter().map(|(p, s)| [*p, s.least, s.worst]).collect::<Vec<_>>(), run.style);
    }
    for (run, curve) in &curves {
        plot::line(&mut d, &axes, &curve.iter().map(|(p, s)| [*p, s.mean]).collect::<Vec<_>>(), run.style);
    }
    for (i, (run, parameter, error)) in theirs.iter().enumerate() {
        // Values at one parameter are moved apart.
        let same = |t: &&(&Run, f64, f64)| t.1 == *parameter;
        let (before, all) = (theirs[..i].iter().filter(same).count(), theirs.iter().filter(same).count());
        let [x, y] = axes.at(*parameter, *error);
        d.hollow(run.style.mark, [x + plot::beside(before, all, 36.0), y], 5.0, run.style.color);
    }
    let own_option = family.is_some_and(|f| !f.option.is_empty());
    let made_with: Vec<String> =
        options(name, all().copied(), own_option, moments).iter().map(|o| commands.sweep(o)).collect();
    let description = format!(
        "Line chart of the test error in per cent over the parameter of {name}, from {first} to {last}, one line for each of \
         {} networks. The table below has the numbers.",
        curves.len()
    );
    Some(Figure {
        id: id(name, moments),
        title,
        caption: caption(&curves, moments, !theirs.is_empty()),
        description,
        drawing: d,
        data: sheet(&curves, &theirs),
        command: made_with.join("\n"),
    })
}

/// What `sweep` is told to test these points: once for each number of test images and of batches for the moments.
fn options(name: &str, points: impl Iterator<Item = (f64, Stats)>, own_option: bool, moments: Moments) -> Vec<String> {
    let mut groups: BTreeMap<(u64, u64), (Vec<f64>, usize)> = BTreeMap::new();
    for (parameter, s) in points {
        let group = groups.entry((s.images, s.moments_batches)).or_default();
        group.0.push(parameter);
        group.1 = s.draws.max(group.1);
    }
    let one = |((images, batches), (parameters, draws)): ((u64, u64), (Vec<f64>, usize))| {
        let mut text = range(name, parameters, own_option);
        if draws > 1 {
            text += &format!(" --draws {draws}");
        }
        text += &thoroughness(images, batches);
        if moments == Moments::Trained {
            text += " --moments trained";
        }
        text
    };
    groups.into_iter().map(one).collect()
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
    let Some(net) = paper::find(&run.preset) else { return vec![] };
    let at_same = same.iter().filter_map(|(p, d)| Some((*p, net.error(d)?)));
    let own = net.more.iter().filter_map(|(d, e)| split(d).filter(|(n, _)| *n == name).map(|(_, p)| (p, *e)));
    at_same.chain(own).map(|(p, e)| (run, p, e)).collect()
}

fn caption(curves: &[(&Run, Vec<(f64, Stats)>)], moments: Moments, theirs: bool) -> String {
    let span = |values: Vec<u64>| match (values.iter().min(), values.iter().max()) {
        (Some(a), Some(b)) if a == b => thousands(*a),
        (Some(a), Some(b)) => format!("{} to {}", thousands(*a), thousands(*b)),
        _ => String::from("unknown"),
    };
    let all = || curves.iter().flat_map(|(_, c)| c);
    let draws = span(all().map(|(_, s)| s.draws as u64).collect());
    let images = span(all().map(|(_, s)| s.images).filter(|n| *n > 0).collect());
    let moments = match moments {
        Moments::Recomputed => "computed anew for every draw",
        Moments::Trained => "those of the undistorted training, not computed anew",
    };
    let theirs = if theirs {
        " Hollow marks: values that the paper gives, moved apart where they have one parameter; its networks have full width."
    } else {
        ""
    };
    let draws = if draws == "1" { "One draw".into() } else { format!("{draws} draws") };
    format!("{draws} a point, {images} test images, batch-norm moments {moments}.{theirs}")
}

fn sheet(curves: &[(&Run, Vec<(f64, Stats)>)], theirs: &[(&Run, f64, f64)]) -> Sheet {
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
    for (run, curve) in curves {
        let paper = |p: f64| theirs.iter().find(|(r, at, _)| r.label == run.label && *at == p).map(|t| t.2);
        for (p, s) in curve {
            let images = if s.images == 0 { Cell::Empty } else { Cell::count(s.images) };
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
            let at = |moments| stats::error(run, distortion, moments).map(|s| s.mean);
            if let (Some(anew), Some(trained)) = (at(Moments::Recomputed), at(Moments::Trained)) {
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
    use crate::report::stats::Stats;

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
    fn points_over_other_numbers_of_images_have_a_command_of_their_own() {
        let at = |images, moments_batches, draws| Stats {
            mean: 1.0,
            deviation: 0.0,
            least: 1.0,
            worst: 1.0,
            draws,
            images,
            moments_batches,
        };
        let points = [(0.0, at(500, 5, 1)), (0.5, at(500, 5, 2)), (0.55, at(1000, 20, 4)), (1.0, at(500, 5, 2))];
        assert_eq!(
            options("addnorm", points.into_iter(), true, Moments::Trained),
            [
                "--addnorm 0:1:0.5 --draws 2 --images 500 --moments-batches 5 --moments trained",
                "--distort addnorm:0.55 --draws 4 --images 1000 --moments-batches 20 --moments trained",
            ]
        );
        let of_a_log = [(0.0, at(0, 0, 1)), (1.0, at(0, 0, 1))].into_iter();
        assert_eq!(options("power", of_a_log, true, Moments::Recomputed), ["--distort power:0,power:1"]);
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
