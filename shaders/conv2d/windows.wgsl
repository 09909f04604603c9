// The windows of a convolution of kernels up to 16 x 16 (common/taps.wgsl). The file around it says how many channels a word of x holds.
// include common/conv2d.wgsl
// include common/taps.wgsl

// Four consecutive pixels: where their windows of a group begin in x, and which taps are inside.
struct Pixels { at: vec4<u32>, mask: vec4<u32> }

fn window(p: u32, group: u32) -> vec2<u32> {
  let n = p / (params.ow * params.oh);
  let iy = i32(p / params.ow % params.oh * params.stride_h) - i32(params.pad_h);
  let ix = i32(p % params.ow * params.stride_w) - i32(params.pad_w);
  let at = (((n * params.h + u32(iy)) * params.w + u32(ix)) * params.groups + group) * (params.c_in / WORD);
  let mask = taps_within(iy, params.h, params.kh) | (taps_within(ix, params.w, params.kw) << 16u);
  return vec2<u32>(at, select(0u, mask, n < params.n));
}

fn pixels(first: u32, group: u32) -> Pixels {
  let a = window(first, group);
  let b = window(first + 1u, group);
  let c = window(first + 2u, group);
  let d = window(first + 3u, group);
  return Pixels(vec4<u32>(a.x, b.x, c.x, d.x), vec4<u32>(a.y, b.y, c.y, d.y));
}
