// The input of a convolution, as it lies in x.
fn input(pixel: u32, channel: u32) -> f32 {
  return f32(x[pixel * params.c_in + channel]);
}
