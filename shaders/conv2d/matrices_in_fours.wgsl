// What matrices are loaded from and stored to, in fours: `left` and `right`, f16, the second parts of an operand behind its
// first, and `result`, f32. The file around it says how many fours they hold.
const FOUR: u32 = 1u; // elements of these arrays in a four
var<workgroup> left: array<vec4<f16>, LEFT_PARTS * LEFT_FOURS>;
var<workgroup> right: array<vec4<f16>, RIGHT_PARTS * RIGHT_FOURS>;
var<workgroup> result: array<vec4<f32>, RESULT_FOURS>;

fn set_left(i: u32, v: vec4<f16>) {
  left[i] = v;
}

fn set_right(i: u32, v: vec4<f16>) {
  right[i] = v;
}

fn set_result(i: u32, v: vec4<f32>) {
  result[i] = v;
}

fn get_result(i: u32) -> vec4<f32> {
  return result[i];
}
