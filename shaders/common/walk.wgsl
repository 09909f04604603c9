// Output pixels one after another: division is slow on a software driver.
// include common/conv2d.wgsl

// Image, and first row and column of the input, padding not counted, that an output pixel reads.
struct Pixel { n: u32, y: u32, x: u32 }

fn pixel(c: Params, p: u32) -> Pixel {
  return Pixel(p / (c.ow * c.oh), p / c.ow % c.oh * c.stride_h, p % c.ow * c.stride_w);
}

fn next(c: Params, p: Pixel) -> Pixel {
  let x = p.x + c.stride_w;
  let row_ends = x == c.ow * c.stride_w;
  let y = select(p.y, p.y + c.stride_h, row_ends);
  let image_ends = y == c.oh * c.stride_h;
  return Pixel(select(p.n, p.n + 1u, image_ends), select(y, 0u, image_ends), select(x, 0u, row_ends));
}
