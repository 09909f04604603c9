// What conv2d.grad_input.coop_split and its relative share. The file around it binds dy, w and dx, gives the knobs TILE_M and
// TILE_N, and what is staged of the weights (conv2d/weights_*.wgsl).
const MATRIX: u32 = 16u; // rows and columns of a matrix
const LANES: u32 = 32u; // invocations of a subgroup
const STAGE: u32 = 2u * MATRIX; // (ky, kx, co) at a time
const THREADS: u32 = TILE_N / MATRIX * LANES;
const TALL: bool = TILE_M == 8u * MATRIX; // four matrices per subgroup and column instead of two
// Words of four in a row of workgroup memory: left [row][k], right [column][k], result [row][column].
const LEFT: u32 = STAGE / 4u + 2u;
const RIGHT: u32 = STAGE / 4u + 2u;
const RESULT: u32 = TILE_N / 4u + 1u;
var<workgroup> left: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> left_low: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> right: array<vec4<f16>, TILE_N * RIGHT>;
var<workgroup> right_low: array<vec4<f16>, TILE_N * RIGHT * u32(!SIGNS) + u32(SIGNS)>;
var<workgroup> result: array<vec4<f32>, 2u * MATRIX * RESULT>;

// Pixels and taps of a class: tap i of a column is ky = first_y + i stride_h, the pixels are y = start_y + j stride_h.
struct Class { start_y: u32, start_x: u32, rows: u32, columns: u32, first_y: u32, first_x: u32, taps_y: u32, taps_x: u32 }

fn class_of(i: u32) -> Class {
  let y = i / params.stride_w % params.stride_h; // a constant for stride 1
  let x = i % params.stride_w;
  let first_y = (y + params.pad_h) % params.stride_h;
  let first_x = (x + params.pad_w) % params.stride_w;
  return Class(y, x, (params.h + params.stride_h - 1u - y) / params.stride_h,
               (params.w + params.stride_w - 1u - x) / params.stride_w, first_y, first_x,
               (params.kh + params.stride_h - 1u - min(first_y, params.kh)) / params.stride_h,
               (params.kw + params.stride_w - 1u - min(first_x, params.kw)) / params.stride_w);
}

// Four consecutive pixels of a class: where dy is for their first taps, and which taps are inside. Tap i lies i back.
struct Pixels { at: vec4<u32>, mask: vec4<u32> }

fn window(c: Class, p: u32) -> vec2<u32> {
  let n = p / (c.columns * c.rows);
  let oy = (p / c.columns % c.rows * params.stride_h + c.start_y + params.pad_h) / params.stride_h;
  let ox = (p % c.columns * params.stride_w + c.start_x + params.pad_w) / params.stride_w;
  let at = ((n * params.oh + oy) * params.ow + ox) * (params.c_out / 4u);
  let mask = taps_back(oy, params.oh, c.taps_y) | (taps_back(ox, params.ow, c.taps_x) << 16u);
  return vec2<u32>(at, select(0u, mask, n < params.n));
}

fn pixels(c: Class, first: u32) -> Pixels {
  let p = window(c, first);
  let q = window(c, first + 1u);
  let r = window(c, first + 2u);
  let s = window(c, first + 3u);
  return Pixels(vec4<u32>(p.x, q.x, r.x, s.x), vec4<u32>(p.y, q.y, r.y, s.y));
}

// Four output channels of one tap for four pixels; a column holds one pixel.
fn fetch_dy(c: Class, p: Pixels, k: u32) -> mat4x4<f32> {
  let depth = params.c_out / 4u;
  let tap = k / depth;
  let i = tap / max(c.taps_x, 1u);
  let j = tap % max(c.taps_x, 1u);
  let inside = tap_inside(p.mask, i, j) & vec4<bool>(i < c.taps_y);
  let at = select(vec4<u32>(0u), p.at - (i * params.ow + j) * depth + k % depth, inside);
  return mat4x4<f32>(select(vec4<f32>(0.0), dy[at.x], inside.x), select(vec4<f32>(0.0), dy[at.y], inside.y),
                     select(vec4<f32>(0.0), dy[at.z], inside.z), select(vec4<f32>(0.0), dy[at.w], inside.w));
}

// Four input channels for four output channels of one tap; a column holds one of the former.
fn fetch_w(c: Class, column: u32, k: u32) -> mat4x4<f32> {
  let depth = params.c_out / 4u;
  let tap = k / depth;
  let ky = c.first_y + tap / max(c.taps_x, 1u) * params.stride_h;
  let kx = c.first_x + tap % max(c.taps_x, 1u) * params.stride_w;
  let inside = column * 4u < params.c_in && ky < params.kh;
  let at = select(0u, ((ky * params.kw + kx) * params.c_in + column * 4u) * depth + k % depth, inside);
  let step = select(0u, depth, inside);
  let zero = vec4<f32>(0.0);
  return mat4x4<f32>(select(zero, w[at], inside), select(zero, w[at + step], inside),
                     select(zero, w[at + 2u * step], inside), select(zero, w[at + 3u * step], inside));
}

