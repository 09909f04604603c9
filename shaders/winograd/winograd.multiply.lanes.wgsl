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

// The 24 products of a column of places: to each row of the sums in turn, which begin as they are, its sum over the channels is added.
struct From { v: u32, u: u32 }

fn accumulate_place(m0: ptr<function, Rows>, m1: ptr<function, Rows>, m2: ptr<function, Rows>, m3: ptr<function, Rows>, place: From,
                    quads: u32, lane: u32) {
  for (var q = 0u; q < quads; q++) {
    let from_v = place.v + q * 32u;
    let from_u = place.u + q * 32u;
    let w = array<vec4<f32>, 4>(
      textureLoad(u, texel(from_u)), textureLoad(u, texel(from_u + 1u)),
      textureLoad(u, texel(from_u + 2u)), textureLoad(u, texel(from_u + 3u)));
    accumulate(m0, textureLoad(v, texel(from_v)), w, lane);
    accumulate(m1, textureLoad(v, texel(from_v + 8u)), w, lane);
    accumulate(m2, textureLoad(v, texel(from_v + 16u)), w, lane);
    accumulate(m3, textureLoad(v, texel(from_v + 24u)), w, lane);
  }
}

fn sum(a: ptr<function, Rows>, b: ptr<function, Rows>) -> Rows {
  return Rows((*a)[0] + (*b)[0], (*a)[1] + (*b)[1], (*a)[2] + (*b)[2], (*a)[3] + (*b)[3], (*a)[4] + (*b)[4], (*a)[5] + (*b)[5], (*a)[6] + (*b)[6], (*a)[7] + (*b)[7]);
}

fn difference(a: ptr<function, Rows>, b: ptr<function, Rows>) -> Rows {
  return Rows((*a)[0] - (*b)[0], (*a)[1] - (*b)[1], (*a)[2] - (*b)[2], (*a)[3] - (*b)[3], (*a)[4] - (*b)[4], (*a)[5] - (*b)[5], (*a)[6] - (*b)[6], (*a)[7] - (*b)[7]);
}

