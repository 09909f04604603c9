// y = A^T m D / 15 with m = sum over k of v * u for each of the 24 places of a tile (common/winograd.wgsl). Given `skip`, y = skip + this; given
// `moments`, the moments of y as well.
// One invocation per element of y.
// Grid: ceil(elements of y / 64), rows of equal length beyond 65,535; given `moments`, ceil(pixels / 64) groups c_out.
// include common/grid.wgsl
// include common/winograd.wgsl
// include common/winograd_six.wgsl
// include conv2d/onto_skip.wgsl if skip else conv2d/onto_none.wgsl
// include conv2d/each_block.wgsl if moments else winograd/each_output.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> v: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

alias Y = f32;
alias Skip = f32;
alias Value = f32;

// Channel `column` of all groups'. Without partial sums: split is 0.
fn output(pixel: u32, column: u32, split: u32) -> f32 {
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  let first = column / params.c_out * params.c_in; // channel of the input
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
  return exact_quotient(sum, f32(15u + params.flip / 2u));
}
