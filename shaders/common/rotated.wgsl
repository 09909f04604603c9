// A 32 x 32 tile of a sum of outer products in eight lanes of a subgroup: lane l holds four rows, 4 l .. 4 l + 3, of the left
// operand and four columns, 4 l .. 4 l + 3, of the right one. The rows travel: in turn d, d = 0 .. 7, lane l takes those of lane l ^ d,
// which a software driver compiles to one vector permute, where a splat of each value takes two operations. Element
// 4 d + i of the tile is row 4 (l ^ d) + i at the columns of lane l. Elements are named by constants throughout: one
// variable index would keep the whole tile in memory that is gathered lane by lane.
alias Tile = array<vec4<f32>, 32>;

// Two terms of the sum at a time: an element is loaded and stored once for both.
fn products(acc: ptr<function, Tile>, lane: u32, rows_a: vec4<f32>, columns_a: vec4<f32>, rows_b: vec4<f32>, columns_b: vec4<f32>) {
  let a0 = rows_a;
  let b0 = rows_b;
  (*acc)[0] = fma(vec4<f32>(b0.x), columns_b, fma(vec4<f32>(a0.x), columns_a, (*acc)[0]));
  (*acc)[1] = fma(vec4<f32>(b0.y), columns_b, fma(vec4<f32>(a0.y), columns_a, (*acc)[1]));
  (*acc)[2] = fma(vec4<f32>(b0.z), columns_b, fma(vec4<f32>(a0.z), columns_a, (*acc)[2]));
  (*acc)[3] = fma(vec4<f32>(b0.w), columns_b, fma(vec4<f32>(a0.w), columns_a, (*acc)[3]));
  let a1 = subgroupShuffle(rows_a, lane ^ 1u);
  let b1 = subgroupShuffle(rows_b, lane ^ 1u);
  (*acc)[4] = fma(vec4<f32>(b1.x), columns_b, fma(vec4<f32>(a1.x), columns_a, (*acc)[4]));
  (*acc)[5] = fma(vec4<f32>(b1.y), columns_b, fma(vec4<f32>(a1.y), columns_a, (*acc)[5]));
  (*acc)[6] = fma(vec4<f32>(b1.z), columns_b, fma(vec4<f32>(a1.z), columns_a, (*acc)[6]));
  (*acc)[7] = fma(vec4<f32>(b1.w), columns_b, fma(vec4<f32>(a1.w), columns_a, (*acc)[7]));
  let a2 = subgroupShuffle(rows_a, lane ^ 2u);
  let b2 = subgroupShuffle(rows_b, lane ^ 2u);
  (*acc)[8] = fma(vec4<f32>(b2.x), columns_b, fma(vec4<f32>(a2.x), columns_a, (*acc)[8]));
  (*acc)[9] = fma(vec4<f32>(b2.y), columns_b, fma(vec4<f32>(a2.y), columns_a, (*acc)[9]));
  (*acc)[10] = fma(vec4<f32>(b2.z), columns_b, fma(vec4<f32>(a2.z), columns_a, (*acc)[10]));
  (*acc)[11] = fma(vec4<f32>(b2.w), columns_b, fma(vec4<f32>(a2.w), columns_a, (*acc)[11]));
  let a3 = subgroupShuffle(rows_a, lane ^ 3u);
  let b3 = subgroupShuffle(rows_b, lane ^ 3u);
  (*acc)[12] = fma(vec4<f32>(b3.x), columns_b, fma(vec4<f32>(a3.x), columns_a, (*acc)[12]));
  (*acc)[13] = fma(vec4<f32>(b3.y), columns_b, fma(vec4<f32>(a3.y), columns_a, (*acc)[13]));
  (*acc)[14] = fma(vec4<f32>(b3.z), columns_b, fma(vec4<f32>(a3.z), columns_a, (*acc)[14]));
  (*acc)[15] = fma(vec4<f32>(b3.w), columns_b, fma(vec4<f32>(a3.w), columns_a, (*acc)[15]));
  let a4 = subgroupShuffle(rows_a, lane ^ 4u);
  let b4 = subgroupShuffle(rows_b, lane ^ 4u);
  (*acc)[16] = fma(vec4<f32>(b4.x), columns_b, fma(vec4<f32>(a4.x), columns_a, (*acc)[16]));
  (*acc)[17] = fma(vec4<f32>(b4.y), columns_b, fma(vec4<f32>(a4.y), columns_a, (*acc)[17]));
  (*acc)[18] = fma(vec4<f32>(b4.z), columns_b, fma(vec4<f32>(a4.z), columns_a, (*acc)[18]));
  (*acc)[19] = fma(vec4<f32>(b4.w), columns_b, fma(vec4<f32>(a4.w), columns_a, (*acc)[19]));
  let a5 = subgroupShuffle(rows_a, lane ^ 5u);
  let b5 = subgroupShuffle(rows_b, lane ^ 5u);
  (*acc)[20] = fma(vec4<f32>(b5.x), columns_b, fma(vec4<f32>(a5.x), columns_a, (*acc)[20]));
  (*acc)[21] = fma(vec4<f32>(b5.y), columns_b, fma(vec4<f32>(a5.y), columns_a, (*acc)[21]));
  (*acc)[22] = fma(vec4<f32>(b5.z), columns_b, fma(vec4<f32>(a5.z), columns_a, (*acc)[22]));
  (*acc)[23] = fma(vec4<f32>(b5.w), columns_b, fma(vec4<f32>(a5.w), columns_a, (*acc)[23]));
  let a6 = subgroupShuffle(rows_a, lane ^ 6u);
  let b6 = subgroupShuffle(rows_b, lane ^ 6u);
  (*acc)[24] = fma(vec4<f32>(b6.x), columns_b, fma(vec4<f32>(a6.x), columns_a, (*acc)[24]));
  (*acc)[25] = fma(vec4<f32>(b6.y), columns_b, fma(vec4<f32>(a6.y), columns_a, (*acc)[25]));
  (*acc)[26] = fma(vec4<f32>(b6.z), columns_b, fma(vec4<f32>(a6.z), columns_a, (*acc)[26]));
  (*acc)[27] = fma(vec4<f32>(b6.w), columns_b, fma(vec4<f32>(a6.w), columns_a, (*acc)[27]));
  let a7 = subgroupShuffle(rows_a, lane ^ 7u);
  let b7 = subgroupShuffle(rows_b, lane ^ 7u);
  (*acc)[28] = fma(vec4<f32>(b7.x), columns_b, fma(vec4<f32>(a7.x), columns_a, (*acc)[28]));
  (*acc)[29] = fma(vec4<f32>(b7.y), columns_b, fma(vec4<f32>(a7.y), columns_a, (*acc)[29]));
  (*acc)[30] = fma(vec4<f32>(b7.z), columns_b, fma(vec4<f32>(a7.z), columns_a, (*acc)[30]));
  (*acc)[31] = fma(vec4<f32>(b7.w), columns_b, fma(vec4<f32>(a7.w), columns_a, (*acc)[31]));
}
