//! `results.jsonl`: a line when something begins, and a line with what came of it. Whatever ends a stage, what it had
//! found by then is in here.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Stage;
use crate::error::{Error, Result};

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nothing yet.
    Begun,
    /// It has a result: the value.
    Done,
    /// It cannot be done here: the value says why.
    LeftOut,
    /// It was ended because its time was over.
    CutOff,
    /// It failed: the value says how.
    Failed,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Which stage.
    pub stage: Stage,
    /// What of the stage; empty for the stage as a whole.
    pub item: String,
    /// What became of it.
    pub state: State,
    /// The result, or a text.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

impl Line {
    /// The result as what it was written from; none if it has another form.
    pub fn result<T: DeserializeOwned>(&self) -> Option<T> {
        (self.state == State::Done).then(|| serde_json::from_value(self.value.clone()).ok()).flatten()
    }

    /// The text of a line without a result.
    pub fn text(&self) -> &str {
        self.value.as_str().unwrap_or("")
    }
}

/// The lines, the last of each item.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(pub Vec<Line>);

impl Lines {
    /// Reads a journal. Lines that were cut off are passed over: whoever wrote them was ended.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path) -> Result<Lines> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let mut lines = Lines::default();
        bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).for_each(|l| lines.push(l));
        Ok(lines)
    }

    /// Adds a line; it takes the place of an earlier one of its item.
    pub fn push(&mut self, line: Line) {
        // From the end: an item's line mostly follows the one that says that it began.
        match self.0.iter_mut().rev().find(|l| l.stage == line.stage && l.item == line.item) {
            Some(earlier) => *earlier = line,
            None => self.0.push(line),
        }
    }

    /// The lines of a stage, but for that of the stage itself.
    pub fn of(&self, stage: Stage) -> impl Iterator<Item = &Line> {
        self.0.iter().filter(move |l| l.stage == stage && !l.item.is_empty())
    }

    /// The line of an item.
    pub fn find(&self, stage: Stage, item: &str) -> Option<&Line> {
        self.0.iter().rev().find(|l| l.stage == stage && l.item == item)
    }

    /// The result of an item, if it has one.
    pub fn result<T: DeserializeOwned>(&self, stage: Stage, item: &str) -> Option<T> {
        self.find(stage, item)?.result()
    }
}

/// A journal open for writing. One process writes at a time.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens a journal to append to it; a last line that was cut off is ended first.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn open(path: &Path) -> Result<Journal> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let whole = |file: &mut File| -> std::io::Result<()> {
            if file.seek(SeekFrom::End(0))? > 0 {
                let mut last = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(())
        };
        file = file.and_then(|mut file| whole(&mut file).map(|()| file));
        Ok(Journal { path: path.to_path_buf(), file: file.map_err(|e| Error::io(path, e))? })
    }

    /// Appends a line: one write, so that a reader sees whole lines.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_string(line).map_err(|e| Error::format(&self.path, e.to_string()))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(item: &str, state: State, value: impl Into<Value>) -> Line {
        Line { stage: Stage::Cases, item: item.into(), state, value: value.into() }
    }

    #[test]
    fn the_last_line_of_an_item_counts_and_a_line_that_was_cut_off_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let mut journal = Journal::open(&path).unwrap();
        journal.write(&line("a", State::Begun, Value::Null)).unwrap();
        journal.write(&line("a", State::Done, 5)).unwrap();
        journal.write(&line("b", State::Begun, Value::Null)).unwrap();
        journal.file.write_all(b"{\"stage\":\"cases\",\"item\":\"b\",\"sta").unwrap();
        Journal::open(&path).unwrap().write(&line("c", State::Failed, "why")).unwrap();
        let lines = Lines::read(&path).unwrap();
        let all: Vec<(&str, State)> = lines.of(Stage::Cases).map(|l| (l.item.as_str(), l.state)).collect();
        assert_eq!(all, [("a", State::Done), ("b", State::Begun), ("c", State::Failed)]);
        assert_eq!(lines.result::<u32>(Stage::Cases, "a"), Some(5));
        assert_eq!(lines.result::<u32>(Stage::Cases, "c"), None);
        assert_eq!(lines.find(Stage::Cases, "c").unwrap().text(), "why");
    }
}
