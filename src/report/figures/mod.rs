//! The figures, one file per kind. Each takes the runs and gives what there are data for.

mod budgets;
mod imagenet;
mod layers;
mod plot;
mod sweeps;
mod table2;
mod training;
mod weights;
mod wide;

pub use plot::TITLE;

use super::commands::Commands;
use super::read::Run;
use super::sheet::Sheet;
use crate::figure::Drawing;

/// A figure, what it is drawn from, and how to make it again.
#[derive(Debug)]
pub struct Figure {
    /// Name of its files and anchor.
    pub id: String,
    /// One line.
    pub title: String,
    /// What is drawn, how it was measured.
    pub caption: String,
    /// What a person who does not see it should know of its form.
    pub description: String,
    /// The picture.
    pub drawing: Drawing,
    /// The numbers.
    pub data: Sheet,
    /// The command that makes the numbers.
    pub command: String,
}

/// Figures that belong together, under a heading.
#[derive(Debug)]
pub struct Section {
    /// The heading.
    pub heading: &'static str,
    /// What is shown here and why, a sentence or two.
    pub about: String,
    /// HTML before the figures.
    pub tables: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// What is not there, and the command that would make it.
    pub missing: Vec<(String, String)>,
}

/// All sections, in the order of the page.
pub fn sections(runs: &[Run], commands: &Commands) -> Vec<Section> {
    vec![
        wide::section(runs),
        imagenet::section(runs),
        table2::section(runs, commands),
        sweeps::section(runs, commands),
        training::section(runs, commands),
        weights::section(runs, commands),
        layers::distance(runs, commands),
        layers::correlation(runs, commands),
        layers::sensitivity(runs, commands),
        budgets::section(runs, commands),
    ]
}
