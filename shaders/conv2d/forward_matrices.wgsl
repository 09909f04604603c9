// What conv2d.forward.coop, coop_split, coop_signs and their relatives share. The file around it binds x, w and y, gives the
// knobs TILE_M and TILE_N, `inputs` (conv2d/inputs_*.wgsl), `finish` (conv2d/matrix_outputs*.wgsl), and the parts that operands are
// multiplied in (conv2d/in_*.wgsl).
// include conv2d/matrix_tile.wgsl
// include conv2d/windows.wgsl

// Fours in a row of workgroup memory: left [row][k], right [k][column].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = TILE_N / 4u + 2u;
const LEFT_FOURS: u32 = TILE_M * LEFT;
const RIGHT_FOURS: u32 = STAGE * RIGHT;

fn left_matrix(part: u32, row: u32, k: u32) -> LeftMatrix {
  return coopLoadT<LeftMatrix>(&left[FOUR * (part * LEFT_FOURS + row * LEFT + k / 4u)], FOUR * LEFT);
}

fn right_matrix(part: u32, k: u32, column: u32) -> RightMatrix {
  return coopLoadT<RightMatrix>(&right[FOUR * (part * RIGHT_FOURS + k * RIGHT + column / 4u)], FOUR * RIGHT);
}

// Row, and number of the four terms, of block i that invocation `lane` fetches of the left operand; there may be no such row.
fn left_block(lane: u32, i: u32) -> vec2<u32> {
  return vec2<u32>((lane + i * THREADS) / (STAGE / 4u) * 4u, lane % (STAGE / 4u));
}

// Number of the four columns, and of the four terms, of block i that it fetches of the right operand; there may be no such terms.
fn right_block(lane: u32, i: u32) -> vec2<u32> {
  return vec2<u32>(lane % (TILE_N / 4u), (lane + i * THREADS) / (TILE_N / 4u));
}

// Four channels of one tap for four pixels; a column holds one pixel.
fn fetch_x(p: Pixels, k: u32) -> mat4x4<Input> {
  let depth = params.c_in / 4u;
  let tap = k / depth;
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let inside = tap_inside(p.mask, ky, kx) & vec4<bool>(ky < params.kh);
  let at = select(vec4<u32>(0u), p.at + (ky * params.w + kx) * depth + k % depth, inside);
  let zero = vec4<Input>();
  let v = inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), k % depth);
  return mat4x4<Input>(select(zero, v[0], inside.x), select(zero, v[1], inside.y),
                       select(zero, v[2], inside.z), select(zero, v[3], inside.w));
}

// Writes the rows of `result` that hold the matrices number i from above, as far as they are inside.
fn copy_out(i: u32, tile_m: u32, tile_n: u32, lane: u32) {
  let columns = params.c_out / 4u;
  for (var e = lane; e < 2u * MATRIX * (TILE_N / 4u); e += THREADS) {
    let row = e / (TILE_N / 4u);
    let column = tile_n + e % (TILE_N / 4u);
    let p = tile_m + tile_row(i, row);
    if p < params.n * params.oh * params.ow && column < columns {
      y[p * columns + column] = vec4<Y>(magnitude() * get_result(row * RESULT + e % (TILE_N / 4u)));
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  let tile_n = wid.x * (TILE_N / 4u);
  let count_k = params.kh * params.kw * params.c_in;
  var own: array<Pixels, LEFT_EACH>;
  var left_blocks: array<mat4x4<Input>, LEFT_EACH>;
  var right_blocks: array<mat4x4<f32>, RIGHT_EACH>;
  for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
    let block = left_block(lane, i);
    own[i] = pixels(tile_m + block.x);
    if block.x < TILE_M { left_blocks[i] = fetch_x(own[i], block.y); }
  }
  for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
    let block = right_block(lane, i);
    if block.y < STAGE / 4u { right_blocks[i] = fetch_w(tile_n + block.x, block.y, count_k); }
  }
  begin(lane);
  var sums: Sums;
  for (var s = 0u; s < count_k; s += STAGE) {
    let next = (s + STAGE) / 4u;
    workgroupBarrier();
    for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
      let block = left_block(lane, i);
      if block.x < TILE_M { put_left(block.x, block.y, left_blocks[i]); }
    }
    for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
      let block = right_block(lane, i);
      if block.y < STAGE / 4u { put_right(block.y * 4u, block.x, right_blocks[i]); }
    }
    workgroupBarrier();
    if s + STAGE < count_k {
      for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
        let block = left_block(lane, i);
        if block.x < TILE_M { left_blocks[i] = fetch_x(own[i], next + block.y); }
      }
      for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
        let block = right_block(lane, i);
        if block.y < STAGE / 4u { right_blocks[i] = fetch_w(tile_n + block.x, next + block.y, count_k); }
      }
    }
    multiply(&sums, first_row(subgroup), first_column(subgroup));
  }
  publish();
  for (var i = 0u; i < DOWN; i++) {
    workgroupBarrier();
    store(&sums, i, subgroup);
    workgroupBarrier();
    copy_out(i, tile_m, tile_n, lane);
  }
  finish(tile_m, tile_n, lane);
}
