//! Downloads a data set: resumable, verified, and in place all at once or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};

use super::download::download;
use super::files::sha256;
use super::{Origin, info, verify};
use crate::error::{Error, Result};
use crate::files::{self, Lock};

pub use super::download::Download;

/// What to download and what must be there in the end.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The folder that the set occupies in the data folder.
    pub folder: String,
    /// What to download: archives whose name ends in `.tar.gz` are unpacked, anything else is a file of the folder.
    pub downloads: Vec<Download>,
    /// The files of the folder that matter, each with its SHA-256.
    pub files: Vec<(String, String)>,
    /// Bytes that an archive may unpack to.
    pub unpacked: u64,
}

/// How to get the data set `name` from its publisher.
///
/// # Errors
/// An unknown name, a set that is part of the program, or one that takes a login, with what to do.
pub fn spec(name: &str) -> Result<Spec> {
    let set = info(name)?;
    let name = set.name;
    match set.origin {
        Origin::Open(spec) => Ok(spec()),
        Origin::Program => Err(Error::Invalid(format!("{name} is part of the program: there is nothing to fetch"))),
        Origin::Login(how) => Err(Error::Invalid(format!("{name} cannot be fetched by a program: {how}"))),
    }
}

/// Sees to it that the data set `name` is in the folder `dest`, and returns the folder of its files. If it is there, under
/// any of the names that [`super::load`] knows, nothing is downloaded.
///
/// # Errors
/// As [`spec`] and [`fetch`]; a file that differs from the published one and is read before the one that was fetched.
pub fn get(name: &str, dest: &Path, quiet: bool) -> Result<PathBuf> {
    let spec = spec(name)?;
    let there = |files: Vec<PathBuf>| files.first().and_then(|file| file.parent()).map(Path::to_path_buf);
    if let Some(folder) = verify::verify(name, Some(dest)).ok().and_then(there) {
        log::info!("{}: already there and intact", folder.display());
        return Ok(folder);
    }
    let target = fetch(&spec, dest, quiet)?;
    match verify::verify(name, Some(dest)) {
        Ok(_) => Ok(target),
        Err(e) => Err(Error::format(
            &target,
            format!("the set was fetched, but these files are read before it; remove them and try again: {e}"),
        )),
    }
}

/// Downloads what `spec` names into the folder `dest` and returns the folder of the set, `dest/spec.folder`. If all of
/// its files are there and intact, nothing happens.
///
/// A download that is cut continues where it stopped, also in a later call; unpacking happens in a folder beside the
/// target, which is renamed when all checksums agree. A progress bar is on stderr unless `quiet` or no terminal.
///
/// # Errors
/// See [`Download`]; another process that fetches the set; an archive that is damaged, larger than promised, or would write outside its folder; a full disk.
/// The target is then as it was before.
pub fn fetch(spec: &Spec, dest: &Path, quiet: bool) -> Result<PathBuf> {
    let target = dest.join(&spec.folder);
    if check(&target, &spec.files).is_ok() {
        log::info!("{}: already there and intact", target.display());
        return Ok(target);
    }
    fs::create_dir_all(dest).map_err(|e| Error::io(dest, e))?;
    let _lock = Lock::take(&dest.join(format!(".{}.lock", spec.folder)), &target)?;
    let staging = Staging::new(dest.join(format!(".{}.part", spec.folder)))?;
    let staged = staging.0.join(&spec.folder);
    fs::create_dir(&staged).map_err(|e| Error::io(&staged, e))?;
    // All are downloaded before the first is used up, so that a later call continues with every byte of this one.
    let parts: Vec<(&str, PathBuf)> = spec.downloads.iter().map(|item| part(item, dest)).collect();
    for (item, (name, part)) in spec.downloads.iter().zip(&parts) {
        download(item, part, &progress_bar(name, item.bytes, quiet))?;
    }
    for (name, part) in &parts {
        match name.ends_with(".tar.gz") {
            true => unpack(part, &staged, spec)?,
            false => rename(part, &staged.join(name))?,
        }
    }
    check(&staged, &spec.files)?;
    install(&staged, &target)?;
    for (_, archive) in parts.iter().filter(|(_, part)| part.exists()) {
        fs::remove_file(archive).map_err(|e| Error::io(archive, e))?;
    }
    Ok(target)
}

