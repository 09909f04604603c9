// The weights of a convolution in f32, one by one (conv2d/stored_bits.wgsl has the same function).
fn weight(channel: u32, row: u32) -> f32 {
  return w[row * params.groups * params.c_out + channel];
}
