// As naive, for groups of one input and one output channel, a multiple of 4 of them: an invocation owns four channels of a pixel, and
// a tap is two texels and one product of fours, where naive loads eight words one by one. Gains on lavapipe, which loads texels for
// all lanes at once.
// Grid: ceil(n oh ow groups / 4 / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/texels.wgsl
// include common/origin.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_texels.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>; // unless bits
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

const GATHERS: bool = false; // gathers

fn each(i: u32) {
  let quads = params.groups / 4u;
  let pixel = i / quads;
  if pixel >= params.n * params.oh * params.ow {
    return;
  }
  let quad = i % quads;
  let p = origin(params, pixel);
  let own = weights_of(quad);
  var sum = vec4<f32>(0.0);
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
      let inside = p.y + ky < params.h && p.x + kx < params.w;
      let at = ((p.n * params.h + p.y + ky) * params.w + p.x + kx) * quads + quad;
      let v = select(vec4<f32>(0.0), textureLoad(x, texel(select(0u, at, inside))), inside);
      sum = fma(v, weights_row(own, ky * params.kw + kx), sum);
    }
  }
  y[i] = vec4<Y>(sum);
}
