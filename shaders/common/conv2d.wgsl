// Constants of a 2-D convolution in groups, each of c_in input and c_out output channels: x: [n, h, w, groups, c_in],
// w: [kh, kw, c_in, groups, c_out], y: [n, oh, ow, groups, c_out].
// Output (oy, ox) reads input row oy * stride_h + ky - pad_h; rows outside the image count as zero. Padding below and
// to the right follows from oh and ow.
struct Params {
  n: u32, h: u32, w: u32, c_in: u32,
  oh: u32, ow: u32, c_out: u32,
  kh: u32, kw: u32,
  stride_h: u32, stride_w: u32,
  pad_h: u32, pad_w: u32,
  groups: u32,
  splits: u32,
}
