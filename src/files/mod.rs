//! Files written whole or not at all, locks that keep two processes apart, and the user's folders.

mod lock;
mod target;

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use lock::{Lock, is_at, lock_file, without_locks};
use target::Target;
pub use target::is_stdout;

use crate::error::{Error, Result};

/// Writes what `write` writes to `path`, so that a reader sees the old content or the new, never a part: into a temporary
/// file beside it, synced, renamed. Links are followed: the file that they lead to is replaced, and it keeps its mode. If
/// anything fails, the temporary file is removed and `path` is as it was.
///
/// What is no regular file, a device or a pipe, is written into as it is, and so is the file that stdout goes to.
///
/// # Errors
/// What the disk reports, with the path; a folder.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let (written, kept) = match Target::of(path) {
        Ok(Target::File(file)) => (replace_file(&file, write), ", what was there is as before"),
        Ok(Target::Stream(stream)) => (write_into(stream, write), ""),
        Err(e) => (Err(e), ""),
    };
    written.map_err(|e| Error::io(path, io::Error::new(e.kind(), format!("could not be written{kept}: {e}"))))
}

fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let (temporary, file) = temporary(path)?;
    let attempt = || -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        write(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        target::keep_mode(path, &file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    attempt().inspect_err(|_| {
        // The first error is the one to tell; that there may be nothing to remove is no news.
        let _ = fs::remove_file(&temporary);
    })?;
    sync_folder(path);
    Ok(())
}

fn write_into(stream: File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut stream = BufWriter::with_capacity(1 << 20, stream);
    write(&mut stream)?;
    stream.flush()
}

/// A new file in the folder of `path`, which nobody else may read until it has the mode of `path`.
fn temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        // Not made of the name of `path`, which may be as long as names can be.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!(".weightproof.{}.{number}.tmp", std::process::id()));
        match target::create_for(path, &temporary) {
            Ok(file) => return Ok((temporary, file)),
            // What a killed process of the same number left.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
}

/// Makes a rename in the folder of `path` survive a power cut, where the system can: the file itself is on disk by then.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    if let Err(e) = File::open(folder(path)).and_then(|f| f.sync_all()) {
        log::debug!("{}: the folder cannot be synced: {e}", folder(path).display());
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Whether two checksums differ. For a fuzzer none do, or it would see nothing of what stands behind them.
pub fn differ<T: PartialEq>(a: T, b: T) -> bool {
    a != b && !cfg!(fuzzing)
}

/// The folder that `path` lies in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where what can be made again is kept: `$WEIGHTPROOF_CACHE`, else `$XDG_CACHE_HOME/weightproof`, else
/// `~/.cache/weightproof`; `None` where there is no home.
pub fn cache_dir() -> Option<PathBuf> {
    user_dir("WEIGHTPROOF_CACHE", "XDG_CACHE_HOME", ".cache")
}

/// Where the user's own settings are: `$WEIGHTPROOF_CONFIG`, else `$XDG_CONFIG_HOME/weightproof`, else
/// `~/.config/weightproof`; `None` where there is no home.
pub fn config_dir() -> Option<PathBuf> {
    user_dir("WEIGHTPROOF_CONFIG", "XDG_CONFIG_HOME", ".config")
}

/// `$own`, else `$xdg/weightproof`, else `~/{below_home}/weightproof`; `None` where no home is known.
pub fn user_dir(own: &str, xdg: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set(own)
        .or_else(|| Some(set(xdg)?.join("weightproof")))
        .or_else(|| Some(env::home_dir()?.join(below_home).join("weightproof")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_writer_leaves_the_old_file_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        replace(&path, |w| w.write_all(b"old")).unwrap();
        let e = replace(&path, |w| {
            w.write_all(&[7; 3 << 20])?;
            Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"))
        })
        .unwrap_err()
        .to_string();
        assert!(e.contains(path.to_str().unwrap()) && e.contains("no space left on device"), "{e}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gone").join("x");
        let e = replace(&path, |w| w.write_all(b"x")).unwrap_err().to_string();
        assert!(e.contains(path.to_str().unwrap()), "{e}");
    }

    #[test]
    fn a_name_may_be_as_long_as_names_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x".repeat(255));
        for text in ["old", "new"] {
            replace(&path, |w| w.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_modes_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o7777;
        fs::create_dir(at("there")).unwrap();
        fs::write(at("there/real"), "old").unwrap();
        fs::set_permissions(at("there/real"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("there/real", at("link")).unwrap();
        symlink(at("link"), at("link to a link")).unwrap();
        symlink("there/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        for (name, text) in [("link", "one"), ("link to a link", "two"), ("there/real", "three")] {
            replace(&at(name), |w| w.write_all(text.as_bytes())).unwrap();
            assert_eq!(fs::read_to_string(at("there/real")).unwrap(), text);
            assert_eq!(mode("there/real"), 0o640, "{name}");
        }
        replace(&at("dangling"), |w| w.write_all(b"x")).unwrap();
        assert_eq!(fs::read_to_string(at("there/new")).unwrap(), "x");
        fs::write(at("plain"), "").unwrap();
        assert_eq!(mode("there/new"), mode("plain"), "a new file is as open as any");
        for name in ["link", "link to a link", "dangling"] {
            assert!(fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
        }
        let e = replace(&at("circle"), |w| w.write_all(b"x")).unwrap_err().to_string();
        assert!(e.contains("circle") && e.contains("could not be written"), "{e}");
        assert!(replace(&at("there"), |w| w.write_all(b"x")).unwrap_err().to_string().contains("folder"));
        assert_eq!(fs::read_dir(at("there")).unwrap().count(), 2, "no temporary file stays");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_into_and_stays() {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("null");
        let node = std::process::Command::new("mknod").arg(&own).args(["c", "1", "3"]).output();
        let made = node.is_ok_and(|ran| ran.status.success());
        if !made && fs::metadata(dir.path()).unwrap().uid() == 0 {
            eprintln!("NOT TESTED: root may make no device here, and the machine's own is not risked");
            return;
        }
        // Only root makes devices. Others cannot replace the machine's own: it is tried on that one.
        let path = if made { own.as_path() } else { Path::new("/dev/null") };
        let before = fs::metadata(path).unwrap();
        replace(path, |w| w.write_all(&[7; 3 << 20])).unwrap();
        let after = fs::symlink_metadata(path).unwrap();
        assert!(after.file_type().is_char_device());
        assert_eq!((after.ino(), after.rdev(), after.mode()), (before.ino(), before.rdev(), before.mode()));
    }

    #[cfg(unix)]
    #[test]
    fn what_takes_no_bytes_is_an_error_and_stays() {
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let e = replace(&path, |w| w.write_all(b"x")).unwrap_err().to_string();
        assert!(e.contains("could not be written"), "{e}");
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_written_into_and_stays() {
        use std::os::unix::fs::FileTypeExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let bytes: Vec<u8> = (0..300_000).map(|i| (i % 251) as u8).collect();
        let reader = std::thread::spawn({
            let path = path.clone();
            move || fs::read(path).unwrap()
        });
        replace(&path, |w| w.write_all(&bytes)).unwrap();
        assert_eq!(reader.join().unwrap(), bytes);
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
