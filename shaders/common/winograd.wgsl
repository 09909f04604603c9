// Winograd's F(2x2, 3x3): y = A^T [ sum over c of (G g G^T) * (B^T d B) ] A for 2 x 2 outputs ("a tile") from a 4 x 4
// patch d of the input and a 3 x 3 filter g: 16 products instead of 36. A. Lavin, S. Gray, Fast Algorithms for
// Convolutional Neural Networks, 2015, section 4.1. All factors are 0, 1, -1, 1/2 or 1/4: exact on small integers.
//
//        [1  0 -1  0]        [ 1    0    0 ]
//  B^T = [0  1  1  0]    G = [1/2  1/2  1/2]    A^T = [1  1  1  0]
//        [0 -1  1  0]        [1/2 -1/2  1/2]          [0  1 -1 -1]
//        [0  1  0 -1]        [ 0    0    1 ]
//
// Transformed arrays are cut for a multiplication in tiles of 32 x 16, four channels of a row side by side:
// v: [ceil(tiles / 32), 16, c_in / 4, 32, 4], from the input; tiles are counted image by image, row by row;
// u: [ceil(c_out / 16), 16, c_in / 4, 16, 4], from the weights. What lies beyond the last tile or column is zero.

// Of the convolution that is computed: x [n, h, w, c_in], y [n, oh, ow, c_out], stride 1, pads above and to the left.
// `flip`: the weights, [3, 3, c_out, c_in] then, are turned by 180 degrees: the gradient with respect to an input.
struct Params {
  n: u32, h: u32, w: u32, c_in: u32,
  oh: u32, ow: u32, c_out: u32,
  pad_h: u32, pad_w: u32,
  flip: u32,
}

// Image, and row and column of a tile within it, in units of tiles.
struct Place { n: u32, y: u32, x: u32 }

fn place(c: Params, tile: u32) -> Place {
  let rows = (c.oh + 1u) / 2u;
  let columns = (c.ow + 1u) / 2u;
  return Place(tile / (rows * columns), tile / columns % rows, tile % columns);
}

fn tiles(c: Params) -> u32 {
  return c.n * ((c.oh + 1u) / 2u) * ((c.ow + 1u) / 2u);
}

// Elements of A^T and G. A row of B^T has two elements that are not zero: the first is 1.
fn output_factor(row: u32, i: u32) -> f32 {
  let upper = select(1.0, 0.0, i == 3u);
  let lower = select(select(-1.0, 1.0, i == 1u), 0.0, i == 0u);
  return select(lower, upper, row == 0u);
}

fn filter_factor(i: u32, tap: u32) -> f32 {
  if i == 0u || i == 3u {
    return select(0.0, 1.0, tap == select(0u, 2u, i == 3u));
  }
  return select(0.5, -0.5, i == 2u && tap == 1u);
}

fn input_first(i: u32) -> u32 {
  return select(i, 1u, i == 3u);
}

fn input_second(i: u32) -> u32 {
  return select(select(2u, 1u, i == 2u), 3u, i == 3u);
}

fn input_second_factor(i: u32) -> f32 {
  return select(-1.0, 1.0, i == 1u);
}
