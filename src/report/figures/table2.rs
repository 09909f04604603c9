//! Table 2 of Merolla et al. 2016, ours and theirs side by side; the same as a figure.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::plot::{self, EDGE, WIDTH};
use super::{Figure, Section, distinct};
use crate::eval::{Moments, Point};
use crate::figure::axes::{Axes, Axis};
use crate::figure::legend::{Key, Symbol};
use crate::figure::{INK, PALETTE, Style};
use crate::report::commands::{Commands, thoroughness};
use crate::report::differs::{Difference, differences};
use crate::report::html::escape;
use crate::report::paper::{self, NETS, Net};
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet, thousands};
use crate::report::stats::{self, Stats};

/// The columns: distortion, and what the paper calls it.
const COLUMNS: [(&str, &str); 4] =
    [("none", "Te-None"), ("sign", "Te-Sign"), ("round", "Te-Round"), ("addnorm:0.3", "AddNorm 0.3")];

/// A row: a run, a network of the paper, or both.
struct Row<'a> {
    run: Option<&'a Run>,
    net: Option<&'static Net>,
}

impl Row<'_> {
    fn name(&self) -> String {
        match (self.run, self.net) {
            (Some(run), Some(net)) if run.label.eq_ignore_ascii_case(net.name) => net.name.into(),
            (Some(run), _) => run.label.clone(),
            (None, net) => net.map_or(String::new(), |n| n.name.into()),
        }
    }

    fn ours(&self, distortion: &str) -> Option<Stats> {
        stats::error(self.run?, distortion, Moments::Recomputed)
    }

    fn theirs(&self, distortion: &str) -> Option<f64> {
        self.net?.error(distortion)
    }
}

/// The paper's order first, where a network of the paper is there; then the others.
fn rows(runs: &[Run]) -> Vec<Row<'_>> {
    let mut rows = vec![];
    if runs.iter().any(|r| paper::find(&r.preset).is_some()) {
        for net in &NETS {
            let own = runs.iter().filter(|r| paper::find(&r.preset) == Some(net));
            let before = rows.len();
            rows.extend(own.map(|run| Row { run: Some(run), net: Some(net) }));
            if rows.len() == before {
                rows.push(Row { run: None, net: Some(net) });
            }
        }
    }
    let others = runs.iter().filter(|r| paper::find(&r.preset).is_none());
    rows.extend(others.map(|run| Row { run: Some(run), net: None }));
    rows
}

/// The section.
pub fn section(runs: &[Run], commands: &Commands) -> Section {
    let rows = rows(runs);
    let mut section = Section {
        heading: "Table 2: test error under projected weights",
        about: String::new(),
        tables: String::new(),
        figures: vec![],
        missing: vec![],
    };
    let shown: BTreeSet<(u64, u64)> = rows
        .iter()
        .flat_map(|r| COLUMNS.iter().filter_map(|(d, _)| r.ours(d)))
        .map(|s| (s.images, s.moments_batches))
        .collect();
    let with = match shown.into_iter().collect::<Vec<_>>().as_slice() {
        [(images, batches)] => thoroughness(*images, *batches),
        _ => String::new(),
    };
    let command = commands.sweep(&format!("--distort 'none,sign,round,addnorm:0.3 x4'{with}"));
    if !rows.iter().any(|r| COLUMNS.iter().any(|(d, _)| r.ours(d).is_some())) {
        section.missing.push((section.heading.into(), command));
        return section;
    }
    let papers = rows.iter().any(|r| r.net.is_some());
    section.about = match papers {
        true => "A network is trained under one projection (its name) and tested under another (the column). The batch-norm \
                 moments are computed anew on training images for each."
            .into(),
        false => "The weights are projected, the batch-norm moments computed anew on training images, the test images classified.".into(),
    };
    section.tables = table(&rows, papers) + &deviations(runs);
    section.figures.push(figure(&rows, papers, command));
    section
}

/// A colour for a difference in points, stronger for a greater one: blue where ours is lower, orange where it is higher.
fn tone(difference: f64) -> String {
    let strength = (difference.abs() / 30.0).sqrt().clamp(0.0, 1.0) * 0.6;
    let color = if difference < 0.0 { PALETTE[5] } else { PALETTE[4] };
    color.tint(strength).hex()
}

fn ours(s: Option<Stats>) -> String {
    match s {
        None => "<td class=n>–</td>".into(),
        Some(s) if s.draws > 1 => format!("<td class=n>{:.2} ± {:.2}</td>", s.mean, s.deviation),
        Some(s) => format!("<td class=n>{:.2}</td>", s.mean),
    }
}

