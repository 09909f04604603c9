// The outputs go to y, and the moments of each block of 64 rows of them to `moments`, as batchnorm.partial leaves them: mean
// and sum of (y - mean)^2 per channel, the latter corrected by how much the rounded mean is off (Chan, Golub, LeVeque 1983).
// From the registers, so that nobody reads y again for its moments. Sums go over the four rows of an invocation, then over the
// sixteen fours of a block in order: whatever TILE_M is. Call `finish` in uniform control flow, after the last use of `stages`.
// include conv2d/write_tile.wgsl
@group(0) @binding(5) var<storage, read_write> moments: array<vec4<f32>>; // [ceil(pixels / 64), 2, groups, c_out]
const COLUMNS: u32 = TILE_N / 4u;
const BLOCKS: u32 = TILE_M / 64u; // blocks of rows in the tile

// Adds up one number per four rows and column within each block: the sum of block b stands in row 16 b of `stages`.
fn add_up(block: vec2<u32>, lane: u32, low_left: vec4<f32>, low_right: vec4<f32>, high_left: vec4<f32>, high_right: vec4<f32>) {
  let low = block.y * COLUMNS + block.x;
  let high = low + TILE_M / 8u * COLUMNS;
  workgroupBarrier();
  stages[low] = low_left;
  stages[low + COLUMNS / 2u] = low_right;
  stages[high] = high_left;
  stages[high + COLUMNS / 2u] = high_right;
  workgroupBarrier();
  if lane < BLOCKS * COLUMNS {
    let first = total(lane);
    var sum = stages[first];
    for (var i = 1u; i < 16u; i++) {
      sum += stages[first + i * COLUMNS];
    }
    stages[first] = sum;
  }
  workgroupBarrier();
}

// Where the sum of column i % COLUMNS of block i / COLUMNS stands.
fn total(i: u32) -> u32 {
  return i / COLUMNS * (16u * COLUMNS) + i % COLUMNS;
}

// How many rows from `row` on there are, at most 64.
fn rows_from(row: u32) -> f32 {
  let pixels = params.n * params.oh * params.ow;
  return f32(min(pixels - min(row, pixels), 64u));
}

// An output as it lies in y.
fn stored(v: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(vec4<Y>(v));
}

fn sum_of(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
  return stored(a) + stored(b) + stored(c) + stored(d);
}

// The distance of an output from the mean, or zero where there is no such row.
fn distance_of(v: vec4<f32>, row: u32, mean: vec4<f32>) -> vec4<f32> {
  return select(vec4<f32>(0.0), stored(v) - mean, row < params.n * params.oh * params.ow);
}

fn squares_of(a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
  return fma(d, d, fma(c, c, fma(b, b, a * a)));
}

fn finish(acc: ptr<function, RegisterTile>, t: Tile, lane: u32) {
  let block = owned_block(lane, COLUMNS / 2u);
  write_tile(acc, t, block);
  // Rows beyond the last are zeros: they multiplied zeros.
  add_up(block, lane, sum_of((*acc)[0], (*acc)[1], (*acc)[2], (*acc)[3]),
         sum_of((*acc)[8], (*acc)[9], (*acc)[10], (*acc)[11]), sum_of((*acc)[4], (*acc)[5], (*acc)[6], (*acc)[7]),
         sum_of((*acc)[12], (*acc)[13], (*acc)[14], (*acc)[15]));
  let last = (BLOCKS - 1u) * (16u * COLUMNS);
  let count_low = max(rows_from(t.m), 1.0);
  let count_high = max(rows_from(t.m + (BLOCKS - 1u) * 64u), 1.0);
  let low_left = stages[block.x] / count_low;
  let low_right = stages[block.x + COLUMNS / 2u] / count_low;
  let high_left = stages[last + block.x] / count_high;
  let high_right = stages[last + block.x + COLUMNS / 2u] / count_high;
  let own = t.m + lane / COLUMNS * 64u; // the block whose moments this invocation writes, if any
  let count = max(rows_from(own), 1.0);
  let mean = stages[total(lane % (BLOCKS * COLUMNS))] / count;
  let row = t.m + block.y * 4u;
  let far = row + TILE_M / 2u;
  let a0 = distance_of((*acc)[0], row, low_left);
  let a1 = distance_of((*acc)[1], row + 1u, low_left);
  let a2 = distance_of((*acc)[2], row + 2u, low_left);
  let a3 = distance_of((*acc)[3], row + 3u, low_left);
  let b0 = distance_of((*acc)[8], row, low_right);
  let b1 = distance_of((*acc)[9], row + 1u, low_right);
  let b2 = distance_of((*acc)[10], row + 2u, low_right);
  let b3 = distance_of((*acc)[11], row + 3u, low_right);
  let c0 = distance_of((*acc)[4], far, high_left);
  let c1 = distance_of((*acc)[5], far + 1u, high_left);
  let c2 = distance_of((*acc)[6], far + 2u, high_left);
  let c3 = distance_of((*acc)[7], far + 3u, high_left);
  let d0 = distance_of((*acc)[12], far, high_right);
  let d1 = distance_of((*acc)[13], far + 1u, high_right);
  let d2 = distance_of((*acc)[14], far + 2u, high_right);
  let d3 = distance_of((*acc)[15], far + 3u, high_right);
  add_up(block, lane, a0 + a1 + a2 + a3, b0 + b1 + b2 + b3, c0 + c1 + c2 + c3, d0 + d1 + d2 + d3);
  let off = stages[total(lane % (BLOCKS * COLUMNS))];
  add_up(block, lane, squares_of(a0, a1, a2, a3), squares_of(b0, b1, b2, b3), squares_of(c0, c1, c2, c3),
         squares_of(d0, d1, d2, d3));
  let columns = params.c_out / 4u;
  let column = t.n + lane % COLUMNS;
  if lane < BLOCKS * COLUMNS && column < columns && own < params.n * params.oh * params.ow {
    let squares = stages[total(lane)] - off * off / count;
    let to = (own / 64u * 2u * params.groups + t.group) * columns + column;
    moments[to] = mean + off / count;
    moments[to + params.groups * columns] = max(squares, vec4<f32>(0.0));
  }
}
