// As avgpool.backward.naive, four channels per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and the index arithmetic serves four channels.
// Grid: ceil(n h w c / 256) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
// include common/element.wgsl
// include common/pool.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  if i >= params.n * params.h * params.w * quads {
    return;
  }
  let own = element_of(i, params.h, params.w, quads);
  let outputs = pool_outputs(params, own.y, own.x);
  var sum = vec4<f32>(0.0);
  for (var oy = outputs.x; oy < outputs.z; oy++) {
    for (var ox = outputs.y; ox < outputs.w; ox++) {
      sum += dy[((own.n * params.oh + oy) * params.ow + ox) * quads + own.channel] / pool_count(params, oy, ox);
    }
  }
  dx[i] = sum;
}
