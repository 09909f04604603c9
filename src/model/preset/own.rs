//! Users' own projections: a preset holds the text of each file that it names, so that a run needs the file no more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Preset;
use super::source::Sources;
use crate::error::{Error, Result};
use crate::gpu;
use crate::projection::distortion::Distortion;
use crate::ranges::{Check, require};

/// The text of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Its checksum, in hexadecimal digits.
    pub sha256: String,
    /// As it was read.
    pub text: String,
}

/// Texts by the names of their files, as expressions write them.
pub type Texts = BTreeMap<String, Text>;

impl Text {
    fn open(path: &Path) -> Result<Text> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Ok(Text { sha256: sha256(&text), text })
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A distortion with users' own projections: by their texts, those that `texts` lacks by the files of their names.
///
/// # Errors
/// A file that cannot be read; a text that is no such projection, with file and line.
pub fn read(distortion: &Distortion, texts: &Texts) -> Result<Distortion> {
    distortion.with_own(|name| {
        let text = match texts.get(name) {
            Some(known) => known.clone(),
            None => Text::open(Path::new(name))?,
        };
        Ok(Arc::new(gpu::own::read(name, &text.text)?))
    })
}

/// Adds the texts of the files that the preset names: `known` ones, else of files beside the source of the key.
pub(super) fn gather(preset: &mut Preset, sources: &Sources, known: &Texts) -> Result<()> {
    let mut paths: BTreeMap<String, PathBuf> = BTreeMap::new();
    let all = [("projection", vec![preset.projection.clone()]), ("eval.distort", preset.eval.distort.clone())];
    for (key, expressions) in all {
        let keys: Vec<String> = key.split('.').map(str::to_owned).collect();
        // What cannot be parsed is refused by whoever uses it.
        for distortion in expressions.iter().filter_map(|text| Distortion::parse(text).ok()) {
            for name in distortion.unread() {
                let path = sources.folder(&keys).join(name);
                let text = match (preset.wgsl.get(name), known.get(name)) {
                    (Some(_), _) if !paths.contains_key(name) => continue,
                    (_, Some(text)) => text.clone(),
                    _ => Text::open(&path)?,
                };
                if preset.wgsl.get(name).is_some_and(|other| *other != text) {
                    let other = &paths[name];
                    let message = format!(
                        "{key}: {} and {} are different files, and both are called {name} here; rename one",
                        path.display(),
                        other.display()
                    );
                    return Err(Error::Invalid(message));
                }
                preset.wgsl.insert(name.to_owned(), text);
                paths.insert(name.to_owned(), path);
            }
        }
    }
    Ok(())
}

pub(super) fn check(texts: &Texts) -> Check {
    texts.iter().try_for_each(|(name, t)| {
        let must = format!("its text has {}: it was altered", sha256(&t.text));
        require(t.sha256 == sha256(&t.text), "wgsl", format!("\"{name}\" with sha256 {}", t.sha256), &must)
    })
}
