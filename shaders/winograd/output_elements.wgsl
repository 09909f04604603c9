// What winograd.output.naive and winograd.output_statistics.naive share: one output from the 24 places of its tile. The file
// around it binds m.
// include common/grid.wgsl
// include common/winograd.wgsl
fn output(pixel: u32, column: u32) -> f32 {
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  let tile = (n * ((params.oh + 1u) / 2u) + oy / 2u) * ((params.ow + 3u) / 4u) + ox / 4u;
  var sum = 0.0;
  for (var f = 0u; f < 24u; f++) {
    let factor = output_rows(f / 6u)[oy % 2u] * output_columns(f % 6u)[ox % 4u];
    sum = fma(factor, m[(f * tiles(params) + tile) * params.c_out + column], sum);
  }
  return fifteenth(sum, f32(15u + params.flip / 2u));
}
