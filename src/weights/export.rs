//! What a checkpoint holds, moved between the device and the file: every parameter and the optimiser's state under
//! PyTorch-like names and layouts.

use std::collections::BTreeMap;

use super::checkpoint::{Checkpoint, Stored};
use super::layout;
use super::packed::{self, Packed};
use crate::error::{Error, Result};
use crate::gpu::Runner;
use crate::kernels::parameters::Tensor;
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
    let find = |t: &Tensor| {
        let name = stored_name(array, &t.name);
        let Some(stored) = tensors.get(&name) else {
            let near = crate::error::suggest(&name, tensors.keys().map(String::as_str));
            return Err(Error::layer(&name, format!("the file has no such tensor.{near}")));
        };
        let expected = layout::torch_shape(&t.shape);
        if stored.shape != expected {
            let message = format!("the file has shape {:?}, this network wants {expected:?}", stored.shape);
            return Err(Error::layer(&name, message));
        }
        Ok((name, stored))
    };
    // A small file may name a large network: nothing is allocated for one that it has not the tensors of.
    let found = network.parameters.tensors.iter().map(find).collect::<Result<Vec<_>>>()?;
    let mut out = vec![0.0; network.parameters.len()];
    for (t, (name, stored)) in network.parameters.tensors.iter().zip(found) {
        let (_, data) = layout::from_torch(&name, &stored.shape, &stored.data, network.flattens(&t.name))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::preset::Preset;

    #[test]
    fn nothing_is_allocated_for_a_network_whose_tensors_are_missing() {
        let text = "name = \"a\"\nbatch = 2\nepochs = 1\nloss = \"softmax_ce\"\ndata.set = \"digits\"\n\
                    lr = { kind = \"constant\", initial = 0.1 }\n\
                    layers = [{ linear = 2, output = true }, { linear = 1048576, output = true }, { linear = 1024, output = true }]";
        let network = Network::without_data(&Preset::from_toml(text).unwrap(), [1, 1, 3]).unwrap();
        assert!(network.parameters.len() > 1 << 30);
        let first = Stored { shape: vec![2, 3], data: vec![0.5; 6] };
        let mut tensors = Tensors::from([("fc1.weight".to_owned(), first.clone())]);
        let said = |tensors: &Tensors| weights(&network, tensors).unwrap_err().to_string();
        assert!(said(&tensors).contains("fc2.weight: the file has no such tensor"), "{}", said(&tensors));
        tensors.insert("fc2.weight".into(), first);
        assert!(said(&tensors).contains("this network wants [1048576, 2]"), "{}", said(&tensors));
    }
}
