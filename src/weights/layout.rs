//! The order of the elements of a tensor here and in PyTorch, which is the one of files: convolutions
//! `[kh, kw, c_in, c_out]` here and `[c_out, c_in, kh, kw]` there, linear weights `[in, out]` here and `[out, in]` there.
//! Tensors of one dimension are the same in both.
//!
//! A linear layer after a map of `h x w x c` sees its pixels in the order (h, w, c) here and (c, h, w) in PyTorch. `map`
//! is that shape; `None` for a linear layer after another one.

use crate::error::{Error, Result};

/// Shape and elements as in PyTorch of the tensor `name` that has `shape` and `data` here.
///
/// # Errors
/// A shape that is empty, does not match the data or the map, or has neither one, two nor four dimensions.
pub fn to_torch(name: &str, shape: &[usize], data: &[f32], map: Option<[usize; 3]>) -> Result<(Vec<usize>, Vec<f32>)> {
    check(name, shape, data, map, shape.first())?;
    let data = match *shape {
        [kh, kw, c_in, c_out] => transpose(data, kh * kw, c_in, c_out, true),
        [inputs, out] => {
            let (pixels, c) = pixels(inputs, map);
            transpose(data, pixels, c, out, true)
        }
        _ => data.to_vec(),
    };
    Ok((torch_shape(shape), data))
}

/// Shape in PyTorch of a tensor that has `shape` here.
pub fn torch_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [kh, kw, c_in, c_out] => vec![c_out, c_in, kh, kw],
        [inputs, out] => vec![out, inputs],
        _ => shape.to_vec(),
    }
}

/// Shape and elements as here of the tensor `name` that has `shape` and `data` in PyTorch.
///
/// # Errors
/// As [`to_torch`].
pub fn from_torch(
    name: &str,
    shape: &[usize],
    data: &[f32],
    map: Option<[usize; 3]>,
) -> Result<(Vec<usize>, Vec<f32>)> {
    check(name, shape, data, map, shape.get(1))?;
    Ok(match *shape {
        [c_out, c_in, kh, kw] => (vec![kh, kw, c_in, c_out], transpose(data, kh * kw, c_in, c_out, false)),
        [out, inputs] => {
            let (pixels, c) = pixels(inputs, map);
            (vec![inputs, out], transpose(data, pixels, c, out, false))
        }
        _ => (shape.to_vec(), data.to_vec()),
    })
}

/// Channels of a side of a tile of [`transpose`].
const TILE: usize = 16;

/// Both cases are one: here the order is (pixel, c_in, c_out), there (c_out, c_in, pixel). Tile by tile, because one of the two
/// sides goes through memory in leaps whatever the order is.
fn transpose(data: &[f32], pixels: usize, c_in: usize, c_out: usize, to_torch: bool) -> Vec<f32> {
    let mut out = vec![0.0; data.len()];
    let tiles = |channels: usize| (0..channels).step_by(TILE).map(move |first| first..(first + TILE).min(channels));
    for own_in in tiles(c_in) {
        for own_out in tiles(c_out) {
            for p in 0..pixels {
                for i in own_in.clone() {
                    for o in own_out.clone() {
                        let (here, there) = ((p * c_in + i) * c_out + o, (o * c_in + i) * pixels + p);
                        let (to, from) = if to_torch { (there, here) } else { (here, there) };
                        out[to] = data[from];
                    }
                }
            }
        }
    }
    out
}

/// Pixels and channels of the input of a linear layer. Without a map every input is a channel.
fn pixels(inputs: usize, map: Option<[usize; 3]>) -> (usize, usize) {
    map.map_or((1, inputs), |[h, w, c]| (h * w, c))
}

