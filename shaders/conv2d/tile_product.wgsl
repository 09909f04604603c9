// The entry point of the tiled family: TILE_M x TILE_N results of a product of two matrices for each workgroup, 8 x 8 for each
// invocation. The file around it gives the knobs TILE_M, TILE_N and BUFFERS and says what is multiplied: `tile_of`, `left_of`, `write`
// (conv2d/*_operands.wgsl), `fetch_left` and `fetch_right`, four terms of four rows or columns, a column of the block holding one term;
// whether blocks lie in the arrays row by row or term by term, LEFT_BY_ROW and RIGHT_BY_COLUMN; and `finish` (conv2d/tile_outputs*.wgsl).
// Stages of 16 terms pass through workgroup memory; the next stage is loaded into registers before the products of this one, which
// hide its latency. Columns are swizzled: the eight invocations that store together hit eight different groups of four banks.
// include common/register_tile.wgsl
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

// Number of the four rows (or columns), and of the four terms, of block n of an operand with `across` times four of the former:
// neighbours read neighbours.
fn block_of(n: u32, across: u32, by_row: bool) -> vec2<u32> {
  return select(vec2<u32>(n % across, n / across), vec2<u32>(n / 4u, n % 4u), by_row);
}

// One block of the stage that begins with term s, of either operand.
fn fetch(t: Tile, of_left: bool, own: Left, block: vec2<u32>, s: u32) -> mat4x4<f32> {
  var v: mat4x4<f32>;
  if of_left {
    v = fetch_left(t, own, s + 4u * block.y);
  } else {
    v = fetch_right(t, t.n + block.x, s + 4u * block.y);
  }
  return v;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(wid, count);
  if tile.m >= tile.rows {
    return;
  }
  // The blocks to fetch: TILE_M of the left operand, then TILE_N of the right one; each invocation has one of them or two.
  let of_left = lane < TILE_M;
  let right = block_of(lane - TILE_M, TILE_N / 4u, RIGHT_BY_COLUMN);
  let first = select(right, block_of(lane, TILE_M / 4u, LEFT_BY_ROW), of_left);
  let column = select(TILE_M / 4u, 0u, of_left) + first.x;
  let own = left_of(tile, column);
  let n = lane + THREADS - TILE_M;
  let second = block_of(n, TILE_N / 4u, RIGHT_BY_COLUMN);
  let block = owned_block(lane, TILE_N / 8u);
  var acc: RegisterTile;
  var a = fetch(tile, of_left, own, first, tile.start);
  var b: mat4x4<f32>;
  if n < TILE_N {
    b = fetch_right(tile, tile.n + second.x, tile.start + 4u * second.y);
  }
  for (var i = 0u; tile.start + i * 16u < tile.end; i++) {
    let next = tile.start + i * 16u + 16u;
    let base = i % BUFFERS * (16u * SPAN);
    if BUFFERS == 1u {
      workgroupBarrier();
    }
    put(base, column, first.y, a);
    if n < TILE_N {
      put(base, TILE_M / 4u + second.x, second.y, b);
    }
    workgroupBarrier();
    if next < tile.end {
      a = fetch(tile, of_left, own, first, next);
      if n < TILE_N {
        b = fetch_right(tile, tile.n + second.x, next + 4u * second.y);
      }
    }
    multiply_stage(&acc, base, block);
  }
  finish(&acc, tile, lane);
}
