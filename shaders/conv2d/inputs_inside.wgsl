// Inputs that may lie outside of the image (conv2d/inputs_*.wgsl).

// Those of four pixels, zeros for a pixel that is not inside; a column holds one pixel.
fn where_inside(inside: vec4<bool>, v: mat4x4<Input>) -> mat4x4<Input> {
  let zero = vec4<Input>();
  return mat4x4<Input>(select(zero, v[0], inside.x), select(zero, v[1], inside.y),
                       select(zero, v[2], inside.z), select(zero, v[3], inside.w));
}

// The same in f32.
fn widened(v: mat4x4<Input>) -> mat4x4<f32> {
  return mat4x4<f32>(vec4<f32>(v[0]), vec4<f32>(v[1]), vec4<f32>(v[2]), vec4<f32>(v[3]));
}
