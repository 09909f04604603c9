// As naive, on subgroups of 8 lanes (software Vulkan), operands in textures. A subgroup owns 32 tiles x 32 columns: 8192
// elements of y. Lane l loads rows l, l + 8, l + 16, l + 24 of v and columns 4 l .. 4 l + 3 of u, four channels at a time; v
// then travels through the lanes: after the shuffle by `lane ^ d` lane l holds row l ^ d, so that 8 shuffles meet all
// pairs of a row and a column, and each is one vector permute. The 24 products of a tile are made one after the other; six
// of them, a row, go through sums of four columns before the two rows of outputs get them: half the work, and half the
// memory, of adding each to eight outputs. Nothing but y is written. Of 64 tiles the compilers of Mesa 25 and later keep
// the sums in memory, at half the speed. Given `moments`, a lane has all outputs of its columns of eight tiles, which are 64 pixels in a row:
// lines of 8, 16 or 32 pixels, and images of whole 64s.
// Grid: x = ceil(groups c_out / 32), y = ceil(tiles / 32).
// include common/texels.wgsl
// include common/winograd.wgsl
// include conv2d/onto_skip.wgsl if skip else conv2d/onto_none.wgsl
// include winograd/moments_of_tiles.wgsl if moments else winograd/no_moments.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var v: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var u: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

alias Skip = vec4<f32>;
alias Value = vec4<f32>;

// Element d: row lane ^ d, columns 4 lane .. 4 lane + 3. Named by constants throughout: one variable index would keep the
// whole in memory instead of registers.
alias Rows = array<vec4<f32>, 8>;

// The sums over a row of products: four columns of outputs.
alias Columns = array<Rows, 4>;

// The outputs of a tile: row by row.
alias Outputs = array<Rows, 8>;

fn products(x: vec4<f32>, w: array<vec4<f32>, 4>, sum: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(fma(x.w, w[0].w, fma(x.z, w[0].z, fma(x.y, w[0].y, fma(x.x, w[0].x, sum.x)))),
                   fma(x.w, w[1].w, fma(x.z, w[1].z, fma(x.y, w[1].y, fma(x.x, w[1].x, sum.y)))),
                   fma(x.w, w[2].w, fma(x.z, w[2].z, fma(x.y, w[2].y, fma(x.x, w[2].x, sum.z)))),
                   fma(x.w, w[3].w, fma(x.z, w[3].z, fma(x.y, w[3].y, fma(x.x, w[3].x, sum.w)))));
}

// Four channels of eight rows, one of them in this lane, times four columns.
fn accumulate(acc: ptr<function, Rows>, x: vec4<f32>, w: array<vec4<f32>, 4>, lane: u32) {
  (*acc)[0] = products(x, w, (*acc)[0]);
  (*acc)[1] = products(subgroupShuffle(x, lane ^ 1u), w, (*acc)[1]);
  (*acc)[2] = products(subgroupShuffle(x, lane ^ 2u), w, (*acc)[2]);
  (*acc)[3] = products(subgroupShuffle(x, lane ^ 3u), w, (*acc)[3]);
  (*acc)[4] = products(subgroupShuffle(x, lane ^ 4u), w, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(x, lane ^ 5u), w, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(x, lane ^ 6u), w, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(x, lane ^ 7u), w, (*acc)[7]);
}

