//! Table 2 of Merolla et al. 2016, ours and theirs side by side; the same as a figure.

use std::fmt::Write;

use super::plot::{self, EDGE, WIDTH};
use super::{Figure, Section};
use crate::eval::Moments;
use crate::figure::axes::{Axes, Axis};
use crate::figure::legend::{Key, Symbol};
use crate::figure::{INK, PALETTE, Style};
use crate::report::commands::Commands;
use crate::report::differences::{Difference, differences};
use crate::report::html::escape;
use crate::report::paper::{self, NETS, Net};
use crate::report::read::Run;
use crate::report::sheet::{Cell, Sheet};
use crate::report::stats::{self, Measure, Stats};

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

    fn ours(&self, distortion: &str) -> Option<Stats<'_>> {
        stats::error(self.run?, distortion, Moments::Recomputed)
    }

    /// What the figure shows: errors that are measured otherwise than most are in the table alone.
    fn drawn(&self, distortion: &str, measures: &[Measure]) -> Option<Stats<'_>> {
        self.ours(distortion).filter(|s| measures.first().is_some_and(|most| most.is_like(&s.measure)))
    }

    fn theirs(&self, distortion: &str) -> Option<f64> {
        self.net?.error(distortion)
    }
}

/// The paper's order first, where a network of the paper is there; then the others.
fn rows(runs: &[Run]) -> Vec<Row<'_>> {
    let mut rows = vec![];
    if runs.iter().any(|r| r.cifar().is_some()) {
        for net in &NETS {
            let own = runs.iter().filter(|r| r.cifar() == Some(net));
            let before = rows.len();
            rows.extend(own.map(|run| Row { run: Some(run), net: Some(net) }));
            if rows.len() == before {
                rows.push(Row { run: None, net: Some(net) });
            }
        }
    }
    let others = runs.iter().filter(|r| r.cifar().is_none() && r.wide().is_none() && r.alexnet().is_none());
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
    let measures = measures(&rows);
    let with = match measures.as_slice() {
        [one] => one.options(),
        _ => String::new(),
    };
    let command = commands.sweep(&format!("--distort 'none,sign,round,addnorm:0.3 x4'{with}"));
    if rows.is_empty() {
        return section;
    }
    if !rows.iter().any(|r| COLUMNS.iter().any(|(d, _)| r.ours(d).is_some())) {
        section.missing.push((section.heading.into(), command));
        return section;
    }
    let papers = rows.iter().any(|r| r.net.is_some());
    let moments = measures.iter().any(|m| m.images == 0 || m.moments_batches > 0);
    section.about = match papers {
        true => "A network is trained under one projection (its name) and tested under another (the column).",
        false => "The weights are projected, and the test images classified.",
    }
    .into();
    if moments {
        section.about += " The batch-norm moments are computed anew on training images for each projection.";
    }
    let own: Vec<&Run> = runs.iter().filter(|r| r.cifar().is_some()).collect();
    section.tables = table(&rows, papers, &measures) + &deviations(&own);
    section.figures.push(figure(&rows, papers, &measures, command));
    section
}

/// A colour for a difference in points, stronger for a greater one: blue where ours is lower, orange where it is higher.
fn tone(difference: f64) -> String {
    let strength = (difference.abs() / 30.0).sqrt().clamp(0.0, 1.0) * 0.6;
    let color = if difference < 0.0 { PALETTE[5] } else { PALETTE[4] };
    color.tint(strength).hex()
}

/// What the errors of the table are over: what most are first, then the others, each a mark in its cells.
fn measures<'a>(rows: &'a [Row]) -> Vec<Measure<'a>> {
    let all: Vec<Measure> =
        rows.iter().flat_map(|r| COLUMNS.iter().filter_map(|(d, _)| r.ours(d))).map(|s| s.measure).collect();
    let mut groups = stats::groups(all.iter().copied());
    groups.sort_by_key(|group| std::cmp::Reverse(all.iter().filter(|m| group.is_like(m)).count()));
    groups
}

/// The mark of a cell that is not measured as most are.
fn mark(s: &Stats, measures: &[Measure]) -> String {
    match measures.iter().position(|m| m.is_like(&s.measure)) {
        None | Some(0) => String::new(),
        Some(i) => format!("<sup>{}</sup>", letter(i)),
    }
}

