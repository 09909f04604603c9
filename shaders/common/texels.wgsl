// Where texel i (elements 4 i .. 4 i + 3) of an array in an rgba32float texture lies: rows of 4096 texels.

fn texel(i: u32) -> vec2<u32> {
  return vec2<u32>(i & 4095u, i >> 12u);
}
