// What conv2d.grad_input.coop_split and its relative share. The file around it binds dy, w and dx, gives the knobs TILE_M and
// TILE_N, and what is staged of the weights (conv2d/weights_*.wgsl).
// include conv2d/grad_input_matrices.wgsl
// include conv2d/left_in_two_parts.wgsl
// include conv2d/weights_in_parts.wgsl
var<workgroup> left_low: array<vec4<f16>, TILE_M * LEFT>;
var<workgroup> right_low: array<vec4<f16>, TILE_N * RIGHT * u32(!SIGNS) + u32(SIGNS)>;

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
