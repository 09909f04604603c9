//! Keeps to itself what drivers and their loader print on stderr when they are asked for adapters and devices: a program
//! that works should not begin with "error: XDG_RUNTIME_DIR is invalid", which is said of windows that nobody opens.

/// Runs `f`, during which stderr goes nowhere. Where messages for debugging are asked for (`-v`), it stays as it is.
///
/// Other threads that print meanwhile by `eprintln` wait, for `f` should take no longer than opening a device; what
/// panics say is passed on behind `f`. A logger should have a stderr of its own: [`log_file`].
#[cfg(unix)]
pub(super) fn quietly<T>(f: impl FnOnce() -> T) -> T {
    use std::io::Write;
    if log::log_enabled!(log::Level::Debug) {
        return f();
    }
    // Also keeps a second thread from doing the same at a time.
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.flush();
    // Without it the program is no worse.
    let _kept = unix::Kept::begin().map_err(|e| log::warn!("cannot keep drivers quiet: {e}"));
    f()
}

#[cfg(not(unix))]
pub(super) fn quietly<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// A way to stderr that stays open while drivers are kept quiet; none where they are not.
pub fn log_file() -> Option<std::fs::File> {
    #[cfg(unix)]
    return unix::stderr().ok().map(std::fs::File::from);
    #[cfg(not(unix))]
    None
}

#[cfg(unix)]
mod unix {
    use std::io::{self, PipeReader, Read, Write};
    use std::os::fd::{AsFd, OwnedFd};

    /// A copy of what stderr is now.
    pub(super) fn stderr() -> io::Result<OwnedFd> {
        io::stderr().as_fd().try_clone_to_owned()
    }

    /// While it lives, stderr is a pipe.
    pub(super) struct Kept {
        real: OwnedFd,
        pipe: PipeReader,
    }

    impl Kept {
        pub(super) fn begin() -> io::Result<Kept> {
            let real = stderr()?;
            let (pipe, into) = io::pipe()?;
            // Nobody reads before the end: what is too much for the pipe is dropped then, and nothing waits.
            rustix::io::ioctl_fionbio(&into, true)?;
            rustix::io::ioctl_fionbio(&pipe, true)?;
            rustix::stdio::dup2_stderr(&into)?;
            Ok(Kept { real, pipe })
        }
    }

    impl Drop for Kept {
        fn drop(&mut self) {
            if rustix::stdio::dup2_stderr(&self.real).is_err() {
                return;
            }
            // Ends at the end of the pipe, or where one that has a copy of it still could write.
            let mut said = vec![];
            let _ = self.pipe.read_to_end(&mut said);
            if String::from_utf8_lossy(&said).contains("panicked at") {
                let _ = io::stderr().write_all(&said);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::AsFd;
    use std::process::Command;

    use super::*;

    /// What a process prints on stderr that runs the test `name` of this file with `QUIETLY` set, `do_it`, in itself.
    fn printed(name: &str, do_it: fn()) -> Option<String> {
        if std::env::var_os("QUIETLY").is_some() {
            do_it();
            return None;
        }
        let path = format!("{}::{name}", module_path!().split_once("::").expect("a module of the crate").1);
        let mut command = Command::new(std::env::current_exe().expect("the tests"));
        command.args([&path, "--exact", "--nocapture", "--test-threads=1"]).env("QUIETLY", "1");
        let output = command.output().expect("the tests run");
        Some(String::from_utf8(output.stderr).expect("UTF-8"))
    }

    /// That it prints `expected`, see [`printed`].
    fn prints(expected: &str, name: &str, do_it: fn()) {
        if let Some(said) = printed(name, do_it) {
            assert_eq!(said, expected);
        }
    }

    /// As a driver prints: not by Rust's means.
    fn say(text: &str) {
        rustix::io::write(std::io::stderr().as_fd(), text.as_bytes()).expect("stderr takes it");
    }

    #[test]
    fn what_drivers_say_is_kept_and_what_comes_before_and_after_is_not() {
        prints(
            "before\nfrom the log\nafter 7\n",
            "what_drivers_say_is_kept_and_what_comes_before_and_after_is_not",
            || {
                use std::io::Write;
                let mut log = log_file().expect("a copy of stderr");
                eprintln!("before");
                let value = quietly(|| {
                    say("from a driver\n");
                    writeln!(log, "from the log").expect("stderr takes it");
                    7
                });
                eprintln!("after {value}");
            },
        );
    }

    #[test]
    fn a_driver_that_says_more_than_a_pipe_holds_does_not_wait_for_ever() {
        prints("after\n", "a_driver_that_says_more_than_a_pipe_holds_does_not_wait_for_ever", || {
            quietly(|| {
                let line = [b'x'; 4096];
                for _ in 0..256 {
                    let _ = rustix::io::write(std::io::stderr().as_fd(), &line);
                }
            });
            eprintln!("after");
        });
    }

    #[test]
    fn panics_are_heard_from_this_thread_and_from_another() {
        let said = printed("panics_are_heard_from_this_thread_and_from_another", || {
            let other = || std::thread::spawn(|| panic!("in another thread")).join().expect_err("a panic");
            drop(quietly(other));
            let here = std::panic::catch_unwind(|| quietly(|| panic!("in this thread")));
            here.expect_err("a panic");
        });
        if let Some(said) = said {
            assert!(said.contains("in another thread") && said.contains("in this thread"), "{said}");
        }
    }

    #[test]
    fn a_line_of_another_thread_comes_late_and_is_not_lost() {
        prints("from another thread\n", "a_line_of_another_thread_comes_late_and_is_not_lost", || {
            let (begun, wait) = std::sync::mpsc::channel();
            let other = std::thread::spawn(move || {
                wait.recv().expect("the other end lives");
                eprintln!("from another thread");
            });
            quietly(|| {
                begun.send(()).expect("the other end lives");
                std::thread::sleep(std::time::Duration::from_millis(50));
                say("from a driver\n");
            });
            other.join().expect("no panic");
        });
    }
}
