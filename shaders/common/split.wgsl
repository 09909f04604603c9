// A number of f32 as the sum of two of f16, v = high + LOW low. The high part is v rounded to the 11 bits of f16, the low part
// what is left, kept 2^11 times larger so that it stays in the range of f16 where v does: the sum is right to 2^-22 of v, or
// to 2^-36 where v is below 2^-14. By bits and not by a conversion there and back, which compilers may take for nothing done.
enable f16;
const LOW: f32 = 0.00048828125; // 2^-11

// v rounded to what f16 holds: 11 bits, or multiples of 2^-24 below 2^-14.
fn rounded(v: vec4<f32>) -> vec4<f32> {
  let normal = bitcast<vec4<f32>>((bitcast<vec4<u32>>(v) + vec4<u32>(0x1000u)) & vec4<u32>(0xffffe000u));
  let small = vec4<f32>(vec4<i32>(v * 16777216.0)) * 5.9604645e-8;
  return select(normal, small, abs(v) < vec4<f32>(6.1035156e-5));
}

fn high(v: vec4<f32>) -> vec4<f16> {
  return vec4<f16>(rounded(v));
}

fn low(v: vec4<f32>) -> vec4<f16> {
  return vec4<f16>((v - rounded(v)) * 2048.0);
}
