// The outputs of a workgroup of the cooperative family are in y, and that is all.
fn finish(tile_m: u32, tile_n: u32, lane: u32) {}
