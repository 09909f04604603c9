//! What a checkpoint holds, moved between the device and the file: every parameter and the optimiser's state under
//! PyTorch-like names and layouts.

use std::collections::BTreeMap;

use super::checkpoint::{Checkpoint, Stored};
use super::layout;
use super::packed::{self, Packed};
use crate::error::{Error, Result};
use crate::gpu::Runner;
use crate::model::Network;
use crate::projection::distortion::Distortion;

/// Suffix of a state tensor in a file: `optimizer.conv1.weight.m` for the flat array `adam_m`.
fn suffix(array: &str) -> &str {
    array.strip_prefix("adam_").unwrap_or(array)
}

/// Beginning of the names of the optimiser's state.
const STATE: &str = "optimizer.";

/// Whether a tensor of a checkpoint is state of the optimiser.
pub fn is_state(name: &str) -> bool {
    name.starts_with(STATE)
}

/// Name in a file of the part of `array` that belongs to parameter `name`.
fn stored_name(array: &str, name: &str) -> String {
    if array == "weight" { name.into() } else { format!("{STATE}{name}.{}", suffix(array)) }
}

/// Reads weights and optimiser state from the device: `(array, elements)`. What is left is the host's work: [`tensors`].
///
/// # Errors
/// What the device reports.
pub fn download(runner: &Runner, network: &Network) -> Result<Vec<(&'static str, Vec<u32>)>> {
    let arrays = std::iter::once(&"weight").chain(network.optimizer_state());
    arrays.map(|array| Ok((*array, runner.read(array, network.parameters.len())?))).collect()
}

/// The tensors of a file from what [`download`] read. The caller adds the metadata.
///
/// # Errors
/// None for arrays of this network.
pub fn tensors(network: &Network, arrays: &[(&str, Vec<u32>)]) -> Result<BTreeMap<String, Stored>> {
    let mut out = BTreeMap::new();
    for (array, words) in arrays {
        let flat: &[f32] = bytemuck::cast_slice(words);
        for t in &network.parameters.tensors {
            let part = &flat[t.offset..t.offset + t.len()];
            let (shape, data) = layout::to_torch(&t.name, &t.shape, part, network.flattens(&t.name))?;
            out.insert(stored_name(array, &t.name), Stored { shape, data });
        }
    }
    Ok(out)
}

/// Tensors by name.
type Tensors = BTreeMap<String, Stored>;

/// Divides the tensors of a network, projected under `with`, into those that are packed and those that stay f32: vectors, and
/// what the projection is not for.
///
/// # Errors
/// A tensor that the projection leaves more values than a packed one holds.
pub fn pack(with: &Distortion, mut all: Tensors, network: &Network) -> Result<(BTreeMap<String, Packed>, Tensors)> {
    let mut bits = BTreeMap::new();
    for t in network.parameters.tensors.iter().filter(|t| t.projected && !with.leaves(&t.name)) {
        let Some(Stored { shape, data }) = all.remove(&t.name) else { continue };
        let packed = packed::pack(&shape, &data).map_err(|[a, b]| {
            let message = format!(
                "under {with} an output channel holds magnitudes of {a} and {b}; packed weights have one, and 0. Pack under \
                 another projection, e.g. --with sign"
            );
            Error::layer(&t.name, message)
        })?;
        bits.insert(t.name.clone(), packed);
    }
    Ok((bits, all))
}

/// The flat array of parameters from a file's tensors.
///
/// # Errors
/// A missing tensor or one of another shape, by name.
pub fn weights(network: &Network, tensors: &BTreeMap<String, Stored>) -> Result<Vec<f32>> {
    flat(network, tensors, "weight")
}

fn flat(network: &Network, tensors: &BTreeMap<String, Stored>, array: &str) -> Result<Vec<f32>> {
    let mut out = vec![0.0; network.parameters.len()];
    for t in &network.parameters.tensors {
        let name = stored_name(array, &t.name);
        let Some(stored) = tensors.get(&name) else {
            let near = crate::error::suggest(&name, tensors.keys().map(String::as_str));
            return Err(Error::layer(&name, format!("the file has no such tensor.{near}")));
        };
        let flattens = network.flattens(&t.name);
        let (expected, _) = layout::to_torch(&name, &t.shape, &vec![0.0; t.len()], flattens)?;
        if stored.shape != expected {
            return Err(Error::layer(
                &name,
                format!("the file has shape {:?}, this network wants {expected:?}", stored.shape),
            ));
        }
        let (_, data) = layout::from_torch(&name, &stored.shape, &stored.data, flattens)?;
        out[t.offset..t.offset + t.len()].copy_from_slice(&data);
    }
    Ok(out)
}

/// Writes weights and optimiser state of a checkpoint to the device.
///
/// # Errors
/// A checkpoint of another network; what the device reports.
pub fn upload(runner: &mut Runner, network: &Network, checkpoint: &Checkpoint) -> Result<()> {
    for array in std::iter::once(&"weight").chain(network.optimizer_state()) {
        let flat = flat(network, &checkpoint.tensors, array)?;
        runner.write(array, bytemuck::cast_slice(&flat))?;
    }
    Ok(())
}