fn put_left(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * LEFT + word;
  left[at] = high(block[0]);
  left_low[at] = low(block[0]);
  left[at + LEFT] = high(block[1]);
  left_low[at + LEFT] = low(block[1]);
  left[at + 2u * LEFT] = high(block[2]);
  left_low[at + 2u * LEFT] = low(block[2]);
  left[at + 3u * LEFT] = high(block[3]);
  left_low[at + 3u * LEFT] = low(block[3]);
}

fn put_right(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * RIGHT + word;
  note(block);
  right[at] = staged(block[0]);
  right[at + RIGHT] = staged(block[1]);
  right[at + 2u * RIGHT] = staged(block[2]);
  right[at + 3u * RIGHT] = staged(block[3]);
  if !SIGNS {
    right_low[at] = low(block[0]);
    right_low[at + RIGHT] = low(block[1]);
    right_low[at + 2u * RIGHT] = low(block[2]);
    right_low[at + 3u * RIGHT] = low(block[3]);
  }
}

// Writes the rows of one matrix per subgroup, as far as they are inside.
fn copy_out(c: Class, band: u32, tile_m: u32, tile_n: u32, lane: u32) {
  let columns = params.c_in / 4u;
  let unscale = 1.0 / gradient_scale(params);
  for (var i = lane; i < 2u * MATRIX * (TILE_N / 4u); i += THREADS) {
    let row = i / (TILE_N / 4u);
    let column = tile_n + i % (TILE_N / 4u);
    let p = tile_m + row / MATRIX * (TILE_M / 2u) + band * MATRIX + row % MATRIX;
    let n = p / (c.columns * c.rows);
    let iy = p / c.columns % c.rows * params.stride_h + c.start_y;
    let ix = p % c.columns * params.stride_w + c.start_x;
    if n < params.n && column < columns {
      dx[((n * params.h + iy) * params.w + ix) * columns + column] = unscale * magnitude() * result[row * RESULT + i % (TILE_N / 4u)];
    }
  }
}

