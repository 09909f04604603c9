// The gradient of 3 x 3 filters by the transpose of Winograd's F(2x4, 3x3) (common/winograd.wgsl): that says y = A^T [(G g H^T) *
// (B^T d C)] D / 15, hence dg = G^T [ sum over tiles of (A dy D^T) * (B^T d C) ] H / 15: the same transform of the input, and 24
// products in the place of 72 for the eight outputs of a tile. A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural
// Networks, 2015, section 4.1 has the like with F(3, 2).
//
// v: [ceil(tiles / 32), 24, c_in / 4, 32, 4] as there; e: [ceil(tiles / 32), 24, c_out / 4, 32, 4] likewise from dy;
// sums: [splits, 24, c_in, c_out].

// Of the convolution: y [n, oh, ow, c_out] from c_in channels; `splits` runs of its pixels have sums of their own.
struct Params { n: u32, oh: u32, ow: u32, c_in: u32, c_out: u32, splits: u32 }

// The tile with which a split begins: it begins with two rows or with an image.
fn first_tile(c: Params, split: u32) -> u32 {
  let pixels = c.n * c.oh * c.ow;
  let run = (pixels + c.splits - 1u) / c.splits;
  let pixel = min(split * run, pixels);
  return (pixel / (c.oh * c.ow) * ((c.oh + 1u) / 2u) + pixel / c.ow % c.oh / 2u) * ((c.ow + 3u) / 4u);
}
