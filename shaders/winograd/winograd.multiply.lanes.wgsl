// As naive, on subgroups of 8 lanes (software Vulkan), operands in textures. A subgroup owns 32 tiles x 16 columns: 4096
// elements of y. Lane l loads rows l, l + 8, l + 16, l + 24 of v and columns l and l + 8 of u, four channels at a time;
// v then travels through the lanes: after the shuffle by `lane ^ d` lane l holds row l ^ d, so that 8 shuffles meet all
// pairs of a row and a column, and each is one vector permute. Of the 24 products of a tile one after the other is
// summed over the channels, then added to the outputs with its factors: nothing but y is written.
// Grid: x = ceil(c_out / 16), y = ceil(tiles / 32).
// include common/texels.wgsl
// include common/winograd.wgsl
// include winograd/leave_outputs.wgsl
const LANES: u32 = 8u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var v: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var u: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Element d: row lane ^ d, columns lane and lane + 8. Named by constants throughout: one variable index would keep the
// whole in memory instead of registers.
alias Rows = array<vec2<f32>, 8>;

// Four channels of eight rows, one of them in this lane, times two columns.
fn accumulate(acc: ptr<function, Rows>, x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, lane: u32) {
  (*acc)[0] = products(x, w0, w1, (*acc)[0]);
  (*acc)[1] = products(subgroupShuffle(x, lane ^ 1u), w0, w1, (*acc)[1]);
  (*acc)[2] = products(subgroupShuffle(x, lane ^ 2u), w0, w1, (*acc)[2]);
  (*acc)[3] = products(subgroupShuffle(x, lane ^ 3u), w0, w1, (*acc)[3]);
  (*acc)[4] = products(subgroupShuffle(x, lane ^ 4u), w0, w1, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(x, lane ^ 5u), w0, w1, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(x, lane ^ 6u), w0, w1, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(x, lane ^ 7u), w0, w1, (*acc)[7]);
}

