//! `summary.md`: what is in the journal, for people, at any time of the report.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::words;
use super::journal::{Line, Lines, State};
use super::{FIGURE, JOURNAL, LOG, Stage};

/// What a stage has to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Section {
    /// Markdown below its heading; empty if it found nothing.
    pub text: String,
    /// What it did not find, and why: one sentence each.
    pub missing: Vec<String>,
}

/// The report as a whole.
#[derive(Clone, Debug)]
pub(super) struct Head {
    /// Date and time of its begin.
    pub date: String,
    /// The time that it may take.
    pub time: Duration,
    /// How it ended; none while it goes on.
    pub ended: Option<String>,
}

/// What is noted of a stage as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    /// Time that it had, and that it took; seconds.
    pub given: f64,
    pub taken: f64,
    /// What went wrong, in words.
    pub notes: Vec<String>,
}

/// The whole text, from what each stage has to say.
pub(super) fn markdown(head: &Head, adapter: &str, lines: &Lines, section: impl Fn(Stage) -> Section) -> String {
    let mut text = format!("# weightproof on {}\n\n", cell(adapter));
    text += &format!(
        "Made by `weightproof adapter-report` on {} in {} at most; {}. Every number was measured on the spot. Attach this \
         file to a report of yours, and where you can [{FIGURE}]({FIGURE}), [{JOURNAL}]({JOURNAL}) (all that is told here, \
         and more) and [{LOG}]({LOG}) (what the stages printed).\n\n",
        head.date,
        words(head.time),
        head.ended.as_deref().unwrap_or("**it is not finished yet**"),
    );
    let sections = Stage::ALL.map(|stage| (stage, section(stage)));
    text += "| stage | took | had | |\n|---|---:|---:|---|\n";
    for stage in Stage::ALL {
        text += &row(stage, lines.find(stage, ""));
    }
    let mut missing: Vec<String> = vec![];
    for (stage, section) in &sections {
        missing.extend(faults(*stage, lines));
        missing.extend(section.missing.iter().cloned());
    }
    if !missing.is_empty() {
        text += "\n## Not in this report\n\n";
        missing.iter().for_each(|m| text += &format!("* {}\n", cell(m)));
    }
    for (stage, section) in sections.iter().filter(|(_, s)| !s.text.is_empty()) {
        text += &format!("\n## {}\n\n{}", stage.title(), section.text);
    }
    text
}

/// The stage's row of the first table.
fn row(stage: Stage, line: Option<&Line>) -> String {
    let (note, how) = match line {
        None => (Note::default(), "not begun"),
        Some(line) => {
            let note: Note = serde_json::from_value(line.value.clone()).unwrap_or_default();
            let how = match line.state {
                State::Begun => "goes on",
                State::Done => "done",
                State::LeftOut => "left out",
                State::CutOff => "cut off",
                State::Failed => "failed",
            };
            (note, how)
        }
    };
    let time = |s: f64| if s > 0.0 { words(Duration::from_secs_f64(s)) } else { "-".into() };
    let mut how = how.to_owned();
    note.notes.iter().for_each(|n| how += &format!("; {}", cell(n)));
    format!("| {} | {} | {} | {how} |\n", stage.name(), time(note.taken), time(note.given))
}

/// The items of a stage that failed or were cut off; those of the cases are counted there.
fn faults(stage: Stage, lines: &Lines) -> Vec<String> {
    let fault = |l: &Line| {
        let why = match l.state {
            State::CutOff if l.text().is_empty() => "its time was over",
            State::CutOff | State::Failed => l.text(),
            _ => return None,
        };
        (stage != Stage::Cases || l.state == State::CutOff).then(|| format!("{}, {}: {why}", stage.name(), l.item))
    };
    lines.of(stage).filter_map(fault).collect()
}

/// A text as it can stand in a cell of a table: one line, no bars.
pub(super) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Three digits.
pub(super) fn number(v: f64) -> String {
    match v.abs() {
        0.0 => "0".into(),
        a if a < 0.01 => format!("{v:.1e}"),
        a if a < 9.995 => format!("{v:.2}"),
        a if a < 99.95 => format!("{v:.1}"),
        _ => format!("{v:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let all = [0.0, 0.001, 0.5, 9.994, 9.996, 45.67, 99.96, 1234.5].map(number);
        assert_eq!(all, ["0", "1.0e-3", "0.50", "9.99", "10.0", "45.7", "100", "1234"]);
    }
}
