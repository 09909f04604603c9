//! The page.

use std::fmt::Write;

use super::commands::Commands;
use super::figures::{Figure, Section, TITLE};
use super::html::{code, details, escape, image, slug};
use super::read::Run;
use super::sheet::{Cell, Sheet};
use crate::eval::Moments;

/// Rows of a table within the page, at most: the file beside it has all.
const MOST_ROWS: usize = 150;

/// What the page is made of.
pub struct Content<'a> {
    /// The runs.
    pub runs: &'a [Run],
    /// What there is to show.
    pub sections: &'a [Section],
    /// What was left out.
    pub warnings: &'a [String],
    /// Commands over the runs.
    pub commands: &'a Commands,
    /// Today.
    pub date: &'a str,
    /// Every point of every run.
    pub points: &'a Sheet,
    /// Whether the page stands alone: there are no files to name.
    pub single: bool,
}

/// The page as HTML, with nothing outside it but the files that it names.
pub fn page(content: &Content) -> String {
    let names: Vec<&str> = content.runs.iter().map(|r| r.label.as_str()).collect();
    let title = match names.as_slice() {
        [one] => format!("Robustness of {one}"),
        _ => format!("Robustness of {} networks", names.len()),
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n<style>\n{1}</style>\n\
         </head>\n<body>\n<header>\n<h1>{0}</h1>\n",
        escape(&title),
        include_str!("style.css")
    );
    let _ = writeln!(
        out,
        "<p>{}</p>\n<p class=note>Written by weightproof {} on {}. This page again:</p>\n{}</header>",
        escape(&names.join(", ")),
        env!("CARGO_PKG_VERSION"),
        escape(content.date),
        code(&content.commands.report())
    );
    if !content.warnings.is_empty() {
        out += "<section class=warnings>\n<h2 id=warnings>Warnings</h2>\n<ul>\n";
        for w in content.warnings {
            let _ = writeln!(out, "<li>{}</li>", escape(w));
        }
        out += "</ul>\n</section>\n";
    }
    let shown: Vec<&Section> =
        content.sections.iter().filter(|s| !s.figures.is_empty() || !s.tables.is_empty()).collect();
    out += "<nav aria-label=Contents>\n<ul>\n";
    for heading in shown.iter().map(|s| s.heading).chain(["Runs", "What is not here"]) {
        let _ = writeln!(out, "<li><a href=\"#{}\">{}</a></li>", slug(heading), escape(heading));
    }
    out += "</ul>\n</nav>\n<main>\n";
    for s in shown {
        section(&mut out, s, content.single);
    }
    runs(&mut out, content);
    missing(&mut out, content.sections);
    out + "</main>\n</body>\n</html>\n"
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "<h2 id=\"{}\">{}</h2>", slug(text), escape(text));
}

fn section(out: &mut String, s: &Section, single: bool) {
    out.push_str("<section>\n");
    heading(out, s.heading);
    if !s.about.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escape(&s.about));
    }
    out.push_str(&s.tables);
    for f in &s.figures {
        figure(out, f, single);
    }
    out.push_str("</section>\n");
}

fn figure(out: &mut String, f: &Figure, single: bool) {
    let id = &f.id;
    let files = format!(
        " Files: <a href=\"figures/{id}.svg\">SVG</a>, <a href=\"figures/{id}.png\">PNG</a>, <a href=\"data/{id}.csv\">data</a>."
    );
    let _ = writeln!(
        out,
        "<figure id=\"{id}\">\n<h3>{}</h3>\n{}\n<figcaption>{}{}</figcaption>\n{}{}</figure>",
        escape(&f.title),
        image(&f.drawing, TITLE, &f.description),
        escape(&f.caption),
        if single { "" } else { &files },
        details("The numbers", &table(&f.data, &f.title, id, single)),
        made_with(&f.command),
    );
}

/// The command behind a figure; several open on a click.
fn made_with(command: &str) -> String {
    match command.lines().count() {
        0 => String::new(),
        1 | 2 => format!("<p class=note>Made with</p>\n{}", code(command)),
        _ => details("Made with these commands", &code(command)),
    }
}

/// A table, cut where it would be too long to read.
fn table(sheet: &Sheet, caption: &str, id: &str, single: bool) -> String {
    if sheet.rows.len() <= MOST_ROWS {
        return format!("<div class=wide>{}</div>", sheet.html(caption));
    }
    let part = Sheet { columns: sheet.columns.clone(), rows: sheet.rows[..MOST_ROWS].to_vec() };
    let all = match single {
        true => "a report without --single has all in a file".to_owned(),
        false => format!("<a href=\"data/{id}.csv\">data/{id}.csv</a> has all"),
    };
    format!(
        "<div class=wide>{}</div>\n<p class=note>The first {MOST_ROWS} of {} rows; {all}.</p>\n",
        part.html(caption),
        sheet.rows.len()
    )
}

