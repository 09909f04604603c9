//! Another process with a time limit: a driver that crashes or hangs must not take the report with it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How often [`Watch::tick`] is called.
const TICK: Duration = Duration::from_secs(3);

/// How a process ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ended {
    /// With success.
    Well,
    /// Otherwise: how, and the last lines that it printed to stderr.
    Badly(String),
    /// It was ended because its time was over.
    CutOff,
    /// It was ended because it came to no result for so long.
    Stalled(Duration),
    /// It was ended by Ctrl-C.
    Interrupted,
}

/// What is looked at while a process runs.
pub(super) struct Watch<'a> {
    /// When it is ended.
    pub until: Instant,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
    /// A file that grows with its results, and how long it may stay as it is.
    pub grows: Option<(&'a Path, Duration)>,
    /// Called every few seconds.
    pub tick: &'a mut dyn FnMut(),
}

/// Runs a program, with its stderr at the end of the file `log`. How it ended, and what it printed on stdout.
///
/// # Errors
/// A program that does not start; a log that cannot be written.
pub(super) fn run(command: &mut Command, log: &Path, watch: Watch) -> Result<(Ended, String)> {
    let fault = |e| Error::io(log, e);
    let mut file = File::options().create(true).append(true).open(log).map_err(fault)?;
    let from = file.seek(SeekFrom::End(0)).map_err(fault)?;
    let program = command.get_program().to_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
    let mut child = command.spawn().map_err(|e| Error::io(program, e))?;
    let out = reader(&mut child);
    let waited = wait(&mut child, watch).map_err(|e| Error::io(command.get_program(), e));
    if !matches!(waited, Ok(Way::By(_))) {
        // It may have ended by itself meanwhile.
        let _ = child.kill();
        let _ = child.wait();
    }
    let ended = match waited? {
        Way::By(status) if status.success() => Ended::Well,
        Way::By(status) => Ended::Badly(format!("{status}{}", last_lines(log, from))),
        Way::Ended(ended) => ended,
    };
    // What a killed process left running may hold its stdout open: nobody waits for that.
    let text = if ended == Ended::Well { out.join().unwrap_or_default() } else { String::new() };
    Ok((ended, text))
}

/// How the waiting for a process ended.
enum Way {
    /// By itself.
    By(ExitStatus),
    /// It has to be ended.
    Ended(Ended),
}

fn wait(child: &mut Child, watch: Watch) -> std::io::Result<Way> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    let mut seen = (Instant::now(), watch.grows.map(|(path, _)| size(path)));
    let mut ticked = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            // A terminal sends Ctrl-C to all its processes: that of the report may hear it a moment later.
            sleep(if status.success() { Duration::ZERO } else { 3 * LOOK });
            let stopped = !status.success() && watch.stop.load(Ordering::SeqCst);
            return Ok(if stopped { Way::Ended(Ended::Interrupted) } else { Way::By(status) });
        }
        if watch.stop.load(Ordering::SeqCst) {
            return Ok(Way::Ended(Ended::Interrupted));
        }
        if Instant::now() >= watch.until {
            return Ok(Way::Ended(Ended::CutOff));
        }
        if let Some((path, most)) = watch.grows {
            let now = Some(size(path));
            if now != seen.1 {
                seen = (Instant::now(), now);
            } else if seen.0.elapsed() > most {
                return Ok(Way::Ended(Ended::Stalled(most)));
            }
        }
        if ticked.elapsed() > TICK {
            (watch.tick)();
            ticked = Instant::now();
        }
        sleep(LOOK);
    }
}

/// Reads stdout on a thread, so that a full pipe holds nobody up.
fn reader(child: &mut Child) -> JoinHandle<String> {
    let pipe = child.stdout.take();
    spawn(move || {
        let mut bytes = vec![];
        if let Some(mut pipe) = pipe {
            // What came before an error is what there is.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The last lines of a file from a position on, in one line; empty if there are none.
fn last_lines(path: &Path, from: u64) -> String {
    let mut bytes = vec![];
    let read = File::open(path).and_then(|mut f| {
        f.seek(SeekFrom::Start(from))?;
        f.read_to_end(&mut bytes)
    });
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    match (read, &lines[lines.len().saturating_sub(3)..]) {
        (Err(_), _) | (_, []) => String::new(),
        (_, last) => format!(": {}", last.join(" / ")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str, seconds: u64, grows: Option<Duration>, stop: bool) -> (Ended, String, Duration) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, "from before\n").unwrap();
        let begin = Instant::now();
        let stop = AtomicBool::new(stop);
        let until = begin + Duration::from_secs(seconds);
        let watch = Watch { until, stop: &stop, grows: grows.map(|d| (log.as_path(), d)), tick: &mut || {} };
        let (ended, text) = run(Command::new("sh").args(["-c", script]), &log, watch).unwrap();
        (ended, text, begin.elapsed())
    }

    #[test]
    fn what_a_process_prints_and_how_it_ends_is_told() {
        let (ended, text, _) = sh("echo out; echo err >&2", 60, None, false);
        assert_eq!((ended, text.as_str()), (Ended::Well, "out\n"));
        let (ended, ..) = sh("echo one >&2; echo broken pipe wrench >&2; exit 3", 60, None, false);
        let Ended::Badly(how) = ended else { panic!("{ended:?}") };
        assert!(how.contains('3') && how.ends_with(": one / broken pipe wrench"), "{how}");
        let (ended, ..) = sh("kill -SEGV $$", 60, None, false);
        assert!(matches!(&ended, Ended::Badly(how) if how.contains("11")), "{ended:?}");
    }

    #[test]
    fn a_process_ends_when_its_time_is_over_when_it_stalls_and_when_the_report_is_stopped() {
        let short = Some(Duration::from_millis(200));
        for (ended, took) in [
            {
                let (e, _, t) = sh("exec sleep 60", 1, None, false);
                (e == Ended::CutOff, t)
            },
            {
                let (e, _, t) = sh("exec sleep 60", 60, short, false);
                (matches!(e, Ended::Stalled(_)), t)
            },
            {
                let (e, _, t) = sh("exec sleep 60", 60, None, true);
                (e == Ended::Interrupted, t)
            },
        ] {
            assert!(ended && took < Duration::from_secs(30), "{ended} after {took:?}");
        }
        let growing = "for i in 1 2 3 4 5 6; do echo x >&2; sleep 0.1; done";
        let (ended, ..) = sh(growing, 60, Some(Duration::from_secs(5)), false);
        assert_eq!(ended, Ended::Well);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let watch = Watch { until: Instant::now(), stop: &stop, grows: None, tick: &mut || {} };
        let e = run(&mut Command::new("no-such-program"), &dir.path().join("log"), watch).unwrap_err().to_string();
        assert!(e.contains("no-such-program"), "{e}");
    }
}
