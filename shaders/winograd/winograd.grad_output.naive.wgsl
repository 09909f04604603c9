// e = A dy D^T for the 2 x 4 gradients of every tile and output channel (common/winograd_sums.wgsl), zeros where there are none.
// One invocation per element of e: [ceil(tiles / 32), 24, c_out / 4, 32, 4].
// Grid: ceil(elements of e / 64), rows of equal length beyond 65,535.
// include common/grid.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> e: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 64u + local;
  let quads = params.c_out / 4u;
  let block = i / (24u * params.c_out * 32u);
  if block >= (tiles(params) + 31u) / 32u {
    return;
  }
  let column = i / 128u % quads * 4u + i % 4u;
  let p = place(params, block * 32u + i / 4u % 32u);
  let f = i / (quads * 128u) % 24u;
  var sum = 0.0;
  for (var r = 0u; r < 2u; r++) {
    for (var c = 0u; c < 4u; c++) {
      let oy = p.y * 2u + r;
      let ox = p.x * 4u + c;
      if p.n < params.n && oy < params.oh && ox < params.ow {
        let at = ((p.n * params.oh + oy) * params.ow + ox) * params.c_out + column;
        sum = fma(output_rows(f / 6u)[r] * output_columns(f % 6u)[c], dy[at], sum);
      }
    }
  }
  e[i] = sum;
}
