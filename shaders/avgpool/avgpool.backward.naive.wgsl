// dx = sum over the windows that hold the pixel of dy / (pixels that the mean of the window divides by).
// dx: [n, h, w, c]; dy: [n, oh, ow, c]. One invocation owns one element of dx and gathers from the windows that hold
// it, in order.
// Grid: ceil(n h w c / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/element.wgsl
// include common/pool.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

fn each(i: u32) {
  if i >= params.n * params.h * params.w * params.c {
    return;
  }
  let own = element_of(i, params.h, params.w, params.c);
  let outputs = pool_outputs(params, own.y, own.x);
  var sum = 0.0;
  for (var oy = outputs.x; oy < outputs.z; oy++) {
    for (var ox = outputs.y; ox < outputs.w; ox++) {
      sum += dy[((own.n * params.oh + oy) * params.ow + ox) * params.c + own.channel] / pool_count(params, oy, ox);
    }
  }
  dx[i] = sum;
}
