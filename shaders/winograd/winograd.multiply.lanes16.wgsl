// As lanes, on subgroups of 16 lanes (vectors of 512 bits): a subgroup owns 32 tiles x 32 columns. Lane l loads rows l and
// l + 16 of v and columns l and l + 16 of u, and 16 shuffles meet all pairs: four loads for what takes lanes six. Eight
// channels at a time, since the sums of a lane fill its registers twice and are loaded and stored each time. The 24
// products go through the sums over a row of six: half the work, and half the memory, of adding each to eight outputs.
// Grid: x = ceil(c_out / 32), y = ceil(tiles / 32).
// include common/texels.wgsl
// include common/winograd.wgsl
// include winograd/leave_outputs.wgsl
const LANES: u32 = 16u;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var v: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var u: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Element d: row lane ^ d, columns lane and lane + 16. Named by constants throughout: one variable index would keep the
// whole in memory instead of registers.
alias Rows = array<vec2<f32>, 16>;

// Four channels of sixteen rows, one of them in this lane, times two columns.
fn accumulate(acc: ptr<function, Rows>, x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, lane: u32) {
  (*acc)[0] = products(x, w0, w1, (*acc)[0]);
  (*acc)[1] = products(subgroupShuffle(x, lane ^ 1u), w0, w1, (*acc)[1]);
  (*acc)[2] = products(subgroupShuffle(x, lane ^ 2u), w0, w1, (*acc)[2]);
  (*acc)[3] = products(subgroupShuffle(x, lane ^ 3u), w0, w1, (*acc)[3]);
  (*acc)[4] = products(subgroupShuffle(x, lane ^ 4u), w0, w1, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(x, lane ^ 5u), w0, w1, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(x, lane ^ 6u), w0, w1, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(x, lane ^ 7u), w0, w1, (*acc)[7]);
  (*acc)[8] = products(subgroupShuffle(x, lane ^ 8u), w0, w1, (*acc)[8]);
  (*acc)[9] = products(subgroupShuffle(x, lane ^ 9u), w0, w1, (*acc)[9]);
  (*acc)[10] = products(subgroupShuffle(x, lane ^ 10u), w0, w1, (*acc)[10]);
  (*acc)[11] = products(subgroupShuffle(x, lane ^ 11u), w0, w1, (*acc)[11]);
  (*acc)[12] = products(subgroupShuffle(x, lane ^ 12u), w0, w1, (*acc)[12]);
  (*acc)[13] = products(subgroupShuffle(x, lane ^ 13u), w0, w1, (*acc)[13]);
  (*acc)[14] = products(subgroupShuffle(x, lane ^ 14u), w0, w1, (*acc)[14]);
  (*acc)[15] = products(subgroupShuffle(x, lane ^ 15u), w0, w1, (*acc)[15]);
}

// The sums over a row of products: four columns of outputs.
alias Columns = array<Rows, 4>;

