// What conv2d.grad_weight.coop, coop_split and their relatives share. The file around it binds x, dy and dw, gives the knobs
// TILE_M and TILE_N, `inputs` (conv2d/inputs_*.wgsl), and the parts that operands are multiplied in (conv2d/in_*.wgsl).
// include conv2d/matrix_tile.wgsl
// include conv2d/grad_weight_operands.wgsl
// include common/gradient_scale.wgsl

// Fours in a row of workgroup memory: left [k][row], right [k][column].
const LEFT: u32 = TILE_M / 4u + 2u;
const RIGHT: u32 = TILE_N / 4u + 2u;
const LEFT_FOURS: u32 = STAGE * LEFT;
const RIGHT_FOURS: u32 = STAGE * RIGHT;

fn left_matrix(part: u32, row: u32, k: u32) -> LeftMatrix {
  return coopLoad<LeftMatrix>(&left[FOUR * (part * LEFT_FOURS + k * LEFT + row / 4u)], FOUR * LEFT);
}

fn right_matrix(part: u32, k: u32, column: u32) -> RightMatrix {
  return coopLoadT<RightMatrix>(&right[FOUR * (part * RIGHT_FOURS + k * RIGHT + column / 4u)], FOUR * RIGHT);
}

// Number of the four rows, and of the four pixels, of block i that invocation `lane` fetches of the left operand; there may
// be no such pixels.
fn left_block(lane: u32, i: u32) -> vec2<u32> {
  return vec2<u32>(lane % (TILE_M / 4u), (lane + i * THREADS) / (TILE_M / 4u));
}

// The same, columns, of the right operand.
fn right_block(lane: u32, i: u32) -> vec2<u32> {
  return vec2<u32>(lane % (TILE_N / 4u), (lane + i * THREADS) / (TILE_N / 4u));
}

// Inputs of four rows for the pixels k, k + 1, k + 2, k + 3 below `end`; a column holds one pixel.
fn fetch_x(r: Rows, k: u32, end: u32) -> mat4x4<Input> {
  let p = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
  let line = p / params.ow;
  let iy = line % params.oh * params.stride_h;
  let ix = (p - line * params.ow) * params.stride_w;
  let inside = (iy + r.ky < vec4<u32>(params.h)) & (ix + r.kx < vec4<u32>(params.w)) & (p < vec4<u32>(end));
  let at = select(vec4<u32>(0u), ((line / params.oh * params.h + iy) * params.w + ix) * (params.c_in / 4u) + r.at, inside);
  let zero = vec4<Input>();
  let v = inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), r.quad);
  return mat4x4<Input>(select(zero, v[0], inside.x), select(zero, v[1], inside.y),
                       select(zero, v[2], inside.z), select(zero, v[3], inside.w));
}

// Writes the rows of `result` that hold the matrices number i from above, as far as they are inside.
fn copy_out(split: u32, i: u32, tile_m: u32, tile_n: u32, lane: u32) {
  let rows = params.kh * params.kw * params.c_in;
  let columns = params.c_out / 4u;
  let unscale = 1.0 / gradient_scale(params);
  for (var e = lane; e < 2u * MATRIX * (TILE_N / 4u); e += THREADS) {
    let row = e / (TILE_N / 4u);
    let column = tile_n + e % (TILE_N / 4u);
    let own = tile_m + tile_row(i, row);
    if own < rows && column < columns {
      dw[(split * rows + own) * columns + column] = unscale * get_result(row * RESULT + e % (TILE_N / 4u));
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let tile_m = wid.y * TILE_M;
  let tile_n = wid.x * (TILE_N / 4u);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let start = wid.z * run;
  let end = min(start + run, pixels);
  let scale = gradient_scale(params);
  let own = rows(tile_m / 4u + left_block(lane, 0u).x);
  var left_blocks: array<mat4x4<Input>, LEFT_EACH>;
  var right_blocks: array<mat4x4<f32>, RIGHT_EACH>;
  for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
    let block = left_block(lane, i);
    if block.y < STAGE / 4u { left_blocks[i] = fetch_x(own, start + block.y * 4u, end); }
  }
  for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
    let block = right_block(lane, i);
    if block.y < STAGE / 4u { right_blocks[i] = scale * fetch_dy(tile_n + block.x, start + block.y * 4u, end); }
  }
  var sums: Sums;
  for (var s = start; s < end; s += STAGE) {
    let next = s + STAGE;
    workgroupBarrier();
    for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
      let block = left_block(lane, i);
      if block.y < STAGE / 4u { put_left(block.y * 4u, block.x, left_blocks[i]); }
    }
    for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
      let block = right_block(lane, i);
      if block.y < STAGE / 4u { put_right(block.y * 4u, block.x, right_blocks[i]); }
    }
    workgroupBarrier();
    if next < end {
      for (var i = 0u; i < bound(LEFT_EACH, wid.x); i++) {
        let block = left_block(lane, i);
        if block.y < STAGE / 4u { left_blocks[i] = fetch_x(own, next + block.y * 4u, end); }
      }
      for (var i = 0u; i < bound(RIGHT_EACH, wid.x); i++) {
        let block = right_block(lane, i);
        if block.y < STAGE / 4u { right_blocks[i] = scale * fetch_dy(tile_n + block.x, next + block.y * 4u, end); }
      }
    }
    multiply(&sums, first_row(subgroup), first_column(subgroup));
  }
  for (var i = 0u; i < DOWN; i++) {
    workgroupBarrier();
    store(&sums, i, subgroup);
    workgroupBarrier();
    copy_out(wid.z, i, tile_m, tile_n, lane);
  }
}
