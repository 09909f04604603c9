// The weights, which are the right operand, in two parts or as signs (conv2d/weights_*.wgsl), on their way into right and right_low of
// the file around it, and their products with a left operand in two parts.
fn put_right(row: u32, word: u32, block: mat4x4<f32>) {
  let at = row * RIGHT + word;
  note(block);
  right[at] = staged(block[0]);
  right[at + RIGHT] = staged(block[1]);
  right[at + 2u * RIGHT] = staged(block[2]);
  right[at + 3u * RIGHT] = staged(block[3]);
  if !SIGNS {
    right_low[at] = low(block[0]);
    right_low[at + RIGHT] = low(block[1]);
    right_low[at + 2u * RIGHT] = low(block[2]);
    right_low[at + 3u * RIGHT] = low(block[3]);
  }
}

// acc plus the product of a row of matrices with a column of them, both in two parts; signs have one.
fn product(a: coop_mat16x16<f16, A>, a_low: coop_mat16x16<f16, A>, b: coop_mat16x16<f16, B>,
           b_low: coop_mat16x16<f16, B>, acc: coop_mat16x16<f32, C>) -> coop_mat16x16<f32, C> {
  var sum: coop_mat16x16<f32, C>;
  sum = coopMultiplyAdd(a_low, b, sum);
  if !SIGNS {
    sum = coopMultiplyAdd(a, b_low, sum);
  }
  sum = sum * LOW;
  sum = coopMultiplyAdd(a, b, sum);
  return acc + sum;
}
