// What conv2d.forward.coop and its relatives share. The file around it binds x, w and y, gives the knobs TILE_M and TILE_N,
// `inputs` (conv2d/inputs_*.wgsl) and `leave` (conv2d/leave_*.wgsl).
// include conv2d/forward_matrices.wgsl
// include conv2d/in_one_part.wgsl

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

// Writes the rows of one matrix per subgroup, as far as they are inside.
fn copy_out(band: u32, tile_m: u32, tile_n: u32, lane: u32) {
  let columns = params.c_out / 4u;
  for (var i = lane; i < 2u * MATRIX * (TILE_N / 4u); i += THREADS) {
    let row = i / (TILE_N / 4u);
    let column = tile_n + i % (TILE_N / 4u);
    let p = tile_m + row / MATRIX * (TILE_M / 2u) + band * MATRIX + row % MATRIX;
    if p < params.n * params.oh * params.ow && column < columns {
      y[p * columns + column] = vec4<Y>(result[row * RESULT + i % (TILE_N / 4u)]);
    }
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  let tile_m = (wid.z * count.y + wid.y) * TILE_M;
  let tile_n = wid.x * (TILE_N / 4u);
  // The blocks of 4 x 4 that this invocation fetches: one of the right operand, none, one or two of the left.
  let left_row = lane / (STAGE / 4u) * 4u;
  let left_k = lane % (STAGE / 4u);
  let more_row = left_row + THREADS / (STAGE / 4u) * 4u;
  let own = pixels(tile_m + left_row);
  let more = pixels(tile_m + more_row);
  let has_left = left_row < TILE_M;
  let has_more = more_row < TILE_M;
  let right_word = lane % (TILE_N / 4u);
  let right_k = lane / (TILE_N / 4u);
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
  var left_block: mat4x4<Input>;
  var more_block: mat4x4<Input>;
  var right_block: mat4x4<f32>;
  let count_k = params.kh * params.kw * params.c_in;
  if has_left { left_block = fetch_x(own, left_k); }
  if has_more { more_block = fetch_x(more, left_k); }
  right_block = fetch_w(tile_n + right_word, right_k, count_k);
  for (var s = 0u; s < count_k; s += STAGE) {
    let next = (s + STAGE) / 4u;
    workgroupBarrier();
    if has_left { put_left(left_row, left_k, left_block); }
    if has_more { put_left(more_row, left_k, more_block); }
    put_right(right_k * 4u, right_word, right_block);
    workgroupBarrier();
    if s + STAGE < count_k {
      if has_left { left_block = fetch_x(own, next + left_k); }
      if has_more { more_block = fetch_x(more, next + left_k); }
      right_block = fetch_w(tile_n + right_word, next + right_k, count_k);
    }
    for (var k = 0u; k < STAGE; k += MATRIX) {
      let b0 = coopLoadT<coop_mat16x16<f16, B>>(&right[k * RIGHT + strip / 4u], RIGHT);
      let b1 = coopLoadT<coop_mat16x16<f16, B>>(&right[k * RIGHT + (strip + 1u * MATRIX) / 4u], RIGHT);
      let a0 = coopLoadT<coop_mat16x16<f16, A>>(&left[band * LEFT + k / 4u], LEFT);
      acc00 = coopMultiplyAdd(a0, b0, acc00);
      acc01 = coopMultiplyAdd(a0, b1, acc01);
      let a1 = coopLoadT<coop_mat16x16<f16, A>>(&left[(band + 1u * MATRIX) * LEFT + k / 4u], LEFT);
      acc10 = coopMultiplyAdd(a1, b0, acc10);
      acc11 = coopMultiplyAdd(a1, b1, acc11);
      if TALL {
        let a2 = coopLoadT<coop_mat16x16<f16, A>>(&left[(band + 2u * MATRIX) * LEFT + k / 4u], LEFT);
        acc20 = coopMultiplyAdd(a2, b0, acc20);
        acc21 = coopMultiplyAdd(a2, b1, acc21);
        let a3 = coopLoadT<coop_mat16x16<f16, A>>(&left[(band + 3u * MATRIX) * LEFT + k / 4u], LEFT);
        acc30 = coopMultiplyAdd(a3, b0, acc30);
        acc31 = coopMultiplyAdd(a3, b1, acc31);
      }
    }
  }
  // naga wants what coopStoreT takes in names of their own.
  let to_left = subgroup % 2u * MATRIX * RESULT + strip / 4u;
  let to_right = to_left + MATRIX / 4u;
  let stride = RESULT;
  let left0 = acc00;
  let right0 = acc01;
  coopStoreT(left0, &result[to_left], stride);
  coopStoreT(right0, &result[to_right], stride);
  workgroupBarrier();
  copy_out(0u, tile_m, tile_n, lane);
  workgroupBarrier();
  let left1 = acc10;
  let right1 = acc11;
  coopStoreT(left1, &result[to_left], stride);
  coopStoreT(right1, &result[to_right], stride);
  workgroupBarrier();
  copy_out(1u, tile_m, tile_n, lane);
  if TALL {
    workgroupBarrier();
    let left2 = acc20;
    let right2 = acc21;
    coopStoreT(left2, &result[to_left], stride);
    coopStoreT(right2, &result[to_right], stride);
    workgroupBarrier();
    copy_out(2u, tile_m, tile_n, lane);
    workgroupBarrier();
    let left3 = acc30;
    let right3 = acc31;
    coopStoreT(left3, &result[to_left], stride);
    coopStoreT(right3, &result[to_right], stride);
    workgroupBarrier();
    copy_out(3u, tile_m, tile_n, lane);
  }
  leave(tile_m, tile_n, lane);
}
