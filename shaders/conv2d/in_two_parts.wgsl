// The left operand in two parts (common/split.wgsl), the right one in two or as signs (conv2d/weights_*.wgsl), on their way into
// left and right of the file around it, which says what the left one is fetched as (Input), and their products.
const LEFT_PARTS: u32 = 2u;
const RIGHT_PARTS: u32 = select(2u, 1u, SIGNS);

fn put_left(row: u32, word: u32, block: mat4x4<Input>) {
  let at = row * LEFT + word;
  for (var i = 0u; i < bound(4u, row); i++) {
    let v = vec4<f32>(block[i]);
    set_left(at + i * LEFT, high(v));
    set_left(at + i * LEFT + LEFT_FOURS, low(v));
  }
}

fn put_right(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * RIGHT + word;
  note(block);
  for (var i = 0u; i < bound(4u, row); i++) {
    set_right(at + i * RIGHT, staged(block[i]));
    if !SIGNS {
      set_right(at + i * RIGHT + RIGHT_FOURS, low(block[i]));
    }
  }
}

// Adds the products of a stage to the sums of a subgroup.
fn multiply(sums: ptr<function, Sums>, row: u32, column: u32) {
  for (var k = 0u; k < STAGE; k += MATRIX) {
    var b: array<RightMatrix, ACROSS>;
    var b_low: array<RightMatrix, ACROSS>;
    for (var j = 0u; j < ACROSS; j++) {
      b[j] = right_matrix(0u, k, column + j * MATRIX);
      if !SIGNS {
        b_low[j] = right_matrix(1u, k, column + j * MATRIX);
      }
    }
    for (var i = 0u; i < DOWN; i++) {
      let a = left_matrix(0u, row + i * MATRIX, k);
      let a_low = left_matrix(1u, row + i * MATRIX, k);
      for (var j = 0u; j < ACROSS; j++) {
        (*sums)[i * ACROSS + j] += product(a, a_low, b[j], b_low[j]);
      }
    }
  }
}

// The product of two matrices in two parts; signs have one.
fn product(a: LeftMatrix, a_low: LeftMatrix, b: RightMatrix, b_low: RightMatrix) -> SumMatrix {
  var sum: SumMatrix;
  sum = coopMultiplyAdd(a_low, b, sum);
  if !SIGNS {
    sum = coopMultiplyAdd(a, b_low, sum);
  }
  sum = sum * LOW;
  return coopMultiplyAdd(a, b, sum);
}
