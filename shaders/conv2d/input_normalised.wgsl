// The input of a convolution behind batch norm and ReLU, max((x - mean) scale + beta, 0), as norm_relu.forward computes it.
@group(0) @binding(4) var<storage, read> table: array<f32>; // [4, groups, c_in]: mean, scale, beta, inv_std (norm_relu.table)

fn input(pixel: u32, channel: u32) -> f32 {
  let channels = params.groups * params.c_in;
  let along = f32(x[pixel * channels + channel]) - table[channel];
  let z = fma(along, table[channels + channel], table[2u * channels + channel]);
  return select(z, 0.0, z < 0.0);
}