/// The name of a download and where it gathers.
fn part<'a>(item: &'a Download, dest: &Path) -> (&'a str, PathBuf) {
    let name = item.url.rsplit('/').next().unwrap_or(&item.url);
    (name, dest.join(format!("{name}.part")))
}

/// A folder, empty at first, that vanishes with its content when the value goes.
struct Staging(PathBuf);

impl Staging {
    fn new(path: PathBuf) -> Result<Self> {
        // What a killed process left.
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|e| Error::io(&path, e))?;
        }
        fs::create_dir(&path).map_err(|e| Error::io(&path, e))?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.0) {
            log::warn!("{}: {e}; remove it by hand", self.0.display());
        }
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|e| Error::io(to, e))
}

/// That all `files` are in `folder` with their checksums.
fn check(folder: &Path, files: &[(String, String)]) -> Result<()> {
    for (name, expected) in files {
        let path = folder.join(name);
        let found = sha256(&path)?;
        if found != *expected {
            return Err(Error::format(path, format!("its SHA-256 is {found}, not {expected}: not the published file")));
        }
    }
    Ok(())
}

/// Moves the finished folder to its place. If there is one already (which lacks a file, or has a damaged one) its files
/// are replaced one by one, so that what a user keeps beside them stays, and links to other places are followed.
fn install(staged: &Path, target: &Path) -> Result<()> {
    if !target.exists() {
        return rename(staged, target);
    }
    for entry in fs::read_dir(staged).map_err(|e| Error::io(staged, e))? {
        let entry = entry.map_err(|e| Error::io(staged, e))?;
        let mut from = File::open(entry.path()).map_err(|e| Error::io(entry.path(), e))?;
        files::replace(&target.join(entry.file_name()), |w| io::copy(&mut from, w).map(drop))?;
    }
    Ok(())
}

/// Unpacks the files of `spec.folder` in the archive at `path` to the folder `staged`.
fn unpack(path: &Path, staged: &Path, spec: &Spec) -> Result<()> {
    let damaged = |e: io::Error| Error::format(path, format!("the archive cannot be unpacked: {e}"));
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(io::BufReader::new(file)));
    let mut room = spec.unpacked;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        let inside = entry.path().map_err(damaged)?.into_owned();
        // Nothing but `folder/` and `folder/file`: no `..`, no root, no link, no deeper folder.
        let parts: Vec<Component> = inside.components().filter(|c| *c != Component::CurDir).collect();
        let name = match parts[..] {
            [Component::Normal(folder)] if kind.is_dir() && folder == &spec.folder[..] => continue,
            [Component::Normal(folder), Component::Normal(name)] if kind.is_file() && folder == &spec.folder[..] => {
                name
            }
            _ => {
                return Err(Error::format(
                    path,
                    format!("the archive holds {} ({kind:?}), no file of {}: refused", inside.display(), spec.folder),
                ));
            }
        };
        room = room.checked_sub(entry.size()).ok_or_else(|| {
            Error::format(path, format!("the archive unpacks to more than {} bytes: refused", spec.unpacked))
        })?;
        let out = staged.join(name);
        let mut file = File::create(&out).map_err(|e| Error::io(&out, e))?;
        io::copy(&mut entry, &mut file).map_err(damaged)?;
    }
    Ok(())
}

/// A bar of bytes; indicatif draws nothing where stderr is no terminal.
fn progress_bar(name: &str, bytes: u64, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} eta {eta}")
        .expect("the template is valid");
    ProgressBar::new(bytes).with_style(style).with_message(name.to_string())
}
