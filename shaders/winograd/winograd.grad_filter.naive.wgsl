// dw[split, ky, kx, ci, co] = G^T s H / 15 for the 24 sums of every split and pair of channels (common/winograd_sums.wgsl).
// One invocation owns one element of dw: [splits, 3, 3, c_in, c_out].
// Grid: ceil(elements / 64), rows of equal length beyond 65,535.
// include common/fifteenth.wgsl
// include common/grid.wgsl
// include common/winograd_filter.wgsl
// include common/winograd_sums.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 64u + local;
  let pairs = params.c_in * params.c_out;
  let tap = i / pairs % 9u;
  let split = i / pairs / 9u;
  if split >= params.splits {
    return;
  }
  var sum = 0.0;
  for (var f = 0u; f < 24u; f++) {
    sum = fma(filter_rows(f / 6u)[tap / 3u] * filter_columns(f % 6u)[tap % 3u], sums[(split * 24u + f) * pairs + i % pairs], sum);
  }
  dw[i] = fifteenth(sum, f32(15u + (params.c_in >> 31u)));
}
