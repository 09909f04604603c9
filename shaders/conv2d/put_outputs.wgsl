// Four output channels of a pixel on their way into y, as far as they are inside. The file around it binds y and names its element Y.
fn put(pixel: u32, column: u32, value: vec4<f32>) {
  if pixel < params.n * params.oh * params.ow && column < params.c_out / 4u {
    y[pixel * (params.c_out / 4u) + column] = vec4<Y>(value);
  }
}
