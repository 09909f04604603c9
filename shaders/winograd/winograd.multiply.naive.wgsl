// y = A^T m D / 15 with m = sum over k of v * u for each of the 24 places of a tile (common/winograd.wgsl).
// One invocation per element of y.
// Grid: ceil(elements of y / 64), rows of equal length beyond 65,535.
// include entry/each.wgsl
// include common/winograd.wgsl
// include common/winograd_six.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn each(e: u32) {
  let every = params.groups * params.c_out;
  let column = e % every;
  let ox = e / every % params.ow;
  let oy = e / (every * params.ow) % params.oh;
  let n = e / (every * params.ow * params.oh);
  let first = column / params.c_out * params.c_in; // channel of the input
  if n >= params.n {
    return;
  }
  let tile = (n * ((params.oh + 1u) / 2u) + oy / 2u) * ((params.ow + 3u) / 4u) + ox / 4u;
  var sum = 0.0;
  for (var f = 0u; f < 24u; f++) {
    var m = 0.0;
    for (var k = 0u; k < params.c_in; k++) {
      let from_v = (((tile / 32u * 24u + f) * params.groups * (params.c_in / 4u) + (first + k) / 4u) * 32u + tile % 32u) * 4u + k % 4u;
      let from_u = (((column / 32u * 24u + f) * (params.c_in / 4u) + k / 4u) * 32u + column % 32u) * 4u + k % 4u;
      m = fma(v[from_v], u[from_u], m);
    }
    sum = fma(output_rows(f / 6u)[oy % 2u] * output_columns(f % 6u)[ox % 4u], m, sum);
  }
  y[e] = exact_quotient(sum, f32(15u + params.flip / 2u));
}
