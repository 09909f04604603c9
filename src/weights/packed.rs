//! Weights of two or three values as bits: one bit a weight where none is 0, else two, and the magnitude as one f32 for the
//! tensor or for each output channel.
//!
//! A tensor stands as PyTorch has it, `[c_out, c_in, kh, kw]` or `[out, in]`, a row of bytes for each output channel. Weight
//! number j of a row is bit j % 8 of byte j / 8, 1 for + and 0 for -; or bits 2 (j % 4) and the next of byte j / 4, where the
//! lower says that it is not 0 and the upper is its sign. What is left of the last byte is 0.

use serde::{Deserialize, Serialize};

/// A packed tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Packed {
    /// What the header says of it.
    pub form: Form,
    /// The magnitude: of all weights, or `[c_out]`.
    pub scale: Vec<f32>,
    /// `[c_out]` rows of [`Form::row`] bytes.
    pub rows: Vec<u8>,
}

/// Shape of a packed tensor, and bits of a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// Dimensions, as in PyTorch.
    pub shape: Vec<usize>,
    /// 1 or 2.
    pub bits: usize,
}

impl Form {
    /// Output channels, and weights of each; none for a shape that no tensor of weights has.
    fn sides(&self) -> Option<(usize, usize)> {
        let (rows, inner) = self.shape.split_first()?;
        let weights = inner.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
        rows.checked_mul(weights).filter(|all| *all > 0).map(|_| (*rows, weights))
    }

    /// Bytes of an output channel.
    pub fn row(&self) -> Option<usize> {
        let (_, weights) = self.sides()?;
        Some(weights.checked_mul(self.bits)?.div_ceil(8))
    }
}

/// Packs the weights of a tensor in PyTorch's order.
///
/// # Errors
/// An output channel with more than one magnitude beside 0: two of them.
pub fn pack(shape: &[usize], weights: &[f32]) -> std::result::Result<Packed, [f32; 2]> {
    let mut form = Form { shape: shape.to_vec(), bits: 1 };
    let inner = form.sides().map_or(1, |(_, weights)| weights);
    let mut scale: Vec<f32> = vec![];
    for row in weights.chunks_exact(inner) {
        let mut magnitudes = row.iter().map(|w| w.abs()).filter(|m| *m != 0.0);
        let magnitude = magnitudes.next().unwrap_or(0.0);
        if let Some(other) = magnitudes.find(|m| *m != magnitude) {
            return Err([magnitude, other]);
        }
        // Of a row of zeros the magnitude says it.
        if magnitude != 0.0 && row.contains(&0.0) {
            form.bits = 2;
        }
        scale.push(magnitude);
    }
    let most = scale.iter().fold(0f32, |a, s| a.max(*s));
    if scale.iter().all(|s| *s == most || form.bits == 2 && *s == 0.0) {
        scale = vec![most];
    }
    let mut rows = Vec::with_capacity(weights.len() / inner * form.row().unwrap_or(0));
    for row in weights.chunks_exact(inner) {
        let code = |w: &f32| match form.bits {
            1 => u8::from(*w >= 0.0),
            _ => u8::from(*w != 0.0) | u8::from(*w > 0.0) << 1,
        };
        let per_byte = 8 / form.bits;
        rows.extend(
            row.chunks(per_byte)
                .map(|part| part.iter().enumerate().fold(0u8, |byte, (j, w)| byte | code(w) << (j * form.bits))),
        );
    }
    Ok(Packed { form, scale, rows })
}

