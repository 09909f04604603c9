// A tile of 1024 outputs in eight lanes of a subgroup, both operands met by exchange: 32 rows x 32 columns, or 64 x 16. Left
// operand: lane l holds rows l, l + 8, l + 16 ..., four channels of each. Right operand: lane l holds columns
// 4 l .. 4 l + 3 of each channel, or where there are 16 those of lane l % 4. After a shuffle by `lane ^ d` lane l has row
// l ^ d of eight: 8 shuffles, or 4, meet every row with every column, and one from `lane ^ constant` is a single vector
// permute on a software driver. Named by constants throughout: one variable index would keep the whole tile in memory
// instead of registers.
alias Rows = array<vec4<f32>, 8>;

struct Place { group: u32, row: u32, column: u32 }

// Which tile a workgroup makes, of `across` in a row of a group, in a grid of groups across x rows: all of a group before those of the next,
// so that its right operand stays in the cache.
fn place_of(wid: vec3<u32>, count: vec3<u32>, across: u32, groups: u32) -> Place {
  let row = wid.z * count.y + wid.y;
  if groups == 1u {
    return Place(0u, row, wid.x);
  }
  let all = across * count.y * count.z;
  let linear = row * count.x + wid.x;
  return Place(linear / all, linear % all / across, linear % across);
}

// Four channels of eight rows times the columns of each lane, whose channels are those of w. Element d: row lane ^ d.
fn accumulate(acc: ptr<function, Rows>, x: vec4<f32>, w: mat4x4<f32>, lane: u32) {
  (*acc)[0] = products(x, w, (*acc)[0]);
  (*acc)[1] = products(subgroupShuffle(x, lane ^ 1u), w, (*acc)[1]);
  (*acc)[2] = products(subgroupShuffle(x, lane ^ 2u), w, (*acc)[2]);
  (*acc)[3] = products(subgroupShuffle(x, lane ^ 3u), w, (*acc)[3]);
  (*acc)[4] = products(subgroupShuffle(x, lane ^ 4u), w, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(x, lane ^ 5u), w, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(x, lane ^ 6u), w, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(x, lane ^ 7u), w, (*acc)[7]);
}

// The same for 16 columns and sixteen rows. Element d: row lane ^ d of `low`; element 4 + d: of `high`.
fn accumulate_pair(acc: ptr<function, Rows>, low: vec4<f32>, high: vec4<f32>, w: mat4x4<f32>, lane: u32) {
  (*acc)[0] = products(low, w, (*acc)[0]);
  (*acc)[1] = products(subgroupShuffle(low, lane ^ 1u), w, (*acc)[1]);
  (*acc)[2] = products(subgroupShuffle(low, lane ^ 2u), w, (*acc)[2]);
  (*acc)[3] = products(subgroupShuffle(low, lane ^ 3u), w, (*acc)[3]);
  (*acc)[4] = products(high, w, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(high, lane ^ 1u), w, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(high, lane ^ 2u), w, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(high, lane ^ 3u), w, (*acc)[7]);
}

fn products(x: vec4<f32>, w: mat4x4<f32>, sum: vec4<f32>) -> vec4<f32> {
  return fma(x.wwww, w[3], fma(x.zzzz, w[2], fma(x.yyyy, w[1], fma(x.xxxx, w[0], sum))));
}