fn table(rows: &[Row], papers: bool) -> String {
    let mut out = String::from("<div class=wide><table class=tight>\n<caption>");
    out += match papers {
        true => {
            "Test error in per cent: ours, the paper's, and the difference in points (blue: ours is lower; orange: ours is higher). \
             ± is the deviation over draws."
        }
        false => "Test error in per cent; ± is the deviation over draws.",
    };
    out += "</caption>\n<thead>\n";
    let shown: Vec<(&str, &str)> = COLUMNS
        .into_iter()
        .filter(|(d, _)| rows.iter().any(|r| r.ours(d).is_some() || r.theirs(d).is_some()))
        .collect();
    let given = |d: &str| rows.iter().any(|r| r.theirs(d).is_some());
    let (mut names, mut parts) = (String::new(), String::new());
    for (distortion, name) in &shown {
        if given(distortion) {
            let _ = write!(names, "<th scope=colgroup colspan=3>{name}</th>");
            parts += "<th scope=col>ours</th><th scope=col>paper</th><th scope=col>difference</th>";
        } else {
            let _ = write!(names, "<th scope=col>{name}</th>");
            parts += "<th scope=col>ours</th>";
        }
    }
    if papers {
        let _ = writeln!(out, "<tr><td></td>{names}</tr>\n<tr><th scope=col>network</th>{parts}</tr>");
    } else {
        let _ = writeln!(out, "<tr><th scope=col>network</th>{names}</tr>");
    }
    out += "</thead>\n<tbody>\n";
    for row in rows {
        let _ = write!(out, "<tr><th scope=row>{}</th>", escape(&row.name()));
        for (distortion, _) in &shown {
            let (mine, theirs) = (row.ours(distortion), row.theirs(distortion));
            out += &ours(mine);
            if given(distortion) {
                let _ = write!(out, "<td class=n>{}</td>", theirs.map_or("–".into(), |t| format!("{t:.2}")));
                match mine.zip(theirs).map(|(m, t)| m.mean - t) {
                    Some(d) => {
                        let _ = write!(out, "<td class=n style=\"background:{}\">{d:+.2}</td>", tone(d));
                    }
                    None => out += "<td class=n>–</td>",
                }
            }
        }
        out += "</tr>\n";
    }
    out += "</tbody>\n</table></div>\n";
    if papers {
        let _ = writeln!(out, "<p class=note>Paper: {}.</p>", escape(paper::SOURCE));
    }
    out += &measured(rows);
    out
}

/// Over how many images, and batches for the moments, the errors are.
fn measured(rows: &[Row]) -> String {
    let points = || {
        let runs = rows.iter().filter_map(|r| r.run);
        let of = |p: &&Point| p.moments == Moments::Recomputed && COLUMNS.iter().any(|(d, _)| *d == p.distortion);
        runs.flat_map(|r| &r.points).filter(of)
    };
    let all = |number: fn(&Point) -> u64| {
        let known = points().filter(|p| p.images > 0).map(number);
        distinct(known).into_iter().map(thousands).collect::<Vec<_>>().join("; ")
    };
    let mut out = String::new();
    if points().any(|p| p.images > 0) {
        let (images, batches) = (all(|p| p.images), all(|p| p.moments_batches));
        let _ = writeln!(out, "<p class=note>Test images: {images}. Training batches for the moments: {batches}.</p>");
    }
    if points().any(|p| p.images == 0) {
        out += "<p class=note>Errors that no sweep measured are those of the test at the end of training, from the log.</p>\n";
    }
    out
}

/// Where our runs are not what the paper ran.
fn deviations(runs: &[Run]) -> String {
    let own: Vec<(&Run, Vec<Difference>)> =
        runs.iter().filter(|r| paper::find(&r.preset).is_some()).map(|r| (r, differences(r))).collect();
    if own.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h3>Where these runs differ from the paper's</h3>\n");
    let all = |d: &Difference| own.iter().all(|(_, ds)| ds.contains(d));
    let common: Vec<&Difference> = own[0].1.iter().filter(|d| all(d)).collect();
    if own.iter().all(|(_, d)| d.is_empty()) {
        return out + "<p>No key of their presets differs from those of the paper's networks.</p>\n";
    }
    out += "<table>\n<caption>Keys of the presets that are not as in the paper; numbers of networks that differ in them \
            cannot be compared as they stand</caption>\n<thead><tr><th scope=col>network</th><th scope=col>key</th>\
            <th scope=col>here</th><th scope=col>paper</th></tr></thead>\n<tbody>\n";
    let mut line = |name: &str, d: &Difference| {
        let [key, ours, paper] = [&d.key, &d.ours, &d.paper].map(|t| escape(t));
        let _ =
            writeln!(out, "<tr><th scope=row>{}</th><td>{key}</td><td>{ours}</td><td>{paper}</td></tr>", escape(name));
    };
    for d in &common {
        line(if own.len() > 1 { "all" } else { &own[0].0.label }, d);
    }
    for (run, ds) in &own {
        for d in ds.iter().filter(|d| !common.contains(d)) {
            line(&run.label, d);
        }
    }
    out + "</tbody>\n</table>\n"
}

