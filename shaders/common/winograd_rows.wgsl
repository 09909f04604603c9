// Winograd's F(3x3, 4x2) for the gradient of a 3 x 3 filter (stride 1): a band is four rows of the output, a tile two
// columns of it. dw = A^T [ sum over tiles of (B^T d C) * (G e H^T) ] D / 15, with d the 6 x 4 patch of the input that a
// tile reads and e the 4 x 2 gradients of its outputs: 24 products instead of 72. A. Lavin, S. Gray, Fast Algorithms for
// Convolutional Neural Networks, 2015, section 4, with the outputs in the place of the filter. Along y F(3, 4) at the
// points of common/winograd.wgsl, whose C^T is the B^T here:
//
//       [ 15  0  0  0]          [1  1  1   1   1  0]
//       [  5  5  5  5]    A^T = [0  1 -1  1/2 -2  0]
//   G = [ -5  5 -5  5]          [0  1  1  1/4  4  1]
//       [-16 -8 -4 -2]
//       [  1 -2  4 -8]
//       [  0  0  0 15]
//
// and along x F(3, 2) at 0, 1, -1 and infinity:
//
//        [1  0 -1  0]        [1  0]          [1  1/2  1/2  0]
//  C^T = [0  1  1  0]    H = [1  1]    D^T = [0  1/2 -1/2  0]
//        [0 -1  1  0]        [1 -1]          [0  1/2  1/2  1]
//        [0 -1  0  1]        [0  1]
//
// G is 15 times what it should be and the halves of H stand in D: everything is exact on small integers, the division by
// 15 too. B^T d and G e are computed once for all channels of the other side (winograd.input_rows, winograd.grad_rows), in
// panels of 32 channels: what a subgroup of winograd.accumulate reads lies together. Six transformed rows to a band,
// `width` columns to a row, zeros in the place of padding and beyond the last row, column and channel.
// include common/conv2d.wgsl

fn bands_per_image(c: Params) -> u32 {
  return (c.oh + 3u) / 4u;
}

fn bands(c: Params) -> u32 {
  return c.n * bands_per_image(c);
}

// Columns of a transformed row of the gradient: two tiles at a time. A row of the input has two more.
fn width(c: Params) -> u32 {
  return (c.ow + 3u) / 4u * 4u;
}

// The band that holds the first pixel of a split; a split begins with a band.
fn first_band(c: Params, split: u32) -> u32 {
  let pixels = c.n * c.oh * c.ow;
  let run = (pixels + c.splits - 1u) / c.splits;
  let pixel = min(split * run, pixels);
  return pixel / (c.oh * c.ow) * bands_per_image(c) + pixel / c.ow % c.oh / 4u;
}
