// What conv2d.grad_input.coop, coop_split and coop_signs share. The file around it binds dy, w and dx, gives the knobs TILE_M and
// TILE_N, and the parts that operands are multiplied in (conv2d/in_*.wgsl).
// include conv2d/matrix_tile.wgsl
// include conv2d/classes.wgsl
// include common/gradient_scale.wgsl
alias Input = f32; // dy, as it is fetched

// Fours in a row of workgroup memory: left [row][k], right [column][k].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = STAGE / 4u + 2u;
const LEFT_FOURS: u32 = TILE_M * LEFT;
const RIGHT_FOURS: u32 = TILE_N * RIGHT;

fn left_matrix(part: u32, row: u32, k: u32) -> LeftMatrix {
  return coopLoadT<LeftMatrix>(&left[FOUR * (part * LEFT_FOURS + row * LEFT + k / 4u)], FOUR * LEFT);
}

fn right_matrix(part: u32, k: u32, column: u32) -> RightMatrix {
  return coopLoad<RightMatrix>(&right[FOUR * (part * RIGHT_FOURS + column * RIGHT + k / 4u)], FOUR * RIGHT);
}

// Row or column, and number of the four terms, of block i that invocation `lane` fetches of an operand; there may be no such
// row or column.
fn block_of(lane: u32, i: u32) -> vec2<u32> {
  return vec2<u32>((lane + i * THREADS) / (STAGE / 4u) * 4u, lane % (STAGE / 4u));
}

// Writes the rows of `result` that hold the matrices number i from above, as far as they are inside.
fn copy_out(c: Class, i: u32, tile_m: u32, tile_n: u32, lane: u32) {
  let columns = params.c_in / 4u;
  let factor = 1.0 / gradient_scale(params) * magnitude();
  for (var e = lane; e < 2u * MATRIX * (TILE_N / 4u); e += THREADS) {
    let row = e / (TILE_N / 4u);
    let column = tile_n + e % (TILE_N / 4u);
    let p = tile_m + tile_row(i, row);
    let n = p / (c.columns * c.rows);
    let iy = p / c.columns % c.rows * params.stride_h + c.start_y;
    let ix = p % c.columns * params.stride_w + c.start_x;
    if n < params.n && column < columns {
      dx[((n * params.h + iy) * params.w + ix) * columns + column] = factor * get_result(row * RESULT + e % (TILE_N / 4u));
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let across = (params.c_in + TILE_N - 1u) / TILE_N;
  let c = class_of(wid.x / across);
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  let tile_n = wid.x % across * (TILE_N / 4u);
  let count_k = c.taps_y * c.taps_x * params.c_out;
  let scale = gradient_scale(params);
  var own: array<Pixels, LEFT_EACH>;
  var left_blocks: array<mat4x4<f32>, LEFT_EACH>;
  var right_blocks: array<mat4x4<f32>, RIGHT_EACH>;
  for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
    let block = block_of(lane, i);
    own[i] = pixels(c, tile_m + block.x);
    if block.x < TILE_M { left_blocks[i] = scale * fetch_dy(c, own[i], block.y); }
  }
  for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
    let block = block_of(lane, i);
    if block.x < TILE_N { right_blocks[i] = fetch_w(c, tile_n + block.x / 4u, block.y); }
  }
  begin(lane);
  var sums: Sums;
  for (var s = 0u; s < count_k; s += STAGE) {
    let next = (s + STAGE) / 4u;
    workgroupBarrier();
    for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
      let block = block_of(lane, i);
      if block.x < TILE_M { put_left(block.x, block.y, left_blocks[i]); }
    }
    for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
      let block = block_of(lane, i);
      if block.x < TILE_N { put_right(block.x, block.y, right_blocks[i]); }
    }
    workgroupBarrier();
    if s + STAGE < count_k {
      for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
        let block = block_of(lane, i);
        if block.x < TILE_M { left_blocks[i] = scale * fetch_dy(c, own[i], next + block.y); }
      }
      for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
        let block = block_of(lane, i);
        if block.x < TILE_N { right_blocks[i] = fetch_w(c, tile_n + block.x / 4u, next + block.y); }
      }
    }
    multiply(&sums, first_row(subgroup), first_column(subgroup));
  }
  publish();
  for (var i = 0u; i < DOWN; i++) {
    workgroupBarrier();
    store(&sums, i, subgroup);
    workgroupBarrier();
    copy_out(c, i, tile_m, tile_n, lane);
  }
}
