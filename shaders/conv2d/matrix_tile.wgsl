// A tile of TILE_M x TILE_N results, the knobs of the file around it, by matrices of MATRIX x MATRIX x MATRIX and subgroups of
// LANES invocations, whatever the adapter has. The subgroups of a workgroup lie in two rows: each owns TILE_M / 2 x 32
// results, in DOWN x ACROSS matrices. They leave through `result`, [row][column]: a row of matrices of the upper half of the
// tile, then one of the lower. A stage of an operand lies in workgroup memory as it does in the arrays, [row][k] or [k][row]: the file
// around it says which, LEFT_BY_ROW and RIGHT_BY_COLUMN.
// include common/matrices_8.wgsl if MATRIX == 8 else common/matrices_16.wgsl
// include conv2d/matrices_in_scalars.wgsl if SCALARS else conv2d/matrices_in_fours.wgsl
const STAGE: u32 = 32u; // terms of the sum at a time
const THREADS: u32 = TILE_N / 16u * LANES; // two subgroups for every 32 columns
const DOWN: u32 = TILE_M / 2u / MATRIX;
const ACROSS: u32 = 32u / MATRIX;
alias Sums = array<SumMatrix, DOWN * ACROSS>;
const RESULT: u32 = TILE_N / 4u + 1u; // fours in a row of `result`
const RESULT_FOURS: u32 = max(2u * MATRIX, LANES / 2u) * RESULT; // as many rows as conv2d/matrix_outputs_moments.wgsl needs

// Fours in a row of a stage, 16 bytes more than its content, so that eight rows of a matrix lie in different banks; and in all rows.
const LEFT: u32 = select(TILE_M, STAGE, LEFT_BY_ROW) / 4u + 2u;
const RIGHT: u32 = select(TILE_N, STAGE, RIGHT_BY_COLUMN) / 4u + 2u;
const LEFT_FOURS: u32 = select(STAGE, TILE_M, LEFT_BY_ROW) * LEFT;
const RIGHT_FOURS: u32 = select(STAGE, TILE_N, RIGHT_BY_COLUMN) * RIGHT;

// How many blocks of 4 x 4 an invocation fetches of an operand: the last of them may not exist.
const LEFT_EACH: u32 = (TILE_M * STAGE / 16u + THREADS - 1u) / THREADS;
const RIGHT_EACH: u32 = (TILE_N * STAGE / 16u + THREADS - 1u) / THREADS;

// `count` as the bound of a loop that fetches blocks or rounds them to f16. Subgroups of 8 are those of drivers on the CPU, which take seconds to compile
// such a loop when they unroll it: there the bound is no constant, for all that they know of a number below 2^24.
fn bound(count: u32, small: u32) -> u32 {
  return count + select(0u, small >> 24u, LANES == 8u);
}

// Number of the four rows (or columns), and of the four terms, of block i that invocation `lane` fetches of an operand with `size` of the
// former: neighbours read neighbours. There may be none, for in_stage to say.
fn block_of(lane: u32, i: u32, size: u32, by_row: bool) -> vec2<u32> {
  let n = lane + i * THREADS;
  return select(vec2<u32>(lane % (size / 4u), n / (size / 4u)), vec2<u32>(n / (STAGE / 4u), lane % (STAGE / 4u)), by_row);
}

fn left_block(lane: u32, i: u32) -> vec2<u32> {
  return block_of(lane, i, TILE_M, LEFT_BY_ROW);
}

fn right_block(lane: u32, i: u32) -> vec2<u32> {
  return block_of(lane, i, TILE_N, RIGHT_BY_COLUMN);
}

fn in_stage(block: vec2<u32>, size: u32) -> bool {
  return block.x < size / 4u && block.y < STAGE / 4u;
}

fn put_left(block: vec2<u32>, v: mat4x4<Input>) {
  let at = select(4u * block.y * LEFT + block.x, 4u * block.x * LEFT + block.y, LEFT_BY_ROW);
  if in_stage(block, TILE_M) {
    for (var i = 0u; i < bound(4u, at); i++) {
      stage_left(at + i * LEFT, v[i]);
    }
  }
}

fn put_right(block: vec2<u32>, v: mat4x4<f32>) {
  let at = select(4u * block.y * RIGHT + block.x, 4u * block.x * RIGHT + block.y, RIGHT_BY_COLUMN);
  if in_stage(block, TILE_N) {
    note(v);
    for (var i = 0u; i < bound(4u, at); i++) {
      stage_right(at + i * RIGHT, v[i]);
    }
  }
}

// First row and column of a subgroup in the tile.
fn first_row(subgroup: u32) -> u32 {
  return subgroup % 2u * (TILE_M / 2u);
}

fn first_column(subgroup: u32) -> u32 {
  return subgroup / 2u * 32u;
}

// The row of the tile that lies in row `row` of `result` when the matrices number i from above leave.
fn tile_row(i: u32, row: u32) -> u32 {
  return row / MATRIX * (TILE_M / 2u) + i * MATRIX + row % MATRIX;
}

// Stores the matrices number i from above. naga wants what coopStoreT takes in names of their own.
fn store(sums: ptr<function, Sums>, i: u32, subgroup: u32) {
  let stride = FOUR * RESULT;
  for (var j = 0u; j < ACROSS; j++) {
    let sum = (*sums)[i * ACROSS + j];
    let to = FOUR * (subgroup % 2u * MATRIX * RESULT + (first_column(subgroup) + j * MATRIX) / 4u);
    coopStoreT(sum, &result[to], stride);
  }
}
