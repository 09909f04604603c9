//! Reports: the tables and figures of one or many runs as one HTML page that needs no network, and the same figures as SVG
//! and PNG files with their numbers as CSV. A report reads what `train`, `sweep` and `analyze` wrote and computes nothing.

mod commands;
mod differences;
mod figures;
mod html;
mod page;
mod paper;
mod read;
mod sheet;
mod shell;
mod stats;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::files;
use commands::Commands;
use figures::Section;
use sheet::Sheet;

pub use shell::quote;

/// Pixels of a PNG per pixel of the layout.
const PNG_SCALE: f64 = 2.0;

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// Figures in it.
    pub figures: usize,
    /// What was left out, for the user to know.
    pub warnings: Vec<String>,
}

/// The folder of a report if none is given: `report` in the folder of the run, if it is one; for several,
/// `runs/report-<date>-<time>` (UTC).
pub fn default_folder(subjects: &[PathBuf]) -> PathBuf {
    match subjects {
        [one] if one.is_dir() => one.join("report"),
        [one] => one.with_extension("report"),
        _ => Path::new("runs").join(format!("report-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"))),
    }
}

/// Writes the report of runs to a folder, which is made: `index.html`, and unless it is to be a `single` file
/// `figures/*.svg`, `figures/*.png`, `data/*.csv`. Files of the same names are replaced.
///
/// `subjects` are run folders, or files of weights that were swept or analysed.
///
/// # Errors
/// No run; one that does not exist or has nothing to tell; what the disk reports.
pub fn write(subjects: &[PathBuf], out: &Path, single: bool) -> Result<Written> {
    let mut warnings = vec![];
    let runs = read::runs(subjects, &mut warnings)?;
    let commands = Commands::new(&runs, out, single);
    let sections = figures::sections(&runs, &commands);
    let points = page::points(&runs);
    fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    if !single {
        write_files(&sections, &points, out)?;
    }
    let content = page::Content {
        runs: &runs,
        sections: &sections,
        warnings: &warnings,
        commands: &commands,
        date: &Timestamp::now().strftime("%Y-%m-%d").to_string(),
        points: &points,
        single,
    };
    let text = page::page(&content);
    let page = out.join("index.html");
    files::replace(&page, |w| w.write_all(text.as_bytes()))?;
    Ok(Written { page, figures: sections.iter().map(|s| s.figures.len()).sum(), warnings })
}

/// Writes the figures and the numbers behind them.
fn write_files(sections: &[Section], points: &Sheet, out: &Path) -> Result<()> {
    let (picture, data) = (out.join("figures"), out.join("data"));
    for folder in [&picture, &data] {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    for f in sections.iter().flat_map(|s| &s.figures) {
        let (svg, png, csv) = (f.drawing.svg(), f.drawing.png(PNG_SCALE), f.data.csv());
        files::replace(&picture.join(format!("{}.svg", f.id)), |w| w.write_all(svg.as_bytes()))?;
        files::replace(&picture.join(format!("{}.png", f.id)), |w| w.write_all(&png))?;
        files::replace(&data.join(format!("{}.csv", f.id)), |w| w.write_all(csv.as_bytes()))?;
    }
    let all = points.csv();
    files::replace(&data.join(format!("{}.csv", page::POINTS)), |w| w.write_all(all.as_bytes()))
}
