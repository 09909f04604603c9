// The filters in f32, one weight of a tap at a time.
fn filter_of(ky: u32, kx: u32, k: u32, column: u32) -> f32 {
  let row = ((2u - ky) * 3u + 2u - kx) * params.c_out + column % params.c_out;
  let flipped = (row * params.groups + column / params.c_out) * params.c_in + k;
  let straight = ((ky * 3u + kx) * params.c_in + k) * params.groups * params.c_out + column;
  return w[select(straight, flipped, params.flip != 0u)];
}
