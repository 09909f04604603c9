// The rows of a forward pass are output pixels, its columns output channels. The file around it binds y, names its element Y, and
// takes in conv2d/onto_*.wgsl.
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

// Four output channels of a pixel and group, as far as they are inside. What lies in y then; zeros outside.
fn write(pixel: u32, group: u32, column: u32, value: vec4<f32>) -> vec4<f32> {
  if pixel < params.n * params.oh * params.ow && column < params.c_out / 4u {
    let k = (pixel * params.groups + group) * (params.c_out / 4u) + column;
    let stored = vec4<Y>(onto(k, value));
    y[k] = stored;
    return vec4<f32>(stored);
  }
  return vec4<f32>(0.0);
}
