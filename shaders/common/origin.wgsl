// The windows of a convolution: where in the input each output pixel begins to read.
// include common/conv2d.wgsl
struct Pixel { n: u32, y: u32, x: u32 }

// First row and column that output pixel p reads; beyond the last pixel, one that reads nothing.
fn origin(c: Params, p: u32) -> Pixel {
  let n = p / (c.ow * c.oh);
  let row = p / c.ow % c.oh * c.stride_h - c.pad_h;
  return Pixel(n, select(row, 0x40000000u, n >= c.n), p % c.ow * c.stride_w - c.pad_w);
}
