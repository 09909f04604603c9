// An 8 x 8 block of a matrix product in the registers of one invocation: acc[r] holds columns 0..3 of row r, acc[8 + r]
// columns 4..7. Rows are named by constants throughout: one variable index would keep the block in memory instead.
alias RegisterTile = array<vec4<f32>, 16>;

// One step of the sum: rows 0..3 and 4..7 of a column of the left operand, columns 0..3 and 4..7 of a row of the right.
fn outer_product(acc: ptr<function, RegisterTile>, low: vec4<f32>, high: vec4<f32>, left: vec4<f32>, right: vec4<f32>) {
  (*acc)[0] = fma(vec4<f32>(low.x), left, (*acc)[0]);
  (*acc)[1] = fma(vec4<f32>(low.y), left, (*acc)[1]);
  (*acc)[2] = fma(vec4<f32>(low.z), left, (*acc)[2]);
  (*acc)[3] = fma(vec4<f32>(low.w), left, (*acc)[3]);
  (*acc)[4] = fma(vec4<f32>(high.x), left, (*acc)[4]);
  (*acc)[5] = fma(vec4<f32>(high.y), left, (*acc)[5]);
  (*acc)[6] = fma(vec4<f32>(high.z), left, (*acc)[6]);
  (*acc)[7] = fma(vec4<f32>(high.w), left, (*acc)[7]);
  (*acc)[8] = fma(vec4<f32>(low.x), right, (*acc)[8]);
  (*acc)[9] = fma(vec4<f32>(low.y), right, (*acc)[9]);
  (*acc)[10] = fma(vec4<f32>(low.z), right, (*acc)[10]);
  (*acc)[11] = fma(vec4<f32>(low.w), right, (*acc)[11]);
  (*acc)[12] = fma(vec4<f32>(high.x), right, (*acc)[12]);
  (*acc)[13] = fma(vec4<f32>(high.y), right, (*acc)[13]);
  (*acc)[14] = fma(vec4<f32>(high.z), right, (*acc)[14]);
  (*acc)[15] = fma(vec4<f32>(high.w), right, (*acc)[15]);
}

// Which 8 x 8 block of a tile with `across` blocks in a row an invocation owns: x = column, y = row of the block. Runs
// of 32 invocations, a subgroup on most GPUs, own 8 x 4 blocks, so that they read few different words of each operand.
fn owned_block(lane: u32, across: u32) -> vec2<u32> {
  let run = lane / 32u;
  let runs = across / 8u;
  return vec2<u32>(run % runs * 8u + lane % 8u, run / runs * 4u + lane / 8u % 4u);
}
