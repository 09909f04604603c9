//! A report about an adapter that nobody here has seen: what it is, whether its results are right, what it can do at best,
//! how fast it trains and where the time goes, what it should be tuned to.
//!
//! Each stage is a process of its own with a share of the time, so that a driver that crashes or hangs takes no more than
//! an item with it. What is found goes into a journal at once; the summary is made of the journal, and can be made at any
//! time.

mod adapter;
mod cases;
mod child;
mod clock;
mod journal;
mod profile;
mod roofs;
mod speeds;
mod summary;
mod system;
mod training;
mod tuning;
mod work;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result, suggest};
use crate::files;
use crate::gpu::roofs::Roofs;
use crate::model::preset::Preset;
use child::{Ended, Watch};
use clock::{Slice, slice, words};
use journal::{Journal, Line, Lines, State};
use summary::{Head, Note, Section};
use work::Work;

pub use work::{Open, Task};

/// Does a task. Its items are in the journal of the report; those that are there already are not done again.
///
/// # Errors
/// A journal that cannot be written; an adapter that cannot be opened, or that is lost.
pub fn work(task: &Task, open: Open) -> Result<()> {
    let work = Work::new(task, open)?;
    match task.stage {
        Stage::Adapter => adapter::run(&work),
        Stage::Cases => cases::run(&work),
        Stage::Roofs => roofs::run(&work),
        Stage::Speeds => speeds::run(&work),
        Stage::Profile => profile::run(&work),
        Stage::Tuning => tuning::run(&work),
        Stage::Training => training::run(&work),
    }
}

/// What a stage has to say in the summary, which is in the folder `out`.
fn section(stage: Stage, lines: &Lines, out: &Path) -> Section {
    match stage {
        Stage::Adapter => adapter::section(lines),
        Stage::Cases => cases::section(lines),
        Stage::Roofs => roofs::section(lines),
        Stage::Speeds => speeds::section(lines),
        Stage::Profile => profile::section(lines, out),
        Stage::Tuning => tuning::section(lines),
        Stage::Training => training::section(lines),
    }
}

/// The network whose speed is told.
const PRESET: &str = "merolla2016/cifar10/tr-stochm-c";

/// What is in the folder of a report.
const SUMMARY: &str = "summary.md";
const JOURNAL: &str = "results.jsonl";
const FIGURE: &str = "roofline.png";
const LOG: &str = "log.txt";

/// How often a stage is started, if its process ends badly.
const MOST_STARTS: usize = 8;

/// The least time that a case may take.
const LEAST_STALL: Duration = Duration::from_secs(20);

/// The parts of a report, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// What the adapter says of itself.
    Adapter,
    /// Every variant's cases against the twins.
    Cases,
    /// What the adapter can do at best.
    Roofs,
    /// Training steps per second.
    Speeds,
    /// Where the time goes.
    Profile,
    /// What the tuning table should say.
    Tuning,
    /// Whether it learns.
    Training,
}

impl Stage {
    /// All of them.
    pub const ALL: [Stage; 7] =
        [Stage::Adapter, Stage::Cases, Stage::Roofs, Stage::Speeds, Stage::Profile, Stage::Tuning, Stage::Training];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Adapter => "adapter",
            Stage::Cases => "cases",
            Stage::Roofs => "roofs",
            Stage::Speeds => "speeds",
            Stage::Profile => "profile",
            Stage::Tuning => "tuning",
            Stage::Training => "training",
        }
    }

    /// The stage of a word.
    ///
    /// # Errors
    /// Another word.
    pub fn of(word: &str) -> Result<Stage> {
        let near = || suggest(word, Stage::ALL.map(Stage::name));
        let found = Stage::ALL.into_iter().find(|s| s.name() == word);
        found.ok_or_else(|| Error::Invalid(format!("no stage is called \"{word}\".{}", near())))
    }

    /// Its heading in the summary.
    fn title(self) -> &'static str {
        match self {
            Stage::Adapter => "Adapter",
            Stage::Cases => "Cases against the twins",
            Stage::Roofs => "Roofs",
            Stage::Speeds => "Speeds",
            Stage::Profile => "Where the time of a step goes",
            Stage::Tuning => "Tuning",
            Stage::Training => "Training",
        }
    }
}

/// How a report is made.
pub struct Options<'a> {
    /// This program.
    pub program: PathBuf,
    /// Words of the command line that every process of it gets.
    pub words: Vec<OsString>,
    /// The folder to write to.
    pub out: PathBuf,
    /// The time that it may take.
    pub time: Duration,
    /// A Python with PyTorch.
    pub python: Option<PathBuf>,
    /// Width of the network; absent: what the roofs allow.
    pub width: Option<f64>,
    /// Folder of the data sets.
    pub data: Option<PathBuf>,
    /// Stages to leave out.
    pub skip: Vec<Stage>,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// How a report ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The summary.
    pub summary: PathBuf,
    /// Cases that ran.
    pub cases: usize,
    /// Cases that failed.
    pub failures: usize,
    /// Why nothing could be done, if so.
    pub nothing: Option<String>,
    /// Whether Ctrl-C ended it.
    pub stopped: bool,
}

