// Operands rounded to f16, on their way into left and right of the file around it, which says what the left one is fetched as: Input.
fn put_left(row: u32, word: u32, block: mat4x4<Input>) {
  let at = row * LEFT + word;
  left[at] = vec4<f16>(block[0]);
  left[at + LEFT] = vec4<f16>(block[1]);
  left[at + 2u * LEFT] = vec4<f16>(block[2]);
  left[at + 3u * LEFT] = vec4<f16>(block[3]);
}

fn put_right(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * RIGHT + word;
  right[at] = vec4<f16>(block[0]);
  right[at + RIGHT] = vec4<f16>(block[1]);
  right[at + 2u * RIGHT] = vec4<f16>(block[2]);
  right[at + 3u * RIGHT] = vec4<f16>(block[3]);
}
