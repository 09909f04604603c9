//! What a stage works with, in the process of its own that it runs in.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::journal::{Journal, Line, Lines, State};
use super::{PRESET, Stage, journal_of};
use crate::error::{Error, Result};
use crate::gpu::Device;
use crate::model::Network;
use crate::model::preset::Preset;
use crate::session;

/// Opens the adapter: for the network of a preset, or for kernels alone.
pub type Open<'a> = &'a dyn Fn(Option<&Preset>) -> Result<Arc<Device>>;

/// What a process is to do for a report.
#[derive(Clone, Debug)]
pub struct Task {
    /// The stage.
    pub stage: Stage,
    /// Which time the speeds are measured.
    pub round: usize,
    /// The folder of the report.
    pub out: PathBuf,
    /// How long it may begin new items.
    pub time: Duration,
    /// When the process started.
    pub begun: Instant,
    /// Width of the network.
    pub width: f64,
    /// Folder of the data sets, if one was named.
    pub data: Option<PathBuf>,
    /// Seed, if one was named.
    pub seed: Option<u64>,
}

/// What came of an item that did not fail.
pub(super) enum Came<T> {
    /// A result.
    Found(T),
    /// It cannot be done here, for this reason.
    Not(String),
}

/// A task with what it needs.
pub(super) struct Work<'a> {
    pub task: &'a Task,
    /// Opens the adapter.
    pub open: Open<'a>,
    journal: RefCell<Journal>,
    lines: RefCell<Lines>,
}

impl<'a> Work<'a> {
    /// The task with what its journal knows.
    ///
    /// # Errors
    /// A journal that cannot be read.
    pub fn new(task: &'a Task, open: Open<'a>) -> Result<Work<'a>> {
        let path = journal_of(&task.out);
        let (journal, lines) = (Journal::open(&path)?, Lines::read(&path)?);
        Ok(Work { task, open, journal: RefCell::new(journal), lines: RefCell::new(lines) })
    }

    /// The time that is left to begin something.
    pub fn left(&self) -> Duration {
        self.task.time.saturating_sub(self.task.begun.elapsed())
    }

    /// Whether nothing more should be begun.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Whether an item of this stage was begun, by this process or an earlier one.
    pub fn was_begun(&self, item: &str) -> bool {
        self.lines.borrow().find(self.task.stage, item).is_some()
    }

    /// The last line of each item of all stages.
    pub fn lines(&self) -> Lines {
        self.lines.borrow().clone()
    }

    /// Does an item and writes down what came of it, if it was not begun before and there is time. Its result, if it was
    /// done now and has one.
    ///
    /// # Errors
    /// A journal that cannot be written; a device that is lost. What else fails is written down.
    pub fn item<T: Serialize>(&self, name: &str, run: impl FnOnce() -> Result<Came<T>>) -> Result<Option<T>> {
        if self.was_begun(name) || self.is_over() {
            return Ok(None);
        }
        self.write(name, State::Begun, Value::Null)?;
        match run() {
            Ok(Came::Found(result)) => {
                let value = serde_json::to_value(&result).map_err(|e| Error::Invalid(format!("{name}: {e}")))?;
                self.write(name, State::Done, value)?;
                Ok(Some(result))
            }
            Ok(Came::Not(why)) => self.write(name, State::LeftOut, why.into()).map(|()| None),
            Err(e) => {
                self.write(name, State::Failed, e.to_string().into())?;
                if matches!(e, Error::DeviceLost(_)) { Err(e) } else { Ok(None) }
            }
        }
    }

    fn write(&self, item: &str, state: State, value: Value) -> Result<()> {
        let line = Line { stage: self.task.stage, item: item.into(), state, value };
        self.journal.borrow_mut().write(&line)?;
        self.lines.borrow_mut().push(line);
        Ok(())
    }

    /// The network whose speed is told, with some keys of its preset changed.
    ///
    /// # Errors
    /// Keys that the preset refuses.
    pub fn network(&self, sets: &[String]) -> Result<(Preset, Arc<Network>)> {
        let mut all = vec![format!("width={}", self.task.width)];
        all.extend(self.task.seed.map(|s| format!("seed={s}")));
        all.extend(sets.iter().cloned());
        let preset = Preset::load(PRESET, &all)?;
        let network = Arc::new(session::network_for(&preset, session::input(&preset, None)?)?);
        Ok((preset, network))
    }
}
