// y = the mean of x over each window: of its pixels inside the image, with include_pad of its padding (zeros) too.
// x: [n, h, w, c]; y: [n, oh, ow, c]. One invocation owns one output.
// Grid: ceil(n oh ow c / 64) workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
// include common/pool.wgsl
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  if i >= params.n * params.oh * params.ow * params.c {
    return;
  }
  let channel = i % params.c;
  let pixel = i / params.c;
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  let part = pool_window(params, oy, ox);
  var sum = 0.0;
  for (var iy = part.x; iy < part.z; iy++) {
    for (var ix = part.y; ix < part.w; ix++) {
      sum += f32(x[((n * params.h + iy) * params.w + ix) * params.c + channel]);
    }
  }
  y[i] = Y(sum / pool_count(params, oy, ox));
}
