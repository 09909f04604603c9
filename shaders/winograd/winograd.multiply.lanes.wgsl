// As naive, on subgroups of 8 lanes (software Vulkan), operands in textures. A subgroup owns 32 tiles x 16 columns: 2048
// elements of y. Lane l loads rows l, l + 8, l + 16, l + 24 of v and columns l and l + 8 of u, four channels at a time;
// v then travels through the lanes: after the shuffle by `lane ^ d` lane l holds row l ^ d, so that 8 shuffles meet all
// pairs of a row and a column, and each is one vector permute. Of the 16 products of a tile one after the other is
// summed over the channels, then added to the outputs with its sign: nothing but y is written.
// Grid: x = ceil(c_out / 16), y = ceil(tiles / 32).
// include common/texels.wgsl
// include common/winograd.wgsl
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var v: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var u: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Element d: row lane ^ d, columns lane and lane + 8. Named by constants throughout: one variable index would keep the
// whole in memory instead of registers.
alias Rows = array<vec2<f32>, 8>;

// The outputs of a tile: row by row.
alias Outputs = array<Rows, 4>;

fn products(x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, sum: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(fma(x.w, w0.w, fma(x.z, w0.z, fma(x.y, w0.y, fma(x.x, w0.x, sum.x)))),
                   fma(x.w, w1.w, fma(x.z, w1.z, fma(x.y, w1.y, fma(x.x, w1.x, sum.y)))));
}

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

// Adds one of the 16 products to the four outputs, with their factors.
fn add(y: ptr<function, Outputs>, factor: vec4<f32>, m: ptr<function, Rows>) {
  (*y)[0][0] = fma(vec2<f32>(factor.x), (*m)[0], (*y)[0][0]);
  (*y)[1][0] = fma(vec2<f32>(factor.y), (*m)[0], (*y)[1][0]);
  (*y)[2][0] = fma(vec2<f32>(factor.z), (*m)[0], (*y)[2][0]);
  (*y)[3][0] = fma(vec2<f32>(factor.w), (*m)[0], (*y)[3][0]);
  (*y)[0][1] = fma(vec2<f32>(factor.x), (*m)[1], (*y)[0][1]);
  (*y)[1][1] = fma(vec2<f32>(factor.y), (*m)[1], (*y)[1][1]);
  (*y)[2][1] = fma(vec2<f32>(factor.z), (*m)[1], (*y)[2][1]);
  (*y)[3][1] = fma(vec2<f32>(factor.w), (*m)[1], (*y)[3][1]);
  (*y)[0][2] = fma(vec2<f32>(factor.x), (*m)[2], (*y)[0][2]);
  (*y)[1][2] = fma(vec2<f32>(factor.y), (*m)[2], (*y)[1][2]);
  (*y)[2][2] = fma(vec2<f32>(factor.z), (*m)[2], (*y)[2][2]);
  (*y)[3][2] = fma(vec2<f32>(factor.w), (*m)[2], (*y)[3][2]);
  (*y)[0][3] = fma(vec2<f32>(factor.x), (*m)[3], (*y)[0][3]);
  (*y)[1][3] = fma(vec2<f32>(factor.y), (*m)[3], (*y)[1][3]);
  (*y)[2][3] = fma(vec2<f32>(factor.z), (*m)[3], (*y)[2][3]);
  (*y)[3][3] = fma(vec2<f32>(factor.w), (*m)[3], (*y)[3][3]);
  (*y)[0][4] = fma(vec2<f32>(factor.x), (*m)[4], (*y)[0][4]);
  (*y)[1][4] = fma(vec2<f32>(factor.y), (*m)[4], (*y)[1][4]);
  (*y)[2][4] = fma(vec2<f32>(factor.z), (*m)[4], (*y)[2][4]);
  (*y)[3][4] = fma(vec2<f32>(factor.w), (*m)[4], (*y)[3][4]);
  (*y)[0][5] = fma(vec2<f32>(factor.x), (*m)[5], (*y)[0][5]);
  (*y)[1][5] = fma(vec2<f32>(factor.y), (*m)[5], (*y)[1][5]);
  (*y)[2][5] = fma(vec2<f32>(factor.z), (*m)[5], (*y)[2][5]);
  (*y)[3][5] = fma(vec2<f32>(factor.w), (*m)[5], (*y)[3][5]);
  (*y)[0][6] = fma(vec2<f32>(factor.x), (*m)[6], (*y)[0][6]);
  (*y)[1][6] = fma(vec2<f32>(factor.y), (*m)[6], (*y)[1][6]);
  (*y)[2][6] = fma(vec2<f32>(factor.z), (*m)[6], (*y)[2][6]);
  (*y)[3][6] = fma(vec2<f32>(factor.w), (*m)[6], (*y)[3][6]);
  (*y)[0][7] = fma(vec2<f32>(factor.x), (*m)[7], (*y)[0][7]);
  (*y)[1][7] = fma(vec2<f32>(factor.y), (*m)[7], (*y)[1][7]);
  (*y)[2][7] = fma(vec2<f32>(factor.z), (*m)[7], (*y)[2][7]);
  (*y)[3][7] = fma(vec2<f32>(factor.w), (*m)[7], (*y)[3][7]);
}