/// Path of the journal in the folder of a report.
fn journal_of(out: &Path) -> PathBuf {
    out.join(JOURNAL)
}

/// Makes a report.
///
/// # Errors
/// A folder that holds a report already, or that cannot be written. What goes wrong in a stage is in the report.
pub fn report(options: &Options) -> Result<Outcome> {
    let begun = Instant::now();
    std::fs::create_dir_all(&options.out).map_err(|e| Error::io(&options.out, e))?;
    let path = journal_of(&options.out);
    if path.exists() {
        let message = "this folder holds a report already: give another one with --out";
        return Err(Error::format(&options.out, message));
    }
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let head = Head { date, time: options.time, ended: None };
    let mut report = Report { options, begun, journal: Journal::open(&path)?, head, notes: vec![] };
    let nothing = report.stages()?;
    let stopped = options.stop.load(Ordering::SeqCst);
    let took = words(begun.elapsed());
    report.head.ended = Some(match (stopped, &nothing) {
        (true, _) => format!("stopped by Ctrl-C after {took}"),
        (_, Some(_)) => "the adapter could not be used".into(),
        _ => format!("it took {took}"),
    });
    report.summarise()?;
    let lines = report.lines()?;
    let (cases, failures) = (cases::ran(&lines), cases::failures(&lines));
    Ok(Outcome { summary: options.out.join(SUMMARY), cases, failures, nothing, stopped })
}

struct Report<'a> {
    options: &'a Options<'a>,
    begun: Instant,
    journal: Journal,
    head: Head,
    /// What went wrong in the stage at hand.
    notes: Vec<String>,
}

