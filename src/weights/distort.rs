//! A distortion applied to the weights in any safetensors file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::checkpoint;
use super::elements::{decode, encode};
use crate::error::{Error, Result};
use crate::gpu::Runner;
use crate::kernels::parameters::{Parameters, Tensor};
use crate::projection::distortion::Distortion;
use crate::session::Projector;

/// What a distortion of a file came to.
pub struct Distorted {
    /// A line per projected tensor.
    pub lines: Vec<String>,
    /// What the user should know: tensors that could not be projected.
    pub warnings: Vec<String>,
}

/// What becomes of a tensor.
enum Treatment {
    /// It is projected, as this one of the parameters.
    Projected(usize),
    /// It is copied: a vector, integers, nothing.
    Copied,
    /// It is copied, although it may be weights: of a type that is not read.
    Unread,
}

/// Reads `from`, projects every floating-point tensor of two or more dimensions as one layer each, and writes `to`. Its filters
/// are the first dimension, PyTorch's output channels. Vectors (biases, batch norm) and integers are copied. The state of an optimiser in a
/// checkpoint of this program is left out: the result is a weights file. Element types are kept: what is projected is
/// computed in f32 and rounded to f16 or bf16 at the end; of f64 the nearest f32 is projected.
///
/// # Errors
/// A file that is no safetensors file, one without weights; a result that its type cannot hold; what the device or the
/// disk reports. Nothing is written then.
pub fn file(
    runner: &mut Runner,
    from: &Path,
    to: &Path,
    distortion: &Distortion,
    seed: u64,
    draw: u64,
) -> Result<Distorted> {
    let bytes = checkpoint::unpacked(from)?;
    let bad = |e: safetensors::SafeTensorError| Error::format(from, format!("no sound safetensors file: {e}"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(bad)?;
    let file = SafeTensors::deserialize(&bytes).map_err(bad)?;
    let mut tensors: Vec<(String, TensorView)> =
        file.tensors().into_iter().filter(|(name, _)| !name.starts_with("optimizer.")).collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut parameters = Parameters::default();
    let mut parts = vec![];
    for (name, t) in &tensors {
        parts.push(match kind(t) {
            // [out, in / groups, kh, kw] or [out, in], as PyTorch has them.
            Kind::Weights => {
                let tensor = Tensor { projected: true, filter_axis: 0, ..Tensor::new(name, t.shape()) };
                Treatment::Projected(parameters.push(tensor))
            }
            Kind::Unread => Treatment::Unread,
            Kind::Other => Treatment::Copied,
        });
    }
    parameters.check().map_err(|e| Error::format(from, format!("{e}: it cannot be projected in one go")))?;
    let unread: Vec<String> = tensors
        .iter()
        .zip(&parts)
        .filter(|(_, part)| matches!(part, Treatment::Unread))
        .map(|((name, t), _)| format!("{name} ({})", t.dtype()))
        .collect();
    if parameters.is_empty() {
        let others = if unread.is_empty() { String::new() } else { format!("; {READ}: not {}", unread.join(", ")) };
        let message = format!("it has no floating-point tensor of two or more dimensions to project{others}");
        return Err(Error::format(from, message));
    }
    let mut flat = vec![0.0; parameters.len()];
    for ((name, t), part) in tensors.iter().zip(&parts) {
        let Treatment::Projected(i) = part else { continue };
        let values = decode(t);
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let held = if t.dtype() == Dtype::F64 { " as f32" } else { "" };
            let message = format!("{name}: element {at} is {}{held}; nothing was written", values[at]);
            return Err(Error::format(from, message));
        }
        flat[parameters.tensors[*i].offset..][..values.len()].copy_from_slice(&values);
    }
    let projected = project_all(runner, &parameters, &flat, distortion, seed, draw)?;
    let mut lines = vec![];
    let mut out: Vec<(String, &TensorView, Cow<[u8]>)> = vec![];
    for ((name, t), part) in tensors.iter().zip(&parts) {
        let data = match part {
            Treatment::Projected(i) => {
                let p = &parameters.tensors[*i];
                let (before, after) = (&flat[p.offset..][..p.len()], &projected[p.offset..][..p.len()]);
                lines.push(line(name, t, before, after));
                // What is left as it is keeps every bit, in f64 too.
                if distortion.leaves(name) {
                    Cow::Borrowed(t.data())
                } else {
                    Cow::Owned(encode(after, t.dtype()).map_err(|at| beyond(from, name, t, at, after[at]))?)
                }
            }
            Treatment::Copied | Treatment::Unread => Cow::Borrowed(t.data()),
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
    let mut warnings = vec![];
    if !unread.is_empty() {
        warnings.push(format!("{}: copied as they are, {READ}: {}", from.display(), unread.join(", ")));
    }
    Ok(Distorted { lines, warnings })
}

/// What can be projected.
const READ: &str = "f32, f16, bf16 and f64 can be projected";

/// What a tensor may be.
enum Kind {
    Weights,
    /// Floating-point numbers of a type that is not read.
    Unread,
    Other,
}

fn kind(t: &TensorView) -> Kind {
    if t.shape().len() < 2 || t.shape().contains(&0) {
        return Kind::Other;
    }
    match t.dtype() {
        Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64 => Kind::Weights,
        Dtype::BOOL
        | Dtype::U8
        | Dtype::I8
        | Dtype::U16
        | Dtype::I16
        | Dtype::U32
        | Dtype::I32
        | Dtype::U64
        | Dtype::I64 => Kind::Other,
        _ => Kind::Unread,
    }
}

/// What is said of a projected tensor.
fn line(name: &str, t: &TensorView, before: &[f32], after: &[f32]) -> String {
    let alpha = before.iter().fold(0f32, |a, w| a.max(w.abs()));
    let moved = before.iter().zip(after).map(|(b, a)| f64::from((b - a).abs())).sum::<f64>() / before.len() as f64;
    format!("{name:<32} {:?}  alpha {alpha:.6}  mean |w - P(w)| {moved:.6}", t.shape())
}

/// The error of a result that its type cannot hold.
fn beyond(from: &Path, name: &str, t: &TensorView, at: usize, value: f32) -> Error {
    let message = format!(
        "{name}: element {at} becomes {value:e}, which {} cannot hold; nothing was written. Convert the file to a wider \
         type, or take a weaker distortion",
        t.dtype()
    );
    Error::format(from, message)
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
    let mut projector = Projector::new(parameters.clone());
    projector.set_weights(runner, flat)?;
    projector.apply(runner, distortion, seed, crate::projection::EVALUATION + draw)?;
    Ok(bytemuck::cast_slice(&runner.read("projected", flat.len())?).to_vec())
}
