// The outputs of a workgroup of the cooperative family are in y, and that is all.
fn finish(t: Tile, lane: u32) {}
