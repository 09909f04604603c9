// The input of a convolution, as it lies in x. Channel: number `channel` of all groups'.
fn input(pixel: u32, channel: u32) -> f32 {
  return f32(x[pixel * params.groups * params.c_in + channel]);
}
