// Operands rounded to f16, on their way into left and right of the file around it, which says what the left one is fetched as
// (Input), and their products.
const LEFT_PARTS: u32 = 1u;
const RIGHT_PARTS: u32 = 1u;

fn put_left(row: u32, word: u32, block: mat4x4<Input>) {
  let at = row * LEFT + word;
  for (var i = 0u; i < bound(4u, row); i++) {
    set_left(at + i * LEFT, vec4<f16>(block[i]));
  }
}

fn put_right(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * RIGHT + word;
  for (var i = 0u; i < bound(4u, row); i++) {
    set_right(at + i * RIGHT, vec4<f16>(block[i]));
  }
}

// Adds the products of a stage to the sums of a subgroup.
fn multiply(sums: ptr<function, Sums>, row: u32, column: u32) {
  for (var k = 0u; k < STAGE; k += MATRIX) {
    var b: array<RightMatrix, ACROSS>;
    for (var j = 0u; j < ACROSS; j++) {
      b[j] = right_matrix(0u, k, column + j * MATRIX);
    }
    for (var i = 0u; i < DOWN; i++) {
      let a = left_matrix(0u, row + i * MATRIX, k);
      for (var j = 0u; j < ACROSS; j++) {
        (*sums)[i * ACROSS + j] = coopMultiplyAdd(a, b[j], (*sums)[i * ACROSS + j]);
      }
    }
  }
}

// What conv2d/weights_signs.wgsl has to do besides; here nothing.
fn begin(lane: u32) {}

fn publish() {}

fn magnitude() -> f32 {
  return 1.0;
}
