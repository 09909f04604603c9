//! The elements of tensors in files, as f32 and as the types that they have there.

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView};

/// The elements of an f32, f16, bf16 or f64 tensor, the last rounded to f32.
pub fn decode(t: &TensorView) -> Vec<f32> {
    match t.dtype() {
        Dtype::F16 => t.data().as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => t.data().as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F64 => t.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        _ => t.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
    }
}

/// The bytes of numbers in a type; the place of one that is not finite there.
pub fn encode(values: &[f32], dtype: Dtype) -> std::result::Result<Vec<u8>, usize> {
    let held = |v: f32| match dtype {
        Dtype::F16 => f16::from_f32(v).is_finite(),
        Dtype::BF16 => bf16::from_f32(v).is_finite(),
        _ => v.is_finite(),
    };
    if let Some(at) = values.iter().position(|v| !held(*v)) {
        return Err(at);
    }
    Ok(match dtype {
        Dtype::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
        Dtype::BF16 => values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
        Dtype::F64 => values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
    })
}
