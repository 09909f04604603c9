// y = the largest x of each window; padding counts as -infinity. index = ky kw + kx of the element taken, the first in
// row-major order among equals: backward then needs neither x nor y, and an equal element gets no gradient.
// x: [n, h, w, c]; y, index: [n, oh, ow, c]. One invocation owns one output.
// Grid: ceil(n oh ow c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/element.wgsl
// include common/pool.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;
@group(0) @binding(3) var<storage, read_write> index: array<u32>;

fn each(i: u32) {
  if i >= params.n * params.oh * params.ow * params.c {
    return;
  }
  let own = element_of(i, params.oh, params.ow, params.c);
  let part = pool_window(params, own.y, own.x);
  var best = f32(x[((own.n * params.h + part.x) * params.w + part.y) * params.c + own.channel]);
  let origin = vec2<u32>(params.pad_h - own.y * params.stride_h, params.pad_w - own.x * params.stride_w); // may wrap
  var taken = ((part.x + origin.x) * params.kw + part.y + origin.y);
  for (var iy = part.x; iy < part.z; iy++) {
    for (var ix = part.y; ix < part.w; ix++) {
      let v = f32(x[((own.n * params.h + iy) * params.w + ix) * params.c + own.channel]);
      let larger = v > best;
      best = select(best, v, larger);
      taken = select(taken, ((iy + origin.x) * params.kw + ix + origin.y), larger);
    }
  }
  y[i] = Y(best);
  index[i] = taken;
}