// acc plus the product of a row of matrices with a column of them, both in two parts; signs have one.
fn product(a: coop_mat16x16<f16, A>, a_low: coop_mat16x16<f16, A>, b: coop_mat16x16<f16, B>,
           b_low: coop_mat16x16<f16, B>, acc: coop_mat16x16<f32, C>) -> coop_mat16x16<f32, C> {
  var sum: coop_mat16x16<f32, C>;
  sum = coopMultiplyAdd(a_low, b, sum);
  if !SIGNS {
    sum = coopMultiplyAdd(a, b_low, sum);
  }
  sum = sum * LOW;
  sum = coopMultiplyAdd(a, b, sum);
  return acc + sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let across = (params.c_in + TILE_N - 1u) / TILE_N;
  let c = class_of(wid.x / across);
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  let tile_n = wid.x % across * (TILE_N / 4u);
  // The blocks of 4 x 4 that this invocation fetches: one of the right operand, none, one or two of the left.
  let left_row = lane / (STAGE / 4u) * 4u;
  let left_k = lane % (STAGE / 4u);
  let more_row = left_row + THREADS / (STAGE / 4u) * 4u;
  let own = pixels(c, tile_m + left_row);
  let more = pixels(c, tile_m + more_row);
  let has_left = left_row < TILE_M;
  let has_more = more_row < TILE_M;
  let right_row = lane / (STAGE / 4u) * 4u;
  let band = subgroup % 2u * (TILE_M / 2u); // first row of the subgroup in the tile
  let strip = subgroup / 2u * (2u * MATRIX); // and its first column
  var acc00: coop_mat16x16<f32, C>;
  var acc01: coop_mat16x16<f32, C>;
  var acc10: coop_mat16x16<f32, C>;
  var acc11: coop_mat16x16<f32, C>;
  var acc20: coop_mat16x16<f32, C>;
  var acc21: coop_mat16x16<f32, C>;
  var acc30: coop_mat16x16<f32, C>;
  var acc31: coop_mat16x16<f32, C>;
  var left_block: mat4x4<f32>;
  var more_block: mat4x4<f32>;
  var right_block: mat4x4<f32>;
  let count_k = c.taps_y * c.taps_x * params.c_out;
  if has_left { left_block = gradient_scale(params) * fetch_dy(c, own, left_k); }
  if has_more { more_block = gradient_scale(params) * fetch_dy(c, more, left_k); }
  right_block = fetch_w(c, tile_n + right_row / 4u, left_k);
  begin(lane);
  for (var s = 0u; s < count_k; s += STAGE) {
    let next = (s + STAGE) / 4u;
    workgroupBarrier();
    if has_left { put_left(left_row, left_k, left_block); }
    if has_more { put_left(more_row, left_k, more_block); }
    put_right(right_row, left_k, right_block);
    workgroupBarrier();
    if s + STAGE < count_k {
      if has_left { left_block = gradient_scale(params) * fetch_dy(c, own, next + left_k); }
      if has_more { more_block = gradient_scale(params) * fetch_dy(c, more, next + left_k); }
      right_block = fetch_w(c, tile_n + right_row / 4u, next + left_k);
    }
    for (var k = 0u; k < STAGE; k += MATRIX) {
      let b0 = coopLoad<coop_mat16x16<f16, B>>(&right[strip * RIGHT + k / 4u], RIGHT);
      var b0_low: coop_mat16x16<f16, B>;
      if !SIGNS {
        b0_low = coopLoad<coop_mat16x16<f16, B>>(&right_low[strip * RIGHT + k / 4u], RIGHT);
      }
      let b1 = coopLoad<coop_mat16x16<f16, B>>(&right[(strip + 1u * MATRIX) * RIGHT + k / 4u], RIGHT);
      var b1_low: coop_mat16x16<f16, B>;
      if !SIGNS {
        b1_low = coopLoad<coop_mat16x16<f16, B>>(&right_low[(strip + 1u * MATRIX) * RIGHT + k / 4u], RIGHT);
      }
      let a0 = coopLoadT<coop_mat16x16<f16, A>>(&left[band * LEFT + k / 4u], LEFT);
      let a0_low = coopLoadT<coop_mat16x16<f16, A>>(&left_low[band * LEFT + k / 4u], LEFT);
      acc00 = product(a0, a0_low, b0, b0_low, acc00);
      acc01 = product(a0, a0_low, b1, b1_low, acc01);
      let a1 = coopLoadT<coop_mat16x16<f16, A>>(&left[(band + 1u * MATRIX) * LEFT + k / 4u], LEFT);
      let a1_low = coopLoadT<coop_mat16x16<f16, A>>(&left_low[(band + 1u * MATRIX) * LEFT + k / 4u], LEFT);
      acc10 = product(a1, a1_low, b0, b0_low, acc10);
      acc11 = product(a1, a1_low, b1, b1_low, acc11);
      if TALL {
        let a2 = coopLoadT<coop_mat16x16<f16, A>>(&left[(band + 2u * MATRIX) * LEFT + k / 4u], LEFT);
        let a2_low = coopLoadT<coop_mat16x16<f16, A>>(&left_low[(band + 2u * MATRIX) * LEFT + k / 4u], LEFT);
        acc20 = product(a2, a2_low, b0, b0_low, acc20);
        acc21 = product(a2, a2_low, b1, b1_low, acc21);
        let a3 = coopLoadT<coop_mat16x16<f16, A>>(&left[(band + 3u * MATRIX) * LEFT + k / 4u], LEFT);
        let a3_low = coopLoadT<coop_mat16x16<f16, A>>(&left_low[(band + 3u * MATRIX) * LEFT + k / 4u], LEFT);
        acc30 = product(a3, a3_low, b0, b0_low, acc30);
        acc31 = product(a3, a3_low, b1, b1_low, acc31);
      }
    }
  }
  publish();
  // naga wants what coopStoreT takes in names of their own.
  let to_left = subgroup % 2u * MATRIX * RESULT + strip / 4u;
  let to_right = to_left + MATRIX / 4u;
  let stride = RESULT;
  let left0 = acc00;
  let right0 = acc01;
  coopStoreT(left0, &result[to_left], stride);
  coopStoreT(right0, &result[to_right], stride);
  workgroupBarrier();
  copy_out(c, 0u, tile_m, tile_n, lane);
  workgroupBarrier();
  let left1 = acc10;
  let right1 = acc11;
  coopStoreT(left1, &result[to_left], stride);
  coopStoreT(right1, &result[to_right], stride);
  workgroupBarrier();
  copy_out(c, 1u, tile_m, tile_n, lane);
  if TALL {
    workgroupBarrier();
    let left2 = acc20;
    let right2 = acc21;
    coopStoreT(left2, &result[to_left], stride);
    coopStoreT(right2, &result[to_right], stride);
    workgroupBarrier();
    copy_out(c, 2u, tile_m, tile_n, lane);
    workgroupBarrier();
    let left3 = acc30;
    let right3 = acc31;
    coopStoreT(left3, &result[to_left], stride);
    coopStoreT(right3, &result[to_right], stride);
    workgroupBarrier();
    copy_out(c, 3u, tile_m, tile_n, lane);
  }
}