// Adds one of the six products of a row to the four columns, with their factors.
fn add(z: ptr<function, Columns>, factors: vec4<f32>, m: ptr<function, Rows>) {
  (*z)[0][0] = fma(vec4<f32>(factors.x), (*m)[0], (*z)[0][0]);
  (*z)[1][0] = fma(vec4<f32>(factors.y), (*m)[0], (*z)[1][0]);
  (*z)[2][0] = fma(vec4<f32>(factors.z), (*m)[0], (*z)[2][0]);
  (*z)[3][0] = fma(vec4<f32>(factors.w), (*m)[0], (*z)[3][0]);
  (*z)[0][1] = fma(vec4<f32>(factors.x), (*m)[1], (*z)[0][1]);
  (*z)[1][1] = fma(vec4<f32>(factors.y), (*m)[1], (*z)[1][1]);
  (*z)[2][1] = fma(vec4<f32>(factors.z), (*m)[1], (*z)[2][1]);
  (*z)[3][1] = fma(vec4<f32>(factors.w), (*m)[1], (*z)[3][1]);
  (*z)[0][2] = fma(vec4<f32>(factors.x), (*m)[2], (*z)[0][2]);
  (*z)[1][2] = fma(vec4<f32>(factors.y), (*m)[2], (*z)[1][2]);
  (*z)[2][2] = fma(vec4<f32>(factors.z), (*m)[2], (*z)[2][2]);
  (*z)[3][2] = fma(vec4<f32>(factors.w), (*m)[2], (*z)[3][2]);
  (*z)[0][3] = fma(vec4<f32>(factors.x), (*m)[3], (*z)[0][3]);
  (*z)[1][3] = fma(vec4<f32>(factors.y), (*m)[3], (*z)[1][3]);
  (*z)[2][3] = fma(vec4<f32>(factors.z), (*m)[3], (*z)[2][3]);
  (*z)[3][3] = fma(vec4<f32>(factors.w), (*m)[3], (*z)[3][3]);
  (*z)[0][4] = fma(vec4<f32>(factors.x), (*m)[4], (*z)[0][4]);
  (*z)[1][4] = fma(vec4<f32>(factors.y), (*m)[4], (*z)[1][4]);
  (*z)[2][4] = fma(vec4<f32>(factors.z), (*m)[4], (*z)[2][4]);
  (*z)[3][4] = fma(vec4<f32>(factors.w), (*m)[4], (*z)[3][4]);
  (*z)[0][5] = fma(vec4<f32>(factors.x), (*m)[5], (*z)[0][5]);
  (*z)[1][5] = fma(vec4<f32>(factors.y), (*m)[5], (*z)[1][5]);
  (*z)[2][5] = fma(vec4<f32>(factors.z), (*m)[5], (*z)[2][5]);
  (*z)[3][5] = fma(vec4<f32>(factors.w), (*m)[5], (*z)[3][5]);
  (*z)[0][6] = fma(vec4<f32>(factors.x), (*m)[6], (*z)[0][6]);
  (*z)[1][6] = fma(vec4<f32>(factors.y), (*m)[6], (*z)[1][6]);
  (*z)[2][6] = fma(vec4<f32>(factors.z), (*m)[6], (*z)[2][6]);
  (*z)[3][6] = fma(vec4<f32>(factors.w), (*m)[6], (*z)[3][6]);
  (*z)[0][7] = fma(vec4<f32>(factors.x), (*m)[7], (*z)[0][7]);
  (*z)[1][7] = fma(vec4<f32>(factors.y), (*m)[7], (*z)[1][7]);
  (*z)[2][7] = fma(vec4<f32>(factors.z), (*m)[7], (*z)[2][7]);
  (*z)[3][7] = fma(vec4<f32>(factors.w), (*m)[7], (*z)[3][7]);
}

