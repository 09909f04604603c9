// The taps of a convolution that fall inside an image, as bits, for kernels up to 16 x 16: computed once per pixel, so
// that the inner loop tests two bits where it would compare two coordinates.

// Bits of the taps t < size, size <= 16, for which 0 <= first + t < limit.
fn taps_within(first: i32, limit: u32, size: u32) -> u32 {
  let low = u32(clamp(-first, 0, 16));
  let high = u32(clamp(i32(limit) - first, 0, i32(size)));
  return select(0u, (1u << high) - (1u << low), high > low);
}

// Whether tap (y, x) is inside, for four pixels: bits of rows below, of columns above 2^16.
fn tap_inside(mask: vec4<u32>, y: u32, x: u32) -> vec4<bool> {
  return ((mask >> vec4<u32>(y)) & (mask >> vec4<u32>(16u + x)) & vec4<u32>(1u)) != vec4<u32>(0u);
}

// Bits of the taps t < size, size <= 16, for which 0 <= first - t < limit: the gradient's way through the taps.
fn taps_back(first: u32, limit: u32, size: u32) -> u32 {
  let low = min(first + 1u - min(first + 1u, limit), 16u);
  let high = min(first + 1u, size);
  return select(0u, (1u << high) - (1u << low), high > low);
}
