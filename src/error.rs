//! The one error type of the library: every variant says what went wrong, where, and what to do.

use std::path::{Path, PathBuf};

/// Result of every fallible function of the library.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong. The text of each variant names the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file has not the content its format requires.
    #[error("{path}: {message}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong in it and what to do.
        message: String,
    },
    /// A preset, projection, flag or key is not valid.
    #[error("{0}")]
    Invalid(String),
    /// A kernel or layer cannot do what a preset asks of it.
    #[error("{scope}: {message}")]
    Layer {
        /// Layer or kernel, e.g. `conv1.forward`.
        scope: String,
        /// The shapes or values and what to do.
        message: String,
    },
    /// A forced variant cannot run these shapes or this adapter.
    #[error("{scope}: variant {variant} cannot run here: {reason}")]
    Unsupported {
        /// The scope of the dispatch.
        scope: String,
        /// `kernel=variant`.
        variant: String,
        /// Why not.
        reason: String,
    },
    /// One or more shaders do not compose, validate or bind; all of them are listed.
    #[error("{} shader error(s):\n{}", .0.len(), .0.join("\n"))]
    Shaders(Vec<String>),
    /// No adapter answers.
    #[error(
        "no GPU adapter answers ({0}). Install a Vulkan driver (Debian: `apt-get install mesa-vulkan-drivers libvulkan1` \
         gives the software one, lavapipe), or name one of `weightproof show --devices` with --device"
    )]
    NoAdapter(String),
    /// The device refused or failed an operation.
    #[error("{scope}: the device reported: {message}")]
    Device {
        /// The dispatch or transfer at which it was noticed.
        scope: String,
        /// The driver's or wgpu's text.
        message: String,
    },
    /// The device is gone.
    #[error("the device was lost: {0}. The last checkpoint is intact: start again with --resume")]
    DeviceLost(String),
    /// The device has not enough memory.
    #[error("out of device memory in {scope}: {message}. Use a smaller batch (--set batch=N) or width (--set width=X)")]
    OutOfMemory {
        /// What was being allocated.
        scope: String,
        /// Sizes.
        message: String,
    },
    /// The loss or a tensor became infinite or NaN.
    #[error("step {step}: {scope}: {message}")]
    NonFinite {
        /// The step (0-based) at which it first appeared.
        step: u64,
        /// The scope that first produced a non-finite value.
        scope: String,
        /// What was seen and what to try.
        message: String,
    },
    /// Another rank of the run died, hangs, differs or has an error.
    #[error("{0}")]
    Rank(String),
}

impl Error {
    /// An [`Error::Io`] for `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io { path: path.as_ref().to_path_buf(), source }
    }

    /// An [`Error::Format`] for `path`.
    pub fn format(path: impl AsRef<Path>, message: impl Into<String>) -> Self {
        Error::Format { path: path.as_ref().to_path_buf(), message: message.into() }
    }

    /// An [`Error::Layer`] for `scope`.
    pub fn layer(scope: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Layer { scope: scope.into(), message: message.into() }
    }
}

/// ` Did you mean "x" or "y"?` for the up to three `valid` words nearest to `word`, else the whole list.
pub fn suggest<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> String {
    let valid: Vec<&str> = valid.into_iter().collect();
    let mut near: Vec<(usize, &str)> = valid
        .iter()
        .map(|v| (strsim::damerau_levenshtein(word, v), *v))
        .filter(|(d, v)| *d <= 1 + v.len().min(word.len()) / 3)
        .collect();
    near.sort();
    if near.is_empty() {
        return format!(" Valid: {}.", valid.join(", "));
    }
    let near: Vec<String> = near.iter().take(3).map(|(_, v)| format!("\"{v}\"")).collect();
    format!(" Did you mean {}?", near.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn a_near_miss_is_named_and_a_far_one_lists_everything() {
        assert_eq!(suggest("epoch", ["epochs", "batch"]), " Did you mean \"epochs\"?");
        assert_eq!(suggest("zzzz", ["epochs", "batch"]), " Valid: epochs, batch.");
    }
}
