// The stages of a product in tiles: how 16 terms of both operands lie in workgroup memory, and what an invocation makes of them.
// The file around it gives the knobs TILE_M, TILE_N and BUFFERS, and includes common/register_tile.wgsl.
const THREADS: u32 = TILE_M * TILE_N / 64u;
const SPAN: u32 = (TILE_M + TILE_N) / 4u; // words in a row of a stage: the rows of the tile, then its columns
var<workgroup> stages: array<vec4<f32>, BUFFERS * 16u * SPAN>;

// Stores a block in a stage: `column` counts words, `k` blocks.
fn put(base: u32, column: u32, k: u32, block: mat4x4<f32>) {
  let at = base + k * 4u * SPAN + (column ^ (k * 2u));
  stages[at] = block[0];
  stages[at + SPAN] = block[1];
  stages[at + 2u * SPAN] = block[2];
  stages[at + 3u * SPAN] = block[3];
}

// Adds the products of a stage to the 8 x 8 outputs of the invocation that owns `block` of the tile.
fn multiply_stage(acc: ptr<function, RegisterTile>, base: u32, block: vec2<u32>) {
  for (var k = 0u; k < 4u; k++) {
    let row = base + k * 4u * SPAN;
    let l = row + (block.y ^ (k * 2u));
    let r = row + TILE_M / 4u + (block.x ^ (k * 2u));
    outer_product(acc, stages[l], stages[l + TILE_M / 8u], stages[r], stages[r + TILE_N / 8u]);
    let l1 = l + SPAN;
    let r1 = r + SPAN;
    outer_product(acc, stages[l1], stages[l1 + TILE_M / 8u], stages[r1], stages[r1 + TILE_N / 8u]);
    let l2 = l1 + SPAN;
    let r2 = r1 + SPAN;
    outer_product(acc, stages[l2], stages[l2 + TILE_M / 8u], stages[r2], stages[r2 + TILE_N / 8u]);
    let l3 = l2 + SPAN;
    let r3 = r2 + SPAN;
    outer_product(acc, stages[l3], stages[l3 + TILE_M / 8u], stages[r3], stages[r3 + TILE_N / 8u]);
  }
}
