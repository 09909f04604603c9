// As naive, for one group of at most four input channels (the first layer) and output channels in fours: an invocation owns a pixel
// with all its channels, so that four channels of dy are loaded once for all of them, from a texture. The weights are read at
// addresses that all invocations share.
// Grid: ceil(n h w / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/conv2d.wgsl
// include common/texels.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

const GATHERS: bool = false; // gathers

// Four output channels of the weights of input channel ci, or of the last.
fn weights(tap: u32, ci: u32, quad: u32) -> vec4<f32> {
  return w[(tap * params.c_in + min(ci, params.c_in - 1u)) * (params.c_out / 4u) + quad];
}

fn each(i: u32) {
  if i >= params.n * params.h * params.w {
    return;
  }
  let ix = i % params.w;
  let iy = i / params.w % params.h;
  let n = i / (params.w * params.h);
  let quads = params.c_out / 4u;
  var sum = vec4<f32>(0.0);
  for (var ky = 0u; ky < params.kh; ky++) {
    let ry = iy + params.pad_h - ky;
    let oy = ry / params.stride_h;
    for (var kx = 0u; kx < params.kw; kx++) {
      let rx = ix + params.pad_w - kx;
      let ox = rx / params.stride_w;
      let inside = oy < params.oh && oy * params.stride_h == ry && ox < params.ow && ox * params.stride_w == rx;
      let first = select(0u, ((n * params.oh + oy) * params.ow + ox) * quads, inside);
      let tap = ky * params.kw + kx;
      for (var quad = 0u; quad < quads; quad++) {
        let d = select(vec4<f32>(0.0), textureLoad(dy, texel(first + quad)), inside);
        sum += vec4<f32>(dot(d, weights(tap, 0u, quad)), dot(d, weights(tap, 1u, quad)),
                         dot(d, weights(tap, 2u, quad)), dot(d, weights(tap, 3u, quad)));
      }
    }
  }
  let to = i * params.c_in;
  dx[to] = sum.x;
  if params.c_in > 1u { dx[to + 1u] = sum.y; }
  if params.c_in > 2u { dx[to + 2u] = sum.z; }
  if params.c_in > 3u { dx[to + 3u] = sum.w; }
}
