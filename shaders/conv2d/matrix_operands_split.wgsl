// The left operand in two parts (Ootomo and Yokota 2022; common/split.wgsl), the right one in two or as signs: every number is the sum
// of two of f16, v = high + 2^-11 low, and a product the sum of high high + 2^-11 (high low + low high). The representation errs by
// 2^-22 at most; the part that is dropped, low low, is as small.
// Matrix units may truncate their sums: each adds up as many products as a matrix has rows from zero, and f32 additions collect
// those sums.
// include common/split.wgsl
const LEFT_PARTS: u32 = 2u;
const RIGHT_PARTS: u32 = PRODUCTS - 1u;

fn stage_left(at: u32, v: vec4<Input>) {
  set_left(at, high(vec4<f32>(v)));
  set_left(at + LEFT_FOURS, low(vec4<f32>(v)));
}

fn stage_right(at: u32, v: vec4<f32>) {
  if RIGHT_PARTS == 1u {
    set_right(at, vec4<f16>(sign(v)));
  } else {
    set_right(at, high(v));
    set_right(at + RIGHT_FOURS, low(v));
  }
}

fn add_product(sum: SumMatrix, a: ptr<function, LeftParts>, b: ptr<function, RightParts>, j: u32) -> SumMatrix {
  var product: SumMatrix;
  product = coopMultiplyAdd((*a)[1], (*b)[j], product);
  if RIGHT_PARTS == 2u {
    product = coopMultiplyAdd((*a)[0], (*b)[(RIGHT_PARTS - 1u) * ACROSS + j], product);
  }
  product = product * LOW;
  return sum + coopMultiplyAdd((*a)[0], (*b)[j], product);
}
