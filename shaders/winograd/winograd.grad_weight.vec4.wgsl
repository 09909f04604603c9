// As naive, for c_out a multiple of 4, four output channels per invocation.
// Grid: x, y = ceil(3 c_in c_out / 256) in rows, z = splits.
// include common/grid.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let row = 3u * params.c_in * params.c_out / 4u;
  if i >= row {
    return;
  }
  let at = wid.z * 4u * row + i;
  let to = wid.z * 3u * row + i;
  let middle = 0.5 * (m[at + row] + m[at + 2u * row]);
  dw[to] = m[at] + middle;
  dw[to + row] = 0.5 * (m[at + row] - m[at + 2u * row]);
  dw[to + 2u * row] = middle + m[at + 3u * row];
}
