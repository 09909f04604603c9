// The windows of a convolution of kernels up to 16 x 16 (common/taps.wgsl) and its weights, four at a time, in fours of
// channels. The file around it binds w.
// include common/taps.wgsl

// Four consecutive pixels: where their windows begin in x, and which taps are inside.
struct Pixels { at: vec4<u32>, mask: vec4<u32> }

fn window(p: u32) -> vec2<u32> {
  let n = p / (params.ow * params.oh);
  let iy = i32(p / params.ow % params.oh * params.stride_h) - i32(params.pad_h);
  let ix = i32(p % params.ow * params.stride_w) - i32(params.pad_w);
  let at = ((n * params.h + u32(iy)) * params.w + u32(ix)) * (params.c_in / 4u);
  let mask = taps_within(iy, params.h, params.kh) | (taps_within(ix, params.w, params.kw) << 16u);
  return vec2<u32>(at, select(0u, mask, n < params.n));
}

fn pixels(first: u32) -> Pixels {
  let a = window(first);
  let b = window(first + 1u);
  let c = window(first + 2u);
  let d = window(first + 3u);
  return Pixels(vec4<u32>(a.x, b.x, c.x, d.x), vec4<u32>(a.y, b.y, c.y, d.y));
}

// Four output channels for four channels of one tap, before term `end` of (ky, kx, ci); a column holds one of the latter.
fn fetch_w(column: u32, k: u32, end: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let inside = column < columns && k * 4u < end;
  let at = select(0u, k * 4u * columns + column, inside);
  let step = select(0u, columns, inside);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, w[at], inside), select(zero, w[at + step], inside),
                     select(zero, w[at + 2u * step], inside), select(zero, w[at + 3u * step], inside));
}
