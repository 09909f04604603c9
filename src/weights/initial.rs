//! Weights that training begins with, from another run or from elsewhere: fine-tuning.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::checkpoint::{self, key};
use super::{import, trained};
use crate::data::sha256;
use crate::error::{Error, Result};
use crate::model::Network;
use crate::model::preset::Preset;

/// Weights to begin with, instead of drawn ones.
pub struct Initial {
    /// A run folder, a checkpoint, or a safetensors file with PyTorch's names and layouts.
    pub path: PathBuf,
    /// Patterns of the layers that are drawn nevertheless. The file may have others in their place, or none.
    pub except: Vec<String>,
}

/// What a file gave.
pub struct Taken {
    /// The flat array of parameters.
    pub weights: Vec<f32>,
    /// For `run.json`: the file, its checksum, the steps that its weights have seen if it says, and the tensors that were
    /// drawn.
    pub record: Value,
}

impl Initial {
    /// The weights for `network`, which is that of `preset`: those of the file, and where layers are excepted those that the
    /// seed of the preset draws. The state of an optimiser is not taken.
    ///
    /// # Errors
    /// A file that is missing, damaged, or of another network, with every tensor that does not fit and both shapes; patterns
    /// that match nothing, or everything.
    pub fn read(&self, preset: &Preset, network: &Network) -> Result<Taken> {
        let source = trained::file(&self.path)?;
        let step = match checkpoint::is_one(&source)? {
            true => Some(checkpoint::load(&source)?.number::<u64>(key::STEP)?),
            false => None,
        };
        let weights = network.initial_weights(preset.seed);
        let request = import::Request { names: &preset.names, except: Some(&self.except), weights };
        let import::Imported { weights, kept, .. } = import::load(&source, network, request)?;
        if kept.len() == network.parameters.tensors.len() {
            let message = "--init-except leaves no layer to take from it; without --init all layers are drawn";
            return Err(Error::format(&source, message));
        }
        let drawn = if kept.is_empty() { String::new() } else { format!("; drawn: {}", kept.join(", ")) };
        log::info!("weights to begin with from {}{drawn}", source.display());
        let record = json!({ "file": source, "sha256": sha256(&source)?, "step": step, "drawn": kept });
        Ok(Taken { weights, record })
    }
}