impl Packed {
    /// The weights in PyTorch's order.
    ///
    /// # Errors
    /// What of it does not fit the rest: it may be from a hostile file. Nothing larger than its bytes stand for is allocated.
    pub fn unpack(&self) -> std::result::Result<Vec<f32>, String> {
        let Form { shape, bits } = &self.form;
        if !matches!(bits, 1 | 2) {
            return Err(format!("{bits} bits a weight; 1 and 2 are known"));
        }
        let (rows, inner) = self.form.sides().ok_or_else(|| format!("shape {shape:?} is none of weights"))?;
        let row = self.form.row().filter(|row| row.checked_mul(rows) == Some(self.rows.len()));
        let row = row.ok_or_else(|| format!("{} bytes are not {bits} bits of shape {shape:?}", self.rows.len()))?;
        if self.scale.len() != 1 && self.scale.len() != rows {
            return Err(format!(
                "{} magnitudes for {rows} output channels; 1 or {rows} are expected",
                self.scale.len()
            ));
        }
        if let Some(bad) = self.scale.iter().find(|s| !s.is_finite() || **s < 0.0) {
            return Err(format!("a magnitude of {bad}"));
        }
        let mut out = Vec::with_capacity(rows * inner);
        for (o, bytes) in self.rows.chunks_exact(row).enumerate() {
            let scale = self.scale[if self.scale.len() == 1 { 0 } else { o }];
            out.extend((0..inner).map(|j| {
                let code = bytes[j * bits / 8] >> (j * bits % 8);
                match (bits, code & 3) {
                    (1, code) if code & 1 == 1 => scale,
                    (1, _) => -scale,
                    (_, 3) => scale,
                    (_, 1) => -scale,
                    _ => 0.0,
                }
            }));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_where_the_format_says() {
        // Two output channels of nine inputs: a byte and a bit each.
        let signs =
            [1., -1., 1., 1., -1., -1., -1., 1., -1., -1., -1., -1., -1., -1., -1., -1., -1., 1.].map(|s| 0.5 * s);
        let packed = pack(&[2, 9], &signs).unwrap();
        assert_eq!((packed.form.bits, packed.scale.as_slice()), (1, &[0.5][..]));
        assert_eq!(packed.rows, [0b1000_1101, 0, 0, 1]);
        assert_eq!(packed.unpack().unwrap(), signs);

        let three = [0.0, 2.0, -2.0, 0.0, 2.0];
        let packed = pack(&[1, 5], &three).unwrap();
        assert_eq!((packed.form.bits, packed.rows.as_slice()), (2, &[0b0001_1100, 0b11][..]));
        assert_eq!(packed.unpack().unwrap(), three);
    }

    #[test]
    fn a_magnitude_may_be_that_of_an_output_channel() {
        let of = |shape: &[usize], weights: &[f32], bits: usize, scale: &[f32]| {
            let packed = pack(shape, weights).unwrap();
            assert_eq!((packed.form.bits, packed.scale.as_slice()), (bits, scale), "{weights:?}");
            assert_eq!(packed.unpack().unwrap(), weights);
        };
        of(&[2, 1, 1, 2], &[1.0, -1.0, 3.0, 3.0], 1, &[1.0, 3.0]);
        of(&[2, 2], &[0.0, -1.0, 3.0, 3.0], 2, &[1.0, 3.0]);
        of(&[2, 2], &[0.0, 0.0, 3.0, -3.0], 1, &[0.0, 3.0]);
        of(&[2, 2], &[0.0, 0.0, 3.0, 0.0], 2, &[3.0]);
        of(&[2, 1], &[0.0, 0.0], 1, &[0.0]);
        assert_eq!(pack(&[2, 2], &[1.0, 1.0, 3.0, -2.0]), Err([3.0, 2.0]));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let good = pack(&[2, 9], &[1.0; 18]).unwrap();
        for (edit, words) in [
            (&(|p: &mut Packed| p.form.bits = 3) as &dyn Fn(&mut Packed), "3 bits"),
            (&|p| p.form.shape = vec![2, usize::MAX], "shape"),
            (&|p| p.form.shape = vec![], "shape"),
            (&|p| p.form.shape = vec![0, 9], "shape"),
            (&|p| p.form.shape = vec![2, 17], "4 bytes are not 1 bits"),
            (&|p| p.scale = vec![1.0; 3], "3 magnitudes"),
            (&|p| p.scale = vec![], "0 magnitudes"),
            (&|p| p.scale = vec![f32::NAN], "NaN"),
            (&|p| p.scale = vec![-1.0], "-1"),
            (&|p| p.rows.truncate(3), "3 bytes"),
        ] {
            let mut bad = good.clone();
            edit(&mut bad);
            let said = bad.unpack().unwrap_err();
            assert!(said.contains(words), "\"{said}\" does not say \"{words}\"");
        }
    }
}
