// Constants of a 2-D pooling. x: [n, h, w, c], y: [n, oh, ow, c]. Output (oy, ox) covers the input rows from
// oy stride_h - pad_h on, kh of them, as far as they lie inside the image; columns alike. The host makes sure that
// every window covers at least one pixel.
struct Params {
  n: u32, h: u32, w: u32, c: u32,
  oh: u32, ow: u32,
  kh: u32, kw: u32,
  stride_h: u32, stride_w: u32,
  pad_h: u32, pad_w: u32,
  include_pad: u32, // 1: a mean divides by the padding under the window as well
}

// The input pixels of an output: first row, first column, row and column behind the last.
fn pool_window(p: Params, oy: u32, ox: u32) -> vec4<u32> {
  let pad = vec2<u32>(p.pad_h, p.pad_w);
  let first = vec2<u32>(oy * p.stride_h, ox * p.stride_w); // counted from the padding
  let last = min(first + vec2<u32>(p.kh, p.kw), vec2<u32>(p.h, p.w) + pad);
  return vec4<u32>(max(first, pad) - pad, last - pad);
}

// By how many pixels the mean of an output divides.
fn pool_count(p: Params, oy: u32, ox: u32) -> f32 {
  let inside = pool_window(p, oy, ox);
  let padded = min(vec2<u32>(p.kh, p.kw),
                   vec2<u32>(p.h + 2u * p.pad_h - oy * p.stride_h, p.w + 2u * p.pad_w - ox * p.stride_w));
  let size = select(inside.zw - inside.xy, padded, p.include_pad != 0u);
  return f32(size.x * size.y);
}

// The outputs whose windows hold input pixel (iy, ix): first row, first column, row and column behind the last.
fn pool_outputs(p: Params, iy: u32, ix: u32) -> vec4<u32> {
  let at = vec2<u32>(iy + p.pad_h, ix + p.pad_w);
  let kernel = vec2<u32>(p.kh, p.kw);
  let stride = vec2<u32>(p.stride_h, p.stride_w);
  let first = select(vec2<u32>(0u), (at - kernel) / stride + 1u, at >= kernel);
  return vec4<u32>(first, min(at / stride + 1u, vec2<u32>(p.oh, p.ow)));
}
