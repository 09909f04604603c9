// Writes the outputs of a workgroup of the register-tiled family to y, [pixels, c_out], as far as they are inside. tile_m:
// first pixel, tile_n: first word of four columns.
fn write_row(row: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
  let columns = params.c_out / 4u;
  if row < params.n * params.oh * params.ow {
    if column < columns { y[row * columns + column] = vec4<Y>(left); }
    if column + TILE_N / 8u < columns { y[row * columns + column + TILE_N / 8u] = vec4<Y>(right); }
  }
}

fn write_tile(acc: ptr<function, RegisterTile>, tile_m: u32, tile_n: u32, block: vec2<u32>) {
  let row = tile_m + block.y * 4u;
  let to = tile_n + block.x;
  write_row(row, to, (*acc)[0], (*acc)[8]);
  write_row(row + 1u, to, (*acc)[1], (*acc)[9]);
  write_row(row + 2u, to, (*acc)[2], (*acc)[10]);
  write_row(row + 3u, to, (*acc)[3], (*acc)[11]);
  write_row(row + TILE_M / 2u, to, (*acc)[4], (*acc)[12]);
  write_row(row + TILE_M / 2u + 1u, to, (*acc)[5], (*acc)[13]);
  write_row(row + TILE_M / 2u + 2u, to, (*acc)[6], (*acc)[14]);
  write_row(row + TILE_M / 2u + 3u, to, (*acc)[7], (*acc)[15]);
}
