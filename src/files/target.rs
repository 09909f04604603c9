//! What a path to write to leads to.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Links behind one another, at most; more are a circle.
const MOST_LINKS: usize = 40;

/// What is to be written.
pub(super) enum Target {
    /// A regular file, which may not be there yet, under its real name.
    File(PathBuf),
    /// Something that takes bytes where it is, open for writing.
    Stream(File),
}

impl Target {
    /// What `path` leads to.
    ///
    /// # Errors
    /// A folder; a circle of links; a device or pipe that cannot be opened. Opening a pipe waits for its reader.
    pub fn of(path: &Path) -> io::Result<Target> {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Target::File(follow(path)?)),
            Err(e) => return Err(e),
        };
        if found.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder"));
        }
        #[cfg(unix)]
        if let Some(stdout) = stdout_at(&found) {
            // What was printed before comes first.
            io::Write::flush(&mut io::stdout())?;
            return Ok(Target::Stream(stdout));
        }
        if !found.is_file() {
            return Ok(Target::Stream(OpenOptions::new().write(true).open(path)?));
        }
        let file = follow(path)?;
        match fs::metadata(&file) {
            Ok(real) if is_same(&real, &found) => Ok(Target::File(file)),
            // A link that only the system can follow: an open file that has no name any more.
            _ => Ok(Target::Stream(OpenOptions::new().write(true).truncate(true).open(path)?)),
        }
    }
}

/// The path behind all links of the last part of `path`.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !fs::symlink_metadata(&path).is_ok_and(|m| m.file_type().is_symlink()) {
            return Ok(path);
        }
        path = super::folder(&path).join(fs::read_link(&path)?);
    }
    Err(io::Error::other("links that lead in a circle"))
}

/// Whether `path` is what stdout goes to: what is printed besides would end up in the same file.
pub fn is_stdout(path: &Path) -> bool {
    #[cfg(unix)]
    return fs::metadata(path).is_ok_and(|found| stdout_at(&found).is_some());
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Stdout, if it goes to what `found` tells of.
#[cfg(unix)]
fn stdout_at(found: &fs::Metadata) -> Option<File> {
    use std::os::fd::AsFd;
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
    stdout.metadata().is_ok_and(|m| is_same(&m, found)).then_some(stdout)
}

/// Whether both tell of the same file.
#[cfg(unix)]
pub(super) fn is_same(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
pub(super) fn is_same(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

/// Makes the file `temporary` that is to take the place of `path`: as open as a new file where there is none, else for
/// nobody else until [`keep_mode`].
///
/// # Errors
/// A file that is there already.
pub(super) fn create_for(path: &Path, temporary: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if path.exists() {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = path;
    options.open(temporary)
}

/// Gives `file` the mode of what is at `path`, and its owner where that is allowed.
///
/// # Errors
/// A file system that cannot.
pub(super) fn keep_mode(path: &Path, file: &File) -> io::Result<()> {
    #[cfg(unix)]
    if let Ok(old) = fs::metadata(path) {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let new = file.metadata()?;
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            // Only root may give a file away; another user's file becomes the writer's, as with any editor.
            let _ = fchown(file, Some(old.uid()), Some(old.gid()));
        }
        if old.mode() != new.mode() {
            file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
    Ok(())
}
