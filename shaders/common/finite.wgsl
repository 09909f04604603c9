// The order of NaN and the handling of infinities are left open by WGSL, so bits are tested: the exponent of both is all
// ones.
fn is_finite(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u;
}

fn are_finite(v: vec4<f32>) -> vec4<bool> {
  return (bitcast<vec4<u32>>(v) & vec4<u32>(0x7f800000u)) != vec4<u32>(0x7f800000u);
}

// +infinity. A constant expression may not give one, hence the argument: any value that the shader learns when it runs.
fn infinity(any: u32) -> f32 {
  return bitcast<f32>(0x7f800000u | (any & 0u));
}