// Adds one of the six products of a row to the four columns, with their factors.
fn add(z: ptr<function, Columns>, factors: vec4<f32>, m: ptr<function, Rows>) {
  (*z)[0][0] = fma(vec2<f32>(factors.x), (*m)[0], (*z)[0][0]);
  (*z)[1][0] = fma(vec2<f32>(factors.y), (*m)[0], (*z)[1][0]);
  (*z)[2][0] = fma(vec2<f32>(factors.z), (*m)[0], (*z)[2][0]);
  (*z)[3][0] = fma(vec2<f32>(factors.w), (*m)[0], (*z)[3][0]);
  (*z)[0][1] = fma(vec2<f32>(factors.x), (*m)[1], (*z)[0][1]);
  (*z)[1][1] = fma(vec2<f32>(factors.y), (*m)[1], (*z)[1][1]);
  (*z)[2][1] = fma(vec2<f32>(factors.z), (*m)[1], (*z)[2][1]);
  (*z)[3][1] = fma(vec2<f32>(factors.w), (*m)[1], (*z)[3][1]);
  (*z)[0][2] = fma(vec2<f32>(factors.x), (*m)[2], (*z)[0][2]);
  (*z)[1][2] = fma(vec2<f32>(factors.y), (*m)[2], (*z)[1][2]);
  (*z)[2][2] = fma(vec2<f32>(factors.z), (*m)[2], (*z)[2][2]);
  (*z)[3][2] = fma(vec2<f32>(factors.w), (*m)[2], (*z)[3][2]);
  (*z)[0][3] = fma(vec2<f32>(factors.x), (*m)[3], (*z)[0][3]);
  (*z)[1][3] = fma(vec2<f32>(factors.y), (*m)[3], (*z)[1][3]);
  (*z)[2][3] = fma(vec2<f32>(factors.z), (*m)[3], (*z)[2][3]);
  (*z)[3][3] = fma(vec2<f32>(factors.w), (*m)[3], (*z)[3][3]);
  (*z)[0][4] = fma(vec2<f32>(factors.x), (*m)[4], (*z)[0][4]);
  (*z)[1][4] = fma(vec2<f32>(factors.y), (*m)[4], (*z)[1][4]);
  (*z)[2][4] = fma(vec2<f32>(factors.z), (*m)[4], (*z)[2][4]);
  (*z)[3][4] = fma(vec2<f32>(factors.w), (*m)[4], (*z)[3][4]);
  (*z)[0][5] = fma(vec2<f32>(factors.x), (*m)[5], (*z)[0][5]);
  (*z)[1][5] = fma(vec2<f32>(factors.y), (*m)[5], (*z)[1][5]);
  (*z)[2][5] = fma(vec2<f32>(factors.z), (*m)[5], (*z)[2][5]);
  (*z)[3][5] = fma(vec2<f32>(factors.w), (*m)[5], (*z)[3][5]);
  (*z)[0][6] = fma(vec2<f32>(factors.x), (*m)[6], (*z)[0][6]);
  (*z)[1][6] = fma(vec2<f32>(factors.y), (*m)[6], (*z)[1][6]);
  (*z)[2][6] = fma(vec2<f32>(factors.z), (*m)[6], (*z)[2][6]);
  (*z)[3][6] = fma(vec2<f32>(factors.w), (*m)[6], (*z)[3][6]);
  (*z)[0][7] = fma(vec2<f32>(factors.x), (*m)[7], (*z)[0][7]);
  (*z)[1][7] = fma(vec2<f32>(factors.y), (*m)[7], (*z)[1][7]);
  (*z)[2][7] = fma(vec2<f32>(factors.z), (*m)[7], (*z)[2][7]);
  (*z)[3][7] = fma(vec2<f32>(factors.w), (*m)[7], (*z)[3][7]);
  (*z)[0][8] = fma(vec2<f32>(factors.x), (*m)[8], (*z)[0][8]);
  (*z)[1][8] = fma(vec2<f32>(factors.y), (*m)[8], (*z)[1][8]);
  (*z)[2][8] = fma(vec2<f32>(factors.z), (*m)[8], (*z)[2][8]);
  (*z)[3][8] = fma(vec2<f32>(factors.w), (*m)[8], (*z)[3][8]);
  (*z)[0][9] = fma(vec2<f32>(factors.x), (*m)[9], (*z)[0][9]);
  (*z)[1][9] = fma(vec2<f32>(factors.y), (*m)[9], (*z)[1][9]);
  (*z)[2][9] = fma(vec2<f32>(factors.z), (*m)[9], (*z)[2][9]);
  (*z)[3][9] = fma(vec2<f32>(factors.w), (*m)[9], (*z)[3][9]);
  (*z)[0][10] = fma(vec2<f32>(factors.x), (*m)[10], (*z)[0][10]);
  (*z)[1][10] = fma(vec2<f32>(factors.y), (*m)[10], (*z)[1][10]);
  (*z)[2][10] = fma(vec2<f32>(factors.z), (*m)[10], (*z)[2][10]);
  (*z)[3][10] = fma(vec2<f32>(factors.w), (*m)[10], (*z)[3][10]);
  (*z)[0][11] = fma(vec2<f32>(factors.x), (*m)[11], (*z)[0][11]);
  (*z)[1][11] = fma(vec2<f32>(factors.y), (*m)[11], (*z)[1][11]);
  (*z)[2][11] = fma(vec2<f32>(factors.z), (*m)[11], (*z)[2][11]);
  (*z)[3][11] = fma(vec2<f32>(factors.w), (*m)[11], (*z)[3][11]);
  (*z)[0][12] = fma(vec2<f32>(factors.x), (*m)[12], (*z)[0][12]);
  (*z)[1][12] = fma(vec2<f32>(factors.y), (*m)[12], (*z)[1][12]);
  (*z)[2][12] = fma(vec2<f32>(factors.z), (*m)[12], (*z)[2][12]);
  (*z)[3][12] = fma(vec2<f32>(factors.w), (*m)[12], (*z)[3][12]);
  (*z)[0][13] = fma(vec2<f32>(factors.x), (*m)[13], (*z)[0][13]);
  (*z)[1][13] = fma(vec2<f32>(factors.y), (*m)[13], (*z)[1][13]);
  (*z)[2][13] = fma(vec2<f32>(factors.z), (*m)[13], (*z)[2][13]);
  (*z)[3][13] = fma(vec2<f32>(factors.w), (*m)[13], (*z)[3][13]);
  (*z)[0][14] = fma(vec2<f32>(factors.x), (*m)[14], (*z)[0][14]);
  (*z)[1][14] = fma(vec2<f32>(factors.y), (*m)[14], (*z)[1][14]);
  (*z)[2][14] = fma(vec2<f32>(factors.z), (*m)[14], (*z)[2][14]);
  (*z)[3][14] = fma(vec2<f32>(factors.w), (*m)[14], (*z)[3][14]);
  (*z)[0][15] = fma(vec2<f32>(factors.x), (*m)[15], (*z)[0][15]);
  (*z)[1][15] = fma(vec2<f32>(factors.y), (*m)[15], (*z)[1][15]);
  (*z)[2][15] = fma(vec2<f32>(factors.z), (*m)[15], (*z)[2][15]);
  (*z)[3][15] = fma(vec2<f32>(factors.w), (*m)[15], (*z)[3][15]);
}

