// The outputs go to y, and that is all.
// include conv2d/write_tile.wgsl
fn finish(acc: ptr<function, RegisterTile>, tile_m: u32, tile_n: u32, lane: u32) {
  write_tile(acc, tile_m, tile_n, owned_block(lane, TILE_N / 8u));
}