// Adds one of the 24 products to the eight outputs, with their factors.
fn add(y: ptr<function, Outputs>, upper: vec4<f32>, lower: vec4<f32>, m: ptr<function, Rows>) {
  (*y)[0][0] = fma(vec2<f32>(upper.x), (*m)[0], (*y)[0][0]);
  (*y)[1][0] = fma(vec2<f32>(upper.y), (*m)[0], (*y)[1][0]);
  (*y)[2][0] = fma(vec2<f32>(upper.z), (*m)[0], (*y)[2][0]);
  (*y)[3][0] = fma(vec2<f32>(upper.w), (*m)[0], (*y)[3][0]);
  (*y)[4][0] = fma(vec2<f32>(lower.x), (*m)[0], (*y)[4][0]);
  (*y)[5][0] = fma(vec2<f32>(lower.y), (*m)[0], (*y)[5][0]);
  (*y)[6][0] = fma(vec2<f32>(lower.z), (*m)[0], (*y)[6][0]);
  (*y)[7][0] = fma(vec2<f32>(lower.w), (*m)[0], (*y)[7][0]);
  (*y)[0][1] = fma(vec2<f32>(upper.x), (*m)[1], (*y)[0][1]);
  (*y)[1][1] = fma(vec2<f32>(upper.y), (*m)[1], (*y)[1][1]);
  (*y)[2][1] = fma(vec2<f32>(upper.z), (*m)[1], (*y)[2][1]);
  (*y)[3][1] = fma(vec2<f32>(upper.w), (*m)[1], (*y)[3][1]);
  (*y)[4][1] = fma(vec2<f32>(lower.x), (*m)[1], (*y)[4][1]);
  (*y)[5][1] = fma(vec2<f32>(lower.y), (*m)[1], (*y)[5][1]);
  (*y)[6][1] = fma(vec2<f32>(lower.z), (*m)[1], (*y)[6][1]);
  (*y)[7][1] = fma(vec2<f32>(lower.w), (*m)[1], (*y)[7][1]);
  (*y)[0][2] = fma(vec2<f32>(upper.x), (*m)[2], (*y)[0][2]);
  (*y)[1][2] = fma(vec2<f32>(upper.y), (*m)[2], (*y)[1][2]);
  (*y)[2][2] = fma(vec2<f32>(upper.z), (*m)[2], (*y)[2][2]);
  (*y)[3][2] = fma(vec2<f32>(upper.w), (*m)[2], (*y)[3][2]);
  (*y)[4][2] = fma(vec2<f32>(lower.x), (*m)[2], (*y)[4][2]);
  (*y)[5][2] = fma(vec2<f32>(lower.y), (*m)[2], (*y)[5][2]);
  (*y)[6][2] = fma(vec2<f32>(lower.z), (*m)[2], (*y)[6][2]);
  (*y)[7][2] = fma(vec2<f32>(lower.w), (*m)[2], (*y)[7][2]);
  (*y)[0][3] = fma(vec2<f32>(upper.x), (*m)[3], (*y)[0][3]);
  (*y)[1][3] = fma(vec2<f32>(upper.y), (*m)[3], (*y)[1][3]);
  (*y)[2][3] = fma(vec2<f32>(upper.z), (*m)[3], (*y)[2][3]);
  (*y)[3][3] = fma(vec2<f32>(upper.w), (*m)[3], (*y)[3][3]);
  (*y)[4][3] = fma(vec2<f32>(lower.x), (*m)[3], (*y)[4][3]);
  (*y)[5][3] = fma(vec2<f32>(lower.y), (*m)[3], (*y)[5][3]);
  (*y)[6][3] = fma(vec2<f32>(lower.z), (*m)[3], (*y)[6][3]);
  (*y)[7][3] = fma(vec2<f32>(lower.w), (*m)[3], (*y)[7][3]);
  (*y)[0][4] = fma(vec2<f32>(upper.x), (*m)[4], (*y)[0][4]);
  (*y)[1][4] = fma(vec2<f32>(upper.y), (*m)[4], (*y)[1][4]);
  (*y)[2][4] = fma(vec2<f32>(upper.z), (*m)[4], (*y)[2][4]);
  (*y)[3][4] = fma(vec2<f32>(upper.w), (*m)[4], (*y)[3][4]);
  (*y)[4][4] = fma(vec2<f32>(lower.x), (*m)[4], (*y)[4][4]);
  (*y)[5][4] = fma(vec2<f32>(lower.y), (*m)[4], (*y)[5][4]);
  (*y)[6][4] = fma(vec2<f32>(lower.z), (*m)[4], (*y)[6][4]);
  (*y)[7][4] = fma(vec2<f32>(lower.w), (*m)[4], (*y)[7][4]);
  (*y)[0][5] = fma(vec2<f32>(upper.x), (*m)[5], (*y)[0][5]);
  (*y)[1][5] = fma(vec2<f32>(upper.y), (*m)[5], (*y)[1][5]);
  (*y)[2][5] = fma(vec2<f32>(upper.z), (*m)[5], (*y)[2][5]);
  (*y)[3][5] = fma(vec2<f32>(upper.w), (*m)[5], (*y)[3][5]);
  (*y)[4][5] = fma(vec2<f32>(lower.x), (*m)[5], (*y)[4][5]);
  (*y)[5][5] = fma(vec2<f32>(lower.y), (*m)[5], (*y)[5][5]);
  (*y)[6][5] = fma(vec2<f32>(lower.z), (*m)[5], (*y)[6][5]);
  (*y)[7][5] = fma(vec2<f32>(lower.w), (*m)[5], (*y)[7][5]);
  (*y)[0][6] = fma(vec2<f32>(upper.x), (*m)[6], (*y)[0][6]);
  (*y)[1][6] = fma(vec2<f32>(upper.y), (*m)[6], (*y)[1][6]);
  (*y)[2][6] = fma(vec2<f32>(upper.z), (*m)[6], (*y)[2][6]);
  (*y)[3][6] = fma(vec2<f32>(upper.w), (*m)[6], (*y)[3][6]);
  (*y)[4][6] = fma(vec2<f32>(lower.x), (*m)[6], (*y)[4][6]);
  (*y)[5][6] = fma(vec2<f32>(lower.y), (*m)[6], (*y)[5][6]);
  (*y)[6][6] = fma(vec2<f32>(lower.z), (*m)[6], (*y)[6][6]);
  (*y)[7][6] = fma(vec2<f32>(lower.w), (*m)[6], (*y)[7][6]);
  (*y)[0][7] = fma(vec2<f32>(upper.x), (*m)[7], (*y)[0][7]);
  (*y)[1][7] = fma(vec2<f32>(upper.y), (*m)[7], (*y)[1][7]);
  (*y)[2][7] = fma(vec2<f32>(upper.z), (*m)[7], (*y)[2][7]);
  (*y)[3][7] = fma(vec2<f32>(upper.w), (*m)[7], (*y)[3][7]);
  (*y)[4][7] = fma(vec2<f32>(lower.x), (*m)[7], (*y)[4][7]);
  (*y)[5][7] = fma(vec2<f32>(lower.y), (*m)[7], (*y)[5][7]);
  (*y)[6][7] = fma(vec2<f32>(lower.z), (*m)[7], (*y)[6][7]);
  (*y)[7][7] = fma(vec2<f32>(lower.w), (*m)[7], (*y)[7][7]);
}

