//! A distortion applied to the weights in any safetensors file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::projector::{EVALUATION, Projector};
use crate::error::{Error, Result};
use crate::gpu::Runner;
use crate::kernels::distortion::Distortion;
use crate::kernels::parameters::{Parameters, Tensor};

/// Reads `from`, projects every floating-point tensor of two or more dimensions as one layer each (alpha is its largest
/// magnitude), and writes `to`. Vectors (biases, batch norm) and integers are copied. The state of an optimiser in a
/// checkpoint of this program is left out: the result is a weights file. Element types are kept; a projection to f16 or
/// bf16 rounds at the end.
///
/// Returns one line per projected tensor.
///
/// # Errors
/// A file that is no safetensors file, one without weights, what the device or the disk reports.
pub fn file(
    runner: &mut Runner,
    from: &Path,
    to: &Path,
    distortion: &Distortion,
    seed: u64,
    draw: u64,
) -> Result<Vec<String>> {
    let bytes = std::fs::read(from).map_err(|e| Error::io(from, e))?;
    let bad = |e: safetensors::SafeTensorError| Error::format(from, format!("no sound safetensors file: {e}"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(bad)?;
    let file = SafeTensors::deserialize(&bytes).map_err(bad)?;
    let mut tensors: Vec<(String, TensorView)> =
        file.tensors().into_iter().filter(|(name, _)| !name.starts_with("optimizer.")).collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let is_weight = |t: &TensorView| {
        t.shape().len() >= 2
            && t.shape().iter().all(|&d| d > 0)
            && matches!(t.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16)
    };
    let mut parameters = Parameters::default();
    let mut flat = vec![];
    for (name, t) in tensors.iter().filter(|(_, t)| is_weight(t)) {
        // [out, in, kh, kw] or [out, in], as PyTorch has them.
        let fan_in = t.shape()[1..].iter().product();
        let i = parameters.push(Tensor { projected: true, fan_in, ..Tensor::new(name, t.shape()) });
        let values = decode(t);
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::format(from, format!("{name}: element {at} is {}; nothing was written", values[at])));
        }
        flat.resize(parameters.tensors[i].offset, 0.0);
        flat.extend(values);
    }
    if parameters.is_empty() {
        return Err(Error::format(from, "it has no floating-point tensor of two or more dimensions to project"));
    }
    flat.resize(parameters.len(), 0.0);
    let projected = project_all(runner, &parameters, &flat, distortion, seed, draw)?;
    let mut lines = vec![];
    let mut out: Vec<(String, &TensorView, Cow<[u8]>)> = vec![];
    for (name, t) in &tensors {
        let data = match parameters.find(name) {
            None => Cow::Borrowed(t.data()),
            Some(p) => {
                let (before, after) = (&flat[p.offset..][..p.len()], &projected[p.offset..][..p.len()]);
                let alpha = before.iter().fold(0f32, |a, w| a.max(w.abs()));
                let moved =
                    before.iter().zip(after).map(|(b, a)| f64::from((b - a).abs())).sum::<f64>() / p.len() as f64;
                lines.push(format!("{name:<32} {:?}  alpha {alpha:.6}  mean |w - P(w)| {moved:.6}", t.shape()));
                Cow::Owned(encode(after, t.dtype()))
            }
        };
        out.push((name.clone(), t, data));
    }
    let views: Vec<(String, TensorView)> = out
        .iter()
        .map(|(name, t, data)| Ok((name.clone(), TensorView::new(t.dtype(), t.shape().to_vec(), data).map_err(bad)?)))
        .collect::<Result<_>>()?;
    // The file's own remarks stay, except those that make it a checkpoint: its checksum would no longer hold.
    let mut remarks: HashMap<String, String> = header.metadata().clone().unwrap_or_default();
    remarks.retain(|key, _| !key.starts_with("weightproof_"));
    remarks.insert("distortion".into(), format!("{distortion}, seed {seed}, draw {draw}"));
    let text = safetensors::serialize(views, Some(remarks)).map_err(bad)?;
    crate::files::replace(to, |w| w.write_all(&text))?;
    Ok(lines)
}

/// A dispatch over all tensors per link.
fn project_all(
    runner: &mut Runner,
    parameters: &Parameters,
    flat: &[f32],
    distortion: &Distortion,
    seed: u64,
    draw: u64,
) -> Result<Vec<f32>> {
    let mut projector = Projector::new(runner, parameters)?;
    runner.write("weight", bytemuck::cast_slice(flat))?;
    projector.apply(runner, distortion, seed, EVALUATION + draw)?;
    Ok(bytemuck::cast_slice(&runner.read("projected", flat.len())?).to_vec())
}

/// The elements of an f32, f16 or bf16 tensor.
pub(crate) fn decode(t: &TensorView) -> Vec<f32> {
    match t.dtype() {
        Dtype::F16 => t.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        Dtype::BF16 => t.data().chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => t.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    }
}

fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    match dtype {
        Dtype::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
        Dtype::BF16 => values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}
