// A 16 x 32 tile of outputs in one subgroup of 8: lane l holds columns 4 l .. 4 l + 3 of every row. Rows are named by
// constants throughout: one variable index would keep the whole tile in memory instead of registers.
alias Tile = array<vec4<f32>, 16>;

// One step of the sum: row r (and r + 8) of the left operand is held by lane r of `low` (`high`), the right operand by
// every lane for its own columns. A shuffle from a constant lane is one vector permute on a software driver.
fn rank1(acc: ptr<function, Tile>, low: f32, high: f32, right: vec4<f32>) {
  (*acc)[0] = fma(vec4<f32>(subgroupShuffle(low, 0u)), right, (*acc)[0]);
  (*acc)[1] = fma(vec4<f32>(subgroupShuffle(low, 1u)), right, (*acc)[1]);
  (*acc)[2] = fma(vec4<f32>(subgroupShuffle(low, 2u)), right, (*acc)[2]);
  (*acc)[3] = fma(vec4<f32>(subgroupShuffle(low, 3u)), right, (*acc)[3]);
  (*acc)[4] = fma(vec4<f32>(subgroupShuffle(low, 4u)), right, (*acc)[4]);
  (*acc)[5] = fma(vec4<f32>(subgroupShuffle(low, 5u)), right, (*acc)[5]);
  (*acc)[6] = fma(vec4<f32>(subgroupShuffle(low, 6u)), right, (*acc)[6]);
  (*acc)[7] = fma(vec4<f32>(subgroupShuffle(low, 7u)), right, (*acc)[7]);
  (*acc)[8] = fma(vec4<f32>(subgroupShuffle(high, 0u)), right, (*acc)[8]);
  (*acc)[9] = fma(vec4<f32>(subgroupShuffle(high, 1u)), right, (*acc)[9]);
  (*acc)[10] = fma(vec4<f32>(subgroupShuffle(high, 2u)), right, (*acc)[10]);
  (*acc)[11] = fma(vec4<f32>(subgroupShuffle(high, 3u)), right, (*acc)[11]);
  (*acc)[12] = fma(vec4<f32>(subgroupShuffle(high, 4u)), right, (*acc)[12]);
  (*acc)[13] = fma(vec4<f32>(subgroupShuffle(high, 5u)), right, (*acc)[13]);
  (*acc)[14] = fma(vec4<f32>(subgroupShuffle(high, 6u)), right, (*acc)[14]);
  (*acc)[15] = fma(vec4<f32>(subgroupShuffle(high, 7u)), right, (*acc)[15]);
}