/// `a` for 1, `b` for 2, ...; numbers where there are no more letters.
fn letter(i: usize) -> String {
    let one = u32::try_from(i).ok().and_then(|i| char::from_digit(i + 9, 36));
    one.map_or_else(|| i.to_string(), String::from)
}

fn ours(s: Option<Stats>, measures: &[Measure]) -> String {
    let Some(s) = s else { return "<td class=n>–</td>".into() };
    let spread = if s.draws > 1 { format!(" ± {:.2}", s.deviation) } else { String::new() };
    format!("<td class=n>{:.2}{spread}{}</td>", s.mean, mark(&s, measures))
}

fn table(rows: &[Row], papers: bool, measures: &[Measure]) -> String {
    let mut out = String::from("<div class=wide><table class=tight>\n<caption>");
    out += match papers {
        true => {
            "Test error in per cent: ours, the paper's, and the difference in points (blue: ours is lower; orange: ours is higher)."
        }
        false => "Test error in per cent.",
    };
    if rows.iter().any(|r| COLUMNS.iter().any(|(d, _)| r.ours(d).is_some_and(|s| s.draws > 1))) {
        out += " ± is the deviation over draws.";
    }
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
            out += &ours(mine, measures);
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
    out += &measured(measures);
    out
}

/// What the errors are over.
fn measured(measures: &[Measure]) -> String {
    let mut out = String::new();
    for (i, m) in measures.iter().enumerate() {
        let over = match m.images {
            0 => "the test at the end of training; its log does not say over how many images".into(),
            _ => m.text(),
        };
        let which = match (i, measures.len()) {
            (0, 1) => String::new(),
            (0, _) => "Unless marked: ".into(),
            _ => format!("<sup>{}</sup> ", letter(i)),
        };
        let _ = writeln!(out, "<p class=note>{which}{}.</p>", escape(&over));
    }
    out
}

/// Where runs of a paper's networks are not what the paper ran.
pub fn deviations(runs: &[&Run]) -> String {
    let own: Vec<(&Run, Vec<Difference>)> = runs.iter().map(|r| (*r, differences(r))).collect();
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

fn figure(rows: &[Row], papers: bool, measures: &[Measure], command: String) -> Figure {
    let title = if papers { "Table 2 as a figure" } else { "Test error under projected weights" };
    let shown: Vec<&Row> =
        rows.iter().filter(|r| COLUMNS.iter().any(|(d, _)| r.drawn(d, measures).is_some())).collect();
    let mut keys: Vec<Key> = COLUMNS
        .iter()
        .enumerate()
        .filter(|(_, (d, _))| shown.iter().any(|r| r.drawn(d, measures).is_some()))
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
            .flat_map(|(d, _)| {
                [r.drawn(d, measures).map(|s| s.least), r.drawn(d, measures).map(|s| s.worst), r.theirs(d)]
            })
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
            let (mine, theirs) = (row.drawn(distortion, measures), row.theirs(distortion));
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
                mine.filter(|m| m.measure.images > 0).map_or(Cell::Empty, |m| Cell::count(m.measure.images)),
                Cell::maybe(theirs, 2),
                Cell::maybe(mine.zip(theirs).map(|(m, t)| m.mean - t), 2),
            ]);
        }
    }
    let description = format!(
        "Chart of the test errors of the table above on a logarithmic axis, a group of marks for each of {} networks.",
        shown.len()
    );
    let mut caption = match papers {
        true => "Filled: ours; hollow: the paper's; the line between them is the difference. ",
        false => "",
    }
    .to_owned();
    caption += "The axis is logarithmic";
    if shown.iter().any(|r| COLUMNS.iter().any(|(d, _)| r.drawn(d, measures).is_some_and(|s| s.draws > 1))) {
        caption += "; a dark line reaches from the best to the worst draw";
    }
    caption += &match measures {
        [_] => ".".into(),
        several => format!(". Only errors over {}; the others are in the table.", several[0].text()),
    };
    Figure { id: "table2".into(), title: title.into(), caption, description, drawing: d, data, command }
}
