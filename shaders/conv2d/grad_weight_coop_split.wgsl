// What conv2d.grad_weight.coop_split and its relative share: as conv2d/grad_weight_coop.wgsl, both operands in two parts.
// include conv2d/grad_weight_matrices.wgsl
// include conv2d/left_in_two_parts.wgsl
var<workgroup> left_low: array<vec4<f16>, STAGE * LEFT>;
var<workgroup> right_low: array<vec4<f16>, STAGE * RIGHT>;

// Inputs of four rows for the pixels k, k + 1, k + 2, k + 3 below `end`; a column holds one pixel.
fn fetch_x(r: Rows, k: u32, end: u32) -> mat4x4<f32> {
  let p = vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u);
  let line = p / params.ow;
  let iy = line % params.oh * params.stride_h;
  let ix = (p - line * params.ow) * params.stride_w;
  let inside = (iy + r.ky < vec4<u32>(params.h)) & (ix + r.kx < vec4<u32>(params.w)) & (p < vec4<u32>(end));
  let at = select(vec4<u32>(0u), ((line / params.oh * params.h + iy) * params.w + ix) * (params.c_in / 4u) + r.at, inside);
  let zero = vec4<f32>(0.0);
  let v = inputs(mat4x4<X>(x[at.x], x[at.y], x[at.z], x[at.w]), r.quad);
  return mat4x4<f32>(select(zero, vec4<f32>(v[0]), inside.x), select(zero, vec4<f32>(v[1]), inside.y),
                     select(zero, vec4<f32>(v[2]), inside.z), select(zero, vec4<f32>(v[3]), inside.w));
}

fn put_right(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * RIGHT + word;
  right[at] = high(block[0]);
  right_low[at] = low(block[0]);
  right[at + RIGHT] = high(block[1]);
  right_low[at + RIGHT] = low(block[1]);
  right[at + 2u * RIGHT] = high(block[2]);
  right_low[at + 2u * RIGHT] = low(block[2]);
  right[at + 3u * RIGHT] = high(block[3]);
  right_low[at + 3u * RIGHT] = low(block[3]);
}

// acc plus the product of a row of matrices with a column of them, both in two parts.
fn product(a: coop_mat16x16<f16, A>, a_low: coop_mat16x16<f16, A>, b: coop_mat16x16<f16, B>,
           b_low: coop_mat16x16<f16, B>, acc: coop_mat16x16<f32, C>) -> coop_mat16x16<f32, C> {
  var sum: coop_mat16x16<f32, C>;
  sum = coopMultiplyAdd(a_low, b, sum);
  sum = coopMultiplyAdd(a, b_low, sum);
  sum = sum * LOW;
  sum = coopMultiplyAdd(a, b, sum);
  return acc + sum;
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
  // The blocks of 4 x 4 that this invocation fetches: one of the right operand, none, one or two of the left.
  let left_k = lane / (TILE_M / 4u);
  let left_word = lane % (TILE_M / 4u);
  let more_k = left_k + THREADS / (TILE_M / 4u);
  let own = rows(tile_m / 4u + left_word);
  let right_word = lane % (TILE_N / 4u);
  let right_k = lane / (TILE_N / 4u);
  let has_left = left_k < STAGE / 4u;
  let has_more = more_k < STAGE / 4u;
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
  if has_left { left_block = fetch_x(own, start + left_k * 4u, end); }
  if has_more { more_block = fetch_x(own, start + more_k * 4u, end); }
  right_block = gradient_scale(params) * fetch_dy(tile_n + right_word, start + right_k * 4u, end);
  for (var s = start; s < end; s += STAGE) {
    let next = s + STAGE;
    workgroupBarrier();
    if has_left { put_left(left_k * 4u, left_word, left_block); }
    if has_more { put_left(more_k * 4u, left_word, more_block); }
    put_right(right_k * 4u, right_word, right_block);
    workgroupBarrier();
    if next < end {
      if has_left { left_block = fetch_x(own, next + left_k * 4u, end); }
      if has_more { more_block = fetch_x(own, next + more_k * 4u, end); }
      right_block = gradient_scale(params) * fetch_dy(tile_n + right_word, next + right_k * 4u, end);
    }
    for (var k = 0u; k < STAGE; k += MATRIX) {
      let b0 = coopLoadT<coop_mat16x16<f16, B>>(&right[k * RIGHT + strip / 4u], RIGHT);
      let b0_low = coopLoadT<coop_mat16x16<f16, B>>(&right_low[k * RIGHT + strip / 4u], RIGHT);
      let b1 = coopLoadT<coop_mat16x16<f16, B>>(&right[k * RIGHT + (strip + 1u * MATRIX) / 4u], RIGHT);
      let b1_low = coopLoadT<coop_mat16x16<f16, B>>(&right_low[k * RIGHT + (strip + 1u * MATRIX) / 4u], RIGHT);
      let a0 = coopLoad<coop_mat16x16<f16, A>>(&left[k * LEFT + band / 4u], LEFT);
      let a0_low = coopLoad<coop_mat16x16<f16, A>>(&left_low[k * LEFT + band / 4u], LEFT);
      acc00 = product(a0, a0_low, b0, b0_low, acc00);
      acc01 = product(a0, a0_low, b1, b1_low, acc01);
      let a1 = coopLoad<coop_mat16x16<f16, A>>(&left[k * LEFT + (band + 1u * MATRIX) / 4u], LEFT);
      let a1_low = coopLoad<coop_mat16x16<f16, A>>(&left_low[k * LEFT + (band + 1u * MATRIX) / 4u], LEFT);
      acc10 = product(a1, a1_low, b0, b0_low, acc10);
      acc11 = product(a1, a1_low, b1, b1_low, acc11);
      if TALL {
        let a2 = coopLoad<coop_mat16x16<f16, A>>(&left[k * LEFT + (band + 2u * MATRIX) / 4u], LEFT);
        let a2_low = coopLoad<coop_mat16x16<f16, A>>(&left_low[k * LEFT + (band + 2u * MATRIX) / 4u], LEFT);
        acc20 = product(a2, a2_low, b0, b0_low, acc20);
        acc21 = product(a2, a2_low, b1, b1_low, acc21);
        let a3 = coopLoad<coop_mat16x16<f16, A>>(&left[k * LEFT + (band + 3u * MATRIX) / 4u], LEFT);
        let a3_low = coopLoad<coop_mat16x16<f16, A>>(&left_low[k * LEFT + (band + 3u * MATRIX) / 4u], LEFT);
        acc30 = product(a3, a3_low, b0, b0_low, acc30);
        acc31 = product(a3, a3_low, b1, b1_low, acc31);
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
  copy_out(wid.z, 0u, tile_m, tile_n, lane);
  workgroupBarrier();
  let left1 = acc10;
  let right1 = acc11;
  coopStoreT(left1, &result[to_left], stride);
  coopStoreT(right1, &result[to_right], stride);
  workgroupBarrier();
  copy_out(wid.z, 1u, tile_m, tile_n, lane);
  if TALL {
    workgroupBarrier();
    let left2 = acc20;
    let right2 = acc21;
    coopStoreT(left2, &result[to_left], stride);
    coopStoreT(right2, &result[to_right], stride);
    workgroupBarrier();
    copy_out(wid.z, 2u, tile_m, tile_n, lane);
    workgroupBarrier();
    let left3 = acc30;
    let right3 = acc31;
    coopStoreT(left3, &result[to_left], stride);
    coopStoreT(right3, &result[to_right], stride);
    workgroupBarrier();
    copy_out(wid.z, 3u, tile_m, tile_n, lane);
  }
}
