// A uniform number strictly between 0 and 1 from one random word: an odd multiple of 2^-24, exact in f32, hence the same
// bits on every adapter.
fn uniform01(x: u32) -> f32 {
  return f32((x >> 8u) | 1u) * 5.9604645e-8;
}

fn uniform01_vec4(x: vec4<u32>) -> vec4<f32> {
  return vec4<f32>((x >> vec4<u32>(8u)) | vec4<u32>(1u)) * 5.9604645e-8;
}
