//! Advisory locks between processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::target::is_same;
use crate::error::{Error, Result};

/// How long a holder may still have: a launcher that kills its processes returns before the last of them has ended.
const GRACE: Duration = Duration::from_secs(2);

/// A file that one process holds at a time; it says who, and goes when the lock is given up. The system gives up the lock
/// of a process that is killed; the file that it leaves keeps nobody out.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock at `path`, if nobody holds it two seconds from now.
    ///
    /// # Errors
    /// Another holds it: the error names `what` is locked and who has it. A file that cannot be made.
    pub fn take(path: &Path, what: &Path) -> Result<Lock> {
        let begin = Instant::now();
        Lock::take_by(path, |file| {
            loop {
                match file.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::Error(e)) => return without_locks(path, e),
                    Err(TryLockError::WouldBlock) if begin.elapsed() < GRACE => sleep(Duration::from_millis(50)),
                    Err(TryLockError::WouldBlock) => break,
                }
            }
            let holder = fs::read_to_string(path).unwrap_or_default();
            let holder = holder.trim();
            let who = if holder.is_empty() { "another process" } else { holder };
            Err(Error::format(what, format!("{who} is writing here; wait until it has ended, or stop it")))
        })
    }

    /// Takes the lock of a file that is read, changed and replaced: that of its name with `.lock` behind. Waits while
    /// another holds it.
    ///
    /// # Errors
    /// A file that cannot be made.
    pub fn wait_for(file: &Path) -> Result<Lock> {
        let mut path = file.as_os_str().to_owned();
        path.push(".lock");
        Lock::take_by(path.as_ref(), |lock| lock_file(lock, path.as_ref()))
    }

    fn take_by(path: &Path, lock: impl Fn(&File) -> Result<()>) -> Result<Lock> {
        let io = |e| Error::io(path, e);
        loop {
            let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
            let mut file = options.open(path).map_err(io)?;
            lock(&file)?;
            // The one before may have removed the file in between: then this is a lock of nothing.
            if !is_at(&file, path) {
                continue;
            }
            let holder = format!("process {} on {}\n", std::process::id(), host());
            let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
            written.and_then(|_| file.write_all(holder.as_bytes())).map_err(io)?;
            return Ok(Lock { path: path.to_owned(), file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is held, so that nobody can hold the removed file and the next one at once. Elsewhere an open
        // file cannot go; it keeps nobody out.
        #[cfg(unix)]
        if is_at(&self.file, &self.path)
            && let Err(e) = fs::remove_file(&self.path)
        {
            log::debug!("{}: {e}", self.path.display());
        }
        let _ = self.file.unlock();
    }
}

/// Locks the file at `path`, open as `file`; waits while another has it locked.
///
/// # Errors
/// What the disk reports.
pub fn lock_file(file: &File, path: &Path) -> Result<()> {
    file.lock().or_else(|e| without_locks(path, e))
}

/// What becomes of an error of locking: a file system without locks is no reason not to work on it.
///
/// # Errors
/// Another error than that.
pub fn without_locks(path: &Path, e: io::Error) -> Result<()> {
    #[cfg(unix)]
    let has_none = e.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error());
    #[cfg(not(unix))]
    let has_none = false;
    if e.kind() != io::ErrorKind::Unsupported && !has_none {
        return Err(Error::io(path, e));
    }
    log::warn!(
        "{}: this file system has no locks ({e}): see to it that one process at a time writes here",
        path.display()
    );
    Ok(())
}

/// Whether `file` is the one that is at `path` now.
pub fn is_at(file: &File, path: &Path) -> bool {
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if is_same(&a, &b))
}

/// The name of this machine.
fn host() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_a_lock_and_the_next_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::take(&path, dir.path()).unwrap();
        let e = Lock::take(&path, dir.path()).unwrap_err().to_string();
        let own = format!("{}: process {} on {}", dir.path().display(), std::process::id(), host());
        assert!(cfg!(windows) || e.starts_with(&own), "{e}");
        drop(held);
        assert!(cfg!(windows) || !path.exists(), "it goes with its holder");
        drop(Lock::take(&path, dir.path()).unwrap());
        // What a killed process leaves.
        fs::write(&path, "process 1 on elsewhere\n").unwrap();
        Lock::take(&path, dir.path()).unwrap();
    }

    #[test]
    fn a_holder_that_ends_soon_keeps_nobody_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::take(&path, dir.path()).unwrap();
        std::thread::scope(|threads| {
            let next = threads.spawn(|| Lock::take(&path, dir.path()));
            sleep(Duration::from_millis(200));
            drop(held);
            next.join().unwrap().unwrap();
        });
    }

    /// Eight threads, each with a file of its own to lock, read a number, and write one more.
    #[test]
    fn no_two_hold_a_lock_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let number = dir.path().join("number");
        fs::write(&number, "0").unwrap();
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..25 {
                        let _held = Lock::wait_for(&number).unwrap();
                        let n: u32 = fs::read_to_string(&number).unwrap().parse().unwrap();
                        fs::write(&number, (n + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_to_string(&number).unwrap(), "200");
        assert!(cfg!(windows) || fs::read_dir(dir.path()).unwrap().count() == 1, "no lock stays");
    }
}
