// As naive, for one group of at most four input channels (the first layer) and output channels in fours: an invocation owns two pixels, half of all
// apart, with all their channels, so that four channels of dy are loaded once for all of them, from a texture. The weights are read at
// addresses that all invocations share, once for both pixels.
// Grid: ceil(n h w / 128) workgroups, in rows (common/grid.wgsl).
// in pairs dy
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

// Image, and padded coordinates.
struct Pixel { n: u32, y: u32, x: u32 }

fn pixel(i: u32) -> Pixel {
  return Pixel(i / (params.w * params.h), i / params.w % params.h + params.pad_h, i % params.w + params.pad_w);
}

// Where the output begins that a tap reaches from a pixel, in fours of channels, and whether there is one.
struct Reached { first: u32, inside: vec4<bool> }

fn reached(p: Pixel, ky: u32, kx: u32) -> Reached {
  let ry = p.y - ky;
  let rx = p.x - kx;
  let oy = ry / params.stride_h;
  let ox = rx / params.stride_w;
  let inside = oy < params.oh && oy * params.stride_h == ry && ox < params.ow && ox * params.stride_w == rx;
  return Reached(select(0u, ((p.n * params.oh + oy) * params.ow + ox) * (params.c_out / 4u), inside), vec4<bool>(inside));
}

fn write(i: u32, v: vec4<f32>) {
  let to = i * params.c_in;
  dx[to] = v.x;
  if params.c_in > 1u { dx[to + 1u] = v.y; }
  if params.c_in > 2u { dx[to + 2u] = v.z; }
  if params.c_in > 3u { dx[to + 3u] = v.w; }
}

fn each(i: u32) {
  let pixels = params.n * params.h * params.w;
  let half = (pixels + 1u) / 2u;
  if i >= half {
    return;
  }
  let p = pixel(i);
  let j = min(i + half, pixels - 1u);
  let q = pixel(j);
  var a = vec4<f32>(0.0);
  var b = vec4<f32>(0.0);
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let from_p = reached(p, ky, kx);
      let from_q = reached(q, ky, kx);
      let tap = ky * params.kw + kx;
      for (var quad = 0u; quad < params.c_out / 4u; quad++) {
        let d = select(vec4<f32>(0.0), textureLoad(dy, texel(from_p.first + quad)), from_p.inside);
        let e = select(vec4<f32>(0.0), textureLoad(dy, texel(from_q.first + quad)), from_q.inside);
        let w0 = weights(tap, 0u, quad);
        let w1 = weights(tap, 1u, quad);
        let w2 = weights(tap, 2u, quad);
        let w3 = weights(tap, 3u, quad);
        // Which channels there are is a constant: nothing is computed for the others.
        a += vec4<f32>(dot(d, w0), select(0.0, dot(d, w1), params.c_in > 1u), select(0.0, dot(d, w2), params.c_in > 2u),
                       select(0.0, dot(d, w3), params.c_in > 3u));
        b += vec4<f32>(dot(e, w0), select(0.0, dot(e, w1), params.c_in > 1u), select(0.0, dot(e, w2), params.c_in > 2u),
                       select(0.0, dot(e, w3), params.c_in > 3u));
      }
    }
  }
  write(i, a);
  if i + half < pixels {
    write(j, b);
  }
}
