// Winograd's F(2x4, 3x3): y = A^T [ sum over c of (G g H^T) * (B^T d C) ] D for 2 rows x 4 columns of outputs ("a tile")
// from a patch d of 4 x 6 pixels of the input and a 3 x 3 filter g: 24 products instead of 72. A. Lavin, S. Gray, Fast
// Algorithms for Convolutional Neural Networks, 2015, section 4. Along y, F(2, 3) at the points 0, 1, -1 and infinity:
//
//        [1  0 -1  0]        [ 1    0    0 ]
//  B^T = [0  1  1  0]    G = [1/2  1/2  1/2]    A^T = [1  1  1  0]
//        [0 -1  1  0]        [1/2 -1/2  1/2]          [0  1 -1 -1]
//        [0  1  0 -1]        [ 0    0    1 ]
//
// Along x, F(4, 3) at the points 0, 1, -1, 1/2, -2 and infinity, which round less than 0, 1, -1, 2, -2 (B. Barabasz et
// al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks, 2020):
//
//        [1 -3/2  -2   3/2  1  0]        [15  0  0]          [1  1  1   1   1  0]
//        [0  -1   1/2  5/2  1  0]        [ 5  5  5]    D^T = [0  1 -1  1/2 -2  0]
//  C^T = [0   1  -5/2  1/2  1  0]    H = [-5  5 -5]          [0  1  1  1/4  4  0]
//        [0  -2   -1    2   1  0]        [-16 -8 -4]         [0  1 -1  1/8 -8  1]
//        [0  1/2  -1  -1/2  1  0]        [ 1 -2  4]
//        [0   1  -3/2  -2  3/2 1]        [ 0  0 15]
//
// H is 15 times what it should be, so that all factors are exact in binary and sums of small integers stay exact: the
// output is divided by 15, which is exact for its multiples.
//
// Transformed arrays are cut for a multiplication in tiles of 32 x 32, four channels of a row side by side:
// v: [ceil(tiles / 32), 24, groups c_in / 4, 32, 4], from the input; tiles are counted image by image, row by row;
// u: [ceil(groups c_out / 32), 24, c_in / 4, 32, 4], from the weights. What lies beyond the last tile or column is zero. Where there
// are several groups, c_out is a multiple of 32: no block of columns is part of two.
// Of the 24 places the column counts fastest.

// Of the convolution that is computed, in groups: x [n, h, w, groups, c_in], y [n, oh, ow, groups, c_out], stride 1, pads above and
// to the left. `flip`: the weights, [3, 3, c_out, groups, c_in] then, are turned by 180 degrees: the gradient with respect to an input.
struct Params {
  n: u32, h: u32, w: u32, c_in: u32,
  oh: u32, ow: u32, c_out: u32,
  pad_h: u32, pad_w: u32,
  flip: u32,
  groups: u32,
}

// Image, and row and column of a tile within it, in units of tiles.
struct Place { n: u32, y: u32, x: u32 }

fn place(c: Params, tile: u32) -> Place {
  let rows = (c.oh + 1u) / 2u;
  let columns = (c.ow + 3u) / 4u;
  return Place(tile / (rows * columns), tile / columns % rows, tile % columns);
}

fn tiles(c: Params) -> u32 {
  return c.n * ((c.oh + 1u) / 2u) * ((c.ow + 3u) / 4u);
}

// Row i of A and of D, columns being outputs.
fn output_rows(i: u32) -> vec2<f32> {
  let upper = select(1.0, 0.0, i == 3u);
  let lower = select(select(-1.0, 1.0, i == 1u), 0.0, i == 0u);
  return vec2<f32>(upper, lower);
}

fn output_columns(j: u32) -> vec4<f32> {
  switch j {
    case 0u: { return vec4<f32>(1.0, 0.0, 0.0, 0.0); }
    case 1u: { return vec4<f32>(1.0, 1.0, 1.0, 1.0); }
    case 2u: { return vec4<f32>(1.0, -1.0, 1.0, -1.0); }
    case 3u: { return vec4<f32>(1.0, 0.5, 0.25, 0.125); }
    case 4u: { return vec4<f32>(1.0, -2.0, 4.0, -8.0); }
    default: { return vec4<f32>(0.0, 0.0, 0.0, 1.0); }
  }
}
