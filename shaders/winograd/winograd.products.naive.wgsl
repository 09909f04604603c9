// y[place, tile, co] = sum over c of v[tile, place, c] u[co, place, c]: a matrix product for each of the 24 places, tiles of the
// batch x output channels. v and u are cut as common/winograd.wgsl says; y: [24, tiles, c_out].
// One invocation per element of y.
// Grid: ceil(elements of y / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let e = linear_workgroup(wid, count) * 64u + local;
  let column = e % params.c_out;
  let tile = e / params.c_out % tiles(params);
  let f = e / params.c_out / tiles(params);
  if f >= 24u {
    return;
  }
  var sum = 0.0;
  for (var k = 0u; k < params.c_in; k++) {
    let from_v = (((tile / 32u * 24u + f) * (params.c_in / 4u) + k / 4u) * 32u + tile % 32u) * 4u + k % 4u;
    let from_u = (((column / 16u * 24u + f) * (params.c_in / 4u) + k / 4u) * 16u + column % 16u) * 4u + k % 4u;
    sum = fma(v[from_v], u[from_u], sum);
  }
  y[e] = sum;
}