// Adds a row of sums to both rows of outputs, with their factors.
fn fold(y: ptr<function, Outputs>, factors: vec2<f32>, z: ptr<function, Columns>) {
  (*y)[0][0] = fma(vec4<f32>(factors.x), (*z)[0][0], (*y)[0][0]);
  (*y)[1][0] = fma(vec4<f32>(factors.x), (*z)[1][0], (*y)[1][0]);
  (*y)[2][0] = fma(vec4<f32>(factors.x), (*z)[2][0], (*y)[2][0]);
  (*y)[3][0] = fma(vec4<f32>(factors.x), (*z)[3][0], (*y)[3][0]);
  (*y)[4][0] = fma(vec4<f32>(factors.y), (*z)[0][0], (*y)[4][0]);
  (*y)[5][0] = fma(vec4<f32>(factors.y), (*z)[1][0], (*y)[5][0]);
  (*y)[6][0] = fma(vec4<f32>(factors.y), (*z)[2][0], (*y)[6][0]);
  (*y)[7][0] = fma(vec4<f32>(factors.y), (*z)[3][0], (*y)[7][0]);
  (*y)[0][1] = fma(vec4<f32>(factors.x), (*z)[0][1], (*y)[0][1]);
  (*y)[1][1] = fma(vec4<f32>(factors.x), (*z)[1][1], (*y)[1][1]);
  (*y)[2][1] = fma(vec4<f32>(factors.x), (*z)[2][1], (*y)[2][1]);
  (*y)[3][1] = fma(vec4<f32>(factors.x), (*z)[3][1], (*y)[3][1]);
  (*y)[4][1] = fma(vec4<f32>(factors.y), (*z)[0][1], (*y)[4][1]);
  (*y)[5][1] = fma(vec4<f32>(factors.y), (*z)[1][1], (*y)[5][1]);
  (*y)[6][1] = fma(vec4<f32>(factors.y), (*z)[2][1], (*y)[6][1]);
  (*y)[7][1] = fma(vec4<f32>(factors.y), (*z)[3][1], (*y)[7][1]);
  (*y)[0][2] = fma(vec4<f32>(factors.x), (*z)[0][2], (*y)[0][2]);
  (*y)[1][2] = fma(vec4<f32>(factors.x), (*z)[1][2], (*y)[1][2]);
  (*y)[2][2] = fma(vec4<f32>(factors.x), (*z)[2][2], (*y)[2][2]);
  (*y)[3][2] = fma(vec4<f32>(factors.x), (*z)[3][2], (*y)[3][2]);
  (*y)[4][2] = fma(vec4<f32>(factors.y), (*z)[0][2], (*y)[4][2]);
  (*y)[5][2] = fma(vec4<f32>(factors.y), (*z)[1][2], (*y)[5][2]);
  (*y)[6][2] = fma(vec4<f32>(factors.y), (*z)[2][2], (*y)[6][2]);
  (*y)[7][2] = fma(vec4<f32>(factors.y), (*z)[3][2], (*y)[7][2]);
  (*y)[0][3] = fma(vec4<f32>(factors.x), (*z)[0][3], (*y)[0][3]);
  (*y)[1][3] = fma(vec4<f32>(factors.x), (*z)[1][3], (*y)[1][3]);
  (*y)[2][3] = fma(vec4<f32>(factors.x), (*z)[2][3], (*y)[2][3]);
  (*y)[3][3] = fma(vec4<f32>(factors.x), (*z)[3][3], (*y)[3][3]);
  (*y)[4][3] = fma(vec4<f32>(factors.y), (*z)[0][3], (*y)[4][3]);
  (*y)[5][3] = fma(vec4<f32>(factors.y), (*z)[1][3], (*y)[5][3]);
  (*y)[6][3] = fma(vec4<f32>(factors.y), (*z)[2][3], (*y)[6][3]);
  (*y)[7][3] = fma(vec4<f32>(factors.y), (*z)[3][3], (*y)[7][3]);
  (*y)[0][4] = fma(vec4<f32>(factors.x), (*z)[0][4], (*y)[0][4]);
  (*y)[1][4] = fma(vec4<f32>(factors.x), (*z)[1][4], (*y)[1][4]);
  (*y)[2][4] = fma(vec4<f32>(factors.x), (*z)[2][4], (*y)[2][4]);
  (*y)[3][4] = fma(vec4<f32>(factors.x), (*z)[3][4], (*y)[3][4]);
  (*y)[4][4] = fma(vec4<f32>(factors.y), (*z)[0][4], (*y)[4][4]);
  (*y)[5][4] = fma(vec4<f32>(factors.y), (*z)[1][4], (*y)[5][4]);
  (*y)[6][4] = fma(vec4<f32>(factors.y), (*z)[2][4], (*y)[6][4]);
  (*y)[7][4] = fma(vec4<f32>(factors.y), (*z)[3][4], (*y)[7][4]);
  (*y)[0][5] = fma(vec4<f32>(factors.x), (*z)[0][5], (*y)[0][5]);
  (*y)[1][5] = fma(vec4<f32>(factors.x), (*z)[1][5], (*y)[1][5]);
  (*y)[2][5] = fma(vec4<f32>(factors.x), (*z)[2][5], (*y)[2][5]);
  (*y)[3][5] = fma(vec4<f32>(factors.x), (*z)[3][5], (*y)[3][5]);
  (*y)[4][5] = fma(vec4<f32>(factors.y), (*z)[0][5], (*y)[4][5]);
  (*y)[5][5] = fma(vec4<f32>(factors.y), (*z)[1][5], (*y)[5][5]);
  (*y)[6][5] = fma(vec4<f32>(factors.y), (*z)[2][5], (*y)[6][5]);
  (*y)[7][5] = fma(vec4<f32>(factors.y), (*z)[3][5], (*y)[7][5]);
  (*y)[0][6] = fma(vec4<f32>(factors.x), (*z)[0][6], (*y)[0][6]);
  (*y)[1][6] = fma(vec4<f32>(factors.x), (*z)[1][6], (*y)[1][6]);
  (*y)[2][6] = fma(vec4<f32>(factors.x), (*z)[2][6], (*y)[2][6]);
  (*y)[3][6] = fma(vec4<f32>(factors.x), (*z)[3][6], (*y)[3][6]);
  (*y)[4][6] = fma(vec4<f32>(factors.y), (*z)[0][6], (*y)[4][6]);
  (*y)[5][6] = fma(vec4<f32>(factors.y), (*z)[1][6], (*y)[5][6]);
  (*y)[6][6] = fma(vec4<f32>(factors.y), (*z)[2][6], (*y)[6][6]);
  (*y)[7][6] = fma(vec4<f32>(factors.y), (*z)[3][6], (*y)[7][6]);
  (*y)[0][7] = fma(vec4<f32>(factors.x), (*z)[0][7], (*y)[0][7]);
  (*y)[1][7] = fma(vec4<f32>(factors.x), (*z)[1][7], (*y)[1][7]);
  (*y)[2][7] = fma(vec4<f32>(factors.x), (*z)[2][7], (*y)[2][7]);
  (*y)[3][7] = fma(vec4<f32>(factors.x), (*z)[3][7], (*y)[3][7]);
  (*y)[4][7] = fma(vec4<f32>(factors.y), (*z)[0][7], (*y)[4][7]);
  (*y)[5][7] = fma(vec4<f32>(factors.y), (*z)[1][7], (*y)[5][7]);
  (*y)[6][7] = fma(vec4<f32>(factors.y), (*z)[2][7], (*y)[6][7]);
  (*y)[7][7] = fma(vec4<f32>(factors.y), (*z)[3][7], (*y)[7][7]);
}

