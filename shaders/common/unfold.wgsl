// Constants of a convolution as a product of two matrices: `columns`, [n oh ow, groups, rows], hold for each output pixel what it reads
// of x, [n, h, w, groups, c_in], for `rows` rows (ky, kx, ci) of the weights of a group, from the one that is number `first` on.
struct Params {
  n: u32, h: u32, w: u32, c_in: u32,
  oh: u32, ow: u32,
  kh: u32, kw: u32,
  stride_h: u32, stride_w: u32,
  pad_h: u32, pad_w: u32,
  groups: u32,
  first: u32, rows: u32,
}
