// dw[split, ky, kx, ci, co] = sum over the four transformed rows of A^T[ky, row] m[split, row, kx, ci, co], see
// common/winograd_rows.wgsl. m: [splits, 4, 3, c_in, c_out], dw: [splits, 3, 3, c_in, c_out].
// One invocation owns the three rows of one kx, ci, co. Grid: x, y = ceil(3 c_in c_out / 64) in rows, z = splits.
// include common/grid.wgsl
// include common/conv2d.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let row = 3u * params.c_in * params.c_out;
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