// Adds a column to the outputs, with its factors: the upper row, and what the lower row is the negative of.
fn fold(y: ptr<function, Outputs>, factors: vec4<f32>, upper: ptr<function, Rows>, lower: ptr<function, Rows>) {
  (*y)[0][0] = fma(vec4<f32>(factors.x), (*upper)[0], (*y)[0][0]);
  (*y)[1][0] = fma(vec4<f32>(factors.y), (*upper)[0], (*y)[1][0]);
  (*y)[2][0] = fma(vec4<f32>(factors.z), (*upper)[0], (*y)[2][0]);
  (*y)[3][0] = fma(vec4<f32>(factors.w), (*upper)[0], (*y)[3][0]);
  (*y)[4][0] = fma(vec4<f32>(-factors.x), (*lower)[0], (*y)[4][0]);
  (*y)[5][0] = fma(vec4<f32>(-factors.y), (*lower)[0], (*y)[5][0]);
  (*y)[6][0] = fma(vec4<f32>(-factors.z), (*lower)[0], (*y)[6][0]);
  (*y)[7][0] = fma(vec4<f32>(-factors.w), (*lower)[0], (*y)[7][0]);
  (*y)[0][1] = fma(vec4<f32>(factors.x), (*upper)[1], (*y)[0][1]);
  (*y)[1][1] = fma(vec4<f32>(factors.y), (*upper)[1], (*y)[1][1]);
  (*y)[2][1] = fma(vec4<f32>(factors.z), (*upper)[1], (*y)[2][1]);
  (*y)[3][1] = fma(vec4<f32>(factors.w), (*upper)[1], (*y)[3][1]);
  (*y)[4][1] = fma(vec4<f32>(-factors.x), (*lower)[1], (*y)[4][1]);
  (*y)[5][1] = fma(vec4<f32>(-factors.y), (*lower)[1], (*y)[5][1]);
  (*y)[6][1] = fma(vec4<f32>(-factors.z), (*lower)[1], (*y)[6][1]);
  (*y)[7][1] = fma(vec4<f32>(-factors.w), (*lower)[1], (*y)[7][1]);
  (*y)[0][2] = fma(vec4<f32>(factors.x), (*upper)[2], (*y)[0][2]);
  (*y)[1][2] = fma(vec4<f32>(factors.y), (*upper)[2], (*y)[1][2]);
  (*y)[2][2] = fma(vec4<f32>(factors.z), (*upper)[2], (*y)[2][2]);
  (*y)[3][2] = fma(vec4<f32>(factors.w), (*upper)[2], (*y)[3][2]);
  (*y)[4][2] = fma(vec4<f32>(-factors.x), (*lower)[2], (*y)[4][2]);
  (*y)[5][2] = fma(vec4<f32>(-factors.y), (*lower)[2], (*y)[5][2]);
  (*y)[6][2] = fma(vec4<f32>(-factors.z), (*lower)[2], (*y)[6][2]);
  (*y)[7][2] = fma(vec4<f32>(-factors.w), (*lower)[2], (*y)[7][2]);
  (*y)[0][3] = fma(vec4<f32>(factors.x), (*upper)[3], (*y)[0][3]);
  (*y)[1][3] = fma(vec4<f32>(factors.y), (*upper)[3], (*y)[1][3]);
  (*y)[2][3] = fma(vec4<f32>(factors.z), (*upper)[3], (*y)[2][3]);
  (*y)[3][3] = fma(vec4<f32>(factors.w), (*upper)[3], (*y)[3][3]);
  (*y)[4][3] = fma(vec4<f32>(-factors.x), (*lower)[3], (*y)[4][3]);
  (*y)[5][3] = fma(vec4<f32>(-factors.y), (*lower)[3], (*y)[5][3]);
  (*y)[6][3] = fma(vec4<f32>(-factors.z), (*lower)[3], (*y)[6][3]);
  (*y)[7][3] = fma(vec4<f32>(-factors.w), (*lower)[3], (*y)[7][3]);
  (*y)[0][4] = fma(vec4<f32>(factors.x), (*upper)[4], (*y)[0][4]);
  (*y)[1][4] = fma(vec4<f32>(factors.y), (*upper)[4], (*y)[1][4]);
  (*y)[2][4] = fma(vec4<f32>(factors.z), (*upper)[4], (*y)[2][4]);
  (*y)[3][4] = fma(vec4<f32>(factors.w), (*upper)[4], (*y)[3][4]);
  (*y)[4][4] = fma(vec4<f32>(-factors.x), (*lower)[4], (*y)[4][4]);
  (*y)[5][4] = fma(vec4<f32>(-factors.y), (*lower)[4], (*y)[5][4]);
  (*y)[6][4] = fma(vec4<f32>(-factors.z), (*lower)[4], (*y)[6][4]);
  (*y)[7][4] = fma(vec4<f32>(-factors.w), (*lower)[4], (*y)[7][4]);
  (*y)[0][5] = fma(vec4<f32>(factors.x), (*upper)[5], (*y)[0][5]);
  (*y)[1][5] = fma(vec4<f32>(factors.y), (*upper)[5], (*y)[1][5]);
  (*y)[2][5] = fma(vec4<f32>(factors.z), (*upper)[5], (*y)[2][5]);
  (*y)[3][5] = fma(vec4<f32>(factors.w), (*upper)[5], (*y)[3][5]);
  (*y)[4][5] = fma(vec4<f32>(-factors.x), (*lower)[5], (*y)[4][5]);
  (*y)[5][5] = fma(vec4<f32>(-factors.y), (*lower)[5], (*y)[5][5]);
  (*y)[6][5] = fma(vec4<f32>(-factors.z), (*lower)[5], (*y)[6][5]);
  (*y)[7][5] = fma(vec4<f32>(-factors.w), (*lower)[5], (*y)[7][5]);
  (*y)[0][6] = fma(vec4<f32>(factors.x), (*upper)[6], (*y)[0][6]);
  (*y)[1][6] = fma(vec4<f32>(factors.y), (*upper)[6], (*y)[1][6]);
  (*y)[2][6] = fma(vec4<f32>(factors.z), (*upper)[6], (*y)[2][6]);
  (*y)[3][6] = fma(vec4<f32>(factors.w), (*upper)[6], (*y)[3][6]);
  (*y)[4][6] = fma(vec4<f32>(-factors.x), (*lower)[6], (*y)[4][6]);
  (*y)[5][6] = fma(vec4<f32>(-factors.y), (*lower)[6], (*y)[5][6]);
  (*y)[6][6] = fma(vec4<f32>(-factors.z), (*lower)[6], (*y)[6][6]);
  (*y)[7][6] = fma(vec4<f32>(-factors.w), (*lower)[6], (*y)[7][6]);
  (*y)[0][7] = fma(vec4<f32>(factors.x), (*upper)[7], (*y)[0][7]);
  (*y)[1][7] = fma(vec4<f32>(factors.y), (*upper)[7], (*y)[1][7]);
  (*y)[2][7] = fma(vec4<f32>(factors.z), (*upper)[7], (*y)[2][7]);
  (*y)[3][7] = fma(vec4<f32>(factors.w), (*upper)[7], (*y)[3][7]);
  (*y)[4][7] = fma(vec4<f32>(-factors.x), (*lower)[7], (*y)[4][7]);
  (*y)[5][7] = fma(vec4<f32>(-factors.y), (*lower)[7], (*y)[5][7]);
  (*y)[6][7] = fma(vec4<f32>(-factors.z), (*lower)[7], (*y)[6][7]);
  (*y)[7][7] = fma(vec4<f32>(-factors.w), (*lower)[7], (*y)[7][7]);
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
  let block_v = wid.y * 24u * params.groups * quads + first;
  let block_u = wid.x * 24u * quads;
  for (var column = 0u; column < 6u; column++) {
    let top = From((block_v + column * params.groups * quads) * 32u + lane, (block_u + column * quads) * 32u + 4u * lane);
    let row = From(6u * params.groups * quads * 32u, 6u * quads * 32u); // from one row of places to the next
    var a0 = Rows();
    var a1 = Rows();
    var a2 = Rows();
    var a3 = Rows();
    accumulate_place(&a0, &a1, &a2, &a3, From(top.v + row.v, top.u + row.u), quads, lane);
    var b0 = Rows();
    var b1 = Rows();
    var b2 = Rows();
    var b3 = Rows();
    accumulate_place(&b0, &b1, &b2, &b3, From(top.v + 2u * row.v, top.u + 2u * row.u), quads, lane);
    var upper0 = sum(&a0, &b0);
    var upper1 = sum(&a1, &b1);
    var upper2 = sum(&a2, &b2);
    var upper3 = sum(&a3, &b3);
    accumulate_place(&upper0, &upper1, &upper2, &upper3, top, quads, lane);
    var lower0 = difference(&b0, &a0);
    var lower1 = difference(&b1, &a1);
    var lower2 = difference(&b2, &a2);
    var lower3 = difference(&b3, &a3);
    accumulate_place(&lower0, &lower1, &lower2, &lower3, From(top.v + 3u * row.v, top.u + 3u * row.u), quads, lane);
    let factors = output_columns(column);
    fold(&y0, factors, &upper0, &lower0);
    fold(&y1, factors, &upper1, &lower1);
    fold(&y2, factors, &upper2, &lower2);
    fold(&y3, factors, &upper3, &lower3);
  }
  hidden = wid.z;
  let tile = wid.y * 32u;
  let column = wid.x * 8u + lane; // fours of them
  write_tiles(tile, column, lane, &y0);
  write_tiles(tile + 8u, column, lane, &y1);
  write_tiles(tile + 16u, column, lane, &y2);
  write_tiles(tile + 24u, column, lane, &y3);
}
