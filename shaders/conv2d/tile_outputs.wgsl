// The results are written, and that is all.
// include conv2d/write_tile.wgsl
fn finish(acc: ptr<function, RegisterTile>, t: Tile, lane: u32) {
  write_tile(acc, t, owned_block(lane, TILE_N / 8u));
}
