// A 32 x 32 tile of outputs in one subgroup of 8 lanes, both operands met by exchange. Left operand: lane l holds rows
// l, l + 8, l + 16 and l + 24, four channels of each. Right operand: lane l holds columns 4 l .. 4 l + 3 of each channel.
// After a shuffle by `lane ^ d` lane l has row l ^ d: eight shuffles meet every row with every column, and one from
// `lane ^ constant` is a single vector permute on a software driver. Element d of a result: row l ^ d, columns of lane l.
// Named by constants throughout: one variable index would keep the whole tile in memory instead of registers.
alias Rows = array<vec4<f32>, 8>;

// Four channels of eight rows times the four columns of each lane, whose channels are w0 .. w3.
fn accumulate(acc: ptr<function, Rows>, x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>, lane: u32) {
  (*acc)[0] = products(x, w0, w1, w2, w3, (*acc)[0]);
  (*acc)[1] = products(subgroupShuffle(x, lane ^ 1u), w0, w1, w2, w3, (*acc)[1]);
  (*acc)[2] = products(subgroupShuffle(x, lane ^ 2u), w0, w1, w2, w3, (*acc)[2]);
  (*acc)[3] = products(subgroupShuffle(x, lane ^ 3u), w0, w1, w2, w3, (*acc)[3]);
  (*acc)[4] = products(subgroupShuffle(x, lane ^ 4u), w0, w1, w2, w3, (*acc)[4]);
  (*acc)[5] = products(subgroupShuffle(x, lane ^ 5u), w0, w1, w2, w3, (*acc)[5]);
  (*acc)[6] = products(subgroupShuffle(x, lane ^ 6u), w0, w1, w2, w3, (*acc)[6]);
  (*acc)[7] = products(subgroupShuffle(x, lane ^ 7u), w0, w1, w2, w3, (*acc)[7]);
}

fn products(x: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>, sum: vec4<f32>) -> vec4<f32> {
  return fma(x.wwww, w3, fma(x.zzzz, w2, fma(x.yyyy, w1, fma(x.xxxx, w0, sum))));
}
