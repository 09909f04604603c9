//! Weights of two or three values as bits: one bit a weight where none is 0, else two, and the magnitude as one f32 for the
//! tensor or for each output channel.
//!
//! A tensor stands as PyTorch has it, `[c_out, c_in, kh, kw]` or `[out, in]`, a row of bytes for each output channel. Weight
//! number j of a row is bit j % 8 of byte j / 8, 1 for + and 0 for -; or bits 2 (j % 4) and the next of byte j / 4, where the
//! lower says that it is not 0 and the upper is its sign. What is left of the last byte is 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernels::conv2d::stored::{self, Bits, SCALE, SIGNS, ZEROS};
use crate::kernels::parameters::Tensor;
use crate::model::Network;

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

/// What a weight is of its magnitude.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Minus,
    Zero,
    Plus,
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
            let scale = self.magnitude(o);
            out.extend((0..inner).map(|j| match self.sign(bytes, j) {
                Sign::Zero => 0.0,
                Sign::Plus => scale,
                Sign::Minus => -scale,
            }));
        }
        Ok(out)
    }

    /// What weight number `j` of an output channel is, whose bytes these are.
    fn sign(&self, bytes: &[u8], j: usize) -> Sign {
        let bits = self.form.bits;
        match (bits, bytes[j * bits / 8] >> (j * bits % 8) & 3) {
            (1, code) if code & 1 == 1 => Sign::Plus,
            (1, _) => Sign::Minus,
            (_, 3) => Sign::Plus,
            (_, 1) => Sign::Minus,
            _ => Sign::Zero,
        }
    }

    fn magnitude(&self, channel: usize) -> f32 {
        self.scale[if self.scale.len() == 1 { 0 } else { channel }]
    }

    /// The arrays of [`Weight::Bits`](crate::kernels::conv2d::Weight::Bits), by the endings of their names, as words. `pixels`: those of
    /// a kernel, or of the map that a linear layer flattens.
    ///
    /// # Panics
    /// If it is not one that [`Packed::unpack`] takes.
    fn arrays(&self, pixels: usize) -> Vec<(&'static str, Vec<u32>)> {
        let (channels, rows) = self.form.sides().expect("a shape of weights");
        let bytes = self.rows.len() / channels;
        // Here the order is (pixel, channel of the input), there (channel, pixel).
        let inputs = rows / pixels;
        let sign = |row: usize, channel: usize| {
            self.sign(&self.rows[channel * bytes..][..bytes], row % inputs * pixels + row / inputs)
        };
        let words = |of: Sign| stored::pack(rows, channels, |row, channel| sign(row, channel) == of);
        let magnitudes = (0..stored::scales(channels)).map(|c| self.magnitude(c.min(channels - 1)).to_bits());
        let mut out = vec![(SIGNS, words(Sign::Minus)), (SCALE, magnitudes.collect())];
        if self.form.bits == 2 {
            out.push((ZEROS, words(Sign::Zero)));
        }
        out
    }
}

/// The arrays that a plan of a network with the tensors `packed` as bits ([`Stored::Packed`](crate::layers::Stored)) reads, by name, as
/// words; `weights` is the flat array of all parameters.
pub fn arrays(network: &Network, weights: &[f32], packed: &BTreeMap<String, Packed>) -> Vec<(String, Vec<u32>)> {
    let of = |t: &Tensor| match packed.get(&t.name) {
        Some(packed) => {
            let pixels = match t.shape[..] {
                [kh, kw, _, _] => kh * kw,
                _ => network.flattens(&t.name).map_or(1, |[h, w, _]| h * w),
            };
            let arrays = packed.arrays(pixels).into_iter();
            arrays.map(|(ending, words)| (format!("{}{ending}", t.name), words)).collect()
        }
        None => vec![(t.name.clone(), bytemuck::cast_slice(&weights[t.offset..t.offset + t.len()]).to_vec())],
    };
    network.parameters.tensors.iter().flat_map(of).collect()
}

/// Which weights of a plan are bits.
pub fn bits(packed: &BTreeMap<String, Packed>) -> Bits {
    packed.iter().map(|(name, p)| (name.clone(), p.form.bits)).collect()
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
    fn a_device_gets_rows_in_eights_and_channels_in_fours() {
        // Five output channels of two channels and three pixels.
        let sign = |channel: usize, input: usize, pixel: usize| [-1.0, 0.0, 1.0][(channel + 2 * input + pixel) % 3];
        let all = (0..5).flat_map(|o| (0..6).map(move |j| sign(o, j / 3, j % 3) * (o + 1) as f32));
        let packed = pack(&[5, 2, 1, 3], &all.collect::<Vec<f32>>()).unwrap();
        let arrays: BTreeMap<_, _> = packed.arrays(3).into_iter().collect();
        assert_eq!(arrays[SCALE], [1f32, 2., 3., 4., 5., 5., 5., 5.].map(f32::to_bits));
        for (channel, row) in (0..5).flat_map(|c| (0..6).map(move |r| (c, r))) {
            let bit = |name| arrays[name][channel / 4] >> (4 * row + channel % 4) & 1 == 1;
            let value = sign(channel, row % 2, row / 2);
            assert_eq!((bit(SIGNS), bit(ZEROS)), (value < 0.0, value == 0.0), "{channel} {row}");
        }
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
