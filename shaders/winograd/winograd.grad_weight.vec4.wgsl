// As naive, for c_out a multiple of 4, four output channels per invocation.
// Grid: x, y = ceil(3 c_in c_out / 256) in rows, z = splits.
// in pairs m dw
// include common/grid.wgsl
// include common/conv2d.wgsl
// include common/winograd_six.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;

fn divided_by_15(sum: vec4<f32>) -> vec4<f32> {
  let divisor = f32(12u + params.kh);
  return vec4<f32>(exact_quotient(sum.x, divisor), exact_quotient(sum.y, divisor), exact_quotient(sum.z, divisor),
                   exact_quotient(sum.w, divisor));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let row = 3u * params.c_in * params.c_out / 4u;
  if i >= row {
    return;
  }
  let at = wid.z * 6u * row + i;
  let to = wid.z * 3u * row + i;
  let even = m[at + row] + m[at + 2u * row];
  let odd = m[at + row] - m[at + 2u * row];
  let half = m[at + 3u * row];
  let two = m[at + 4u * row];
  dw[to] = divided_by_15(m[at] + even + half + two);
  dw[to + row] = divided_by_15(odd + 0.5 * half - 2.0 * two);
  dw[to + 2u * row] = divided_by_15(even + 0.25 * half + 4.0 * two + m[at + 5u * row]);
}
