// The pixels of the input, whose gradients are wanted: what a tap reads for one of dy, a texture, and how its gradient goes to dx. Four
// channels at a time.
// include common/texels.wgsl
// include common/conv2d.wgsl
struct Pixel { n: u32, y: u32, x: u32 }

// Padded coordinates of input pixel p; beyond the last pixel, some that no output reads.
fn padded(p: u32) -> Pixel {
  let n = p / (params.w * params.h);
  let row = p / params.w % params.h + params.pad_h;
  return Pixel(n, select(row, 0x40000000u, n >= params.n), p % params.w + params.pad_w);
}

// Channels c .. c + 3 of the output gradient that tap (ky, kx) reaches from a pixel; zeros where there is none.
fn load(p: Pixel, ky: u32, kx: u32, c: u32) -> vec4<f32> {
  let oy = (p.y - ky) / params.stride_h;
  let ox = (p.x - kx) / params.stride_w;
  let inside = oy < params.oh && ox < params.ow && oy * params.stride_h == p.y - ky && ox * params.stride_w == p.x - kx;
  let at = ((p.n * params.oh + oy) * params.ow + ox) * params.c_out + c;
  return select(vec4<f32>(0.0), textureLoad(dy, texel(select(0u, at / 4u, inside))), inside);
}

fn put(pixel: u32, column: u32, value: vec4<f32>) {
  if pixel < params.n * params.h * params.w && column < params.c_in / 4u {
    dx[pixel * (params.c_in / 4u) + column] = value;
  }
}
