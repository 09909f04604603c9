// The rows of a forward pass are output pixels, its columns output channels. The file around it binds y and names its element Y.
// include common/texels.wgsl
// include common/origin.wgsl
fn row_of(pixel: u32) -> Pixel {
  return origin(params, pixel);
}

alias Column = Stored;

fn column_of(group: u32, own: u32) -> Column {
  return weights_of(group * (params.c_out / 4u) + own);
}

fn columns() -> u32 {
  return params.c_out / 4u;
}

// Four output channels of a pixel and group, as far as they are inside.
fn write(pixel: u32, group: u32, column: u32, value: vec4<f32>) {
  if pixel < params.n * params.oh * params.ow && column < params.c_out / 4u {
    y[(pixel * params.groups + group) * (params.c_out / 4u) + column] = vec4<Y>(value);
  }
}