fn figure(rows: &[Row], papers: bool, command: String) -> Figure {
    let title = if papers { "Table 2 as a figure" } else { "Test error under projected weights" };
    let shown: Vec<&Row> = rows.iter().filter(|r| COLUMNS.iter().any(|(d, _)| r.ours(d).is_some())).collect();
    let mut keys: Vec<Key> = COLUMNS
        .iter()
        .enumerate()
        .filter(|(_, (d, _))| shown.iter().any(|r| r.ours(d).is_some()))
        .map(|(i, (_, name))| {
            let style = Style::of(i);
            Key { symbol: Symbol::Mark(style.mark), color: style.color, text: (*name).into() }
        })
        .collect();
    if papers {
        keys.push(plot::paper("hollow: the paper's value", Style::of(0)));
    }
    let (mut d, begin) = plot::begin(title, &keys, 360.0);
    let errors = shown.iter().flat_map(|r| {
        COLUMNS
            .iter()
            .flat_map(|(d, _)| [r.ours(d).map(|s| s.least), r.ours(d).map(|s| s.worst), r.theirs(d)])
            .flatten()
    });
    let (low, high) = errors.filter(|e| *e > 0.0).fold((100.0, 1.0), |(a, b): (f64, f64), e| (a.min(e), b.max(e)));
    let axes = Axes::within(
        [10.0, begin + 8.0, WIDTH - EDGE, begin + 352.0],
        Axis::names(shown.iter().map(|r| r.name()).collect(), ""),
        Axis::log([low / 1.3, (high * 1.15).min(100.0)], "test error, %"),
    );
    axes.draw(&mut d);
    let room = 0.8 * (axes.area[2] - axes.area[0]) / shown.len().max(1) as f64;
    for (place, row) in shown.iter().enumerate() {
        for (i, (distortion, _)) in COLUMNS.iter().enumerate() {
            let (style, shift) = (Style::of(i), plot::beside(i, COLUMNS.len(), room));
            let at = |error: f64| {
                let [x, y] = axes.at(place as f64 + 0.5, error);
                [x + shift, y]
            };
            let (mine, theirs) = (row.ours(distortion), row.theirs(distortion));
            if let (Some(m), Some(t)) = (mine, theirs) {
                d.line(&[at(m.mean), at(t)], 1.0, Default::default(), style.color);
            }
            if let Some(t) = theirs {
                d.hollow(style.mark, at(t), 4.5, style.color);
            }
            if let Some(m) = mine {
                d.line(&[at(m.least), at(m.worst)], 2.5, Default::default(), INK);
                d.mark(style.mark, at(m.mean), 5.0, style.color);
            }
        }
    }
    let mut data = Sheet::new(&[
        "network",
        "distortion",
        "error, %",
        "deviation",
        "draws",
        "test images",
        "paper, %",
        "difference, points",
    ]);
    for row in rows {
        for (distortion, _) in COLUMNS {
            let (mine, theirs) = (row.ours(distortion), row.theirs(distortion));
            if mine.is_none() && theirs.is_none() {
                continue;
            }
            data.rows.push(vec![
                Cell::Text(row.name()),
                distortion.into(),
                Cell::maybe(mine.map(|m| m.mean), 2),
                Cell::maybe(mine.map(|m| m.deviation), 2),
                mine.map_or(Cell::Empty, |m| Cell::count(m.draws as u64)),
                mine.filter(|m| m.images > 0).map_or(Cell::Empty, |m| Cell::count(m.images)),
                Cell::maybe(theirs, 2),
                Cell::maybe(mine.zip(theirs).map(|(m, t)| m.mean - t), 2),
            ]);
        }
    }
    let description = format!(
        "Chart of the test errors of the table above on a logarithmic axis, a group of marks for each of {} networks.",
        shown.len()
    );
    let caption = match papers {
        true => "Filled: ours; hollow: the paper's; the line between them is the difference. The axis is logarithmic.",
        false => "The axis is logarithmic; a dark line reaches from the best to the worst draw.",
    };
    Figure { id: "table2".into(), title: title.into(), caption: caption.into(), description, drawing: d, data, command }
}
