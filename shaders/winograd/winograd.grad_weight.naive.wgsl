// dw[split, ky, kx, ci, co] = sum over the six transformed rows of A^T[ky, row] m[split, row, kx, ci, co] / 15, see
// common/winograd_rows.wgsl. m: [splits, 6, 3, c_in, c_out], dw: [splits, 3, 3, c_in, c_out].
// One invocation owns the three rows of one kx, ci, co. Grid: x, y = ceil(3 c_in c_out / 64) in rows, z = splits.
// include common/grid.wgsl
// include common/conv2d.wgsl
// include common/winograd_six.wgsl
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
  let at = wid.z * 6u * row + i;
  let to = wid.z * 3u * row + i;
  let divisor = f32(12u + params.kh);
  let even = m[at + row] + m[at + 2u * row];
  let odd = m[at + row] - m[at + 2u * row];
  let half = m[at + 3u * row];
  let two = m[at + 4u * row];
  dw[to] = exact_quotient(m[at] + even + half + two, divisor);
  dw[to + row] = exact_quotient(odd + 0.5 * half - 2.0 * two, divisor);
  dw[to + 2u * row] = exact_quotient(even + 0.25 * half + 4.0 * two + m[at + 5u * row], divisor);
}