fn put_all(tile: u32, column: u32, lane: u32, y: ptr<function, Outputs>) {
  let own = outputs_of(tile + lane);
  put(own, column,
      (*y)[0][0], (*y)[1][0], (*y)[2][0], (*y)[3][0], (*y)[4][0], (*y)[5][0], (*y)[6][0], (*y)[7][0]);
  put(subgroupShuffle(own, lane ^ 1u), column,
      (*y)[0][1], (*y)[1][1], (*y)[2][1], (*y)[3][1], (*y)[4][1], (*y)[5][1], (*y)[6][1], (*y)[7][1]);
  put(subgroupShuffle(own, lane ^ 2u), column,
      (*y)[0][2], (*y)[1][2], (*y)[2][2], (*y)[3][2], (*y)[4][2], (*y)[5][2], (*y)[6][2], (*y)[7][2]);
  put(subgroupShuffle(own, lane ^ 3u), column,
      (*y)[0][3], (*y)[1][3], (*y)[2][3], (*y)[3][3], (*y)[4][3], (*y)[5][3], (*y)[6][3], (*y)[7][3]);
  put(subgroupShuffle(own, lane ^ 4u), column,
      (*y)[0][4], (*y)[1][4], (*y)[2][4], (*y)[3][4], (*y)[4][4], (*y)[5][4], (*y)[6][4], (*y)[7][4]);
  put(subgroupShuffle(own, lane ^ 5u), column,
      (*y)[0][5], (*y)[1][5], (*y)[2][5], (*y)[3][5], (*y)[4][5], (*y)[5][5], (*y)[6][5], (*y)[7][5]);
  put(subgroupShuffle(own, lane ^ 6u), column,
      (*y)[0][6], (*y)[1][6], (*y)[2][6], (*y)[3][6], (*y)[4][6], (*y)[5][6], (*y)[6][6], (*y)[7][6]);
  put(subgroupShuffle(own, lane ^ 7u), column,
      (*y)[0][7], (*y)[1][7], (*y)[2][7], (*y)[3][7], (*y)[4][7], (*y)[5][7], (*y)[6][7], (*y)[7][7]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  // wid.z is 0: lavapipe compiles a loop anew whose bound is a uniform alone.
  let quads = params.c_in / 4u + wid.z;
  var y0: Outputs;
  var y1: Outputs;
  var y2: Outputs;
  var y3: Outputs;
  for (var f = 0u; f < 24u; f++) {
    let from_v = (wid.y * 24u + f) * quads * 32u + lane;
    let from_u = (wid.x * 24u + f) * quads * 16u + lane;
    var m0 = Rows();
    var m1 = Rows();
    var m2 = Rows();
    var m3 = Rows();
    for (var q = 0u; q < quads; q++) {
      let w0 = textureLoad(u, texel(from_u + q * 16u));
      let w1 = textureLoad(u, texel(from_u + q * 16u + 8u));
      accumulate(&m0, textureLoad(v, texel(from_v + q * 32u)), w0, w1, lane);
      accumulate(&m1, textureLoad(v, texel(from_v + q * 32u + 8u)), w0, w1, lane);
      accumulate(&m2, textureLoad(v, texel(from_v + q * 32u + 16u)), w0, w1, lane);
      accumulate(&m3, textureLoad(v, texel(from_v + q * 32u + 24u)), w0, w1, lane);
    }
    let rows = output_rows(f / 6u);
    let upper = rows.x * output_columns(f % 6u);
    let lower = rows.y * output_columns(f % 6u);
    add(&y0, upper, lower, &m0);
    add(&y1, upper, lower, &m1);
    add(&y2, upper, lower, &m2);
    add(&y3, upper, lower, &m3);
  }
  hidden = wid.z;
  let tile = wid.y * 32u;
  let column = wid.x * 16u + lane;
  put_all(tile, column, lane, &y0);
  put_all(tile + 8u, column, lane, &y1);
  put_all(tile + 16u, column, lane, &y2);
  put_all(tile + 24u, column, lane, &y3);
}