// Adds a row of sums to the two rows of outputs, with their factors.
fn fold(y: ptr<function, Outputs>, factors: vec2<f32>, z: ptr<function, Columns>) {
  (*y)[0][0] = fma(vec2<f32>(factors.x), (*z)[0][0], (*y)[0][0]);
  (*y)[1][0] = fma(vec2<f32>(factors.x), (*z)[1][0], (*y)[1][0]);
  (*y)[2][0] = fma(vec2<f32>(factors.x), (*z)[2][0], (*y)[2][0]);
  (*y)[3][0] = fma(vec2<f32>(factors.x), (*z)[3][0], (*y)[3][0]);
  (*y)[4][0] = fma(vec2<f32>(factors.y), (*z)[0][0], (*y)[4][0]);
  (*y)[5][0] = fma(vec2<f32>(factors.y), (*z)[1][0], (*y)[5][0]);
  (*y)[6][0] = fma(vec2<f32>(factors.y), (*z)[2][0], (*y)[6][0]);
  (*y)[7][0] = fma(vec2<f32>(factors.y), (*z)[3][0], (*y)[7][0]);
  (*y)[0][1] = fma(vec2<f32>(factors.x), (*z)[0][1], (*y)[0][1]);
  (*y)[1][1] = fma(vec2<f32>(factors.x), (*z)[1][1], (*y)[1][1]);
  (*y)[2][1] = fma(vec2<f32>(factors.x), (*z)[2][1], (*y)[2][1]);
  (*y)[3][1] = fma(vec2<f32>(factors.x), (*z)[3][1], (*y)[3][1]);
  (*y)[4][1] = fma(vec2<f32>(factors.y), (*z)[0][1], (*y)[4][1]);
  (*y)[5][1] = fma(vec2<f32>(factors.y), (*z)[1][1], (*y)[5][1]);
  (*y)[6][1] = fma(vec2<f32>(factors.y), (*z)[2][1], (*y)[6][1]);
  (*y)[7][1] = fma(vec2<f32>(factors.y), (*z)[3][1], (*y)[7][1]);
  (*y)[0][2] = fma(vec2<f32>(factors.x), (*z)[0][2], (*y)[0][2]);
  (*y)[1][2] = fma(vec2<f32>(factors.x), (*z)[1][2], (*y)[1][2]);
  (*y)[2][2] = fma(vec2<f32>(factors.x), (*z)[2][2], (*y)[2][2]);
  (*y)[3][2] = fma(vec2<f32>(factors.x), (*z)[3][2], (*y)[3][2]);
  (*y)[4][2] = fma(vec2<f32>(factors.y), (*z)[0][2], (*y)[4][2]);
  (*y)[5][2] = fma(vec2<f32>(factors.y), (*z)[1][2], (*y)[5][2]);
  (*y)[6][2] = fma(vec2<f32>(factors.y), (*z)[2][2], (*y)[6][2]);
  (*y)[7][2] = fma(vec2<f32>(factors.y), (*z)[3][2], (*y)[7][2]);
  (*y)[0][3] = fma(vec2<f32>(factors.x), (*z)[0][3], (*y)[0][3]);
  (*y)[1][3] = fma(vec2<f32>(factors.x), (*z)[1][3], (*y)[1][3]);
  (*y)[2][3] = fma(vec2<f32>(factors.x), (*z)[2][3], (*y)[2][3]);
  (*y)[3][3] = fma(vec2<f32>(factors.x), (*z)[3][3], (*y)[3][3]);
  (*y)[4][3] = fma(vec2<f32>(factors.y), (*z)[0][3], (*y)[4][3]);
  (*y)[5][3] = fma(vec2<f32>(factors.y), (*z)[1][3], (*y)[5][3]);
  (*y)[6][3] = fma(vec2<f32>(factors.y), (*z)[2][3], (*y)[6][3]);
  (*y)[7][3] = fma(vec2<f32>(factors.y), (*z)[3][3], (*y)[7][3]);
  (*y)[0][4] = fma(vec2<f32>(factors.x), (*z)[0][4], (*y)[0][4]);
  (*y)[1][4] = fma(vec2<f32>(factors.x), (*z)[1][4], (*y)[1][4]);
  (*y)[2][4] = fma(vec2<f32>(factors.x), (*z)[2][4], (*y)[2][4]);
  (*y)[3][4] = fma(vec2<f32>(factors.x), (*z)[3][4], (*y)[3][4]);
  (*y)[4][4] = fma(vec2<f32>(factors.y), (*z)[0][4], (*y)[4][4]);
  (*y)[5][4] = fma(vec2<f32>(factors.y), (*z)[1][4], (*y)[5][4]);
  (*y)[6][4] = fma(vec2<f32>(factors.y), (*z)[2][4], (*y)[6][4]);
  (*y)[7][4] = fma(vec2<f32>(factors.y), (*z)[3][4], (*y)[7][4]);
  (*y)[0][5] = fma(vec2<f32>(factors.x), (*z)[0][5], (*y)[0][5]);
  (*y)[1][5] = fma(vec2<f32>(factors.x), (*z)[1][5], (*y)[1][5]);
  (*y)[2][5] = fma(vec2<f32>(factors.x), (*z)[2][5], (*y)[2][5]);
  (*y)[3][5] = fma(vec2<f32>(factors.x), (*z)[3][5], (*y)[3][5]);
  (*y)[4][5] = fma(vec2<f32>(factors.y), (*z)[0][5], (*y)[4][5]);
  (*y)[5][5] = fma(vec2<f32>(factors.y), (*z)[1][5], (*y)[5][5]);
  (*y)[6][5] = fma(vec2<f32>(factors.y), (*z)[2][5], (*y)[6][5]);
  (*y)[7][5] = fma(vec2<f32>(factors.y), (*z)[3][5], (*y)[7][5]);
  (*y)[0][6] = fma(vec2<f32>(factors.x), (*z)[0][6], (*y)[0][6]);
  (*y)[1][6] = fma(vec2<f32>(factors.x), (*z)[1][6], (*y)[1][6]);
  (*y)[2][6] = fma(vec2<f32>(factors.x), (*z)[2][6], (*y)[2][6]);
  (*y)[3][6] = fma(vec2<f32>(factors.x), (*z)[3][6], (*y)[3][6]);
  (*y)[4][6] = fma(vec2<f32>(factors.y), (*z)[0][6], (*y)[4][6]);
  (*y)[5][6] = fma(vec2<f32>(factors.y), (*z)[1][6], (*y)[5][6]);
  (*y)[6][6] = fma(vec2<f32>(factors.y), (*z)[2][6], (*y)[6][6]);
  (*y)[7][6] = fma(vec2<f32>(factors.y), (*z)[3][6], (*y)[7][6]);
  (*y)[0][7] = fma(vec2<f32>(factors.x), (*z)[0][7], (*y)[0][7]);
  (*y)[1][7] = fma(vec2<f32>(factors.x), (*z)[1][7], (*y)[1][7]);
  (*y)[2][7] = fma(vec2<f32>(factors.x), (*z)[2][7], (*y)[2][7]);
  (*y)[3][7] = fma(vec2<f32>(factors.x), (*z)[3][7], (*y)[3][7]);
  (*y)[4][7] = fma(vec2<f32>(factors.y), (*z)[0][7], (*y)[4][7]);
  (*y)[5][7] = fma(vec2<f32>(factors.y), (*z)[1][7], (*y)[5][7]);
  (*y)[6][7] = fma(vec2<f32>(factors.y), (*z)[2][7], (*y)[6][7]);
  (*y)[7][7] = fma(vec2<f32>(factors.y), (*z)[3][7], (*y)[7][7]);
  (*y)[0][8] = fma(vec2<f32>(factors.x), (*z)[0][8], (*y)[0][8]);
  (*y)[1][8] = fma(vec2<f32>(factors.x), (*z)[1][8], (*y)[1][8]);
  (*y)[2][8] = fma(vec2<f32>(factors.x), (*z)[2][8], (*y)[2][8]);
  (*y)[3][8] = fma(vec2<f32>(factors.x), (*z)[3][8], (*y)[3][8]);
  (*y)[4][8] = fma(vec2<f32>(factors.y), (*z)[0][8], (*y)[4][8]);
  (*y)[5][8] = fma(vec2<f32>(factors.y), (*z)[1][8], (*y)[5][8]);
  (*y)[6][8] = fma(vec2<f32>(factors.y), (*z)[2][8], (*y)[6][8]);
  (*y)[7][8] = fma(vec2<f32>(factors.y), (*z)[3][8], (*y)[7][8]);
  (*y)[0][9] = fma(vec2<f32>(factors.x), (*z)[0][9], (*y)[0][9]);
  (*y)[1][9] = fma(vec2<f32>(factors.x), (*z)[1][9], (*y)[1][9]);
  (*y)[2][9] = fma(vec2<f32>(factors.x), (*z)[2][9], (*y)[2][9]);
  (*y)[3][9] = fma(vec2<f32>(factors.x), (*z)[3][9], (*y)[3][9]);
  (*y)[4][9] = fma(vec2<f32>(factors.y), (*z)[0][9], (*y)[4][9]);
  (*y)[5][9] = fma(vec2<f32>(factors.y), (*z)[1][9], (*y)[5][9]);
  (*y)[6][9] = fma(vec2<f32>(factors.y), (*z)[2][9], (*y)[6][9]);
  (*y)[7][9] = fma(vec2<f32>(factors.y), (*z)[3][9], (*y)[7][9]);
  (*y)[0][10] = fma(vec2<f32>(factors.x), (*z)[0][10], (*y)[0][10]);
  (*y)[1][10] = fma(vec2<f32>(factors.x), (*z)[1][10], (*y)[1][10]);
  (*y)[2][10] = fma(vec2<f32>(factors.x), (*z)[2][10], (*y)[2][10]);
  (*y)[3][10] = fma(vec2<f32>(factors.x), (*z)[3][10], (*y)[3][10]);
  (*y)[4][10] = fma(vec2<f32>(factors.y), (*z)[0][10], (*y)[4][10]);
  (*y)[5][10] = fma(vec2<f32>(factors.y), (*z)[1][10], (*y)[5][10]);
  (*y)[6][10] = fma(vec2<f32>(factors.y), (*z)[2][10], (*y)[6][10]);
  (*y)[7][10] = fma(vec2<f32>(factors.y), (*z)[3][10], (*y)[7][10]);
  (*y)[0][11] = fma(vec2<f32>(factors.x), (*z)[0][11], (*y)[0][11]);
  (*y)[1][11] = fma(vec2<f32>(factors.x), (*z)[1][11], (*y)[1][11]);
  (*y)[2][11] = fma(vec2<f32>(factors.x), (*z)[2][11], (*y)[2][11]);
  (*y)[3][11] = fma(vec2<f32>(factors.x), (*z)[3][11], (*y)[3][11]);
  (*y)[4][11] = fma(vec2<f32>(factors.y), (*z)[0][11], (*y)[4][11]);
  (*y)[5][11] = fma(vec2<f32>(factors.y), (*z)[1][11], (*y)[5][11]);
  (*y)[6][11] = fma(vec2<f32>(factors.y), (*z)[2][11], (*y)[6][11]);
  (*y)[7][11] = fma(vec2<f32>(factors.y), (*z)[3][11], (*y)[7][11]);
  (*y)[0][12] = fma(vec2<f32>(factors.x), (*z)[0][12], (*y)[0][12]);
  (*y)[1][12] = fma(vec2<f32>(factors.x), (*z)[1][12], (*y)[1][12]);
  (*y)[2][12] = fma(vec2<f32>(factors.x), (*z)[2][12], (*y)[2][12]);
  (*y)[3][12] = fma(vec2<f32>(factors.x), (*z)[3][12], (*y)[3][12]);
  (*y)[4][12] = fma(vec2<f32>(factors.y), (*z)[0][12], (*y)[4][12]);
  (*y)[5][12] = fma(vec2<f32>(factors.y), (*z)[1][12], (*y)[5][12]);
  (*y)[6][12] = fma(vec2<f32>(factors.y), (*z)[2][12], (*y)[6][12]);
  (*y)[7][12] = fma(vec2<f32>(factors.y), (*z)[3][12], (*y)[7][12]);
  (*y)[0][13] = fma(vec2<f32>(factors.x), (*z)[0][13], (*y)[0][13]);
  (*y)[1][13] = fma(vec2<f32>(factors.x), (*z)[1][13], (*y)[1][13]);
  (*y)[2][13] = fma(vec2<f32>(factors.x), (*z)[2][13], (*y)[2][13]);
  (*y)[3][13] = fma(vec2<f32>(factors.x), (*z)[3][13], (*y)[3][13]);
  (*y)[4][13] = fma(vec2<f32>(factors.y), (*z)[0][13], (*y)[4][13]);
  (*y)[5][13] = fma(vec2<f32>(factors.y), (*z)[1][13], (*y)[5][13]);
  (*y)[6][13] = fma(vec2<f32>(factors.y), (*z)[2][13], (*y)[6][13]);
  (*y)[7][13] = fma(vec2<f32>(factors.y), (*z)[3][13], (*y)[7][13]);
  (*y)[0][14] = fma(vec2<f32>(factors.x), (*z)[0][14], (*y)[0][14]);
  (*y)[1][14] = fma(vec2<f32>(factors.x), (*z)[1][14], (*y)[1][14]);
  (*y)[2][14] = fma(vec2<f32>(factors.x), (*z)[2][14], (*y)[2][14]);
  (*y)[3][14] = fma(vec2<f32>(factors.x), (*z)[3][14], (*y)[3][14]);
  (*y)[4][14] = fma(vec2<f32>(factors.y), (*z)[0][14], (*y)[4][14]);
  (*y)[5][14] = fma(vec2<f32>(factors.y), (*z)[1][14], (*y)[5][14]);
  (*y)[6][14] = fma(vec2<f32>(factors.y), (*z)[2][14], (*y)[6][14]);
  (*y)[7][14] = fma(vec2<f32>(factors.y), (*z)[3][14], (*y)[7][14]);
  (*y)[0][15] = fma(vec2<f32>(factors.x), (*z)[0][15], (*y)[0][15]);
  (*y)[1][15] = fma(vec2<f32>(factors.x), (*z)[1][15], (*y)[1][15]);
  (*y)[2][15] = fma(vec2<f32>(factors.x), (*z)[2][15], (*y)[2][15]);
  (*y)[3][15] = fma(vec2<f32>(factors.x), (*z)[3][15], (*y)[3][15]);
  (*y)[4][15] = fma(vec2<f32>(factors.y), (*z)[0][15], (*y)[4][15]);
  (*y)[5][15] = fma(vec2<f32>(factors.y), (*z)[1][15], (*y)[5][15]);
  (*y)[6][15] = fma(vec2<f32>(factors.y), (*z)[2][15], (*y)[6][15]);
  (*y)[7][15] = fma(vec2<f32>(factors.y), (*z)[3][15], (*y)[7][15]);
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
  put(subgroupShuffle(own, lane ^ 8u), column,
      (*y)[0][8], (*y)[1][8], (*y)[2][8], (*y)[3][8], (*y)[4][8], (*y)[5][8], (*y)[6][8], (*y)[7][8]);
  put(subgroupShuffle(own, lane ^ 9u), column,
      (*y)[0][9], (*y)[1][9], (*y)[2][9], (*y)[3][9], (*y)[4][9], (*y)[5][9], (*y)[6][9], (*y)[7][9]);
  put(subgroupShuffle(own, lane ^ 10u), column,
      (*y)[0][10], (*y)[1][10], (*y)[2][10], (*y)[3][10], (*y)[4][10], (*y)[5][10], (*y)[6][10], (*y)[7][10]);
  put(subgroupShuffle(own, lane ^ 11u), column,
      (*y)[0][11], (*y)[1][11], (*y)[2][11], (*y)[3][11], (*y)[4][11], (*y)[5][11], (*y)[6][11], (*y)[7][11]);
  put(subgroupShuffle(own, lane ^ 12u), column,
      (*y)[0][12], (*y)[1][12], (*y)[2][12], (*y)[3][12], (*y)[4][12], (*y)[5][12], (*y)[6][12], (*y)[7][12]);
  put(subgroupShuffle(own, lane ^ 13u), column,
      (*y)[0][13], (*y)[1][13], (*y)[2][13], (*y)[3][13], (*y)[4][13], (*y)[5][13], (*y)[6][13], (*y)[7][13]);
  put(subgroupShuffle(own, lane ^ 14u), column,
      (*y)[0][14], (*y)[1][14], (*y)[2][14], (*y)[3][14], (*y)[4][14], (*y)[5][14], (*y)[6][14], (*y)[7][14]);
  put(subgroupShuffle(own, lane ^ 15u), column,
      (*y)[0][15], (*y)[1][15], (*y)[2][15], (*y)[3][15], (*y)[4][15], (*y)[5][15], (*y)[6][15], (*y)[7][15]);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  // wid.z is 0: lavapipe compiles a loop anew whose bound is a uniform alone.
  let quads = params.c_in / 4u + wid.z;
  let last = (params.c_out - 1u) / 16u;
  let second = min(2u * wid.x + 1u, last) - 2u * wid.x;
  var y0: Outputs;
  var y1: Outputs;
  for (var row = 0u; row < 4u; row++) {
    var z0 = Columns();
    var z1 = Columns();
    for (var column = 0u; column < 6u; column++) {
      let f = row * 6u + column;
      let from_v = (wid.y * 24u + f) * quads * 32u + lane;
      let from_u = (wid.x * 48u + f) * quads * 16u + lane;
      var m0 = Rows();
      var m1 = Rows();
      for (var q = 0u; q < quads; q++) {
        let w0 = textureLoad(u, texel(from_u + q * 16u));
        let w1 = textureLoad(u, texel(from_u + (second * 24u * quads + q) * 16u));
        accumulate(&m0, textureLoad(v, texel(from_v + q * 32u)), w0, w1, lane);
        accumulate(&m1, textureLoad(v, texel(from_v + q * 32u + 16u)), w0, w1, lane);
      }
      let factors = output_columns(column);
      add(&z0, factors, &m0);
      add(&z1, factors, &m1);
    }
    let factors = output_rows(row);
    fold(&y0, factors, &z0);
    fold(&y1, factors, &z1);
  }
  hidden = wid.z;
  let tile = wid.y * 32u;
  let column = wid.x * 32u + lane;
  put_all(tile, column, lane, &y0);
  put_all(tile + 16u, column, lane, &y1);
}