fn check(name: &str, shape: &[usize], data: &[f32], map: Option<[usize; 3]>, inputs: Option<&usize>) -> Result<()> {
    let product = |dims: &[usize]| dims.iter().try_fold(1usize, |a, &b| a.checked_mul(b));
    let fail = |message: String| Err(Error::layer(name, message));
    if product(shape) != Some(data.len()) {
        return fail(format!("shape {shape:?} does not have the {} elements given", data.len()));
    }
    if data.is_empty() {
        return fail(format!("shape {shape:?} has no elements"));
    }
    match (shape.len(), map) {
        (1 | 4, _) | (2, None) => Ok(()),
        (2, Some(map)) if product(&map) == inputs.copied() => Ok(()),
        (2, Some(map)) => fail(format!("shape {shape:?} is no linear layer after a map of {map:?}")),
        (n, _) => fail(format!("{n} dimensions; weights have four (convolution), two (linear) or one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(n: usize) -> Vec<f32> {
        (0..n).map(|i| i as f32).collect()
    }

    #[test]
    fn convolutions_and_linear_layers_transpose_and_come_back() {
        // [kh, kw, c_in, c_out] = [2, 3, 4, 5]: element (y, x, i, o).
        let data = ramp(120);
        let (shape, torch) = to_torch("conv1.weight", &[2, 3, 4, 5], &data, None).unwrap();
        assert_eq!(shape, [5, 4, 2, 3]);
        let at = |o: usize, i: usize, y: usize, x: usize| torch[((o * 4 + i) * 2 + y) * 3 + x];
        assert_eq!(at(3, 2, 1, 0), 73.0, "((1 * 3 + 0) * 4 + 2) * 5 + 3");
        assert_eq!(from_torch("conv1.weight", &shape, &torch, None).unwrap(), (vec![2, 3, 4, 5], data));

        // More than a tile of channels, and no whole number of them.
        let (c_in, c_out) = (TILE + 3, 2 * TILE + 1);
        let data = ramp(4 * c_in * c_out);
        let (shape, torch) = to_torch("conv2.weight", &[2, 2, c_in, c_out], &data, None).unwrap();
        assert_eq!(torch[((20 * c_in + 17) * 2 + 1) * 2], data[(2 * c_in + 17) * c_out + 20]);
        assert_eq!(from_torch("conv2.weight", &shape, &torch, None).unwrap().1, data);

        let (shape, torch) = to_torch("fc2.weight", &[2, 3], &ramp(6), None).unwrap();
        assert_eq!((shape.as_slice(), torch.as_slice()), (&[3, 2][..], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0][..]));
        assert_eq!(from_torch("fc2.weight", &shape, &torch, None).unwrap(), (vec![2, 3], ramp(6)));
        let bias = to_torch("bn1.bias", &[4], &ramp(4), Some([1, 1, 4])).unwrap();
        assert_eq!(bias, (vec![4], ramp(4)));
    }

    #[test]
    fn the_first_linear_layer_after_a_map_takes_its_pixels_channel_by_channel() {
        // A map of 2x3 pixels and 4 channels, 5 outputs: input (y, x, c) here, (c, y, x) there.
        let data = ramp(120);
        let (shape, torch) = to_torch("fc1.weight", &[24, 5], &data, Some([2, 3, 4])).unwrap();
        assert_eq!(shape, [5, 24]);
        let (o, c, y, x) = (2, 3, 1, 2);
        assert_eq!(torch[o * 24 + (c * 2 + y) * 3 + x], data[((y * 3 + x) * 4 + c) * 5 + o]);
        assert_eq!(from_torch("fc1.weight", &shape, &torch, Some([2, 3, 4])).unwrap(), (vec![24, 5], data));
    }

    #[test]
    fn shapes_that_do_not_match_are_errors_that_name_the_tensor() {
        let errors = [
            to_torch("t", &[2, 3], &ramp(5), None),
            to_torch("t", &[24, 5], &ramp(120), Some([2, 2, 4])),
            from_torch("t", &[24, 5], &ramp(120), Some([2, 3, 4])),
            to_torch("t", &[2, 3, 4], &ramp(24), None),
            to_torch("t", &[usize::MAX, 2], &ramp(2), None),
        ];
        for e in errors {
            assert!(e.unwrap_err().to_string().starts_with("t: "));
        }
    }
}