// Where the outputs of a tile lie: the four elements of y of its first pixel and column 0; and which of its eight pixels there
// are, a bit for each. Divisions by a shape that is no constant are slow: a lane makes them for its own tiles, and the
// others get them by shuffle.
fn outputs_of(tile: u32) -> vec2<u32> {
  let p = place(params, tile);
  let at = ((p.n * params.oh + p.y * 2u) * params.ow + p.x * 4u) * (params.groups * params.c_out / 4u);
  let row = (1u << min(params.ow - p.x * 4u, 4u)) - 1u;
  let both = row | select(0u, row << 4u, p.y * 2u + 1u < params.oh);
  return vec2<u32>(at, select(0u, both, tile < tiles(params)));
}

var<private> hidden: u32;

// Four columns of one output pixel, as they lie in y then; zeros where there is none.
fn write(at: u32, there: bool, value: vec4<f32>) -> vec4<f32> {
  // Division is rounded correctly on a CPU; see `exact_quotient` of naive for why the divisor is hidden: wid.z is 0.
  let quotient = value / f32(15u + hidden);
  if there {
    let stored = onto(at, quotient);
    y[at] = stored;
    return stored;
  }
  return vec4<f32>(0.0);
}

// The eight outputs of a tile, upper row first.
struct Tile { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32>, g: vec4<f32>, h: vec4<f32> }

fn write_tile(to: vec2<u32>, column: u32, v: Tile) -> Tile {
  let every = params.groups * params.c_out / 4u;
  let there = vec4<bool>(column < every) & ((vec4<u32>(to.y) & vec4<u32>(1u, 2u, 4u, 8u)) != vec4<u32>(0u));
  let below = vec4<bool>(column < every) & ((vec4<u32>(to.y) & vec4<u32>(16u, 32u, 64u, 128u)) != vec4<u32>(0u));
  let upper = to.x + column;
  let lower = upper + params.ow * every;
  return Tile(write(upper, there.x, v.a), write(upper + every, there.y, v.b),
              write(upper + 2u * every, there.z, v.c), write(upper + 3u * every, there.w, v.d),
              write(lower, below.x, v.e), write(lower + every, below.y, v.f),
              write(lower + 2u * every, below.z, v.g), write(lower + 3u * every, below.w, v.h));
}

