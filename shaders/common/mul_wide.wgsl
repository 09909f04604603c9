// High and low word of a b, by the 64-bit product that some adapters have: one instruction on many a GPU. In the place of
// common/mul_hi_lo.wgsl, to the bit.
fn mul_hi_lo(a: u32, b: u32) -> vec2<u32> {
  let p = u64(a) * u64(b);
  return vec2<u32>(u32(p >> 32u), u32(p));
}
