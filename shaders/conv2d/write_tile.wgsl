// Writes the results of a workgroup of the tiled family, of which each invocation has 8 x 8 (common/register_tile.wgsl).
fn write_pair(t: Tile, row: u32, column: u32, left: vec4<f32>, right: vec4<f32>) {
  write(t, row, column, left);
  write(t, row, column + TILE_N / 8u, right);
}

fn write_tile(acc: ptr<function, RegisterTile>, t: Tile, block: vec2<u32>) {
  let row = t.m + block.y * 4u;
  let to = t.n + block.x;
  write_pair(t, row, to, (*acc)[0], (*acc)[8]);
  write_pair(t, row + 1u, to, (*acc)[1], (*acc)[9]);
  write_pair(t, row + 2u, to, (*acc)[2], (*acc)[10]);
  write_pair(t, row + 3u, to, (*acc)[3], (*acc)[11]);
  write_pair(t, row + TILE_M / 2u, to, (*acc)[4], (*acc)[12]);
  write_pair(t, row + TILE_M / 2u + 1u, to, (*acc)[5], (*acc)[13]);
  write_pair(t, row + TILE_M / 2u + 2u, to, (*acc)[6], (*acc)[14]);
  write_pair(t, row + TILE_M / 2u + 3u, to, (*acc)[7], (*acc)[15]);
}
