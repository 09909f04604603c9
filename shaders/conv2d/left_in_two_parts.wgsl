// The left operand in two parts (common/split.wgsl), on its way into left and left_low of the file around it.
fn put_left(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * LEFT + word;
  left[at] = high(block[0]);
  left_low[at] = low(block[0]);
  left[at + LEFT] = high(block[1]);
  left_low[at + LEFT] = low(block[1]);
  left[at + 2u * LEFT] = high(block[2]);
  left_low[at + 2u * LEFT] = low(block[2]);
  left[at + 3u * LEFT] = high(block[3]);
  left_low[at + 3u * LEFT] = low(block[3]);
}
