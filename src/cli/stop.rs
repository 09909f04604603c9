//! Being told to stop: Ctrl-C, and the signals that batch systems and closing terminals send.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::say;
use crate::error::{Error, Result};

/// Set by Ctrl-C.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

/// Exit code after Ctrl-C, as shells use it.
pub(super) const INTERRUPTED: u8 = 130;

/// Signals that come together are one: `timeout` and some batch systems send theirs to a process and to its group.
const TOGETHER: Duration = Duration::from_millis(250);

/// What Ctrl-C prints; none while it is not caught.
static SAYS: Mutex<Option<&str>> = Mutex::new(None);

/// From now on Ctrl-C sets the flag, once, and prints `message`, unless it is empty; the second one ends the program at once. SIGTERM and
/// SIGHUP, from a batch system or a terminal that closes, are as Ctrl-C, and what was ignored before (`nohup`) stays so.
pub(super) fn catch_ctrl_c(message: &'static str) -> Result<&'static AtomicBool> {
    let says = || SAYS.lock().unwrap_or_else(PoisonError::into_inner);
    if says().replace(message).is_some() {
        return Ok(&STOP);
    }
    let mut first: Option<Instant> = None;
    let handler = move || match first {
        None => {
            first = Some(Instant::now());
            STOP.store(true, Ordering::SeqCst);
            if let Some(message) = says().filter(|message| !message.is_empty()) {
                say(&format!("\n{message} (Ctrl-C again: at once)"));
            }
        }
        Some(first) if first.elapsed() < TOGETHER => {}
        Some(_) => std::process::exit(i32::from(INTERRUPTED)),
    };
    let cannot = |e: &dyn std::fmt::Display| Error::Invalid(format!("cannot catch Ctrl-C: {e}"));
    #[cfg(unix)]
    let ignored = unix::ignored().map_err(|e| cannot(&e))?;
    ctrlc::set_handler(handler).map_err(|e| cannot(&e))?;
    #[cfg(unix)]
    unix::ignore(&ignored).map_err(|e| cannot(&e))?;
    Ok(&STOP)
}

#[cfg(unix)]
mod unix {
    use nix::Result;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

    fn set(signal: Signal, to: &SigAction) -> Result<SigAction> {
        // SAFETY: the actions are "ignore" and what stood there before; no code of ours runs in a handler.
        unsafe { sigaction(signal, to) }
    }

    fn nothing() -> SigAction {
        SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty())
    }

    /// Those of the signals that stop the program that whoever started it ignores.
    pub fn ignored() -> Result<Vec<Signal>> {
        let mut found = vec![];
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            // What is set can be asked for by setting it only.
            let old = set(signal, &nothing())?;
            if matches!(old.handler(), SigHandler::SigIgn) {
                found.push(signal);
            } else {
                set(signal, &old)?;
            }
        }
        Ok(found)
    }

    pub fn ignore(signals: &[Signal]) -> Result<()> {
        signals.iter().try_for_each(|signal| set(*signal, &nothing()).map(drop))
    }
}
