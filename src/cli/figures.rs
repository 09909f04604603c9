//! `--figure FILE`: figures in the form that the name of a file asks for.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::figure::Drawing;
use crate::files;

/// Pixels of a PNG per pixel of the layout.
const PNG_SCALE: f64 = 2.0;

/// Form of a figure.
enum Form {
    Svg,
    Png,
}

fn form(path: &Path) -> Result<Form> {
    match path.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => Ok(Form::Svg),
        Some("png") => Ok(Form::Png),
        _ => Err(Error::Invalid(format!("--figure {}: the name must end in .svg or .png", path.display()))),
    }
}

/// That figures can be written where they should be, so that nobody waits for a measurement that is lost.
pub(super) fn check(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| form(path).and_then(|_| writable(path)))
}

/// That a file can be written where it should be.
pub(super) fn writable(path: &Path) -> Result<()> {
    let folder = files::folder(path);
    if path.is_dir() {
        return Err(Error::Invalid(format!("{}: this is a folder", path.display())));
    }
    if !folder.is_dir() {
        return Err(Error::Invalid(format!("{}: there is no folder {}", path.display(), folder.display())));
    }
    Ok(())
}

/// Writes a figure to files.
pub(super) fn write(paths: &[PathBuf], figure: &Drawing) -> Result<()> {
    for path in paths {
        let bytes = match form(path)? {
            Form::Svg => figure.svg().into_bytes(),
            Form::Png => figure.png(PNG_SCALE),
        };
        files::replace(path, |w| w.write_all(&bytes))?;
        log::info!("figure: {}", path.display());
    }
    Ok(())
}
