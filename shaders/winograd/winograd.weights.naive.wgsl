// u = G g H^T for every pair of channels (common/winograd.wgsl), g turned by 180 degrees if `flip`.
// One invocation per element of u.
// Grid: ceil(elements of u / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/winograd.wgsl
// include common/winograd_filter.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let e = linear_workgroup(wid, count) * 64u + local;
  let quads = params.c_in / 4u;
  let block = e / (24u * params.c_in * 16u);
  if block >= (params.c_out + 15u) / 16u {
    return;
  }
  let k = e / 64u % quads * 4u + e % 4u;
  let column = block * 16u + e / 4u % 16u;
  let f = e / (quads * 64u) % 24u;
  var sum = 0.0;
  let rows = filter_rows(f / 6u);
  let columns = filter_columns(f % 6u);
  if column < params.c_out {
    for (var ky = 0u; ky < 3u; ky++) {
      for (var kx = 0u; kx < 3u; kx++) {
        let flipped = ((2u - ky) * 3u + 2u - kx) * params.c_out * params.c_in + column * params.c_in + k;
        let straight = (ky * 3u + kx) * params.c_in * params.c_out + k * params.c_out + column;
        sum = fma(rows[ky] * columns[kx], w[select(straight, flipped, params.flip != 0u)], sum);
      }
    }
  }
  u[e] = sum;
}
