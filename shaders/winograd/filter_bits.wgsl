// The filters as bits, which are not turned.
// include conv2d/stored_bits.wgsl
fn filter_of(ky: u32, kx: u32, k: u32, column: u32) -> f32 {
  return weight(column, (ky * 3u + kx) * params.c_in + k);
}

// The weights of a tap: column c of the matrix holds four channels of output column c.
fn block(ky: u32, kx: u32, k: u32, column: u32) -> mat4x4<f32> {
  return transpose(weights_block(weights_of(column / 4u), (ky * 3u + kx) * params.c_in + k));
}
