// As avgpool.backward.naive, four channels of stride_h x stride_w pixels per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and what is read of dy serves all of these pixels, which the same windows reach.
// Grid: ceil(n ceil((h + pad_h) / stride_h) ceil((w + pad_w) / stride_w) c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs dy dx
// include entry/each.wgsl
// include common/element.wgsl
// include common/pool.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let down = (params.h + params.pad_h + params.stride_h - 1u) / params.stride_h;
  let across = (params.w + params.pad_w + params.stride_w - 1u) / params.stride_w;
  if i >= params.n * down * across * quads {
    return;
  }
  let own = element_of(i, down, across, quads); // y and x: the last windows that may reach these pixels
  for (var row = 0u; row < params.stride_h; row++) {
    for (var column = 0u; column < params.stride_w; column++) {
      var sum = vec4<f32>(0.0);
      // Earlier windows begin a stride before.
      for (var up = row; up < params.kh; up += params.stride_h) {
        for (var left = column; left < params.kw; left += params.stride_w) {
          let oy = own.y - up / params.stride_h;
          let ox = own.x - left / params.stride_w;
          let there = oy < params.oh && ox < params.ow;
          let at = select(0u, ((own.n * params.oh + oy) * params.ow + ox) * quads + own.channel, there);
          sum += select(vec4<f32>(0.0), dy[at] / pool_count(params, oy, ox), there);
        }
      }
      let y = own.y * params.stride_h + row - params.pad_h;
      let x = own.x * params.stride_w + column - params.pad_w;
      if y < params.h && x < params.w {
        dx[((own.n * params.h + y) * params.w + x) * quads + own.channel] = sum;
      }
    }
  }
}