/// Name of the file of all points.
pub const POINTS: &str = "points";

/// Every point of every run.
pub fn points(runs: &[Run]) -> Sheet {
    let mut sheet = Sheet::new(&[
        "network",
        "step",
        "distortion",
        "draw",
        "seed",
        "moments",
        "moments batches",
        "test images",
        "error, %",
        "top-5 error, %",
        "loss",
    ]);
    let changed = runs.iter().flat_map(|r| &r.points).any(|p| !p.set.is_empty());
    if changed {
        sheet.columns.push("changed for the test");
    }
    for (run, p) in runs.iter().flat_map(|r| r.points.iter().map(move |p| (r, p))) {
        let moments = match p.moments {
            Moments::Recomputed => "recomputed",
            Moments::Trained => "trained",
        };
        let known = |n: u64| if p.images == 0 { Cell::Empty } else { Cell::count(n) };
        let mut row = vec![
            run.label.as_str().into(),
            Cell::count(p.step),
            p.distortion.as_str().into(),
            Cell::count(p.draw),
            // A seed has 64 bits, more than a number of a table.
            if p.images == 0 { Cell::Empty } else { Cell::Text(p.seed.to_string()) },
            moments.into(),
            known(p.moments_batches),
            known(p.images),
            Cell::Number(p.error, 2),
            Cell::maybe(p.top5_error, 2),
            Cell::Number(p.loss, 4),
        ];
        if changed {
            row.push(p.set.as_str().into());
        }
        sheet.rows.push(row);
    }
    sheet
}

fn runs(out: &mut String, content: &Content) {
    out.push_str("<section>\n");
    heading(out, "Runs");
    let mut overview = Sheet::new(&[
        "network",
        "trained under",
        "clip",
        "width",
        "data",
        "training images",
        "epochs",
        "steps done",
        "seed",
    ]);
    for run in content.runs {
        let keys = run.keys();
        let key = |k: &str| keys.get(k).map_or(Cell::Empty, |t| Cell::Text(t.clone()));
        let train =
            if keys.contains_key("data.set") { keys.get("data.train").map_or("all", String::as_str) } else { "" };
        overview.rows.push(vec![
            run.label.as_str().into(),
            key("projection"),
            key("clip.factor"),
            key("width"),
            key("data.set"),
            train.into(),
            key("epochs"),
            run.step().map_or(Cell::Empty, Cell::count),
            key("seed"),
        ]);
    }
    let _ = write!(out, "<div class=wide>{}</div>", overview.html("What was trained"));
    for run in content.runs {
        let _ = writeln!(out, "<h3>{}</h3>\n<ul>", escape(&run.label));
        let mut item = |name: &str, text: &str| {
            let _ = writeln!(out, "<li>{name}: {}</li>", escape(text));
        };
        item("folder", &run.subject.display().to_string());
        for (name, key) in [("adapter", "adapter"), ("started", "started"), ("program", "version")] {
            if let Some(text) = run.text(key) {
                item(name, text);
            }
        }
        for resumed in run.info["resumed"].as_array().into_iter().flatten() {
            let text = |k: &str| resumed[k].as_str().unwrap_or("unknown").to_owned();
            item("resumed", &format!("after step {} on {}, {}", resumed["step"], text("time"), text("adapter")));
        }
        out.push_str("</ul>\n");
        if let Some(command) = run.text("command") {
            out.push_str(&code(command));
        }
        if let Some(toml) = run.text("preset_toml") {
            out.push_str(&details("The preset, whole", &code(toml)));
        }
        let variants: Vec<String> = run.info["variants"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| format!("{k} = {}", v.as_str().unwrap_or_default()))
            .collect();
        if !variants.is_empty() {
            out.push_str(&details("Variants of the kernels", &code(&variants.join("\n"))));
        }
    }
    if !content.points.rows.is_empty() {
        let summary = "Every point that was measured";
        out.push_str(&details(summary, &table(content.points, summary, POINTS, content.single)));
    }
    out.push_str("</section>\n");
}

fn missing(out: &mut String, sections: &[Section]) {
    out.push_str("<section>\n");
    heading(out, "What is not here");
    let all: Vec<&(String, String)> = sections.iter().flat_map(|s| &s.missing).collect();
    if all.is_empty() {
        out.push_str("<p>Nothing: there are data for every figure.</p>\n");
    } else {
        out.push_str("<p>There are no data for these figures. Run the command, then the report again.</p>\n");
    }
    for (title, command) in all {
        let _ = writeln!(out, "<p>{}</p>\n{}", escape(title), code(command));
    }
    out.push_str("</section>\n");
}
