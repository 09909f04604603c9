// As conv2d/matrices_in_fours.wgsl, in arrays of scalars: a matrix of the Metal Shading Language is loaded through a pointer to
// one, and naga passes the pointer as it is.
const FOUR: u32 = 4u; // elements of these arrays in a four
var<workgroup> left: array<f16, FOUR * LEFT_PARTS * LEFT_FOURS>;
var<workgroup> right: array<f16, FOUR * RIGHT_PARTS * RIGHT_FOURS>;
var<workgroup> result: array<f32, FOUR * RESULT_FOURS>;

fn set_left(i: u32, v: vec4<f16>) {
  left[4u * i] = v.x;
  left[4u * i + 1u] = v.y;
  left[4u * i + 2u] = v.z;
  left[4u * i + 3u] = v.w;
}

fn set_right(i: u32, v: vec4<f16>) {
  right[4u * i] = v.x;
  right[4u * i + 1u] = v.y;
  right[4u * i + 2u] = v.z;
  right[4u * i + 3u] = v.w;
}

fn set_result(i: u32, v: vec4<f32>) {
  result[4u * i] = v.x;
  result[4u * i + 1u] = v.y;
  result[4u * i + 2u] = v.z;
  result[4u * i + 3u] = v.w;
}

fn get_result(i: u32) -> vec4<f32> {
  return vec4<f32>(result[4u * i], result[4u * i + 1u], result[4u * i + 2u], result[4u * i + 3u]);
}
