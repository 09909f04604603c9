// The entry point of the cooperative family: TILE_M x TILE_N results of a product of two matrices for each workgroup. The file around it
// says what is multiplied: `tile_of`, `left_of`, `write` (conv2d/*_operands.wgsl), `fetch_left` and `fetch_right`, four rows or columns
// and four terms of an operand; how matrices are loaded from workgroup memory, `left_matrix` and `right_matrix`; what multiplies the
// sums, `result_scale`; and `finish` (conv2d/matrix_outputs*.wgsl).
// PRODUCTS of matrices of f16 make one product: 1 rounds both operands, 3 takes both in two parts, 2 the left one in two parts and the
// right one as signs.
// Stages of 32 terms pass through workgroup memory; the next stage is loaded into registers before the products of this one. Bounds of
// loops over matrices and blocks are constants: a driver unrolls them, and keeps the arrays in registers.
// Matrix operations want every invocation: tiles that reach beyond the results multiply zeros, results leave through workgroup
// memory, and only the copies out of it ask what is inside. There is no early return.
// include conv2d/matrix_tile.wgsl
// include conv2d/matrix_operands_f16.wgsl if PRODUCTS == 1 else conv2d/matrix_operands_split.wgsl
// include conv2d/weights_ternary.wgsl if PRODUCTS == 2 else conv2d/weights_real.wgsl
alias LeftParts = array<LeftMatrix, LEFT_PARTS>;
alias RightParts = array<RightMatrix, RIGHT_PARTS * ACROSS>; // the first parts, then the second

// Adds the products of a stage to the sums of a subgroup.
fn multiply(sums: ptr<function, Sums>, row: u32, column: u32) {
  for (var k = 0u; k < STAGE; k += MATRIX) {
    var b: RightParts;
    for (var j = 0u; j < ACROSS; j++) {
      for (var part = 0u; part < RIGHT_PARTS; part++) {
        b[part * ACROSS + j] = right_matrix(part, k, column + j * MATRIX);
      }
    }
    for (var i = 0u; i < DOWN; i++) {
      var a: LeftParts;
      for (var part = 0u; part < LEFT_PARTS; part++) {
        a[part] = left_matrix(part, row + i * MATRIX, k);
      }
      for (var j = 0u; j < ACROSS; j++) {
        (*sums)[i * ACROSS + j] = add_product((*sums)[i * ACROSS + j], &a, &b, j);
      }
    }
  }
}

// Writes the rows of `result` that hold the matrices number i from above.
fn copy_out(t: Tile, i: u32, lane: u32) {
  let factor = result_scale();
  for (var e = lane; e < 2u * MATRIX * (TILE_N / 4u); e += THREADS) {
    let row = e / (TILE_N / 4u);
    let column = e % (TILE_N / 4u);
    write(t, t.m + tile_row(i, row), t.n + column, factor * get_result(row * RESULT + column));
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let tile = tile_of(wid, count);
  var own: array<Left, LEFT_EACH>;
  var left_blocks: array<mat4x4<Input>, LEFT_EACH>;
  var right_blocks: array<mat4x4<f32>, RIGHT_EACH>;
  for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
    own[i] = left_of(tile, left_block(lane, i).x);
  }
  fetch(tile, tile.start, lane, wid.x, &own, &left_blocks, &right_blocks);
  begin(lane);
  var sums: Sums;
  for (var s = tile.start; s < tile.end; s += STAGE) {
    workgroupBarrier();
    for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
      put_left(left_block(lane, i), left_blocks[i]);
    }
    for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
      put_right(right_block(lane, i), right_blocks[i]);
    }
    workgroupBarrier();
    if s + STAGE < tile.end {
      fetch(tile, s + STAGE, lane, wid.x, &own, &left_blocks, &right_blocks);
    }
    multiply(&sums, first_row(subgroup), first_column(subgroup));
  }
  publish();
  for (var i = 0u; i < DOWN; i++) {
    workgroupBarrier();
    store(&sums, i, subgroup);
    workgroupBarrier();
    copy_out(tile, i, lane);
  }
  finish(tile, lane);
}

// The blocks of the stage that begins with term `first`.
fn fetch(t: Tile, first: u32, lane: u32, small: u32, own: ptr<function, array<Left, LEFT_EACH>>,
         left_blocks: ptr<function, array<mat4x4<Input>, LEFT_EACH>>, right_blocks: ptr<function, array<mat4x4<f32>, RIGHT_EACH>>) {
  for (var i = 0u; i < bound(LEFT_EACH, small); i++) {
    let block = left_block(lane, i);
    if in_stage(block, TILE_M) { (*left_blocks)[i] = fetch_left(t, (*own)[i], first + 4u * block.y); }
  }
  for (var i = 0u; i < bound(RIGHT_EACH, small); i++) {
    let block = right_block(lane, i);
    if in_stage(block, TILE_N) { (*right_blocks)[i] = fetch_right(t, t.n + block.x, first + 4u * block.y); }
  }
}
