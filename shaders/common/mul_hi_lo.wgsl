// High and low word of a b: WGSL has no 64-bit product, so from 16-bit halves.
fn mul_hi_lo(a: u32, b: u32) -> vec2<u32> {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let low = a0 * b0;
  let mid = a1 * b0 + (low >> 16u);
  let cross = a0 * b1 + (mid & 0xffffu);
  return vec2<u32>(a1 * b1 + (mid >> 16u) + (cross >> 16u), (cross << 16u) | (low & 0xffffu));
}
