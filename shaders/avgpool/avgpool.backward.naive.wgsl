// dx = sum over the windows that hold the pixel of dy / (pixels that the mean of the window divides by).
// dx: [n, h, w, c]; dy: [n, oh, ow, c]. One invocation owns one element of dx and gathers from the windows that hold
// it, in order.
// Grid: ceil(n h w c / 64) workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
// include common/pool.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  if i >= params.n * params.h * params.w * params.c {
    return;
  }
  let channel = i % params.c;
  let pixel = i / params.c;
  let ix = pixel % params.w;
  let iy = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  let outputs = pool_outputs(params, iy, ix);
  var sum = 0.0;
  for (var oy = outputs.x; oy < outputs.z; oy++) {
    for (var ox = outputs.y; ox < outputs.w; ox++) {
      sum += dy[((n * params.oh + oy) * params.ow + ox) * params.c + channel] / pool_count(params, oy, ox);
    }
  }
  dx[i] = sum;
}
