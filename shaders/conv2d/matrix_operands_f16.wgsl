// Operands in one part: rounded to f16 on their way to workgroup memory.
const LEFT_PARTS: u32 = 1u;
const RIGHT_PARTS: u32 = 1u;

fn stage_left(at: u32, v: vec4<Input>) {
  set_left(at, vec4<f16>(v));
}

fn stage_right(at: u32, v: vec4<f32>) {
  set_right(at, vec4<f16>(v));
}

fn add_product(sum: SumMatrix, a: ptr<function, LeftParts>, b: ptr<function, RightParts>, j: u32) -> SumMatrix {
  return coopMultiplyAdd((*a)[0], (*b)[j], sum);
}
