// y = the mean of x over each window: of its pixels inside the image, with include_pad of its padding (zeros) too.
// x: [n, h, w, c]; y: [n, oh, ow, c]. One invocation owns one output.
// Grid: ceil(n oh ow c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/element.wgsl
// include common/pool.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i >= params.n * params.oh * params.ow * params.c {
    return;
  }
  let own = element_of(i, params.oh, params.ow, params.c);
  let part = pool_window(params, own.y, own.x);
  var sum = 0.0;
  for (var iy = part.x; iy < part.z; iy++) {
    for (var ix = part.y; ix < part.w; ix++) {
      sum += f32(x[((own.n * params.h + iy) * params.w + ix) * params.c + own.channel]);
    }
  }
  y[i] = Y(sum / pool_count(params, own.y, own.x));
}
