// y[split, place, ci, co] = sum over the tiles of the split of v[tile, place, ci] e[tile, place, co]: a matrix product for each of the
// 24 places and each split. Layouts: common/winograd_sums.wgsl, y being `sums`.
// One invocation owns one element. Grid: ceil(elements / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/winograd_sums.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> e: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 64u + local;
  let co = i % params.c_out;
  let ci = i / params.c_out % params.c_in;
  let f = i / params.c_out / params.c_in % 24u;
  let split = i / params.c_out / params.c_in / 24u;
  if split >= params.splits {
    return;
  }
  var sum = 0.0;
  for (var t = first_tile(params, split); t < first_tile(params, split + 1u); t++) {
    let from_v = (((t / 32u * 24u + f) * (params.c_in / 4u) + ci / 4u) * 32u + t % 32u) * 4u + ci % 4u;
    let from_e = (((t / 32u * 24u + f) * (params.c_out / 4u) + co / 4u) * 32u + t % 32u) * 4u + co % 4u;
    sum = fma(v[from_v], e[from_e], sum);
  }
  y[i] = sum;
}