// Two columns of one output pixel.
fn write(at: u32, column: u32, value: vec2<f32>) {
  if params.c_out % 16u == 0u || column < params.c_out { y[at] = value.x; }
  if params.c_out % 16u == 0u || column + 8u < params.c_out { y[at + 8u] = value.y; }
}

// The outputs of one tile.
fn put(tile: u32, column: u32, a: vec2<f32>, b: vec2<f32>, c: vec2<f32>, d: vec2<f32>) {
  if tiles(params) % 32u == 0u || tile < tiles(params) {
    let p = place(params, tile);
    let at = ((p.n * params.oh + p.y * 2u) * params.ow + p.x * 2u) * params.c_out + column;
    let right = params.ow % 2u == 0u || p.x * 2u + 1u < params.ow;
    write(at, column, a);
    if right { write(at + params.c_out, column, b); }
    if params.oh % 2u == 0u || p.y * 2u + 1u < params.oh {
      let below = at + params.ow * params.c_out;
      write(below, column, c);
      if right { write(below + params.c_out, column, d); }
    }
  }
}

fn put_all(tile: u32, column: u32, lane: u32, y: ptr<function, Outputs>) {
  put(tile + (lane ^ 0u), column, (*y)[0][0], (*y)[1][0], (*y)[2][0], (*y)[3][0]);
  put(tile + (lane ^ 1u), column, (*y)[0][1], (*y)[1][1], (*y)[2][1], (*y)[3][1]);
  put(tile + (lane ^ 2u), column, (*y)[0][2], (*y)[1][2], (*y)[2][2], (*y)[3][2]);
  put(tile + (lane ^ 3u), column, (*y)[0][3], (*y)[1][3], (*y)[2][3], (*y)[3][3]);
  put(tile + (lane ^ 4u), column, (*y)[0][4], (*y)[1][4], (*y)[2][4], (*y)[3][4]);
  put(tile + (lane ^ 5u), column, (*y)[0][5], (*y)[1][5], (*y)[2][5], (*y)[3][5]);
  put(tile + (lane ^ 6u), column, (*y)[0][6], (*y)[1][6], (*y)[2][6], (*y)[3][6]);
  put(tile + (lane ^ 7u), column, (*y)[0][7], (*y)[1][7], (*y)[2][7], (*y)[3][7]);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let quads = params.c_in / 4u;
  var y0: Outputs;
  var y1: Outputs;
  var y2: Outputs;
  var y3: Outputs;
  for (var f = 0u; f < 16u; f++) {
    let from_v = (wid.y * 16u + f) * quads * 32u + lane;
    let from_u = (wid.x * 16u + f) * quads * 16u + lane;
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
    let left = vec2<f32>(output_factor(0u, f / 4u), output_factor(1u, f / 4u));
    let right = vec2<f32>(output_factor(0u, f % 4u), output_factor(1u, f % 4u));
    let factor = left.xxyy * right.xyxy;
    add(&y0, factor, &m0);
    add(&y1, factor, &m1);
    add(&y2, factor, &m2);
    add(&y3, factor, &m3);
  }
  let tile = wid.y * 32u;
  let column = wid.x * 16u + lane;
  put_all(tile, column, lane, &y0);
  put_all(tile + 8u, column, lane, &y1);
  put_all(tile + 16u, column, lane, &y2);
  put_all(tile + 24u, column, lane, &y3);
}