fn write_tiles(tile: u32, column: u32, lane: u32, y: ptr<function, Outputs>) {
  let own = outputs_of(tile + lane);
  var sums = begin(write_tile(own, column,
      Tile((*y)[0][0], (*y)[1][0], (*y)[2][0], (*y)[3][0], (*y)[4][0], (*y)[5][0], (*y)[6][0], (*y)[7][0])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 1u), column,
      Tile((*y)[0][1], (*y)[1][1], (*y)[2][1], (*y)[3][1], (*y)[4][1], (*y)[5][1], (*y)[6][1], (*y)[7][1])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 2u), column,
      Tile((*y)[0][2], (*y)[1][2], (*y)[2][2], (*y)[3][2], (*y)[4][2], (*y)[5][2], (*y)[6][2], (*y)[7][2])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 3u), column,
      Tile((*y)[0][3], (*y)[1][3], (*y)[2][3], (*y)[3][3], (*y)[4][3], (*y)[5][3], (*y)[6][3], (*y)[7][3])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 4u), column,
      Tile((*y)[0][4], (*y)[1][4], (*y)[2][4], (*y)[3][4], (*y)[4][4], (*y)[5][4], (*y)[6][4], (*y)[7][4])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 5u), column,
      Tile((*y)[0][5], (*y)[1][5], (*y)[2][5], (*y)[3][5], (*y)[4][5], (*y)[5][5], (*y)[6][5], (*y)[7][5])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 6u), column,
      Tile((*y)[0][6], (*y)[1][6], (*y)[2][6], (*y)[3][6], (*y)[4][6], (*y)[5][6], (*y)[6][6], (*y)[7][6])));
  sums = add_tile(sums, write_tile(subgroupShuffle(own, lane ^ 7u), column,
      Tile((*y)[0][7], (*y)[1][7], (*y)[2][7], (*y)[3][7], (*y)[4][7], (*y)[5][7], (*y)[6][7], (*y)[7][7])));
  leave(sums, tile, column);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  // wid.z is 0: lavapipe compiles a loop anew whose bound is a uniform alone.
  let quads = params.c_in / 4u + wid.z;
  let first = wid.x * 32u / params.c_out * quads; // of the channels of the group
  var y0: Outputs;
  var y1: Outputs;
  var y2: Outputs;
  var y3: Outputs;
  for (var row = 0u; row < 4u; row++) {
    var z0 = Columns();
    var z1 = Columns();
    var z2 = Columns();
    var z3 = Columns();
    for (var column = 0u; column < 6u; column++) {
      let f = row * 6u + column;
      let from_v = ((wid.y * 24u + f) * params.groups * quads + first) * 32u + lane;
      let from_u = (wid.x * 24u + f) * quads * 32u + 4u * lane;
      var m0 = Rows();
      var m1 = Rows();
      var m2 = Rows();
      var m3 = Rows();
      for (var q = 0u; q < quads; q++) {
        let w = array<vec4<f32>, 4>(
          textureLoad(u, texel(from_u + q * 32u)), textureLoad(u, texel(from_u + q * 32u + 1u)),
          textureLoad(u, texel(from_u + q * 32u + 2u)), textureLoad(u, texel(from_u + q * 32u + 3u)));
        accumulate(&m0, textureLoad(v, texel(from_v + q * 32u)), w, lane);
        accumulate(&m1, textureLoad(v, texel(from_v + q * 32u + 8u)), w, lane);
        accumulate(&m2, textureLoad(v, texel(from_v + q * 32u + 16u)), w, lane);
        accumulate(&m3, textureLoad(v, texel(from_v + q * 32u + 24u)), w, lane);
      }
      let factors = output_columns(column);
      add(&z0, factors, &m0);
      add(&z1, factors, &m1);
      add(&z2, factors, &m2);
      add(&z3, factors, &m3);
    }
    let factors = output_rows(row);
    fold(&y0, factors, &z0);
    fold(&y1, factors, &z1);
    fold(&y2, factors, &z2);
    fold(&y3, factors, &z3);
  }
  hidden = wid.z;
  let tile = wid.y * 32u;
  let column = wid.x * 8u + lane; // fours of them
  write_tiles(tile, column, lane, &y0);
  write_tiles(tile + 8u, column, lane, &y1);
  write_tiles(tile + 16u, column, lane, &y2);
  write_tiles(tile + 24u, column, lane, &y3);
}