impl Report<'_> {
    /// All stages. Why nothing could be done, if so.
    fn stages(&mut self) -> Result<Option<String>> {
        let chosen: Vec<Stage> = Stage::ALL.into_iter().filter(|s| !self.options.skip.contains(s)).collect();
        for stage in self.options.skip.iter().copied() {
            self.note(stage, State::LeftOut, Note { notes: vec!["by --skip".into()], ..Note::default() })?;
        }
        self.write(Stage::Adapter, adapter::SYSTEM, State::Done, serde_json::json!(system::system()))?;
        for (i, stage) in chosen.iter().copied().enumerate() {
            if self.options.stop.load(Ordering::SeqCst) {
                return Ok(None);
            }
            let slice = slice(stage, &chosen[i + 1..], self.options.time.saturating_sub(self.begun.elapsed()));
            let (begin, given) = (Instant::now(), slice.soft.as_secs_f64());
            log::info!("{}: at most {}", stage.name(), words(slice.soft));
            self.note(stage, State::Begun, Note { given, ..Note::default() })?;
            self.summarise()?;
            let state = match stage {
                Stage::Speeds => self.speeds(slice, begin)?,
                _ => self.stage(stage, 1, slice, begin)?,
            };
            let notes = std::mem::take(&mut self.notes);
            notes.iter().for_each(|n| log::warn!("{}: {n}", stage.name()));
            let nothing = (stage == Stage::Adapter && state == State::Failed).then(|| notes.join("; "));
            self.note(stage, state, Note { given, taken: begin.elapsed().as_secs_f64(), notes })?;
            self.summarise()?;
            if nothing.is_some() {
                return Ok(nothing);
            }
        }
        Ok(None)
    }

    /// A stage in a process of its own; another one goes on where one ended badly.
    fn stage(&mut self, stage: Stage, round: usize, slice: Slice, begin: Instant) -> Result<State> {
        let width = self.width()?;
        for _ in 0..MOST_STARTS {
            let time = slice.soft.saturating_sub(begin.elapsed());
            if time.is_zero() {
                break;
            }
            let before = self.lines()?.of(stage).count();
            let mut command = Command::new(&self.options.program);
            command.args(&self.options.words).arg("adapter-report").arg("--out").arg(&self.options.out);
            command.args(["--stage", stage.name(), "--round", &round.to_string(), "--width", &width.to_string()]);
            command.args(["--seconds", &time.as_secs_f64().to_string()]);
            if let Some(data) = &self.options.data {
                command.arg("--data").arg(data);
            }
            let stall = (stage == Stage::Cases).then(|| LEAST_STALL.max(slice.soft / 6));
            match self.run(&mut command, begin + slice.hard, stall)?.0 {
                Ended::Well => return Ok(State::Done),
                Ended::CutOff => {
                    self.end_open(stage, State::CutOff, Value::Null)?;
                    self.notes.push("ended when its time was over".into());
                    return Ok(State::CutOff);
                }
                Ended::Interrupted => {
                    self.end_open(stage, State::CutOff, "stopped by Ctrl-C".into())?;
                    self.notes.push("stopped by Ctrl-C".into());
                    return Ok(State::CutOff);
                }
                Ended::Stalled(time) => {
                    self.end_open(stage, State::CutOff, format!("not done in {}", words(time)).into())?;
                    self.notes.push(format!("started again after an item that was not done in {}", words(time)));
                }
                Ended::Badly(how) => {
                    self.end_open(stage, State::Failed, format!("the process ended in it with {how}").into())?;
                    if self.lines()?.of(stage).count() == before {
                        self.notes.push(how);
                        return Ok(State::Failed);
                    }
                    self.notes.push(format!("started again after {how}"));
                }
            }
        }
        Ok(State::Done)
    }

    /// The speeds, by turns with PyTorch. Who begins takes turns too.
    fn speeds(&mut self, slice: Slice, begin: Instant) -> Result<State> {
        let width = self.width()?;
        self.write(Stage::Speeds, speeds::WIDTH, State::Done, width.into())?;
        let mut python = self.options.python.as_deref();
        let (mut state, mut turns) = (State::Done, 0);
        for round in 1..=speeds::ROUNDS {
            for ours in if round % 2 == 1 { [true, false] } else { [false, true] } {
                let left = slice.soft.saturating_sub(begin.elapsed());
                if self.options.stop.load(Ordering::SeqCst) || left.is_zero() || state != State::Done {
                    break;
                }
                let sides = 1 + u32::from(python.is_some());
                let turn = left / (sides * (speeds::ROUNDS - round + 1) as u32);
                if ours {
                    let slice = Slice { soft: begin.elapsed() + turn, hard: slice.hard };
                    state = self.stage(Stage::Speeds, round, slice, begin)?;
                } else if let Some(program) = python {
                    // Starting it takes a part of its turn.
                    turns += 1;
                    if !self.torch(program, round, turn / 2, begin + slice.hard)? {
                        python = None;
                    }
                }
            }
        }
        if self.options.python.is_some() && turns == 0 {
            self.notes.push("there was no time for PyTorch".into());
        }
        Ok(state)
    }

    /// A turn of PyTorch; whether it gave a result.
    fn torch(&mut self, python: &Path, round: usize, time: Duration, until: Instant) -> Result<bool> {
        let item = speeds::torch_item(round);
        self.write(Stage::Speeds, &item, State::Begun, Value::Null)?;
        let batch = Preset::load(PRESET, &[])?.batch;
        let mut command = speeds::torch(python, self.width()?, batch, time);
        let (ended, text) = self.run(&mut command, until, None)?;
        let results = speeds::torch_results(&text);
        let (state, value) = match ended {
            Ended::Well if results.is_empty() => (State::Failed, "it gave no result".into()),
            Ended::Well => (State::Done, serde_json::json!(results)),
            Ended::Badly(how) => (State::Failed, how.into()),
            _ => (State::CutOff, Value::Null),
        };
        self.write(Stage::Speeds, &item, state, value)?;
        Ok(state == State::Done)
    }

    fn run(&self, command: &mut Command, until: Instant, stall: Option<Duration>) -> Result<(Ended, String)> {
        let path = journal_of(&self.options.out);
        // A summary that cannot be written now is written, or fails, at the end of the stage.
        let mut tick = || drop(self.summarise());
        let grows = stall.map(|time| (path.as_path(), time));
        let watch = Watch { until, stop: self.options.stop, grows, tick: &mut tick };
        child::run(command, &self.options.out.join(LOG), watch)
    }

    /// The width of the network: what was asked for, or what the roofs allow.
    fn width(&self) -> Result<f64> {
        let roofs = || Ok(self.lines()?.result::<Roofs>(Stage::Roofs, roofs::ROOFS));
        self.options.width.map_or_else(|| Ok(speeds::width(roofs()?.as_ref())), Ok)
    }

    /// Ends the items of a stage that a process left.
    fn end_open(&mut self, stage: Stage, state: State, value: Value) -> Result<()> {
        let lines = self.lines()?;
        for line in lines.of(stage).filter(|l| l.state == State::Begun) {
            self.write(stage, &line.item, state, value.clone())?;
        }
        Ok(())
    }

    fn lines(&self) -> Result<Lines> {
        Lines::read(&journal_of(&self.options.out))
    }

    fn note(&mut self, stage: Stage, state: State, note: Note) -> Result<()> {
        self.write(stage, "", state, serde_json::json!(note))
    }

    fn write(&mut self, stage: Stage, item: &str, state: State, value: Value) -> Result<()> {
        self.journal.write(&Line { stage, item: item.into(), state, value })
    }

    fn summarise(&self) -> Result<()> {
        let lines = self.lines()?;
        let section = |stage| section(stage, &lines, &self.options.out);
        let text = summary::markdown(&self.head, &adapter::name(&lines), &lines, section);
        files::replace(&self.options.out.join(SUMMARY), |w| w.write_all(text.as_bytes()))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn head(ended: Option<&str>) -> Head {
        Head { date: "2026-01-02".into(), time: Duration::from_secs(600), ended: ended.map(str::to_owned) }
    }

    #[test]
    fn a_report_can_be_read_at_every_moment() {
        let mut lines = Lines::default();
        let out = Path::new("nowhere");
        let markdown =
            |head: &Head, lines: &Lines| summary::markdown(head, "x", lines, |stage| section(stage, lines, out));
        let text = markdown(&head(None), &lines);
        assert!(text.contains("not finished") && text.contains("| training | - | - | not begun |"), "{text}");
        let mut add = |stage, item: &str, state, value| lines.push(Line { stage, item: item.into(), state, value });
        let note = serde_json::json!({"given": 12.0, "taken": 61.0, "notes": ["a | b"]});
        add(Stage::Roofs, "", State::Failed, note);
        add(Stage::Roofs, "roofs", State::Failed, serde_json::json!("the device\nreported: x"));
        add(Stage::Profile, "profile", State::CutOff, serde_json::json!(null));
        let text = markdown(&head(Some("finished")), &lines);
        for words in [
            "in 10 min at most; finished.",
            "| roofs | 1 min 1 s | 12.0 s | failed; a \\| b |",
            "## Not in this report",
            "* roofs, roofs: the device reported: x",
            "* profile, profile: its time was over",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains("## Roofs"), "{text}");
    }

    /// A report of adapter and cases by a program that does the work of a stage as a script says.
    fn by_script(script: &str, minutes: f64) -> (Outcome, String) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\nout=$3 stage=$5\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let stop = AtomicBool::new(false);
        let options = Options {
            program,
            words: vec![],
            out: dir.path().join("report"),
            time: Duration::from_secs_f64(60.0 * minutes),
            python: None,
            width: Some(1.0),
            data: None,
            skip: Stage::ALL[2..].to_vec(),
            stop: &stop,
        };
        let outcome = report(&options).unwrap();
        let text = std::fs::read_to_string(&outcome.summary).unwrap();
        (outcome, text)
    }

    /// `say ITEM STATE VALUE` writes a line; `cases` has a variant with three trials.
    const SAY: &str = r#"
        say() { echo "{\"stage\":\"$stage\",\"item\":\"$1\",\"state\":\"$2\",\"value\":$3}" >>$out/results.jsonl; }
        [ $stage = cases ] || exit 0
        say plan done '[{"kernel":"k","variant":"v","trials":3}]'
        say "k/v: a" done '{"ran":true,"worst":[0.5,"here"]}'
    "#;

    #[test]
    fn a_driver_that_crashes_takes_one_case_with_it() {
        let script = r#"
            if grep -q 'k/v: b' $out/results.jsonl; then say "k/v: c" done '{"ran":true}'; exit 0; fi
            say "k/v: b" begun null; echo the driver says no >&2; kill -SEGV $$"#;
        let (outcome, text) = by_script(&format!("{SAY}{script}"), 5.0);
        assert_eq!((outcome.cases, outcome.failures, outcome.nothing), (2, 1, None));
        assert!(text.contains("| k | v | 2 | 1 | 0.50 | 0 | 0 |") && text.contains("the driver says no"), "{text}");
        assert!(text.contains("done; started again after signal: 11"), "{text}");
    }

    #[test]
    fn a_stage_that_always_ends_badly_is_given_up_and_one_that_hangs_is_ended() {
        let (outcome, text) = by_script(&format!("{SAY}exit 7"), 5.0);
        assert_eq!((outcome.cases, outcome.failures), (1, 0));
        assert!(text.contains("| failed; ") && text.contains("exit status: 7"), "{text}");
        let begin = Instant::now();
        let (outcome, text) = by_script(&format!("{SAY}say 'k/v: b' begun null; exec sleep 600"), 0.05);
        assert!(begin.elapsed() < Duration::from_secs(60));
        assert_eq!((outcome.cases, outcome.failures), (1, 0), "what time cut off is no failure: {text}");
        assert!(text.contains("cases, k/v: b: its time was over") && text.contains("2 cases of 3"), "{text}");
    }

    #[test]
    fn without_an_adapter_nothing_is_tried() {
        let (outcome, text) = by_script("echo error: no adapter answers >&2; exit 1", 5.0);
        assert!(outcome.nothing.is_some_and(|why| why.contains("no adapter answers")), "{text}");
        assert!(text.contains("| cases | - | - | not begun |"), "{text}");
    }
}
