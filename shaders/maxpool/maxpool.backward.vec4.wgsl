// As maxpool.backward.naive, four channels per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and the index arithmetic serves four channels.
// Grid: ceil(n h w c / 256) workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
// include common/pool.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> index: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let quads = params.c / 4u;
  if i >= params.n * params.h * params.w * quads {
    return;
  }
  let channel = i % quads;
  let pixel = i / quads;
  let ix = pixel % params.w;
  let iy = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  let outputs = pool_outputs(params, iy, ix);
  var sum = vec4<f32>(0.0);
  for (var oy = outputs.x; oy < outputs.z; oy++) {
    let ky = iy + params.pad_h - oy * params.stride_h;
    for (var ox = outputs.y; ox < outputs.w; ox++) {
      let tap = ky * params.kw + ix + params.pad_w - ox * params.stride_w;
      let o = ((n * params.oh + oy) * params.ow + ox) * quads + channel;
      sum += select(vec4<f32>(0.0), dy[o], index[o] == vec4<u32>(tap));
    }
  }
  dx[i] = sum;
}
