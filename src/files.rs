//! Files replaced so that a reader sees the old content or the new, never a part, whatever happens in between; and the
//! user's folders.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Replaces `path` by what `write` writes: into a temporary file of the same folder, synced, renamed; then the folder is
/// synced. If anything fails, the temporary file is removed and `path` is as it was.
///
/// # Errors
/// What the disk reports, with the path.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let temporary = temporary(path);
    let attempt = || -> io::Result<()> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        write(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    attempt().map_err(|e| {
        // The first error is the one to tell; that there may be nothing to remove is no news.
        let _ = fs::remove_file(&temporary);
        Error::io(path, io::Error::new(e.kind(), format!("could not be written, what was there is as before: {e}")))
    })?;
    sync_folder(path)
}

/// A name beside `path` that no other process uses.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Makes a rename in the folder of `path` survive a power cut, where the system can.
fn sync_folder(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        let folder = match path.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, e))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
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
}
