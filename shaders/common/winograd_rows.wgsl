// Winograd's F(3x3, 2x2) for the gradient of a 3 x 3 filter (stride 1): a band is two rows of the output, a tile two
// columns of it. dw = A^T [ sum over tiles of (B^T d B) * (G e G^T) ] A, with d the 4 x 4 patch of the input that a tile
// reads and e the 2 x 2 gradients of its outputs: 16 products instead of 36. A. Lavin, S. Gray, Fast Algorithms for
// Convolutional Neural Networks, 2015, section 4, with the outputs in the place of the filter.
//
//        [1  0 -1  0]        [1  0]          [1  1/2  1/2  0]
//  B^T = [0  1  1  0]    G = [1  1]    A^T = [0  1/2 -1/2  0]
//        [0 -1  1  0]        [1 -1]          [0  1/2  1/2  1]
//        [0 -1  0  1]        [0  1]
//
// The halves stand in A alone: everything is exact on small integers. The vertical half of B^T d B and G e G^T is
// computed once for all channels of the other side (winograd.input_rows, winograd.grad_rows), in panels of 32 channels:
// what a subgroup of winograd.accumulate reads lies together. Four transformed rows to a band, `width` columns to a row,
// zeros in the place of padding and beyond the last row, column and channel.
// include common/conv2d.wgsl

fn bands(c: Params) -> u32 {
  return c.n * ((c.oh + 1u) / 2u);
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
  return pixel / (c.oh * c.ow) * ((c.oh + 1u) / 2u) + pixel / c.ow % c.oh / 2u;
}
